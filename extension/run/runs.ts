import { randomBytes } from "node:crypto";
import {
  emptyHistory,
  extendHistory,
  type EndEvent,
  type Look,
  type LookResult,
  type RunHistory,
  type RunState,
  type RunSummary,
  type StartEvent,
  type Tick,
} from "../../webview/protocol";
import type { DebugEvent } from "../../engine/api/debug";
import type { Host, HostEnd, HostMessage } from "../../engine/api/host";
import { createDebugging, type DebuggedRun, type Debugging } from "./debugging";
import { joinHistories } from "./join";
import { beginsWith, taskOf, type RunTask, type TrainOrder } from "./order";
import {
  HEARTBEAT_MS,
  INTERRUPTED,
  figuresOf,
  holderOf,
  isFruitless,
  isLive,
  newRunId,
  noFigures,
  summaryOf,
  type RunRecord,
} from "./record";
import type { RunStore } from "./store";
import { isProcess, reasonOf } from "./system";

export type { TrainOrder } from "./order";

/** All runs of the workspace: those that this window trains, and those that the disk knows. */
export interface Runs {
  /** Newest first. */
  list(): readonly Run[];
  get(id: string): Run | undefined;
  /** The newest run of a model file in this window: the one that speaks for the file as it is. */
  currentOf(path: string): Run | undefined;
  history(id: string): Promise<RunHistory>;
  /** What is known now of a run that this window trains; undefined for others. */
  liveHistory(id: string): RunHistory | undefined;
  train(order: TrainOrder): Promise<Run>;
  /** Trains on in the same run, from its checkpoint. */
  goOn(id: string, epochs: number | undefined): Promise<Run>;
  pause(id: string): void;
  resume(id: string): void;
  stop(id: string): void;
  /** Ends it without saving. */
  kill(id: string): void;
  look(id: string, look: Look): Promise<LookResult>;
  /**
   * Takes the debugger's place at a run that this window trains. Hears `ended` however it ends.
   * @throws where the run cannot be debugged, with the reason for the user
   */
  debug(id: string, listener: (event: DebugEvent) => void): DebuggedRun;
  remove(id: string): Promise<void>;
  /** Reads what other windows did. */
  refresh(): Promise<void>;
  listen(listener: (change: RunChange) => void): { dispose(): void };
  /** Lets go of all runs, once their hosts were told to end. */
  close(): Promise<void>;
}

export interface Run {
  readonly summary: RunSummary;
  /** Absolute path of the model file. */
  readonly path: string;
  readonly failure: string | null;
  readonly end: EndEvent | null;
  /** Whether this window trains it, or has it open for looks. */
  readonly mine: boolean;
  /** Another window trains it: it can be looked at only. */
  readonly elsewhere: boolean;
  /** Whether a debugger has it in its hands. */
  readonly debugged: boolean;
  /** Its folder; null where it could not be made. */
  readonly folder: string | null;
}

export type RunChange =
  | { readonly kind: "added" | "removed" | "listed"; readonly id: string }
  | { readonly kind: "started"; readonly id: string; readonly start: StartEvent }
  | { readonly kind: "tick"; readonly id: string; readonly tick: Tick }
  | { readonly kind: "state"; readonly id: string }
  /** For the user to read. */
  | { readonly kind: "note"; readonly id: string; readonly message: string }
  /** For the log. */
  | { readonly kind: "log"; readonly id: string; readonly message: string };

export interface RunsOptions {
  /** Where runs are kept. */
  readonly store: RunStore;
  /** Tells this window from others. */
  readonly session: string;
  readonly startTraining: (task: RunTask, onMessage: (message: HostMessage) => void) => Host;
  readonly now?: () => number;
  readonly alive?: (pid: number) => boolean;
}

/** A run as it is held here. */
interface Held {
  record: RunRecord;
  resumable: boolean;
  elsewhere: boolean;
  kept: boolean;
  /** When its record was last written. */
  written: number;
  host: Host | null;
  readonly debugging: Debugging;
  history: RunHistory | null;
  /** Of an earlier part of the run. */
  before: RunHistory | null;
}

/** Milliseconds between two writings of a record for the sake of its figures. */
const WRITE_MS = 2000;

/** Hosts that stay for looks after the end of their training; each holds a model and its data. */
const STAYING = 2;

export function createRuns(options: RunsOptions): Runs {
  const { store, session, startTraining, now = Date.now, alive = isProcess } = options;
  const held = new Map<string, Held>();
  const listeners = new Set<(change: RunChange) => void>();
  const tell = (change: RunChange): void => listeners.forEach((listener) => listener(change));
  let heartbeat: NodeJS.Timeout | undefined;

  const newestFirst = (): Held[] => [...held.values()].reverse().sort((a, b) => b.record.started - a.record.started);

  function keep(run: Held): void {
    if (!run.kept) return;
    run.written = now();
    store.write(run.record).catch((error: unknown) => {
      if (!run.kept) return;
      run.kept = false;
      tell({ kind: "note", id: run.record.id, message: `its state cannot be saved: ${reasonOf(error)}` });
    });
  }

  function update(run: Held, change: Partial<RunRecord>): void {
    run.record = { ...run.record, ...change };
    if (run.record.owner) run.record = { ...run.record, owner: { ...run.record.owner, seen: now() } };
    keep(run);
  }

  function enter(run: Held, state: RunState, change: Partial<RunRecord> = {}): void {
    if (run.history) {
      const { failure = run.history.failure, end = run.history.end } = change;
      run.history = { ...run.history, state, failure, end };
    }
    const figures = run.history ? figuresOf(run.history) : run.record.figures;
    update(run, { ...change, state, figures, owner: isLive(state) ? run.record.owner : null });
    beat();
    tell({ kind: "state", id: run.record.id });
  }

  /** Says now and then that the runs of this window live. */
  function beat(): void {
    const live = [...held.values()].filter((run) => run.host && isLive(run.record.state));
    if (live.length === 0) {
      clearInterval(heartbeat);
      heartbeat = undefined;
    } else
      heartbeat ??= setInterval(() => {
        for (const run of held.values()) if (run.host && isLive(run.record.state)) update(run, {});
      }, HEARTBEAT_MS).unref();
  }

  function hear(run: Held, host: () => Host | null, message: HostMessage): void {
    if (run.host !== host()) return;
    const { id, state } = run.record;
    const history = run.history ?? emptyHistory;
    switch (message.kind) {
      case "event":
        if (message.event.type !== "start") return;
        run.history = run.before
          ? joinHistories(run.before, { ...emptyHistory, state, start: message.event })
          : { ...history, start: message.event };
        update(run, { seed: message.event.seed });
        if (state === "starting") enter(run, "running");
        tell({ kind: "started", id, start: message.event });
        return;
      case "tick": {
        run.history = extendHistory(history, message.tick);
        if (message.tick.epochs.length > 0 || message.tick.findings.length > 0 || message.tick.rewind !== undefined) {
          run.record = { ...run.record, figures: figuresOf(run.history) };
          // Epochs of small data take less than a millisecond.
          if (now() - run.written >= WRITE_MS) update(run, {});
        }
        if (message.tick.epochs.length > 0 && run.kept && run.record.purpose === "train") run.resumable = true;
        tell({ kind: "tick", id, tick: message.tick });
        return;
      }
      case "alive":
        if (state === "starting") enter(run, "running");
        return;
      case "paused":
        if (state !== "stopping") enter(run, message.paused ? "paused" : "running");
        return;
      case "ended":
        enter(run, "ended", { end: message.end });
        run.debugging.left({ exitCode: message.end?.reason === "not-finite" ? 1 : 0, failure: null });
        void settle(run);
        return;
      case "note":
        tell({ kind: "note", id, message: message.message });
        return;
      case "log":
        tell({ kind: "log", id, message: message.message });
        return;
      case "debugEvent":
        run.debugging.event(message.event);
        return;
      default:
        return;
    }
  }

  /** After a training's end: what is saved, and how many hosts stay for looks. */
  async function settle(run: Held): Promise<void> {
    run.resumable = run.record.purpose === "train" && run.kept && (await store.hasCheckpoint(run.record.id));
    tell({ kind: "listed", id: run.record.id });
    const staying = newestFirst().filter((each) => each.host && !isLive(each.record.state));
    staying.slice(STAYING).forEach((each) => each.host?.close());
  }

  function leave(run: Held, host: Host, end: HostEnd): void {
    const { exitCode, failure } = end;
    if (run.host !== host) return;
    run.host = null;
    if (isLive(run.record.state)) {
      const stopped = run.record.state === "stopping" || exitCode === 130;
      if (failure !== null && !stopped) enter(run, "failed", { failure });
      else enter(run, "ended");
    }
    run.debugging.left(end);
    void settle(run);
  }

  async function begin(run: Held, order: TrainOrder): Promise<void> {
    const { id } = run.record;
    try {
      await store.create(run.record);
      run.kept = true;
    } catch (error) {
      run.kept = false;
      tell({ kind: "note", id, message: `the run cannot be saved: ${reasonOf(error)}; the training goes on` });
    }
    let host: Host | null = null;
    host = startTraining(taskOf(order, run.kept ? store.folderOf(id) : undefined), (message) =>
      hear(run, () => host, message),
    );
    run.host = host;
    beat();
    const started = host;
    void started.ended.then((end) => leave(run, started, end));
  }

  function add(record: RunRecord, kept: boolean): Held {
    const run: Held = {
      record,
      resumable: false,
      elsewhere: false,
      kept,
      written: 0,
      host: null,
      debugging: createDebugging(() => tell({ kind: "state", id: record.id })),
      history: null,
      before: null,
    };
    held.set(record.id, run);
    return run;
  }

  const owner = (): RunRecord["owner"] => ({ pid: process.pid, session, seen: now() });

  async function read(record: RunRecord): Promise<void> {
    const existing = held.get(record.id);
    // What this window trains or trained, it knows better than the disk.
    if (existing?.host || existing?.history) return;
    const holder = holderOf(record, session, now(), alive);
    const lost = holder === "a dead window" || holder === "this window";
    const run = existing ?? add(record, true);
    run.record = lost ? { ...record, state: "failed", failure: INTERRUPTED, owner: null } : record;
    run.elsewhere = holder === "another window";
    run.resumable = record.purpose === "train" && !run.elsewhere && (await store.hasCheckpoint(record.id));
  }

  const runs: Runs = {
    list: () => newestFirst().map(viewOf),
    get: (id) => {
      const run = held.get(id);
      return run && viewOf(run);
    },
    currentOf: (path) => runs.list().find((run) => run.mine && run.path === path && speaks(run.summary)),
    liveHistory: (id) => held.get(id)?.history ?? undefined,

    async history(id) {
      const run = held.get(id);
      if (!run) return emptyHistory;
      if (run.history) return run.history;
      const saved = (await store.readHistory(id)) ?? emptyHistory;
      const { state, failure, end } = run.record;
      const known = { ...saved, state, failure, end: saved.end ?? end };
      // Of another window's run the disk will know more in a moment.
      return known;
    },

    async train(order) {
      const started = now();
      const id = newRunId(started, order.file, randomBytes(3).toString("hex"));
      const { path, file, purpose } = order;
      const run = add(
        {
          version: 1,
          id,
          path,
          file,
          started,
          purpose,
          state: "starting",
          failure: null,
          end: null,
          seed: null,
          figures: noFigures,
          owner: owner(),
        },
        false,
      );
      run.history = emptyHistory;
      tell({ kind: "added", id });
      for (const other of [...held.values()]) {
        if (other === run || other.record.path !== path || beginsWith(order, store.folderOf(other.record.id))) continue;
        if (other.history && isFruitless(other.record, other.history.start !== null))
          await runs.remove(other.record.id);
      }
      await begin(run, order);
      return viewOf(run);
    },

    async goOn(id, epochs) {
      const run = held.get(id);
      if (!run) throw new Error("this run was deleted");
      if (run.elsewhere) throw new Error("another window trains this run");
      if (isLive(run.record.state)) return viewOf(run);
      run.before = await runs.history(id);
      run.host?.close();
      run.host = null;
      run.history = { ...run.before, state: "starting", failure: null, end: null, findings: [] };
      await store.setAside(id, run.before);
      run.record = { ...run.record, owner: owner() };
      enter(run, "starting", { failure: null, end: null });
      const { path, file, purpose, seed } = run.record;
      const order: TrainOrder = { path, file, purpose, checkpoint: store.folderOf(id) };
      await begin(run, {
        ...order,
        ...(epochs === undefined ? {} : { epochs }),
        ...(seed === null ? {} : { seed }),
      });
      return viewOf(run);
    },

    pause(id) {
      held.get(id)?.host?.pause();
    },
    resume(id) {
      held.get(id)?.host?.resume();
    },
    stop(id) {
      const run = held.get(id);
      if (!run?.host || !isLive(run.record.state)) return;
      enter(run, "stopping");
      run.host.stop();
    },

    kill(id) {
      held.get(id)?.host?.kill();
    },

    async look(id, look) {
      const run = held.get(id);
      if (run?.host) return run.host.look(look);
      const hint = run?.resumable ? "Continue it or train it again" : "Train it again";
      return { kind: "nothing", reason: `This run's model is no longer in memory. ${hint} to look into it.` };
    },

    debug(id, listener) {
      const run = held.get(id);
      if (!run) throw new Error("this run was deleted");
      if (run.elsewhere) throw new Error("another window trains this run; attach to it there");
      if (!run.host || !isLive(run.record.state)) throw new Error("this run has ended; debug its model anew");
      const { host } = run;
      return run.debugging.debug(() => (run.host === host ? host : null), listener);
    },

    async remove(id) {
      const run = held.get(id);
      if (!run) return;
      if (run.elsewhere) throw new Error("another window trains this run; stop it there first");
      held.delete(id);
      run.kept = false;
      const { host } = run;
      run.host = null;
      host?.kill();
      await host?.ended;
      run.debugging.left({ exitCode: 130, failure: null });
      tell({ kind: "removed", id });
      await store.remove(id);
    },

    async refresh() {
      const records = await store.readAll();
      await Promise.all(records.map(read));
      const there = new Set(records.map(({ id }) => id));
      for (const [id, run] of held) if (!run.host && run.kept && !run.history && !there.has(id)) held.delete(id);
      tell({ kind: "listed", id: "" });
    },

    listen(listener) {
      listeners.add(listener);
      return { dispose: () => listeners.delete(listener) };
    },

    async close() {
      clearInterval(heartbeat);
      await Promise.all(
        [...held.values()].map(async (run) => {
          if (!run.host) return;
          await run.host.ended;
          if (run.kept) await store.write(run.record).catch(() => undefined);
        }),
      );
    },
  };

  function viewOf(run: Held): Run {
    const { record, resumable, elsewhere, kept, host } = run;
    const { id, path, failure, end } = record;
    const mine = host !== null || run.history !== null;
    const canGoOn = resumable && !isLive(record.state);
    return {
      summary: summaryOf(record, canGoOn),
      path,
      failure,
      end,
      mine,
      elsewhere,
      debugged: run.debugging.active,
      folder: kept ? store.folderOf(id) : null,
    };
  }

  return runs;
}

/** A few iterations in the debugger say less of the file than a training before them. */
function speaks({ purpose, state }: RunSummary): boolean {
  return purpose !== "debug" || isLive(state);
}
