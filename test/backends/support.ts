import type { Backend, Values } from "../../engine/backends/backend";
import { createJsBackend } from "../../engine/backends/js/index";
import { createWasmBackend } from "../../engine/backends/wasm/index";
import type { ElementType, Kernel } from "../../engine/kernel/kernel";

/** A small deterministic generator (mulberry32), so that every run tests the same shapes. */
export class Dice {
  constructor(private state: number) {}

  uniform(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 0x100000000;
  }

  /** A whole number from `low` to `high`, both included. */
  whole(low: number, high: number): number {
    return low + Math.floor(this.uniform() * (high - low + 1));
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.whole(0, choices.length - 1)];
  }

  /** Multiples of 1/8 in −4…4: exact in float32, and so are their products and short sums. */
  values(size: number): Float32Array {
    return Float32Array.from({ length: size }, () => this.whole(-32, 32) / 8);
  }
}

export interface Input {
  readonly type: ElementType;
  readonly data: ArrayLike<number>;
}

export const float = (data: ArrayLike<number>): Input => ({ type: "float32", data });
export const int = (data: ArrayLike<number>): Input => ({ type: "int32", data });
export const bool = (data: ArrayLike<number>): Input => ({ type: "bool", data });

/** Runs one kernel twice on buffers that hold rubbish before, and returns the second result. */
export async function runKernel(
  backend: Backend,
  kernel: Kernel,
  inputs: readonly Input[],
  output: { readonly type: ElementType; readonly size: number },
): Promise<Values> {
  const buffers = inputs.map(({ type, data }) => {
    const buffer = backend.allocate(type, data.length);
    backend.write(buffer, data);
    return buffer;
  });
  const out = backend.allocate(output.type, output.size);
  const prepared = backend.prepare([{ kernel, inputs: buffers, outputs: [out] }]);
  backend.write(out, new Array<number>(output.size).fill(1));
  prepared.run(0, 1);
  prepared.run(0, 1);
  return backend.read(out);
}

/** All ways in which expressions are run, and by how many units in the last place elementary functions may be off. */
export const MODES = [
  { name: "generated code", backend: createJsBackend({ mode: "generate" }), ulps: 0 },
  { name: "interpreted", backend: createJsBackend({ mode: "interpret" }), ulps: 0 },
  { name: "wasm", backend: wasmBackend(), ulps: 2 },
];

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Every index of a shape, in row-major order. */
export function indicesOf(shape: readonly number[]): number[][] {
  return shape.reduce<number[][]>(
    (found, size) => found.flatMap((index) => Array.from({ length: size }, (_, i) => [...index, i])),
    [[]],
  );
}

export function offsetOf(index: readonly number[], strides: readonly number[], offset = 0): number {
  return index.reduce((sum, i, axis) => sum + i * strides[axis], offset);
}

export function denseStrides(shape: readonly number[]): number[] {
  return shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
}

/** Every backend with matrix products of its own. */
export const PRODUCTS = [
  { name: "js", backend: createJsBackend() },
  { name: "wasm", backend: wasmBackend() },
];

/** Every platform that runs the tests has WASM with vectors: its absence is a failure, not a reason to skip. */
function wasmBackend(): Backend {
  const backend = createWasmBackend();
  if (!backend) throw new Error("WebAssembly with vectors should exist on this platform");
  return backend;
}
