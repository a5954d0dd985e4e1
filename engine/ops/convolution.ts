import {
  type Dim,
  addDims,
  dimsAgree,
  divideDims,
  isSymbolic,
  isUnknownDim,
  multiplyDims,
  unknownDim,
} from "../graph/dim";
import { type Shape, formatShape, sizeOf } from "../graph/shape";
import type { Attributes, Tensor } from "../graph/tensor";
import { composite } from "../graph/trace";
import type { ConvolutionGeometry, ConvolutionKernel } from "../kernel/kernel";
import { type TensorLike, apply, reportIssue } from "./apply";
import { add, reshape, squeeze, unsqueeze } from "./functions";
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
  spanOf,
  symmetric,
  wantedShape,
  widthOnly,
} from "./window";

/**
 * Convolution as networks mean it, cross-correlation: the kernel is not flipped.
 *
 * y[n, o, i, j] = Σ x[n, c, i·s + k·d − p, j·s + l·d − p] · w[o, c, k, l] over c, k, l, with x = 0 outside.
 * y is linear in x and in w, so its two adjoints and itself are each other's gradients.
 */

export interface ConvolutionOptions {
  /** Distance between neighbouring positions of the kernel. Default 1. */
  readonly stride?: PerAxis;
  /**
   * Zeros around the image: a number for all sides, [height, width], `"valid"` (none) or `"same"`, which keeps the size
   * at stride 1 (d(f−1) in total, an odd one goes below and to the right). Default 0.
   */
  readonly padding?: PerAxis | "valid" | "same";
  /** Distance between neighbouring elements of the kernel. Default 1. */
  readonly dilation?: PerAxis;
  /** Channels are split into so many groups that do not see each other. Default 1. */
  readonly groups?: number;
}

export interface Convolution1dOptions {
  readonly stride?: number;
  readonly padding?: number | "valid" | "same";
  readonly dilation?: number;
  readonly groups?: number;
}

export interface ConvolutionTransposeOptions {
  /** Distance between the places at which neighbouring inputs put the kernel. Default 1. */
  readonly stride?: PerAxis;
  /** Rows and columns cut off at each side of the result. Default 0. */
  readonly padding?: PerAxis;
  /** Rows and columns added below and to the right; below the stride. Default 0. */
  readonly outputPadding?: PerAxis;
  readonly dilation?: PerAxis;
  readonly groups?: number;
}

/**
 * 2-D cross-correlation, sizes ⌊(n + 2p − d(f−1) − 1)/s⌋ + 1.
 *
 * @param x [N, Cin, H, W] @param weight [Cout, Cin/groups, kh, kw] @param bias [Cout], one number per output channel
 * @returns float32 [N, Cout, H′, W′]
 * @throws on options that no input could make sense of; shapes that do not fit are issues (`conv-rank`,
 *   `conv-channels`, `conv-groups`, `conv-size`, `conv-bias`), uncovered pixels are the information `conv-discards`.
 */
export function conv2d(
  x: TensorLike,
  weight: TensorLike,
  bias?: TensorLike | null,
  { stride = 1, padding = 0, dilation = 1, groups = 1 }: ConvolutionOptions = {},
): Tensor {
  const name = "conv2d";
  const sliding = {
    stride: pair(name, "stride", stride, 1),
    padding: typeof padding === "string" ? padding : pair(name, "padding", padding, 0),
    dilation: pair(name, "dilation", dilation, 1),
    groups: checkedGroups(name, groups),
  };
  return convolve({ name, family: "conv", spatial: 2 }, asImages(x), asImages(weight), bias, sliding);
}

/**
 * 1-D cross-correlation: {@link conv2d} at height 1.
 *
 * @param x [N, Cin, L] @param weight [Cout, Cin/groups, k] @param bias [Cout]
 * @returns float32 [N, Cout, L′]
 */
export function conv1d(
  x: TensorLike,
  weight: TensorLike,
  bias?: TensorLike | null,
  { stride = 1, padding = 0, dilation = 1, groups = 1 }: Convolution1dOptions = {},
): Tensor {
  const name = "conv1d";
  const sliding = {
    stride: widthOnly(name, "stride", stride, 1, 1),
    padding: typeof padding === "string" ? padding : widthOnly(name, "padding", padding, 0, 0),
    dilation: widthOnly(name, "dilation", dilation, 1, 1),
    groups: checkedGroups(name, groups),
  };
  return convolve({ name, family: "conv", spatial: 1 }, asImages(x), asImages(weight), bias, sliding);
}

/**
 * Transposed convolution: every input element puts the kernel, times itself, into the result. The gradient of
 * {@link conv2d} with respect to its input; sizes (n − 1)·s − 2p + d(f−1) + outputPadding + 1.
 *
 * @param x [N, Cin, H, W] @param weight [Cin, Cout/groups, kh, kw] @param bias [Cout]
 * @returns float32 [N, Cout, H′, W′]
 */
export function convTranspose2d(
  x: TensorLike,
  weight: TensorLike,
  bias?: TensorLike | null,
  { stride = 1, padding = 0, outputPadding = 0, dilation = 1, groups = 1 }: ConvolutionTransposeOptions = {},
): Tensor {
  const name = "convTranspose2d";
  const attributes: ConvolutionAttributes = {
    stride: pair(name, "stride", stride, 1),
    padding: symmetric(pair(name, "padding", padding, 0)),
    dilation: pair(name, "dilation", dilation, 1),
    groups: checkedGroups(name, groups),
  };
  const extra = pair(name, "outputPadding", outputPadding, 0);
  if (extra.some((rows, axis) => rows >= attributes.stride[axis])) {
    throw new Error(
      `${name}: outputPadding must be smaller than the stride; got ${JSON.stringify(outputPadding)} for stride ${JSON.stringify(stride)}`,
    );
  }
  const image = asImages(x);
  const kernel = asImages(weight);
  const target = transposedShape(name, image.knownShape, kernel.knownShape, attributes, extra);
  return composite(name, () => {
    const y = apply("conv2dInputGradient", [image, kernel], { ...attributes, target });
    return withBias({ name, family: "conv", spatial: 2 }, y, bias);
  });
}

interface ConvolutionAttributes extends WindowAttributes {
  readonly groups: number;
}

/** Adjoints need the shape they map back to: a floored size cannot be undone. */
interface AdjointAttributes extends ConvolutionAttributes {
  readonly target: Shape;
}

define<ConvolutionAttributes>({
  name: "conv2d",
  infer: ({ shapes: [x, w], attributes }) => {
    const dtype = "float32";
    if (!x || !w) return { shape: null, dtype };
    // The public functions have reported wrong ranks; what is certain of the result is kept.
    const sizes = w.length === 4 && x.length >= 3 ? outputSizes(x, w, attributes) : [unknownDim(), unknownDim()];
    return { shape: [x.length === 4 ? x[0] : unknownDim(), w[0] ?? unknownDim(), ...sizes], dtype };
  },
  evaluate: ({ inputs: [x, w], attributes, shape, dtype }) => {
    const data = new Float64Array(sizeOf(shape));
    eachProduct(geometryOf(x.shape, w.shape, shape, attributes), (xi, wi, yi) => (data[yi] += x.data[xi] * w.data[wi]));
    return { shape, dtype, data };
  },
  grad: ({ g, inputs: [x, w], attributes }) => [
    () => adjoint("conv2dInputGradient", [g, w], attributes, x.shape),
    () => adjoint("conv2dWeightGradient", [x, g], attributes, w.shape),
  ],
  lower: ({ inputs: [x, w], attributes, shape }) => lowered("forward", geometryOf(x.shape, w.shape, shape, attributes)),
});

/** (g, w) → ∂x of shape `target`: the adjoint of conv2d in x. */
define<AdjointAttributes>({
  name: "conv2dInputGradient",
  infer: ({ attributes }) => ({ shape: attributes.target, dtype: "float32" }),
  evaluate: ({ inputs: [g, w], attributes, shape, dtype }) => {
    const data = new Float64Array(sizeOf(shape));
    eachProduct(geometryOf(shape, w.shape, g.shape, attributes), (xi, wi, yi) => (data[xi] += g.data[yi] * w.data[wi]));
    return { shape, dtype, data };
  },
  grad: ({ g: u, inputs: [g, w], attributes }) => [
    () => forward(u, w, attributes),
    () => adjoint("conv2dWeightGradient", [u, g], attributes, w.shape),
  ],
  lower: ({ inputs: [g, w], attributes, shape }) => lowered("input", geometryOf(shape, w.shape, g.shape, attributes)),
});

/** (x, g) → ∂w of shape `target`: the adjoint of conv2d in w. */
define<AdjointAttributes>({
  name: "conv2dWeightGradient",
  infer: ({ attributes }) => ({ shape: attributes.target, dtype: "float32" }),
  evaluate: ({ inputs: [x, g], attributes, shape, dtype }) => {
    const data = new Float64Array(sizeOf(shape));
    eachProduct(geometryOf(x.shape, shape, g.shape, attributes), (xi, wi, yi) => (data[wi] += x.data[xi] * g.data[yi]));
    return { shape, dtype, data };
  },
  grad: ({ g: v, inputs: [x, g], attributes }) => [
    () => adjoint("conv2dInputGradient", [g, v], attributes, x.shape),
    () => forward(x, v, attributes),
  ],
  lower: ({ inputs: [x, g], attributes, shape }) => lowered("weight", geometryOf(x.shape, shape, g.shape, attributes)),
});

function forward(x: Tensor, w: Tensor, { stride, dilation, padding, groups }: ConvolutionAttributes): Tensor {
  return apply("conv2d", [x, w], { stride, dilation, padding, groups });
}

function adjoint(name: string, inputs: Tensor[], attributes: ConvolutionAttributes, target: Shape): Tensor {
  const { stride, dilation, padding, groups } = attributes;
  return apply(name, inputs, { stride, dilation, padding, groups, target } satisfies Attributes);
}

function lowered(
  which: ConvolutionKernel["which"],
  geometry: ConvolutionGeometry,
): { kind: "kernel"; kernel: ConvolutionKernel } {
  return { kind: "kernel", kernel: { kind: "convolution", which, geometry } };
}

/** From the shapes of image, kernel and result. */
function geometryOf(
  x: readonly number[],
  w: readonly number[],
  y: readonly number[],
  { stride, dilation, padding, groups }: ConvolutionAttributes,
): ConvolutionGeometry {
  return {
    batch: x[0],
    inputChannels: x[1],
    outputChannels: w[0],
    groups,
    input: [x[2], x[3]],
    kernel: [w[2], w[3]],
    output: [y[2], y[3]],
    stride,
    dilation,
    padding: [padding[0][0], padding[1][0]],
  };
}

/** Visits every product x·w of the sum that makes each y, with the three positions; padding makes none. */
function eachProduct(geometry: ConvolutionGeometry, visit: (x: number, w: number, y: number) => void): void {
  const { batch, inputChannels, outputChannels, groups, input, kernel, output, stride, dilation, padding } = geometry;
  const groupInputs = inputChannels / groups;
  const groupOutputs = outputChannels / groups;
  for (let n = 0; n < batch; n++) {
    for (let o = 0; o < outputChannels; o++) {
      const firstChannel = Math.floor(o / groupOutputs) * groupInputs;
      for (let i = 0; i < output[0]; i++) {
        for (let j = 0; j < output[1]; j++) {
          const y = ((n * outputChannels + o) * output[0] + i) * output[1] + j;
          for (let c = 0; c < groupInputs; c++) {
            for (let k = 0; k < kernel[0]; k++) {
              const row = i * stride[0] + k * dilation[0] - padding[0];
              if (row < 0 || row >= input[0]) continue;
              for (let l = 0; l < kernel[1]; l++) {
                const column = j * stride[1] + l * dilation[1] - padding[1];
                if (column < 0 || column >= input[1]) continue;
                const x = ((n * inputChannels + firstChannel + c) * input[0] + row) * input[1] + column;
                const w = ((o * groupInputs + c) * kernel[0] + k) * kernel[1] + l;
                visit(x, w, y);
              }
            }
          }
        }
      }
    }
  }
}

interface Sliding {
  readonly stride: Pair;
  readonly padding: Pair | "valid" | "same";
  readonly dilation: Pair;
  readonly groups: number;
}

function convolve(
  context: WindowContext,
  x: Tensor,
  w: Tensor,
  bias: TensorLike | null | undefined,
  sliding: Sliding,
): Tensor {
  const { name, spatial } = context;
  const attributes: ConvolutionAttributes = {
    ...sliding,
    padding: resolvePadding(name, sliding, w.knownShape, spatial),
  };
  const fits =
    x.knownShape === null ||
    w.knownShape === null ||
    reportConvolution(context, x.knownShape, w.knownShape, attributes);
  if (spatial === 2 && (bias === undefined || bias === null)) return forward(x, w, attributes);
  return composite(name, () => {
    const y =
      spatial === 2 || !fits ? forward(x, w, attributes) : forward(unsqueeze(x, 2), unsqueeze(w, 2), attributes);
    return withBias(context, spatial === 2 ? y : squeeze(y, 2), bias);
  });
}

/** Reports what does not fit; false when the ranks are wrong. */
function reportConvolution(context: WindowContext, x: Shape, w: Shape, attributes: ConvolutionAttributes): boolean {
  const { name, spatial } = context;
  if (x.length !== spatial + 2 || w.length !== spatial + 2) {
    reportIssue(
      "conv-rank",
      rankMessage(
        context,
        x,
        w,
        `[Cout, Cin/groups, ${spatial === 2 ? "kh, kw" : "k"}]`,
        multiplyDims(w[1] ?? 1, attributes.groups),
      ),
    );
    return false;
  }
  const { groups } = attributes;
  const [inputs, outputs, perGroup] = [x[1], w[0], w[1]];
  if (!divides(groups, inputs) || !divides(groups, outputs)) {
    const [what, count] = divides(groups, inputs) ? ["output", outputs] : ["input", inputs];
    reportIssue(
      "conv-groups",
      `${name}: ${String(count)} ${what} channels cannot be split into ${groups} groups (input ${formatShape(x)}, weight ${formatShape(w)}); ` +
        `use groups that divide both ${String(inputs)} and ${String(outputs)}`,
    );
  } else if (!dimsAgree(inputs, multiplyDims(perGroup, groups))) {
    reportIssue("conv-channels", channelsMessage(name, x, w, groups));
  }
  reportWindow(context, x, w, attributes);
  return true;
}

function channelsMessage(name: string, x: Shape, w: Shape, groups: number): string {
  const reads = multiplyDims(w[1], groups);
  const grouped = groups === 1 ? "" : ` (${String(w[1])} in each of ${groups} groups)`;
  const wanted = divideDims(x[1], groups);
  const text =
    `${name}: the input ${formatShape(x)} has ${String(x[1])} channels on axis 1, ` +
    `but the weight ${formatShape(w)} reads ${String(reads)}${grouped}`;
  const last = x.length - 1;
  if (!isUnknownDim(reads) && dimsAgree(x[last], reads) && !isUnknownDim(x[last])) {
    const order = [0, last, ...x.map((_, axis) => axis).slice(1, last)];
    return `${text}; the channels seem to come last: permute([${order.join(", ")}]) puts them on axis 1`;
  }
  return `${text}; make the input channels of the layer ${String(x[1])}, a weight of ${formatShape([w[0], wanted ?? unknownDim(), ...w.slice(2)])}`;
}

/** Which of input and weight has the wrong rank, and for an input without batch or channels the axis to add. */
function rankMessage({ name, spatial }: WindowContext, x: Shape, w: Shape, weight: string, channels: Dim): string {
  const rank = spatial + 2;
  const shapes = `${name}: input ${formatShape(x)}, weight ${formatShape(w)}`;
  if (w.length !== rank) return `${shapes}: the weight needs ${rank} axes ${weight}, it has ${w.length}`;
  const text = `${shapes}: the input needs ${rank} axes ${wantedShape(spatial)}, it has ${x.length}`;
  if (x.length !== rank - 1) return text;
  // Either [C, H, W], one image without a batch, or [N, H, W], images without channels.
  const channelsMissing = isSymbolic(x[0]) || (channels === 1 && x[0] !== 1);
  return `${text}; add the ${channelsMissing ? "channel axis with unsqueeze(1)" : "batch axis with unsqueeze(0)"}`;
}

/** Adds one number per channel, [C], to y [N, C, …]. */
function withBias({ name, spatial }: WindowContext, y: Tensor, bias: TensorLike | null | undefined): Tensor {
  if (bias === undefined || bias === null) return y;
  const b = asImages(bias);
  if (y.knownShape === null || b.knownShape === null) return y;
  const channels = y.knownShape[1];
  if (b.knownShape.length !== 1 || !dimsAgree(b.knownShape[0], channels)) {
    reportIssue(
      "conv-bias",
      `${name}: the bias ${formatShape(b.knownShape)} must have one number per output channel, ${formatShape([channels])} for the result ${formatShape(y.knownShape)}`,
    );
    return y;
  }
  return add(y, reshape(b, spatial === 2 ? [b.shape[0], 1, 1] : [b.shape[0], 1]));
}

function resolvePadding(
  name: string,
  { stride, padding, dilation }: Sliding,
  w: Shape | null,
  spatial: 1 | 2,
): readonly [Pair, Pair] {
  if (typeof padding !== "string") return symmetric(padding);
  if (padding === "valid") return symmetric([0, 0]);
  if (padding !== "same")
    throw new Error(`${name}: padding must be a number, "valid" or "same"; got ${JSON.stringify(padding)}`);
  if (stride.some((each) => each !== 1)) {
    throw new Error(
      `${name}: padding "same" keeps the size, which needs stride 1; give the padding as a number for stride ${stride.join(", ")}`,
    );
  }
  const around = (axis: 0 | 1): Pair => {
    // The height of a 1-D convolution is 1; a kernel size that is not known gives an unknown result anyway.
    const size = spatial === 1 && axis === 0 ? 1 : w?.[w.length - 2 + axis];
    const total = typeof size === "number" ? dilation[axis] * Math.max(0, size - 1) : 0;
    return [Math.floor(total / 2), Math.ceil(total / 2)];
  };
  return [around(0), around(1)];
}

/** The result of a transposed convolution; reports what does not fit, and recovers what is certain. */
function transposedShape(
  name: string,
  x: Shape | null,
  w: Shape | null,
  attributes: ConvolutionAttributes,
  extra: Pair,
): Shape {
  if (x === null || w === null) return [];
  const context: WindowContext = { name, family: "conv", spatial: 2 };
  const { groups, stride, dilation, padding } = attributes;
  const outputs = w.length > 1 ? multiplyDims(w[1], groups) : unknownDim();
  if (x.length !== 4 || w.length !== 4) {
    reportIssue("conv-rank", rankMessage(context, x, w, "[Cin, Cout/groups, kh, kw]", w[0] ?? unknownDim()));
  } else if (!divides(groups, x[1])) {
    reportIssue(
      "conv-groups",
      `${name}: ${String(x[1])} input channels cannot be split into ${groups} groups (input ${formatShape(x)}, weight ${formatShape(w)}); use groups that divide ${String(x[1])}`,
    );
  } else if (!dimsAgree(x[1], w[0])) {
    reportIssue(
      "conv-channels",
      `${name}: the input ${formatShape(x)} has ${String(x[1])} channels on axis 1, but the weight ${formatShape(w)} reads ${String(w[0])} (its axis 0); ` +
        `make the input channels of the layer ${String(x[1])}, a weight of ${formatShape([x[1], ...w.slice(1)])}`,
    );
  }
  const size = (axis: 0 | 1): Dim => {
    const n = x[x.length - 2 + axis];
    if (w.length !== 4 || x.length < 3 || isUnknownDim(n)) return unknownDim();
    const f = w[2 + axis];
    const cut = padding[axis][0] + padding[axis][1];
    const whole = addDims(multiplyDims(addDims(n, -1), stride[axis]), addDims(spanOf(f, dilation[axis]), extra[axis]));
    const result = addDims(whole, -cut);
    if (isSymbolic(result) || result > 0) return result;
    if (x.length === 4) {
      reportIssue(
        "conv-size",
        `${name}: padding cuts all of axis ${2 + axis} off: (${String(n)} − 1)·${stride[axis]} + ${String(spanOf(f, dilation[axis]))} + ${extra[axis]} = ${String(whole)} ` +
          `less ${cut} leaves ${result} (input ${formatShape(x)}, weight ${formatShape(w)}); use less padding or a larger stride or kernel`,
      );
    }
    return unknownDim();
  };
  return [x.length === 4 ? x[0] : unknownDim(), outputs, size(0), size(1)];
}

function divides(groups: number, channels: Dim): boolean {
  return isUnknownDim(channels) || divideDims(channels, groups) !== undefined;
}

function checkedGroups(name: string, groups: number): number {
  if (Number.isInteger(groups) && groups >= 1) return groups;
  throw new Error(`${name}: groups must be a whole number ≥ 1; got ${JSON.stringify(groups)}`);
}
