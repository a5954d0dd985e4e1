import type { View } from "../../../kernel/kernel";
import type { Loop } from "../../../kernel/loops";
import type { FunctionWriter, Local } from "../assembler/function";

/** Writes where a row begins, which is counted over some loops together. */
export class RowIndex {
  private readonly positions: Local[];

  /** @param loops outermost first */
  constructor(
    private readonly f: FunctionWriter,
    private readonly loops: readonly Loop[],
  ) {
    this.positions = loops.map(() => f.local("i32"));
  }

  /** Number of rows. */
  get rows(): number {
    return this.loops.reduce((product, { size }) => product * size, 1);
  }

  /** Takes a row's number apart: the position along each loop. */
  set(row: Local): void {
    const { f, loops, positions } = this;
    const rest = f.local("i32");
    f.get(row).set(rest);
    for (let at = loops.length - 1; at >= 0; at--) {
      if (at === 0) {
        f.get(rest).set(positions[0]);
        break;
      }
      f.get(rest).i32(loops[at].size).op("i32.rem_u").set(positions[at]);
      f.get(rest).i32(loops[at].size).op("i32.div_u").set(rest);
    }
    f.release(rest);
  }

  position(loop: number): Local {
    return this.positions[loop];
  }

  /** Leaves Σ position·stride + offset of a view on the stack, in bytes beyond what is there. */
  addTo(view: number, bytes: number): void {
    const { f, loops, positions } = this;
    loops.forEach(({ strides }, at) => {
      const step = strides[view] * bytes;
      if (step === 0) return;
      f.get(positions[at]);
      if (step !== 1) f.i32(step).op("i32.mul");
      f.op("i32.add");
    });
  }
}

/** Leaves a buffer's address on the stack, moved to where a view begins. */
export function startOf(f: FunctionWriter, base: Local, { offset }: View, bytes: number): void {
  f.get(base);
  if (offset !== 0) f.i32(offset * bytes).op("i32.add");
}
