import type { ElementType } from "../../kernel/kernel";
import type { Values } from "../backend";

/** Of floats in memory: `single` is float32, what training runs on; `double` is float64. */
export type Precision = "single" | "double";

/** What kernels read and write: a buffer's values, or doubles in place of any of them. */
export type Elements = Values | Float64Array;

/** A compiled kernel on bare arrays; they may be longer than the kernel needs. */
export type ArrayKernel = (inputs: readonly Elements[], output: Elements) => void;

export function allocateValues(type: ElementType, size: number): Values {
  switch (type) {
    case "float32":
      return new Float32Array(size);
    case "int32":
      return new Int32Array(size);
    case "bool":
      return new Uint8Array(size);
    default:
      return type satisfies never;
  }
}

/** Values in memory that is there already, from a byte on. */
export function valuesAt(type: ElementType, memory: ArrayBufferLike, offset: number, size: number): Values {
  switch (type) {
    case "float32":
      return new Float32Array(memory, offset, size);
    case "int32":
      return new Int32Array(memory, offset, size);
    case "bool":
      return new Uint8Array(memory, offset, size);
    default:
      return type satisfies never;
  }
}
