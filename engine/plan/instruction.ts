import type { Tensor } from "../graph/tensor";
import type { ElementType, Kernel, View } from "../kernel/kernel";

/** A kernel with the slots that it reads and writes. */
export interface Instruction {
  readonly kernel: Kernel;
  readonly inputs: readonly number[];
  /** One, or one for each result of a sweep or each that rows keep. */
  readonly outputs: readonly number[];
  /** The node whose value the (first) output is, for messages and profiles. */
  readonly node: Tensor;
}

/** Memory for values of a type, one after the other. */
export interface Slot {
  readonly type: ElementType;
  readonly size: number;
}

/** Element for element the same read. */
export function sameView(a: View, b: View): boolean {
  return (
    a.offset === b.offset && a.strides.length === b.strides.length && a.strides.every((s, i) => s === b.strides[i])
  );
}
