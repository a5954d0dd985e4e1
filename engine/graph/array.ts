import type { DType } from "./shape";

/** A value at execution in the plain evaluator: float64 numbers whatever the dtype, dense row-major. */
export interface NdArray {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly data: Float64Array;
}

/** The largest number of float32, in which training calculates. */
const LARGEST_FLOAT32 = (2 - 2 ** -23) * 2 ** 127;

/** Whether float32 can hold a number at all: neither NaN, nor infinite, nor too large. */
export function isFiniteFloat(x: number): boolean {
  return Math.abs(x) <= LARGEST_FLOAT32;
}

/** Numbers as user code writes them: a scalar or nested lists of equal lengths. */
export type Nested = number | boolean | readonly Nested[];

/** Reads nested lists row by row. @throws on lists of unequal length, naming the place. */
export function fromNested(value: Nested): NdArray {
  const shape: number[] = [];
  for (let level: Nested = value; Array.isArray(level); level = level[0] as Nested) {
    shape.push(level.length);
    if (level.length === 0) break;
  }
  const data: number[] = [];
  let allBoolean = true;
  const visit = (item: Nested, depth: number, path: string): void => {
    if (Array.isArray(item)) {
      if (depth >= shape.length || item.length !== shape[depth]) {
        throw new Error(
          `nested lists need equal lengths: expected ${shape[depth] ?? "a number"} at value${path}, got a list of ${item.length}`,
        );
      }
      item.forEach((child: Nested, i: number) => visit(child, depth + 1, `${path}[${i}]`));
      return;
    }
    if (depth !== shape.length) throw new Error(`nested lists need equal depth: expected a list at value${path}`);
    if (typeof item !== "number" && typeof item !== "boolean") {
      throw new Error(`expected a number at value${path}, got ${item === null ? "null" : typeof item}`);
    }
    if (typeof item === "number") allBoolean = false;
    data.push(Number(item));
  };
  visit(value, 0, "");
  return {
    shape,
    dtype: allBoolean && data.length > 0 ? "bool" : "float32",
    data: Float64Array.from(data),
  };
}

/** The inverse of {@link fromNested}; a scalar for rank 0. */
export function toNested(
  data: ArrayLike<number>,
  shape: readonly number[],
  convert: (value: number) => number | boolean = (value) => value,
): Nested {
  const build = (axis: number, offset: number, stride: number): Nested => {
    if (axis === shape.length) return convert(data[offset]);
    const inner = stride / shape[axis];
    return Array.from({ length: shape[axis] }, (_, i) => build(axis + 1, offset + i * inner, inner));
  };
  return build(
    0,
    0,
    shape.reduce((size, dim) => size * dim, 1),
  );
}

/** An evaluator value made by calling `fill` for each position in row-major order. */
export function buildArray(
  shape: readonly number[],
  dtype: DType,
  fill: (index: readonly number[], flat: number) => number,
): NdArray {
  let size = 1;
  for (const dim of shape) size *= dim;
  const data = new Float64Array(size);
  const index = new Array<number>(shape.length).fill(0);
  for (let flat = 0; flat < size; flat++) {
    data[flat] = fill(index, flat);
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis] === shape[axis]; axis--) index[axis] = 0;
  }
  return { shape, dtype, data };
}
