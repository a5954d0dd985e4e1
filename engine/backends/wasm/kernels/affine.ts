import type { AffineRun } from "../../../kernel/affine";
import type { FunctionWriter, Local } from "../assembler/function";

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
