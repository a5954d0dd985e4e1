import type { ElementType } from "../../kernel/kernel";
import type { Values } from "../backend";

/** A compiled kernel on bare arrays; they may be longer than the kernel needs. */
export type ArrayKernel = (inputs: readonly Values[], output: Values) => void;

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
