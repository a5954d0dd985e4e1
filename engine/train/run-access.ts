import type { Backend, Values } from "../backends/backend";
import type { DataFiles } from "../data/dataset";
import type { Batch } from "../data/loader";
import type { WorkerPool } from "../data/prefetch";
import type { Tensor } from "../graph/tensor";
import type { Checkpoint } from "./checkpoint";
import type { TrainingEvent } from "./events";
import type { Parts } from "./parts";
import type { PlanEvent } from "./plan-log";
import type { Probe } from "./probe";
import type { Forward, Step } from "./step";
import type { Metric, Training } from "./training";

/** What a run needs from where it runs. */
export interface RunEnvironment {
  readonly backend: Backend;
  readonly files: DataFiles;
  /** Collects training batches ahead of their use; without one they are collected in between. */
  readonly pool?: WorkerPool;
  /** Milliseconds, for speeds and durations only; results never depend on it. */
  readonly now: () => number;
}

export interface RunOptions {
  readonly onEvent?: (event: TrainingEvent) => void | Promise<void>;
  /** Asked between iterations; when true the run saves and ends. A promise holds the run up until it is fulfilled. */
  readonly interrupted?: () => boolean | Promise<boolean>;
  /** Called at the end of each epoch and when interrupted; returns where it was saved. */
  readonly save?: (checkpoint: Checkpoint) => Promise<string>;
  readonly resume?: Checkpoint;
  readonly probe?: Probe;
  /** Told of each part of the training that is traced, planned and compiled, and why. */
  readonly onPlan?: (event: PlanEvent) => void;
  /** Called once before the first iteration, with what lets others look into the run between two iterations. */
  readonly onReady?: (access: RunAccess) => void;
}

/** A run seen from outside. Its functions are called between iterations, or after the run. */
export interface RunAccess {
  readonly training: Training;
  readonly parts: Parts;
  /** Whether it begins with initial values; else it goes on from a checkpoint. */
  readonly fresh: boolean;
  /** The step for a whole batch. */
  readonly step: Step;
  /** Metrics that the run measures. */
  readonly metrics: readonly Metric[];
  /** Says that the past was changed: what was told of iterations after so many updates is void, and told anew as it comes. */
  rewrite(iteration: number): void;
  /** Values of all parameters and states, by name. */
  values(): Promise<Map<string, { shape: readonly number[]; data: Values }>>;
  /**
   * Runs the forward pass as in evaluation on `batch`, and reads the tensors that `pick` chooses of its graph. Programs are kept by
   * `key` and the batch's size: one key must always choose the same tensors.
   */
  observe(key: string, batch: Batch, pick: (forward: Forward) => readonly Tensor[]): Promise<Values[]>;
  /** The same of a whole step as in training, without its update. */
  differentiate(key: string, batch: Batch, pick: (step: Step) => readonly Tensor[]): Promise<Values[]>;
}
