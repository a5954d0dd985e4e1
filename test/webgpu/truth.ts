/** Kernels of expressions in double precision, element by element as their definitions say. */
import type { BinaryFunction, Expression, UnaryFunction } from "../../engine/kernel/expression";
import {
  type MapKernel,
  type ReduceKernel,
  type RowsKernel,
  type SweepKernel,
  type View,
  partsOfRows,
  partsOfSweep,
} from "../../engine/kernel/kernel";
import { denseStrides, indicesOf, offsetOf, sizeOf } from "../backends/support";

type Numbers = ArrayLike<number>;

/** All results of a kernel in order, those of rows that are not kept, too. */
export function truthOf(
  kernel: MapKernel | ReduceKernel | SweepKernel | RowsKernel,
  inputs: readonly Numbers[],
): Float64Array[] {
  switch (kernel.kind) {
    case "map":
    case "reduce":
      return [resultOf(kernel, inputs)];
    case "sweep":
      return partsOfSweep(kernel).map((part) => resultOf(part, inputs));
    case "rows": {
      const read = [...inputs];
      return partsOfRows(kernel).map((part) => {
        const values = resultOf(part, read);
        read.push(values);
        return values;
      });
    }
    default:
      return kernel satisfies never;
  }
}

function resultOf(kernel: MapKernel | ReduceKernel, inputs: readonly Numbers[]): Float64Array {
  const { shape, views, body } = kernel;
  const indices = indicesOf(shape);
  const valueAt = (at: readonly number[]): number => evaluate(body, at, views, inputs);
  if (kernel.kind === "map") return Float64Array.from(indices, valueAt);
  const { axes, combine } = kernel;
  const keptShape = shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  const strides = denseStrides(keptShape).map((stride, axis) => (axes.includes(axis) ? 0 : stride));
  const start = { sum: 0, product: 1, maximum: -Infinity, minimum: Infinity }[combine];
  const out = new Float64Array(sizeOf(keptShape)).fill(start);
  for (const at of indices) {
    const to = offsetOf(at, strides);
    out[to] = COMBINE[combine](out[to], valueAt(at));
  }
  return out;
}

const COMBINE = {
  sum: (a: number, b: number) => a + b,
  product: (a: number, b: number) => a * b,
  maximum: (a: number, b: number) => Math.max(a, b),
  minimum: (a: number, b: number) => Math.min(a, b),
} as const;

const UNARY: Partial<Record<UnaryFunction, (x: number) => number>> = {
  negate: (x) => -x,
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  abs: Math.abs,
  tanh: Math.tanh,
  not: (x) => Number(x === 0),
};

const BINARY: Partial<Record<BinaryFunction, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
  divide: (a, b) => a / b,
  maximum: Math.max,
  minimum: Math.min,
  less: (a, b) => Number(a < b),
  lessEqual: (a, b) => Number(a <= b),
  equal: (a, b) => Number(a === b),
  notEqual: (a, b) => Number(a !== b),
};

function evaluate(e: Expression, at: readonly number[], views: readonly View[], inputs: readonly Numbers[]): number {
  const of = (each: Expression): number => evaluate(each, at, views, inputs);
  switch (e.kind) {
    case "input": {
      const { strides, offset } = views[e.index];
      return inputs[e.index][offsetOf(at, strides, offset)];
    }
    case "constant":
      return e.value;
    case "index":
      return at[e.axis];
    case "unary":
      return known(UNARY[e.fn], e.fn)(of(e.a));
    case "binary":
      return known(BINARY[e.fn], e.fn)(of(e.a), of(e.b));
    case "select":
      return of(e.test) !== 0 ? of(e.yes) : of(e.no);
    default:
      return e satisfies never;
  }
}

function known<T>(fn: T | undefined, name: string): T {
  if (fn === undefined) throw new Error(`no truth is known of ${name}`);
  return fn;
}
