/**
 * What the extension and the panel say to each other: two unions, and the records in them. The one file of the panel that the
 * extension knows, and the one that knows the engine (its plain records of runs).
 */
import type { Look, LookResult, RunHistory, RunState, StartEvent, EndEvent, Tick } from "../engine/api/view";

export * from "../engine/api/view";

/** A run in the list of runs: enough to choose it. */
export interface RunSummary {
  readonly id: string;
  /** Path in the workspace: `models/digits.nn.ts`. */
  readonly file: string;
  /** Milliseconds since 1970. */
  readonly started: number;
  readonly state: RunState;
  readonly purpose: RunPurpose;
  readonly epochs: number;
  /** Of the last epoch; null before the first. */
  readonly loss: number | null;
  readonly validationLoss: number | null;
  readonly accuracy: number | null;
  /** Whether it has a checkpoint to go on from. */
  readonly resumable: boolean;
  /** The most severe of its findings. */
  readonly worst: "information" | "warning" | "error" | null;
}

export type RunPurpose = "train" | "overfit" | "rate";

/** What of the panel is worth keeping while it is hidden or reloaded: kept by the extension with the run, and by `setState`. */
export interface PanelState {
  readonly run: string | null;
  readonly compared: readonly string[];
}

export type ToPanel =
  /** The answer to `ready`, and again whenever another run is shown. */
  | {
      readonly type: "snapshot";
      readonly runs: readonly RunSummary[];
      readonly shown: string | null;
      /** The shown run and those compared with it. */
      readonly histories: Readonly<Record<string, RunHistory>>;
      readonly compared: readonly string[];
    }
  | { readonly type: "runs"; readonly runs: readonly RunSummary[] }
  | { readonly type: "started"; readonly run: string; readonly start: StartEvent }
  | { readonly type: "tick"; readonly run: string; readonly tick: Tick }
  | {
      readonly type: "state";
      readonly run: string;
      readonly state: RunState;
      readonly failure: string | null;
      readonly end: EndEvent | null;
    }
  | { readonly type: "looked"; readonly ticket: number; readonly result: LookResult }
  /** The cursor stands on a line of the model file: its layer, or null. */
  | { readonly type: "cursor"; readonly run: string; readonly layer: number | null };

export type FromPanel =
  | { readonly type: "ready"; readonly state: PanelState | null }
  | { readonly type: "show"; readonly run: string }
  /** Overlays the curves of other runs. */
  | { readonly type: "compare"; readonly runs: readonly string[] }
  | { readonly type: "pause" | "resume" | "stop" | "again" | "continue"; readonly run: string }
  | { readonly type: "delete"; readonly run: string }
  | { readonly type: "look"; readonly ticket: number; readonly run: string; readonly look: Look }
  /** Shows a place in the editor; lines count from 1. */
  | { readonly type: "open"; readonly file: string; readonly line: number }
  | { readonly type: "command"; readonly command: "train" | "new" | "log" }
  /** Something in the panel went wrong: it goes to the log. */
  | { readonly type: "problem"; readonly message: string };
