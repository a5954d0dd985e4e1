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
  /**
   * A buffer on memory of another one, from a multiple of 64 bytes on, where that one has the bytes, rounded up to 64. It ends with the
   * other one.
   */
  part(whole: Buffer, offset: number, type: ElementType, size: number): Buffer;
  /** Gives a buffer's memory back, once; nothing that was prepared with it or a part of it may run any more. */
  release(buffer: Buffer): void;
  /** Prepares work on certain buffers once; doing it is cheap and may be repeated. */
  prepare(dispatches: readonly Dispatch[]): Prepared;
  write(buffer: Buffer, data: ArrayLike<number>): void;
  copy(from: Buffer, to: Buffer): void;
  read(buffer: Buffer): Promise<Values>;
}

/**
 * A kernel with its buffers. No output has memory in common with another buffer, but for one thing: a map, or a result of a sweep that is
 * not combined, may stand where one of its inputs stands, if that has the same type and size, is read by this expression, dense and
 * as a whole, and is given once. It is then read before it is written, element by element. So may an element result of rows, read by way
 * of results that are not combined, too, if no later result has the input but by way of this one.
 */
export interface Dispatch {
  readonly kernel: Kernel;
  readonly inputs: readonly Buffer[];
  readonly outputs: readonly Buffer[];
}

export interface Prepared {
  /** Does the dispatches from ≤ i < to in order. @throws DispatchError where one cannot be done */
  run(from: number, to: number): void;
  /** Gives up what it holds beside the buffers. */
  dispose(): void;
}

/** What went wrong in one dispatch, such as an index out of range. Of a backend that computes behind one's back, `read` throws it. */
export class DispatchError extends Error {
  constructor(
    readonly index: number,
    message: string,
    /** What the dispatch belongs to, where it is not what was just run. */
    readonly prepared?: Prepared,
  ) {
    super(message);
  }
}

/** Memory of one backend; only that backend looks inside. */
export interface Buffer {
  readonly type: ElementType;
  readonly size: number;
}

/** float32 → Float32Array, int32 → Int32Array, bool → Uint8Array. */
export type Values = Float32Array | Int32Array | Uint8Array;
