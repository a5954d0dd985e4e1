import assert from "node:assert/strict";
import * as fc from "fast-check";
import {
  createEwma,
  crossEntropy,
  epochLoss,
  ewma,
  ewmaClosedForm,
  halfSquaredError,
  logLoss,
  mae,
  maxError,
  mse,
  r2,
  rmse,
  squaredErrors,
  sumSquaredError,
} from "../../engine/metrics";
import { close } from "./close";

describe("regression", () => {
  // Errors ŷ − y: −0.5, 0.5, 0, 1. The example in scikit-learn's documentation of r2_score and mean_squared_error.
  const y = [3, -0.5, 2, 7];
  const predicted = [2.5, 0, 2, 8];

  const measures: [name: string, actual: number, expected: number][] = [
    ["MAE", mae(y, predicted), 0.5],
    ["MSE", mse(y, predicted), 0.375],
    ["RMSE", rmse(y, predicted), Math.sqrt(0.375)],
    ["sum of squared errors", sumSquaredError(y, predicted), 1.5],
    ["half squared error", halfSquaredError(y, predicted), 0.75],
    ["largest error", maxError(y, predicted), 1],
    ["R²", r2(y, predicted), 0.9486081370449679],
    ["R² of the mean", r2([1, 2, 3], [2, 2, 2]), 0],
    ["R² below 0", r2([1, 2, 3], [3, 2, 1]), -3],
    ["R² of equal targets, perfect", r2([2, 2], [2, 2]), 1],
    ["R² of equal targets, not perfect", r2([0.1, 0.1, 0.1], [0.1, 0.1, 0.2]), 0],
    ["R² of equal targets and NaN", r2([2, 2], [2, NaN]), NaN],
    ["NaN in MAE", mae([1], [NaN]), NaN],
    ["NaN in the largest error", maxError([1, 2], [NaN, 2]), NaN],
  ];
  for (const [name, actual, expected] of measures) it(name, () => close(actual, expected));

  it("squared error of each example", () => assert.deepEqual([...squaredErrors(y, predicted)], [0.25, 0.25, 0, 1]));

  it("typed arrays are measured in 64 bits", () => {
    // 16777216² + 1 is beyond float32.
    assert.equal(sumSquaredError(Float32Array.of(0, 0), Float32Array.of(16_777_216, 1)), 2 ** 48 + 1);
  });

  it("one large error weighs more in MSE and RMSE than in MAE", () => {
    const [even, uneven] = [
      [2, 2, 2, 2],
      [0, 0, 0, 8],
    ];
    const zero = [0, 0, 0, 0];
    assert.deepEqual([mae(zero, even), mae(zero, uneven)], [2, 2]);
    assert.deepEqual([mse(zero, even), mse(zero, uneven)], [4, 16]);
  });

  it("refuses differing lengths and no values", () => {
    assert.throws(() => mse([1, 2], [1]), {
      name: "MetricError",
      message: /targets has 2 values, but predictions has 1/,
    });
    assert.throws(() => r2([], []), { name: "MetricError", message: /no values to measure/ });
  });

  it("MAE ≤ RMSE ≤ largest error", () => {
    const value = fc.integer({ min: -1000, max: 1000 });
    fc.assert(
      fc.property(fc.array(fc.tuple(value, value), { minLength: 1 }), (pairs) => {
        const [a, b] = [pairs.map(([x]) => x), pairs.map(([, x]) => x)];
        assert.ok(mae(a, b) <= rmse(a, b) + 1e-9);
        assert.ok(rmse(a, b) <= maxError(a, b) + 1e-9);
        assert.equal(mse(a, b), mse(b, a));
      }),
    );
  });
});

describe("likelihood", () => {
  it("log loss", () => {
    // scikit-learn's documentation of log_loss: spam, ham, ham, spam gives 0.21616.
    const loss = logLoss([1, 0, 0, 1], [0.9, 0.1, 0.2, 0.65]);
    assert.equal(loss.toFixed(5), "0.21616");
    close(logLoss([1], [0.5]), Math.LN2);
    close(logLoss([0.5], [0.5]), Math.LN2);
    close(logLoss([1, 0], [1, 0]), 0);
    assert.equal(logLoss([1], [0]), Infinity);
  });

  it("cross-entropy is the mean of −ln p of the label", () => {
    close(crossEntropy([0, 2], [0.5, 0.25, 0.25, 0, 0.75, 0.25], 3), (Math.LN2 + 2 * Math.LN2) / 2);
    // A good and a bad prediction, 0.004 and 2 in the base of 10, are −ln 0.99 and −ln 0.01 here.
    close(crossEntropy([0], [0.99, 0.01], 2), -Math.log(0.99));
    close(crossEntropy([1], [0.99, 0.01], 2), 2 * Math.LN10);
  });

  it("the loss of an epoch in both forms", () => {
    // Batches of 3, 3 and 1: (3·1 + 3·2 + 1·9)/7 and (1 + 2 + 9)/3.
    assert.deepEqual(epochLoss([1, 2, 9], [3, 3, 1]), { perExample: 18 / 7, perBatch: 4 });
  });

  const mistakes: [name: string, call: () => unknown, message: RegExp][] = [
    ["a logit", () => logLoss([1], [2.5]), /probabilities\[0\] is 2\.5, no probability: apply sigmoid or softmax/],
    ["NaN", () => crossEntropy([0], [NaN, 1], 2), /probabilities\[0\] is NaN/],
    ["a label out of range", () => crossEntropy([2], [0.5, 0.5], 2), /labels\[0\] is 2, but the 2 classes/],
    ["lengths", () => crossEntropy([0], [0.5, 0.5, 0], 2), /labels × classes has 2 values, but probabilities has 3/],
    ["no batches", () => epochLoss([], []), /no values/],
    ["an empty batch", () => epochLoss([1], [0]), /batchSizes\[0\] is 0/],
  ];
  for (const [name, call, message] of mistakes) {
    it(`refuses ${name}`, () => assert.throws(call, { name: "MetricError", message }));
  }
});

describe("EWMA", () => {
  it("from v₀ = 0, with and without bias correction", () => {
    // β = ½ on 4, 8, 2: v is 2, 5, 3.5; 1 − βᵗ is 1/2, 3/4, 7/8.
    assert.deepEqual([...ewma([4, 8, 2], 0.5, { biasCorrection: false })], [2, 5, 3.5]);
    [4, 20 / 3, 4].forEach((expected, index) => close(ewma([4, 8, 2], 0.5)[index], expected));
  });

  it("the correction keeps a constant constant; β = 0 keeps the values", () => {
    for (const value of ewma([7, 7, 7, 7], 0.9)) close(value, 7);
    assert.deepEqual([...ewma([3, 1, 2], 0)], [3, 1, 2]);
    [0.1, 0.19, 0.271].forEach((expected, index) =>
      close(ewma([1, 1, 1], 0.9, { biasCorrection: false })[index], expected),
    );
  });

  it("value by value", () => {
    const running = createEwma(0.5);
    assert.deepEqual([running.value, running.count], [NaN, 0]);
    assert.equal(running.push(4), 4);
    close(running.push(8), 20 / 3);
    close(running.value, 20 / 3);
    assert.equal(running.count, 2);
  });

  it("equals the closed form", () => {
    const value = fc.integer({ min: -100, max: 100 });
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1 }),
        fc.integer({ min: 0, max: 99 }),
        fc.boolean(),
        (values, percent, biasCorrection) => {
          const beta = percent / 100;
          const all = ewma(values, beta, { biasCorrection });
          assert.ok(Math.abs(all[all.length - 1] - ewmaClosedForm(values, beta, { biasCorrection })) < 1e-9);
        },
      ),
    );
    assert.ok(Number.isNaN(ewmaClosedForm([], 0.5)));
  });

  for (const beta of [1, -0.1, NaN]) {
    it(`refuses β = ${beta}`, () => assert.throws(() => ewma([1], beta), { name: "MetricError", message: /beta is / }));
  }
});
