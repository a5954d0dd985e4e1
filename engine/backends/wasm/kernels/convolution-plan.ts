import type { ConvolutionGeometry } from "../../../kernel/kernel";
import { type Target, aligned } from "../code";
import {
  CACHE,
  type Correlation,
  type Layout,
  type Tap,
  isPadded,
  layoutCycles,
  layoutsOf,
} from "./convolution-layout";
import { type Skip, type Tile, chooseTile } from "./convolution-tile";

/** Taps that make outputs of their own: for a gradient through strides, those that meet every stride-th element. */
export interface Variant {
  readonly taps: readonly Tap[];
  /** Which of each stride elements its outputs are. */
  readonly residue: readonly [number, number];
}

export interface CorrelationPlan {
  readonly layout: Layout;
  readonly tile: Tile;
  /** If products with padding are left out; then all channels of a tap stand together in the table and the weights. */
  readonly skip: Skip | undefined;
  /** Blocks of the tile's outputs in a group; the last one may overlap the one before. */
  readonly blocks: number;
  readonly imageBlocks: number;
  /** Bands of rows, and parts of the blocks, that are pieces of work of their own. */
  readonly bands: number;
  readonly parts: number;
  /** Of a band, at most. */
  readonly rows: number;
  readonly padded: boolean;
  readonly cycles: number;
}

/** Pieces that are enough for several threads. */
const ENOUGH_PIECES = 16;

/** @param whole whether each image must be done as a whole */
export function planCorrelation(correlation: Correlation, whole: boolean, target: Target): CorrelationPlan {
  const { batch, outputs, depth } = correlation;
  const choices = layoutsOf(correlation).flatMap((layout) => {
    const { images } = layout;
    const filled = (Math.ceil(batch / images) * images) / batch;
    const perImage = (cycles: number): number => filled * (cycles / images + layoutCycles(layout));
    const { tile, cycles } = chooseTile(outputs, layout.outputRows, layout.width, depth, target);
    const full = { layout, tile, skip: undefined, cycles: perImage(cycles) };
    const skip = skipOf(layout);
    if (!skip) return [full];
    const skipping = chooseTile(outputs, layout.outputRows, layout.width, depth, target, skip);
    // Weights are brought into another order for it.
    const packing = (outputs * depth * 3) / batch;
    return [full, { layout, tile: skipping.tile, skip, cycles: perImage(skipping.cycles) + packing }];
  });
  const { layout, tile, skip, cycles } = choices.reduce((a, b) => (b.cycles < a.cycles ? b : a));
  const imageBlocks = Math.ceil(batch / layout.images);
  const blocks = Math.ceil(outputs / tile.outputs);
  const wholes = imageBlocks * correlation.groups;
  const bytes = layout.direct ? 0 : correlation.channels * layout.planeFloats(correlation.output[0]) * 4;
  const bands =
    whole || layout.images > 1
      ? 1
      : Math.max(
          1,
          Math.min(
            Math.floor(layout.outputRows / Math.max(4, tile.rows)),
            Math.max(Math.ceil(ENOUGH_PIECES / wholes), bytes > 2 * CACHE ? Math.ceil(bytes / CACHE) : 1),
          ),
        );
  return {
    layout,
    tile,
    skip,
    blocks,
    imageBlocks,
    bands,
    parts: Math.min(blocks, Math.ceil(ENOUGH_PIECES / (wholes * bands))),
    rows: layout.outputRows === 1 ? correlation.output[0] : Math.ceil(correlation.output[0] / bands),
    padded: isPadded(layout),
    cycles: cycles * batch * correlation.groups,
  };
}

/** With four images side by side a column is a vector of its own, of which each tap meets either an element or padding. */
function skipOf({ correlation, images, outputRows }: Layout): Skip | undefined {
  const { everywhere, channels, input, output, padding, reach } = correlation;
  if (images === 1 || !everywhere || outputRows !== output[0]) return undefined;
  const [rows, columns] = [0, 1].map((axis) => ({
    taps: reach[axis] + 1,
    padding: padding[axis],
    size: input[axis],
  }));
  return { rows, columns, channels };
}

/** A variant's taps in the order of the table. */
export function orderedTaps({ skip }: CorrelationPlan, { taps }: Variant): readonly Tap[] {
  return skip ? [...taps].sort((a, b) => a.y - b.y || a.x - b.x) : taps;
}

/** The convolution itself. */
export function forwardCorrelation(geometry: ConvolutionGeometry): Correlation {
  const { batch, groups, input, output, stride, padding, kernel, dilation } = geometry;
  const channels = geometry.inputChannels / groups;
  return {
    batch,
    groups,
    channels,
    outputs: geometry.outputChannels / groups,
    input,
    output,
    stride,
    padding,
    reach: [(kernel[0] - 1) * dilation[0], (kernel[1] - 1) * dilation[1]],
    depth: channels * kernel[0] * kernel[1],
    everywhere: isEverywhere(geometry),
  };
}

export function forwardTaps({ kernel, dilation }: ConvolutionGeometry): Tap[] {
  return Array.from({ length: kernel[0] * kernel[1] }, (_, weight) => ({
    y: Math.floor(weight / kernel[1]) * dilation[0],
    x: (weight % kernel[1]) * dilation[1],
    weight,
  }));
}

/**
 * The gradient with respect to the input, ∂x[s·t + a − p] = Σ g[t − j]·w[k] over the taps with k·d = s·j + a: for each residue a of
 * the stride s a correlation of its own with all of t that any residue needs.
 */
export function inputCorrelation(geometry: ConvolutionGeometry): Correlation {
  const { batch, groups, output, stride, kernel, dilation } = geometry;
  const axes = [0, 1].map((axis) => {
    const { first, end } = inputSteps(geometry, axis);
    const reach = Math.floor(((kernel[axis] - 1) * dilation[axis]) / stride[axis]);
    return { reach, padding: reach - first, size: end - first };
  });
  const channels = geometry.outputChannels / groups;
  const taps = Math.ceil((kernel[0] * kernel[1]) / (stride[0] * stride[1]));
  return {
    batch,
    groups,
    channels,
    outputs: geometry.inputChannels / groups,
    input: output,
    output: [axes[0].size, axes[1].size],
    stride: [1, 1],
    padding: [axes[0].padding, axes[1].padding],
    reach: [axes[0].reach, axes[1].reach],
    depth: channels * taps,
    everywhere: isEverywhere(geometry),
  };
}

function isEverywhere({ stride, dilation }: ConvolutionGeometry): boolean {
  return [...stride, ...dilation].every((each) => each === 1);
}

/** The values of t, on one axis, that elements of the input are at. */
export function inputSteps(
  { input, stride, padding }: ConvolutionGeometry,
  axis: number,
): { readonly first: number; readonly end: number } {
  const first = Math.floor(padding[axis] / stride[axis]);
  return { first, end: Math.floor((input[axis] - 1 + padding[axis]) / stride[axis]) + 1 };
}

export function inputVariants(geometry: ConvolutionGeometry): Variant[] {
  const { kernel, stride, dilation } = geometry;
  const { reach } = inputCorrelation(geometry);
  const variants: Variant[] = [];
  for (let a = 0; a < stride[0]; a++)
    for (let b = 0; b < stride[1]; b++) {
      const taps: Tap[] = [];
      for (let weight = 0; weight < kernel[0] * kernel[1]; weight++) {
        const y = Math.floor(weight / kernel[1]) * dilation[0];
        const x = (weight % kernel[1]) * dilation[1];
        if (y % stride[0] !== a || x % stride[1] !== b) continue;
        taps.push({
          y: reach[0] - Math.floor(y / stride[0]),
          x: reach[1] - Math.floor(x / stride[1]),
          weight,
        });
      }
      variants.push({ taps, residue: [a, b] });
    }
  return variants;
}

/** Where things are in a thread's own memory, in bytes. */
export interface ScratchPlan {
  readonly table: number;
  readonly prepared: number;
  /** From channel to channel of what is prepared, or of the image where it is read directly. */
  readonly space: number;
  readonly preparedBytes: number;
  readonly outputs: number;
  readonly bytes: number;
}

/** @param entries of the table @param outputs floats kept before they are written out */
export function scratchOf({ layout, rows }: CorrelationPlan, entries: number, outputs: number): ScratchPlan {
  const space = layout.planeFloats(rows) * 4;
  const table = 64;
  const prepared = table + aligned(entries * 4);
  const preparedBytes = layout.direct ? 0 : aligned(space * layout.correlation.channels);
  const afterwards = prepared + preparedBytes;
  return { table, prepared, space, preparedBytes, outputs: afterwards, bytes: afterwards + aligned(outputs * 4) };
}
