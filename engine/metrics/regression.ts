/**
 * Measures of fit of a regression. Each takes `targets` y and `predictions` ŷ of equal length n ≥ 1 (any tensor
 * flattened) and reckons in 64-bit floats. A NaN on either side gives NaN.
 */

import { checkLengths, MetricError } from "./error";

/** Mean absolute error: (1/n) Σ |ŷ − y|. */
export function mae(targets: ArrayLike<number>, predictions: ArrayLike<number>): number {
  return sum(errors(targets, predictions), Math.abs) / targets.length;
}

/** Mean squared error: (1/n) Σ (ŷ − y)². */
export function mse(targets: ArrayLike<number>, predictions: ArrayLike<number>): number {
  return sumSquaredError(targets, predictions) / targets.length;
}

/** Root of the mean squared error. */
export function rmse(targets: ArrayLike<number>, predictions: ArrayLike<number>): number {
  return Math.sqrt(mse(targets, predictions));
}

/** Largest absolute error: max |ŷ − y|. */
export function maxError(targets: ArrayLike<number>, predictions: ArrayLike<number>): number {
  return errors(targets, predictions).reduce((largest, error) => Math.max(largest, Math.abs(error)), 0);
}

/** The squared error of each example: (ŷ − y)², shape [n]. */
export function squaredErrors(targets: ArrayLike<number>, predictions: ArrayLike<number>): Float64Array {
  return errors(targets, predictions).map(square);
}

/** Sum of squared errors: Σ (ŷ − y)². */
export function sumSquaredError(targets: ArrayLike<number>, predictions: ArrayLike<number>): number {
  return sum(errors(targets, predictions), square);
}

/** Half the sum of squared errors: ½ Σ (ŷ − y)², whose derivative by ŷ is the plain error ŷ − y. */
export function halfSquaredError(targets: ArrayLike<number>, predictions: ArrayLike<number>): number {
  return sumSquaredError(targets, predictions) / 2;
}

/**
 * Coefficient of determination: 1 − Σ (ŷ − y)² / Σ (y − ȳ)². Below 0, the mean of the targets predicts better.
 * Zero division, where all targets are equal: 1 for a perfect fit, else 0.
 */
export function r2(targets: ArrayLike<number>, predictions: ArrayLike<number>): number {
  const residual = sumSquaredError(targets, predictions);
  const y = Float64Array.from(targets);
  // All equal is tested on the values: their rounded mean may differ from each of them.
  if (y.every((value) => value === y[0])) return Number.isNaN(residual) ? Number.NaN : residual === 0 ? 1 : 0;
  const mean = sum(y, (value) => value) / y.length;
  return 1 - residual / sum(y, (value) => square(value - mean));
}

function errors(targets: ArrayLike<number>, predictions: ArrayLike<number>): Float64Array {
  checkLengths("targets", targets.length, "predictions", predictions.length);
  if (targets.length === 0) throw new MetricError("there are no values to measure: give at least one example");
  return Float64Array.from(targets, (target, index) => predictions[index] - target);
}

function square(value: number): number {
  return value * value;
}

function sum(values: Float64Array, term: (value: number) => number): number {
  return values.reduce((partial, value) => partial + term(value), 0);
}
