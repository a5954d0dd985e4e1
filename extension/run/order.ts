import { dirname } from "node:path";
import type { DebugOptions } from "../../engine/api/debug";
import type { TrainTask } from "../../engine/api/host";
import type { RunPurpose } from "../../webview/protocol";

/** What is to be trained, and how. */
export interface TrainOrder {
  readonly path: string;
  readonly file: string;
  readonly purpose: RunPurpose;
  readonly epochs?: number;
  readonly seed?: number;
  readonly maxSteps?: number;
  /** On the first batch alone; what `purpose` overfit does by itself. */
  readonly overfit?: boolean;
  /** A checkpoint to begin with, or a folder with one. */
  readonly checkpoint?: string;
  /** Where the debugger lets it begin and stop. */
  readonly debug?: DebugOptions;
}

/** What a run's host is told. */
export type RunTask = Omit<TrainTask, "device" | "timeLimit">;

/** @param out the run's folder; undefined where it cannot be saved */
export function taskOf(order: TrainOrder, out: string | undefined): RunTask {
  const { path, purpose, epochs, seed, maxSteps, overfit, checkpoint, debug } = order;
  return {
    kind: "train",
    file: path,
    report: "ticks",
    stay: true,
    ...(out === undefined ? {} : { out }),
    ...(purpose === "overfit" || overfit === true ? { overfit: true } : {}),
    ...(epochs === undefined ? {} : { epochs }),
    ...(seed === undefined ? {} : { seed }),
    ...(maxSteps === undefined ? {} : { maxSteps }),
    ...(checkpoint === undefined ? {} : { resume: checkpoint }),
    ...(debug === undefined ? {} : { debug }),
  };
}

/** Whether it begins with what a folder holds, which is needed until then. */
export function beginsWith({ checkpoint, debug }: TrainOrder, folder: string): boolean {
  const kept = debug?.keepWeightsOf;
  return checkpoint === folder || (kept !== undefined && (kept === folder || dirname(kept) === folder));
}
