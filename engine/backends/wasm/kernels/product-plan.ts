import { type Target, aligned } from "../code";
import type { Finish } from "./product-tile";

/**
 * C[i, j] = Σₚ A[i, p]·B[p, j] for i < m, j < n, p < k, all ≥ 1. Distances are in bytes and of any sign: between rows and between
 * steps of p in A, steps and columns in B, rows in C, whose columns are dense.
 */
export interface Product {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly a: { readonly row: number; readonly step: number };
  readonly b: { readonly step: number; readonly column: number };
  readonly cRow: number;
  readonly finish?: Finish;
}

/** How a product is cut: pieces of row blocks × column blocks, in blocks of depth, in tiles. */
export interface ProductPlan {
  readonly product: Product;
  readonly target: Target;
  readonly rows: RowTiles;
  readonly columns: ColumnTiles;
  /** Steps of p that are done at a time: a panel of B then stays in a cache. */
  readonly depth: number;
  /** Whether blocks of A are copied to scratch as panels, or A is read in place. */
  readonly packA: boolean;
  readonly packB: "in place" | "by strips" | "before";
  readonly rowBlocks: number;
  readonly columnBlocks: number;
  /** Bytes of scratch for panels of A; a panel of B follows. */
  readonly scratchA: number;
  readonly scratch: number;
  /** Bytes for the panels of all of B where they are made before. */
  readonly panels: number;
  /** Nanoseconds on one thread, without what is made before. */
  readonly work: number;
}

/** `full` tiles of `size` rows, then `rest` tiles of one row less. */
export interface RowTiles {
  readonly size: number;
  readonly full: number;
  readonly rest: number;
}

/** `count` tiles of `width` columns, then the `tails`. */
export interface ColumnTiles {
  readonly width: number;
  readonly count: number;
  readonly tails: readonly number[];
}

/**
 * A panel of B takes so much at most. Half of a small first-level cache; for wide tiles, of which a step takes longer than the second-level
 * cache needs to bring it, more: the deeper a panel is, the less often tiles of C are fetched and stored.
 */
const PANEL_BYTES = { narrow: 16_384, wide: 32_768 } as const;
/** A block of A takes so much at most, and so stays in the second-level cache together with a panel of B. */
const BLOCK_BYTES = 393_216;
/** Pieces are not made smaller than this. */
export const PIECE_NS = 20_000;
const MOST_PIECES = 32;
/** Lines at multiples of this distance crowd into a few sets of the caches, and each lies on a page of its own. */
const PAGE_BYTES = 4096;
/** Nanoseconds to copy an element into a panel. */
export const PACK_NS = 0.3;

/** @param copies how many such products there are, each with its own pieces */
export function planProduct(product: Product, target: Target, copies = 1): ProductPlan {
  const { m, n, k, a, b } = product;
  const [mostRows, width] = tileShape(m, n, target);
  const rows = rowTiles(m, mostRows);
  const columns = columnTiles(n, width, target.wide && m > 3);
  const rowCount = rows.full + rows.rest;
  const columnCount = columns.count + columns.tails.length;
  const depth = evenly(k, Math.max(64, Math.floor(PANEL_BYTES[target.wide ? "wide" : "narrow"] / (4 * columns.width))));
  const work = (2 * m * n * k) / (target.wide ? 100 : 50) + 0.1 * m * n;
  const wanted = Math.ceil(Math.min(MOST_PIECES, (copies * work) / PIECE_NS) / copies);
  const cached = Math.ceil((4 * m * depth) / BLOCK_BYTES);
  // Rows of A that are dense are read well in place, unless a block of them needs more of some sets of the cache than there is.
  const packA =
    a.step === 4 ? rowCount >= 64 && columnCount >= 32 && isCrowded(a.row / 2) : columnCount >= 4 && isCrowded(a.step);
  const mustPackB =
    (b.column !== 4 && n > 1) ||
    (rowCount >= 4 && isCrowded(b.step)) ||
    (rowCount >= 16 && (isCrowded(2 * b.step) || Math.abs(b.step) > PAGE_BYTES));
  // Panels of A are made for each block, so blocks are of all columns then; panels of B should not be made for many of those.
  const byRows = packA || !mustPackB;
  const makeBefore = copies === 1 && (cached > 1 || (byRows && wanted > 1));
  const packB = !mustPackB ? "in place" : makeBefore ? "before" : "by strips";
  const rowBlocks = between(cached, byRows || makeBefore ? wanted : 1, Math.ceil(rowCount / 2));
  const columnBlocks = between(1, Math.ceil(wanted / rowBlocks), columns.count);
  const scratchA = packA ? aligned(4 * depth * rows.size * Math.ceil(rowCount / rowBlocks)) : 0;
  const scratchB = packB === "by strips" ? aligned(4 * depth * Math.max(columns.width, ...columns.tails)) : 0;
  const copied = (packA ? m * columnBlocks : 0) + (packB === "by strips" ? n * rowBlocks : 0);
  return {
    product,
    target,
    rows,
    columns,
    depth,
    packA,
    packB,
    rowBlocks,
    columnBlocks,
    scratchA,
    scratch: scratchA + scratchB,
    panels: packB === "before" ? 4 * k * paddedColumns(n) : 0,
    work: work + PACK_NS * k * copied,
  };
}

export function planKey({ product, rows, columns, depth, packA, packB, rowBlocks, columnBlocks }: ProductPlan): string {
  const { m, n, k, a, b, cRow, finish } = product;
  const sizes = [m, n, k, a.row, a.step, b.step, b.column, cRow, rows.size, columns.width];
  return [...sizes, depth, packA, packB, rowBlocks, columnBlocks, finish?.key].join();
}

/**
 * Rows and columns of a tile: as many sums as there are registers for, beside the operands. Without `wide`, 16 registers of four
 * lanes must also hold all that a step loads, since older compilers load everything first.
 */
function tileShape(m: number, n: number, { wide, fused }: Target): readonly [rows: number, columns: number] {
  if (wide) {
    if (m <= 3) return [m, [48, 32, 24][m - 1]];
    if (n < 8) return [6, n <= 4 ? 4 : 8];
    return n === 8 ? [12, 8] : [6, 16];
  }
  if (m <= 2) return [m, [24, 16][m - 1]];
  if (n <= 4) return [6, 4];
  return fused && (m === 3 || (n > 8 && n <= 12)) ? [3, 12] : [4, 8];
}

/** Columns of all panels together, so that each begins at a whole vector, of a cache line where tiles are that wide. */
export function paddedColumns(n: number): number {
  return 16 * Math.ceil(n / 16);
}

function rowTiles(m: number, most: number): RowTiles {
  const count = Math.ceil(m / most);
  const size = Math.ceil(m / count);
  const full = m - count * (size - 1);
  return { size, full, rest: count - full };
}

function columnTiles(n: number, width: number, pairs: boolean): ColumnTiles {
  const rest = n % width;
  // Vectors of a tile lie over each other at the end of a row that is no multiple of four: it takes four columns at least.
  const merged = rest > 0 && rest < 4 && n > width;
  const count = Math.floor(n / width) - (merged ? 1 : 0);
  const end = n - count * width;
  return { width, count, tails: tailsOf(end, width, pairs) };
}

/** Tiles of few enough columns, each of 4 at least where there are that many. */
function tailsOf(columns: number, width: number, pairs: boolean): number[] {
  if (columns === 0) return [];
  if (pairs ? columns <= 12 : columns <= width) return [columns];
  const first = pairs ? 8 : 4 * Math.floor((width / 4 + 1) / 2);
  return [first, columns - first];
}

function isCrowded(distance: number): boolean {
  return distance !== 0 && distance % PAGE_BYTES === 0;
}

/** The size of blocks of at most so many that cut `size` about evenly, in fours. */
function evenly(size: number, most: number): number {
  const blocks = Math.ceil(size / most);
  return Math.min(size, 4 * Math.ceil(size / blocks / 4));
}

function between(low: number, value: number, high: number): number {
  return Math.max(1, Math.min(high, Math.max(low, value)));
}
