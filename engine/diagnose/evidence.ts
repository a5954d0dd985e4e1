import type { Batch } from "../data/loader";
import type { EndReason, EpochEvent, FindingEvent } from "../train/events";
import type { RunAccess } from "../train/run-access";
import type { Curve } from "./curve";
import type { Look } from "./look";
import type { Network } from "./network";
import type { DataFacts } from "./samples";
import type { Score } from "./score";

/** All that judgements rest on, at one moment. */
export interface Evidence {
  readonly access: Pick<RunAccess, "training">;
  readonly network: Network;
  readonly data: DataFacts;
  /** Training examples, and numbers of one of them. */
  readonly examples: number;
  readonly features: number;
  /** Of each weight with two axes or more, before training. */
  readonly initial: ReadonlyMap<string, WeightFacts>;
  readonly curve: Curve;
  /** From before the first iteration to now. */
  readonly looks: readonly Look[];
  readonly epochs: readonly EpochEvent[];
  /** Of the same model now, on more examples. */
  readonly train: Measured | undefined;
  readonly validation: Measured | undefined;
  /** How well neighbours tell the training targets, and from those the validation targets; known for models that do badly. */
  readonly neighbours: { readonly train: number | undefined; readonly validation: number | undefined } | undefined;
  readonly iteration: number;
  /** Iterations that were planned. */
  readonly planned: number;
  readonly end: EndReason | undefined;
  readonly notFinite: FindingEvent | undefined;
}

export interface Measured {
  readonly loss: number;
  readonly score: Score | undefined;
}

export interface WeightFacts {
  /** Root mean square. */
  readonly scale: number;
  /** Whether all units have the same weights, so that they will stay the same. */
  readonly alike: boolean;
}

export interface Samples {
  readonly look: Batch;
  readonly train: Batch;
  readonly validation: Batch | undefined;
}
