import type { Batch, BatchRequest } from "../data/loader";
import type { CheckReport } from "../train/check";
import type { TrainingEvent } from "../train/events";
import type { NodeRecord } from "../train/records";
import type { CheckCommand, TraceCommand, TrainCommand } from "./arguments";

/** What the worker is started with. */
export interface WorkerTask {
  readonly command: (Omit<CheckCommand, "files"> & { readonly file: string }) | TrainCommand | TraceCommand;
  /** Collects batches of the training's data on request, instead of carrying out the command. */
  readonly loader?: true;
  /** Folder of the data files that ship with the engine. */
  readonly assets: string;
  /** One int32: not 0 asks a training to save and stop. Shared, since a busy worker reads no messages. */
  readonly interrupt: SharedArrayBuffer;
}

/** What the worker says. */
export type WorkerMessage =
  /** The model file's code has run through once, or it trains by itself: no time limit from here on. */
  | { readonly kind: "alive" }
  | { readonly kind: "event"; readonly event: TrainingEvent }
  | { readonly kind: "report"; readonly report: CheckReport }
  | { readonly kind: "records"; readonly records: readonly NodeRecord[] }
  | { readonly kind: "failure"; readonly message: string; readonly exitCode: 1 | 2 | 130 }
  | { readonly kind: "done"; readonly exitCode: number };

/** To a data worker: collect these examples. */
export interface LoaderRequest {
  readonly ticket: number;
  readonly request: BatchRequest;
}

export type LoaderReply =
  | { readonly kind: "batch"; readonly ticket: number; readonly batch: Batch }
  | { readonly kind: "failure"; readonly ticket: number; readonly message: string };
