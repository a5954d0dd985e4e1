import type { Callee, FunctionWriter } from "../assembler/function";
import type { ModuleWriter } from "../assembler/module";
import { STATUS, fail } from "../code";

/** What to say of an index that is not one of an axis of that length. */
export function outOfRange(length: number): (index: number) => string {
  const range = length === 0 ? "the axis is empty" : `indices run from 0 to ${length - 1}`;
  return (index) => `index ${index} is out of range for an axis of size ${length}; ${range}`;
}

/**
 * A function of the indices' address: whether all of them are from 0 to length − 1. If not, it notes the first that is not;
 * each thread that asks finds the same.
 *
 * @param count at least 1
 */
export function indexCheck(module: ModuleWriter, count: number, length: number): Callee {
  return module.once(`indices/${count}/${length}`, { parameters: ["i32"], results: ["i32"] }, (f) => {
    const [indices] = f.parameters;
    const at = f.local("i32");
    const valid = f.local("i32");
    f.i32(1).set(valid);
    const end = count - (count % 4);
    f.block((done) => {
      if (end > 0) {
        const outside = f.local("v128");
        f.get(indices).set(at).i32x4(0).set(outside);
        const rounds = f.local("i32");
        f.repeat(rounds, end / 4, () => {
          f.get(at).memory("v128.load");
          // As numbers without sign, negative ones are beyond every length.
          if (length > 0)
            f.i32x4(length - 1)
              .op("i32x4.gt_u")
              .get(outside)
              .op("v128.or");
          else f.op("drop").i32x4(-1);
          f.set(outside).advance(at, 16);
        });
        f.get(outside)
          .op("v128.any_true")
          .if(() => f.i32(0).set(valid));
      }
      for (let i = end; i < count; i++) {
        f.get(indices).memory("i32.load", 4 * i);
        f.i32(length)
          .op("i32.ge_u")
          .if(() => f.i32(0).set(valid));
      }
      f.get(valid).leaveIf(done);
      findFirst(f, length);
    });
    f.get(valid);
  });
}

/** Goes on from the first parameter until it meets an index that is out of range: there is one. */
function findFirst(f: FunctionWriter, length: number): void {
  const [indices] = f.parameters;
  const index = f.local("i32");
  f.loop((next) => {
    f.get(indices).memory("i32.load").set(index).advance(indices, 4);
    f.get(index).i32(length).op("i32.lt_u").leaveIf(next);
  });
  // What failed before in the same run is what matters: this may only follow from it.
  f.i32(0).memory("i32.load", STATUS.failed).op("i32.eqz");
  f.if(() => {
    f.get(index);
    fail(f);
  });
}
