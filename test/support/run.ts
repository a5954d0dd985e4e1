import type { Tensor } from "../../engine/graph/tensor";
import type { NdArray } from "../../engine/graph/array";
import type { Values as Numbers } from "../../engine/backends/backend";
import { createJsBackend } from "../../engine/backends/js";
import { evaluate } from "../../engine/plan/evaluate";
import { planGraph } from "../../engine/plan/plan";
import { compileProgram } from "../../engine/plan/program";
import type { Values } from "./graph";

/** The outputs by way of plan and backend, as in training: float32, whole numbers and flags in their own types. */
export async function runInFloat32(outputs: readonly Tensor[], values: Values): Promise<Numbers[]> {
  const program = compileProgram(planGraph(outputs), createJsBackend());
  for (const [leaf, { data }] of values) program.write(leaf, data);
  program.run();
  return Promise.all(outputs.map((output) => program.read(output)));
}

/** The outputs by the plain evaluator and by plan and backend. */
export async function runBoth(
  outputs: readonly Tensor[],
  values: Values = new Map(),
): Promise<{ float64: NdArray[]; float32: Numbers[] }> {
  const float64 = evaluate(outputs, (leaf) => values.get(leaf));
  return { float64, float32: await runInFloat32(outputs, values) };
}
