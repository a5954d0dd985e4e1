/** The course of a training in bounded memory: means, spreads and geometric means by hand. */
import assert from "node:assert/strict";
import { Curve } from "../../engine/diagnose/curve";
import type { LayerStatistics } from "../../engine/train/statistics";

const layer = (gradient: number, update: number): LayerStatistics => ({
  outputGradient: 1,
  gradient,
  weight: 2,
  update,
  activation: 1,
  dead: NaN,
  saturated: NaN,
});

describe("diagnose: curve", () => {
  it("joins iterations into stretches with their mean and spread", () => {
    const curve = new Curve();
    [1, 3, 5, 7].forEach((loss, i) => curve.add(i + 1, loss, 0.1, [layer(1, 10 ** -i)]));
    const [whole] = curve.parts(1);
    assert.equal(whole.count, 4);
    assert.equal(whole.iteration, 4);
    assert.equal(whole.mean, 4);
    // (−3)² + (−1)² + 1² + 3²
    assert.equal(whole.squares, 20);
    assert.equal(whole.most, 7);
    // Ratios 1/2, 1/20, 1/200, 1/2000: the geometric mean is 10^−1.5 / 2.
    assert.ok(Math.abs(whole.ratios[0] - 10 ** -1.5 / 2) < 1e-12);
    // Their sum is the way.
    assert.ok(Math.abs(curve.paths[0] - 0.5555) < 1e-12);
  });

  it("keeps its memory, whatever the number of iterations", () => {
    const curve = new Curve();
    for (let i = 1; i <= 10000; i++) curve.add(i, i, 0.1, [layer(i === 77 ? 9 : 1, 0)]);
    assert.ok(curve.all.length <= 129, `${curve.all.length} stretches`);
    assert.equal(curve.count, 10000);
    assert.equal(curve.parts(1)[0].mean, 5000.5);
    assert.equal(curve.largestGradients[0], 9);
    assert.equal(curve.first.length, 20);
  });
});
