import type { NdArray } from "../../graph/array";
import { formatShape, rowMajorStrides, shapesEqual, sizeOf } from "../../graph/shape";
import { ExpressionError } from "./values";

/** Parts of arrays as in NumPy: `W[0]`, `W[-1]`, `W[:, 1:3]`, `W[..., 0]`, `W[[0, 2]]`; for reading and for writing. */

export type Index =
  | { readonly kind: "at"; readonly at: number }
  | {
      readonly kind: "range";
      readonly start: number | null;
      readonly stop: number | null;
      readonly step: number | null;
    }
  | { readonly kind: "list"; readonly list: readonly number[] }
  | { readonly kind: "rest" };

/** A part of an array: for each of its axes the positions that belong to it. */
export interface Selection {
  readonly axes: readonly SelectedAxis[];
}

interface SelectedAxis {
  readonly size: number;
  /** Null for all of them. */
  readonly positions: readonly number[] | null;
  /** A single index takes the axis away. */
  readonly dropped: boolean;
}

/** All of an array. */
export function wholeOf(shape: readonly number[]): Selection {
  return { axes: shape.map((size) => ({ size, positions: null, dropped: false })) };
}

/** A part of a part, as in `W[0][3]`. @param name what is indexed, for errors */
export function select(selection: Selection, indices: readonly Index[], name: string): Selection {
  const kept = selection.axes.flatMap((axis, at) => (axis.dropped ? [] : [at]));
  const shape = selectedShape(selection);
  const parts = spread(indices, shape, name);
  const axes = [...selection.axes];
  parts.forEach((part, i) => {
    const chosen = positionsOf(part, shape[i], i);
    if (chosen === null) return;
    const { positions } = axes[kept[i]];
    axes[kept[i]] = {
      size: chosen.length,
      positions: positions ? chosen.map((at) => positions[at]) : chosen,
      dropped: part.kind === "at",
    };
  });
  return { axes };
}

export function selectedShape(selection: Selection): number[] {
  return selection.axes.filter((axis) => !axis.dropped).map((axis) => axis.size);
}

export function readSelection(array: NdArray, selection: Selection): NdArray {
  const shape = selectedShape(selection);
  const data = new Float64Array(sizeOf(shape));
  eachPosition(array.shape, selection, (from, to) => {
    data[to] = array.data[from];
  });
  return { shape, dtype: array.dtype, data };
}

/**
 * A copy of the array in which the part has other values: a number or an array that broadcasts to it.
 * @throws ExpressionError where the values do not fit, in shape or in dtype
 */
export function writeSelection(array: NdArray, selection: Selection, values: NdArray, name: string): NdArray {
  const shape = selectedShape(selection);
  const missing = shape.length - values.shape.length;
  const fits = values.shape.every((size, axis) => size === 1 || size === shape[axis + missing]);
  if (missing < 0 || !fits) {
    throw new ExpressionError(
      `a value of shape ${formatShape(values.shape)} does not fit into ${name} ${formatShape(shape)}`,
    );
  }
  const data = Float64Array.from(array.data);
  const source = rowMajorStrides(values.shape).map((stride, axis) => (values.shape[axis] === 1 ? 0 : stride));
  const target = rowMajorStrides(shape);
  eachPosition(array.shape, selection, (to, at) => {
    let from = 0;
    for (let axis = 0; axis < values.shape.length; axis++) {
      const position = Math.floor(at / target[axis + missing]) % shape[axis + missing];
      from += position * source[axis];
    }
    data[to] = converted(values.data[from], array.dtype, name);
  });
  return { shape: array.shape, dtype: array.dtype, data };
}

/** Elements where the mask is not 0, in order, as a vector. */
export function readMask(array: NdArray, mask: NdArray, name: string): NdArray {
  if (!shapesEqual(mask.shape, array.shape)) {
    throw new ExpressionError(
      `a mask needs the shape of ${name} ${formatShape(array.shape)}; this one is ${formatShape(mask.shape)}`,
    );
  }
  const data = array.data.filter((_, at) => mask.data[at] !== 0);
  return { shape: [data.length], dtype: array.dtype, data };
}

function converted(value: number, dtype: NdArray["dtype"], name: string): number {
  if (dtype === "float32") return value;
  if (dtype === "bool") return Number(value !== 0);
  if (Number.isInteger(value) && Math.abs(value) < 2 ** 31) return value;
  throw new ExpressionError(`${name} is int32, which holds whole numbers below 2³¹; got ${value}`);
}

/** One index for each axis of the shape, the ones left out being all of it. */
function spread(indices: readonly Index[], shape: readonly number[], name: string): Index[] {
  const all: Index = { kind: "range", start: null, stop: null, step: null };
  const rest = indices.findIndex((index) => index.kind === "rest");
  const given = indices.filter((index) => index.kind !== "rest");
  if (indices.length - given.length > 1) throw new ExpressionError(`... can stand once in an index`);
  if (given.length > shape.length) {
    const axes = shape.length === 1 ? "1 axis" : `${shape.length} axes`;
    throw new ExpressionError(
      shape.length === 0
        ? `${name} is a single number: it has no axes to index`
        : `${name} ${formatShape(shape)} has ${axes}, ${given.length} indices given`,
    );
  }
  if (given.filter((index) => index.kind === "list").length > 1) {
    throw new ExpressionError(`one list of indices at a time; write ${name}[…][:, …]`);
  }
  const missing = new Array<Index>(shape.length - given.length).fill(all);
  return rest < 0 ? [...given, ...missing] : [...given.slice(0, rest), ...missing, ...given.slice(rest)];
}

/** Null for the whole axis. */
function positionsOf(index: Index, size: number, axis: number): number[] | null {
  const positive = (at: number): number => {
    if (at >= size || at < -size) {
      throw new ExpressionError(`index ${at} is out of range for axis ${axis} (${size})`);
    }
    return at < 0 ? at + size : at;
  };
  switch (index.kind) {
    case "at":
      return [positive(index.at)];
    case "list":
      return index.list.map(positive);
    case "range":
      return index.start === null && index.stop === null && index.step === null ? null : rangePositions(index, size);
    case "rest":
      return null;
    default:
      return index satisfies never;
  }
}

/** As Python's slices: bounds beyond the ends are cut, negative ones count from the end, a negative step goes backwards. */
function rangePositions(
  {
    start,
    stop,
    step: given,
  }: { readonly start: number | null; readonly stop: number | null; readonly step: number | null },
  size: number,
): number[] {
  const step = given ?? 1;
  if (step === 0) throw new ExpressionError("the step of a range must not be 0");
  const [least, most] = step > 0 ? [0, size] : [-1, size - 1];
  const bound = (value: number | null, fallback: number): number =>
    value === null ? fallback : Math.min(Math.max(value < 0 ? value + size : value, least), most);
  const from = bound(start, step > 0 ? 0 : size - 1);
  const to = bound(stop, step > 0 ? size : -1);
  const count = Math.max(0, Math.ceil((to - from) / step));
  return Array.from({ length: count }, (_, i) => from + i * step);
}

/** Visits the elements of a part: their position in the whole array and in the part, both row by row. */
function eachPosition(
  shape: readonly number[],
  { axes }: Selection,
  visit: (whole: number, part: number) => void,
): void {
  const strides = rowMajorStrides(shape);
  let part = 0;
  const walk = (axis: number, offset: number): void => {
    if (axis === axes.length) {
      visit(offset, part++);
      return;
    }
    const { size, positions } = axes[axis];
    for (let i = 0; i < size; i++) walk(axis + 1, offset + (positions ? positions[i] : i) * strides[axis]);
  };
  walk(0, 0);
}
