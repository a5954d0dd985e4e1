import { decodeDim, dimsEqual, floorDivideDim, addDims, isSymbolic, subtractDims } from "../graph/dim";
import type { DType, Shape } from "../graph/shape";
import type { Tensor } from "../graph/tensor";
import { type TensorLike, apply, asTensor, constantTensor, reportIssue } from "./apply";
import { add, cast, eq, gt, logicalNot, mul } from "./arithmetic";
import { type Axes, expand, flatten, iota, reshape, resolveAxis, unsqueeze } from "./moving";
import { resolveAxes } from "./reduce";

/** All operations as functions: here those that make tensors and that reduce them. */
export * from "./arithmetic";
export * from "./moving";

// ---- making tensors ---------------------------------------------------------------------------

/** A tensor of known numbers. Lists of numbers are float32, of booleans bool, unless `dtype` says otherwise. */
export function tensor(value: TensorLike, dtype?: DType): Tensor {
  const made = asTensor(value);
  if (!dtype || dtype === made.dtype) return made;
  if (made.op !== "constant") return cast(made, dtype);
  const data = made.attributes.data as Float64Array;
  const converted =
    dtype === "bool" ? data.map((x) => Number(x !== 0)) : dtype === "int32" ? data.map(Math.trunc) : data;
  return constantTensor(converted, made.shape, dtype);
}

/** A float32 scalar. */
export function scalar(value: number): Tensor {
  return tensor(value);
}

/** A tensor of `shape` filled with one number. */
export function full(shape: readonly number[], value: number, dtype: DType = "float32"): Tensor {
  return expand(constantTensor([value], [], dtype), shape);
}

export function zeros(shape: readonly number[], dtype: DType = "float32"): Tensor {
  return full(shape, 0, dtype);
}

export function ones(shape: readonly number[], dtype: DType = "float32"): Tensor {
  return full(shape, 1, dtype);
}

export function zerosLike(x: TensorLike): Tensor {
  const like = asTensor(x);
  return like.knownShape === null ? mul(like, 0) : zeros(like.shape, like.dtype);
}

export function onesLike(x: TensorLike): Tensor {
  const like = asTensor(x);
  return like.knownShape === null ? mul(like, 0) : ones(like.shape, like.dtype);
}

/**
 * Numbers from `start` to below `stop`; `arange(n)` counts from 0. int32 if start and step are whole.
 * @throws when the step is 0, and for a symbolic `stop` (the batch) when start or step is no whole number or step < 0.
 */
export function arange(startOrStop: number, stop?: number, step = 1): Tensor {
  const [from, last] = stop === undefined ? [0, startOrStop] : [startOrStop, stop];
  if (step === 0) throw new Error("arange: step must not be 0");
  const to = decodeDim(last);
  if (isSymbolic(to)) {
    if (!Number.isInteger(from) || !Number.isInteger(step) || step < 0) {
      throw new Error(
        `arange: up to the size ${to.key} it counts in whole numbers; got start ${from} and step ${step}`,
      );
    }
    return add(mul(iota([floorDivideDim(addDims(subtractDims(to, from), step - 1), step)], 0), step), from);
  }
  const count = Math.max(0, Math.ceil((to - from) / step));
  const positions = iota([count], 0);
  if (Number.isInteger(from) && Number.isInteger(step)) return add(mul(positions, step), from);
  return add(mul(cast(positions, "float32"), step), from);
}

/** Ones on the diagonal, zeros elsewhere: [rows, columns]. */
export function eye(rows: number, columns: number = rows): Tensor {
  return cast(eq(iota([rows, columns], 0), iota([rows, columns], 1)), "float32");
}

/** 1 at each label's position along a new last axis of `classes`: int32 [...] → float32 [..., classes]. */
export function oneHot(labels: TensorLike, classes: number): Tensor {
  const indices = asTensor(labels, "int32");
  if (indices.knownShape === null) return cast(unsqueeze(indices, -1), "float32");
  return cast(eq(unsqueeze(indices, -1), arange(classes)), "float32");
}

// ---- reductions -------------------------------------------------------------------------------

export interface ReduceOptions {
  /** Keep reduced axes with size 1. Default false. */
  readonly keepDims?: boolean;
}

function reduce(name: string, label: string): (x: TensorLike, axis?: Axes, options?: ReduceOptions) => Tensor {
  return (x, axis, options) => {
    const t = asTensor(x);
    const axes = t.knownShape === null ? [] : resolveAxes(label, t.knownShape, axis, reportIssue);
    const result = apply(name, [t], { axes });
    return options?.keepDims ? keepAxes(result, t, axes) : result;
  };
}

function keepAxes(result: Tensor, from: Tensor, axes: readonly number[]): Tensor {
  if (result.knownShape === null || from.knownShape === null) return result;
  return reshape(
    result,
    from.shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim)),
  );
}

export const sum = reduce("sum", "sum");
export const prod = reduce("product", "prod");
/** Largest element; equal ones share the gradient. */
export const max = reduce("maximumOf", "max");
export const min = reduce("minimumOf", "min");

/** Whether any element along the axes is not 0; of none, false. Counting them, where a maximum of none has no value. */
export function any(x: TensorLike, axis?: Axes, options?: ReduceOptions): Tensor {
  return gt(sum(cast(x, "bool"), axis, options), 0);
}

/** Whether every element along the axes is not 0; of none, true. */
export function all(x: TensorLike, axis?: Axes, options?: ReduceOptions): Tensor {
  return eq(sum(logicalNot(x), axis, options), 0);
}

function argument(name: string): (x: TensorLike, axis?: number) => Tensor {
  return (x, axis) => {
    let t = asTensor(x);
    if (axis === undefined) t = flatten(t, 0);
    const at = resolveAxis(name, t, axis ?? 0);
    return apply(name, [t], { axis: at });
  };
}

/** Position of the first largest element along `axis` (of the flattened tensor when left out), int32. */
export const argmax = argument("argmax");
export const argmin = argument("argmin");

/** Running sum along an axis. */
export function cumsum(x: TensorLike, axis: number, options?: { readonly reverse?: boolean }): Tensor {
  const t = asTensor(x);
  return apply("cumsum", [t], { axis: resolveAxis("cumsum", t, axis), reverse: options?.reverse ?? false });
}

/** Sums the axes along which `x` was broadcast from `shape`: the adjoint of broadcasting. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  if (x.knownShape === null) return x;
  const from = x.knownShape;
  const lead = from.length - shape.length;
  const axes = from
    .map((_, axis) => axis)
    .filter((axis) => {
      const wanted = shape[axis - lead];
      return axis < lead || (dimsEqual(wanted, 1) && !dimsEqual(from[axis], 1));
    });
  if (axes.length === 0) return x;
  const summed = sum(x, axes);
  return axes.length === lead ? summed : reshape(summed, shape as readonly number[]);
}
