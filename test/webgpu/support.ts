/** What tests of kernels on the GPU share: code for all adapters, small words for kernels, and the comparison with the truth. */
import assert from "node:assert/strict";
import type { Backend, Buffer } from "../../engine/backends/backend";
import type { GpuTarget } from "../../engine/backends/webgpu/code";
import { type Expression, binary } from "../../engine/kernel/expression";
import type {
  Combine,
  ElementType,
  MapKernel,
  ReduceKernel,
  RowsKernel,
  RowsResult,
  SweepKernel,
  SweepResult,
  View,
} from "../../engine/kernel/kernel";
import { Dice, type Input, denseStrides } from "../backends/support";
import { assertClose } from "../support/numbers";
import { truthOf } from "./truth";

/** Code for graphics cards, with and without subgroups, and for processors: one adapter runs all of it. */
export const TARGETS: readonly { readonly name: string; readonly target: Partial<GpuTarget> }[] = [
  { name: "in software", target: { software: true } },
  { name: "on a card", target: { software: false } },
  { name: "on a card without subgroups", target: { software: false, subgroups: false } },
];

export const whole = (shape: readonly number[], offset = 0): View => ({ strides: denseStrides(shape), offset });
export const perRow = (shape: readonly number[]): View => ({
  strides: [...denseStrides(shape.slice(0, -1)), 0],
  offset: 0,
});
export const perColumn = (shape: readonly number[]): View => ({
  strides: shape.map((_, axis) => (axis === shape.length - 1 ? 1 : 0)),
  offset: 0,
});

export const add = (a: Expression | number, b: Expression | number): Expression => binary("add", a, b);
export const sub = (a: Expression, b: Expression | number): Expression => binary("subtract", a, b);
export const mul = (a: Expression | number, b: Expression | number): Expression => binary("multiply", a, b);
export const div = (a: Expression | number, b: Expression | number): Expression => binary("divide", a, b);
export const isAbove = (a: Expression, b: Expression | number): Expression => binary("less", b, a);

export const map = (body: Expression): SweepResult => ({ body, combine: undefined });
export const total = (combine: Combine, body: Expression): SweepResult => ({ body, combine });
export const element = (body: Expression, kept = true): RowsResult => ({
  body,
  combine: undefined,
  over: "element",
  kept,
});
export const once = (body: Expression, kept = false): RowsResult => ({ body, combine: undefined, over: "row", kept });
export const row = (combine: Combine, body: Expression, kept = false): RowsResult => ({
  body,
  combine,
  over: "row",
  kept,
});
export const all = (combine: Combine, body: Expression): RowsResult => ({ body, combine, over: "all", kept: true });
export const rows = (combine: Combine, body: Expression): RowsResult => ({ body, combine, over: "rows", kept: true });

export const dice = new Dice(77);
export const uniform = (size: number): Float32Array =>
  Float32Array.from({ length: size }, () => 2 * dice.uniform() - 1);
export const flags = (size: number): number[] => Array.from({ length: size }, () => dice.whole(0, 1));

export interface Run {
  readonly kernel: MapKernel | ReduceKernel | SweepKernel | RowsKernel;
  readonly inputs: readonly Input[];
  /** Types of the kept results; float32 where none is given. */
  readonly outputs?: readonly (ElementType | undefined)[];
  /** By kept result: the input in whose place it stands. */
  readonly places?: ReadonlyMap<number, number>;
}

/** Runs a kernel on buffers that hold rubbish and compares all that it keeps, and what it should have left alone. */
export async function assertRun(
  backend: Backend,
  name: string,
  { kernel, inputs, outputs = [], places }: Run,
): Promise<void> {
  const truth = truthOf(
    kernel,
    inputs.map(({ data }) => data),
  ).filter((_, j) => kernel.kind !== "rows" || kernel.results[j].kept);
  const made = (type: ElementType, data: ArrayLike<number>): Buffer => {
    const buffer = backend.allocate(type, data.length);
    backend.write(buffer, data);
    return buffer;
  };
  const buffers = inputs.map(({ type, data }) => made(type, data));
  const own: Buffer[] = [];
  const results = truth.map((values, i) => {
    const place = places?.get(i);
    if (place !== undefined) return buffers[place];
    const buffer = made(outputs[i] ?? "float32", new Float32Array(values.length).fill(7));
    own.push(buffer);
    return buffer;
  });
  const prepared = backend.prepare([{ kernel, inputs: buffers, outputs: results }]);
  prepared.run(0, 1);
  for (const [i, expected] of truth.entries()) {
    const type = results[i].type;
    const got = Array.from(await backend.read(results[i]));
    const what = `${name}, result ${i}`;
    if (type === "float32") assertClose(got, Array.from(expected, Math.fround), 1e-5, what);
    else
      assert.deepEqual(
        got,
        Array.from(expected, (x) => (type === "bool" ? Number(x !== 0) : x)),
        what,
      );
  }
  const taken = new Set(places?.values());
  for (const [i, { data }] of inputs.entries())
    if (!taken.has(i)) assert.deepEqual(Array.from(await backend.read(buffers[i])), Array.from(data), name);
  prepared.dispose();
  for (const buffer of [...buffers, ...own]) backend.release(buffer);
}
