import type { NdArray } from "../graph/array";
import { rowMajorStrides } from "../graph/shape";
import type { Tensor } from "../graph/tensor";
import { elementwiseOperations } from "../ops";
import { broadcastStrides } from "../ops/broadcasting";
import type { PlaceAttributes, SliceAttributes } from "../ops/movement";
import type { ReduceAttributes } from "../ops/reduce";
import { eachWindowOperand, isWindowed } from "./elements-windows";

/** Told of one element of one input, by its place in row-major order; true ends the visit. */
export type VisitOperand = (input: number, flat: number) => boolean | void;

/**
 * Visits the elements of an operation's inputs that one element of its result is made of: of a sum of products each product's factors one
 * after the other. Of operations that are not known all elements. Of a choice only what was chosen.
 *
 * @returns whether the visitor ended it
 */
export function eachOperand(
  node: Tensor,
  shape: readonly number[],
  flat: number,
  inputs: readonly NdArray[],
  visit: VisitOperand,
): boolean {
  if (isWindowed(node.op)) return eachWindowOperand(node, shape, flat, inputs, visit);
  const rule = RULES[node.op] ?? (elementwiseOperations().has(node.op) ? elementwise : everything);
  return rule({ node, shape, flat, inputs, visit });
}

/** Place of an element in row-major order → its index along each axis. */
export function indexOfFlat(flat: number, shape: readonly number[]): number[] {
  const strides = rowMajorStrides(shape);
  return shape.map((size, axis) => Math.floor(flat / strides[axis]) % size);
}

export function flatOfIndex(index: readonly number[], shape: readonly number[]): number {
  return rowMajorStrides(shape).reduce((at, stride, axis) => at + stride * index[axis], 0);
}

interface Asked {
  readonly node: Tensor;
  readonly shape: readonly number[];
  readonly flat: number;
  readonly inputs: readonly NdArray[];
  readonly visit: VisitOperand;
}

type Rule = (asked: Asked) => boolean;

const nothing: Rule = () => false;
const same: Rule = ({ flat, visit }) => visit(0, flat) === true;

const everything: Rule = ({ inputs, visit }) =>
  inputs.some(({ data }, input) => {
    for (let at = 0; at < data.length; at++) if (visit(input, at) === true) return true;
    return false;
  });

const elementwise: Rule = ({ shape, flat, inputs, visit }) => {
  const position = indexOfFlat(flat, shape);
  return inputs.some((input, i) => visit(i, dot(position, broadcastStrides(input.shape, shape))) === true);
};

const choice: Rule = ({ shape, flat, inputs, visit }) => {
  const position = indexOfFlat(flat, shape);
  const places = inputs.map((input) => dot(position, broadcastStrides(input.shape, shape)));
  const chosen = inputs[0].data[places[0]] !== 0 ? 1 : 2;
  return visit(chosen, places[chosen]) === true;
};

/** The elements that a reduction combines. */
const reduced: Rule = ({ node, shape, flat, inputs: [x], visit }) => {
  const axes =
    "axes" in node.attributes
      ? (node.attributes as unknown as ReduceAttributes).axes
      : [(node.attributes as { readonly axis: number }).axis];
  const strides = rowMajorStrides(x.shape);
  const position = indexOfFlat(flat, shape);
  let base = 0;
  let kept = 0;
  x.shape.forEach((_, axis) => {
    if (!axes.includes(axis)) base += position[kept++] * strides[axis];
  });
  if (axes.length === 0) return visit(0, base) === true;
  const last = axes.length - 1;
  const walk = (level: number, at: number): boolean => {
    const size = x.shape[axes[level]];
    const stride = strides[axes[level]];
    if (level < last) {
      for (let i = 0; i < size; i++) if (walk(level + 1, at + i * stride)) return true;
    } else for (let i = 0; i < size; i++) if (visit(0, at + i * stride) === true) return true;
    return false;
  };
  return walk(0, base);
};

const RULES: Readonly<Partial<Record<string, Rule>>> = {
  parameter: nothing,
  input: nothing,
  constant: nothing,
  size: nothing,
  randomKey: nothing,
  iota: nothing,
  random: nothing,
  permutation: nothing,

  where: choice,
  identity: same,
  reshape: same,
  // Its other inputs are where its gradient goes.
  withGradient: same,
  sum: reduced,
  product: reduced,
  maximumOf: reduced,
  minimumOf: reduced,
  argmax: reduced,
  argmin: reduced,

  cumsum: ({ node, shape, flat, visit }) => {
    const { axis, reverse } = node.attributes as { readonly axis: number; readonly reverse: boolean };
    const stride = rowMajorStrides(shape)[axis];
    const at = Math.floor(flat / stride) % shape[axis];
    for (let i = reverse ? at : 0; i <= (reverse ? shape[axis] - 1 : at); i++)
      if (visit(0, flat + (i - at) * stride) === true) return true;
    return false;
  },
  expand: elementwise,
  permute: ({ node, shape, flat, inputs: [x], visit }) => {
    const { order } = node.attributes as { readonly order: readonly number[] };
    const strides = rowMajorStrides(x.shape);
    const position = indexOfFlat(flat, shape);
    return (
      visit(
        0,
        dot(
          position,
          order.map((axis) => strides[axis]),
        ),
      ) === true
    );
  },
  slice: ({ node, shape, flat, inputs: [x], visit }) => {
    const { start, step } = node.attributes as unknown as SliceAttributes;
    const strides = rowMajorStrides(x.shape);
    const position = indexOfFlat(flat, shape).map((at, axis) => Number(start[axis]) + at * step[axis]);
    return visit(0, dot(position, strides)) === true;
  },
  place: ({ node, shape, flat, inputs: [x], visit }) => {
    const { start, step } = node.attributes as unknown as PlaceAttributes;
    const position = indexOfFlat(flat, shape).map((at, axis) => (at - Number(start[axis])) / step[axis]);
    const inside = position.every((at, axis) => Number.isInteger(at) && at >= 0 && at < x.shape[axis]);
    return inside && visit(0, flatOfIndex(position, x.shape)) === true;
  },
  concat: ({ node, shape, flat, inputs, visit }) => {
    const { axis } = node.attributes as { readonly axis: number };
    const position = indexOfFlat(flat, shape);
    for (const [i, input] of inputs.entries()) {
      if (position[axis] < input.shape[axis]) return visit(i, flatOfIndex(position, input.shape)) === true;
      position[axis] -= input.shape[axis];
    }
    return false;
  },
  take: ({ node, flat, inputs: [x, indices], visit }) => {
    const { length, inner, count } = alongAxis(node, x, indices);
    const i = flat % inner;
    const j = Math.floor(flat / inner) % count;
    const o = Math.floor(flat / inner / count);
    return visit(0, (o * length + indices.data[j]) * inner + i) === true;
  },
  putAdd: ({ node, shape, flat, inputs: [indices], visit }) => {
    const { length, inner, count } = alongAxis(node, { shape }, indices);
    const i = flat % inner;
    const row = Math.floor(flat / inner) % length;
    const o = Math.floor(flat / inner / length);
    for (let j = 0; j < count; j++)
      if (indices.data[j] === row && visit(1, (o * count + j) * inner + i) === true) return true;
    return false;
  },
  matmul: ({ shape, flat, inputs: [a, b], visit }) => {
    const position = indexOfFlat(flat, shape);
    const lead = shape.slice(0, -2);
    const [row, column] = position.slice(-2);
    const inner = a.shape[a.shape.length - 1];
    const rows = a.shape[a.shape.length - 2];
    const columns = b.shape[b.shape.length - 1];
    const first = (dot(position, broadcastStrides(a.shape.slice(0, -2), lead)) * rows + row) * inner;
    const second = dot(position, broadcastStrides(b.shape.slice(0, -2), lead)) * inner * columns + column;
    for (let p = 0; p < inner; p++)
      if (visit(0, first + p) === true || visit(1, second + p * columns) === true) return true;
    return false;
  },
};

function alongAxis(
  { attributes }: Tensor,
  { shape }: Pick<NdArray, "shape">,
  indices: NdArray,
): { length: number; inner: number; count: number } {
  const { axis } = attributes as { readonly axis: number };
  let inner = 1;
  for (const size of shape.slice(axis + 1)) inner *= size;
  return { length: shape[axis], inner, count: indices.data.length };
}

/** Σ position·stride over the axes of the strides. */
function dot(position: readonly number[], strides: readonly number[]): number {
  let at = 0;
  for (let axis = 0; axis < strides.length; axis++) at += position[axis] * strides[axis];
  return at;
}
