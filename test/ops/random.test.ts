import assert from "node:assert/strict";
import type { NdArray } from "../../engine/graph/array";
import type { Tensor } from "../../engine/graph/tensor";
import { Trace, withTrace } from "../../engine/graph/trace";
import { fillRandom, randomPermutation, streamOf, threefry } from "../../engine/kernel/random";
import * as ops from "../../engine/ops";
import { valueOf } from "../support/graph";

/** Values of what `build` makes, with the given key. */
function draw(build: () => Tensor[], seed = 1, iteration = 0): NdArray[] {
  const trace = new Trace();
  const nodes = withTrace(trace, build);
  const key = { shape: [2], dtype: "int32" as const, data: Float64Array.of(seed, iteration) };
  return nodes.map((node) => valueOf(node, new Map(trace.randomKey ? [[trace.randomKey, key]] : [])));
}

describe("Threefry-2x32-20", () => {
  // Known answers of the authors' library Random123 (tests/kat_vectors).
  const vectors: [key: [number, number], counter: [number, number], expected: [number, number]][] = [
    [
      [0, 0],
      [0, 0],
      [0x6b200159, 0x99ba4efe],
    ],
    [
      [0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x1cb996fc, 0xbb002be7],
    ],
    [
      [0x13198a2e, 0x03707344],
      [0x243f6a88, 0x85a308d3],
      [0xc4923a9c, 0x483df7a0],
    ],
  ];
  for (const [key, counter, expected] of vectors) {
    it(`key ${key.map((x) => x.toString(16)).join(" ")}`, () => {
      const out = new Uint32Array(2);
      threefry(out, ...key, ...counter);
      assert.deepEqual([...out], expected);
    });
  }

  it("takes a seed as signed or unsigned word alike", () => {
    const [a, b] = [new Uint32Array(2), new Uint32Array(2)];
    threefry(a, -1, 0, 5, 6);
    threefry(b, 0xffffffff, 0, 5, 6);
    assert.deepEqual(a, b);
  });
});

describe("random numbers", () => {
  const n = 40_000;
  const moments = (data: ArrayLike<number>): { mean: number; variance: number; skew: number; kurtosis: number } => {
    const values = Array.from(data);
    const mean = values.reduce((a, b) => a + b) / values.length;
    const central = (k: number): number => values.reduce((sum, x) => sum + (x - mean) ** k, 0) / values.length;
    const variance = central(2);
    return { mean, variance, skew: central(3) / variance ** 1.5, kurtosis: central(4) / variance ** 2 };
  };
  // Bounds are about five standard errors of each statistic at this n: the seed is fixed, so nothing is left to chance.
  const near = (actual: number, expected: number, bound: number, what: string): void =>
    assert.ok(Math.abs(actual - expected) < bound, `${what}: ${actual}, expected ${expected} ± ${bound}`);

  it("uniform: in [0, 1), with the moments of the uniform distribution", () => {
    const [{ data }] = draw(() => [ops.randomUniform([n])]);
    assert.ok(data.every((x) => x >= 0 && x < 1));
    const m = moments(data);
    near(m.mean, 0.5, 0.0075, "mean");
    near(m.variance, 1 / 12, 0.002, "variance");
    near(m.skew, 0, 0.04, "skewness");
    near(m.kurtosis, 1.8, 0.04, "kurtosis");
  });

  it("uniform: fills all sixteenths evenly", () => {
    const [{ data }] = draw(() => [ops.randomUniform([n])]);
    const counts = new Array<number>(16).fill(0);
    for (const x of data) counts[Math.floor(16 * x)]++;
    const chiSquare = counts.reduce((sum, count) => sum + (count - n / 16) ** 2 / (n / 16), 0);
    // 99.99 % of the chi-square distribution with 15 degrees of freedom lie below 44.3.
    assert.ok(chiSquare < 44.3, `chi-square ${chiSquare}`);
  });

  it("uniform: low and high", () => {
    const [{ data }, unit] = draw(() => [ops.randomUniform([100], -3, 5), ops.randomUniform([100])]);
    assert.ok(data.every((x) => x >= -3 && x < 5));
    assert.notDeepEqual(data, unit.data);
  });

  it("normal: the moments of the normal distribution", () => {
    const m = moments(draw(() => [ops.randomNormal([n])])[0].data);
    near(m.mean, 0, 0.025, "mean");
    near(m.variance, 1, 0.036, "variance");
    near(m.skew, 0, 0.062, "skewness");
    near(m.kurtosis, 3, 0.125, "kurtosis");
  });

  it("normal: mean and std", () => {
    const m = moments(draw(() => [ops.randomNormal([n], 4, 0.5)])[0].data);
    near(m.mean, 4, 0.0125, "mean");
    near(m.variance, 0.25, 0.009, "variance");
  });

  it("normal: finite even where the uniform number is 0", () => {
    const out = new Float64Array(n);
    fillRandom(out, "normal", { seed: 3, iteration: 9 }, 1);
    assert.ok(out.every(Number.isFinite));
  });

  it("bernoulli: 0 or 1, in the given proportion", () => {
    const [{ data }] = draw(() => [ops.randomBernoulli([n], 0.3)]);
    assert.ok(data.every((x) => x === 0 || x === 1));
    near(data.reduce((a, b) => a + b) / n, 0.3, 0.0115, "share of ones");
  });

  it("bernoulli: certain at 0 and 1, and no probability beyond", () => {
    const [never, always] = draw(() => [ops.randomBernoulli([50], 0), ops.randomBernoulli([50], 1)]);
    assert.deepEqual([Math.max(...never.data), Math.min(...always.data)], [0, 1]);
    assert.throws(() => ops.randomBernoulli([1], 1.5), /between 0 and 1, got 1.5/);
  });

  it("permutation: every number once, not in order", () => {
    const [{ data, dtype }] = draw(() => [ops.permutation(1000)]);
    assert.equal(dtype, "int32");
    assert.deepEqual(
      [...data].sort((a, b) => a - b),
      Array.from({ length: 1000 }, (_, i) => i),
    );
    assert.notDeepEqual([...data].slice(0, 5), [0, 1, 2, 3, 4]);
    assert.deepEqual([...draw(() => [ops.permutation(0)])[0].data], []);
    assert.throws(() => ops.permutation(2.5), /whole number/);
  });

  it("permutation: every place holds every number about equally often", () => {
    const counts = new Map<string, number>();
    for (let iteration = 0; iteration < 6000; iteration++) {
      const order = randomPermutation(3, { seed: 5, iteration }, 0).join("");
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    assert.equal(counts.size, 6);
    // Five standard deviations of a binomial count, √(6000 · 1/6 · 5/6) ≈ 28.9.
    for (const [order, count] of counts) near(count, 1000, 145, order);
  });

  it("is the same for the same key, and another for another seed, iteration or call", () => {
    const build = (): Tensor[] => [ops.randomNormal([8]), ops.randomNormal([8])];
    const [a, b] = draw(build, 1, 2);
    const [again] = draw(build, 1, 2);
    assert.deepEqual(a.data, again.data);
    assert.notDeepEqual(a.data, b.data);
    assert.notDeepEqual(a.data, draw(build, 2, 2)[0].data);
    assert.notDeepEqual(a.data, draw(build, 1, 3)[0].data);
  });

  it("does not depend on how much is drawn: a longer draw begins with the shorter", () => {
    const [short] = draw(() => [ops.randomUniform([5])]);
    const [long] = draw(() => [ops.randomUniform([9])]);
    assert.deepEqual(long.data.subarray(0, 5), short.data);
  });
});

describe("dropout", () => {
  const mask = (rate: number, iteration: number): NdArray =>
    draw(() => [ops.dropout(ops.ones([10_000]), rate)], 4, iteration)[0];

  it("keeps with probability 1 − rate and scales what it keeps", () => {
    const { data } = mask(0.25, 0);
    assert.deepEqual([...new Set(data)].sort(), [0, 1 / 0.75]);
    const kept = data.filter((x) => x > 0).length / data.length;
    // Five standard deviations of the share, √(.75·.25/10⁴) ≈ .0043.
    assert.ok(Math.abs(kept - 0.75) < 0.022, `kept ${kept}`);
  });

  it("draws a new mask each iteration, the same for the same iteration", () => {
    assert.deepEqual(mask(0.5, 1).data, mask(0.5, 1).data);
    assert.notDeepEqual(mask(0.5, 1).data, mask(0.5, 2).data);
  });

  it("passes everything outside training and at rate 0", () => {
    const x = ops.ones([3]);
    assert.equal(ops.dropout(x, 0.5, { training: false }), x);
    assert.equal(ops.dropout(x, 0), x);
    assert.throws(() => ops.dropout(x, 1), /at least 0 and below 1, got 1/);
  });
});

describe("streamOf", () => {
  it("is FNV-1a", () => {
    // From the published test vectors of FNV-1a, 32 bit: "", "a", "foobar".
    assert.deepEqual(["", "a", "foobar"].map(streamOf), [0x811c9dc5, 0xe40c292c, 0xbf9cf968]);
  });
});
