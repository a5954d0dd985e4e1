import v8 from "node:v8";
import type { Tensor } from "../../engine/graph/tensor";
import type { NdArray } from "../../engine/graph/array";
import type { Backend, Values as Numbers } from "../../engine/backends/backend";
import { createJsBackend } from "../../engine/backends/js";
import { createWasmBackend } from "../../engine/backends/wasm";
import type { Target } from "../../engine/backends/wasm/code";
import { evaluate } from "../../engine/plan/evaluate";
import { planGraph } from "../../engine/plan/plan";
import { compileProgram } from "../../engine/plan/program";
import type { Values } from "./graph";

// Off in Node 20 unless one asks for it, on from 22 on.
v8.setFlagsFromString("--experimental-wasm-relaxed-simd");

/** Every platform that runs the tests has WASM with vectors: its absence is a failure, not a reason to skip. */
function wasm(target: Target): Backend {
  const backend = createWasmBackend({ target });
  if (!backend) throw new Error("WebAssembly with vectors should exist on this platform");
  return backend;
}

/** All ways in which training computes, each with every variant of its kernels. */
export const BACKENDS: readonly { readonly name: string; readonly backend: Backend }[] = [
  { name: "JavaScript", backend: createJsBackend() },
  { name: "WASM", backend: wasm({ fused: false, wide: false }) },
  { name: "WASM, relaxed", backend: wasm({ fused: true, wide: false }) },
  { name: "WASM, relaxed, in pairs", backend: wasm({ fused: true, wide: true }) },
];

/** The outputs by way of plan and backend, as in training: float32, whole numbers and flags in their own types. */
export async function runInFloat32(
  outputs: readonly Tensor[],
  values: Values,
  { backend } = BACKENDS[0],
): Promise<Numbers[]> {
  const program = compileProgram(planGraph(outputs), backend);
  for (const [leaf, { data }] of values) program.write(leaf, data);
  program.run();
  const numbers = await Promise.all(outputs.map((output) => program.read(output)));
  program.dispose();
  return numbers;
}

/** The outputs by the plain evaluator and by plan and backend. */
export async function runBoth(
  outputs: readonly Tensor[],
  values: Values = new Map(),
): Promise<{ float64: NdArray[]; float32: Numbers[] }> {
  const float64 = evaluate(outputs, (leaf) => values.get(leaf));
  return { float64, float32: await runInFloat32(outputs, values) };
}
