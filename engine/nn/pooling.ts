import { unknownDim } from "../graph/dim";
import { formatShape } from "../graph/shape";
import type { Tensor } from "../graph/tensor";
import { averagePool1d, averagePool2d, flatten, globalAveragePool2d, maxPool1d, maxPool2d } from "../ops";
import { type Pair, type PerAxis, pair, wantedShape } from "../ops/window";
import { checkInput, checkSize, recovered, reportLayer, reportedAs } from "./checks";
import { Module } from "./module";

/** Pooling layers: one number for each window of a channel. They have no parameters; the window is the stride unless given. */

export interface MaxPool1dLayerOptions {
  /** Default: the window's size. */
  readonly stride?: number;
  readonly padding?: number;
  readonly dilation?: number;
}

export interface AveragePool1dLayerOptions {
  readonly stride?: number;
  readonly padding?: number;
  /** Divide by the window's size, padding included. Default true. */
  readonly countPadding?: boolean;
}

export interface MaxPool2dLayerOptions {
  /** Default: the window's size. */
  readonly stride?: PerAxis;
  readonly padding?: PerAxis;
  readonly dilation?: PerAxis;
}

export interface AveragePool2dLayerOptions {
  readonly stride?: PerAxis;
  readonly padding?: PerAxis;
  /** Divide by the window's size, padding included. Default true. */
  readonly countPadding?: boolean;
}

/** Largest element of each window: [N, C, L] → [N, C, L′]. */
export class MaxPool1d extends Module {
  static override readonly layerType = "MaxPool1d";
  readonly stride: number;
  readonly padding: number;
  readonly dilation: number;

  constructor(
    readonly kernelSize: number,
    options: MaxPool1dLayerOptions = {},
  ) {
    super();
    const { stride = kernelSize, padding = 0, dilation = 1 } = options;
    checkWindow1d("MaxPool1d", kernelSize, stride, padding);
    checkSize("MaxPool1d", "dilation", dilation);
    [this.stride, this.padding, this.dilation] = [stride, padding, dilation];
  }

  forward(x: Tensor): Tensor {
    checkInput(this, x);
    const { stride, padding, dilation } = this;
    return pooled(this, x, 1, "maxPool1d", () => maxPool1d(x, this.kernelSize, { stride, padding, dilation }));
  }
}

/** Mean of each window: [N, C, L] → [N, C, L′]. */
export class AveragePool1d extends Module {
  static override readonly layerType = "AveragePool1d";
  readonly stride: number;
  readonly padding: number;
  readonly countPadding: boolean;

  constructor(
    readonly kernelSize: number,
    options: AveragePool1dLayerOptions = {},
  ) {
    super();
    const { stride = kernelSize, padding = 0, countPadding = true } = options;
    checkWindow1d("AveragePool1d", kernelSize, stride, padding);
    [this.stride, this.padding, this.countPadding] = [stride, padding, countPadding];
  }

  forward(x: Tensor): Tensor {
    checkInput(this, x);
    const { stride, padding, countPadding } = this;
    return pooled(this, x, 1, "averagePool1d", () =>
      averagePool1d(x, this.kernelSize, { stride, padding, countPadding }),
    );
  }
}

/** Largest element of each window: [N, C, H, W] → [N, C, H′, W′]. */
export class MaxPool2d extends Module {
  static override readonly layerType = "MaxPool2d";
  readonly kernelSize: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;

  constructor(kernelSize: PerAxis, options: MaxPool2dLayerOptions = {}) {
    super();
    const { stride = kernelSize, padding = 0, dilation = 1 } = options;
    [this.kernelSize, this.stride, this.padding] = window2d("MaxPool2d", kernelSize, stride, padding);
    this.dilation = pair("MaxPool2d", "dilation", dilation, 1);
  }

  forward(x: Tensor): Tensor {
    checkInput(this, x);
    const { stride, padding, dilation } = this;
    return pooled(this, x, 2, "maxPool2d", () => maxPool2d(x, this.kernelSize, { stride, padding, dilation }));
  }
}

/** Mean of each window: [N, C, H, W] → [N, C, H′, W′]. */
export class AveragePool2d extends Module {
  static override readonly layerType = "AveragePool2d";
  readonly kernelSize: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly countPadding: boolean;

  constructor(kernelSize: PerAxis, options: AveragePool2dLayerOptions = {}) {
    super();
    const { stride = kernelSize, padding = 0, countPadding = true } = options;
    [this.kernelSize, this.stride, this.padding] = window2d("AveragePool2d", kernelSize, stride, padding);
    this.countPadding = countPadding;
  }

  forward(x: Tensor): Tensor {
    checkInput(this, x);
    const { stride, padding, countPadding } = this;
    return pooled(this, x, 2, "averagePool2d", () =>
      averagePool2d(x, this.kernelSize, { stride, padding, countPadding }),
    );
  }
}

/** Mean of each channel: [N, C, H, W] → [N, C]. */
export class GlobalAveragePool2d extends Module {
  static override readonly layerType = "GlobalAveragePool2d";

  forward(x: Tensor): Tensor {
    checkInput(this, x);
    if (wrongRank(this, x, 2)) return recovered([unknownDim(), unknownDim()]);
    return reportedAs(this, "globalAveragePool2d", () => globalAveragePool2d(x));
  }
}

/** Joins the axes from `startAxis` (default 1: all but the batch) to `endAxis`: [N, C, H, W] → [N, C·H·W]. */
export class Flatten extends Module {
  static override readonly layerType = "Flatten";

  constructor(
    readonly startAxis = 1,
    readonly endAxis = -1,
  ) {
    super();
    for (const axis of [startAxis, endAxis]) {
      if (!Number.isInteger(axis)) throw new Error(`Flatten: axes must be whole numbers, got ${String(axis)}`);
    }
  }

  forward(x: Tensor): Tensor {
    checkInput(this, x);
    return reportedAs(this, "flatten", () => flatten(x, this.startAxis, this.endAxis));
  }
}

function pooled(layer: Module, x: Tensor, spatial: 1 | 2, operation: string, build: () => Tensor): Tensor {
  if (!wrongRank(layer, x, spatial)) return reportedAs(layer, operation, build);
  return recovered(new Array(spatial + 2).fill(undefined).map(unknownDim));
}

function wrongRank(layer: Module, x: Tensor, spatial: 1 | 2): boolean {
  const shape = x.knownShape;
  if (shape === null || shape.length === spatial + 2) return false;
  const wanted = wantedShape(spatial);
  const other = spatial === 1 ? 4 : 3;
  const fix =
    shape.length === other
      ? `use the ${spatial === 1 ? "2-D" : "1-D"} pooling layer, or give it ${wanted}`
      : shape.length === 2
        ? `pool before the features are flattened, or reshape them to ${wanted}`
        : `reshape the input to ${wanted}`;
  reportLayer(
    layer,
    "pool-rank",
    `needs ${spatial + 2} axes ${wanted}, got ${shape.length} from ${formatShape(shape)}`,
    fix,
  );
  return true;
}

function checkWindow1d(layer: string, kernelSize: number, stride: number, padding: number): void {
  checkSize(layer, "kernelSize", kernelSize);
  checkSize(layer, "stride", stride);
  if (!Number.isInteger(padding) || padding < 0) {
    throw new Error(`${layer}: padding must be a whole number ≥ 0, got ${String(padding)}`);
  }
  checkHalf(layer, [padding], [kernelSize]);
}

function window2d(layer: string, kernelSize: PerAxis, stride: PerAxis, padding: PerAxis): [Pair, Pair, Pair] {
  const size = pair(layer, "kernelSize", kernelSize, 1);
  const around = pair(layer, "padding", padding, 0);
  checkHalf(layer, around, size);
  return [size, pair(layer, "stride", stride, 1), around];
}

/** More padding than half the window would make windows that lie outside the image. */
function checkHalf(layer: string, padding: readonly number[], size: readonly number[]): void {
  if (padding.every((each, axis) => each <= size[axis] / 2)) return;
  throw new Error(
    `${layer}: padding must be at most half the kernel size, got padding ${padding.join(", ")} for kernel ${size.join(", ")}`,
  );
}
