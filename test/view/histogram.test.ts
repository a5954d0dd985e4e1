/** How a layer's numbers are spread, by counts and moments worked out by hand. */
import assert from "node:assert/strict";
import { fromArrays } from "../../engine/data";
import type { Tensor } from "../../engine/graph/tensor";
import * as nn from "../../engine/nn";
import { answerLook } from "../../engine/view/answer";
import { histogramOf } from "../../engine/view/histogram";
import type { HistogramOf, HistogramResult } from "../../engine/view/looks";
import { assertClose } from "../support/numbers";
import { given, lookInto } from "./support";

/** ŷ = relu(x·Wᵀ + b) with W = [1, −2], b = 0. */
class Unit extends nn.Module {
  line = new nn.Linear(2, 1, { initializer: given(1, -2), biasInitializer: given(0) });
  bend = new nn.ReLU();

  forward(x: Tensor) {
    return this.bend(this.line(x));
  }
}

const options = {
  model: new Unit(),
  data: fromArrays({
    inputs: [
      [3, 1],
      [1, 1],
    ],
    targets: [[0], [0]],
  }),
  loss: nn.mse,
  batchSize: 2,
  shuffle: false,
};

describe("histogram of a list of numbers", () => {
  const cases: Readonly<
    Record<string, readonly [number[], Partial<HistogramResult>, Readonly<Record<number, number>>]>
  > = {
    "0 to 40: one in each bin, the largest in the last": [
      Array.from({ length: 41 }, (_, i) => i),
      { least: 0, most: 40, mean: 20, zeros: 1 / 41, notFinite: 0 },
      { ...Object.fromEntries(Array.from({ length: 39 }, (_, bin) => [bin, 1])), 39: 2 },
    ],
    "two values": [
      [-1, 1, 1, 1],
      { least: -1, most: 1, mean: 0.5, deviation: Math.sqrt(0.75), zeros: 0 },
      { 0: 1, 39: 3 },
    ],
    "all the same": [[7, 7, 7], { least: 7, most: 7, mean: 7, deviation: 0 }, { 0: 3 }],
    "NaN and infinity beside numbers": [
      [0, NaN, 1, Infinity, -Infinity],
      { least: 0, most: 1, zeros: 0.5, notFinite: 3 },
      { 0: 1, 39: 1 },
    ],
    "no number at all": [[NaN], { least: 0, most: 0, notFinite: 1, mean: NaN }, {}],
    nothing: [[], { least: 0, most: 0, notFinite: 0 }, {}],
  };
  for (const [what, [numbers, expected, bins]] of Object.entries(cases)) {
    it(what, () => {
      const found = histogramOf("weights", [numbers]);
      const picked = Object.fromEntries(Object.keys(expected).map((key) => [key, found[key as keyof HistogramResult]]));
      assert.deepEqual(picked, expected);
      assert.deepEqual(
        Object.fromEntries(found.counts.flatMap((count, bin) => (count > 0 ? [[bin, count]] : []))),
        bins,
      );
    });
  }
});

describe("histogram of a layer", () => {
  // z = 3 − 2 = 1 and 1 − 2 = −1, a = 1 and 0; ∂mean a²/∂a = (2/2)·a = 1 and 0, behind the rectifier the same.
  // ∂/∂W = 1·[3, 1], ∂/∂b = 1.
  const cases: readonly [layer: number, of: HistogramOf, numbers: number[]][] = [
    [0, "weights", [1, -2, 0]],
    [0, "activations", [1, -1]],
    [0, "gradients", [3, 1, 1]],
    [1, "activations", [1, 0]],
    [1, "gradients", [1, 0]],
  ];
  for (const [layer, of, numbers] of cases) {
    it(`${of} of layer ${layer} are ${numbers.join(", ")}`, async () => {
      const found = await answerLook(await lookInto(options), { kind: "histogram", layer, of });
      assert.deepEqual(found, histogramOf(of, [numbers]));
    });
  }

  it("has the norm that the gradient flow shows", async () => {
    const access = await lookInto(options);
    const found = (await answerLook(access, { kind: "histogram", layer: 0, of: "gradients" })) as HistogramResult;
    // √Σg² from mean and deviation of 3 numbers.
    assertClose([Math.sqrt(3 * (found.mean ** 2 + found.deviation ** 2))], [Math.sqrt(11)], 1e-6, "norm");
  });

  const refusals: readonly [layer: number, of: HistogramOf, frozen: boolean, words: string][] = [
    [1, "weights", false, "bend (ReLU) has no weights."],
    [9, "activations", false, "There is no layer 9; the model has 2."],
    [0, "gradients", true, "No gradient reaches the parameters of line: they are frozen"],
  ];
  for (const [layer, of, frozen, words] of refusals) {
    it(`says why there is none: ${words}`, async () => {
      const model = new Unit();
      if (frozen) nn.freeze(model.line);
      const found = await answerLook(await lookInto({ ...options, model }), { kind: "histogram", layer, of });
      assert.ok(found.kind === "nothing" && found.reason.startsWith(words), JSON.stringify(found));
    });
  }
});
