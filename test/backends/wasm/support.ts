import v8 from "node:v8";
import type { FunctionWriter } from "../../../engine/backends/wasm/assembler/function";
import { ModuleWriter } from "../../../engine/backends/wasm/assembler/module";
import type { Target } from "../../../engine/backends/wasm/code";
import { PAGE_BYTES, type WasmPlatform, wasmPlatform } from "../../../engine/backends/wasm/memory";

/** Relaxed SIMD is behind a flag in Node 20 and on from 22 on. It holds for modules compiled from now on. */
v8.setFlagsFromString("--experimental-wasm-relaxed-simd");

/** With multiplication and addition in one instruction, and without. */
export const TARGETS: readonly { readonly name: string; readonly target: Target }[] = [
  { name: "fused", target: { fused: true, wide: false } },
  { name: "not fused", target: { fused: false, wide: false } },
];

const platform = platformOfTests();

/** Every platform that runs the tests has WASM with vectors: its absence is a failure, not a reason to skip. */
function platformOfTests(): WasmPlatform {
  const found = wasmPlatform();
  if (!found) throw new Error("WebAssembly should exist on this platform");
  return found;
}

/**
 * A function of arrays of float32 of equal length, made of one that takes a vector of each from the stack and leaves a vector:
 * a loop over their elements.
 */
export function mapVectors(
  arity: number,
  write: (f: FunctionWriter) => void,
): (...inputs: readonly Float32Array[]) => Float32Array {
  const maximum = 1024;
  const writer = new ModuleWriter({ pages: 1, maximum, shared: false });
  // Addresses of the inputs, of the output, and of where the output ends.
  const parameters = Array.from({ length: arity + 2 }, () => "i32" as const);
  const run = writer.function({ parameters }, (f) => {
    const inputs = f.parameters.slice(0, arity);
    const [output, end] = f.parameters.slice(arity);
    f.loop((again) => {
      f.get(output);
      for (const input of inputs) f.get(input).memory("v128.load");
      write(f);
      f.memory("v128.store");
      for (const each of [...inputs, output]) f.advance(each, 16);
      f.get(output).get(end).op("i32.lt_u").leaveIf(again);
    });
  });
  writer.export("run", run);
  const memory = new platform.Memory({ initial: 1, maximum });
  const instance = new platform.Instance(new platform.Module(writer.bytes()), { env: { memory } });
  const { run: call } = instance.exports as { readonly run: (...addresses: number[]) => void };
  return (...inputs) => {
    const { length } = inputs[0];
    const stride = Math.ceil(length / 16) * 64;
    const missing = stride * (arity + 1) - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES));
    inputs.forEach((input, at) => new Float32Array(memory.buffer, at * stride, length).set(input));
    if (length > 0) call(...inputs.map((_, at) => at * stride), arity * stride, arity * stride + length * 4);
    return new Float32Array(memory.buffer, arity * stride, length).slice();
  };
}

/** The distance between float32 numbers at x, beyond the largest one too. */
export function ulp(x: number): number {
  const magnitude = Math.min(Math.max(Math.abs(x), 2 ** -126), 2 ** 127);
  let exponent = Math.floor(Math.log2(magnitude));
  if (2 ** exponent > magnitude) exponent--;
  if (2 ** (exponent + 1) <= magnitude) exponent++;
  return 2 ** (exponent - 23);
}

/**
 * How far a float32 is from what it should be, in units in the last place; ∞ for a zero of the wrong sign, and for a NaN or an
 * infinity where none is due or none where one is. Beyond the largest float32 comes 2¹²⁸, which is what ∞ counts as.
 */
export function ulps(actual: number, expected: number): number {
  if (Object.is(actual, expected)) return 0;
  const sign = (x: number): number => (Object.is(x, -0) ? -1 : Math.sign(x) || 1);
  // A sign is right even where the number is lost.
  if (Number.isNaN(actual) || Number.isNaN(expected) || sign(actual) !== sign(expected)) return Infinity;
  if (!Number.isFinite(expected)) return Infinity;
  const bounded = (x: number): number => Math.min(Math.abs(x), 2 ** 128);
  return Math.abs(bounded(actual) - bounded(expected)) / ulp(expected);
}
