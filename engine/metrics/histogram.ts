/** How numbers are spread, in bins of equal width. */
export interface Histogram {
  /** Of the finite numbers; 0 where there are none. */
  readonly least: number;
  readonly most: number;
  /** Of the finite numbers in each bin, the least and the most number included. */
  readonly counts: readonly number[];
  /** NaN where no number is finite. */
  readonly mean: number;
  /** Of the population. */
  readonly deviation: number;
  /** The share of zeros among the finite numbers. */
  readonly zeros: number;
  readonly notFinite: number;
}

const BINS = 40;

/** Counts finite numbers in bins of equal width from the least to the most of them. */
export function histogram(parts: readonly ArrayLike<number>[], bins = BINS): Histogram {
  let [least, most, sum, zeros, finite, total] = [Infinity, -Infinity, 0, 0, 0, 0];
  for (const values of parts) {
    total += values.length;
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      if (!Number.isFinite(value)) continue;
      least = Math.min(least, value);
      most = Math.max(most, value);
      sum += value;
      finite++;
      if (value === 0) zeros++;
    }
  }
  const notFinite = total - finite;
  const counts = new Array<number>(bins).fill(0);
  if (finite === 0) return { counts, least: 0, most: 0, mean: NaN, deviation: NaN, zeros: 0, notFinite };
  const mean = sum / finite;
  const width = (most - least) / bins;
  let squares = 0;
  for (const values of parts) {
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      if (!Number.isFinite(value)) continue;
      squares += (value - mean) ** 2;
      // The most itself belongs to the last bin; where all are equal, there is but one.
      counts[width > 0 ? Math.min(bins - 1, Math.floor((value - least) / width)) : 0]++;
    }
  }
  const deviation = Math.sqrt(squares / finite);
  return { counts, least, most, mean, deviation, zeros: zeros / finite, notFinite };
}
