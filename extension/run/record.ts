import type { EndEvent, RunHistory, RunPurpose, RunState, RunSummary } from "../../webview/protocol";

/** What is kept of a run in its folder's `run.json`, beside what the host writes there. */
export interface RunRecord {
  readonly version: 1;
  readonly id: string;
  /** Absolute path of the model file. */
  readonly path: string;
  /** Path in the workspace: what people read. */
  readonly file: string;
  /** Milliseconds since 1970. */
  readonly started: number;
  readonly purpose: RunPurpose;
  readonly state: RunState;
  readonly failure: string | null;
  readonly end: EndEvent | null;
  readonly seed: number | null;
  readonly figures: RunFigures;
  /** The window that trains it. A run whose window is gone was interrupted. */
  readonly owner: Owner | null;
}

/** What the list of runs shows of a history, so that it need not be read. */
export type RunFigures = Pick<RunSummary, "epochs" | "loss" | "validationLoss" | "accuracy" | "worst">;

export interface Owner {
  readonly pid: number;
  /** Differs between windows, and between two lives of one process number. */
  readonly session: string;
  /** When it last said that it lives, in milliseconds since 1970. */
  readonly seen: number;
}

export const noFigures: RunFigures = { epochs: 0, loss: null, validationLoss: null, accuracy: null, worst: null };

/** How often a window says that its runs live, and after how long without that they count as left behind. */
export const HEARTBEAT_MS = 30_000;
const SILENCE_MS = 10 * HEARTBEAT_MS;

export const INTERRUPTED =
  "interrupted: the window that trained it was closed or crashed. Finished epochs are kept; Go On trains on from the last checkpoint";

/** Sorts by time and is never given twice, not even by two windows at once. */
export function newRunId(started: number, file: string, random: string): string {
  const time = new Date(started)
    .toISOString()
    .replace(/\.\d+Z$/, "")
    .replace(/[-:]/g, "")
    .replace("T", "-");
  const name = modelName(file)
    .replace(/[^\w-]+/g, "-")
    .slice(0, 40);
  return `${time}-${name}-${random}`;
}

/** `models/digits.nn.ts` → `digits`. */
export function modelName(file: string): string {
  return file.replace(/^.*[\\/]/, "").replace(/\.nn\.ts$/, "");
}

export function figuresOf(history: RunHistory): RunFigures {
  const last = history.epochs.at(-1);
  return {
    epochs: last?.epoch ?? 0,
    loss: finite(last?.loss ?? history.loss.at(-1)?.mean),
    validationLoss: finite(last?.validation?.loss),
    accuracy: finite(last?.validation?.metrics.accuracy ?? last?.metrics.accuracy),
    worst: history.findings[0]?.severity ?? null,
  };
}

function finite(value: number | null | undefined): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

export function isLive(state: RunState): boolean {
  return state !== "ended" && state !== "failed";
}

/** Attempts that never began to train have nothing to show, nor have debugged runs that came to no epoch. */
export function isFruitless({ state, purpose, figures }: RunRecord, began: boolean): boolean {
  return (state === "failed" && !began) || (!isLive(state) && purpose === "debug" && figures.epochs === 0);
}

/**
 * Who has a run in its hands.
 *
 * @param alive whether a process with this number runs
 */
export function holderOf(
  record: RunRecord,
  session: string,
  now: number,
  alive: (pid: number) => boolean,
): "nobody" | "this window" | "another window" | "a dead window" {
  if (!isLive(record.state)) return "nobody";
  if (record.owner === null) return "a dead window";
  if (record.owner.session === session) return "this window";
  return alive(record.owner.pid) && now - record.owner.seen < SILENCE_MS ? "another window" : "a dead window";
}

export function summaryOf(record: RunRecord, resumable: boolean): RunSummary {
  const { id, file, started, state, purpose, figures } = record;
  return { id, file, started, state, purpose, resumable, ...figures };
}

/** A record as it was read, or null where it is none: files of other versions and half files are passed over. */
export function parseRecord(text: string): RunRecord | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  const { version, id, path, file, started, state } = value as Partial<RunRecord>;
  const sound =
    version === 1 &&
    [id, path, file].every((each) => typeof each === "string") &&
    typeof started === "number" &&
    STATES.includes(state as RunState);
  if (!sound) return null;
  const record = value as RunRecord;
  return {
    ...record,
    purpose: record.purpose ?? "train",
    failure: record.failure ?? null,
    end: record.end ?? null,
    seed: record.seed ?? null,
    figures: { ...noFigures, ...record.figures },
    owner: record.owner ?? null,
  };
}

const STATES: readonly RunState[] = ["starting", "running", "paused", "stopping", "ended", "failed"];
