/**
 * Exponentially weighted moving average, vₜ = β·vₜ₋₁ + (1 − β)·θₜ with v₀ = 0, and its bias correction vₜ / (1 − βᵗ),
 * without which the first averages are drawn towards 0. It averages over about 1 / (1 − β) values.
 */

import { MetricError } from "./error";

export interface EwmaOptions {
  /** Divide by 1 − βᵗ. Default true. */
  readonly biasCorrection?: boolean;
}

/** A running average for values that come one at a time. */
export interface Ewma {
  /** Takes the next value and returns the average so far. */
  push(value: number): number;
  /** The average so far; NaN before the first value. */
  readonly value: number;
  /** The number of values so far, t. */
  readonly count: number;
}

/**
 * The averages after each value, shape as `values`.
 * @throws MetricError unless 0 ≤ β < 1.
 */
export function ewma(values: ArrayLike<number>, beta: number, options: EwmaOptions = {}): Float64Array {
  const running = createEwma(beta, options);
  return Float64Array.from(values, (value) => running.push(value));
}

/** An average to which values are pushed as they come. @throws MetricError unless 0 ≤ β < 1. */
export function createEwma(beta: number, { biasCorrection = true }: EwmaOptions = {}): Ewma {
  checkBeta(beta);
  let [average, count] = [0, 0];
  const current = (): number => (count === 0 ? Number.NaN : biasCorrection ? average / (1 - beta ** count) : average);
  return {
    push(value) {
      average = beta * average + (1 - beta) * value;
      count++;
      return current();
    },
    get value() {
      return current();
    },
    get count() {
      return count;
    },
  };
}

/** The last average in closed form: (1 − β) Σᵢ β^(t−i) θᵢ, divided by 1 − βᵗ when corrected; NaN of no values. */
export function ewmaClosedForm(
  values: ArrayLike<number>,
  beta: number,
  { biasCorrection = true }: EwmaOptions = {},
): number {
  checkBeta(beta);
  const count = values.length;
  if (count === 0) return Number.NaN;
  let sum = 0;
  for (let index = 0; index < count; index++) sum += beta ** (count - 1 - index) * values[index];
  const average = (1 - beta) * sum;
  return biasCorrection ? average / (1 - beta ** count) : average;
}

function checkBeta(beta: number): void {
  if (beta >= 0 && beta < 1) return;
  throw new MetricError(
    `beta is ${beta}: give a number from 0 up to, but not including, 1 (0.9 averages about 10 values)`,
  );
}
