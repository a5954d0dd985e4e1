/** A digit of an index in mixed radix and what it adds: (index / period mod count) · step; the last digit has count 0, for no end. */
export interface AffineRun {
  readonly period: number;
  readonly count: number;
  readonly step: number;
}

/**
 * Values as a sum over the digits of their index, as the offsets of a strided array's parts are; a constant comes as a run of
 * period 0. Undefined where they are not of that form.
 */
export function affineRuns(values: readonly number[]): AffineRun[] | undefined {
  const runs: AffineRun[] = [{ period: 0, count: 1, step: values[0] ?? 0 }];
  // What is left of the values: the first of each chunk that is explained.
  let starts = values;
  let period = 1;
  while (starts.length > 1) {
    const [first, second] = starts;
    const step = second - first;
    const end = starts.findIndex((value, i) => value !== first + i * step);
    const count = end < 0 ? starts.length : end;
    const isRegular = starts.every((value, i) => value === starts[i - (i % count)] + (i % count) * step);
    if (starts.length % count !== 0 || !isRegular) return undefined;
    if (step !== 0) runs.push({ period, count: end < 0 ? 0 : count, step });
    starts = starts.filter((_, i) => i % count === 0);
    period *= count;
  }
  return runs;
}
