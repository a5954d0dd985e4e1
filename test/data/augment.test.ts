import assert from "node:assert/strict";
import fc from "fast-check";
import {
  augment,
  type Augmentation,
  type Dataset,
  elastic,
  fromArrays,
  horizontalFlip,
  moons,
  noise,
  ownParts,
  randomRotation,
  randomScale,
  randomShear,
  randomShift,
  split,
  summary,
  weightsFromConfusion,
  withAugmented,
} from "../../engine/data/index";
import { addChange, blur, gaussianWeights, identity, warp } from "../../engine/data/image";
import { Draws } from "../../engine/data/draws";
import { assertClose, examplesOf, inputsOf, load } from "./support";

const training = (epoch = 0, seed = 0) => ({ seed, epoch, training: true });

/** One image of the given rows, with label 0. */
const picture = (rows: number[][]): Dataset => fromArrays({ inputs: [rows], targets: [0], classes: 1 });

/** The changed image that looks at (a·x + b·y + e, c·x + d·y + f). */
const fixed = (a: number, b: number, c: number, d: number, e: number, f: number): Augmentation => ({
  kind: "geometry",
  name: "fixed",
  change: (geometry) => addChange(geometry, a, b, c, d, e, f),
});

const augmented = async (data: Dataset, changes: Augmentation[], context = training()): Promise<number[]> =>
  inputsOf(await load(augment(data, changes)), context)[0];

const grid = [
  [1, 2, 3],
  [4, 5, 6],
  [7, 8, 9],
];

describe("geometric changes by hand", () => {
  const right = fixed(1, 0, 0, 1, -1, 0);
  const flip = fixed(-1, 0, 0, 1, 0, 0);
  const cases: [string, Augmentation[], number[]][] = [
    ["nothing", [], [1, 2, 3, 4, 5, 6, 7, 8, 9]],
    ["one pixel to the right", [right], [0, 1, 2, 0, 4, 5, 0, 7, 8]],
    ["half a pixel to the right", [fixed(1, 0, 0, 1, -0.5, 0)], [0.5, 1.5, 2.5, 2, 4.5, 5.5, 3.5, 7.5, 8.5]],
    ["down and out", [fixed(1, 0, 0, 1, 0, -3)], [0, 0, 0, 0, 0, 0, 0, 0, 0]],
    ["mirrored", [flip], [3, 2, 1, 6, 5, 4, 9, 8, 7]],
    ["mirrored twice", [flip, flip], [1, 2, 3, 4, 5, 6, 7, 8, 9]],
    // In their order: mirrored and then moved leaves the left column empty, as does moved alone, but not moved and then mirrored.
    ["mirrored, then moved right", [flip, right], [0, 3, 2, 0, 6, 5, 0, 9, 8]],
    ["moved right, then mirrored", [right, flip], [2, 1, 0, 5, 4, 0, 8, 7, 0]],
    ["turned by 90°: looks at (y, −x)", [fixed(0, 1, -1, 0, 0, 0)], [7, 4, 1, 8, 5, 2, 9, 6, 3]],
    ["transposed", [fixed(0, 1, 1, 0, 0, 0)], [1, 4, 7, 2, 5, 8, 3, 6, 9]],
    ["twice as large", [fixed(0.5, 0, 0, 0.5, 0, 0)], [3, 3.5, 4, 4.5, 5, 5.5, 6, 6.5, 7]],
  ];
  for (const [name, changes, expected] of cases) {
    it(name, async () => assert.deepEqual(await augmented(picture(grid), changes), expected));
  }

  it("the ready ones with their extreme options", async () => {
    assert.deepEqual(await augmented(picture(grid), [horizontalFlip(1)]), [3, 2, 1, 6, 5, 4, 9, 8, 7]);
    assert.deepEqual(await augmented(picture(grid), [horizontalFlip(0)]), grid.flat());
    assert.deepEqual(await augmented(picture(grid), [randomScale(2, 2)]), [3, 3.5, 4, 4.5, 5, 5.5, 6, 6.5, 7]);
    const nothing = [randomShift(0), randomRotation(0), randomShear(0), elastic({ alpha: 0 }), noise(0)];
    assert.deepEqual(await augmented(picture(grid), nothing), grid.flat());
  });

  it("each channel alike, flat images by their size, and another fill", async () => {
    const channels = fromArrays({ inputs: [[[[1, 2]], [[3, 4]]]], targets: [0] });
    assert.deepEqual(await augmented(channels, [horizontalFlip(1)]), [2, 1, 4, 3]);
    const flat = fromArrays({ inputs: [[1, 2, 3, 4, 5, 6]], targets: [0] });
    const wide = augment(flat, [horizontalFlip(1)], { size: [2, 3] });
    assert.deepEqual(inputsOf(await load(wide), training()), [[3, 2, 1, 6, 5, 4]]);
    const square = fromArrays({ inputs: [[1, 2, 3, 4]], targets: [0] });
    assert.deepEqual(await augmented(square, [horizontalFlip(1)]), [2, 1, 4, 3]);
    const filled = augment(square, [right], { fill: 9 });
    assert.deepEqual(inputsOf(await load(filled), training()), [[9, 1, 9, 3]]);
  });
});

describe("joined geometry", () => {
  const number = fc.double({ min: -1.2, max: 1.2, noNaN: true });
  const change = fc.tuple(number, number, number, number, number, number);

  it("resamples a linear ramp exactly, through the product of all changes", () =>
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const size = { channels: 1, height: 9, width: 11 };
        // Bilinear interpolation is exact for p·x + q·y + r, with the origin in the centre.
        const ramp = (x: number, y: number): number => 2 * x - 3 * y + 1;
        const source = Float32Array.from({ length: 99 }, (_, i) => ramp((i % 11) - 5, Math.floor(i / 11) - 4));
        const geometry = identity();
        for (const one of changes) addChange(geometry, ...one);
        const out = new Float32Array(99);
        warp(out, source, size, geometry);
        out.forEach((value, i) => {
          // The image after the last change looks through that change at the image before it, and so on to the first.
          let [x, y] = [(i % 11) - 5, Math.floor(i / 11) - 4];
          for (const [a, b, c, d, e, f] of [...changes].reverse()) [x, y] = [a * x + b * y + e, c * x + d * y + f];
          if (Math.abs(x) <= 5 && Math.abs(y) <= 4) {
            if (Math.abs(x) < 4.99 && Math.abs(y) < 3.99) assert.ok(Math.abs(value - ramp(x, y)) < 1e-4);
          } else if (Math.abs(x) >= 6.01 || Math.abs(y) >= 5.01) assert.equal(value, 0);
        });
      }),
    ));

  it("a shift of 2 moves by at most 2, over the whole range", async () => {
    // An image whose value is its column: a shift changes inner pixels by −dx.
    const rows = Array.from({ length: 9 }, () => Array.from({ length: 9 }, (_, x) => x));
    const loaded = await load(augment(picture(rows), [randomShift({ x: 2, y: 0 })]));
    const shifts = Array.from({ length: 500 }, (_, epoch) => 4 - loaded.get(0, training(epoch)).inputs[0][4 * 9 + 4]);
    assert.ok(Math.min(...shifts) < -1.9 && Math.min(...shifts) >= -2);
    assert.ok(Math.max(...shifts) > 1.9 && Math.max(...shifts) <= 2);
  });

  it("a turn keeps the centre and the distance from it", async () => {
    const ring = Array.from({ length: 15 }, (_, y) =>
      Array.from({ length: 15 }, (_, x) => Math.hypot(x - 7, y - 7) / 10),
    );
    const turned = await augmented(picture(ring), [randomRotation(180)]);
    for (let i = 0; i < 225; i++) {
      const radius = Math.hypot((i % 15) - 7, Math.floor(i / 15) - 7);
      // Interpolating a cone errs by less than its curvature over one pixel; the tip is sampled exactly.
      if (radius > 1.5 && radius < 6) assert.ok(Math.abs(turned[i] - radius / 10) < 0.02);
      if (radius === 0) assert.ok(Math.abs(turned[i]) < 1e-6);
    }
  });
});

describe("elastic", () => {
  it("smooths with the outer product of Gaussians that sum to 1", () => {
    const weights = gaussianWeights(1);
    assert.ok(Math.abs(2 * weights.reduce((sum, weight) => sum + weight) - weights[0] - 1) < 1e-12);
    assert.ok(Math.abs(weights[1] / weights[0] - Math.exp(-0.5)) < 1e-12);
    const [height, width] = [9, 11];
    const field = new Float32Array(height * width);
    field[4 * width + 5] = 1;
    blur(field, new Float32Array(height * width), height, width, weights);
    field.forEach((value, i) => {
      const [x, y] = [Math.abs((i % width) - 5), Math.abs(Math.floor(i / width) - 4)];
      assert.ok(Math.abs(value - (weights[x] ?? 0) * (weights[y] ?? 0)) < 1e-7);
    });
  });

  it("moves pixels, neighbours alike, and differently in each epoch", async () => {
    const rows = Array.from({ length: 28 }, (_, y) => Array.from({ length: 28 }, (_, x) => x + 100 * y));
    const loaded = await load(augment(picture(rows), [elastic({ alpha: 8, sigma: 4 })]));
    const [one, two] = [0, 1].map((epoch) => loaded.get(0, training(epoch)).inputs[0]);
    assert.notDeepEqual(one, two);
    const at = (x: number, y: number): number => one[y * 28 + x];
    // Over one column the original grows by 1; a smooth field keeps the order of neighbouring rows (100 apart).
    for (let y = 8; y < 19; y++) for (let x = 8; x < 19; x++) assert.ok(at(x, y + 1) > at(x, y));
  });
});

describe("augmentation", () => {
  const changes = [randomShift(2), randomRotation(15), randomScale(0.9, 1.1), randomShear(5), elastic(), noise(0.1)];
  const pictures = (n: number, heldOut = 0): Dataset =>
    fromArrays({
      inputs: Array.from({ length: n }, (_, i) => grid.map((row) => row.map((value) => value + i))),
      targets: Array.from({ length: n }, (_, i) => i % 2),
      classes: 2,
      heldOut,
    });

  it("belongs to (seed, epoch, index): repeatable in any order, different otherwise", async () => {
    const [first, second] = await Promise.all([
      load(augment(pictures(3), changes)),
      load(augment(pictures(3), changes)),
    ]);
    const value = (loaded: typeof first, index: number, epoch: number, seed: number) =>
      loaded.get(index, training(epoch, seed)).inputs[0];
    const reference = value(first, 1, 4, 7);
    for (const index of [2, 0, 1]) value(second, index, 3, 7);
    assert.deepEqual(value(second, 1, 4, 7), reference);
    assert.notDeepEqual(value(first, 1, 5, 7), reference);
    assert.notDeepEqual(value(first, 1, 4, 8), reference);
    const other = await load(augment(pictures(3), changes, { seed: 1 }));
    assert.notDeepEqual(other.get(1, training(4, 7)).inputs[0], reference);
    const same = await load(augment(fromArrays({ inputs: [grid, grid], targets: [0, 0] }), changes));
    assert.notDeepEqual(value(same, 0, 0, 0), value(same, 1, 0, 0));
  });

  it("never touches validation, nor the source, nor a summary", async () => {
    const source = pictures(10, 4);
    const data = augment(source, changes);
    const plain = examplesOf(await load(source));
    const loaded = await load(data);
    examplesOf(loaded, training());
    assert.deepEqual(examplesOf(loaded), plain);
    assert.deepEqual(examplesOf(await load(source)), plain);
    const held = ownParts(data).validation;
    assert.ok(held !== null);
    assert.deepEqual(examplesOf(await load(held)), plain.slice(6));
    const { validation } = split(data, { validation: 0.3, shuffle: false });
    assert.deepEqual(examplesOf(await load(validation)), plain.slice(7));
    assert.deepEqual(summary(loaded).fields, summary(await load(source)).fields);
  });

  it("of train alone leaves a validation part untouched even in a training context", async () => {
    const parts = split(pictures(10), { validation: 0.3, shuffle: false });
    const train = await load(augment(parts.train, changes));
    const validation = await load(parts.validation);
    assert.notDeepEqual(examplesOf(train, training()), examplesOf(train));
    assert.deepEqual(examplesOf(validation, training()), examplesOf(validation));
  });

  it("noise works for any field and has its deviation", async () => {
    const flat = fromArrays({ inputs: [new Float32Array(4000)], targets: [0] });
    const values = await augmented(flat, [noise(0.5)]);
    const mean = values.reduce((sum, value) => sum + value) / 4000;
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 4000);
    // Standard errors 0.5/√4000 ≈ 0.008 and 0.5/√8000 ≈ 0.006.
    assert.ok(Math.abs(mean) < 0.04 && Math.abs(deviation - 0.5) < 0.03);
  });

  it("uniform draws fill [0, 1) evenly", () => {
    const draws = new Draws().restart(1, 2, 3, 4);
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 10_000; i++) counts[Math.floor(draws.uniform() * 10)]++;
    // Binomial with n = 10,000 and p = 0.1: deviation 30.
    assert.ok(counts.every((count) => Math.abs(count - 1000) < 150));
  });

  const cases: [string, () => unknown, RegExp][] = [
    [
      "points as images",
      () => augment(moons(), [noise(1), randomShift(1)]),
      /augment: randomShift needs an image, but the field has shape \[2\]\. Give size/,
    ],
    [
      "a size that does not fit",
      () => augment(pictures(1), [elastic()], { size: [2, 3] }),
      /size \[2, 3\] is no image of 9 values/,
    ],
    ["a field that is not there", () => augment(pictures(1), [], { field: 1 }), /there is no input field 1/],
    ["a negative shift", () => randomShift(-1), /randomShift: x is -1/],
    ["NaN degrees", () => randomRotation(NaN), /randomRotation: degrees is NaN\. Give a number from 0 to 180/],
    ["a reversed range", () => randomScale(1.1, 0.9), /randomScale: largest is 0\.9/],
    ["a probability of 2", () => horizontalFlip(2), /probability is 2\. Give a number from 0 to 1/],
  ];
  for (const [name, make, message] of cases) it(`refuses ${name}`, () => assert.throws(make, message));

  describe("appended to the normal examples", () => {
    const mark: Augmentation = { kind: "values", name: "mark", change: (values) => values.fill(-1) };
    const marked = (loaded: Awaited<ReturnType<typeof load>>): boolean[] =>
      examplesOf(loaded, training()).map(({ inputs }) => inputs[0][0] === -1);

    it("final fit: every normal example, and round(n / 0.7) in all", async () => {
      for (const [n, total] of [
        [7, 10],
        [10, 14],
        [100, 143],
      ]) {
        const data = withAugmented(pictures(n), [mark]);
        assert.equal(data.length, total);
        const loaded = await load(data);
        const flags = marked(loaded);
        assert.deepEqual([loaded.length, flags.filter(Boolean).length], [total, total - n]);
        const normal = inputsOf(loaded).slice(0, n);
        assert.deepEqual(normal, inputsOf(await load(pictures(n))));
      }
    });

    it("size kept: each example once, 70 of 100 normal, 30 augmented", async () => {
      const loaded = await load(withAugmented(pictures(100), [mark], { total: "keep" }));
      assert.equal(marked(loaded).filter(Boolean).length, 30);
      const numbers = inputsOf(loaded).map(([first]) => first - 1);
      assert.deepEqual(
        numbers.sort((a, b) => a - b),
        Array.from({ length: 100 }, (_, i) => i),
      );
    });

    it("held-out examples follow, untouched", async () => {
      const loaded = await load(withAugmented(pictures(12, 5), [mark]));
      assert.deepEqual([loaded.length, loaded.heldOut], [15, 5]);
      const flags = marked(loaded);
      assert.deepEqual(flags.map(Number), [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0]);
      assert.deepEqual(inputsOf(loaded).slice(10), inputsOf(await load(pictures(12))).slice(7));
    });

    it("class weights say whose examples are augmented", async () => {
      const loaded = await load(withAugmented(pictures(70), [mark], { classWeights: [0.9, 0.1] }));
      const labels = examplesOf(loaded, training())
        .slice(70)
        .map(({ targets }) => targets[0][0]);
      assert.deepEqual(
        [0, 1].map((label) => labels.filter((one) => one === label).length),
        [27, 3],
      );
      await assert.rejects(
        load(withAugmented(pictures(9), [mark], { classWeights: [1] })),
        /classWeights is \[1\]\. Give 2 numbers that are not negative/,
      );
    });

    it("weights from a confusion matrix are shares of the mistakes", () => {
      assertClose(
        [
          weightsFromConfusion([
            [8, 1, 1],
            [0, 5, 0],
            [6, 0, 3],
          ]),
        ],
        [[0.25, 0, 0.75]],
      );
      assertClose(
        [
          weightsFromConfusion([
            [3, 0],
            [0, 2],
          ]),
        ],
        [[0.5, 0.5]],
      );
    });
  });
});
