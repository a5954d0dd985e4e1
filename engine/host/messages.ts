import type { Batch, BatchRequest } from "../data/loader";
import type { CheckReport, Prediction } from "../check/records";
import type { DebugEvent, DebugOptions, DebugReply, DebugRequest } from "../debug/requests";
import type { GradientReport } from "../train/check-gradients";
import type { EndEvent, TrainingEvent } from "../train/events";
import type { NodeRecord } from "../train/records";
import type { Tick } from "../view/history";
import type { Look, LookResult, NetworkResult } from "../view/looks";

/**
 * What is said between an engine host (a worker thread or child process that runs user code) and whoever started it. Messages are
 * the same either way; a host carries out one task.
 */

export type Task = CheckTask | LiveTask | TrainTask | TraceTask | GradientsTask | RateTask | DevicesTask;

interface FileTask {
  readonly file: string;
  /** Seconds that the file's top-level code, and each other piece of user code outside the training, may take. */
  readonly timeLimit: number;
  /** Folder for what the engine found out about the machine; by default one for temporary files. */
  readonly storage?: string | undefined;
}

export interface CheckTask extends FileTask {
  readonly kind: "check";
  /** Text of the file as it stands in the editor, instead of what is on the disk. */
  readonly text?: string;
}

/** Checks whatever it is asked to, one file after the other, until it is ended: while one types, a fresh host would cost more than the check. */
export interface LiveTask extends FileTask {
  readonly kind: "live";
}

/** What a live host checks. */
export interface CheckOrder {
  readonly file: string;
  /** Texts of files as they stand in the editor, by path, instead of what is on the disk. */
  readonly texts: Readonly<Record<string, string>>;
  /** Whether the drawing of the network is wanted. */
  readonly network: boolean;
  /** Whether one small batch is to be tried, after the report. */
  readonly prediction: boolean;
}

export interface CheckResult {
  readonly report: CheckReport;
  /** Whether all of the file could be read and run: else the report holds the problems, and what was built before them. */
  readonly whole: boolean;
  /** null where it was not wanted, and for files without a training. */
  readonly network: NetworkResult | null;
}

/** Where a training computes. */
export type Device = "cpu" | "webgpu";

export interface TrainTask extends FileTask {
  readonly kind: "train";
  readonly device: Device;
  /** How many compute; 0, the default, for as many as the machine has cores. */
  readonly threads?: number | undefined;
  readonly epochs?: number | undefined;
  readonly seed?: number | undefined;
  readonly maxSteps?: number | undefined;
  /** Folder for the checkpoint and the metrics. */
  readonly out?: string | undefined;
  /** A checkpoint, or a folder with one. */
  readonly resume?: string | undefined;
  /** Every event as it comes, or about ten ticks a second; a host with ticks keeps the run's history in its folder. */
  readonly report: "events" | "ticks";
  /** Trains on the first batch alone, again and again: a sound model and rate bring its loss down to nearly nothing. */
  readonly overfit?: boolean;
  /** After the end, stays to answer looks until it is closed. */
  readonly stay?: boolean;
  /** Trains under a debugger: begins when it is told to, and stops where breakpoints are. */
  readonly debug?: DebugOptions;
}

export interface TraceTask extends FileTask {
  readonly kind: "trace";
  readonly seed?: number | undefined;
  readonly maxElements: number;
}

/** Compares the gradients of the model's loss on a small batch with central differences. */
export interface GradientsTask extends FileTask {
  readonly kind: "gradients";
}

/** Raises the learning rate step by step and watches the loss (Smith 2017, "Cyclical learning rates"). */
export interface RateTask extends FileTask {
  readonly kind: "rate";
}

/** Looks what there is to compute on; with a file, how fast each trains it. For a process of its own: a driver may bring it down. */
export interface DevicesTask extends FileTask {
  readonly kind: "devices";
  readonly measure: boolean;
}

/** Done, a mistake in the program or its data, a mistake on the command line, stopped. */
export type ExitCode = 0 | 1 | 2 | 130;

export type HostRequest =
  /** The first message. */
  | { readonly kind: "task"; readonly task: Task; readonly loader?: true }
  /** A training saves and ends; other tasks end. */
  | { readonly kind: "stop" }
  | { readonly kind: "pause" }
  | { readonly kind: "resume" }
  | { readonly kind: "look"; readonly ticket: number; readonly look: Look }
  /** To a training's debugger; answered by `debugged`. The first to a training that runs without one attaches it. */
  | { readonly kind: "debug"; readonly ticket: number; readonly request: DebugRequest }
  /** To a debugged training: write a checkpoint of where it stands into this file; answered by `kept`. */
  | { readonly kind: "keep"; readonly ticket: number; readonly path: string }
  /** To a live host; answered by `checked`, and by `predicted` if that was wanted. */
  | { readonly kind: "check"; readonly ticket: number; readonly order: CheckOrder }
  /** The answer to this check is wanted no more. */
  | { readonly kind: "abandon"; readonly ticket: number }
  /** A host that stays after its end may go. */
  | { readonly kind: "close" };

export type HostMessage =
  /** The time limit begins anew: code of the user's is about to run, here named. */
  | { readonly kind: "limited"; readonly what: string; readonly file?: string }
  /** No time limit from here on: the engine works, or the model file trains by itself. */
  | { readonly kind: "alive" }
  /** A line for the user that does not end the task. */
  | { readonly kind: "note"; readonly message: string }
  /** A line for whoever wants to know exactly what the engine did. */
  | { readonly kind: "log"; readonly message: string }
  | { readonly kind: "event"; readonly event: TrainingEvent }
  | { readonly kind: "tick"; readonly tick: Tick }
  /** MiB that the host's heap and arrays take. */
  | { readonly kind: "memory"; readonly held: number }
  | { readonly kind: "paused"; readonly paused: boolean }
  /** The training is over; the host stays for looks. */
  | { readonly kind: "ended"; readonly end: EndEvent | null }
  | { readonly kind: "looked"; readonly ticket: number; readonly result: LookResult }
  | { readonly kind: "debugged"; readonly ticket: number; readonly reply: DebugReply }
  /** `failure` is for the user; null where all went well. */
  | { readonly kind: "kept"; readonly ticket: number; readonly failure: string | null }
  | { readonly kind: "debugEvent"; readonly event: DebugEvent }
  | { readonly kind: "report"; readonly report: CheckReport }
  | { readonly kind: "checked"; readonly ticket: number; readonly result: CheckResult }
  | { readonly kind: "predicted"; readonly ticket: number; readonly prediction: Prediction }
  /** A check is over, with whether the host is as it was before: user code may have left something behind. */
  | { readonly kind: "rested"; readonly ticket: number; readonly clean: boolean }
  | { readonly kind: "records"; readonly records: readonly NodeRecord[] }
  | { readonly kind: "gradients"; readonly reports: readonly ParameterCheck[] }
  | { readonly kind: "rate"; readonly result: RateResult }
  /** `batchSize` is null where a batch is all examples, or nothing was measured. */
  | { readonly kind: "devices"; readonly devices: readonly DeviceFigures[]; readonly batchSize: number | null }
  | { readonly kind: "failure"; readonly message: string; readonly exitCode: ExitCode }
  | { readonly kind: "done"; readonly exitCode: ExitCode };

export interface ParameterCheck extends GradientReport {
  /** `hidden.weight`. */
  readonly name: string;
  readonly file: string | null;
  readonly line: number | null;
}

export interface DeviceFigures {
  readonly device: Device;
  /** What it says of itself; null where it is not there. */
  readonly name: string | null;
  /** Why it is not there. */
  readonly lacking: string | null;
  /** From one update to the next, where it was measured. */
  readonly milliseconds: number | null;
}

export interface RateResult {
  readonly points: readonly { readonly rate: number; readonly loss: number }[];
  /** Where the loss falls fastest; null where it falls nowhere. */
  readonly suggestion: number | null;
  readonly current: number;
}

/** To a data worker: collect these examples. */
export interface LoaderRequest {
  readonly ticket: number;
  readonly request: BatchRequest;
}

export type LoaderReply =
  | { readonly kind: "batch"; readonly ticket: number; readonly batch: Batch }
  | { readonly kind: "failure"; readonly ticket: number; readonly message: string };
