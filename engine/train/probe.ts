import type { Batch } from "../data/loader";
import type { Step } from "./step";

/** What a debugger sees of a run. `train` knows only this interface; the `debug` room implements it. */
export interface Probe {
  beforeIteration?(moment: Moment): void | Promise<void>;
  afterIteration?(moment: Moment): void | Promise<void>;
}

export interface Moment {
  readonly step: Step;
  readonly batch: Batch;
  /** From 0. */
  readonly epoch: number;
  /** Updates done before this one. */
  readonly iteration: number;
}
