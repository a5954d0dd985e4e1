import type { FunctionWriter, Local } from "../assembler/function";
import type { ModuleWriter } from "../assembler/module";
import { type Target, aligned } from "../code";
import { range, scaled } from "./product";
import { panelFunction } from "./product-panel";
import { PIECE_NS, type Product } from "./product-plan";
import { dotFunction, rowFunction } from "./product-vector";

/** Products with so few rows that each element of B is used once or twice: all that counts is how B is read. */
export interface RowPlan {
  readonly pieces: number;
  readonly work: number;
  readonly scratch: number;
}

/** Elements of B from which on it is read along its rows, not tile by tile: it does not stay in a cache. */
export const STREAMED = 1 << 17;
/** Columns that are done at a time, so that their sums stay in the fastest cache. */
const COLUMNS = 1024;
/** Nanoseconds for an element of B. */
const READ_NS = 0.06;
const MOST_PIECES = 32;

interface Addresses {
  readonly a: Local;
  readonly b: Local;
  readonly c: Local;
  readonly scratch: Local;
  readonly piece: Local;
}

/** For up to a few rows, where B's columns are dense: dot products of four columns at a time. */
export function planDots({ m, n, k, a }: Product, copies: number): RowPlan {
  const work = READ_NS * m * n * k + n;
  const groups = Math.max(1, Math.floor(n / 4));
  return { pieces: piecesOf(work, copies, groups), work, scratch: a.step === 4 ? 0 : aligned(4 * m * k) };
}

export function writeDots(
  f: FunctionWriter,
  module: ModuleWriter,
  { m, n, k, a, b, cRow }: Product,
  target: Target,
  pieces: number,
  at: Addresses,
): void {
  const [left, right, sums] = [f.local("i32"), f.local("i32"), f.local("i32")];
  f.get(at.a).set(left);
  if (a.step !== 4) {
    for (let i = 0; i < m; i++) {
      f.get(at.a)
        .i32(i * a.row)
        .op("i32.add")
        .get(at.scratch)
        .i32(i * 4 * k)
        .op("i32.add")
        .i32(k);
      f.call(panelFunction(module, 1, { line: 4, step: a.step }));
    }
    f.get(at.scratch).set(left);
  }
  const aRow = a.step === 4 ? a.row : 4 * k;
  const dots = (columns: number): void => {
    f.get(left).get(right).get(sums).i32(k);
    f.call(dotFunction(module, m, columns, { aRow, bColumn: b.column, cRow }, target));
  };
  const start = (column: () => void): void => {
    f.get(at.b);
    column();
    f.i32(b.column).op("i32.mul", "i32.add").set(right);
    f.get(at.c);
    column();
    f.i32(4).op("i32.mul", "i32.add").set(sums);
  };
  const groups = Math.floor(n / 4);
  if (groups > 0) {
    const [group, from, to] = [f.local("i32"), f.local("i32"), f.local("i32")];
    range(f, at.piece, pieces, groups, from, to);
    start(() => {
      scaled(f, from, 4);
    });
    f.forRange(
      group,
      () => f.get(from),
      () => f.get(to),
      1,
      () => {
        dots(4);
        f.advance(right, 4 * b.column).advance(sums, 16);
      },
    );
    f.release(group, from, to);
  }
  if (n % 4 > 0) {
    const last = (): void => {
      // The same values once more for columns that were done already.
      start(() => f.i32(Math.max(0, n - 4)));
      dots(Math.min(4, n));
    };
    if (pieces === 1) last();
    else
      f.get(at.piece)
        .i32(pieces - 1)
        .op("i32.eq")
        .if(last);
  }
  f.release(left, right, sums);
}

/** For one row, where B's rows are dense. */
export function planRow({ n, k }: Product, copies: number): RowPlan {
  const work = READ_NS * n * k;
  const blocks = Math.ceil(n / COLUMNS);
  return { pieces: Math.max(blocks, piecesOf(work, copies, Math.ceil(n / 64))), work, scratch: 0 };
}

export function writeRow(
  f: FunctionWriter,
  module: ModuleWriter,
  { n, k, a, b }: Product,
  target: Target,
  pieces: number,
  at: Addresses,
): void {
  // In groups of 16 columns, a cache line.
  const [from, to] = [f.local("i32"), f.local("i32")];
  range(f, at.piece, pieces, Math.ceil(n / 16), from, to);
  f.get(from).i32(16).op("i32.mul").set(from);
  f.get(to).i32(16).op("i32.mul").tee(to);
  f.i32(n).get(to).i32(n).op("i32.lt_s", "select").set(to);
  f.get(at.a).get(at.b);
  scaled(f, from, 4);
  f.op("i32.add").get(at.c);
  scaled(f, from, 4);
  f.op("i32.add").get(to).get(from).op("i32.sub");
  f.call(rowFunction(module, k, { aStep: a.step, bStep: b.step }, target));
  f.release(from, to);
}

function piecesOf(work: number, copies: number, most: number): number {
  const wanted = Math.ceil(Math.min(MOST_PIECES, (copies * work) / PIECE_NS) / copies);
  return Math.max(1, Math.min(most, wanted));
}
