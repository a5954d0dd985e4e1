import type { Callee, FunctionWriter, Local } from "../assembler/function";
import type { ModuleWriter } from "../assembler/module";
import type { Target } from "../code";
import { fitsRegisters } from "./convolution-tile";

/** Sums that are kept in registers at a time: of so many output channels with what so many taps meet, in vectors or pairs of them. */
export interface WeightTile {
  readonly outputs: number;
  readonly taps: number;
  readonly vectors: 1 | 2;
}

/** @returns the best tile for sums [outputs, depth] over rows of `width`, and about how many cycles it takes for all of them */
export function chooseWeightTile(
  outputs: number,
  depth: number,
  rows: number,
  width: number,
  target: Target,
): { readonly tile: WeightTile; readonly cycles: number } {
  const vectors = target.wide && width >= 8 ? 2 : 1;
  const steps = rows * Math.ceil(width / (4 * vectors));
  let best: { readonly tile: WeightTile; readonly cycles: number } | undefined;
  for (let m = 1; m <= Math.min(outputs, 7); m++) {
    for (let t = 1; t <= Math.min(depth, 9); t++) {
      if (!fitsRegisters(m, t, target)) break;
      const step = Math.max(4, (m * t) / 2, (m + t) / 2, (m * t + m + t + 4) / 6);
      const tiles = Math.ceil(outputs / m) * Math.ceil(depth / t);
      const cycles = tiles * (steps * step + rows * (t / 4 + 1));
      if (!best || cycles < best.cycles) best = { tile: { outputs: m, taps: t, vectors }, cycles };
    }
  }
  if (!best) throw new Error("internal: no tile for a convolution without outputs");
  return best;
}

/** Bytes of what a tile's function needs beside its sums. */
export const WEIGHT_TILE_BYTES = 512;

/** Sizes in floats and distances in bytes. */
export interface WeightTileStrides {
  /** Entries of the table: a multiple of the tile's taps. */
  readonly depth: number;
  readonly width: number;
  /** Output channels of the group. */
  readonly outputs: number;
  readonly inputRow: number;
  readonly inputImage: number;
  readonly outputRow: number;
  readonly outputPlane: number;
  readonly outputImage: number;
}

/**
 * A function of (x, g, sums, table, images, rows, block, end, zeros): sums[m, k] += Σ over images, rows and columns of
 * g[m, y, x] · x[y, x, table[k]] for the blocks of m from `block` to `end`. `zeros`: 32 bytes of
 * them, and room for the tile's pairs of vectors.
 */
export function weightTileFunction(
  module: ModuleWriter,
  tile: WeightTile,
  strides: WeightTileStrides,
  { fused }: Target,
): Callee {
  const key = `convolution weight tile ${JSON.stringify([tile, strides, fused])}`;
  return module.once(key, { parameters: new Array<"i32">(9).fill("i32") }, (f) => {
    const [x, g, sums, table, images, rows, block, end, zeros] = f.parameters;
    const [channel, atSums, atTable, tap, image, row, imageX, imageG] = Array.from({ length: 8 }, () => f.local("i32"));
    const taps = Array.from({ length: tile.taps }, () => f.local("i32"));
    const atG = f.local("i32");
    const accumulators = Array.from({ length: tile.outputs }, () =>
      Array.from({ length: tile.taps }, () => Array.from({ length: tile.vectors }, () => f.local("v128"))),
    );
    f.forRange(
      block,
      () => f.get(block),
      () => f.get(end),
      1,
      () => {
        f.get(block).i32(tile.outputs).op("i32.mul").set(channel);
        f.get(channel)
          .i32(strides.depth * 4)
          .op("i32.mul")
          .get(sums)
          .op("i32.add")
          .set(atSums);
        const last = strides.outputs - tile.outputs;
        f.i32(last).get(channel).get(channel).i32(last).op("i32.gt_s", "select").set(channel);
        f.get(table).set(atTable);
        f.repeat(tap, strides.depth / tile.taps, () => {
          for (const sum of accumulators.flat(1))
            sum.forEach((vector, i) => {
              if (tile.vectors === 1) f.f32x4(0).set(vector);
              else
                f.get(zeros)
                  .memory("v128.load", i * 16)
                  .set(vector);
            });
          f.get(channel).i32(strides.outputPlane).op("i32.mul").get(g).op("i32.add").set(imageG);
          f.get(x).set(imageX).get(images).set(image);
          f.loop((nextImage) => {
            taps.forEach((pointer, i) => {
              f.get(atTable)
                .memory("i32.load", i * 4)
                .get(imageX)
                .op("i32.add")
                .set(pointer);
            });
            f.get(imageG).set(atG).get(rows).set(row);
            f.loop((nextRow) => {
              writeRow(f, tile, strides, { fused, taps, g: atG, accumulators });
              f.get(row).i32(1).op("i32.sub").tee(row).leaveIf(nextRow);
            });
            f.advance(imageX, strides.inputImage).advance(imageG, strides.outputImage);
            f.get(image).i32(1).op("i32.sub").tee(image).leaveIf(nextImage);
          });
          addSums(f, strides, accumulators, atSums, zeros);
          f.advance(atTable, tile.taps * 4).advance(atSums, tile.taps * 4);
        });
      },
    );
  });
}

interface RowPlace {
  readonly fused: boolean;
  readonly taps: readonly Local[];
  readonly g: Local;
  /** [outputs, taps, vectors] */
  readonly accumulators: readonly (readonly (readonly Local[])[])[];
}

/** Adds a row's products and moves all pointers to the next row. */
function writeRow(f: FunctionWriter, tile: WeightTile, strides: WeightTileStrides, place: RowPlace): void {
  const { taps, g } = place;
  const bytes = tile.vectors * 16;
  const whole = Math.floor((strides.width * 4) / bytes);
  const rest = strides.width - whole * tile.vectors * 4;
  const advance = (onG: number, onX: number): void => {
    f.advance(g, onG);
    for (const tap of taps) f.advance(tap, onX);
  };
  // A loop even for few: the compiler would put the loads of steps that follow each other before all products.
  const left = f.local("i32");
  f.repeat(left, whole, () => {
    writeStep(f, tile, strides, place, 0);
    advance(bytes, bytes);
  });
  f.release(left);
  let done = whole * bytes;
  if (rest > 0) {
    // The row's last vectors, without what was done before.
    const back = strides.width * 4 - bytes - done;
    advance(back, back);
    done += back;
    writeStep(f, tile, strides, place, tile.vectors * 4 - rest);
  }
  advance(strides.outputRow - done, strides.inputRow - done);
}

/** @param skip lanes that do not count */
function writeStep(
  f: FunctionWriter,
  tile: WeightTile,
  { outputPlane }: WeightTileStrides,
  { fused, taps, g, accumulators }: RowPlace,
  skip: number,
): void {
  const load = (from: Local, vector: number, at: number): void => {
    f.get(from).memory("v128.load", at + vector * 16);
    if (skip === 0) return;
    const mask = [0, 1, 2, 3].map((lane) => (vector * 4 + lane < skip ? 0 : -1)) as [number, number, number, number];
    f.i32x4(...mask).op("v128.and");
  };
  const vectors = Array.from({ length: tile.vectors }, (_, i) => i);
  const loadG = (m: number, vector: number): void => {
    load(g, vector, m * outputPlane);
  };
  const loadX = (t: number, vector: number): void => {
    load(taps[t], vector, 0);
  };
  // The fewer ones are held, the others come one after the other.
  const holdG = tile.outputs <= tile.taps;
  const [held, coming] = holdG ? [tile.outputs, tile.taps] : [tile.taps, tile.outputs];
  const [loadHeld, loadComing] = holdG ? [loadG, loadX] : [loadX, loadG];
  const holding = Array.from({ length: held }, () => vectors.map(() => f.local("v128")));
  const other = vectors.map(() => f.local("v128"));
  holding.forEach((locals, i) => {
    for (const vector of vectors) {
      loadHeld(i, vector);
      f.set(locals[vector]);
    }
  });
  for (let j = 0; j < coming; j++) {
    for (const vector of vectors) {
      loadComing(j, vector);
      f.set(other[vector]);
    }
    for (let i = 0; i < held; i++)
      for (const vector of vectors) {
        const sum = (holdG ? accumulators[i][j] : accumulators[j][i])[vector];
        if (!fused) f.get(sum);
        f.get(holding[i][vector]).get(other[vector]);
        if (fused) f.get(sum).op("f32x4.relaxed_madd");
        else f.op("f32x4.mul", "f32x4.add");
        f.set(sum);
      }
  }
  f.release(...holding.flat(), ...other);
}

/** Adds the lanes of each sum to where it stands. Pairs must be stored for the compiler to join them. */
function addSums(
  f: FunctionWriter,
  { depth }: WeightTileStrides,
  accumulators: RowPlace["accumulators"],
  to: Local,
  memory: Local,
): void {
  const [sum, half] = [f.local("v128"), f.local("v128")];
  const pairs = accumulators.flat().filter((vectors) => vectors.length > 1);
  pairs.forEach((vectors, pair) => {
    vectors.forEach((vector, i) =>
      f
        .get(memory)
        .get(vector)
        .memory("v128.store", 32 + pair * 32 + i * 16),
    );
  });
  accumulators.forEach((row, m) => {
    row.forEach((vectors, tap) => {
      const offset = (m * depth + tap) * 4;
      if (vectors.length === 1) f.get(vectors[0]).set(sum);
      else {
        const at = 32 + (m * row.length + tap) * 32;
        f.get(memory)
          .memory("v128.load", at)
          .get(memory)
          .memory("v128.load", at + 16)
          .op("f32x4.add")
          .set(sum);
      }
      f.get(sum).get(sum).get(sum).shuffle32([2, 3, 2, 3]).op("f32x4.add").set(half);
      f.get(to).get(half).get(half).get(half).shuffle32([1, 1, 1, 1]).op("f32x4.add").lane("f32x4.extract_lane", 0);
      f.get(to).memory("f32.load", offset).op("f32.add").memory("f32.store", offset);
    });
  });
  f.release(sum, half);
}
