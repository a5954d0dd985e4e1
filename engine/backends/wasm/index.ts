import type { Backend } from "../backend";
import { createJsBackend } from "../js/index";
import { createWasmProduct } from "./matrix-product";

/**
 * The JavaScript backend with matrix products and convolutions in WASM with 128-bit vectors; the buffers
 * are the same typed arrays, blocks of them are copied in and out. Undefined where the platform has no
 * such WASM: use `createJsBackend` there.
 */
export function createWasmBackend(): Backend | undefined {
  const floatProduct = createWasmProduct();
  return floatProduct && createJsBackend({ name: "wasm", floatProduct });
}
