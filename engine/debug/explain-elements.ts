import { type NdArray, isFiniteFloat } from "../graph/array";
import type { Site } from "../graph/site";
import { type Tensor, writtenAt } from "../graph/tensor";
import { eachOperand, indexOfFlat } from "./elements";
import { formatNumber } from "./expressions/format";
import { operationName } from "./variables/labels";

/** One element of one node's value, as explanations go from one to the next. */
export interface Seen {
  readonly node: Tensor;
  readonly shape: readonly number[];
  /** In row-major order. */
  readonly flat: number;
  readonly value: number;
}

/** What an element was made of: the first few, and figures of all. */
export interface Operands {
  readonly few: readonly Operand[];
  readonly count: number;
  /** In absolute value. */
  readonly greatest: Operand | undefined;
  readonly infinite: Operand | undefined;
  readonly nan: Operand | undefined;
}

export interface Operand extends Seen {
  /** Which of the operation's inputs. */
  readonly input: number;
}

/** How explanations come to values and names. */
export interface Evaluated {
  of(node: Tensor): NdArray;
  /** `h`, `∂loss/∂h`, `relu(…)` */
  label(node: Tensor): string;
  /** What a leaf is that the iteration is given. */
  given(node: Tensor): Given;
}

/** `data`: of the batch; `rate`: the learning rate; `count`: of updates; `state`: the optimiser's, at `start` before its first update. */
export interface Given {
  readonly kind: "data" | "rate" | "count" | "state";
  readonly start?: boolean;
  /** Where the optimiser is made. */
  readonly site?: Site | undefined;
  /** Whether the user has put it there at a stop. */
  readonly byHand: boolean;
}

/** As many elements as a step shows of what it was made of. */
const FEW = 4;

export function look(values: Evaluated, node: Tensor, flat: number): Seen {
  const { shape, data } = values.of(node);
  return { node, shape, flat, value: data[flat] };
}

export function operandsOf(values: Evaluated, { node, shape, flat }: Seen): Operands {
  const inputs = valuesOfInputs(values, node);
  const few: Operand[] = [];
  let count = 0;
  let [greatest, greatestInput, greatestAt] = [-1, 0, 0];
  const found: { infinite?: Operand; nan?: Operand } = {};
  eachOperand(node, shape, flat, inputs, (input, at) => {
    const value = inputs[input].data[at];
    count++;
    if (count <= FEW) few.push(operand(node, inputs, input, at));
    const size = Math.abs(value);
    if (size > greatest) [greatest, greatestInput, greatestAt] = [size, input, at];
    if (isFiniteFloat(value)) return;
    if (Number.isNaN(value)) found.nan ??= operand(node, inputs, input, at);
    else found.infinite ??= operand(node, inputs, input, at);
  });
  const most = greatest < 0 ? undefined : operand(node, inputs, greatestInput, greatestAt);
  return { few, count, greatest: most, infinite: found.infinite, nan: found.nan };
}

/** A composite with a gradient of its own passes on its first input; its others need not be known. */
export function valuesOfInputs(values: Evaluated, { op, inputs }: Tensor): NdArray[] {
  return (op === "withGradient" ? inputs.slice(0, 1) : inputs).map((input) => values.of(input));
}

export function operand({ inputs: nodes }: Tensor, inputs: readonly NdArray[], input: number, flat: number): Operand {
  return { node: nodes[input], shape: inputs[input].shape, flat, value: inputs[input].data[flat], input };
}

/** `h[3, 17]`; of a scalar its name alone. */
export function nameAt(values: Evaluated, { node, flat, shape }: Seen): string {
  return `${values.label(node)}${shape.length === 0 ? "" : `[${indexOfFlat(flat, shape).join(", ")}]`}`;
}

export function figure(value: number): string {
  return formatNumber(value);
}

/** Where the user wrote what made a node: of a gradient the operation that it goes back through. */
export function siteOf(node: Tensor): Site | undefined {
  const written = writtenAt(node);
  if (written) return written;
  return (node.phase === "backward" ? (node.via ?? node) : (node.phase === "update" && node.of) || node).site;
}

/** ` (line 11)`, with the file's name where it is another than the one that is spoken of. */
export function placeText(node: Tensor, file: string | undefined): string {
  return lineText(siteOf(node), file);
}

export function lineText(site: Site | undefined, file: string | undefined): string {
  if (!site) return "";
  return site.file === file
    ? ` (line ${site.line})`
    : ` (${site.file.split(/[\\/]/).at(-1) ?? site.file}:${site.line})`;
}

/** The operation, of a node of the backward pass with what it belongs to: `divide in the gradient of sqrt`. */
export function operationText(node: Tensor): string {
  const { phase, via } = node;
  const own = operationName(node);
  if (phase === "update") return `${own} in the update`;
  if (phase !== "backward" || !via) return own;
  return `${own} in the gradient of ${operationName(via)}`;
}

/** Behind what only moves elements: the operation, or the leaf, that gave a number. */
export function producerOf(values: Evaluated, from: Seen): Seen {
  let seen = from;
  while (MOVING.has(seen.node.op)) {
    const inputs = valuesOfInputs(values, seen.node);
    let next: Operand | undefined;
    eachOperand(seen.node, seen.shape, seen.flat, inputs, (input, at) => {
      next = operand(seen.node, inputs, input, at);
      return true;
    });
    if (!next) return seen;
    seen = next;
  }
  return seen;
}

export const MOVING: ReadonlySet<string> = new Set([
  "reshape",
  "identity",
  "expand",
  "permute",
  "slice",
  "place",
  "concat",
  "take",
  "withGradient",
  "stopGradient",
]);

export const LEAVES: ReadonlySet<string> = new Set(["parameter", "input", "constant", "size", "randomKey"]);
