import {
  type Dim,
  decodeDim,
  dimsAgree,
  dimsEqual,
  divideDims,
  isSymbolic,
  isUnknownDim,
  productOfDims,
  unknownDim,
} from "./dim";

/** Sizes of all axes, outermost first; `[]` is a scalar. */
export type Shape = readonly Dim[];

export type DType = "float32" | "int32" | "bool";

/** `[N, 128]`, and `unknown` for a shape that an earlier issue or the data hides. */
export function formatShape(shape: Shape | null): string {
  if (shape === null) return "unknown";
  return `[${shape.map((dim) => (isUnknownDim(dim) ? "?" : String(dim))).join(", ")}]`;
}

export function shapesEqual(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, axis) => dimsEqual(dim, b[axis]));
}

export function shapesAgree(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, axis) => dimsAgree(dim, b[axis]));
}

/** The shape with all sizes known, or an internal error: for execution, where the batch has a size. */
export function concreteShape(shape: Shape | null): number[] {
  if (shape === null) throw new Error("internal: a shape is still unknown at execution");
  return shape.map((dim) => {
    if (isSymbolic(dim)) throw new Error(`internal: the size ${dim.key} is still symbolic at execution`);
    return dim;
  });
}

export function isConcrete(shape: Shape | null): shape is readonly number[] {
  return shape !== null && !shape.some(isSymbolic);
}

/** Product of all sizes; 1 for a scalar. */
export function sizeOf(shape: readonly number[]): number {
  let size = 1;
  for (const dim of shape) size *= dim;
  return size;
}

/** Row-major strides in elements. */
export function rowMajorStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

export interface Broadcast {
  readonly shape: Dim[];
  /** Axes of the result at which two sizes differ and none is 1. */
  readonly clashes: readonly number[];
}

/** Numpy's rule: align at the last axis, sizes are equal or 1. A clash gives an unknown size there. */
export function broadcastShapes(shapes: readonly Shape[]): Broadcast {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  const result: Dim[] = new Array<Dim>(rank).fill(1);
  const clashes: number[] = [];
  for (let axis = 0; axis < rank; axis++) {
    for (const shape of shapes) {
      const dim = shape[axis - rank + shape.length];
      if (dim === undefined || dimsEqual(dim, 1) || dimsEqual(dim, result[axis])) continue;
      if (dimsEqual(result[axis], 1) || isUnknownDim(result[axis])) result[axis] = dim;
      else if (!isUnknownDim(dim)) {
        clashes.push(axis);
        result[axis] = unknownDim();
        break;
      }
    }
  }
  return { shape: result, clashes };
}

/** Axis numbers from 0 with negatives counted from the end; `undefined` for one out of range. */
export function normalizeAxis(axis: number, rank: number): number | undefined {
  const positive = axis < 0 ? axis + rank : axis;
  return Number.isInteger(axis) && positive >= 0 && positive < rank ? positive : undefined;
}

export type Reshape = { readonly shape: Dim[] } | { readonly problem: string; readonly shape: Dim[] | null };

/** Resolves a target such as `[x.shape[0], -1]` against the number of elements; at most one -1. */
export function resolveReshape(from: Shape, target: readonly Dim[]): Reshape {
  const wanted = target.map(decodeDim);
  const holes = wanted.filter((dim) => dim === -1).length;
  const bad = wanted.find((dim) => typeof dim === "number" && (!Number.isInteger(dim) || dim < -1));
  if (bad !== undefined)
    return { problem: `the size ${String(bad)} is not a whole number ≥ 0 (or one -1)`, shape: null };
  if (holes > 1) return { problem: "only one size can be -1", shape: null };
  const total = productOfDims(from);
  const rest = productOfDims(wanted.filter((dim) => dim !== -1));
  const unsure = isUnknownDim(total) || isUnknownDim(rest);
  if (holes === 1) {
    const quotient = unsure ? unknownDim() : divideDims(total, rest);
    const shape = wanted.map((dim) => (dim === -1 ? (quotient ?? unknownDim()) : dim));
    if (quotient !== undefined) return { shape };
    return { problem: `${String(total)} elements cannot be divided by ${String(rest)}`, shape };
  }
  if (unsure || dimsEqual(total, rest)) return { shape: wanted };
  // A batch size that was written down as a number, most likely in front: nothing that follows should be held against it.
  const fixed = isSymbolic(total) && wanted.every((dim) => typeof dim === "number");
  const shape = fixed && wanted.length > 0 ? [unknownDim(), ...wanted.slice(1)] : wanted;
  return { problem: `${String(total)} elements do not fit ${String(rest)}`, shape };
}
