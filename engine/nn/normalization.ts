import { type Dim, dimsAgree, productOfDims, unknownDim } from "../graph/dim";
import { type Shape, formatShape } from "../graph/shape";
import type { Tensor } from "../graph/tensor";
import { composite, currentTrace } from "../graph/trace";
import {
  add,
  affine,
  asTensor,
  div,
  groupNorm,
  layerNorm,
  maximum,
  mul,
  perChannel,
  rmsNorm,
  rsqrt,
  sizeValue,
  square,
  sub,
} from "../ops";
import { checkInput, checkPositive, checkSize, endsWith, recovered, reportLayer, withSize } from "./checks";
import { ones, zeros } from "./initializers";
import { Module, type SizeArgument } from "./module";
import { Parameter, latest, setState, state } from "./parameter";

export interface BatchNormOptions {
  /** Added to the variance. Default 1e-5. */
  readonly epsilon?: number;
  /** Weight of the newest batch in the running mean and variance. Default 0.1. */
  readonly momentum?: number;
  /** Whether to scale and shift the result by trained numbers. Default true. */
  readonly affine?: boolean;
}

/**
 * Batch normalisation (Ioffe & Szegedy 2015): (x − mean) / √(variance + ε) · weight + bias per channel (axis 1).
 *
 * Training uses the batch's own mean and population variance and moves the running ones towards them (the variance by its
 * unbiased estimate, as in PyTorch); otherwise the running ones are used.
 */
abstract class BatchNorm extends Module {
  readonly weight: Parameter | undefined;
  readonly bias: Parameter | undefined;
  readonly running_mean: Parameter;
  readonly running_var: Parameter;
  readonly epsilon: number;
  readonly momentum: number;

  constructor(
    name: string,
    readonly channels: number,
    options: BatchNormOptions,
  ) {
    super();
    checkSize(name, "channels", channels);
    const { epsilon = 1e-5, momentum = 0.1, affine: scales = true } = options;
    checkPositive(name, "epsilon", epsilon);
    if (!(momentum >= 0 && momentum <= 1))
      throw new Error(`${name}: momentum must be from 0 to 1, got ${String(momentum)}`);
    [this.epsilon, this.momentum] = [epsilon, momentum];
    this.weight = scales ? new Parameter([channels], ones) : undefined;
    this.bias = scales ? new Parameter([channels], zeros) : undefined;
    this.running_mean = state([channels], zeros);
    this.running_var = state([channels], ones);
  }

  /** What is wrong with the input's rank, and the remedy. */
  protected abstract rankProblem(shape: Shape): readonly [problem: string, fix: string] | undefined;

  forward(x: Tensor): Tensor {
    checkInput(this, x);
    const shape = x.knownShape;
    if (shape === null) return x;
    const wrong = this.rankProblem(shape);
    if (wrong) {
      reportLayer(this, "batch-norm-rank", wrong[0], wrong[1]);
      return recovered(shape);
    }
    if (!dimsAgree(shape[1], this.channels)) {
      reportLayer(
        this,
        "batch-norm-channels",
        `needs ${this.channels} channels on axis 1, got ${String(shape[1])} from ${formatShape(shape)} · running_mean [${this.channels}]`,
        channelFix(this, shape[1]),
      );
      return recovered(withSize(shape, 1, unknownDim()));
    }
    if (!currentTrace().training) return composite("batchNorm", () => this.byRunning(x));
    const count = productOfDims(shape.filter((_, axis) => axis !== 1));
    if (count === 1) {
      reportLayer(
        this,
        "batch-norm-batch-1",
        `has one value per channel to normalise over in ${formatShape(shape)}, which always gives 0`,
        "train with batches of at least 2 examples, or use LayerNorm",
      );
    }
    return composite("batchNorm", () => this.byBatch(x, count));
  }

  private byBatch(x: Tensor, count: Dim): Tensor {
    const axes = x.shape.map((_, axis) => axis).filter((axis) => axis !== 1);
    const mean = x.mean(axes, { keepDims: true });
    const centred = sub(x, mean);
    const variance = square(centred).mean(axes, { keepDims: true });
    const n = asTensor(sizeValue(count));
    // A short last batch can hold one example; its variance is 0, and must not become 0/0.
    const unbiased = mul(variance, div(n, maximum(sub(n, 1), 1)));
    this.move(this.running_mean, mean);
    this.move(this.running_var, unbiased);
    return this.scaled(mul(centred, rsqrt(add(variance, this.epsilon))));
  }

  private byRunning(x: Tensor): Tensor {
    const centred = sub(x, perChannel(latest(this.running_mean), x.rank));
    return this.scaled(mul(centred, rsqrt(add(perChannel(latest(this.running_var), x.rank), this.epsilon))));
  }

  private scaled(normal: Tensor): Tensor {
    const { weight, bias } = this;
    return affine(normal, weight && perChannel(weight, normal.rank), bias && perChannel(bias, normal.rank));
  }

  private move(running: Parameter, batch: Tensor): void {
    const now = batch.reshape([this.channels]).stopGradient();
    setState(running, add(mul(latest(running), 1 - this.momentum), mul(now, this.momentum)));
  }
}

function channelFix(layer: BatchNorm, got: Dim): string {
  const type = layer instanceof BatchNorm1d ? "BatchNorm1d" : "BatchNorm2d";
  return typeof got === "number" ? `declare new ${type}(${got})` : `give it ${layer.channels} channels on axis 1`;
}

/** Batch normalisation of features [N, C] or sequences [N, C, L]. */
export class BatchNorm1d extends BatchNorm {
  static override readonly layerType = "BatchNorm1d";
  static override readonly sizes: readonly SizeArgument[] = [{ argument: 0, field: "channels", axis: 1, role: "both" }];

  constructor(channels: number, options: BatchNormOptions = {}) {
    super("BatchNorm1d", channels, options);
  }

  protected override rankProblem(shape: Shape): readonly [string, string] | undefined {
    if (shape.length === 2 || shape.length === 3) return undefined;
    const fix = shape.length === 4 ? `use new BatchNorm2d(${this.channels}) for images` : "give it [N, C] or [N, C, L]";
    return [`needs 2 or 3 axes, [N, C] or [N, C, L], got ${shape.length} from ${formatShape(shape)}`, fix];
  }
}

/** Batch normalisation of images [N, C, H, W]. */
export class BatchNorm2d extends BatchNorm {
  static override readonly layerType = "BatchNorm2d";
  static override readonly sizes: readonly SizeArgument[] = [{ argument: 0, field: "channels", axis: 1, role: "both" }];

  constructor(channels: number, options: BatchNormOptions = {}) {
    super("BatchNorm2d", channels, options);
  }

  protected override rankProblem(shape: Shape): readonly [string, string] | undefined {
    if (shape.length === 4) return undefined;
    const fix =
      shape.length === 2 || shape.length === 3
        ? `use new BatchNorm1d(${this.channels}), or normalise before flattening`
        : "give it [N, C, H, W]";
    return [`needs 4 axes [N, C, H, W], got ${shape.length} from ${formatShape(shape)}`, fix];
  }
}

export interface LayerNormOptions {
  /** Added to the variance. Default 1e-5. */
  readonly epsilon?: number;
  /** Whether to scale (and shift) the result by trained numbers. Default true. */
  readonly affine?: boolean;
  /** Whether the shift is there. Default true. */
  readonly bias?: boolean;
}

/** Normalises each example over its last axes (Ba et al. 2016): sizes `normalizedShape`, a number for the last axis alone. */
export class LayerNorm extends Module {
  static override readonly layerType = "LayerNorm";
  static override readonly sizes: readonly SizeArgument[] = [
    { argument: 0, field: "normalizedShape", axis: -1, role: "both" },
  ];
  readonly weight: Parameter | undefined;
  readonly bias: Parameter | undefined;
  readonly normalizedShape: readonly number[];
  readonly epsilon: number;

  constructor(normalizedShape: number | readonly number[], options: LayerNormOptions = {}) {
    super();
    this.normalizedShape = checkedShape("LayerNorm", normalizedShape);
    this.epsilon = options.epsilon ?? 1e-5;
    checkPositive("LayerNorm", "epsilon", this.epsilon);
    const scales = options.affine ?? true;
    this.weight = scales ? new Parameter(this.normalizedShape, ones) : undefined;
    this.bias = scales && (options.bias ?? true) ? new Parameter(this.normalizedShape, zeros) : undefined;
  }

  forward(x: Tensor): Tensor {
    checkInput(this, x);
    const wrong = wrongEnd(this, "layer-norm", x, this.normalizedShape);
    return wrong ?? layerNorm(x, this.normalizedShape, this.weight, this.bias, this.epsilon);
  }
}

/** Root-mean-square normalisation over the last axes, x / √(mean x² + ε) · weight (Zhang & Sennrich 2019). */
export class RMSNorm extends Module {
  static override readonly layerType = "RMSNorm";
  static override readonly sizes: readonly SizeArgument[] = [
    { argument: 0, field: "normalizedShape", axis: -1, role: "both" },
  ];
  readonly weight: Parameter | undefined;
  readonly normalizedShape: readonly number[];
  readonly epsilon: number;

  constructor(
    normalizedShape: number | readonly number[],
    options: { readonly epsilon?: number; readonly affine?: boolean } = {},
  ) {
    super();
    this.normalizedShape = checkedShape("RMSNorm", normalizedShape);
    this.epsilon = options.epsilon ?? 1e-5;
    checkPositive("RMSNorm", "epsilon", this.epsilon);
    this.weight = (options.affine ?? true) ? new Parameter(this.normalizedShape, ones) : undefined;
  }

  forward(x: Tensor): Tensor {
    checkInput(this, x);
    return (
      wrongEnd(this, "rms-norm", x, this.normalizedShape) ?? rmsNorm(x, this.normalizedShape, this.weight, this.epsilon)
    );
  }
}

/** Normalises groups of channels of each example (Wu & He 2018): [N, channels, …], any further axes. */
export class GroupNorm extends Module {
  static override readonly layerType = "GroupNorm";
  static override readonly sizes: readonly SizeArgument[] = [{ argument: 1, field: "channels", axis: 1, role: "both" }];
  readonly weight: Parameter | undefined;
  readonly bias: Parameter | undefined;
  readonly epsilon: number;

  constructor(
    readonly groups: number,
    readonly channels: number,
    options: { readonly epsilon?: number; readonly affine?: boolean } = {},
  ) {
    super();
    checkSize("GroupNorm", "groups", groups);
    checkSize("GroupNorm", "channels", channels);
    if (channels % groups !== 0)
      throw new Error(`GroupNorm: groups must divide the channels, but ${groups} does not divide ${channels}`);
    this.epsilon = options.epsilon ?? 1e-5;
    checkPositive("GroupNorm", "epsilon", this.epsilon);
    const scales = options.affine ?? true;
    this.weight = scales ? new Parameter([channels], ones) : undefined;
    this.bias = scales ? new Parameter([channels], zeros) : undefined;
  }

  forward(x: Tensor): Tensor {
    checkInput(this, x);
    const shape = x.knownShape;
    if (shape !== null && shape.length < 2) {
      reportLayer(
        this,
        "group-norm",
        `needs [N, ${this.channels}, …], got ${formatShape(shape)}`,
        "add the batch axis with unsqueeze(0)",
      );
      return recovered(shape);
    }
    if (shape !== null && !dimsAgree(shape[1], this.channels)) {
      reportLayer(
        this,
        "group-norm",
        `needs ${this.channels} channels on axis 1, got ${String(shape[1])} from ${formatShape(shape)} · weight [${this.channels}]`,
        typeof shape[1] === "number" && shape[1] % this.groups === 0
          ? `declare new GroupNorm(${this.groups}, ${shape[1]})`
          : `give it ${this.channels} channels on axis 1`,
      );
      return recovered(withSize(shape, 1, unknownDim()));
    }
    return groupNorm(x, this.groups, this.weight, this.bias, this.epsilon);
  }
}

function checkedShape(layer: string, shape: number | readonly number[]): readonly number[] {
  const sizes: readonly number[] = typeof shape === "number" ? [shape] : shape;
  const given: unknown = sizes;
  if (!Array.isArray(given) || given.length === 0) {
    throw new Error(`${layer}: normalizedShape must be a size or a list of sizes, got ${JSON.stringify(shape)}`);
  }
  for (const size of sizes) checkSize(layer, "normalizedShape", size);
  return [...sizes];
}

/** Reports an input that does not end with the sizes to normalise over; gives what to go on with. */
function wrongEnd(layer: LayerNorm | RMSNorm, code: string, x: Tensor, sizes: readonly number[]): Tensor | undefined {
  const shape = x.knownShape;
  if (shape === null || endsWith(shape, sizes)) return undefined;
  const type = layer instanceof LayerNorm ? "LayerNorm" : "RMSNorm";
  const end = shape.slice(-sizes.length);
  const known = shape.length > sizes.length && end.every((dim) => typeof dim === "number");
  const wanted = sizes.length === 1 ? `size ${sizes[0]} on the last axis` : `the last axes ${formatShape(sizes)}`;
  reportLayer(
    layer,
    code,
    `needs ${wanted}, got ${sizes.length === 1 ? String(end[0] ?? "no axis") : formatShape(end)} from ${formatShape(shape)} · normalizedShape ${formatShape(sizes)}`,
    known
      ? `declare new ${type}(${end.length === 1 ? String(end[0]) : formatShape(end)})`
      : `give it an input that ends with ${formatShape(sizes)}`,
  );
  // What follows may go by either size: neither is contradicted.
  const lead = shape.length - sizes.length;
  return recovered(shape.map((dim, axis) => (axis < lead || dimsAgree(dim, sizes[axis - lead]) ? dim : unknownDim())));
}
