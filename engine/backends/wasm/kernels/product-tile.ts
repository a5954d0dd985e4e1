import type { Callee, FunctionWriter, Local } from "../assembler/function";
import type { ModuleWriter } from "../assembler/module";
import type { Target } from "../code";

/**
 * A tile of a product of float32 matrices: C[i, j] = Σₚ A[i, p]·B[p, j] for i < rows and j < columns, held in registers over
 * the whole depth. A[i, p] lies at a + i·aRow + p·aStep, B[p, j] at b + p·bStep + 4·j, C[i, j] at c + i·cRow + 4·j, all in
 * bytes and of any sign. So operands are read in place where B's columns lie side by side, and as panels otherwise: a panel of
 * A is [depth, rows] (aRow 4, aStep 4·rows), one of B [depth, columns] (bStep 4·columns), both dense.
 *
 * Nothing outside of the matrices is touched. Each element is summed in the order of p, from 0 or from what C holds, whatever
 * the tile: results do not depend on how a product is cut.
 */
export interface Tile {
  readonly rows: number;
  readonly columns: number;
  readonly aRow: number;
  readonly aStep: number;
  readonly bStep: number;
  readonly cRow: number;
  readonly finish?: Finish;
}

/** What becomes of the elements of C in place of being stored: a bias added, an activation. */
export interface Finish {
  /** Names all that `write` depends on. */
  readonly key: string;
  /** Number of i32 that the tile's function takes beyond its own parameters, for `write`. */
  readonly parameters: number;
  /** Writes what becomes of one vector of a row, or of two side by side: this stores it, by {@link storeFinished}. */
  write(f: FunctionWriter, row: number, vectors: readonly FinishedVector[], parameters: readonly Local[]): void;
}

export interface FinishedVector {
  readonly value: Local;
  readonly part: Part;
  /** Whether it must not look like one of a pair. */
  readonly alone: boolean;
}

/** The tile's function, all i32: (a, b, c, depth ≥ 1, whether to add to what C holds, those of `finish`). */
export function tileFunction(module: ModuleWriter, tile: Tile, target: Target): Callee {
  const { rows, columns, aRow, aStep, bStep, cRow, finish } = tile;
  const key = ["product", rows, columns, aRow, aStep, bStep, cRow, finish?.key, target.fused, target.wide].join();
  const parameters = new Array<"i32">(5 + (finish?.parameters ?? 0)).fill("i32");
  return module.once(key, { parameters }, (f) => {
    writeTile(f, tile, target);
  });
}

/** Neighbours in a row that are one vector. */
export interface Part {
  readonly column: number;
  readonly lanes: number;
}

/**
 * The vectors that cover so many columns. The last one lies over the one before it where they are no multiple of 4: its lanes
 * come to the same values there. Only where there are fewer than 4 is a vector used in part.
 */
export function partsOf(columns: number): Part[] {
  if (columns < 4) return [{ column: 0, lanes: columns }];
  return Array.from({ length: Math.ceil(columns / 4) }, (_, i) => ({ column: Math.min(4 * i, columns - 4), lanes: 4 }));
}

function writeTile(f: FunctionWriter, tile: Tile, target: Target): void {
  const { rows, columns, aStep, bStep, finish } = tile;
  const [a, b, c, depth, accumulate, ...more] = f.parameters;
  const parts = partsOf(columns);
  const aRows = rowOffsets(f, a, rows, tile.aRow);
  const cRows = rowOffsets(f, c, rows, tile.cRow);
  const sums = aRows.map(() => parts.map(() => f.local("v128")));
  // All is loaded before anything is stored: parts lie over each other. Without it, sums are fresh variables, which are 0.
  f.get(accumulate).if(() => {
    sums.forEach((row, i) => {
      row.forEach((sum, v) => {
        loadPart(f, c, parts[v], cRows[i]);
        f.set(sum);
      });
    });
  });
  const multiply = (left: Local, right: Local, sum: Local): void => {
    if (target.fused) f.get(left).get(right).get(sum).op("f32x4.relaxed_madd").set(sum);
    else f.get(left).get(right).op("f32x4.mul").get(sum).op("f32x4.add").set(sum);
  };
  const left = (i: number): void => {
    f.get(a).memory("v128.load32_splat", aRows[i]);
  };
  const right = (v: number): void => {
    loadPart(f, b, parts[v], 0);
  };
  f.loop((again) => {
    // The fewer are held, and the others come one by one.
    if (rows < parts.length) {
      hold(f, rows, left, (lefts) => {
        each(f, parts.length, right, (one, v) => {
          lefts.forEach((each, i) => {
            multiply(each, one, sums[i][v]);
          });
        });
      });
    } else {
      hold(f, parts.length, right, (rights) => {
        each(f, rows, left, (one, i) => {
          rights.forEach((each, v) => {
            multiply(one, each, sums[i][v]);
          });
        });
      });
    }
    f.advance(a, aStep).advance(b, bStep);
    f.get(depth).i32(1).op("i32.sub").tee(depth).leaveIf(again);
  });
  sums.forEach((row, i) => {
    const vectors = row.map((value, v): FinishedVector => {
      const isLast = parts.length % 2 === 1 && v === parts.length - 1;
      return { value, part: parts[v], alone: target.wide && isLast && parts[v].lanes === 4 };
    });
    if (finish) {
      const together = target.wide ? 2 : 1;
      for (let v = 0; v < vectors.length; v += together) finish.write(f, i, vectors.slice(v, v + together), more);
    } else for (const vector of vectors) storeFinished(f, c, vector, cRows[i]);
  });
}

/** Stores a vector at its place of the row that begins at an address. */
export function storeFinished(
  f: FunctionWriter,
  address: Local,
  { value, part, alone }: FinishedVector,
  offset: number,
): void {
  // Where rows follow each other without a gap, a compiler that looks for pairs must not find the end of one and the start of the
  // next: only pairs within a row have operands in common.
  if (alone) for (const half of [0, 1] as const) storeHalf(f, address, value, half, offset + 4 * part.column);
  else storePart(f, address, value, part, offset);
}

/** Loads so many vectors for `use`. */
function hold(f: FunctionWriter, count: number, load: (i: number) => void, use: (held: Local[]) => void): void {
  const held = Array.from({ length: count }, (_, i) => {
    const vector = f.local("v128");
    load(i);
    f.set(vector);
    return vector;
  });
  use(held);
  f.release(...held);
}

/** Loads one vector after the other into the same variable. */
function each(f: FunctionWriter, count: number, load: (i: number) => void, use: (one: Local, i: number) => void): void {
  const one = f.local("v128");
  for (let i = 0; i < count; i++) {
    load(i);
    f.set(one);
    use(one, i);
  }
  f.release(one);
}

/** Offsets of the rows from the address, which is moved to the lowest row: offsets of loads are not negative. */
export function rowOffsets(f: FunctionWriter, address: Local, rows: number, stride: number): number[] {
  if (stride < 0) f.advance(address, stride * (rows - 1));
  return Array.from({ length: rows }, (_, i) => Math.abs(stride) * (stride < 0 ? rows - 1 - i : i));
}

/** Leaves the vector on the stack; never reads beyond its lanes. */
export function loadPart(f: FunctionWriter, address: Local, { column, lanes }: Part, offset: number): void {
  const at = offset + 4 * column;
  f.get(address);
  if (lanes === 4) f.memory("v128.load", at);
  else if (lanes === 1) f.memory("v128.load32_zero", at);
  else f.memory("v128.load64_zero", at);
  if (lanes !== 3) return;
  const low = f.local("v128");
  f.set(low)
    .get(address)
    .get(low)
    .laneMemory("v128.load32_lane", 2, at + 8);
  f.release(low);
}

function storeHalf(f: FunctionWriter, address: Local, value: Local, half: 0 | 1, offset: number): void {
  f.get(address)
    .get(value)
    .laneMemory("v128.store64_lane", half, offset + 8 * half);
}

export function storePart(
  f: FunctionWriter,
  address: Local,
  value: Local,
  { column, lanes }: Part,
  offset: number,
): void {
  const at = offset + 4 * column;
  f.get(address).get(value);
  if (lanes === 4) f.memory("v128.store", at);
  else if (lanes === 1) f.laneMemory("v128.store32_lane", 0, at);
  else f.laneMemory("v128.store64_lane", 0, at);
  if (lanes === 3)
    f.get(address)
      .get(value)
      .laneMemory("v128.store32_lane", 2, at + 8);
}
