import {
  type BinaryFunction,
  type Expression,
  type UnaryFunction,
  binary,
  input,
  substitute,
} from "../kernel/expression";
import { type Epilogue, type MatmulKernel, type View, productShape } from "../kernel/kernel";
import { type Node, shareAll } from "../kernel/nodes";
import { elementwiseOf } from "./in-place";
import type { Instruction, Slot } from "./instruction";
import { isWhole, reshapedView } from "./layout";
import { usesIndex } from "./weight";

/** What a product reads beside its factors, at most. */
const MOST_INPUTS = 4;
/** Operations and operands of all results: what is done while the product is in registers, and takes them from it. */
const MOST_NODES = 12;
/** Steps of a product beside which it does not count that several results are written at a time, far apart. */
const MANY_STEPS = 64;

/**
 * Lets each product of those that are only summed add what was summed before it: none has to wait in memory for the last one.
 * @param instructions each slot is written once
 * @param kept slots that are read after the last instruction
 */
export function chainSums(
  instructions: readonly Instruction[],
  slots: readonly Slot[],
  kept: ReadonlySet<number>,
): Instruction[] {
  const readers = readersOf(instructions);
  const products = new Map<number, number>();
  const chained = [...instructions];
  instructions.forEach((instruction, place) => {
    if (isProduct(instruction)) products.set(instruction.outputs[0], place);
    const { kernel, inputs } = instruction;
    if (kernel.kind !== "map" || !isSum(kernel.body, inputs.length)) return;
    if (!kernel.views.every((view) => isWhole(view, kernel.shape))) return;
    const isFree = (slot: number): boolean => !kept.has(slot) && readers.get(slot)?.length === 1;
    const summed = inputs.filter((slot) => products.has(slot) && isFree(slot) && slots[slot].type === "float32");
    const places = summed.map((slot) => products.get(slot) as number).sort((a, b) => a - b);
    // The last one is left to take the rest over.
    for (let i = 1; i + 1 < places.length; i++) {
      const product = chained[places[i]];
      const { kernel: multiply, inputs: factors, outputs } = product;
      if (multiply.kind !== "matmul") return;
      const { m, n } = multiply;
      const epilogue: Epilogue = {
        views: [{ strides: [m * n, n, 1], offset: 0 }],
        results: [{ body: binary("add", input(0), input(1)), combine: undefined }],
      };
      const before = chained[places[i - 1]].outputs[0];
      chained[places[i]] = { ...product, kernel: { ...multiply, epilogue }, inputs: [...factors, before], outputs };
    }
    if (places.length < 3) return;
    const gone = new Set(places.slice(0, -2).map((at) => chained[at].outputs[0]));
    const left = inputs.filter((slot) => !gone.has(slot));
    const views = left.map((slot) => kernel.views[inputs.indexOf(slot)]);
    const body = left.map((_, i) => input(i)).reduce((sum, each) => binary("add", sum, each));
    chained[place] = { ...instruction, kernel: { ...kernel, views, body }, inputs: left };
  });
  return chained;
}

/** Whether an expression is the sum of all inputs, each once. */
function isSum(body: Expression, inputs: number): boolean {
  const found: number[] = [];
  const visit = (e: Expression): boolean => {
    if (e.kind === "input") return found.push(e.index) > 0;
    return e.kind === "binary" && e.fn === "add" && found.length <= inputs && visit(e.a) && visit(e.b);
  };
  return visit(body) && found.length === inputs && new Set(found).size === inputs;
}

function readersOf(instructions: readonly Instruction[]): Map<number, Instruction[]> {
  const readers = new Map<number, Instruction[]>();
  for (const instruction of instructions)
    for (const slot of instruction.inputs) {
      const list = readers.get(slot);
      if (list) list.push(instruction);
      else readers.set(slot, [instruction]);
    }
  return readers;
}

/**
 * Lets matrix products do what is done with each of their elements afterwards: add a bias or another value, apply a light activation
 * or its gradient. What reads a product first takes it over; the product itself is one more result if others read it too.
 *
 * Measured on WebAssembly: half of what a map takes is saved or more. Statistics gain nothing by it, nor do convolutions and functions
 * such as tanh: these stay apart.
 * @param instructions each slot is written once
 * @param kept slots that are read after the last instruction
 */
export function fuseEpilogues(
  instructions: readonly Instruction[],
  slots: readonly Slot[],
  kept: ReadonlySet<number>,
): Instruction[] {
  const readers = readersOf(instructions);
  const fused: (Instruction | undefined)[] = [...instructions];
  /** Where each slot is written. */
  const places = new Map<number, number>();
  instructions.forEach((instruction, at) => {
    for (const slot of instruction.outputs) places.set(slot, at);
    const candidates = [...new Set(instruction.inputs)].flatMap((slot) => {
      const place = places.get(slot);
      const product = place === undefined ? undefined : fused[place];
      return place !== undefined && product && isProduct(product) ? [{ slot, place, product }] : [];
    });
    // The last one of several: what was there before can be read where it stands.
    for (const { slot, place, product } of candidates.sort((a, b) => b.place - a.place)) {
      const [first, ...others] = readers.get(slot) ?? [];
      if (first !== instruction) continue;
      const made = withEpilogue(product, instruction, slots, kept.has(slot) || others.length > 0);
      if (!made) continue;
      // As soon as what it reads is there, so that this need not be kept for it.
      const to = made.inputs.every((each) => (places.get(each) ?? -1) < place) ? place : at;
      fused[place] = undefined;
      fused[at] = undefined;
      fused[to] = made;
      for (const each of made.outputs) places.set(each, to);
      break;
    }
  });
  return fused.filter((instruction) => instruction !== undefined);
}

/** Whether it is done in tiles: of one or two rows or columns there are none. */
function isProduct({ kernel }: Instruction): boolean {
  return kernel.kind === "matmul" && Math.min(kernel.m, kernel.n) > 2;
}

/** @param isNeeded whether the product itself is read afterwards */
function withEpilogue(
  product: Instruction,
  reader: Instruction,
  slots: readonly Slot[],
  isNeeded: boolean,
): Instruction | undefined {
  const elementwise = elementwiseOf(reader);
  const [slot] = product.outputs;
  const at = reader.inputs.indexOf(slot);
  const kernel = product.kernel as MatmulKernel;
  if (!elementwise || reader.inputs.lastIndexOf(slot) !== at || kernel.epilogue) return undefined;
  const { shape, views, results } = elementwise;
  const size = shape.reduce((all, dim) => all * dim, 1);
  if (size === 0 || size !== slots[slot].size || !isWhole(views[at], shape)) return undefined;
  const types = [slot, ...product.inputs, ...reader.inputs, ...reader.outputs].map((each) => slots[each].type);
  if (types.includes("int32") || results.some(({ body }) => usesIndex(body))) return undefined;
  const to = productShape(kernel);
  const others = reader.inputs.flatMap((other, i) => {
    const view = i === at ? undefined : reshapedView(views[i], shape, to);
    return view && isEven(view, to) ? [{ slot: other, view, i }] : [];
  });
  if (others.length < reader.inputs.length - 1 || others.length > MOST_INPUTS) return undefined;
  const place = (i: number): number => (i === at ? 0 : 1 + others.findIndex((each) => each.i === i));
  const made = results.map(({ body, combine }) => ({ body: substitute(body, (i) => input(place(i))), combine }));
  if (isNeeded) made.push({ body: input(0), combine: undefined });
  const nodes = shareAll(made.map(({ body }) => body)).nodes;
  const isLight = nodes.length <= MOST_NODES && !nodes.some(isHeavy);
  if (!isLight || made.some(({ combine }) => combine) || (made.length > 1 && kernel.k < MANY_STEPS)) return undefined;
  const epilogue: Epilogue = { views: others.map(({ view }) => view), results: made };
  return {
    kernel: { ...kernel, epilogue },
    inputs: [...product.inputs, ...others.map((each) => each.slot)],
    outputs: [...reader.outputs, ...(isNeeded ? [slot] : [])],
    node: reader.node,
  };
}

/** Whether the elements of a row of a product meet neighbours, or one. */
function isEven({ strides }: View, [, , columns]: readonly number[]): boolean {
  return columns === 1 || strides[2] === 0 || strides[2] === 1;
}

/** Functions that take many instructions. */
const HEAVY: ReadonlySet<string> = new Set<UnaryFunction | BinaryFunction>([
  ...(["exp", "expm1", "log", "log1p", "sin", "cos", "tan", "tanh", "erf", "sqrt"] as const),
  ...(["power", "remainder", "divide"] as const),
]);

function isHeavy(node: Node): boolean {
  return (node.kind === "unary" || node.kind === "binary") && HEAVY.has(node.fn);
}
