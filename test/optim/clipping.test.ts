import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { NdArray } from "../../engine/graph/array";
import type { Tensor } from "../../engine/graph/tensor";
import { clipByNorm, clipByValue, globalNorm } from "../../engine/optim";
import { leaf, numbersOf } from "../support/graph";
import { assertClose } from "../support/numbers";

interface Clipped {
  readonly weight: readonly number[];
  readonly bias: readonly number[];
  readonly norm?: number;
}

const torch = (
  JSON.parse(readFileSync("test/fixtures/torch/optim.json", "utf8")) as { clipping: Clipped & Record<string, Clipped> }
).clipping;

const weight = leaf([2, 3]);
const bias = leaf([3]);
const values = new Map<Tensor, NdArray>([
  [weight, { shape: [2, 3], dtype: "float32", data: Float64Array.from(torch.weight) }],
  [bias, { shape: [3], dtype: "float32", data: Float64Array.from(torch.bias) }],
]);
const gradients = new Map([
  ["weight", weight],
  ["bias", bias],
]);

function assertGradients(actual: ReadonlyMap<string, Tensor>, expected: Clipped): void {
  assert.deepEqual([...actual.keys()], ["weight", "bias"]);
  assertClose(numbersOf(actual.get("weight") as Tensor, values), expected.weight, 1e-14, "weight");
  assertClose(numbersOf(actual.get("bias") as Tensor, values), expected.bias, 1e-14, "bias");
}

describe("gradient clipping", () => {
  for (const maxNorm of [0.5, 100]) {
    it(`by the norm ${maxNorm} as PyTorch`, () => {
      const clipped = clipByNorm(gradients, maxNorm);
      const expected = torch[`norm ${maxNorm}`];
      assertGradients(clipped.gradients, expected);
      assertClose(numbersOf(clipped.norm, values), [expected.norm as number], 1e-14, "norm");
    });
  }

  it("by value as PyTorch", () => assertGradients(clipByValue(gradients, 0.75), torch["value 0.75"]));

  it("the joint norm of 3, 4 and 12 is 13, of nothing 0", () => {
    const lengths = [leaf([]), leaf([2])];
    const given = new Map<Tensor, NdArray>([
      [lengths[0], { shape: [], dtype: "float32", data: Float64Array.of(3) }],
      [lengths[1], { shape: [2], dtype: "float32", data: Float64Array.of(4, -12) }],
    ]);
    const norm = globalNorm(new Map(lengths.map((length, i) => [String(i), length])));
    assert.deepEqual(numbersOf(norm, given), [13]);
    assert.deepEqual(numbersOf(clipByNorm(new Map(), 1).norm), [0]);
  });

  it("gradients of 0 stay 0", () => {
    const zero = leaf([2]);
    const given = new Map<Tensor, NdArray>([[zero, { shape: [2], dtype: "float32", data: new Float64Array(2) }]]);
    const { gradients: clipped } = clipByNorm(new Map([["weight", zero]]), 1);
    assert.deepEqual(numbersOf(clipped.get("weight") as Tensor, given), [0, 0]);
  });

  for (const limit of [0, -1, NaN, Infinity]) {
    it(`a limit of ${limit} is refused`, () => {
      assert.throws(() => clipByNorm(gradients, limit), {
        message: `clipByNorm: maxNorm must be a number above 0, got ${limit}`,
      });
      assert.throws(() => clipByValue(gradients, limit), {
        message: `clipByValue: limit must be a number above 0, got ${limit}`,
      });
    });
  }
});
