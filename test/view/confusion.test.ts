/** Confusion matrix and decision boundary of models whose answers are known. */
import assert from "node:assert/strict";
import { fromArrays } from "../../engine/data";
import type { Tensor } from "../../engine/graph/tensor";
import * as nn from "../../engine/nn";
import * as ops from "../../engine/ops";
import { answerLook } from "../../engine/view/answer";
import type { BoundaryResult, ConfusionResult } from "../../engine/view/looks";
import { assertClose } from "../support/numbers";
import { given, lookInto, type Options } from "./support";

/** Gives its inputs as they are: the data say what is predicted. */
class Echo extends nn.Module {
  scale = new nn.Parameter([1], given(1));

  forward(x: Tensor) {
    return ops.mul(x, this.scale);
  }
}

const confusion = async (options: Omit<Options, "model">) =>
  answerLook(await lookInto({ model: new Echo(), ...options }), { kind: "confusion" });

describe("confusion", () => {
  it("counts labels in rows and predictions in columns, and measures each class", async () => {
    // Predictions 0 1 1 2 0 of labels 0 0 1 1 2, by scores of which the largest counts.
    const found = (await confusion({
      data: fromArrays({
        inputs: [
          [5, 1, 0],
          [1, 3, 0],
          [0, 2, 1],
          [0, 1, 9],
          [4, 0, 1],
        ],
        targets: [0, 0, 1, 1, 2],
        classes: ["a", "b", "c"],
      }),
      loss: nn.crossEntropy,
    })) as ConfusionResult;
    assert.deepEqual(found.matrix, [
      [1, 1, 0],
      [0, 1, 1],
      [1, 0, 0],
    ]);
    assert.deepEqual([found.classes, found.data, found.total, found.mistaken], [["a", "b", "c"], "training", 5, 3]);
    // Precision TP / column, recall TP / row, F1 their harmonic mean; F1 of c is 0 of 0 + 2 mistakes.
    assert.deepEqual(found.perClass, [
      { support: 2, precision: 1 / 2, recall: 1 / 2, f1: 1 / 2 },
      { support: 2, precision: 1 / 2, recall: 1 / 2, f1: 1 / 2 },
      { support: 1, precision: 0, recall: 0, f1: 0 },
    ]);
    assertClose([found.accuracy, found.macroF1], [2 / 5, 1 / 3], 1e-12, "averages");
    // Margins: 3 − 1, 9 − 1, 4 − 1.
    assert.deepEqual(
      found.mistakes.map(({ index, label, prediction }) => [index, label, prediction]),
      [
        [3, 1, 2],
        [4, 2, 0],
        [1, 0, 1],
      ],
    );
  });

  it("leaves a ratio without denominator empty", async () => {
    const found = (await confusion({
      data: fromArrays({ inputs: [[1, 0, 0]], targets: [0], classes: 3 }),
      loss: nn.crossEntropy,
    })) as ConfusionResult;
    assert.deepEqual(found.perClass[1], { support: 0, precision: null, recall: null, f1: null });
  });

  const binary: Readonly<
    Record<
      string,
      readonly [Options["loss"], inputs: number[], targets: number[], matrix: number[][], classes: string[]]
    >
  > = {
    "logits count from 0": [
      nn.binaryCrossEntropyWithLogits,
      [-1, 0.2, 0.2, -3],
      [0, 0, 1, 1],
      [
        [1, 1],
        [1, 1],
      ],
      ["0", "1"],
    ],
    "probabilities count from ½": [
      nn.binaryCrossEntropy,
      [0.4, 0.6, 0.9, 0.45],
      [0, 0, 1, 1],
      [
        [1, 1],
        [1, 1],
      ],
      ["0", "1"],
    ],
    "classes −1 and 1": [
      nn.hinge,
      [-2, 1, 0.1],
      [-1, -1, 1],
      [
        [1, 1],
        [0, 1],
      ],
      ["−1", "1"],
    ],
  };
  for (const [what, [loss, inputs, targets, matrix, classes]] of Object.entries(binary)) {
    it(`of a single output: ${what}`, async () => {
      const data = fromArrays({ inputs: inputs.map((x) => [x]), targets: targets.map((y) => [y]) });
      const found = (await confusion({ data, loss })) as ConfusionResult;
      assert.deepEqual([found.matrix, found.classes], [matrix, classes]);
    });
  }

  it("is taken on the validation data where there are any, all of them", async () => {
    const rows = (count: number, label: number) => ({
      inputs: Array.from({ length: count }, () => (label === 0 ? [1, 0] : [0, 1])),
      targets: new Array<number>(count).fill(label),
      classes: 2,
    });
    const found = (await confusion({
      data: fromArrays(rows(5, 0)),
      validation: fromArrays(rows(300, 1)),
      loss: nn.crossEntropy,
    })) as ConfusionResult;
    assert.deepEqual(
      [found.data, found.matrix],
      [
        "validation",
        [
          [0, 0],
          [0, 300],
        ],
      ],
    );
  });

  it("shows the mistaken picture", async () => {
    const pixels = Array.from({ length: 25 }, (_, i) => i);
    const found = (await confusion({
      data: fromArrays({ inputs: [pixels], targets: [3], classes: 25 }),
      loss: nn.crossEntropy,
    })) as ConfusionResult;
    const [{ index, prediction, image }] = found.mistakes;
    assert.deepEqual([index, prediction, image?.width, [...(image?.values ?? [])]], [0, 24, 5, pixels]);
  });

  it("makes no sense for numbers", async () => {
    const found = await confusion({ data: fromArrays({ inputs: [[1]], targets: [[2]] }), loss: nn.mse });
    assert.ok(found.kind === "nothing" && /predicts numbers.*class labels/.test(found.reason));
  });
});

describe("decision boundary", () => {
  const corners = [
    [0, 0],
    [10, 0],
    [0, 20],
    [10, 20],
  ];
  const boundary = async (options: Options, resolution = 3) =>
    answerLook(await lookInto(options), { kind: "boundary", resolution });

  it("covers the data's range and a tenth more, row by row from the least y", async () => {
    // ŷ = x + 100y on the grid x ∈ {−1, 5, 11}, y ∈ {−2, 10, 22}.
    const found = (await boundary({
      model: new nn.Linear(2, 1, { initializer: given(1, 100), bias: false }),
      data: fromArrays({ inputs: corners, targets: corners.map(([x]) => [x]) }),
      loss: nn.mse,
    })) as BoundaryResult;
    assertClose([...found.x, ...found.y], [-1, 11, -2, 22], 1e-6, "ranges");
    assertClose(found.values, [-201, -195, -189, 999, 1005, 1011, 2199, 2205, 2211], 1e-6, "values");
    assert.deepEqual([found.classes, found.classNames], [0, []]);
    assert.deepEqual(
      found.points.map(({ x, y, target }) => [x, y, target]),
      corners.map(([x, y]) => [x, y, x]),
    );
  });

  it("says the class and how far its probability lies above chance", async () => {
    // Three logits 0, x and 0: at x = −1, 5, 11 the class 0, 1, 1 (of equals the first).
    const found = (await boundary({
      model: new nn.Linear(2, 3, { initializer: given(0, 0, 1, 0, 0, 0), bias: false }),
      data: fromArrays({ inputs: corners, targets: [0, 1, 2, 0], classes: ["a", "b", "c"] }),
      loss: nn.crossEntropy,
    })) as BoundaryResult;
    const sure = (p: number): number => ((p - 1 / 3) / (2 / 3)) * (1 - 2 ** -10);
    const expected = [
      sure(1 / (2 + Math.exp(-1))),
      1 + sure(Math.exp(5) / (2 + Math.exp(5))),
      1 + sure(Math.exp(11) / (2 + Math.exp(11))),
    ];
    assertClose(found.values.subarray(0, 3), expected, 1e-6, "values");
    assert.deepEqual([found.classes, found.classNames], [3, ["a", "b", "c"]]);
    assert.deepEqual(
      found.points.map(({ target }) => target),
      [0, 1, 2, 0],
    );
  });

  it("of one logit: |2p − 1| with p its sigmoid", async () => {
    const found = (await boundary({
      model: new nn.Linear(2, 1, { initializer: given(1, 0), biasInitializer: given(-5) }),
      data: fromArrays({ inputs: corners, targets: [[0], [1], [0], [1]] }),
      loss: nn.binaryCrossEntropyWithLogits,
    })) as BoundaryResult;
    const sure = (1 - 2 / (1 + Math.exp(6))) * (1 - 2 ** -10);
    assertClose(found.values.subarray(0, 3), [sure, 0, 1 + sure], 1e-6, "values");
  });

  it("draws at most 500 points of many, and no grid finer than 256", async () => {
    const inputs = Array.from({ length: 1200 }, (_, i) => [i, -i]);
    const found = (await boundary(
      { model: new nn.Linear(2, 1), data: fromArrays({ inputs, targets: inputs.map(() => [0]) }), loss: nn.mse },
      10_000,
    )) as BoundaryResult;
    assert.deepEqual([found.points.length, found.resolution, found.values.length], [500, 256, 65_536]);
  });

  const refusals: readonly [model: nn.Module, width: number, targets: number, words: RegExp][] = [
    [new nn.Linear(3, 1), 3, 1, /two input features.*this one has 3/],
    [new nn.Linear(2, 2), 2, 2, /predicts 2 numbers for each point/],
  ];
  for (const [model, width, targets, words] of refusals) {
    it(`says why there is none: ${words.source}`, async () => {
      const data = fromArrays({
        inputs: [new Array<number>(width).fill(1)],
        targets: [new Array<number>(targets).fill(1)],
      });
      const found = await boundary({ model, data, loss: nn.mse });
      assert.ok(found.kind === "nothing" && words.test(found.reason), JSON.stringify(found));
    });
  }
});
