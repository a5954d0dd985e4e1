import type { LayerStatistics } from "./statistics";

/** What a run tells while it goes on: plain records, the lines of `train --json`. */
export type TrainingEvent = StartEvent | IterationEvent | EpochEvent | RewindEvent | FindingEvent | EndEvent;

export interface StartEvent {
  readonly type: "start";
  readonly model: string;
  /** Number of trainable elements. */
  readonly parameters: number;
  readonly layers: readonly {
    readonly name: string;
    readonly type: string;
    readonly file: string | null;
    readonly line: number | null;
  }[];
  readonly data: string;
  readonly examples: number;
  readonly validationExamples: number;
  readonly batchSize: number;
  readonly epochs: number;
  readonly iterationsPerEpoch: number;
  readonly optimizer: string;
  readonly seed: number;
  /** What computes, on how many threads and why, as a line for people. */
  readonly device: string;
  /** Epochs already done when the run was resumed. */
  readonly startEpoch: number;
  readonly startIteration: number;
}

export interface IterationEvent {
  readonly type: "iteration";
  /** From 1. */
  readonly epoch: number;
  /** Updates so far, from 1. */
  readonly iteration: number;
  readonly loss: number;
  readonly learningRate: number;
  readonly examplesPerSecond: number;
  /** One record per layer, in the order of `start.layers`. */
  readonly statistics: readonly LayerStatistics[];
}

export type MetricValues = Readonly<Record<string, number>>;

export interface EpochEvent {
  readonly type: "epoch";
  readonly epoch: number;
  readonly iteration: number;
  /** Example-weighted mean of the training loss over the epoch. */
  readonly loss: number;
  /** Mean of the batches' means. */
  readonly batchMeanLoss: number;
  /** On the training batches, as they were predicted before their update. */
  readonly metrics: MetricValues;
  readonly validation: { readonly loss: number; readonly metrics: MetricValues } | null;
  readonly learningRate: number;
  readonly seconds: number;
}

/** The past was changed in a debugger: what was told of iterations and epochs after these is void, and is told anew as it comes. */
export interface RewindEvent {
  readonly type: "rewind";
  /** The last epoch, from 1, and the number of updates that still hold. */
  readonly epoch: number;
  readonly iteration: number;
}

export interface FindingEvent {
  readonly type: "finding";
  readonly code: string;
  readonly severity: "information" | "warning" | "error";
  readonly message: string;
  /** What the judgement rests on, in numbers. */
  readonly evidence?: readonly { readonly label: string; readonly value: string }[];
  /** What to do about it. */
  readonly remedy?: string;
  /** True where an earlier finding of this code and layer no longer holds. */
  readonly withdrawn?: true;
  readonly layer: string | null;
  readonly file: string | null;
  readonly line: number | null;
  readonly iteration: number;
}

export type EndReason = "epochs" | "steps" | "early-stopping" | "converged" | "not-finite" | "interrupted";

export interface EndEvent {
  readonly type: "end";
  readonly reason: EndReason;
  readonly epochs: number;
  readonly iterations: number;
  readonly loss: number | null;
  readonly metrics: MetricValues;
  readonly validation: { readonly loss: number; readonly metrics: MetricValues } | null;
  readonly seconds: number;
  /** Where the last checkpoint is, when one was asked for. */
  readonly checkpoint: string | null;
}
