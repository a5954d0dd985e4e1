import type { Callee, FunctionWriter, Local } from "../assembler/function";
import type { ModuleWriter } from "../assembler/module";
import type { Target } from "../code";
import { type Part, rowOffsets, storePart } from "./product-tile";

/**
 * A function (a, b, c, depth), all i32: C[i, j] = Σₚ A[i, p]·B[p, j] for i < rows and j < columns ≤ 4, where the elements of A's rows
 * and of B's columns lie side by side: a + i·aRow + 4·p, b + j·bColumn + 4·p, c + i·cRow + 4·j. Each element is the sum of partial
 * sums, in an order that follows from the sizes.
 */
export function dotFunction(
  module: ModuleWriter,
  rows: number,
  columns: number,
  { aRow, bColumn, cRow }: { readonly aRow: number; readonly bColumn: number; readonly cRow: number },
  target: Target,
): Callee {
  const key = ["dot", rows, columns, aRow, bColumn, cRow, target.fused].join();
  return module.once(key, { parameters: ["i32", "i32", "i32", "i32"] }, (f) => {
    const [a, b, c, depth] = f.parameters;
    const aRows = rowOffsets(f, a, rows, aRow);
    const bColumns = rowOffsets(f, b, columns, bColumn);
    const cRows = rowOffsets(f, c, rows, cRow);
    // Few sums come in several parts, so that one addition need not wait for the last.
    const parts = Math.max(1, Math.floor(8 / (rows * columns)));
    const partial = Array.from({ length: parts }, () => aRows.map(() => bColumns.map(() => f.local("v128"))));
    const [sums, ...others] = partial;
    const rounds = f.local("i32");
    const left = aRows.map(() => f.local("v128"));
    const right = f.local("v128");
    const step = (load: "v128.load" | "v128.load32_zero", part: number): void => {
      aRows.forEach((offset, i) =>
        f
          .get(a)
          .memory(load, offset + 16 * part)
          .set(left[i]),
      );
      bColumns.forEach((offset, j) => {
        f.get(b)
          .memory(load, offset + 16 * part)
          .set(right);
        partial[part].forEach((row, i) => {
          multiplyAdd(f, left[i], right, row[j], target);
        });
      });
    };
    const steps = (count: number, bytes: number, body: () => void): void => {
      f.get(depth).i32(count).op("i32.div_u").tee(rounds);
      f.if(() => {
        f.loop((again) => {
          body();
          f.advance(a, bytes).advance(b, bytes).get(rounds).i32(1).op("i32.sub").tee(rounds).leaveIf(again);
        });
        f.get(depth).i32(count).op("i32.rem_u").set(depth);
      });
    };
    steps(4 * parts, 16 * parts, () => {
      partial.forEach((_, part) => {
        step("v128.load", part);
      });
    });
    for (const other of others) {
      other.forEach((row, i) => {
        row.forEach((sum, j) => {
          f.get(sums[i][j]).get(sum).op("f32x4.add").set(sums[i][j]);
        });
      });
    }
    steps(1, 4, () => {
      step("v128.load32_zero", 0);
    });
    const part: Part = { column: 0, lanes: columns };
    sums.forEach((row, i) => {
      gatherSums(f, row);
      f.set(right);
      storePart(f, c, right, part, cRows[i]);
    });
  });
}

/** Leaves a vector of the sums of up to four vectors on the stack. */
function gatherSums(f: FunctionWriter, vectors: readonly Local[]): void {
  const at = (i: number): Local => vectors[Math.min(i, vectors.length - 1)];
  const halves = [0, 2].map((i) => {
    f.get(at(i))
      .get(at(i + 1))
      .shuffle32([0, 4, 1, 5]);
    f.get(at(i))
      .get(at(i + 1))
      .shuffle32([2, 6, 3, 7])
      .op("f32x4.add");
    const half = f.local("v128");
    f.set(half);
    return half;
  });
  f.get(halves[0]).get(halves[1]).shuffle32([0, 1, 4, 5]);
  f.get(halves[0]).get(halves[1]).shuffle32([2, 3, 6, 7]).op("f32x4.add");
  f.release(...halves);
}

/** Rows of B that are added at a time: each element of C is then loaded and stored as seldom as registers allow. */
const ROWS = 4;

/**
 * A function (a, b, c, columns), all i32: C[j] = Σₚ A[p]·B[p, j] for p < depth, where A[p] lies at a + p·aStep, B[p, j] at
 * b + p·bStep + 4·j, C[j] at c + 4·j. B is read along its rows: for one that does not stay in a cache.
 */
export function rowFunction(
  module: ModuleWriter,
  depth: number,
  { aStep, bStep }: { readonly aStep: number; readonly bStep: number },
  target: Target,
): Callee {
  const key = ["row", depth, aStep, bStep, target.fused].join();
  return module.once(key, { parameters: ["i32", "i32", "i32", "i32"] }, (f) => {
    const [a, b, c, columns] = f.parameters;
    const [end, vectorEnd] = [f.local("i32"), f.local("i32")];
    f.get(c).get(columns).i32(2).op("i32.shl", "i32.add").set(end);
    f.get(c).get(columns).i32(-8).op("i32.and").i32(2).op("i32.shl", "i32.add").set(vectorEnd);
    f.get(c).i32(0).get(columns).i32(2).op("i32.shl").fillMemory();
    const full = Math.floor(depth / ROWS);
    if (full > 0) {
      const rounds = f.local("i32");
      f.repeat(rounds, full, () => {
        addRows(f, ROWS, { a, b, c, end, vectorEnd, aStep, bStep }, target);
        f.advance(a, ROWS * aStep).advance(b, ROWS * bStep);
      });
    }
    if (depth % ROWS > 0) addRows(f, depth % ROWS, { a, b, c, end, vectorEnd, aStep, bStep }, target);
  });
}

interface Rows {
  readonly a: Local;
  readonly b: Local;
  readonly c: Local;
  readonly end: Local;
  readonly vectorEnd: Local;
  readonly aStep: number;
  readonly bStep: number;
}

function addRows(f: FunctionWriter, count: number, at: Rows, target: Target): void {
  const { a, b, c, end, vectorEnd, aStep, bStep } = at;
  const [left, from, to] = [f.local("i32"), f.local("i32"), f.local("i32")];
  f.get(a).set(left).get(b).set(from).get(c).set(to);
  const aOffsets = rowOffsets(f, left, count, aStep);
  const bOffsets = rowOffsets(f, from, count, bStep);
  const factors = aOffsets.map((offset) => {
    const factor = f.local("v128");
    f.get(left).memory("v128.load32_splat", offset).set(factor);
    return factor;
  });
  const right = f.local("v128");
  const sums = [f.local("v128"), f.local("v128")];
  const pass = (limit: Local, vectors: number): void => {
    f.block((out) => {
      f.loop((again) => {
        f.get(to).get(limit).op("i32.ge_u").leaveIf(out);
        for (let v = 0; v < vectors; v++) {
          f.get(to)
            .memory("v128.load", 16 * v)
            .set(sums[v]);
          factors.forEach((factor, p) => {
            f.get(from)
              .memory("v128.load", bOffsets[p] + 16 * v)
              .set(right);
            multiplyAdd(f, factor, right, sums[v], target);
          });
        }
        for (let v = 0; v < vectors; v++)
          f.get(to)
            .get(sums[v])
            .memory("v128.store", 16 * v);
        f.advance(to, 16 * vectors)
          .advance(from, 16 * vectors)
          .leave(again);
      });
    });
  };
  pass(vectorEnd, 2);
  // The last up to seven, one by one.
  f.block((out) => {
    f.loop((again) => {
      f.get(to).get(end).op("i32.ge_u").leaveIf(out);
      f.get(to).memory("v128.load32_zero").set(sums[0]);
      factors.forEach((factor, p) => {
        f.get(from).memory("v128.load32_zero", bOffsets[p]).set(right);
        multiplyAdd(f, factor, right, sums[0], target);
      });
      f.get(to).get(sums[0]).laneMemory("v128.store32_lane", 0);
      f.advance(to, 4).advance(from, 4).leave(again);
    });
  });
  f.release(left, from, to, right, ...sums, ...factors);
}

function multiplyAdd(f: FunctionWriter, left: Local, right: Local, sum: Local, target: Target): void {
  if (target.fused) f.get(left).get(right).get(sum).op("f32x4.relaxed_madd").set(sum);
  else f.get(left).get(right).op("f32x4.mul").get(sum).op("f32x4.add").set(sum);
}
