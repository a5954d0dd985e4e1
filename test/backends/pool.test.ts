import assert from "node:assert/strict";
import { createJsBackend } from "../../engine/backends/js/index";
import type { PoolGeometry, PoolKernel } from "../../engine/kernel/kernel";
import { Dice, float, runKernel, sizeOf } from "./support";
import { windowsOf } from "../support/windows";

const backend = createJsBackend();

function geometry(changes: Partial<PoolGeometry>): PoolGeometry {
  return {
    planes: 1,
    input: [4, 4],
    window: [2, 2],
    output: [2, 2],
    stride: [2, 2],
    dilation: [1, 1],
    padding: [0, 0],
    countPadding: true,
    ...changes,
  };
}

function pool(which: PoolKernel["which"], g: PoolGeometry, ...inputs: ArrayLike<number>[]): Promise<ArrayLike<number>> {
  const size = g.planes * sizeOf(which.endsWith("Gradient") ? g.input : g.output);
  return runKernel(backend, { kind: "pool", which, geometry: g }, inputs.map(float), { type: "float32", size });
}

const near = (got: ArrayLike<number>, expected: ArrayLike<number>, message: string): void => {
  assert.equal(got.length, expected.length);
  for (let i = 0; i < got.length; i++) {
    assert.ok(
      got[i] === expected[i] || Math.abs(got[i] - expected[i]) <= 1e-6 * Math.abs(expected[i]),
      `${message}: [${i}] ${got[i]}, not ${expected[i]}`,
    );
  }
};

describe("pool", () => {
  it("all kinds over 200 random geometries", async () => {
    const dice = new Dice(11);
    for (let round = 0; round < 200; round++) {
      const pair = (low: number, high: number): [number, number] => [dice.whole(low, high), dice.whole(low, high)];
      const g: PoolGeometry = {
        planes: dice.whole(0, 3),
        input: pair(1, 8),
        window: pair(1, 3),
        output: pair(0, 6),
        stride: pair(1, 3),
        dilation: pair(1, 2),
        padding: pair(0, 2),
        countPadding: dice.whole(0, 1) === 0,
      };
      const xSize = g.planes * sizeOf(g.input);
      // Few different values, all negative: ties are common, and padding would win if it counted as 0.
      const x = Float32Array.from({ length: xSize }, () => -dice.whole(1, 4));
      const other = dice.values(xSize);
      const upstream = dice.values(g.planes * sizeOf(g.output));
      const message = JSON.stringify(g);

      const found = windowsOf(g);
      const best = found.map((window) => {
        const largest = Math.max(...window.map((at) => x[at]));
        return window.find((at) => x[at] === largest);
      });
      const maximumGradient = new Float64Array(xSize);
      best.forEach((at, i) => at !== undefined && (maximumGradient[at] += upstream[i]));
      const averageGradient = new Float64Array(xSize);
      const divisors = found.map((window) => (g.countPadding ? sizeOf(g.window) : window.length));
      found.forEach((window, i) => window.forEach((at) => (averageGradient[at] += upstream[i] / divisors[i])));
      const averages = found.map((window, i) =>
        window.length === 0 ? 0 : window.reduce((sum, at) => sum + x[at], 0) / divisors[i],
      );

      near(
        await pool("maximum", g, x),
        best.map((at) => (at === undefined ? -Infinity : x[at])),
        `maximum ${message}`,
      );
      near(
        await pool("maximumPick", g, x, other),
        best.map((at) => (at === undefined ? 0 : other[at])),
        `pick ${message}`,
      );
      near(await pool("maximumGradient", g, x, upstream), maximumGradient, `maximumGradient ${message}`);
      near(await pool("average", g, x), averages, `average ${message}`);
      const gradient = await pool("averageGradient", g, upstream);
      // Shares of opposite sign may cancel: compare with an absolute bound.
      averageGradient.forEach((v, at) => assert.ok(Math.abs(gradient[at] - v) < 1e-5, `averageGradient ${message}`));
    }
  });

  it("the first largest element gets the gradient, not each of equal ones", async () => {
    const got = await pool("maximumGradient", geometry({ input: [2, 2], output: [1, 1] }), [5, 5, 5, 5], [3]);
    assert.deepEqual([...Array.from(got)], [3, 0, 0, 0]);
  });

  it("NaN wins, the first of several", async () => {
    const g = geometry({ input: [2, 4], output: [1, 2] });
    const x = [9, NaN, 1, 2, NaN, 3, 4, 3];
    assert.deepEqual(Array.from(await pool("maximum", g, x)), [NaN, 4]);
    assert.deepEqual(Array.from(await pool("maximumPick", g, x, [0, 1, 2, 3, 4, 5, 6, 7])), [1, 6]);
  });

  it("minus infinity is an element like any other", async () => {
    const g = geometry({ input: [2, 2], output: [1, 1] });
    assert.deepEqual(Array.from(await pool("maximumGradient", g, new Array(4).fill(-Infinity), [3])), [3, 0, 0, 0]);
  });

  it("an average divides by the window, or by what of it is inside", async () => {
    // A 2×2 image of ones, a 2×2 window, padding 1: the corner windows hold one pixel of four.
    const g = geometry({ input: [2, 2], output: [2, 2], padding: [1, 1] });
    assert.deepEqual(Array.from(await pool("average", g, [1, 1, 1, 1])), [0.25, 0.25, 0.25, 0.25]);
    assert.deepEqual(Array.from(await pool("average", { ...g, countPadding: false }, [1, 1, 1, 1])), [1, 1, 1, 1]);
  });
});
