import type { Callee, FunctionWriter, Local } from "../assembler/function";
import type { ModuleWriter } from "../assembler/module";
import type { Target } from "../code";

/** Outputs that are summed in registers at a time: so many channels, rows, and units of neighbouring columns. */
export interface Tile {
  readonly outputs: number;
  readonly rows: number;
  readonly units: number;
  /** Vectors of four in a unit: two where the compiler joins them. */
  readonly vectors: 1 | 2;
}

/** Registers of x64 that the compiler gives away: it keeps one of the sixteen. */
const REGISTERS = 15;

/**
 * Whether m·n sums of products of m values with n others stay in registers. The compiler puts all loads of a step before the
 * first product, so that all m + n take a register too; a product that is not added at once takes another.
 */
export function fitsRegisters(m: number, n: number, { fused }: Target): boolean {
  return m * n + m + n + (fused ? 0 : 1) <= REGISTERS;
}

/** What must be known to leave products with padding out: element i of an axis meets the taps from padding − i on, while they are inside. */
export interface Skip {
  readonly rows: SkipAxis;
  readonly columns: SkipAxis;
  /** Table entries of each tap. */
  readonly channels: number;
}

interface SkipAxis {
  readonly taps: number;
  readonly padding: number;
  /** Elements of the input. */
  readonly size: number;
}

/** Cycles that a loop inside costs to enter and to leave. */
const TURN = 12;

/** Floats of a column where products are left out: one of each of four images. */
const COLUMN = 4;

/** The sum of the numbers of taps that blocks of outputs go through. */
function tapsMet({ taps, padding, size }: SkipAxis, outputs: number, block: number): number {
  let sum = 0;
  for (let start = 0; start < outputs; start += block) {
    const first = Math.min(start, outputs - block);
    const begin = Math.max(0, padding - first - block + 1);
    sum += Math.max(0, Math.min(taps, size + padding - first) - begin);
  }
  return sum;
}

/** @returns the best tile for outputs [outputs, rows, width] and about how many cycles it takes for all of them */
export function chooseTile(
  outputs: number,
  rows: number,
  width: number,
  depth: number,
  target: Target,
  skip?: Skip,
): { readonly tile: Tile; readonly cycles: number } {
  const vectors = target.wide && width >= 8 ? 2 : 1;
  const unit = 4 * vectors;
  const inRow = Math.ceil(width / unit);
  let best: { readonly tile: Tile; readonly cycles: number } | undefined;
  for (let m = 1; m <= Math.min(outputs, 8); m++) {
    for (let units = 1; units <= Math.min(inRow, 12); units++) {
      if (units < inRow && units * unit > width) continue;
      for (let r = 1; r <= Math.min(rows, 12); r++) {
        const n = units * r;
        if (!fitsRegisters(m, n, target)) break;
        // Two multiply-adds and two loads a cycle, each product waiting for its last one, and what the loop takes.
        const step = Math.max(4, (m * n) / 2, (m + n + 1) / 2, (m * n + m + n + 6) / 6);
        const blocks = Math.ceil(outputs / m);
        const [down, across] = [Math.ceil(rows / r), Math.ceil(inRow / units)];
        let steps = down * across * depth;
        let turns = 0;
        if (skip) {
          const met = tapsMet(skip.rows, rows, r);
          const columns = Math.min(width, units * unit) / COLUMN;
          steps = met * tapsMet(skip.columns, width / COLUMN, columns) * skip.channels;
          turns = met * across;
        }
        const cycles = blocks * (steps * step + turns * TURN + down * across * (12 + 2 * m * n));
        if (!best || cycles < best.cycles) best = { tile: { outputs: m, rows: r, units, vectors }, cycles };
      }
    }
  }
  if (!best) throw new Error("internal: no tile for a convolution without outputs");
  return best;
}

/** Distances in bytes. */
export interface TileStrides {
  readonly width: number;
  /** What is read for one row of outputs and for the next. */
  readonly inputRow: number;
  readonly outputRow: number;
  readonly outputPlane: number;
  /** From the weights of one output to those of the next, and from step to step. */
  readonly weight: number;
  readonly step: number;
  readonly skip: Skip | undefined;
}

/**
 * A function of (x, w, out, table, end, rows, zeros): out[m, y, x] = Σₖ w[m, k] · x[y, x, table[k]] for the tile's outputs m, where
 * the table from `table` to `end` has offsets in bytes. There are at least as many rows as the tile has. `zeros`: 32 of them.
 */
export function tileFunction(module: ModuleWriter, tile: Tile, strides: TileStrides, { fused }: Target): Callee {
  const key = `convolution tile ${JSON.stringify([tile, strides, fused])}`;
  return module.once(key, { parameters: new Array<"i32">(7).fill("i32") }, (f) => {
    const [x, w, out, , , rows] = f.parameters;
    const floats = tile.vectors * 4;
    const inRow = Math.ceil(strides.width / floats);
    const [row, column, rowX, rowOut] = ["i32", "i32", "i32", "i32"].map(() => f.local("i32"));
    const [atX, atOut] = [f.local("i32"), f.local("i32")];
    const last = (strides.width - tile.units * floats) * 4;
    f.forRange(
      row,
      () => f.i32(0),
      () => f.get(rows),
      tile.rows,
      () => {
        // The last rows, and the last columns, may be done twice.
        smaller(f, row, () => f.get(rows).i32(tile.rows).op("i32.sub"));
        f.set(rowX);
        const taps = strides.skip && tapRange(f, strides.skip.rows, rowX, tile.rows);
        f.get(rowX).i32(strides.outputRow).op("i32.mul").get(out).op("i32.add").set(rowOut);
        f.get(rowX).i32(strides.inputRow).op("i32.mul").get(x).op("i32.add").set(rowX);
        if (tile.units === inRow) {
          f.i32(0).set(atX);
          const across = strides.skip && tapRange(f, strides.skip.columns, atX, strides.width / COLUMN);
          writeTile(f, tile, strides, { fused, x: rowX, w, out: rowOut, taps, across });
          return;
        }
        f.forRange(
          column,
          () => f.i32(0),
          () => f.i32(strides.width * 4),
          tile.units * floats * 4,
          () => {
            smaller(f, column, () => f.i32(last));
            f.set(atX);
            const place = f.local("i32");
            f.get(atX).i32(4).op("i32.shr_u").set(place);
            const across = strides.skip && tapRange(f, strides.skip.columns, place, (tile.units * floats) / COLUMN);
            f.release(place);
            f.get(atX).get(rowOut).op("i32.add").set(atOut).get(atX).get(rowX).op("i32.add").set(atX);
            writeTile(f, tile, strides, { fused, x: atX, w, out: atOut, taps, across });
          },
        );
      },
    );
  });
}

/** Leaves the smaller of a local and what is written. */
function smaller(f: FunctionWriter, local: Local, other: () => void): void {
  f.get(local);
  other();
  f.get(local);
  other();
  f.op("i32.lt_s", "select");
}

/** Locals with the first tap that some of `block` outputs from `first` on meet, and the end of them. */
function tapRange(f: FunctionWriter, { taps, padding, size }: SkipAxis, first: Local, block: number): TapRange {
  const [begin, end] = [f.local("i32"), f.local("i32")];
  f.i32(padding - block + 1)
    .get(first)
    .op("i32.sub")
    .set(begin);
  f.get(begin).i32(0).get(begin).i32(0).op("i32.gt_s", "select").set(begin);
  f.i32(size + padding)
    .get(first)
    .op("i32.sub")
    .set(end);
  smaller(f, end, () => f.i32(taps));
  f.set(end);
  return { begin, end };
}

interface TapRange {
  readonly begin: Local;
  readonly end: Local;
}

interface TilePlace {
  readonly fused: boolean;
  readonly x: Local;
  readonly w: Local;
  readonly out: Local;
  /** Of rows and of columns, if others are left out. */
  readonly taps: TapRange | undefined;
  readonly across: TapRange | undefined;
}

function writeTile(f: FunctionWriter, tile: Tile, strides: TileStrides, place: TilePlace): void {
  const [, , , table, end, , zeros] = f.parameters;
  const { w, out, taps, across } = place;
  const { skip, step } = strides;
  const floats = tile.vectors * 4;
  const inRow = Math.ceil(strides.width / floats);
  const places: VectorPlace[] = [];
  for (let row = 0; row < tile.rows; row++)
    for (let unit = 0; unit < tile.units; unit++) {
      const column = tile.units === inRow ? Math.min(unit * floats, strides.width - floats) : unit * floats;
      for (let vector = 0; vector < tile.vectors; vector++) places.push({ row, bytes: (column + vector * 4) * 4 });
    }
  const sums = Array.from({ length: tile.outputs }, () => places.map(() => f.local("v128")));
  const [atTable, tableEnd, atW] = [f.local("i32"), f.local("i32"), f.local("i32")];
  sums.forEach((row) => {
    row.forEach((sum, i) => {
      // Pairs of neighbours are joined from what they are loaded from on.
      if (tile.vectors === 1) f.f32x4(0).set(sum);
      else
        f.get(zeros)
          .memory("v128.load", (i % 2) * 16)
          .set(sum);
    });
  });
  const from = { atTable, tableEnd, atW };
  if (skip && taps && across) {
    const tap = f.local("i32");
    f.forRange(
      tap,
      () => f.get(taps.begin),
      () => f.get(taps.end),
      1,
      () => {
        f.get(tap).i32(skip.columns.taps).op("i32.mul").get(across.begin).op("i32.add");
        f.i32(skip.channels).op("i32.mul").set(atW);
        f.get(atW).i32(4).op("i32.mul").get(table).op("i32.add").set(atTable);
        f.get(atW).i32(step).op("i32.mul").get(w).op("i32.add").set(atW);
        f.get(across.end).get(across.begin).op("i32.sub");
        f.i32(skip.channels * 4)
          .op("i32.mul")
          .get(atTable)
          .op("i32.add")
          .set(tableEnd);
        addProducts(f, strides, place, places, sums, from);
      },
    );
    f.release(tap, across.begin, across.end);
  } else {
    f.get(table).set(atTable).get(end).set(tableEnd).get(w).set(atW);
    addProducts(f, strides, place, places, sums, from);
  }
  sums.forEach((row, m) => {
    row.forEach((sum, i) => {
      f.get(out)
        .get(sum)
        .memory("v128.store", m * strides.outputPlane + places[i].row * strides.outputRow + places[i].bytes);
    });
  });
  f.release(...sums.flat(), atTable, tableEnd, atW);
}

/** Where a vector of the tile is. */
interface VectorPlace {
  readonly row: number;
  readonly bytes: number;
}

/** Adds the products of the table's entries from `atTable` to `tableEnd`, with weights from `atW` on; both move on. */
function addProducts(
  f: FunctionWriter,
  strides: TileStrides,
  { fused, x }: TilePlace,
  places: readonly VectorPlace[],
  sums: readonly (readonly Local[])[],
  { atTable, tableEnd, atW }: { readonly atTable: Local; readonly tableEnd: Local; readonly atW: Local },
): void {
  const inputs = places.map(() => f.local("v128"));
  const weight = f.local("v128");
  const at = f.local("i32");
  f.block((done) => {
    f.get(atTable).get(tableEnd).op("i32.ge_s").leaveIf(done);
    f.loop((again) => {
      f.get(atTable).memory("i32.load").get(x).op("i32.add").set(at);
      inputs.forEach((local, i) => {
        f.get(at)
          .memory("v128.load", places[i].row * strides.inputRow + places[i].bytes)
          .set(local);
      });
      sums.forEach((row, m) => {
        f.get(atW)
          .memory("v128.load32_splat", m * strides.weight)
          .set(weight);
        row.forEach((sum, i) => {
          if (!fused) f.get(sum);
          f.get(inputs[i]).get(weight);
          if (fused) f.get(sum).op("f32x4.relaxed_madd");
          else f.op("f32x4.mul", "f32x4.add");
          f.set(sum);
        });
      });
      f.advance(atW, strides.step);
      f.get(atTable).i32(4).op("i32.add").tee(atTable).get(tableEnd).op("i32.ne").leaveIf(again);
    });
  });
  f.release(...inputs, weight, at);
}
