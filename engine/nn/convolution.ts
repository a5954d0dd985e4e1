import { dimsAgree, dimsEqual, unknownDim } from "../graph/dim";
import { type Shape, formatShape, sizeOf } from "../graph/shape";
import type { Tensor } from "../graph/tensor";
import { conv1d, conv2d, convTranspose2d } from "../ops";
import { type Pair, type PerAxis, pair, wantedShape } from "../ops/window";
import { checkInput, checkSize, recovered, reportLayer, reportedAs, withSize } from "./checks";
import { fanInUniform } from "./initializers";
import { Module, type SizeArgument } from "./module";
import { type Initializer, Parameter } from "./parameter";

/** Convolution layers, arguments as in PyTorch: channels in, channels out, kernel size, options. */

interface LayerOptions {
  /** Channels are split into so many groups that do not see each other. Default 1. */
  readonly groups?: number;
  /** Whether to add one number per output channel. Default true. */
  readonly bias?: boolean;
  /** Initial weights; default uniform within ±1/√fanIn, as in PyTorch. */
  readonly initializer?: Initializer;
  /** Initial bias; default uniform within ±1/√fanIn. */
  readonly biasInitializer?: Initializer;
}

export interface Conv1dOptions extends LayerOptions {
  readonly stride?: number;
  /** Zeros at both ends: a number, `"valid"` (none) or `"same"`, which keeps the length at stride 1. Default 0. */
  readonly padding?: number | "valid" | "same";
  readonly dilation?: number;
}

export interface Conv2dOptions extends LayerOptions {
  readonly stride?: PerAxis;
  /** Zeros around the image: a number, [height, width], `"valid"` (none) or `"same"`, which keeps the size at stride 1. Default 0. */
  readonly padding?: PerAxis | "valid" | "same";
  readonly dilation?: PerAxis;
}

export interface ConvTranspose2dOptions extends LayerOptions {
  readonly stride?: PerAxis;
  /** Rows and columns cut off at each side of the result. Default 0. */
  readonly padding?: PerAxis;
  /** Rows and columns added below and to the right; below the stride. Default 0. */
  readonly outputPadding?: PerAxis;
  readonly dilation?: PerAxis;
}

/**
 * Cross-correlation along one axis: [N, inChannels, L] → [N, outChannels, L′], L′ = ⌊(L + 2p − d(k−1) − 1)/s⌋ + 1.
 * weight [outChannels, inChannels/groups, k], bias [outChannels].
 */
export class Conv1d extends Module {
  static override readonly layerType = "Conv1d";
  static override readonly sizes: readonly SizeArgument[] = [
    { argument: 0, field: "inChannels", axis: 1, role: "input" },
    { argument: 1, field: "outChannels", axis: 1, role: "output" },
  ];
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;
  readonly stride: number;
  readonly padding: number | "valid" | "same";
  readonly dilation: number;
  readonly groups: number;

  constructor(
    readonly inChannels: number,
    readonly outChannels: number,
    readonly kernelSize: number,
    options: Conv1dOptions = {},
  ) {
    super();
    const { stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
    const name = "Conv1d";
    checkChannels(name, inChannels, outChannels, groups);
    checkSize(name, "kernelSize", kernelSize);
    checkSize(name, "stride", stride);
    checkSize(name, "dilation", dilation);
    checkPadding(name, padding, [stride]);
    [this.stride, this.padding, this.dilation, this.groups] = [stride, padding, dilation, groups];
    [this.weight, this.bias] = weights([outChannels, inChannels / groups, kernelSize], outChannels, options);
  }

  forward(x: Tensor): Tensor {
    checkInput(this, x);
    const fitting = fittingInput(this, x, 1);
    if (!fitting) return recovered([unknownDim(), this.outChannels, unknownDim()]);
    const { stride, padding, dilation, groups } = this;
    return reportedAs(this, "conv1d", () =>
      conv1d(fitting, this.weight, this.bias, { stride, padding, dilation, groups }),
    );
  }
}

/**
 * Cross-correlation of images: [N, inChannels, H, W] → [N, outChannels, H′, W′], H′ = ⌊(H + 2p − d(k−1) − 1)/s⌋ + 1.
 * weight [outChannels, inChannels/groups, kh, kw], bias [outChannels].
 */
export class Conv2d extends Module {
  static override readonly layerType = "Conv2d";
  static override readonly sizes: readonly SizeArgument[] = [
    { argument: 0, field: "inChannels", axis: 1, role: "input" },
    { argument: 1, field: "outChannels", axis: 1, role: "output" },
  ];
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;
  readonly kernelSize: Pair;
  readonly stride: Pair;
  readonly padding: Pair | "valid" | "same";
  readonly dilation: Pair;
  readonly groups: number;

  constructor(
    readonly inChannels: number,
    readonly outChannels: number,
    kernelSize: PerAxis,
    options: Conv2dOptions = {},
  ) {
    super();
    const { stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
    const name = "Conv2d";
    checkChannels(name, inChannels, outChannels, groups);
    this.kernelSize = pair(name, "kernelSize", kernelSize, 1);
    this.stride = pair(name, "stride", stride, 1);
    checkPadding(name, padding, this.stride);
    this.padding = typeof padding === "string" ? padding : pair(name, "padding", padding, 0);
    this.dilation = pair(name, "dilation", dilation, 1);
    this.groups = groups;
    [this.weight, this.bias] = weights([outChannels, inChannels / groups, ...this.kernelSize], outChannels, options);
  }

  forward(x: Tensor): Tensor {
    checkInput(this, x);
    const fitting = fittingInput(this, x, 2);
    if (!fitting) return recovered([unknownDim(), this.outChannels, unknownDim(), unknownDim()]);
    const { stride, padding, dilation, groups } = this;
    return reportedAs(this, "conv2d", () =>
      conv2d(fitting, this.weight, this.bias, { stride, padding, dilation, groups }),
    );
  }
}

/**
 * Transposed convolution, the gradient of {@link Conv2d} in its input: [N, inChannels, H, W] → [N, outChannels, H′, W′],
 * H′ = (H − 1)·s − 2p + d(k−1) + outputPadding + 1. weight [inChannels, outChannels/groups, kh, kw], bias [outChannels].
 */
export class ConvTranspose2d extends Module {
  static override readonly layerType = "ConvTranspose2d";
  static override readonly sizes: readonly SizeArgument[] = [
    { argument: 0, field: "inChannels", axis: 1, role: "input" },
    { argument: 1, field: "outChannels", axis: 1, role: "output" },
  ];
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;
  readonly kernelSize: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly outputPadding: Pair;
  readonly dilation: Pair;
  readonly groups: number;

  constructor(
    readonly inChannels: number,
    readonly outChannels: number,
    kernelSize: PerAxis,
    options: ConvTranspose2dOptions = {},
  ) {
    super();
    const { stride = 1, padding = 0, outputPadding = 0, dilation = 1, groups = 1 } = options;
    const name = "ConvTranspose2d";
    checkChannels(name, inChannels, outChannels, groups);
    this.kernelSize = pair(name, "kernelSize", kernelSize, 1);
    this.stride = pair(name, "stride", stride, 1);
    this.padding = pair(name, "padding", padding, 0);
    this.outputPadding = pair(name, "outputPadding", outputPadding, 0);
    if (this.outputPadding.some((extra, axis) => extra >= this.stride[axis])) {
      throw new Error(
        `${name}: outputPadding must be smaller than the stride, got ${this.outputPadding.join(", ")} for stride ${this.stride.join(", ")}`,
      );
    }
    this.dilation = pair(name, "dilation", dilation, 1);
    this.groups = groups;
    [this.weight, this.bias] = weights([inChannels, outChannels / groups, ...this.kernelSize], outChannels, options);
  }

  forward(x: Tensor): Tensor {
    checkInput(this, x);
    const fitting = fittingInput(this, x, 2);
    if (!fitting) return recovered([unknownDim(), this.outChannels, unknownDim(), unknownDim()]);
    const { stride, padding, outputPadding, dilation, groups } = this;
    const options = { stride, padding, outputPadding, dilation, groups };
    return reportedAs(this, "convTranspose2d", () => convTranspose2d(fitting, this.weight, this.bias, options));
  }
}

type Convolution = Conv1d | Conv2d | ConvTranspose2d;

/**
 * The input if its rank and channels fit. If not, that is reported and a stand-in given on which the rest of the layer
 * (does the kernel fit into the image?) can still be checked; `undefined` where the rank leaves nothing certain.
 */
function fittingInput(layer: Convolution, x: Tensor, spatial: 1 | 2): Tensor | undefined {
  const shape = x.knownShape;
  if (shape === null) return x;
  const { inChannels, outChannels } = layer;
  const weight = `weight ${formatShape(layer.weight.shape)}`;
  const rank = spatial + 2;
  if (shape.length !== rank) {
    const problem = `needs ${rank} axes ${wantedShape(spatial)}, got ${shape.length} from ${formatShape(shape)} · ${weight}`;
    const standIn = missingAxis(shape, inChannels, rank);
    reportLayer(layer, "conv-rank", problem, standIn ? standIn.fix : rankFix(shape, inChannels, spatial));
    return standIn && recovered(standIn.shape);
  }
  if (dimsAgree(shape[1], inChannels)) return x;
  const problem = `needs ${inChannels} channels on axis 1, got ${String(shape[1])} from ${formatShape(shape)} · ${weight}`;
  const type = layer instanceof Conv1d ? "Conv1d" : layer instanceof Conv2d ? "Conv2d" : "ConvTranspose2d";
  // A width may happen to be the number of channels: images are mostly square, or have few channels.
  const channelsLast = inChannels <= 4 || rank === 3 || dimsEqual(shape[1], shape[2]);
  if (channelsLast && dimsAgree(shape[rank - 1], inChannels) && !dimsAgree(shape[1], shape[rank - 1])) {
    const order = [0, rank - 1, ...shape.map((_, axis) => axis).slice(1, -1)];
    reportLayer(
      layer,
      "conv-channels",
      problem,
      `the channels seem to come last: permute([${order.join(", ")}]) puts them on axis 1`,
    );
    return recovered(order.map((axis) => shape[axis]));
  }
  const divisible = typeof shape[1] === "number" && shape[1] % layer.groups === 0;
  reportLayer(
    layer,
    "conv-channels",
    problem,
    divisible
      ? `declare new ${type}(${String(shape[1])}, ${outChannels}, …), or give the layer before it ${inChannels} output channels`
      : `give it ${inChannels} channels`,
  );
  return recovered(withSize(shape, 1, inChannels));
}

/** For an input that lacks its batch or its channel axis: the axis to add. */
function missingAxis(shape: Shape, channels: number, rank: number): { shape: Shape; fix: string } | undefined {
  if (shape.length !== rank - 1) return undefined;
  if (typeof shape[0] === "number" && shape[0] === channels) {
    return { shape: [1, ...shape], fix: "add the batch axis with unsqueeze(0)" };
  }
  if (channels === 1) return { shape: [shape[0], 1, ...shape.slice(1)], fix: "add the channel axis with unsqueeze(1)" };
  return undefined;
}

function rankFix(shape: Shape, channels: number, spatial: 1 | 2): string {
  const size = shape[1];
  if (shape.length === 2 && typeof size === "number" && size % channels === 0) {
    const pixels = size / channels;
    const side = Math.sqrt(pixels);
    if (spatial === 1) return `reshape([-1, ${channels}, ${pixels}]) makes sequences of the ${size} features`;
    if (Number.isInteger(side))
      return `reshape([-1, ${channels}, ${side}, ${side}]) makes images of the ${size} features`;
  }
  return `reshape the input to ${wantedShape(spatial).replace("C", String(channels))}`;
}

function weights(
  shape: readonly number[],
  outChannels: number,
  options: LayerOptions,
): [Parameter, Parameter | undefined] {
  const initial = fanInUniform(sizeOf(shape.slice(1)));
  const weight = new Parameter(shape, options.initializer ?? initial);
  const bias = (options.bias ?? true) ? new Parameter([outChannels], options.biasInitializer ?? initial) : undefined;
  return [weight, bias];
}

function checkChannels(layer: string, inChannels: number, outChannels: number, groups: number): void {
  checkSize(layer, "inChannels", inChannels);
  checkSize(layer, "outChannels", outChannels);
  checkSize(layer, "groups", groups);
  if (inChannels % groups !== 0 || outChannels % groups !== 0) {
    throw new Error(
      `${layer}: groups must divide the channels, but ${groups} does not divide both ${inChannels} (in) and ${outChannels} (out)`,
    );
  }
}

function checkPadding(layer: string, padding: unknown, stride: readonly number[]): void {
  if (typeof padding === "number") {
    if (Number.isInteger(padding) && padding >= 0) return;
    throw new Error(`${layer}: padding must be a whole number ≥ 0, "valid" or "same", got ${padding}`);
  }
  if (typeof padding !== "string") return;
  if (padding !== "valid" && padding !== "same") {
    throw new Error(`${layer}: padding must be a number, "valid" or "same", got ${JSON.stringify(padding)}`);
  }
  if (padding === "same" && stride.some((each) => each !== 1)) {
    throw new Error(
      `${layer}: padding "same" keeps the size, which needs stride 1, got stride ${stride.join(", ")}; give the padding as a number`,
    );
  }
}
