import type { ElementType, Kernel } from "../../kernel/kernel";
import type { FunctionWriter, Local } from "./assembler/function";
import type { ModuleWriter } from "./assembler/module";

/** What the machine's WebAssembly can do beyond 128-bit vectors, and how code is best shaped for it. */
export interface Target {
  /** Multiply and add in one instruction (relaxed SIMD). */
  readonly fused: boolean;
  /** The compiler joins pairs of neighbouring 128-bit operations into 256-bit ones: worth code in pairs. */
  readonly wide: boolean;
}

/**
 * How a kernel runs: its phases one after the other, the pieces of a phase in any order and on any thread. Results depend on
 * neither: whatever is summed over pieces is summed in a later phase, in the order of the pieces.
 */
export interface KernelCode {
  readonly phases: readonly Phase[];
  /** Bytes that the phases share, undefined before the first: 64-aligned. */
  readonly shared?: number;
  /** What a value says that the code left with {@link fail}, as a sentence for users. */
  readonly failure?: (value: number) => string;
}

export interface Phase {
  /** At least 1. */
  readonly pieces: number;
  /** About how many nanoseconds one thread takes for all of it: whether others are worth waking. */
  readonly work: number;
  /** Bytes that each thread has for itself, undefined at the start of each call: 64-aligned. */
  readonly scratch?: number;
  /** Phases with equal keys have equal code, which then exists once. It names all that `write` depends on. */
  readonly key: string;
  /** Writes a function that does the pieces from ≤ piece < to; more functions of the module may be made for it to call. */
  write(f: FunctionWriter, at: Addresses, module: ModuleWriter): void;
}

/** Parameters of a phase's function, all i32: addresses in bytes, and the pieces to do. */
export interface Addresses {
  readonly inputs: readonly Local[];
  readonly outputs: readonly Local[];
  readonly shared: Local;
  readonly scratch: Local;
  readonly from: Local;
  readonly to: Local;
}

/** A kernel with the types of its buffers. */
export interface TypedKernel<K extends Kernel = Kernel> {
  readonly kernel: K;
  readonly inputs: readonly ElementType[];
  readonly outputs: readonly ElementType[];
}

/**
 * Buffers begin at multiples of 64 bytes and are padded to them: whole vectors may be read and written there. A float32 or
 * int32 takes four bytes, a bool one, which is 0 or 1.
 */
export const ALIGNMENT = 64;

export const BYTES: Readonly<Record<ElementType, number>> = { float32: 4, int32: 4, bool: 1 };

/** What stands at the beginning of the memory, before all buffers. */
export const STATUS = { failed: 64, value: 68, end: 128 } as const;

/**
 * Notes that the kernel cannot go on for what is on the stack, an i32, if it is the first of the run; the code around it must
 * then leave things safe.
 */
export function fail(f: FunctionWriter): void {
  const value = f.local("i32");
  f.set(value).i32(0).memory("i32.load", STATUS.failed).op("i32.eqz");
  f.if(() => {
    f.i32(0).get(value).memory("i32.store", STATUS.value);
    f.i32(0).i32(1).memory("i32.store", STATUS.failed);
  });
  f.release(value);
}

export function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
