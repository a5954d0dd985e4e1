import { belowOne, flag, required, resolveSettings } from "./settings";

export interface EwmaOptions {
  /** β in [0, 1): the average reaches back over about 1/(1−β) values. */
  readonly beta: number;
  /** Divides by 1−βᵗ, so that the first averages are not too small. Default true. */
  readonly biasCorrection?: boolean;
}

/**
 * Exponentially weighted moving average of plain numbers, for example of a loss curve:
 * v₀ = 0, vₜ = βvₜ₋₁ + (1−β)θₜ, corrected vₜ/(1−βᵗ). One result for each value.
 * @throws when β is not in [0, 1).
 */
export function ewma(values: readonly number[], options: EwmaOptions): number[] {
  const { beta, biasCorrection } = resolveSettings("ewma", rules, options);
  let average = 0;
  return values.map((value, i) => {
    average = beta * average + (1 - beta) * value;
    return biasCorrection ? average / (1 - beta ** (i + 1)) : average;
  });
}

const rules = { beta: belowOne(required), biasCorrection: flag(true) };
