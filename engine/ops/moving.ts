import {
  type Dim,
  addDims,
  decodeDim,
  dimsAgree,
  divideDims,
  dimsEqual,
  floorDivideDim,
  isSymbolic,
  productOfDims,
  subtractDims,
  unknownDim,
} from "../graph/dim";
import { type Shape, broadcastShapes, formatShape, normalizeAxis, shapesAgree } from "../graph/shape";
import { Tensor } from "../graph/tensor";
import { type TensorLike, apply, asTensor, constantTensor, reportIssue } from "./apply";
import { add, cast, ge, le, logicalOr, lt, mul, where } from "./arithmetic";
import { widest } from "./elementwise";
import type { PlaceAttributes, SliceAttributes } from "./movement";
import { axisMessage, resolveAxes } from "./reduce";

/** The operations that move elements, as functions, and what counts positions and sizes. */

/** Axes to reduce: one, several, or all when left out; negatives count from the end. */
export type Axes = number | readonly number[];

/** The same elements in another shape; one size may be −1. */
export function reshape(x: TensorLike, shape: readonly number[]): Tensor {
  const t = asTensor(x);
  if (!Array.isArray(shape))
    throw new Error(`reshape: the shape must be a list of sizes such as [-1, 784], got ${String(shape)}`);
  return apply("reshape", [t], { target: shape.map(decodeDim) });
}

/** Joins the axes from `start` (default 1: all but the batch) to `end`. */
export function flatten(x: TensorLike, start = 1, end = -1): Tensor {
  const t = asTensor(x);
  if (t.knownShape === null) return apply("reshape", [t], { target: [-1] });
  const shape = t.knownShape;
  if (shape.length <= start) return shape.length === 0 ? reshape(t, [1]) : t;
  const from = resolveAxis("flatten", t, start);
  const to = resolveAxis("flatten", t, end);
  const joined = productOfDims(shape.slice(from, to + 1));
  return reshape(t, [...shape.slice(0, from), joined, ...shape.slice(to + 1)] as number[]);
}

/** Axes in a new order: axis i of the result is axis order[i] of the input. */
export function permute(x: TensorLike, order: readonly number[]): Tensor {
  const t = asTensor(x);
  if (t.knownShape === null) return apply("permute", [t], { order });
  return apply("permute", [t], { order: order.map((axis) => normalizeAxis(axis, t.rank) ?? axis) });
}

/** Swaps two axes, by default the last two. */
export function transpose(x: TensorLike, a = -2, b = -1): Tensor {
  const t = asTensor(x);
  if (t.knownShape === null) return apply("permute", [t], { order: [] });
  if (t.rank < 2) {
    reportIssue(
      "rank",
      `transpose: needs at least two axes, got ${formatShape(t.knownShape)}; unsqueeze it to a row or column first`,
    );
    return t;
  }
  const order = t.shape.map((_, axis) => axis);
  const [i, j] = [resolveAxis("transpose", t, a), resolveAxis("transpose", t, b)];
  [order[i], order[j]] = [order[j], order[i]];
  return permute(t, order);
}

/** Repeats axes of size 1 (and new leading axes) to fill `shape`; −1 keeps a size. */
export function expand(x: TensorLike, shape: readonly number[]): Tensor {
  const t = asTensor(x);
  const from = t.knownShape;
  const target = shape.map(decodeDim).map((dim, axis) => {
    if (dim !== -1 || from === null) return dim;
    return from[axis - shape.length + from.length] ?? 1;
  });
  if (from && from.length === target.length && from.every((dim, axis) => dimsEqual(dim, target[axis]))) return t;
  return apply("expand", [t], { target });
}

/** Removes an axis of size 1; all of them when left out. */
export function squeeze(x: TensorLike, axis?: number): Tensor {
  const t = asTensor(x);
  if (t.knownShape === null) return t;
  if (axis === undefined)
    return reshape(
      t,
      t.shape.filter((dim) => dim !== 1),
    );
  const at = resolveAxis("squeeze", t, axis);
  if (t.knownShape.length > 0 && !dimsAgree(t.knownShape[at], 1)) {
    reportIssue(
      "squeeze",
      `squeeze: axis ${axis} of ${formatShape(t.knownShape)} has size ${String(t.knownShape[at])}; only an axis of size 1 can be removed`,
    );
    return unknownShape(t);
  }
  return reshape(
    t,
    t.shape.filter((_, i) => i !== at),
  );
}

/** Adds an axis of size 1 before `axis` (−1: at the end). */
export function unsqueeze(x: TensorLike, axis: number): Tensor {
  const t = asTensor(x);
  if (t.knownShape === null) return t;
  const shape = [...t.shape];
  shape.splice(resolveAxis("unsqueeze", t, axis, 1), 0, 1);
  return reshape(t, shape);
}

/** Joins tensors along an existing axis. */
export function concat(tensors: readonly TensorLike[], axis = 0): Tensor {
  const isList: boolean = Array.isArray(tensors);
  if (!isList || tensors.length === 0) throw new Error("concat: needs a list of at least one tensor");
  const list = tensors.map((t) => asTensor(t));
  const dtype = widest(list.map((t) => t.dtype));
  return apply(
    "concat",
    list.map((t) => cast(t, dtype)),
    { axis: resolveAxis("concat", list[0], axis) },
  );
}

/** Joins tensors of one shape along a new axis. */
export function stack(tensors: readonly TensorLike[], axis = 0): Tensor {
  if (!Array.isArray(tensors) || tensors.length === 0) throw new Error("stack: needs a list of at least one tensor");
  const list = (tensors as readonly TensorLike[]).map((t) => asTensor(t));
  const [first] = list;
  const other = list.findIndex((t) => t.knownShape && first.knownShape && !shapesAgree(t.knownShape, first.knownShape));
  if (other >= 0) {
    reportIssue(
      "stack",
      `stack: input 0 is ${formatShape(first.knownShape)}, input ${other} is ${formatShape(list[other].knownShape)}; all need the same shape`,
    );
    return stack(
      list.map(() => first),
      axis,
    );
  }
  return concat(
    list.map((t) => unsqueeze(t, axis)),
    axis,
  );
}

/** Cuts an axis into equal parts (a number of parts) or parts of the given sizes. */
export function split(x: TensorLike, parts: number | readonly number[], axis = 0): Tensor[] {
  const t = asTensor(x);
  if (t.knownShape === null) return Array.from({ length: typeof parts === "number" ? parts : parts.length }, () => t);
  const at = resolveAxis("split", t, axis);
  const length = t.knownShape[at];
  let sizes: Dim[];
  if (typeof parts === "number") {
    const each = divideDims(length, parts);
    if (each === undefined) {
      reportIssue(
        "split",
        `split: axis ${axis} of ${formatShape(t.knownShape)} has size ${String(length)}, which ${parts} equal parts do not divide; give the sizes as a list`,
      );
    }
    sizes = Array.from({ length: parts }, () => each ?? unknownDim());
  } else {
    sizes = parts.map(decodeDim);
    if (!dimsAgree(sizes.reduce(addDims, 0), length)) {
      reportIssue(
        "split",
        `split: sizes ${parts.join(" + ")} do not add up to ${String(length)}, the size of axis ${axis} of ${formatShape(t.knownShape)}`,
      );
    }
  }
  let start: Dim = 0;
  return sizes.map((size) => {
    const from = start;
    start = addDims(start, size);
    return sliceAt(t, {
      start: t.shape.map((_, i) => (i === at ? from : 0)),
      step: t.shape.map(() => 1),
      size: t.shape.map((dim, i) => (i === at ? size : dim)),
    });
  });
}

/** A part of one axis: an index removes the axis, a range may have an open end, negatives and a step. */
export type SlicePart = number | null | readonly [start: number | null, stop?: number | null, step?: number];

/**
 * Parts per axis as in NumPy: `slice(x, [0, 10], null, [null, null, -1])` is `x[0:10, :, ::-1]`;
 * a plain number takes that index and removes the axis.
 */
export function slice(x: TensorLike, ...parts: SlicePart[]): Tensor {
  const t = asTensor(x);
  if (t.knownShape === null) return t;
  const shape = t.knownShape;
  if (parts.length > shape.length) {
    reportIssue(
      "slice",
      `slice: ${parts.length} parts for the ${shape.length} axes of ${formatShape(shape)}; leave some out`,
    );
    return unknownShape(t);
  }
  const start: Dim[] = [];
  const step: number[] = [];
  const size: Dim[] = [];
  const kept: Dim[] = [];
  shape.forEach((dim, axis) => {
    const part = parts[axis] ?? null;
    const resolved = resolvePart(part, dim, axis, shape);
    start.push(resolved.start);
    step.push(resolved.step);
    size.push(resolved.size);
    if (typeof part !== "number") kept.push(resolved.size);
  });
  const cut = sliceAt(t, { start, step, size });
  return kept.length === size.length ? cut : reshape(cut, kept as number[]);
}

function resolvePart(part: SlicePart, dim: Dim, axis: number, shape: Shape): { start: Dim; step: number; size: Dim } {
  if (part === null) return { start: 0, step: 1, size: dim };
  for (const bound of typeof part === "number" ? [part] : part) {
    // A symbolic size may stand for a bound, too.
    if (typeof bound === "number" && !Number.isInteger(bound)) {
      throw new Error(`slice: positions and steps are whole numbers, got ${bound} for axis ${axis}`);
    }
  }
  if (typeof part === "number") {
    if (!isSymbolic(dim) && (part >= dim || part < -dim)) {
      reportIssue(
        "index",
        `index ${part} does not exist on axis ${axis} of ${formatShape(shape)}; indices run from ${-dim} to ${dim - 1}`,
      );
      return { start: 0, step: 1, size: 1 };
    }
    return { start: part < 0 ? addDims(dim, part) : part, step: 1, size: 1 };
  }
  const [from = null, to = null, step = 1] = part;
  if (!Number.isInteger(step) || step === 0)
    throw new Error(`slice: the step must be a whole number other than 0, got ${step}`);
  if (!isSymbolic(dim)) {
    const bound = (value: number | null, fallback: number): number => {
      if (value === null) return fallback;
      const positive = value < 0 ? value + dim : value;
      return step > 0 ? Math.min(Math.max(positive, 0), dim) : Math.min(Math.max(positive, -1), dim - 1);
    };
    const start = bound(from, step > 0 ? 0 : dim - 1);
    const stop = bound(to, step > 0 ? dim : -1);
    const size = Math.max(0, Math.ceil((stop - start) / step));
    return { start: size === 0 ? 0 : start, step, size };
  }
  // The batch: bounds are taken at their word, since its size is a symbol.
  const at = (value: number | null, fallback: Dim): Dim => {
    if (value === null) return fallback;
    const decoded = decodeDim(value);
    return typeof decoded === "number" && decoded < 0 ? addDims(dim, decoded) : decoded;
  };
  const start = at(from, step > 0 ? 0 : subtractDims(dim, 1));
  const length = step > 0 ? subtractDims(at(to, dim), start) : subtractDims(start, at(to, -1));
  const stride = Math.abs(step);
  return { start, step, size: stride === 1 ? length : floorDivideDim(addDims(length, stride - 1), stride) };
}

/** @internal exact form of {@link slice}. */
export function sliceAt(x: Tensor, where: SliceAttributes): Tensor {
  return apply("slice", [x], { ...where });
}

/** Reverses the order along the axes (all when left out). */
export function flip(x: TensorLike, axis?: Axes): Tensor {
  const t = asTensor(x);
  if (t.knownShape === null) return t;
  const axes = resolveAxes("flip", t.knownShape, axis, reportIssue);
  return sliceAt(t, {
    start: t.knownShape.map((dim, i) => (axes.includes(i) ? subtractDims(dim, 1) : 0)),
    step: t.knownShape.map((_, i) => (axes.includes(i) ? -1 : 1)),
    size: t.knownShape,
  });
}

/**
 * Surrounds the last axes by `value`: one [before, after] pair per axis, the last pair for the last axis;
 * negative numbers crop.
 */
export function pad(x: TensorLike, pairs: readonly (readonly [number, number])[], value = 0): Tensor {
  const t = asTensor(x);
  if (t.knownShape === null) return t;
  if (pairs.length > t.rank) {
    reportIssue(
      "pad",
      `pad: ${pairs.length} pairs for the ${t.rank} axes of ${formatShape(t.knownShape)}; give at most one pair per axis`,
    );
    return unknownShape(t);
  }
  const missing = new Array<readonly [number, number]>(t.rank - pairs.length).fill([0, 0]);
  const all = [...missing, ...pairs];
  const cropped = all.some(([before, after]) => before < 0 || after < 0)
    ? slice(t, ...all.map(([before, after]): SlicePart => [Math.max(0, -before), after < 0 ? after : null]))
    : t;
  const target = cropped.shape.map((dim, axis) => addDims(dim, Math.max(0, all[axis][0]) + Math.max(0, all[axis][1])));
  return place(
    cropped,
    target,
    all.map(([before]) => Math.max(0, before)),
    cropped.shape.map(() => 1),
    value,
  );
}

/** @internal puts `x` into a field of `value` of shape `target`. */
export function place(x: Tensor, target: Shape, start: readonly Dim[], step: readonly number[], value = 0): Tensor {
  return apply("place", [x], { target, start, step, value } satisfies PlaceAttributes);
}

/** Repeats the whole tensor `counts[axis]` times along each axis. */
export function tile(x: TensorLike, counts: readonly number[]): Tensor {
  let t = asTensor(x);
  if (t.knownShape === null) return t;
  if (counts.length < t.rank) {
    reportIssue(
      "tile",
      `tile: ${counts.length} counts for the ${t.rank} axes of ${formatShape(t.knownShape)}; give one per axis`,
    );
    return unknownShape(t);
  }
  while (t.rank < counts.length) t = unsqueeze(t, 0);
  const apart = t.shape.flatMap((dim) => [1, dim]);
  const wide = t.shape.flatMap((dim, axis) => [counts[axis], dim]);
  const joined = (t.knownShape as Shape).map((dim, axis) => productOfDims([dim, counts[axis]]));
  return reshape(expand(reshape(t, apart), wide), joined as number[]);
}

/** Sub-arrays along `axis` by int32 indices of any shape; the index axes replace the axis. */
export function take(x: TensorLike, indices: TensorLike, axis = 0): Tensor {
  const t = asTensor(x);
  return apply("take", [t, asTensor(indices, "int32")], { axis: resolveAxis("take", t, axis) });
}

/** @internal the adjoint of {@link take}. */
export function putAdd(source: Tensor, indices: Tensor, target: Shape, axis: number): Tensor {
  return apply("putAdd", [indices, source], { axis, target });
}

/** out[i][j] = x[index[i][j]][j] for axis 0, and so on, as PyTorch's `gather(x, axis, index)`. */
export function gather(x: TensorLike, axis: number, index: TensorLike): Tensor {
  const t = asTensor(x);
  const i = asTensor(index, "int32");
  if (t.knownShape === null || i.knownShape === null || !sameRank("gather", t, i)) return unknownShape(t);
  return take(reshape(t, [-1]), flatIndex(i, t.knownShape, resolveAxis("gather", t, axis)), 0);
}

/** x with source[i][j] added at x[index[i][j]][j] for axis 0, and so on, as PyTorch's `scatter_add`. */
export function scatterAdd(x: TensorLike, axis: number, index: TensorLike, source: TensorLike): Tensor {
  const t = asTensor(x);
  const i = asTensor(index, "int32");
  const s = asTensor(source);
  if (t.knownShape === null || i.knownShape === null || s.knownShape === null || !sameRank("scatterAdd", t, i))
    return t;
  const at = flatIndex(i, t.knownShape, resolveAxis("scatterAdd", t, axis));
  const sourcePart = slice(s, ...i.shape.map((dim): SlicePart => [0, dim]));
  const added = putAdd(reshape(sourcePart, [-1]), reshape(at, [-1]), [productOfDims(t.knownShape)], 0);
  return add(t, reshape(added, t.shape));
}

function sameRank(name: string, t: Tensor, index: Tensor): boolean {
  if (t.rank === index.rank) return true;
  reportIssue(
    "rank",
    `${name}: the index needs as many axes as the tensor: ${formatShape(index.knownShape)} and ${formatShape(t.knownShape)}`,
  );
  return false;
}

/** Position in the flattened tensor of each element that an index along `axis` names. */
function flatIndex(index: Tensor, shape: Shape, axis: number): Tensor {
  const whole = (dim: Dim): Tensor => cast(asTensor(sizeValue(dim), "int32"), "int32");
  let flat: Tensor | undefined;
  for (let i = 0; i < shape.length; i++) {
    const position = mul(
      i === axis ? index : iota(index.knownShape as Shape, i),
      whole(productOfDims(shape.slice(i + 1))),
    );
    flat = flat ? add(flat, position) : position;
  }
  if (flat === undefined || shape.length === 1) return index;
  // An index out of range would land in the next row: it stays out of range, so that taking it fails.
  const outside = logicalOr(lt(index, 0), ge(index, whole(shape[axis])));
  return where(outside, -1, flat);
}

/** Elements on and below the diagonal (or the `diagonal`-th above it); 0 elsewhere. */
export function tril(x: TensorLike, diagonal = 0): Tensor {
  return triangle(x, (row, column) => le(column, add(row, diagonal)));
}

/** Elements on and above the diagonal (or the `diagonal`-th above it); 0 elsewhere. */
export function triu(x: TensorLike, diagonal = 0): Tensor {
  return triangle(x, (row, column) => ge(column, add(row, diagonal)));
}

function triangle(x: TensorLike, keep: (row: Tensor, column: Tensor) => Tensor): Tensor {
  const t = asTensor(x);
  if (t.knownShape === null) return t;
  if (t.rank < 2) {
    reportIssue("rank", `tril and triu need a matrix, got ${formatShape(t.knownShape)}`);
    return t;
  }
  const matrix = t.knownShape.slice(-2);
  return where(keep(iota(matrix, 0), iota(matrix, 1)), t, constantTensor([0], [], t.dtype));
}

/** After an issue that leaves even the rank open: a node of unknown shape, from which nothing else is reported. */
export function unknownShape(t: Tensor): Tensor {
  return new Tensor({ op: "reshape", inputs: [t], attributes: { target: [-1] }, shape: null, dtype: t.dtype });
}

/** Broadcasts two shapes; for callers that only need the result. */
export function broadcastOf(...shapes: readonly Shape[]): Shape {
  return broadcastShapes(shapes).shape;
}

/** Positions along `axis` of a tensor of `shape`, int32. */
export function iota(shape: Shape, axis: number): Tensor {
  return apply("iota", [], { shape: shape.map(decodeDim), axis });
}

/** The size of an axis (or a product of sizes) as a tensor-like: a number, or a scalar node while it is symbolic. */
export function sizeValue(dim: Dim): TensorLike {
  return isSymbolic(dim) ? apply("size", [], { dim }) : dim;
}

/** An axis from 0; reports one out of range and goes on with the last. */
export function resolveAxis(name: string, t: Tensor, axis: number, extra = 0): number {
  if (t.knownShape === null) return 0;
  const found = normalizeAxis(axis, t.knownShape.length + extra);
  if (found === undefined) reportIssue("axis", axisMessage(name, axis, t.knownShape));
  return found ?? Math.max(0, t.knownShape.length + extra - 1);
}
