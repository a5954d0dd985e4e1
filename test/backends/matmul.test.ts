import assert from "node:assert/strict";
import { Dice, PRODUCTS, float, int, runKernel } from "./support";

type Strides = readonly [row: number, column: number];

/** C[i, j] = Σₚ A[i, p]·B[p, j] of each pair, written out. */
function multiply(
  [m, n, k]: readonly number[],
  batch: readonly { a: number; b: number }[],
  a: ArrayLike<number>,
  strideA: Strides,
  b: ArrayLike<number>,
  strideB: Strides,
): number[] {
  return batch.flatMap((offset) =>
    Array.from({ length: m * n }, (_, at) => {
      const [i, j] = [Math.floor(at / n), at % n];
      let sum = 0;
      for (let p = 0; p < k; p++) {
        sum += a[offset.a + i * strideA[0] + p * strideA[1]] * b[offset.b + p * strideB[0] + j * strideB[1]];
      }
      return sum;
    }),
  );
}

for (const { name, backend } of PRODUCTS) {
  describe(`matmul, ${name}`, () => {
    // Multiples of 1/8 keep products and sums exact in float32, so that results must be equal, not near.
    const sizes = [
      [1, 1, 1],
      [2, 3, 4],
      [7, 5, 3],
      [1, 9, 17],
      [16, 1, 8],
      [13, 33, 21],
      [65, 66, 67],
      [5, 300, 40],
      [130, 10, 20],
      [3, 4, 1100],
      [64, 128, 784],
      [0, 3, 2],
      [3, 0, 2],
      [3, 2, 0],
    ];
    for (const size of sizes) {
      const [m, n, k] = size;
      it(`${m}×${k} · ${k}×${n}, each transposed or not`, async () => {
        const dice = new Dice(m * 10000 + n * 100 + k);
        const a = dice.values(m * k);
        const b = dice.values(k * n);
        for (const strideA of [
          [k, 1],
          [1, m],
        ] as const) {
          for (const strideB of [
            [n, 1],
            [1, k],
          ] as const) {
            const kernel = { kind: "matmul", m, n, k, batch: [{ a: 0, b: 0 }], strideA, strideB } as const;
            const got = await runKernel(backend, kernel, [float(a), float(b)], { type: "float32", size: m * n });
            assert.deepEqual([...got], multiply(size, kernel.batch, a, strideA, b, strideB));
          }
        }
      });
    }

    it("batches with shared, broadcast, stepped and reversed operands", async () => {
      const dice = new Dice(5);
      for (let round = 0; round < 60; round++) {
        const size = [dice.whole(1, 9), dice.whole(1, 9), dice.whole(1, 9)];
        const [m, n, k] = size;
        const a = dice.values(2000);
        const b = dice.values(2000);
        const strideA = [dice.pick([0, 1, k, 2 * k, -k]), dice.pick([0, 1, 3, -1])] as const;
        const strideB = [dice.pick([0, 1, n, 2 * n, -n]), dice.pick([0, 1, 3, -1])] as const;
        const batch = Array.from({ length: dice.whole(0, 3) }, () => ({
          a: dice.whole(300, 1000),
          b: dice.whole(300, 1000),
        }));
        const kernel = { kind: "matmul", m, n, k, batch, strideA, strideB } as const;
        const got = await runKernel(backend, kernel, [float(a), float(b)], {
          type: "float32",
          size: batch.length * m * n,
        });
        assert.deepEqual([...got], multiply(size, batch, a, strideA, b, strideB), JSON.stringify(kernel));
      }
    });

    it("NaN and infinity reach exactly the elements they belong to", async () => {
      // Row 1 of A holds NaN, column 2 of B an infinity: edges of a tile must not leak into neighbours.
      const a = [1, 1, NaN, 1, 1, 1];
      const b = [1, 1, Infinity, 1, 1, 1];
      const kernel = {
        kind: "matmul",
        m: 3,
        n: 3,
        k: 2,
        batch: [{ a: 0, b: 0 }],
        strideA: [2, 1],
        strideB: [3, 1],
      } as const;
      const got = await runKernel(backend, kernel, [float(a), float(b)], { type: "float32", size: 9 });
      assert.deepEqual([...got], [2, 2, Infinity, NaN, NaN, NaN, 2, 2, Infinity]);
    });

    it("whole numbers beyond float32 stay exact", async () => {
      const kernel = {
        kind: "matmul",
        m: 1,
        n: 1,
        k: 2,
        batch: [{ a: 0, b: 0 }],
        strideA: [2, 1],
        strideB: [1, 1],
      } as const;
      const got = await runKernel(backend, kernel, [int([16777217, 1]), int([1, 1])], { type: "int32", size: 1 });
      assert.deepEqual(got, Int32Array.of(16777218));
    });
  });
}
