import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Dataset,
  digits,
  findLeaks,
  fromArrays,
  gates,
  kFold,
  moons,
  normalize,
  ownParts,
  split,
} from "../../engine/data/index";
import { apportion } from "../../engine/data/split";
import { inputsOf, load, targetsOf } from "./support";

/** n examples whose only input is their number. */
const numbered = (n: number, classOf?: (i: number) => number, classes = 3): Dataset =>
  fromArrays({
    inputs: Array.from({ length: n }, (_, i) => [i]),
    targets: Array.from({ length: n }, (_, i) => classOf?.(i) ?? i),
    ...(classOf ? { classes } : {}),
  });

const numbersOf = async (data: Dataset | null): Promise<number[]> =>
  data === null ? [] : inputsOf(await load(data)).flat();

const ascending = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

describe("split", () => {
  it("takes every example into exactly one part, of the promised size", () =>
    fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 10, max: 60 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 4 }),
        fc.nat(),
        fc.boolean(),
        async (n, v, t, seed, shuffle) => {
          const parts = split(numbered(n), { validation: v / 10, test: t / 10, seed, shuffle });
          const numbers = await Promise.all([parts.train, parts.validation, parts.test].map(numbersOf));
          assert.deepEqual(
            numbers.flat().sort((a, b) => a - b),
            ascending(n),
          );
          assert.equal(numbers[1].length, Math.round((n * v) / 10));
          assert.equal(numbers[2].length, Math.round((n * t) / 10));
          assert.deepEqual([parts.train.length, parts.validation.length], [numbers[0].length, numbers[1].length]);
        },
      ),
      { numRuns: 60 },
    ));

  it("is the same for one seed, and another for another", async () => {
    const of = async (seed: number): Promise<number[]> => numbersOf(split(numbered(50), { seed }).validation);
    assert.deepEqual(await of(3), await of(3));
    assert.notDeepEqual(await of(3), await of(4));
  });

  it("without shuffling takes the end: training, validation, test", async () => {
    const parts = split(numbered(10), { validation: 0.2, test: 0.3, shuffle: false });
    assert.deepEqual(await numbersOf(parts.train), [0, 1, 2, 3, 4]);
    assert.deepEqual(await numbersOf(parts.validation), [5, 6]);
    assert.deepEqual(await numbersOf(parts.test), [7, 8, 9]);
  });

  it("stratified: each part has each class in proportion", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 20, maxLength: 80 }),
        fc.nat(),
        async (labels, seed) => {
          const data = numbered(labels.length, (i) => labels[i]);
          const parts = split(data, { validation: 0.25, test: 0.15, seed, stratified: true });
          for (const part of [parts.train, parts.validation, parts.test]) {
            assert.ok(part !== null);
            const found = targetsOf(await load(part)).flat();
            for (const label of [0, 1, 2]) {
              const share = labels.filter((one) => one === label).length / labels.length;
              const count = found.filter((one) => one === label).length;
              assert.ok(Math.abs(count - share * found.length) < 2, `${count} of ${share * found.length}`);
            }
          }
        },
      ),
      { numRuns: 60 },
    ));

  it("stratified by hand: 8 of one class and 4 of another, a quarter", async () => {
    const part = split(
      numbered(12, (i) => (i < 8 ? 0 : 1)),
      { validation: 0.25, stratified: true },
    ).validation;
    assert.deepEqual(targetsOf(await load(part)).flat(), [0, 0, 1]);
  });

  const cases: [string, () => unknown, RegExp][] = [
    [
      "0",
      () => split(moons(), { validation: 0 }),
      /splitData\(moons\): validation is 0\. Give a share above 0 and below 1/,
    ],
    ["1", () => split(moons(), { validation: 1 }), /validation is 1/],
    ["a percentage", () => split(moons(), { validation: 20 }), /validation is 20\. Give a share above 0 and below 1/],
    ["NaN", () => split(moons(), { validation: NaN }), /validation is NaN/],
    ["a negative test", () => split(moons(), { test: -0.1 }), /test is -0\.1/],
    ["all", () => split(moons(), { validation: 0.5, test: 0.5 }), /leave nothing for training/],
    ["too little", () => split(gates("and"), { validation: 0.1 }), /4 examples give 4 for training, 0 for validation/],
    ["normalised data", () => split(normalize(moons())), /Split first, then normalise the parts: normalize\(splitData/],
    ["k of 1", () => kFold(moons(), 1), /k is 1\. Give a whole number of at least 2/],
    ["k beyond the data", () => kFold(gates("and"), 5), /k is 5, but there are 4 examples/],
  ];
  for (const [name, make, message] of cases) it(`refuses ${name}`, () => assert.throws(make, message));

  it("refuses to stratify quantities", () =>
    assert.rejects(load(split(numbered(20), { stratified: true }).train), /20 examples have 20 different targets/));
});

describe("kFold", () => {
  it("each example validates once and trains k − 1 times; folds are even", () =>
    fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 2, max: 7 }),
        fc.integer({ min: 7, max: 40 }),
        fc.nat(),
        fc.boolean(),
        fc.boolean(),
        async (k, n, seed, stratified, shuffle) => {
          const folds = kFold(
            numbered(n, (i) => (i * i) % 3),
            k,
            { seed, stratified, shuffle },
          );
          assert.equal(folds.length, k);
          const [validated, trained] = [new Array<number>(n).fill(0), new Array<number>(n).fill(0)];
          for (const { train, validation } of folds) {
            const [inside, outside] = [await numbersOf(train), await numbersOf(validation)];
            assert.ok(outside.length === Math.floor(n / k) || outside.length === Math.ceil(n / k));
            assert.deepEqual([train.length, validation.length], [inside.length, outside.length]);
            for (const i of inside) trained[i]++;
            for (const i of outside) validated[i]++;
          }
          assert.ok(validated.every((count) => count === 1));
          assert.ok(trained.every((count) => count === k - 1));
        },
      ),
      { numRuns: 60 },
    ));

  it("stratified: class counts of two folds differ by one at most", async () => {
    const folds = kFold(
      numbered(31, (i) => (i < 17 ? 0 : i < 27 ? 1 : 2)),
      4,
      { stratified: true, seed: 5 },
    );
    const labels = await Promise.all(folds.map(async ({ validation }) => targetsOf(await load(validation)).flat()));
    for (const label of [0, 1, 2]) {
      const counts = labels.map((fold) => fold.filter((one) => one === label).length);
      assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, counts.join());
    }
  });

  it("without shuffling cuts consecutive folds, the first ones longer", async () => {
    const folds = kFold(numbered(7), 3, { shuffle: false });
    assert.deepEqual(await Promise.all(folds.map(({ validation }) => numbersOf(validation))), [
      [0, 1, 2],
      [3, 4],
      [5, 6],
    ]);
  });
});

describe("parts", () => {
  it("of data that hold some out, and of data that do not", async () => {
    const held = fromArrays({ inputs: [[1], [2], [3]], targets: [1, 2, 3], heldOut: 1 });
    const { train, validation } = ownParts(held);
    assert.deepEqual([await numbersOf(train), await numbersOf(validation)], [[1, 2], [3]]);
    assert.equal(ownParts(moons()).validation, null);
    assert.equal(ownParts(digits()).validation?.length, 2000);
  });

  it("leaks are found, with whether the targets agree", async () => {
    const first = await load(
      fromArrays({
        inputs: [
          [1, 2],
          [3, 4],
          [5, 6],
        ],
        targets: [0, 1, 0],
        classes: 2,
      }),
    );
    const second = await load(
      fromArrays({
        inputs: [
          [9, 9],
          [3, 4],
          [5, 6],
          [4, 3],
        ],
        targets: [0, 1, 1, 0],
        classes: 2,
      }),
    );
    assert.deepEqual(findLeaks(first, second), [
      { first: 1, second: 1, sameTarget: true },
      { first: 2, second: 2, sameTarget: false },
    ]);
    const parts = split(numbered(40));
    assert.deepEqual(findLeaks(await load(parts.train), await load(parts.validation)), []);
  });

  it("apportion gives the rest to the largest remainders", () => {
    assert.deepEqual(apportion(10, [1, 1, 1]), [4, 3, 3]);
    assert.deepEqual(apportion(7, [0.5, 0.3, 0.2]), [4, 2, 1]);
    assert.deepEqual(apportion(3, [0, 1]), [0, 3]);
  });
});
