/** Products that are summed in several blocks of depth, and rows of A that would crowd into a few sets of a cache. */
import assert from "node:assert/strict";
import { createWasmBackend } from "../../../engine/backends/wasm";
import type { Target } from "../../../engine/backends/wasm/code";
import type { MatmulKernel } from "../../../engine/kernel/kernel";
import { Dice, float, runKernel } from "../support";
import { TARGETS } from "./support";

const MACHINES: readonly { readonly name: string; readonly target: Target }[] = [
  ...TARGETS,
  { name: "pairs", target: { fused: true, wide: true } },
];

/** C[i, j] = Σₚ A[i, p]·B[p, j] in double precision, of a dense A and B. */
function multiply(m: number, n: number, k: number, a: Float32Array, b: Float32Array): Float32Array {
  const result = new Float32Array(m * n);
  const row = new Float64Array(n);
  for (let i = 0; i < m; i++) {
    row.fill(0);
    for (let p = 0; p < k; p++) {
      const left = a[i * k + p];
      for (let j = 0; j < n; j++) row[j] += left * b[p * n + j];
    }
    result.set(row, i * n);
  }
  return result;
}

for (const { name, target } of MACHINES) {
  describe(`deep products in WebAssembly, ${name}`, () => {
    const backend = createWasmBackend({ target });
    if (!backend) throw new Error("WebAssembly with vectors should exist on this platform");
    const dice = new Dice(21);
    // Multiples of 1/8 keep products and sums exact in float32, so that results must be equal, not near.
    for (const [m, n, k] of [
      [13, 45, 2100],
      [5, 70, 4500],
      [2, 9, 9000],
      [130, 20, 1029],
      [258, 265, 2048],
      [389, 516, 2048],
    ]) {
      it(`${m}×${k} · ${k}×${n}`, async () => {
        const [a, b] = [dice.values(m * k), dice.values(k * n)];
        const kernel: MatmulKernel = {
          kind: "matmul",
          m,
          n,
          k,
          batch: [{ a: 0, b: 0 }],
          strideA: [k, 1],
          strideB: [n, 1],
        };
        const got = await runKernel(backend, kernel, [float(a), float(b)], { type: "float32", size: m * n });
        const expected = multiply(m, n, k, a, b);
        const at = expected.findIndex((value, i) => got[i] !== value);
        assert.equal(at, -1, `element ${at}: ${got[at]} in place of ${expected[at]}`);
      });
    }
  });
}
