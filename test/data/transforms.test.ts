import assert from "node:assert/strict";
import {
  csv,
  type Dataset,
  fillMissing,
  fromArrays,
  kFold,
  normalize,
  plainContext,
  scale,
  split,
  summary,
  toOneHot,
} from "../../engine/data/index";
import { assertClose, inputsOf, load, targetsOf } from "./support";

const table = (rows: number[][], heldOut = 0): Dataset =>
  fromArrays({ inputs: rows, targets: rows.map(() => 0), heldOut });

describe("normalize", () => {
  it("standard: (x − mean)/std of each feature, population deviation; a constant feature is centred", async () => {
    const data = normalize(
      table([
        [1, 10, 5],
        [2, 10, 1],
        [3, 10, 5],
        [4, 10, 1],
      ]),
    );
    // Feature 0: mean 2.5, variance (2.25 + 0.25 + 0.25 + 2.25)/4 = 1.25; feature 2: mean 3, deviation 2.
    const s = Math.sqrt(1.25);
    assertClose(inputsOf(await load(data)), [
      [-1.5 / s, 0, 1],
      [-0.5 / s, 0, -1],
      [0.5 / s, 0, 1],
      [1.5 / s, 0, -1],
    ]);
    assert.equal(data.fitted, true);
  });

  it("minmax, all together, and given numbers", async () => {
    const rows = [
      [0, 10],
      [5, 20],
    ];
    assertClose(inputsOf(await load(normalize(table(rows), "minmax"))), [
      [0, 0],
      [1, 1],
    ]);
    assertClose(inputsOf(await load(normalize(table(rows), "minmax", { per: "all" }))), [
      [0, 0.5],
      [0.25, 1],
    ]);
    const given = normalize(table(rows), { mean: [0, 10], std: 5 });
    assertClose(inputsOf(await load(given)), [
      [0, 0],
      [1, 2],
    ]);
    assert.equal(given.fitted, false);
  });

  it("by channel for images", async () => {
    const image = fromArrays({ inputs: [[[[0, 2]], [[10, 30]]]], targets: [0] });
    assert.deepEqual(image.fields?.inputs[0].shape, [2, 1, 2]);
    assertClose(inputsOf(await load(normalize(image))), [[-1, 1, -1, 1]]);
  });

  it("takes no statistics from held-out examples", async () => {
    assertClose(inputsOf(await load(normalize(table([[1], [3], [100]], 1)))), [[-1], [1], [98]]);
  });

  it("takes the statistics of all parts from train", async () => {
    const parts = normalize(split(table([[1], [3], [100]]), { validation: 0.3, shuffle: false }));
    assertClose(inputsOf(await load(parts.train)), [[-1], [1]]);
    assertClose(inputsOf(await load(parts.validation)), [[98]]);
    assert.equal(parts.test, null);
    const [fold] = kFold(table([[100], [1], [3]]), 3, { shuffle: false }).map((one) => normalize(one));
    assertClose(inputsOf(await load(fold.validation)), [[98]]);
  });

  const cases: [string, () => Dataset, RegExp][] = [
    ["std of 0", () => normalize(table([[1]]), { mean: 0, std: 0 }), /std is 0\. Give a number above 0/],
    [
      "a short mean",
      () => normalize(table([[1, 2]]), { mean: [0], std: 1 }),
      /mean has 1 entries\. Give one number, or 2/,
    ],
    [
      "channels of a table",
      () => normalize(table([[1]]), "standard", { per: "channel" }),
      /per is "channel", but the field/,
    ],
  ];
  for (const [name, make, message] of cases) {
    it(`refuses ${name}`, () => assert.rejects(async () => load(make()), message));
  }
  it("refuses a field that is not there", () =>
    assert.throws(() => normalize(table([[1]]), "standard", { field: 1 }), /has no float32 input field 1/));
});

describe("scale, toOneHot, fillMissing", () => {
  it("scale multiplies and adds", async () => {
    assertClose(inputsOf(await load(scale(table([[0, 255]]), 2 / 255, { offset: -1 }))), [[-1, 1]]);
  });

  it("toOneHot", async () => {
    const data = toOneHot(fromArrays({ inputs: [[0], [0]], targets: [2, 0], classes: 3 }));
    assert.deepEqual(data.fields?.targets, [{ shape: [3], dtype: "float32" }]);
    assert.deepEqual(targetsOf(await load(data)), [
      [0, 0, 1],
      [1, 0, 0],
    ]);
    assert.throws(() => toOneHot(table([[1]])), /target field 0 of fromArrays holds no labels/);
  });

  it("fillMissing by a number or by the mean of the training examples", async () => {
    const text = "a,y\n1,0\n,0\n5,0\n";
    const data = csv("t.csv", { target: "y", missing: "keep" });
    assert.deepEqual(inputsOf(await load(fillMissing(data, -1), { "t.csv": text })), [[1], [-1], [5]]);
    assert.deepEqual(inputsOf(await load(fillMissing(data, "mean"), { "t.csv": text })), [[1], [3], [5]]);
    assert.equal((await load(fillMissing(data, 0), { "t.csv": text })).get(1, plainContext).inputs[0][0], 0);
  });
});

describe("summary", () => {
  it("tells counts, moments and constant columns", async () => {
    const loaded = await load(
      fromArrays({
        inputs: [
          [1, 7],
          [3, 7],
          [5, 7],
          [7, 7],
        ],
        targets: [0, 2, 2, 2],
        classes: 3,
        heldOut: 1,
      }),
    );
    const { fields, length, heldOut } = summary(loaded);
    assert.deepEqual([length, heldOut], [4, 1]);
    const [inputs, targets] = fields;
    // 1, 3, 5, 7: mean 4, variance 5; with four times 7: mean 5.5, variance (4·5 + 4·0 + 8·1.5²)/8 = 4.75.
    assert.deepEqual(inputs.columns[0], { min: 1, max: 7, mean: 4, std: Math.sqrt(5), missing: 0 });
    assert.deepEqual([inputs.min, inputs.max, inputs.mean, inputs.missing], [1, 7, 5.5, 0]);
    assert.ok(Math.abs(inputs.std - Math.sqrt(4.75)) < 1e-12);
    assert.deepEqual(inputs.constantColumns, [1]);
    assert.equal(inputs.classCounts, null);
    assert.deepEqual(targets.classCounts, [1, 0, 3]);
  });
});
