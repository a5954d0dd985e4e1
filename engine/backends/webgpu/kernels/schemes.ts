import type { GpuTarget } from "../code";
import { type Tile, invocationsOf } from "./tile";

/**
 * How a product of [rows, depth]·[depth, columns], `sets` times, is shared among invocations. `tiled`: workgroups compute blocks by way of
 * shared memory. `lonely`: each invocation computes four columns of some rows. `shared`: each workgroup computes four columns of some
 * rows, and its invocations share the depth. `parts` of the depth are summed apart from one another.
 */
export type Scheme =
  | { readonly kind: "tiled"; readonly tile: Tile; readonly parts: number }
  | { readonly kind: "lonely"; readonly rows: number; readonly size: number; readonly parts: 1 }
  | { readonly kind: "shared"; readonly rows: number; readonly size: number; readonly parts: number };

export interface Extent {
  readonly sets: number;
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  /** Along what neighbours lie that are read together. */
  readonly along: "lines" | "depth";
}

/** Invocations that keep a device busy. */
const BUSY = 32_768;
/** Products of one sum at most, if parts do not become too many: rounding it again and again would show. */
const LONGEST = 8192;
/** Parts of the depth that are worth a second pass for it. */
const MOST_PARTS = 512;
/**
 * How often an invocation reads four elements for a block of shared memory, at most: each time has code of its own, and what it knows of
 * its columns in registers of its own where it stays with them.
 */
const MOST_ROUNDS = { lines: 4, depth: 2 } as const;

export function schemeOf(extent: Extent, target: GpuTarget): Scheme {
  return target.software ? softwareScheme(extent) : gpuScheme(extent, target);
}

/** A processor's memory is all the same, and its barriers are dear. */
function softwareScheme({ sets, rows, columns, depth }: Extent): Scheme {
  const own = evenly(rows, 8);
  const fours = Math.ceil(columns / 4);
  const blocks = sets * Math.ceil(rows / own) * fours;
  if (blocks >= 64 || depth < 256) {
    // Invocations beyond the last column work for nothing.
    const size = Math.min(64, 2 ** Math.ceil(Math.log2(Math.max(4, fours / 4))));
    return { kind: "lonely", rows: own, size, parts: 1 };
  }
  const parts = clamp(Math.ceil(16 / blocks), Math.floor(depth / 256));
  return { kind: "shared", rows: own, size: 16, parts };
}

function gpuScheme(extent: Extent, target: GpuTarget): Scheme {
  const { sets, rows, columns, depth } = extent;
  // Tall and thin: whoever reads a row's elements reads them for few columns only.
  if (rows * columns <= 1024 && depth >= 512) {
    const own = evenly(rows, 4);
    const size = 128;
    const groups = sets * Math.ceil(rows / own) * Math.ceil(columns / 4);
    return {
      kind: "shared",
      rows: own,
      size,
      parts: clamp(Math.ceil(BUSY / (groups * size)), Math.floor(depth / size)),
    };
  }
  if (rows < 4 || depth < 8) return { kind: "lonely", rows: evenly(rows, 4), size: 128, parts: 1 };
  return tiledScheme(extent, target);
}

/** As few blocks as there must be of at most so many, as even as can be. */
function evenly(count: number, most: number): number {
  return Math.ceil(count / Math.ceil(count / most));
}

function clamp(parts: number, most: number): number {
  return Math.max(1, Math.min(parts, most, MOST_PARTS));
}

const TILES: readonly Tile[] = [8, 16, 32, 64, 128].flatMap((rows) =>
  [16, 32, 64, 128, 256].flatMap((columns) =>
    ([1, 2, 4, 8] as const).flatMap((ownRows) =>
      ([4, 8] as const).flatMap((ownColumns) =>
        [8, 16].map((depth): Tile => ({ rows, columns, depth, ownRows, ownColumns })),
      ),
    ),
  ),
);

/** Blocks and parts that do least for nothing, and keep most of the device busy. */
function tiledScheme(extent: Extent, target: GpuTarget): Scheme {
  let best: { readonly scheme: Scheme; readonly cost: number } | undefined;
  for (const tile of TILES) {
    if (!isPossible(tile, extent, target)) continue;
    const found = costOf(extent, tile);
    if (!best || found.cost < best.cost)
      best = { scheme: { kind: "tiled", tile, parts: found.parts }, cost: found.cost };
  }
  if (!best) throw new Error("internal: this adapter's workgroups are too small for any product");
  return best.scheme;
}

function isPossible(tile: Tile, { along }: Extent, { invocations: most, workgroupBytes }: GpuTarget): boolean {
  const invocations = invocationsOf(tile);
  const slots = [tile.rows / Math.min(4, tile.ownRows), tile.columns / 4];
  return (
    invocations >= 32 &&
    invocations <= Math.min(256, most) &&
    slots.every((each) => each <= invocations && each * tile.depth <= MOST_ROUNDS[along] * invocations) &&
    (tile.rows + tile.columns + 8) * 4 * tile.depth <= workgroupBytes
  );
}

/** In products of one invocation: what all of them do, divided by the share of the device that they keep busy. */
function costOf({ sets, rows, columns, depth }: Extent, tile: Tile): { readonly cost: number; readonly parts: number } {
  const blocks = sets * Math.ceil(rows / tile.rows) * Math.ceil(columns / tile.columns);
  const invocations = blocks * invocationsOf(tile);
  const own = tile.ownRows * tile.ownColumns;
  const wanted = Math.max(Math.floor(BUSY / invocations), Math.ceil(depth / LONGEST));
  const parts = clamp(wanted, Math.floor(depth / (4 * tile.depth)));
  const steps = Math.ceil(depth / tile.depth) * tile.depth;
  // Beside each product: its share of reading what is shared, of finding and reading what is not, of waiting for one another.
  const each = 1 + 2 / tile.ownRows + 2 / tile.ownColumns + 14 / tile.rows + 6 / tile.columns + 40 / (tile.depth * own);
  const products = blocks * tile.rows * tile.columns * steps * each;
  const join = parts > 1 ? 8 * parts * sets * rows * columns : 0;
  // An invocation with more sums waits less for each.
  const busy = Math.min(1, (invocations * parts * Math.sqrt(own / 16)) / BUSY);
  return { cost: (products + join) / busy, parts };
}
