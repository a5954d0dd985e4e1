import assert from "node:assert/strict";
import {
  custom,
  DataError,
  defineDataset,
  type Dataset,
  fromArrays,
  type LoadedDataset,
  plainContext,
} from "../../engine/data/index";
import { examplesOf, filesOf, inputsOf, load, targetsOf } from "./support";

describe("fromArrays", () => {
  it("describes regression and classification", () => {
    const inputs = [
      [1, 2],
      [3, 4],
    ];
    assert.deepEqual(fromArrays({ inputs, targets: [0.5, 1] }).fields, {
      inputs: [{ shape: [2], dtype: "float32" }],
      targets: [{ shape: [1], dtype: "float32" }],
    });
    assert.deepEqual(fromArrays({ inputs, targets: [0, 1], classes: ["cat", "dog"] }).fields?.targets, [
      { shape: [], dtype: "int32", classes: 2, classNames: ["cat", "dog"] },
    ]);
  });

  it("keeps values, nested shapes and typed rows", async () => {
    const loaded = await load(fromArrays({ inputs: [[[1, 2]], [[3, 4]]], targets: [[5], [6]] }));
    assert.deepEqual(loaded.fields.inputs[0].shape, [1, 2]);
    assert.deepEqual(inputsOf(loaded), [
      [1, 2],
      [3, 4],
    ]);
    assert.deepEqual(targetsOf(loaded), [[5], [6]]);
    const typed = await load(fromArrays({ inputs: [Float32Array.of(1, 2)], targets: [7] }));
    assert.deepEqual(inputsOf(typed), [[1, 2]]);
  });

  const pair = [[1], [2]];
  const cases: [string, () => Dataset, string][] = [
    [
      "a label beyond the classes",
      () => fromArrays({ inputs: pair, targets: [0, 2], classes: 2, name: "pets" }),
      "pets: example 1, target: label 2 is outside 0…1. Labels count from 0: subtract 1 from each, or declare 3 classes",
    ],
    [
      "a negative label",
      () => fromArrays({ inputs: pair, targets: [-1, 0], classes: 2 }),
      "fromArrays: example 0, target: label -1 is outside 0…1. Labels must be whole numbers from 0 to classes − 1: correct them, or declare the right number of classes",
    ],
    [
      "a fraction as label",
      () => fromArrays({ inputs: pair, targets: [0, 0.5], classes: 2 }),
      "fromArrays: example 1, target: label 0.5 is no whole number. Class labels are whole numbers from 0; leave out `classes` where the targets are quantities",
    ],
    [
      "NaN in the inputs",
      () =>
        fromArrays({
          inputs: [
            [1, 2],
            [3, NaN],
          ],
          targets: [0, 1],
        }),
      "fromArrays: example 1, input: value 1 is NaN. Every value must be a finite number: correct the data, or leave the example out",
    ],
    [
      "infinity in the targets",
      () => fromArrays({ inputs: pair, targets: [0, -Infinity] }),
      "fromArrays: example 1, target: the value is -Infinity. Every value must be a finite number: correct the data, or leave the example out",
    ],
    [
      "fewer targets than inputs",
      () => fromArrays({ inputs: pair, targets: [0] }),
      "fromArrays: 2 inputs, but 1 targets. Give one target for each input: remove the extra inputs, or add what is missing",
    ],
    [
      "no examples",
      () => fromArrays({ inputs: [], targets: [] }),
      "fromArrays: inputs: there are no examples. Give at least one example",
    ],
    [
      "ragged rows",
      () => fromArrays({ inputs: [[1, 2], [3]], targets: [0, 1] }),
      "fromArrays: inputs: nested lists need equal lengths: expected 2 at value[1], got a list of 1. Give one list of equal length for each example",
    ],
    [
      "everything held out",
      () => fromArrays({ inputs: pair, targets: [0, 1], heldOut: 2 }),
      "fromArrays: heldOut is 2, but there are 2 examples. Leave at least one example for training",
    ],
    [
      "too few class names",
      () =>
        custom({
          length: 1,
          inputs: { shape: [1], dtype: "float32" },
          targets: { shape: [], dtype: "int32", classes: 2, classNames: ["a"] },
          get: () => ({ inputs: 0, targets: 0 }),
        }),
      "custom: target: there are 1 class names for 2 classes. Give one name for each class",
    ],
  ];
  for (const [name, make, message] of cases) {
    it(`refuses ${name}`, () => {
      assert.throws(make, (error) => error instanceof DataError && error.message === message);
    });
  }
});

describe("custom", () => {
  const squares = (get: (index: number) => { inputs: number; targets: number }): Dataset =>
    custom({
      name: "squares",
      length: 5,
      inputs: { shape: [1], dtype: "float32" },
      targets: { shape: [], dtype: "int32", classes: 20 },
      get,
    });

  it("asks for each example", async () => {
    const loaded = await load(squares((i) => ({ inputs: i, targets: i * i })));
    assert.deepEqual(inputsOf(loaded), [[0], [1], [2], [3], [4]]);
    assert.deepEqual(targetsOf(loaded), [[0], [1], [4], [9], [16]]);
  });

  it("takes lists of fields, and passes the context on", async () => {
    const data = custom({
      length: 2,
      inputs: [
        { shape: [2], dtype: "float32" },
        { shape: [], dtype: "int32" },
      ],
      targets: [{ shape: [1], dtype: "float32" }],
      get: (index, { epoch }) => ({ inputs: [[index, 1], index], targets: [epoch] }),
    });
    const example = (await load(data)).get(1, { seed: 0, epoch: 3, training: true });
    assert.deepEqual(example, { inputs: [Float32Array.of(1, 1), Int32Array.of(1)], targets: [Float32Array.of(3)] });
  });

  const bad: [string, { inputs: unknown; targets: unknown }, RegExp][] = [
    ["a label out of range", { inputs: 1, targets: 20 }, /squares: example 4, target: label 20 is outside 0…19/],
    ["a fraction as label", { inputs: 1, targets: 1.5 }, /squares: example 4, target: label 1\.5 is no whole number/],
    ["NaN", { inputs: NaN, targets: 1 }, /squares: example 4, input: the value is NaN/],
    ["too many values", { inputs: [1, 2], targets: 1 }, /example 4, input: 2 values, but the shape \[1\] takes 1/],
    ["nothing", { inputs: undefined, targets: 1 }, /example 4, input: get gave undefined/],
  ];
  for (const [name, value, message] of bad) {
    it(`refuses ${name} when it is asked for`, async () => {
      const loaded = await load(squares(() => value as { inputs: number; targets: number }));
      assert.throws(() => loaded.get(4, plainContext), message);
    });
  }
});

describe("a data set", () => {
  it("maps each example, with fields that say how", async () => {
    const data = fromArrays({
      inputs: [
        [1, 2],
        [3, 4],
      ],
      targets: [0, 1],
    }).map(({ inputs: [x], targets }) => ({ inputs: [Float32Array.of(x[0] * x[1])], targets }), {
      inputs: [{ shape: [1], dtype: "float32", name: "product" }],
    });
    assert.deepEqual(data.fields?.inputs, [{ shape: [1], dtype: "float32", name: "product" }]);
    assert.deepEqual(inputsOf(await load(data)), [[2], [12]]);
  });

  it("says which example a map spoils", async () => {
    const data = fromArrays({ inputs: [[1], [0]], targets: [0, 1] });
    const inverse = data.map(({ inputs: [x], targets }) => ({ inputs: [Float32Array.of(1 / x[0])], targets }));
    const loaded = await load(inverse);
    assert.throws(() => loaded.get(1, plainContext), /fromArrays\.map: example 1, input: the value is Infinity/);
    const longer = await load(data.map(({ targets }) => ({ inputs: [new Float32Array(3)], targets })));
    assert.throws(() => longer.get(0, plainContext), /3 values, but the shape \[1\] takes 1/);
  });

  it("is read once for the same files, and again after a failure", async () => {
    let reads = 0;
    const base = fromArrays({ inputs: [[1]], targets: [1] });
    const files = filesOf();
    const flaky = defineDataset({
      name: "flaky",
      fields: base.fields,
      length: 1,
      async read(from): Promise<LoadedDataset> {
        if (++reads === 1) throw new Error("not yet");
        return base.load(from);
      },
    });
    await assert.rejects(flaky.load(files), /not yet/);
    assert.equal(await flaky.load(files), await flaky.load(files));
    assert.equal(reads, 2);
    assert.equal(examplesOf(await flaky.load(files)).length, 1);
  });
});
