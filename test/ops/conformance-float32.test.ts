import { describeCases } from "../support/conformance";
import { valueOf } from "../support/graph";
import { assertClose } from "../support/numbers";
import { BACKENDS, runInFloat32 } from "../support/run";

/** In float32, relative to the tensor's largest number; see relativeError. */
const BOUND = 1e-5;

/** Inputs are exact in float32 (scripts/fixtures/common.py), so the difference is the arithmetic's. */
describeCases(
  "plan and every backend in float32 as the plain evaluator",
  async ({ float64Only, values, output, gradients }) => {
    if (float64Only !== undefined) return;
    const outputs = [output, ...gradients];
    const expected = outputs.map((node) =>
      valueOf(node, values).data.map((x) => (node.dtype === "float32" ? Math.fround(x) : x)),
    );
    for (const way of BACKENDS) {
      const actual = await runInFloat32(outputs, values, way);
      expected.forEach((each, i) => {
        assertClose(actual[i], each, BOUND, `${way.name}, ${i === 0 ? "value" : `gradient ${i - 1}`}`);
      });
    }
  },
);
