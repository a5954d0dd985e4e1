import { describeCases } from "../support/conformance";
import { valueOf } from "../support/graph";
import { assertClose } from "../support/numbers";
import { runInFloat32 } from "../support/run";
import { gpuBackend } from "./device";

/** In float32, relative to the tensor's largest number; as on the CPU. */
const BOUND = 1e-5;

describeCases("plan and GPU as the plain evaluator", async ({ float64Only, values, output, gradients }) => {
  if (float64Only !== undefined) return;
  const outputs = [output, ...gradients];
  const actual = await runInFloat32(outputs, values, { name: "GPU", backend: await backend() });
  outputs.forEach((node, i) => {
    const expected = valueOf(node, values).data.map((x) => (node.dtype === "float32" ? Math.fround(x) : x));
    assertClose(actual[i], expected, BOUND, i === 0 ? "value" : `gradient ${i - 1}`);
  });
});

let shared: ReturnType<typeof gpuBackend> | undefined;

/** One for all, so that what was compiled stays. */
function backend(): ReturnType<typeof gpuBackend> {
  return (shared ??= gpuBackend());
}
