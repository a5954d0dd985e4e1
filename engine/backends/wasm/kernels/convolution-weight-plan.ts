import type { ConvolutionGeometry } from "../../../kernel/kernel";
import { type Target, aligned } from "../code";
import { CACHE, type Layout, isPadded, layoutCycles, layoutsOf } from "./convolution-layout";
import { forwardCorrelation } from "./convolution-plan";
import { WEIGHT_TILE_BYTES, type WeightTile, chooseWeightTile } from "./convolution-weight-tile";

export interface WeightPlan {
  readonly geometry: ConvolutionGeometry;
  readonly layout: Layout;
  readonly tile: WeightTile;
  /** Blocks of the tile's output channels in a group (the last one may overlap the one before), and of its products. */
  readonly blocks: number;
  readonly tapBlocks: number;
  readonly imageBlocks: number;
  /** Pieces: parts of the batch and of the blocks, for each group. */
  readonly batchParts: number;
  readonly blockParts: number;
  /** Image blocks laid out together. */
  readonly together: number;
  /** Bands of rows that are laid out one after the other, and rows of each at most. */
  readonly bands: number;
  readonly rows: number;
  readonly padded: boolean;
  readonly cycles: number;
}

/** Parts of the batch: a fixed number, so that sums do not depend on the number of threads. */
const PARTS = 16;
/** Floats of partial sums of the weights that are worth their memory. */
const MOST_SUMS = 2 ** 20;
/** Output elements that are worth emptying the registers after. */
const ENOUGH_OUTPUTS = 1024;

/** Floats of a group's partial sums: [blocks · the tile's outputs, tapBlocks · the tile's taps]. */
export function sumsOf({ blocks, tapBlocks, tile }: WeightPlan): number {
  return blocks * tile.outputs * tapBlocks * tile.taps;
}

/** How the gradient with respect to the weights is best summed. */
export function planWeights(geometry: ConvolutionGeometry, target: Target): WeightPlan {
  const correlation = forwardCorrelation(geometry);
  const { batch, groups, channels, outputs, output, depth } = correlation;
  const choices = layoutsOf(correlation).map((layout) => {
    const { images } = layout;
    const { tile, cycles } = chooseWeightTile(outputs, depth, layout.outputRows, layout.width, target);
    const filled = (Math.ceil(batch / images) * images) / batch;
    return { layout, tile, cycles: filled * (cycles / images + layoutCycles(layout)) };
  });
  const { layout, tile, cycles } = choices.reduce((a, b) => (b.cycles < a.cycles ? b : a));
  const imageBlocks = Math.ceil(batch / layout.images);
  const blocks = Math.ceil(outputs / tile.outputs);
  const tapBlocks = Math.ceil(depth / tile.taps);
  const mostParts = Math.max(
    1,
    Math.min(imageBlocks, Math.ceil(PARTS / groups), Math.floor(MOST_SUMS / (groups * outputs * depth))),
  );
  const partsOfBlocks = (batchParts: number): number => Math.min(blocks, Math.ceil(PARTS / (batchParts * groups)));
  // Each part of the batch empties all registers, each part of the blocks lays all images out.
  const extra = (batchParts: number): number =>
    batchParts * blocks * tapBlocks * (20 + 5 * tile.outputs * tile.taps) +
    partsOfBlocks(batchParts) * batch * layoutCycles(layout);
  const batchParts = Array.from({ length: mostParts }, (_, i) => i + 1).reduce((a, b) => (extra(b) < extra(a) ? b : a));
  const bytes = layout.direct ? 0 : channels * layout.planeFloats(output[0]) * 4;
  const bands =
    layout.images > 1 || layout.outputRows === 1 || bytes <= 4 * CACHE
      ? 1
      : Math.min(layout.outputRows, Math.ceil(bytes / CACHE));
  return {
    geometry,
    layout,
    tile,
    blocks,
    tapBlocks,
    imageBlocks,
    batchParts,
    blockParts: partsOfBlocks(batchParts),
    together: Math.max(
      1,
      Math.min(
        Math.ceil(imageBlocks / batchParts),
        Math.ceil(ENOUGH_OUTPUTS / (output[0] * output[1] * layout.images)),
        Math.floor((2 * CACHE) / Math.max(1, bytes)),
      ),
    ),
    bands,
    rows: layout.outputRows === 1 ? output[0] : Math.ceil(layout.outputRows / bands),
    padded: isPadded(layout),
    cycles: cycles * batch * groups,
  };
}

/** Where things are in a thread's own memory, in bytes. */
export function scratchOf({ layout, rows, tapBlocks, tile, together }: WeightPlan): {
  readonly table: number;
  readonly prepared: number;
  readonly space: number;
  readonly imageBytes: number;
  readonly outputs: number;
  readonly outputBytes: number;
  readonly bytes: number;
} {
  const { channels, outputs, output } = layout.correlation;
  const space = layout.planeFloats(rows) * 4;
  const table = WEIGHT_TILE_BYTES;
  const prepared = table + aligned(tapBlocks * tile.taps * 4);
  const imageBytes = layout.direct ? 0 : aligned(space * channels);
  const afterwards = prepared + imageBytes * together;
  const outputBytes = layout.images === 1 ? 0 : aligned(outputs * output[0] * output[1] * layout.images * 4);
  return {
    table,
    prepared,
    space,
    imageBytes,
    outputs: afterwards,
    outputBytes,
    bytes: afterwards + outputBytes * together,
  };
}
