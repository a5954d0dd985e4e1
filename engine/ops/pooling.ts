import { isSymbolic, isUnknownDim, unknownDim } from "../graph/dim";
import type { NdArray } from "../graph/array";
import { type Shape, formatShape, sizeOf } from "../graph/shape";
import type { Tensor } from "../graph/tensor";
import { composite } from "../graph/trace";
import type { PoolGeometry, PoolKernel } from "../kernel/kernel";
import { type TensorLike, apply, constantTensor, reportIssue } from "./apply";
import { expand, max, squeeze, unsqueeze } from "./functions";
import { define } from "./operation";
import {
  type Pair,
  type PerAxis,
  type WindowAttributes,
  type WindowContext,
  asImages,
  outputSizes,
  pair,
  reportWindow,
  symmetric,
  wantedShape,
  widthOnly,
} from "./window";

/** Pooling: one number for each window of an image, its largest or its mean. Pooling has no parameters. */

export interface MaxPoolOptions {
  /** Distance between neighbouring windows. Default: the window's size, so that windows tile the image. */
  readonly stride?: PerAxis;
  /** Rows and columns around the image that never win; at most half the window. Default 0. */
  readonly padding?: PerAxis;
  /** Distance between neighbouring elements of a window. Default 1. */
  readonly dilation?: PerAxis;
}

export interface AveragePoolOptions {
  readonly stride?: PerAxis;
  /** Zeros around the image; at most half the window. Default 0. */
  readonly padding?: PerAxis;
  /** Divide by the window's size; false: by the number of its elements that lie in the image. Default true. */
  readonly countPadding?: boolean;
}

export interface MaxPool1dOptions {
  readonly stride?: number;
  readonly padding?: number;
  readonly dilation?: number;
}

export interface AveragePool1dOptions {
  readonly stride?: number;
  readonly padding?: number;
  readonly countPadding?: boolean;
}

/**
 * Largest element of each window, sizes ⌊(n + 2p − d(f−1) − 1)/s⌋ + 1. The gradient goes to the first largest element
 * in row-major order; a NaN in the window wins.
 *
 * @param x [N, C, H, W] @param size of the window
 * @returns float32 [N, C, H′, W′]
 * @throws on options that no input could make sense of; shapes that do not fit are issues (`pool-rank`, `pool-size`),
 *   uncovered pixels the information `pool-discards`.
 */
export function maxPool2d(x: TensorLike, size: PerAxis, options: MaxPoolOptions = {}): Tensor {
  const { stride = size, padding = 0, dilation = 1 } = options;
  const name = "maxPool2d";
  return pool({ name, family: "pool", spatial: 2 }, "maxPool2d", asImages(x), {
    window: pair(name, "size", size, 1),
    stride: pair(name, "stride", stride, 1),
    padding: symmetric(pair(name, "padding", padding, 0)),
    dilation: pair(name, "dilation", dilation, 1),
    countPadding: true,
  });
}

/** Mean of each window; else as {@link maxPool2d}. */
export function averagePool2d(x: TensorLike, size: PerAxis, options: AveragePoolOptions = {}): Tensor {
  const { stride = size, padding = 0, countPadding = true } = options;
  const name = "averagePool2d";
  return pool({ name, family: "pool", spatial: 2 }, "averagePool2d", asImages(x), {
    window: pair(name, "size", size, 1),
    stride: pair(name, "stride", stride, 1),
    padding: symmetric(pair(name, "padding", padding, 0)),
    dilation: [1, 1],
    countPadding,
  });
}

/** {@link maxPool2d} at height 1: [N, C, L] → [N, C, L′]. */
export function maxPool1d(x: TensorLike, size: number, options: MaxPool1dOptions = {}): Tensor {
  const { stride = size, padding = 0, dilation = 1 } = options;
  const name = "maxPool1d";
  return pool({ name, family: "pool", spatial: 1 }, "maxPool2d", asImages(x), {
    window: widthOnly(name, "size", size, 1, 1),
    stride: widthOnly(name, "stride", stride, 1, 1),
    padding: symmetric(widthOnly(name, "padding", padding, 0, 0)),
    dilation: widthOnly(name, "dilation", dilation, 1, 1),
    countPadding: true,
  });
}

/** {@link averagePool2d} at height 1: [N, C, L] → [N, C, L′]. */
export function averagePool1d(x: TensorLike, size: number, options: AveragePool1dOptions = {}): Tensor {
  const { stride = size, padding = 0, countPadding = true } = options;
  const name = "averagePool1d";
  return pool({ name, family: "pool", spatial: 1 }, "averagePool2d", asImages(x), {
    window: widthOnly(name, "size", size, 1, 1),
    stride: widthOnly(name, "stride", stride, 1, 1),
    padding: symmetric(widthOnly(name, "padding", padding, 0, 0)),
    dilation: [1, 1],
    countPadding,
  });
}

/** Mean of each channel: [N, C, H, W] → [N, C]. */
export function globalAveragePool2d(x: TensorLike): Tensor {
  return composite("globalAveragePool2d", () => {
    return ofRank4("globalAveragePool2d", asImages(x)).mean([2, 3]);
  });
}

/** Largest element of each channel: [N, C, H, W] → [N, C]. Equal largest ones share the gradient, as in `max`. */
export function globalMaxPool2d(x: TensorLike): Tensor {
  return composite("globalMaxPool2d", () => {
    return max(ofRank4("globalMaxPool2d", asImages(x)), [2, 3]);
  });
}

/**
 * Means over as many windows as the result shall have: window i of `o` covers elements ⌊i·n/o⌋ to ⌈(i+1)·n/o⌉ of `n`,
 * as in PyTorch; where o does not divide n, windows overlap.
 *
 * @param x [N, C, H, W], H and W numbers unless the output size is 1 @param outputSize a number, or [height, width]
 * @returns float32 [N, C, height, width]
 */
export function adaptiveAveragePool2d(x: TensorLike, outputSize: PerAxis): Tensor {
  const name = "adaptiveAveragePool2d";
  const wanted = pair(name, "outputSize", outputSize, 1);
  return composite(name, () => {
    const images = ofRank4(name, asImages(x));
    if (images.knownShape === null) return images;
    const shape: Shape = images.knownShape;
    if (wanted.every((size) => size === 1)) return images.mean([2, 3], { keepDims: true });
    const [height, width] = [shape[2], shape[3]];
    if (isSymbolic(height) || isSymbolic(width)) {
      if (!isUnknownDim(height) && !isUnknownDim(width)) {
        reportIssue(
          "pool-size",
          `${name}: ${formatShape(shape)} has a height or width that is not known before it runs, so its windows have no size; use outputSize 1 or images of one size`,
        );
      }
      return expand(images.mean([2, 3], { keepDims: true }), [...shape.slice(0, 2), ...wanted] as number[]);
    }
    const window = [height / wanted[0], width / wanted[1]];
    if (window.every(Number.isInteger)) return averagePool2d(images, [window[0], window[1]]);
    return averageRows(height, wanted[0]).matmul(images).matmul(averageRows(width, wanted[1]).transpose());
  });
}

interface PoolAttributes extends WindowAttributes {
  readonly window: Pair;
  readonly countPadding: boolean;
}

define<PoolAttributes>({
  name: "maxPool2d",
  infer: ({ shapes: [x], attributes }) => ({ shape: x ? pooledShape(x, attributes) : null, dtype: "float32" }),
  evaluate: ({ inputs: [x], attributes, shape, dtype }) => {
    // A window that lies in padding alone has no largest element.
    const data = new Float64Array(sizeOf(shape)).fill(-Infinity);
    eachMaximum(geometryOf(x.shape, shape, attributes), x.data, (from, to) => (data[to] = x.data[from]));
    return { shape, dtype, data };
  },
  grad: ({ g, inputs: [x], attributes }) => [() => apply("maxPool2dGradient", [x, g], { ...attributes })],
  lower: ({ inputs: [x], attributes, shape }) => lowered("maximum", geometryOf(x.shape, shape, attributes)),
});

/** (x, g) → ∂x: each g is added at the first largest element of its window. Which one wins does not change smoothly. */
define<PoolAttributes>({
  name: "maxPool2dGradient",
  infer: ({ shapes: [x] }) => ({ shape: x ?? null, dtype: "float32" }),
  evaluate: ({ inputs: [x, g], attributes, shape, dtype }) => {
    const data = new Float64Array(sizeOf(shape));
    eachMaximum(geometryOf(x.shape, g.shape, attributes), x.data, (from, to) => (data[from] += g.data[to]));
    return { shape, dtype, data };
  },
  grad: ({ g: u, inputs: [x], attributes }) => [null, () => apply("maxPool2dPick", [x, u], { ...attributes })],
  lower: ({ inputs: [x, g], attributes }) => lowered("maximumGradient", geometryOf(x.shape, g.shape, attributes)),
});

/** (x, v) → the element of v at the place of each window's first largest x: the adjoint of maxPool2dGradient in g. */
define<PoolAttributes>({
  name: "maxPool2dPick",
  infer: ({ shapes: [x], attributes }) => ({ shape: x ? pooledShape(x, attributes) : null, dtype: "float32" }),
  evaluate: ({ inputs: [x, v], attributes, shape, dtype }) => {
    const data = new Float64Array(sizeOf(shape));
    eachMaximum(geometryOf(x.shape, shape, attributes), x.data, (from, to) => (data[to] = v.data[from]));
    return { shape, dtype, data };
  },
  grad: ({ g: u, inputs: [x], attributes }) => [null, () => apply("maxPool2dGradient", [x, u], { ...attributes })],
  lower: ({ inputs: [x], attributes, shape }) => lowered("maximumPick", geometryOf(x.shape, shape, attributes)),
});

define<PoolAttributes>({
  name: "averagePool2d",
  infer: ({ shapes: [x], attributes }) => ({ shape: x ? pooledShape(x, attributes) : null, dtype: "float32" }),
  evaluate: ({ inputs: [x], attributes, shape, dtype }): NdArray => {
    const data = new Float64Array(sizeOf(shape));
    eachWindow(geometryOf(x.shape, shape, attributes), (window, to, divisor) => {
      let sum = 0;
      for (const from of window) sum += x.data[from];
      data[to] = sum / divisor;
    });
    return { shape, dtype, data };
  },
  grad: ({ g, inputs: [x], attributes }) => [
    () => apply("averagePool2dGradient", [g], { ...attributes, target: x.shape }),
  ],
  lower: ({ inputs: [x], attributes, shape }) => lowered("average", geometryOf(x.shape, shape, attributes)),
});

/** g → ∂x of shape `target`: each g, over the divisor, is added to all elements of its window. */
define<PoolAttributes & { readonly target: Shape }>({
  name: "averagePool2dGradient",
  infer: ({ attributes }) => ({ shape: attributes.target, dtype: "float32" }),
  evaluate: ({ inputs: [g], attributes, shape, dtype }) => {
    const data = new Float64Array(sizeOf(shape));
    eachWindow(geometryOf(shape, g.shape, attributes), (window, to, divisor) => {
      for (const from of window) data[from] += g.data[to] / divisor;
    });
    return { shape, dtype, data };
  },
  grad: ({ g: u, attributes: { target: _, ...attributes } }) => [() => apply("averagePool2d", [u], attributes)],
  lower: ({ inputs: [g], attributes, shape }) => lowered("averageGradient", geometryOf(shape, g.shape, attributes)),
});

/** The public functions have reported a wrong rank; what is certain of the result is kept. */
function pooledShape(x: Shape, attributes: PoolAttributes): Shape {
  const sizes = x.length >= 3 ? outputSizes(x, attributes.window, attributes) : [unknownDim(), unknownDim()];
  return x.length === 4 ? [x[0], x[1], ...sizes] : [unknownDim(), unknownDim(), ...sizes];
}

function lowered(which: PoolKernel["which"], geometry: PoolGeometry): { kind: "kernel"; kernel: PoolKernel } {
  return { kind: "kernel", kernel: { kind: "pool", which, geometry } };
}

function geometryOf(x: readonly number[], y: readonly number[], attributes: PoolAttributes): PoolGeometry {
  const { window, stride, dilation, padding, countPadding } = attributes;
  return {
    planes: x[0] * x[1],
    input: [x[2], x[3]],
    window,
    output: [y[2], y[3]],
    stride,
    dilation,
    padding: [padding[0][0], padding[1][0]],
    countPadding,
  };
}

/** Visits each window: positions of its elements inside the image in row-major order, the output's, the mean's divisor. */
function eachWindow(
  geometry: PoolGeometry,
  visit: (window: readonly number[], to: number, divisor: number) => void,
): void {
  const { planes, input, window, output, stride, dilation, padding, countPadding } = geometry;
  for (let plane = 0; plane < planes; plane++) {
    for (let i = 0; i < output[0]; i++) {
      for (let j = 0; j < output[1]; j++) {
        const inside: number[] = [];
        for (let k = 0; k < window[0]; k++) {
          const row = i * stride[0] + k * dilation[0] - padding[0];
          if (row < 0 || row >= input[0]) continue;
          for (let l = 0; l < window[1]; l++) {
            const column = j * stride[1] + l * dilation[1] - padding[1];
            if (column >= 0 && column < input[1]) inside.push((plane * input[0] + row) * input[1] + column);
          }
        }
        visit(inside, (plane * output[0] + i) * output[1] + j, countPadding ? window[0] * window[1] : inside.length);
      }
    }
  }
}

/** Visits each window's winner: the first NaN, else the first of the largest. */
function eachMaximum(geometry: PoolGeometry, x: Float64Array, visit: (from: number, to: number) => void): void {
  eachWindow(geometry, (window, to) => {
    if (window.length === 0) return;
    let best = window[0];
    for (const from of window) {
      if (!Number.isNaN(x[best]) && (Number.isNaN(x[from]) || x[from] > x[best])) best = from;
    }
    visit(best, to);
  });
}

function pool(
  context: WindowContext,
  op: "maxPool2d" | "averagePool2d",
  x: Tensor,
  attributes: PoolAttributes,
): Tensor {
  const { name, spatial } = context;
  const { window, dilation, padding } = attributes;
  for (const axis of [0, 1] as const) {
    const most = Math.floor((dilation[axis] * (window[axis] - 1) + 1) / 2);
    if (padding[axis][0] > most) {
      throw new Error(
        `${name}: padding ${padding[axis][0]} is more than half of the window of ${window[axis]}, so windows would see padding alone; use at most ${most}`,
      );
    }
  }
  const shape = x.knownShape;
  const fits = shape === null || reportRank(context, shape);
  if (shape !== null && fits) reportWindow(context, shape, window, attributes);
  const run = (images: Tensor): Tensor => apply(op, [images], { ...attributes });
  if (spatial === 2) return run(x);
  return composite(name, () => squeeze(run(fits ? unsqueeze(x, 2) : x), 2));
}

function reportRank({ name, spatial }: WindowContext, shape: Shape): boolean {
  const rank = spatial + 2;
  if (shape.length === rank) return true;
  const advice =
    shape.length === rank - 1 ? "; add the batch axis with unsqueeze(0), or the channel axis with unsqueeze(1)" : "";
  reportIssue(
    "pool-rank",
    `${name}: the input needs ${rank} axes ${wantedShape(spatial)}, but ${formatShape(shape)} has ${shape.length}${advice}`,
  );
  return false;
}

/** The images, or after the issue a stand-in of rank 4 with unknown sizes, so that nothing else is reported. */
function ofRank4(name: string, x: Tensor): Tensor {
  if (x.knownShape === null || reportRank({ name, family: "pool", spatial: 2 }, x.knownShape)) return x;
  return apply("maxPool2d", [x], {
    window: [1, 1],
    stride: [1, 1],
    dilation: [1, 1],
    padding: symmetric([0, 0]),
    countPadding: true,
  });
}

/** The matrix [windows, n] whose product with an axis of n elements gives the mean of each window. */
function averageRows(n: number, windows: number): Tensor {
  const data = new Float64Array(windows * n);
  for (let i = 0; i < windows; i++) {
    const start = Math.floor((i * n) / windows);
    const end = Math.ceil(((i + 1) * n) / windows);
    data.fill(1 / (end - start), i * n + start, i * n + end);
  }
  return constantTensor(data, [windows, n]);
}
