import type { FunctionWriter, Local } from "../assembler/function";
import { copyFloats, interleaveFloats } from "./planes";

/**
 * What all three products of a convolution go through: outputs [outputs, rows, columns] of each image and group, each a sum over
 * channels and taps of an image's elements; output (y, x) meets element (y·stride + tap − padding) of a channel.
 */
export interface Correlation {
  readonly batch: number;
  readonly groups: number;
  /** Of a group. */
  readonly channels: number;
  readonly outputs: number;
  readonly input: readonly [height: number, width: number];
  readonly output: readonly [height: number, width: number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  /** The last tap's place on each axis: 0 for a single one. */
  readonly reach: readonly [number, number];
  /** Products that an output sums. */
  readonly depth: number;
  /** Whether a tap is at each place up to the reach, and each element is met by each tap: there is no stride. */
  readonly everywhere: boolean;
}

/**
 * How a group's channels of an image, or of four images whose elements stand side by side, are laid out to be read in vectors:
 * [channels, rows, phases, columns, images], with zeros where padding is. Column q of phase r is the image's q·stride + r − padding,
 * so that what neighbouring outputs meet are neighbours. Images that are so already are read where they are.
 */
export interface Layout {
  readonly correlation: Correlation;
  readonly images: 1 | 4;
  /** Read where it is. */
  readonly direct: boolean;
  /** Rows of an image from one row here to the next. */
  readonly rowStep: number;
  /** Rows here from one row of outputs to the next. */
  readonly outputStep: number;
  readonly phases: number;
  readonly columns: number;
  /** In floats. */
  readonly rowFloats: number;
  /** In floats, if the rows for so many rows of outputs are there. */
  readonly planeFloats: (outputRows: number) => number;
  /** Where the first tap of the first output is, in floats. */
  readonly start: number;
  /** Outputs as the vectors go through them: all in one row where there is one tap. */
  readonly outputRows: number;
  /** Floats of a row of outputs. */
  readonly width: number;
}

function layoutOf(correlation: Correlation, images: 1 | 4): Layout {
  const { input, output, stride, padding, reach } = correlation;
  const single = [reach[0] === 0, reach[1] === 0];
  const [rowStep, outputStep] = single[0] ? [stride[0], 1] : [1, stride[0]];
  const phases = single[1] ? 1 : stride[1];
  const columns = Math.floor(reach[1] / stride[1]) + output[1];
  const direct =
    images === 1 &&
    stride[1] === 1 &&
    padding.every((each) => each <= 0) &&
    (output[0] - 1) * stride[0] + reach[0] - padding[0] < input[0] &&
    columns - padding[1] <= input[1];
  const flat = single[0] && single[1] && (!direct || ((stride[0] === 1 || output[0] === 1) && input[1] === output[1]));
  const preparedRows = (outputRows: number): number => (outputRows - 1) * outputStep + reach[0] + 1;
  const rowFloats = direct ? input[1] : phases * columns * images;
  return {
    correlation,
    images,
    direct,
    rowStep: direct ? 1 : rowStep,
    outputStep: direct ? stride[0] : outputStep,
    phases,
    columns,
    rowFloats,
    planeFloats: (outputRows) => (direct ? input[0] * input[1] : preparedRows(outputRows) * rowFloats),
    start: direct ? -padding[0] * input[1] - padding[1] : 0,
    outputRows: flat ? 1 : output[0],
    width: (flat ? output[0] : 1) * output[1] * images,
  };
}

/** About how many cycles it takes to lay an image's group out, and the outputs back. */
export function layoutCycles({ correlation, images, direct, rowFloats, planeFloats }: Layout): number {
  if (direct) return 0;
  const { channels, outputs, output, stride } = correlation;
  const elements = (channels * planeFloats(output[0])) / images;
  const each = stride[1] <= 2 ? (images === 1 ? 0.5 : 1) : 2;
  const rows = (channels * planeFloats(output[0])) / rowFloats / images;
  return elements * each + rows * 6 + (images === 1 ? 0 : outputs * output[0] * output[1] * 1.2);
}

/** Bytes laid out that stay in the second cache beside what else is read. */
export const CACHE = 262_144;

/** Ways to lay images out for vectors; four together only if that stays in the cache, or if rows are too short by themselves. */
export function layoutsOf(correlation: Correlation): Layout[] {
  const [one, four] = [layoutOf(correlation, 1), layoutOf(correlation, 4)];
  if (one.width < 4) return [four];
  return correlation.channels * four.planeFloats(correlation.output[0]) * 4 > 2 * CACHE ? [one] : [one, four];
}

/** Whether anything of the layout is padding. */
export function isPadded({ direct, correlation, rowStep, phases, columns, planeFloats, rowFloats }: Layout): boolean {
  if (direct) return false;
  const { input, output, padding, stride } = correlation;
  const lastRow = (planeFloats(output[0]) / rowFloats - 1) * rowStep - padding[0];
  const lastColumn = (columns - 1) * stride[1] + phases - 1 - padding[1];
  return padding.some((each) => each > 0) || lastRow >= input[0] || lastColumn >= input[1];
}

/** A product that every output sums for each channel: what it meets, from the first tap's element, and its number in the weights. */
export interface Tap {
  readonly y: number;
  readonly x: number;
  readonly weight: number;
}

/** Bytes from where the first tap is met to where another is. */
export function tapBytes({ phases, columns, images, rowFloats }: Layout, { y, x }: Tap): number {
  const [phase, column] = phases === 1 ? [0, x] : [x % phases, Math.floor(x / phases)];
  return (y * rowFloats + (phase * columns + column) * images) * 4;
}

/**
 * Writes a table of what is met for each channel and tap, in bytes from the first; leaves its end in `at`.
 *
 * @param tapsFirst whether all channels of a tap stand together, not all taps of a channel
 */
export function writeTable(
  f: FunctionWriter,
  layout: Layout,
  taps: readonly Tap[],
  space: number,
  at: Local,
  tapsFirst = false,
): void {
  if (taps.length === 0) return;
  const { channels } = layout.correlation;
  const [left, plane] = [f.local("i32"), f.local("i32")];
  f.i32(0).set(plane);
  const [step, between] = tapsFirst ? [4, channels * 4] : [taps.length * 4, 4];
  f.repeat(left, channels, () => {
    taps.forEach((tap, i) => {
      f.get(at)
        .get(plane)
        .i32(tapBytes(layout, tap))
        .op("i32.add")
        .memory("i32.store", i * between);
    });
    f.advance(at, step).advance(plane, space);
  });
  if (tapsFirst) f.advance(at, (taps.length - 1) * channels * 4);
  f.release(left, plane);
}

/** Where the images that are laid out come from. */
export interface Source {
  /** Address of the group's first channel in the first image, and in those beside it. */
  readonly images: readonly Local[];
  /** First row of outputs, and their number. */
  readonly firstRow: Local;
  readonly rows: Local;
}

/**
 * Lays images out at an address; zeros must be there already where columns are padding. `moving`: the rows differ from time to
 * time, so that padding may stand where an image's row stood before.
 */
export function layOut(
  f: FunctionWriter,
  layout: Layout,
  to: Local,
  source: Source,
  space: number,
  moving: boolean,
): void {
  const { correlation, rowStep, outputStep, rowFloats } = layout;
  const { channels, input, padding, reach } = correlation;
  const pointers = source.images.map(() => f.local("i32"));
  const [channel, row, end, imageRow, target, plane] = ["i32", "i32", "i32", "i32", "i32", "i32"].map(() =>
    f.local("i32"),
  );
  f.get(to).set(plane);
  f.get(source.rows).i32(1).op("i32.sub").i32(outputStep).op("i32.mul");
  f.i32(reach[0] + 1)
    .op("i32.add")
    .set(end);
  f.forRange(
    channel,
    () => f.i32(0),
    () => f.i32(channels),
    1,
    () => {
      f.get(plane).set(target);
      f.get(source.firstRow)
        .i32(outputStep * rowStep)
        .op("i32.mul")
        .i32(padding[0])
        .op("i32.sub")
        .set(imageRow);
      f.forRange(
        row,
        () => f.i32(0),
        () => f.get(end),
        1,
        () => {
          f.get(imageRow).i32(input[0]).op("i32.lt_u");
          f.if(
            () => {
              pointers.forEach((pointer, i) => {
                f.get(channel).i32(input[0]).op("i32.mul").get(imageRow).op("i32.add");
                f.i32(input[1] * 4)
                  .op("i32.mul")
                  .get(source.images[i])
                  .op("i32.add")
                  .set(pointer);
              });
              layOutRow(f, layout, target, pointers);
            },
            moving
              ? () =>
                  f
                    .get(target)
                    .i32(0)
                    .i32(rowFloats * 4)
                    .fillMemory()
              : undefined,
          );
          f.advance(imageRow, rowStep).advance(target, rowFloats * 4);
        },
      );
      f.advance(plane, space);
    },
  );
  f.release(...pointers, channel, row, end, imageRow, target, plane);
}

function layOutRow(f: FunctionWriter, layout: Layout, to: Local, from: readonly Local[]): void {
  const { correlation, phases, columns, images } = layout;
  const { input, padding, stride } = correlation;
  const [target, left] = [f.local("i32"), f.local("i32")];
  const sources = from.map(() => f.local("i32"));
  const rangeOf = (phase: number): { readonly first: number; readonly count: number } => {
    const first = Math.max(0, Math.ceil((padding[1] - phase) / stride[1]));
    const end = Math.min(columns, Math.floor((input[1] - 1 + padding[1] - phase) / stride[1]) + 1);
    return { first, count: Math.max(0, end - first) };
  };
  for (let phase = 0; phase < phases;) {
    const { first, count } = rangeOf(phase);
    let alike = 1;
    for (; phase + alike < phases; alike++) {
      const other = rangeOf(phase + alike);
      if (other.first !== first || other.count !== count) break;
    }
    if (count > 0) {
      f.get(to)
        .i32((phase * columns + first) * images * 4)
        .op("i32.add")
        .set(target);
      sources.forEach((source, i) => {
        f.get(from[i])
          .i32((first * stride[1] + phase - padding[1]) * 4)
          .op("i32.add")
          .set(source);
      });
      const copy = (): void => {
        if (images === 1) copyFloats(f, sources[0], target, count, stride[1]);
        else interleaveFloats(f, sources, target, count, stride[1]);
      };
      if (alike === 1) copy();
      else
        f.repeat(left, alike, () => {
          copy();
          f.advance(target, columns * images * 4);
          for (const source of sources) f.advance(source, 4);
        });
    }
    phase += alike;
  }
  f.release(target, left, ...sources);
}
