import type { Values } from "../backends/backend";
import type { Batch } from "../data/loader";
import type { Checkpoint } from "./checkpoint";
import type { Step } from "./step";
import type { StoredValues } from "./store";

/** What a debugger sees of a run, and how it interferes. `train` knows only this interface; the `debug` room implements it. */
export interface Probe {
  /** Awaited before an iteration runs; what it says is done instead of it. */
  beforeIteration?(moment: Moment): void | Instruction | Promise<void | Instruction>;
  /** The update is done. */
  afterIteration?(moment: Moment): void | Promise<void>;
  /** The iteration gave a number that is none; parameters and states are still those before it, and the run is about to end. */
  notFinite?(moment: Moment): void | Instruction | Promise<void | Instruction>;
  /** Awaited after the last iteration, before the run ends. */
  beforeEnd?(moment: Pick<Moment, "epoch" | "iteration" | "values">): void | Instruction | Promise<void | Instruction>;
}

export interface Moment {
  readonly step: Step;
  readonly batch: Batch;
  /** From 0. */
  readonly epoch: number;
  /** Updates done before this one. */
  readonly iteration: number;
  readonly learningRate: number;
  /** All parameters, states and optimiser state by name, copied. */
  values(): Promise<Map<string, StoredValues>>;
  /** Replaces some of them from now on. @throws when the run has no such value, or one of another shape */
  write(values: ReadonlyMap<string, StoredValues>): void;
  /** The learning rate from this iteration on; undefined gives it back to the schedule. */
  setLearningRate(rate: number | undefined): void;
  /**
   * Does a part of this iteration before its time, so that less is left when it is due; what is written after it undoes it.
   * @returns whether something is left
   */
  ahead(): boolean;
  /** All that is needed to come back to this moment, in this run. */
  snapshot(): Promise<Checkpoint>;
}

export interface Outcome {
  readonly kind: "outcome";
  readonly loss: number;
  readonly values: ReadonlyMap<string, StoredValues>;
  /** What is measured, beside the loss; absent where the model predicts nothing. */
  readonly measured?: { readonly prediction: Values; readonly target: ArrayLike<number> } | undefined;
}

export type Instruction =
  /** Goes on from an earlier (or later) moment of this run. What is told a second time is not told. */
  | { readonly kind: "rewind"; readonly to: Checkpoint }
  /** Takes these for the outcome of the iteration, which does not run. */
  | Outcome
  /** Ends the run, as an interruption does. */
  | { readonly kind: "stop" };
