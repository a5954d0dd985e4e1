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

/** Done, a mistake in the program or its data, a mistake on the command line, stopped by a signal. */
export type ExitCode = 0 | 1 | 2 | 130;

/** What the worker says. */
export type WorkerMessage =
  /** The time limit begins anew: code of the user's is about to run, here named. */
  | { readonly kind: "limited"; readonly what: string }
  /** No time limit from here on: the engine works, or the model file trains by itself. */
  | { readonly kind: "alive" }
  /** A line for stderr that does not end the command. */
  | { readonly kind: "note"; readonly message: string }
  | { readonly kind: "event"; readonly event: TrainingEvent }
  | { readonly kind: "report"; readonly report: CheckReport }
  | { readonly kind: "records"; readonly records: readonly NodeRecord[] }
  | { readonly kind: "failure"; readonly message: string; readonly exitCode: ExitCode }
  | { readonly kind: "done"; readonly exitCode: ExitCode };

/** To a data worker: collect these examples. */
export interface LoaderRequest {
  readonly ticket: number;
  readonly request: BatchRequest;
}

export type LoaderReply =
  | { readonly kind: "batch"; readonly ticket: number; readonly batch: Batch }
  | { readonly kind: "failure"; readonly ticket: number; readonly message: string };
