import type { Callee, FunctionWriter, Local } from "../assembler/function";
import type { ModuleWriter } from "../assembler/module";
import { type Part, partsOf, rowOffsets } from "./product-tile";

/** Where a panel's elements come from, in bytes of any sign: line l at step p lies at from + l·line + p·step. */
export interface Source {
  readonly line: number;
  readonly step: number;
}

/**
 * A function (from, to, depth), all i32, that copies so many lines of a matrix (rows of A, columns of B) as a dense panel of
 * [depth, lines], as tiles take them.
 */
export function panelFunction(module: ModuleWriter, lines: number, source: Source): Callee {
  return module.once(["panel", lines, source.line, source.step].join(), { parameters: ["i32", "i32", "i32"] }, (f) => {
    const [from, to, depth] = f.parameters;
    const offsets = rowOffsets(f, from, lines, source.line);
    const parts = partsOf(lines);
    if (source.step === 4 && source.line !== 4 && lines >= 4) {
      const rounds = f.local("i32");
      f.get(depth).i32(2).op("i32.shr_u").tee(rounds);
      f.if(() => {
        f.loop((again) => {
          for (const { column } of parts) transpose(f, from, offsets.slice(column, column + 4), to, column, lines);
          f.advance(from, 16).advance(to, 16 * lines);
          f.get(rounds).i32(1).op("i32.sub").tee(rounds).leaveIf(again);
        });
      });
      f.get(depth).i32(3).op("i32.and").set(depth);
    }
    f.get(depth).if(() => {
      f.loop((again) => {
        for (const part of parts) copyStep(f, from, offsets, to, part, source.line === 4);
        f.advance(from, source.step).advance(to, 4 * lines);
        f.get(depth).i32(1).op("i32.sub").tee(depth).leaveIf(again);
      });
    });
  });
}

/** Four steps of four lines, which are dense. */
function transpose(
  f: FunctionWriter,
  from: Local,
  offsets: readonly number[],
  to: Local,
  column: number,
  lines: number,
): void {
  const vector = (write: () => void): Local => {
    write();
    const made = f.local("v128");
    f.set(made);
    return made;
  };
  const rows = offsets.map((offset) => vector(() => f.get(from).memory("v128.load", offset)));
  const halves = (
    [
      [0, 4, 1, 5],
      [2, 6, 3, 7],
    ] as const
  ).map((lanes) =>
    [0, 2].map((i) =>
      vector(() =>
        f
          .get(rows[i])
          .get(rows[i + 1])
          .shuffle32(lanes),
      ),
    ),
  );
  for (let step = 0; step < 4; step++) {
    const [first, second] = halves[step >> 1];
    f.get(to).get(first).get(second);
    f.shuffle32(step % 2 === 0 ? [0, 1, 4, 5] : [2, 3, 6, 7]).memory("v128.store", 4 * (step * lines + column));
  }
  f.release(...rows, ...halves.flat());
}

function copyStep(
  f: FunctionWriter,
  from: Local,
  offsets: readonly number[],
  to: Local,
  { column, lanes }: Part,
  neighbours: boolean,
): void {
  if (lanes < 4) {
    for (let i = column; i < column + lanes; i++)
      f.get(to)
        .get(from)
        .memory("f32.load", offsets[i])
        .memory("f32.store", 4 * i);
    return;
  }
  f.get(to);
  if (neighbours) f.get(from).memory("v128.load", offsets[column]);
  else {
    const vector = f.local("v128");
    f.get(from).memory("v128.load32_zero", offsets[column]).set(vector);
    for (let lane = 1; lane < 4; lane++)
      f.get(from)
        .get(vector)
        .laneMemory("v128.load32_lane", lane, offsets[column + lane])
        .set(vector);
    f.get(vector).release(vector);
  }
  f.memory("v128.store", 4 * column);
}
