import assert from "node:assert/strict";
import {
  csv,
  type CsvDatasetOptions,
  digits,
  idx,
  iris,
  npy,
  ownParts,
  plainContext,
  summary,
} from "../../engine/data/index";
import { writeIdx } from "../../engine/formats/idx";
import { writeNpy } from "../../engine/formats/npy";
import { plainArray } from "../../engine/formats/plain";
import { inputsOf, load, targetsOf } from "./support";

describe("digits", () => {
  it("describes itself without being read", () => {
    const { fields, length, heldOut } = digits({ shape: [1, 28, 28] });
    assert.deepEqual([length, heldOut], [10_000, 2_000]);
    assert.deepEqual(fields?.inputs[0].shape, [1, 28, 28]);
    assert.deepEqual(fields?.targets[0], { shape: [], dtype: "int32", classes: 10, name: "digit" });
    assert.deepEqual(digits().fields?.inputs[0].shape, [784]);
    assert.throws(() => digits({ shape: [28, 27] }), /takes 756 values, but an image has 784.*\[1, 28, 28\]/);
  });

  it("has pixels from 0 to 1 and 10,000 labels, the last 2,000 of all classes held out", async () => {
    const loaded = await load(digits());
    const { fields } = summary(loaded);
    assert.deepEqual([fields[0].min, fields[0].max], [0, 1]);
    // Published figures of MNIST's training set: mean 0.1307, deviation 0.3081; these 10,000 are a sample of it.
    assert.ok(Math.abs(fields[0].mean - 0.1307) < 0.003 && Math.abs(fields[0].std - 0.3081) < 0.003);
    assert.equal(
      fields[1].classCounts?.reduce((sum, count) => sum + count),
      10_000,
    );
    const { train, validation } = ownParts(digits());
    assert.deepEqual([train.length, validation?.length], [8_000, 2_000]);
    assert.ok(validation !== null);
    const held = await load(validation);
    assert.deepEqual(held.get(0, plainContext), loaded.get(8_000, plainContext));
    assert.ok(summary(held).fields[1].classCounts?.every((count) => count > 150));
  });
});

describe("iris", () => {
  it("holds Fisher's flowers", async () => {
    const loaded = await load(iris());
    assert.deepEqual([loaded.length, loaded.fields], [150, iris().fields]);
    const [inputs, species] = summary(loaded).fields;
    assert.deepEqual(species.classCounts, [50, 50, 50]);
    // Means of Fisher's table (1936): 5.843, 3.057, 3.758, 1.199.
    const means = inputs.columns.map(({ mean }) => Number(mean.toFixed(3)));
    assert.deepEqual(means, [5.843, 3.057, 3.758, 1.199]);
    assert.deepEqual(loaded.get(0, plainContext).inputs[0], Float32Array.of(5.1, 3.5, 1.4, 0.2));
  });
});

describe("csv", () => {
  const flowers = "length,width,species\n1,2,rose\n3,4,lily\n5,6,rose\n";
  const open = (text: string, options: CsvDatasetOptions) => load(csv("data.csv", options), { "data.csv": text });

  it("makes sorted classes of a column of text", async () => {
    const loaded = await open(flowers, { target: "species" });
    assert.deepEqual(inputsOf(loaded), [
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    assert.deepEqual(targetsOf(loaded).flat(), [1, 0, 1]);
    assert.deepEqual(loaded.fields.targets, [
      { shape: [], dtype: "int32", classes: 2, classNames: ["lily", "rose"], name: "species" },
    ]);
  });

  it("describes itself unread where inputs and classes are named", async () => {
    const options = { target: "species", inputs: ["width"], classes: ["rose", "lily"] };
    const data = csv("data.csv", options);
    const loaded = await open(flowers, options);
    assert.deepEqual(data.fields, loaded.fields);
    assert.deepEqual(inputsOf(loaded), [[2], [4], [6]]);
    assert.deepEqual(targetsOf(loaded).flat(), [0, 1, 0]);
    assert.equal(csv("data.csv", { target: "species" }).fields, null);
  });

  it("makes quantities of numbers, labels of numbers with classes, and several targets", async () => {
    const regression = await open(flowers, { target: "width", inputs: ["length"] });
    assert.deepEqual(targetsOf(regression), [[2], [4], [6]]);
    assert.deepEqual(regression.fields.targets[0].shape, [1]);
    const labels = await open("a,b\n1,0\n2,2\n", { target: -1, classes: 3 });
    assert.deepEqual(labels.fields.targets[0].classes, 3);
    assert.deepEqual(targetsOf(labels).flat(), [0, 2]);
    const both = await open("a,b,c\n1,2,3\n4,5,6\n", { target: ["c", "a"] });
    assert.deepEqual(targetsOf(both), [
      [3, 1],
      [6, 4],
    ]);
    assert.deepEqual(inputsOf(both), [[2], [5]]);
  });

  it("turns categorical inputs to 0/1 columns after the numeric ones", async () => {
    const loaded = await open("colour,size,price\nred,1,10\nblue,2,20\n", { target: "price", categorical: ["colour"] });
    assert.deepEqual(inputsOf(loaded), [
      [1, 0, 1],
      [2, 1, 0],
    ]);
  });

  it("drops or keeps rows with an empty cell", async () => {
    const gaps = "a,b,y\n1,,0\n3,4,1\n5,6,\n";
    const dropped = await open(gaps, { target: "y", missing: "drop" });
    assert.deepEqual(inputsOf(dropped), [[3, 4]]);
    const kept = await open("a,b,y\n1,,0\n3,4,1\n", { target: "y", missing: "keep" });
    assert.deepEqual(inputsOf(kept), [
      [1, NaN],
      [3, 4],
    ]);
    assert.equal(summary(kept).fields[0].missing, 1);
    await assert.rejects(open(gaps, { target: "y" }), /data\.csv: line 2, column "b": the cell is empty/);
    await assert.rejects(
      open(gaps, { target: "y", missing: "keep" }),
      /csv\("data\.csv"\): row 3, target: the cell is empty\. Fill it, or say missing: "drop"/,
    );
  });

  it("says where a column of text belongs", () =>
    assert.rejects(
      open("colour,y\nred,1\n", { target: "y" }),
      /data\.csv: line 2, column "colour": "red" is no number\. Correct the cell; a column of categories belongs into categorical/,
    ));

  it("names the row of a label outside the classes", async () => {
    await assert.rejects(
      open("a,y\n1,0\n2,3\n", { target: "y", classes: 3 }),
      /csv\("data\.csv"\): row 2, target "y": label 3 is outside 0…2\. Labels count from 0/,
    );
  });
});

describe("idx and npy", () => {
  const images = plainArray([2, 1, 2], "uint8", Uint8Array.of(0, 255, 51, 102));
  const labels = plainArray([2], "uint8", Uint8Array.of(1, 4));

  it("idx scales bytes and counts the classes", async () => {
    const data = idx({ images: "i", labels: "l" });
    const contents = { i: writeIdx(images, { compress: true }), l: writeIdx(labels) };
    const loaded = await load(data, contents);
    assert.deepEqual(loaded.fields, {
      inputs: [{ shape: [1, 2], dtype: "float32" }],
      targets: [{ shape: [], dtype: "int32", classes: 5 }],
    });
    assert.deepEqual(inputsOf(loaded), [
      [0, 1],
      [Math.fround(0.2), Math.fround(0.4)],
    ]);
    const shaped = idx({ images: "i", labels: "l", shape: [2], classes: 5 });
    assert.deepEqual(shaped.fields, (await load(shaped, contents)).fields);
    await assert.rejects(
      load(idx({ images: "i", labels: "l", shape: [3] }), contents),
      /shape \[3\] takes 3 values, but an image has 2/,
    );
  });

  it("idx refuses another number of labels", async () => {
    const short = { i: writeIdx(images), l: writeIdx(plainArray([1], "uint8", Uint8Array.of(1))) };
    await assert.rejects(load(idx({ images: "i", labels: "l" }), short), /2 inputs, but 1 targets/);
  });

  it("npy reads quantities, or labels with classes", async () => {
    const contents = {
      x: writeNpy(plainArray([2, 2], "float64", Float64Array.of(1, 2, 3, 4))),
      y: writeNpy(plainArray([2], "int64", BigInt64Array.of(1n, 0n))),
    };
    const regression = await load(npy({ inputs: "x", targets: "y" }), contents);
    assert.deepEqual(regression.fields.targets, [{ shape: [1], dtype: "float32" }]);
    const labels = await load(npy({ inputs: "x", targets: "y", classes: 2 }), contents);
    assert.deepEqual(labels.fields.targets, [{ shape: [], dtype: "int32", classes: 2 }]);
    assert.deepEqual(targetsOf(labels).flat(), [1, 0]);
    assert.deepEqual(inputsOf(labels), [
      [1, 2],
      [3, 4],
    ]);
  });
});
