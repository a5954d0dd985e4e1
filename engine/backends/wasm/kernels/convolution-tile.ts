import type { FunctionWriter, Local } from "../assembler/function";
import type { Callee } from "../assembler/function";
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
 * first product, so that all m + n take a register too.
 */
export function fitsRegisters(m: number, n: number): boolean {
  return m * n + m + n <= REGISTERS;
}

/** @returns the best tile for outputs [outputs, rows, width] and about how many cycles it takes for all of them */
export function chooseTile(
  outputs: number,
  rows: number,
  width: number,
  depth: number,
  target: Target,
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
        if (!fitsRegisters(m, n)) break;
        // Two multiply-adds and two loads a cycle, each product waiting for its last one, and what the loop takes.
        const step = Math.max(4, (m * n) / 2, (m + n + 1) / 2, (m * n + m + n + 6) / 6);
        const tiles = Math.ceil(outputs / m) * Math.ceil(rows / r) * Math.ceil(inRow / units);
        const cycles = tiles * (depth * step + 12 + 2 * m * n);
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
        f.set(rowX).get(rowX).i32(strides.outputRow).op("i32.mul").get(out).op("i32.add").set(rowOut);
        f.get(rowX).i32(strides.inputRow).op("i32.mul").get(x).op("i32.add").set(rowX);
        if (tile.units === inRow) {
          writeTile(f, tile, strides, { fused, x: rowX, w, out: rowOut });
          return;
        }
        f.forRange(
          column,
          () => f.i32(0),
          () => f.i32(strides.width * 4),
          tile.units * floats * 4,
          () => {
            smaller(f, column, () => f.i32(last));
            f.tee(atX).get(rowOut).op("i32.add").set(atOut).get(atX).get(rowX).op("i32.add").set(atX);
            writeTile(f, tile, strides, { fused, x: atX, w, out: atOut });
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

interface TilePlace {
  readonly fused: boolean;
  readonly x: Local;
  readonly w: Local;
  readonly out: Local;
}

function writeTile(f: FunctionWriter, tile: Tile, strides: TileStrides, { fused, x, w, out }: TilePlace): void {
  const [, , , table, end, , zeros] = f.parameters;
  const floats = tile.vectors * 4;
  const inRow = Math.ceil(strides.width / floats);
  const places: { readonly row: number; readonly bytes: number }[] = [];
  for (let row = 0; row < tile.rows; row++)
    for (let unit = 0; unit < tile.units; unit++) {
      const column = tile.units === inRow ? Math.min(unit * floats, strides.width - floats) : unit * floats;
      for (let vector = 0; vector < tile.vectors; vector++) places.push({ row, bytes: (column + vector * 4) * 4 });
    }
  const sums = Array.from({ length: tile.outputs }, () => places.map(() => f.local("v128")));
  const inputs = places.map(() => f.local("v128"));
  const weight = f.local("v128");
  const [at, atTable, atW] = [f.local("i32"), f.local("i32"), f.local("i32")];
  const input = (i: number): void => {
    f.get(at).memory("v128.load", places[i].row * strides.inputRow + places[i].bytes);
  };
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
  f.get(table).set(atTable).get(w).set(atW);
  f.block((done) => {
    f.get(table).get(end).op("i32.eq").leaveIf(done);
    f.loop((again) => {
      f.get(atTable).memory("i32.load").get(x).op("i32.add").set(at);
      if (tile.outputs > 1)
        inputs.forEach((local, i) => {
          input(i);
          f.set(local);
        });
      sums.forEach((row, m) => {
        f.get(atW)
          .memory("v128.load32_splat", m * strides.weight)
          .set(weight);
        row.forEach((sum, i) => {
          if (!fused) f.get(sum);
          if (tile.outputs > 1) f.get(inputs[i]);
          else input(i);
          f.get(weight);
          if (fused) f.get(sum).op("f32x4.relaxed_madd");
          else f.op("f32x4.mul", "f32x4.add");
          f.set(sum);
        });
      });
      f.advance(atW, strides.step);
      f.get(atTable).i32(4).op("i32.add").tee(atTable).get(end).op("i32.ne").leaveIf(again);
    });
  });
  sums.forEach((row, m) => {
    row.forEach((sum, i) => {
      f.get(out)
        .get(sum)
        .memory("v128.store", m * strides.outputPlane + places[i].row * strides.outputRow + places[i].bytes);
    });
  });
  f.release(...sums.flat(), ...inputs, weight, at, atTable, atW);
}
