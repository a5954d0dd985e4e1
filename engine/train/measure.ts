import { mae, mse, r2, rmse } from "../metrics";
import type { FieldSpec } from "../data/dataset";
import type { Values } from "../backends/backend";
import { reachable } from "../graph/order";
import type { Tensor } from "../graph/tensor";
import type { MetricValues } from "./events";
import type { Metric, Training } from "./training";

/** Predictions and targets of many batches, collected for the epoch's metrics. */
export class Measurements {
  private readonly predictions: number[] = [];
  private readonly targets: number[] = [];
  private examples = 0;
  private weightedLoss = 0;
  private batches = 0;
  private lossOfBatches = 0;

  constructor(
    private readonly metrics: readonly Metric[],
    private readonly target: FieldSpec | undefined,
    /** Sizes of one prediction, without the batch axis. */
    private readonly outputShape: readonly number[] | undefined,
    /** A single output above it means class 1: see {@link thresholdOf}. */
    private readonly threshold: number,
  ) {}

  /** `loss` is the batch's mean over its `count` examples. */
  add(count: number, loss: number, prediction: Values | undefined, target: ArrayLike<number> | undefined): void {
    this.examples += count;
    this.weightedLoss += loss * count;
    this.batches++;
    this.lossOfBatches += loss;
    if (this.metrics.length === 0 || !prediction || !target) return;
    if (this.metrics.includes("accuracy")) {
      const { outputShape, threshold } = this;
      appendAll(this.predictions, predictedClasses(prediction, count, { target: this.target, outputShape, threshold }));
      appendAll(this.targets, labelClasses(target, count, this.target));
    } else if (prediction.length === target.length) {
      appendAll(this.predictions, prediction);
      appendAll(this.targets, target);
    }
  }

  /** Example-weighted mean: each example counts the same, also those of a short last batch. */
  get loss(): number {
    return this.examples === 0 ? NaN : this.weightedLoss / this.examples;
  }

  get batchMeanLoss(): number {
    return this.batches === 0 ? NaN : this.lossOfBatches / this.batches;
  }

  values(): MetricValues {
    if (this.predictions.length === 0) return {};
    return Object.fromEntries(
      this.metrics.map((metric) => [metric, FUNCTIONS[metric](this.targets, this.predictions)]),
    );
  }

  /** For a checkpoint inside an epoch: plain numbers that {@link restore} takes back exactly. */
  save(): SavedMeasurements {
    return {
      predictions: [...this.predictions],
      targets: [...this.targets],
      sums: [this.examples, this.weightedLoss, this.batches, this.lossOfBatches],
    };
  }

  restore(saved: SavedMeasurements): void {
    appendAll(this.predictions, saved.predictions);
    appendAll(this.targets, saved.targets);
    [this.examples, this.weightedLoss, this.batches, this.lossOfBatches] = saved.sums;
  }

  /** Whether predictions can be measured at all, so that they need not be read otherwise. */
  get wantsPredictions(): boolean {
    return this.metrics.length > 0 && this.target !== undefined && this.outputShape !== undefined;
  }
}

export interface OutputMeaning {
  readonly target: FieldSpec | undefined;
  /** Sizes of one prediction, without the batch axis. */
  readonly outputShape: readonly number[] | undefined;
  /** See {@link thresholdOf}. */
  readonly threshold: number;
}

/** The numbers of which one label's class is decided: `classes` of them from `start` on, `stride` apart. */
export interface Scores {
  readonly start: number;
  readonly classes: number;
  readonly stride: number;
}

/** Where the scores of each label's place are among the predictions of `count` examples; places of an example in order. */
export function scoresOf(values: ArrayLike<number>, count: number, { target, outputShape }: OutputMeaning): Scores[] {
  const shape = outputShape ?? [];
  const classes = target?.classes;
  const width = count === 0 ? 0 : values.length / count;
  const places = classes === undefined ? 1 : (target?.shape ?? []).reduce((size, dim) => size * dim, 1);
  // One output per label, as many as labels in a sequence: each is a yes or no.
  if (width === places) return Array.from(values, (_, start) => ({ start, classes: 1, stride: 1 }));
  const across = width / places;
  // The class axis of a sequence is the last, [L, C], or the first, [C, L], as the loss was told.
  const stride = places > 1 && shape[shape.length - 1] !== classes ? places : 1;
  return Array.from({ length: count * places }, (_, i) => {
    const [row, place] = [Math.floor(i / places), i % places];
    return { start: row * width + place * (stride === 1 ? across : 1), classes: across, stride };
  });
}

/** The class of each label's place: the largest of several outputs, or 1 where a single output is above the threshold. */
export function predictedClasses(values: ArrayLike<number>, count: number, meaning: OutputMeaning): number[] {
  return scoresOf(values, count, meaning).map(({ start, classes, stride }) =>
    classes === 1 ? Number(values[start] > meaning.threshold) : largest(values, start, classes, stride),
  );
}

/** Labels as they are; of float32 targets the class that they stand for (0/1, −1/1, or one number per class). */
export function labelClasses(
  values: ArrayLike<number>,
  count: number,
  target: FieldSpec | undefined,
): ArrayLike<number> {
  if (target?.dtype === "int32") return values;
  if (values.length === count) return Array.from(values, (value) => Number(value > 0.5));
  const width = values.length / count;
  return Array.from({ length: count }, (_, row) => largest(values, row * width, width, 1));
}

export interface SavedMeasurements {
  readonly predictions: readonly number[];
  readonly targets: readonly number[];
  readonly sums: readonly [examples: number, weightedLoss: number, batches: number, lossOfBatches: number];
}

const FUNCTIONS: Readonly<Record<Metric, (targets: readonly number[], predictions: readonly number[]) => number>> = {
  accuracy: (targets, predictions) => targets.filter((target, i) => target === predictions[i]).length / targets.length,
  mae,
  mse,
  rmse,
  r2,
};

/** The metrics asked for, or those that suit the targets: accuracy for class labels. */
export function metricsFor(training: Training, target: FieldSpec | undefined): readonly Metric[] {
  return training.metrics ?? (target?.classes === undefined ? [] : ["accuracy"]);
}

/** Losses of scores and logits, whose sign says the class of a single output; others take a probability. */
const SCORE_LOSSES = new Set(["binaryCrossEntropyWithLogits", "hinge", "perceptronLoss"]);

/** Above which number a single output means class 1: 0 for a score or logit, ½ for a probability. */
export function thresholdOf(loss: Tensor): number {
  for (const node of reachable([loss])) {
    for (let scope = node.scope; scope; scope = scope.parent) if (SCORE_LOSSES.has(scope.name)) return 0;
  }
  return 0.5;
}

/** The position of the largest of `classes` numbers that lie `stride` apart from `start` on. */
function largest(values: ArrayLike<number>, start: number, classes: number, stride: number): number {
  let best = 0;
  for (let i = 1; i < classes; i++) if (values[start + i * stride] > values[start + best * stride]) best = i;
  return best;
}

function appendAll(list: number[], more: ArrayLike<number>): void {
  for (let i = 0; i < more.length; i++) list.push(more[i]);
}
