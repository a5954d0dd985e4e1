import type { ElementType, Kernel } from "../../kernel/kernel";

/** What the adapter has beyond the core of WebGPU, and how code is best shaped for it. */
export interface GpuTarget {
  /** Invocations of a workgroup at most. */
  readonly invocations: number;
  /** Bytes that a workgroup's invocations may share. */
  readonly workgroupBytes: number;
  /** Operations across the invocations of a subgroup. */
  readonly subgroups: boolean;
  /** Workgroups of a dispatch at most, along each dimension. */
  readonly workgroups: number;
  /** Compute units are few and slow: an adapter in software. */
  readonly software: boolean;
}

/** A kernel with the types of its buffers. */
export interface TypedKernel<K extends Kernel = Kernel> {
  readonly kernel: K;
  readonly inputs: readonly ElementType[];
  readonly outputs: readonly ElementType[];
}

/** How a kernel runs: its passes one after the other, each sees what those before it wrote. */
export interface KernelCode {
  readonly passes: readonly Pass[];
  /** Bytes that the passes share, undefined before the first. */
  readonly shared?: number;
  /** What a value says that the code left in the status with `fail`, as a sentence for users. */
  readonly failure?: (value: number) => string;
}

/**
 * One dispatch. Its text defines `@compute @workgroup_size(…) fn main(…)` and what else it needs, and reads and writes memory by
 * {@link Operands}. Passes with equal keys have equal text.
 */
export interface Pass {
  /** Names all that the text depends on, without the operands' places. */
  readonly key: string;
  readonly workgroups: readonly [x: number, y: number, z: number];
  /** Whether memory is read and written in vectors of four words, `array<vec4<u32>>`, and else word by word, `array<u32>`. */
  readonly vectors?: boolean;
  /** Extensions of the language that the text uses, such as "subgroups". */
  readonly features?: readonly string[];
  write(operands: Operands): string;
}

/** Memory of a pass, as WGSL text. Words are of 32 bits; a bool takes a byte, four a word. */
export interface Operands {
  input(i: number): Place;
  output(i: number): Place;
  shared(): Place;
  /** Text of statements that note that the kernel cannot go on for `value` (i32), the first time. The code must then leave things safe. */
  fail(value: string): string;
}

export interface Place {
  /** The array's name. */
  readonly memory: string;
  /** Where the buffer begins, u32: in words, or in vectors where the pass has them. */
  readonly start: string;
}
