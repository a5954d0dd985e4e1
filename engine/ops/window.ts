import { type Dim, addDims, floorDivideDim, isSymbolic, isUnknownDim, multiplyDims, unknownDim } from "../graph/dim";
import { type Shape, formatShape } from "../graph/shape";
import type { Tensor } from "../graph/tensor";
import { type TensorLike, asTensor, reportIssue } from "./apply";
import { cast } from "./functions";

/** What convolution and pooling share: a window that slides over the last two axes of [N, C, H, W]. */

/** One number for both axes, or [height, width]. */
export type PerAxis = number | readonly [height: number, width: number];
export type Pair = readonly [number, number];

/** How a window slides, per [height, width]. */
export interface WindowAttributes {
  readonly stride: Pair;
  readonly dilation: Pair;
  /** [top, bottom] and [left, right]. */
  readonly padding: readonly [Pair, Pair];
}

/** Names in messages and which axes the user sees: a 1-D operation runs as a 2-D one of height 1. */
export interface WindowContext {
  /** The function that the user called. */
  readonly name: string;
  readonly family: "conv" | "pool";
  readonly spatial: 1 | 2;
}

/**
 * Options given as one number or [height, width], as a pair.
 * @throws unless both are whole numbers of at least `least`.
 */
export function pair(name: string, option: string, value: PerAxis, least: number): Pair {
  const both: readonly number[] = typeof value === "number" ? [value, value] : value;
  if (!Array.isArray(both) || both.length !== 2 || !both.every((each) => Number.isInteger(each) && each >= least)) {
    throw new Error(
      `${name}: ${option} must be a whole number ≥ ${least}, or two of them [height, width]; got ${JSON.stringify(value)}`,
    );
  }
  return [both[0], both[1]];
}

/** An option of a 1-D operation as the pair of the 2-D one. @throws unless it is a whole number of at least `least`. */
export function widthOnly(name: string, option: string, value: number, least: number, height: number): Pair {
  if (!Number.isInteger(value) || value < least) {
    throw new Error(`${name}: ${option} must be a whole number ≥ ${least}; got ${JSON.stringify(value)}`);
  }
  return [height, value];
}

/** The same padding before and after each axis. */
export function symmetric([height, width]: Pair): readonly [Pair, Pair] {
  return [
    [height, height],
    [width, width],
  ];
}

/**
 * Number of positions of a window of `window` elements on an axis of `n`: ⌊(n + p − d(f−1) − 1)/s⌋ + 1 with p the padding
 * of both sides together. An unknown size when the window does not fit.
 */
export function outputSize(n: Dim, window: Dim, { stride, dilation, padding }: WindowAttributes, axis: 0 | 1): Dim {
  if (isUnknownDim(n) || isUnknownDim(window)) return unknownDim();
  const room = addDims(
    addDims(n, padding[axis][0] + padding[axis][1]),
    multiplyDims(spanOf(window, dilation[axis]), -1),
  );
  if (!isSymbolic(room) && room < 0) return unknownDim();
  return addDims(floorDivideDim(room, stride[axis]), 1);
}

/** Both sizes of the output from the last two axes of the image and of the window. */
export function outputSizes(image: Shape, window: Shape, attributes: WindowAttributes): [Dim, Dim] {
  const size = (axis: 0 | 1): Dim =>
    outputSize(image[image.length - 2 + axis], window[window.length - 2 + axis], attributes, axis);
  return [size(0), size(1)];
}

/** Elements between the first and the last that a window touches, both included: d(f−1) + 1. */
export function spanOf(window: Dim, dilation: number): Dim {
  return addDims(multiplyDims(addDims(window, -1), dilation), 1);
}

/** A float32 tensor of whatever the user passed: windows slide over real numbers. */
export function asImages(value: TensorLike): Tensor {
  const t = asTensor(value);
  return t.dtype === "float32" ? t : cast(t, "float32");
}

/** `[N, C, H, W]` in messages, or `[N, C, L]`. */
export function wantedShape(spatial: 1 | 2): string {
  return spatial === 2 ? "[N, C, H, W]" : "[N, C, L]";
}

/**
 * Reports a window that does not fit (`conv-size`, `pool-size`) and, as information, the pixels at the end that no
 * window covers (`conv-discards`, `pool-discards`) where they are no small part of an axis: a pixel at the edge of a large image
 * is lost in most networks, on purpose or without harm, and a window of 1 leaves pixels out by its stride everywhere. Sizes that
 * are symbols are taken to fit.
 *
 * @param image the input's shape as the user sees it, rank 2 + spatial
 * @param window the window's size per spatial axis, as the last axes of a shape
 */
export function reportWindow(context: WindowContext, image: Shape, window: Shape, attributes: WindowAttributes): void {
  const { name, family, spatial } = context;
  const word = family === "conv" ? "kernel" : "window";
  const windowText = formatShape(window.slice(-spatial));
  const misfits: string[] = [];
  const lost: { count: number; unit: string; reason: string }[] = [];
  for (const axis of spatial === 2 ? ([0, 1] as const) : ([1] as const)) {
    const at = image.length - 2 + axis;
    const n = image[at];
    const f = window[window.length - 2 + axis];
    if (typeof n !== "number" || typeof f !== "number") continue;
    const [before, after] = attributes.padding[axis];
    const stride = attributes.stride[axis];
    const span = attributes.dilation[axis] * (f - 1) + 1;
    const room = n + before + after - span;
    if (room < 0) {
      const dilated = attributes.dilation[axis] === 1 ? "" : ` (${f} with dilation ${attributes.dilation[axis]})`;
      misfits.push(
        `on axis ${at} (${axisName(spatial, axis)}) it spans ${span}${dilated}, but the input has ${n} + ${before + after} of padding`,
      );
      continue;
    }
    // Padding that stays uncovered costs nothing; only the input's own elements count as lost.
    const count = Math.min(n, (room % stride) - after);
    if (count > 0 && span > 1 && count >= NOTEWORTHY[family] * n) {
      const reason = `${n} + ${before + after} − ${span} = ${room} is not a multiple of the stride ${stride}`;
      lost.push({ count, unit: unitName(spatial, axis), reason });
    }
  }
  if (misfits.length > 0) {
    reportIssue(
      `${family}-size`,
      `${name}: the ${word} ${windowText}${family === "conv" ? ` of the weight ${formatShape(window)}` : ""} does not fit into ${formatShape(image)}: ` +
        `${misfits.join(", and ")}; use a smaller ${word}, more padding, or fewer layers before that shrink the input`,
    );
  }
  if (lost.length === 0) return;
  const what = lost.map(({ count, unit }) => `${count} ${unit}${count === 1 ? "" : "s"}`).join(" and ");
  const why = [...new Set(lost.map(({ reason }) => reason))].join(", ");
  const verb = lost.length === 1 && lost[0].count === 1 ? "is" : "are";
  reportIssue(
    `${family}-discards`,
    `${name}: the last ${what} of ${formatShape(image)} ${verb} never covered by the ${word} ${windowText}: ${why}; ` +
      `pad or crop the input, or change the stride, if ${lost.length === 1 && lost[0].count === 1 ? "it matters" : "they matter"}`,
    "information",
  );
}

/** The part of an axis from which on its loss is told. Pooling often halves an odd size: of 7 it keeps 3 pairs by design. */
const NOTEWORTHY = { conv: 0.1, pool: 0.2 } as const;

function axisName(spatial: 1 | 2, axis: 0 | 1): string {
  return spatial === 1 ? "length" : axis === 0 ? "height" : "width";
}

function unitName(spatial: 1 | 2, axis: 0 | 1): string {
  return spatial === 1 ? "element" : axis === 0 ? "row" : "column";
}
