import type { ElementType, Kernel } from "../kernel/kernel";

/**
 * What a device offers to a plan. Deliberately little: kernels and buffers.
 *
 * A backend does not know operations, gradients, parameters or memory plans. Kernels that one lacks it may take
 * from another on the same memory, as `wasm` does from `js`. Work is submitted in order; `read` waits for what was submitted before.
 */
export interface Backend {
  readonly name: string;
  /** Buffer contents are undefined until written. */
  allocate(type: ElementType, size: number): Buffer;
  /** Prepares a kernel once; running it is cheap and may be repeated with other buffers of the same types. */
  compile(kernel: Kernel, inputs: readonly ElementType[], output: ElementType): CompiledKernel;
  write(buffer: Buffer, data: ArrayLike<number>): void;
  copy(from: Buffer, to: Buffer): void;
  read(buffer: Buffer): Promise<Values>;
}

/** Runs on inputs and writes the output; input and output buffers are never the same. */
export type CompiledKernel = (inputs: readonly Buffer[], output: Buffer) => void;

/** Memory of one backend; only that backend looks inside. */
export interface Buffer {
  readonly type: ElementType;
  readonly size: number;
}

/** float32 → Float32Array, int32 → Int32Array, bool → Uint8Array. */
export type Values = Float32Array | Int32Array | Uint8Array;
