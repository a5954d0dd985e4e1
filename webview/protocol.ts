/**
 * What the extension and the panel say to each other: two unions, and the records in them. The one file of the panel that the
 * extension knows, and the one that knows the engine (its plain records of runs).
 */
import type {
  EndEvent,
  Look,
  LookResult,
  NetworkResult,
  Prediction,
  RunHistory,
  RunState,
  StartEvent,
  Tick,
  Totals,
} from "../engine/api/view";

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

export type RunPurpose = "train" | "overfit" | "rate" | "debug";

/** What of the panel is worth keeping while it is hidden or reloaded: kept by the extension with the run, and by `setState`. */
export interface PanelState {
  readonly run: string | null;
  readonly compared: readonly string[];
}

/** A model file as it stands in the editor: what a check found, drawn before any training. */
export interface ModelView {
  /** Path in the workspace: `models/digits.nn.ts`. */
  readonly file: string;
  /** Absolute path. */
  readonly path: string;
  /**
   * `ready`: the figures are those of the text. `stale`: the text cannot be read or run, and the figures are those of the last one that
   * could. `failed`: it cannot, and never could. `checking`: nothing is known yet. `untrusted`: nothing is run in this workspace.
   */
  readonly state: "checking" | "ready" | "stale" | "failed" | "untrusted";
  /** Why it is stale, failed or untrusted, for the user. */
  readonly message: string | null;
  /** Where, if the message is about a line; from 1. */
  readonly line: number | null;
  readonly issues: readonly ModelIssue[];
  readonly layers: readonly ModelLayer[];
  readonly totals: Totals | null;
  /** Null for files without a training. */
  readonly network: NetworkResult | null;
  /** Comes a moment after the rest; null until then. */
  readonly prediction: Prediction | null;
  /** What the last edit changed: names of layers, with what changed. Empty on the first check. */
  readonly changes: readonly ModelChange[];
}

export interface ModelIssue {
  readonly code: string;
  readonly severity: "error" | "warning" | "information";
  readonly message: string;
  readonly file: string | null;
  readonly line: number | null;
}

export interface ModelLayer {
  readonly name: string;
  readonly type: string;
  /** `[N, 128]`, `unknown`. */
  readonly input: string;
  readonly output: string;
  readonly parameters: number;
  readonly file: string | null;
  readonly line: number | null;
}

export interface ModelChange {
  readonly layer: string;
  readonly kind: "added" | "removed" | "changed";
  /** `[N, 128] → [N, 64]`, `100,480 → 50,240 parameters`; empty for added and removed. */
  readonly what: string;
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
  | { readonly type: "cursor"; readonly run: string; readonly layer: number | null }
  /** The model file that is worked on, after each check; null where none is open. */
  | { readonly type: "model"; readonly model: ModelView | null }
  /** The same for the model's layers, by name. */
  | { readonly type: "modelCursor"; readonly path: string; readonly layer: string | null }
  /** Brings the model (after an edit) or the run (after Train Model) to the front, unless the viewer has pinned one. */
  | { readonly type: "front"; readonly what: "model" | "run" };

export type FromPanel =
  | { readonly type: "ready"; readonly state: PanelState | null }
  | { readonly type: "show"; readonly run: string }
  /** Overlays the curves of other runs. */
  | { readonly type: "compare"; readonly runs: readonly string[] }
  | { readonly type: "pause" | "resume" | "stop" | "again" | "continue"; readonly run: string }
  | { readonly type: "delete"; readonly run: string }
  | { readonly type: "look"; readonly ticket: number; readonly run: string; readonly look: Look }
  /** Shows a place in the editor; lines count from 1. */
  | { readonly type: "open"; readonly file: string; readonly line: number; readonly of: "model" | "run" }
  | { readonly type: "command"; readonly command: "train" | "new" | "log" | "trust" }
  /** Something in the panel went wrong: it goes to the log. */
  | { readonly type: "problem"; readonly message: string };
