import { concreteShape, sizeOf } from "../../graph/shape";
import type { Tensor } from "../../graph/tensor";
import { Parameter } from "../../nn/parameter";
import { type TensorValue, formatElement, formatNumber, formatTensor, statisticsOf } from "../expressions";
import { readSelection, select, wholeOf } from "../expressions/indexing";
import { type Scene, currentOf, isDone } from "../episode";
import type { TensorStatistics } from "../requests";
import { arrivalOf, isPastForward, notYet } from "./arrivals";
import { type Inside, type Item, textItem } from "./items";
import { operationName } from "./labels";

/** The value of a node, computed when its numbers are asked for. */
export function nodeValue(scene: Scene, node: Tensor): TensorValue {
  return {
    kind: "tensor",
    shape: concreteShape(node.knownShape),
    dtype: node.dtype,
    get array() {
      return scene.episode.values.of(currentOf(scene, node));
    },
    node,
  };
}

export interface TensorLine {
  readonly evaluateName?: string | null;
  /** Behind the value: `next`, `1 of 2 contributions so far`. */
  readonly note?: string;
  readonly type?: string;
  /** Further children, behind shape and figures. */
  readonly more?: readonly Item[];
  readonly settable?: boolean;
  /** Shows the value although the program has not come to it: what the operation at hand is about to give. */
  readonly ahead?: boolean;
  readonly virtual?: boolean;
}

/** A node of the program as a line of Variables: its value, or why it has none yet. */
export function tensorItem(scene: Scene, name: string, node: Tensor, line: TensorLine = {}): Item {
  const { evaluateName = null, note, settable = isSettable(node), ahead = false } = line;
  const isThere = ahead || isDone(scene, node);
  const type = line.type ?? typeOfNode(node);
  if (!isThere) return textItem(name, () => notYet(node), { type, node });
  const value = nodeValue(scene, node);
  return {
    ...arrayItem(name, value, {
      evaluateName,
      type,
      note,
      virtual: line.virtual,
      path: [],
      settable,
      more: () => [...gradientItems(scene, node, evaluateName), ...(line.more ?? []), ...madeBy(scene, node)],
    }),
    node,
  };
}

/** `parameter`, `gradient`, `tensor`. */
export function typeOfNode(node: Tensor): string {
  if (node instanceof Parameter) return node.trainable ? "parameter" : "state";
  return node.phase === "backward" ? "gradient" : "tensor";
}

/** Parameters, the batch and what is computed forwards; gradients and updates follow from those. */
export function isSettable(node: Tensor): boolean {
  return node.phase === "forward" && node.op !== "constant" && node.op !== "randomKey" && node.op !== "size";
}

interface ArrayLine {
  readonly evaluateName?: string | null;
  readonly type?: string;
  readonly note?: string;
  readonly virtual?: boolean;
  /** Which part of its node it is. */
  readonly path?: readonly number[];
  readonly settable?: boolean;
  readonly more?: () => readonly Item[];
}

/** Numbers as a line of Variables, with rows that are lines of their own. */
export function arrayItem(name: string, value: TensorValue, line: ArrayLine = {}): Item {
  const { evaluateName = null, type = "tensor", note, virtual, path = [], settable = false, more } = line;
  return {
    name,
    type,
    value: (format) => `${formatTensor(value.array, format)}${note ? ` · ${note}` : ""}`,
    inside: () => {
      const scalar = value.shape.length === 0;
      const children = more?.() ?? [];
      return scalar && children.length === 0 ? undefined : insideTensor(value, { ...line, path, settable }, children);
    },
    evaluateName,
    part: settable && value.node ? { node: value.node, path } : undefined,
    virtual,
  };
}

function insideTensor(value: TensorValue, line: ArrayLine, children: readonly Item[]): Inside {
  const { evaluateName = null, path = [] } = line;
  const of = (property: string): string | null => (evaluateName === null ? null : `${evaluateName}.${property}`);
  const shape = textItem("shape", `[${value.shape.join(", ")}]`, { virtual: true, evaluateName: of("shape") });
  const dtype = textItem("dtype", value.dtype, { virtual: true, evaluateName: of("dtype") });
  const size = sizeOf(value.shape);
  const figures = size > 1 && value.dtype !== "bool" ? figureItems(value, of) : [];
  return {
    named: [shape, dtype, ...figures, ...children],
    indexed: value.shape[0] ?? 0,
    at: (index) => elementItem(value, index, { ...line, path: [...path, index] }),
  };
}

function elementItem(value: TensorValue, index: number, line: ArrayLine): Item {
  const { evaluateName, path = [], settable, type } = line;
  const own = evaluateName ? `${evaluateName}[${index}]` : null;
  const name = `[${index}]`;
  const part = settable && value.node ? { node: value.node, path } : undefined;
  if (value.shape.length === 1) {
    return {
      name,
      type: value.dtype === "bool" ? "boolean" : "number",
      value: (format) => formatElement(value.array.data[index], value.dtype, format),
      evaluateName: own,
      part,
    };
  }
  const row: TensorValue = {
    kind: "tensor",
    shape: value.shape.slice(1),
    dtype: value.dtype,
    get array() {
      return readSelection(value.array, select(wholeOf(value.shape), [{ kind: "at", at: index }], name));
    },
    node: value.node,
  };
  return arrayItem(name, row, { evaluateName: own, path, settable, type });
}

/** The figures of a tensor, all from one pass over it, which is made when the first one is looked at. */
function figureItems(value: TensorValue, of: (property: string) => string | null): Item[] {
  let known: TensorStatistics | undefined;
  const statistics = (): TensorStatistics => (known ??= statisticsOf(value.array));
  /** An expression of numbers among which are NaN and infinities gives one of those. */
  const expression = (method: string) => (): string | null => (statistics().notFinite === 0 ? of(method) : null);
  const figure = (name: string, key: "least" | "most" | "mean" | "deviation" | "norm", method?: string): Item => ({
    name,
    type: "number",
    value: (format) => formatNumber(statistics()[key], format),
    evaluateName: method === undefined ? null : expression(method),
    virtual: true,
  });
  const share = (name: string, key: "zeros" | "notFinite"): Item => ({
    name,
    type: "number",
    value: () => `${statistics()[key]} of ${statistics().size}`,
    virtual: true,
  });
  return [
    figure("min", "least", "min()"),
    figure("max", "most", "max()"),
    figure("mean", "mean", "mean()"),
    figure("std", "deviation"),
    figure("norm", "norm", "norm()"),
    share("zeros", "zeros"),
    share("NaN or infinite", "notFinite"),
  ];
}

/** `grad`: ∂cost/∂ of a tensor as far as it has arrived, or why it has not. */
export function gradientItem(scene: Scene, node: Tensor, name: string, evaluateName: string | null): Item {
  const why = (): string => {
    const arrival = arrivalOf(scene, node);
    return "because" in arrival ? arrival.because : "";
  };
  // To say why none comes takes a walk over the graph, which waits until somebody looks.
  if (!scene.episode.graph.adjoints.get(node)?.gradient) return textItem(name, why, { type: "gradient" });
  const arrival = arrivalOf(scene, node);
  if (!("gradient" in arrival)) return textItem(name, why, { type: "gradient" });
  const note = arrival.state === "partial" ? soFar(arrival.count, arrival.of) : undefined;
  return {
    ...arrayItem(name, nodeValue(scene, arrival.gradient), { type: "gradient", evaluateName, note }),
    node: arrival.gradient,
  };
}

/** How much of a gradient that comes in several parts has arrived. */
export function soFar(count: number, of: number): string {
  return `${count} of ${of} contributions so far`;
}

function gradientItems(scene: Scene, node: Tensor, evaluateName: string | null): Item[] {
  const { graph } = scene.episode;
  if (!graph.pass || node.phase !== "forward" || node.dtype !== "float32") return [];
  // Before the way back nobody expects a gradient where none will come.
  if (!graph.adjoints.get(node)?.gradient && !isPastForward(scene)) return [];
  return [gradientItem(scene, node, "grad", evaluateName === null ? null : `${evaluateName}.grad`)];
}

function madeBy(scene: Scene, node: Tensor): Item[] {
  if (node.op === "input") return [];
  const { site } = node;
  const put = scene.episode.values.changed.has(node);
  const made = node.op === "parameter" ? "the model" : operationName(node);
  const text = put
    ? `set by hand${site ? ` (line ${site.line} made it)` : ""}`
    : `${made}${site ? `, line ${site.line}` : ""}`;
  return [textItem("made by", text, { node, virtual: true })];
}

export function numberItem(name: string, value: number, more: Partial<Item> = {}): Item {
  return { name, type: "number", value: (format) => formatNumber(value, format), ...more };
}
