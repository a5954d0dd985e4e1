/** Skill by hand: 0 for what a constant achieves, 1 for no mistake. */
import assert from "node:assert/strict";
import { scoreOf } from "../../engine/diagnose/score";
import type { FieldSpec } from "../../engine/data/dataset";

const labels = (classes: number): FieldSpec => ({ shape: [], dtype: "int32", classes });
const numbers: FieldSpec = { shape: [1], dtype: "float32" };

const cases: readonly {
  readonly what: string;
  readonly spec: FieldSpec;
  readonly prediction: readonly number[];
  readonly shape: readonly number[];
  readonly target: readonly number[];
  readonly threshold?: number;
  readonly skill: number;
  readonly accuracy: number;
}[] = [
  // Four of four.
  {
    what: "right classes",
    spec: labels(2),
    shape: [2],
    prediction: [1, 0, 0, 1, 3, 2, 0, 5],
    target: [0, 1, 0, 1],
    skill: 1,
    accuracy: 1,
  },
  // Always class 0, which three of four are: right for 3/4, but no better than naming it, and recalls 1 and 0 mean 1/2.
  {
    what: "the most frequent class alone",
    spec: labels(2),
    shape: [2],
    prediction: [1, 0, 1, 0, 1, 0, 1, 0],
    target: [0, 0, 0, 1],
    skill: 0,
    accuracy: 0.75,
  },
  // Recalls 1/2 and 1: (3/4 − 1/2) / (1 − 1/2) = 1/2; over the majority (3/4 − 1/2) / (1/2) = 1/2.
  {
    what: "three of four",
    spec: labels(2),
    shape: [2],
    prediction: [1, 0, 0, 1, 0, 1, 0, 1],
    target: [0, 0, 1, 1],
    skill: 0.5,
    accuracy: 0.75,
  },
  // Logits of one unit above 0 are class 1.
  {
    what: "a single logit",
    spec: labels(2),
    shape: [1],
    prediction: [-2, 3, -0.1, 0.4],
    target: [0, 1, 0, 1],
    threshold: 0,
    skill: 1,
    accuracy: 1,
  },
  // ±1 against the sign.
  {
    what: "targets of ±1",
    spec: numbers,
    shape: [1],
    prediction: [-0.2, 0.7, -3, 9],
    target: [-1, 1, -1, 1],
    threshold: 0.5,
    skill: 1,
    accuracy: 1,
  },
  // Mean 2, total 2, residual 1/2 + 0: R² = 3/4.
  {
    what: "numbers",
    spec: numbers,
    shape: [1],
    prediction: [1.5, 2, 3.5],
    target: [1, 2, 3],
    skill: 0.75,
    accuracy: 0.75,
  },
  // The mean of the targets for each: R² = 0.
  {
    what: "the mean alone",
    spec: numbers,
    shape: [1],
    prediction: [2, 2, 2],
    target: [1, 2, 3],
    skill: 0,
    accuracy: 0,
  },
];

describe("diagnose: score", () => {
  for (const { what, prediction, target, threshold = 0.5, spec, shape, skill, accuracy } of cases) {
    it(`of ${what}`, () => {
      const count = target.length;
      const score = scoreOf({ count, prediction, shape, target, spec, threshold });
      assert.equal(score?.skill, skill);
      assert.equal(score?.accuracy, accuracy);
    });
  }

  it("is unknown where predictions and targets cannot be compared", () => {
    assert.equal(
      scoreOf({ count: 2, prediction: [1, 2, 3, 4], shape: [2], target: [1, 2], spec: numbers, threshold: 0 }),
      undefined,
    );
  });

  it("takes one-hot rows for classes", () => {
    const spec: FieldSpec = { shape: [3], dtype: "float32" };
    const score = scoreOf({
      count: 2,
      prediction: [9, 1, 0, 0, 1, 5],
      shape: [3],
      target: [1, 0, 0, 0, 1, 0],
      spec,
      threshold: 0.5,
    });
    assert.equal(score?.task, "classes");
    assert.equal(score?.accuracy, 0.5);
    assert.deepEqual(score?.confusion, [
      [1, 0, 0],
      [0, 0, 1],
      [0, 0, 0],
    ]);
  });
});
