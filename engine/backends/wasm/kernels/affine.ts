import type { FunctionWriter, Local } from "../assembler/function";

/** A digit of an index in mixed radix: (index / period mod count) · step of a sum. */
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
  let starts = values;
  for (let period = 1; starts.length > 1;) {
    const step = starts[1] - starts[0];
    let count = 2;
    while (count < starts.length && starts[count] === starts[0] + count * step) count++;
    if (starts.length % count !== 0) return undefined;
    const chunk = count;
    const [within] = [starts];
    if (within.some((value, i) => value !== within[i - (i % chunk)] + (i % chunk) * step)) return undefined;
    if (step !== 0) runs.push({ period, count: count === starts.length ? 0 : count, step });
    starts = starts.filter((_, i) => i % chunk === 0);
    period *= chunk;
  }
  return runs;
}

/** Leaves the value at an index on the stack, an i32. */
export function writeAffine(f: FunctionWriter, runs: readonly AffineRun[], index: Local): void {
  f.i32(0);
  for (const { period, count, step } of runs) {
    if (period === 0) f.i32(step);
    else {
      f.get(index);
      if (period > 1) f.i32(period).op("i32.div_u");
      if (count > 0) f.i32(count).op("i32.rem_u");
      f.i32(step).op("i32.mul");
    }
    f.op("i32.add");
  }
}
