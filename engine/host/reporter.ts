import { join } from "node:path";
import type { EndEvent, TrainingEvent } from "../train/events";
import { type Bands, type RunHistory, emptyHistory, extendHistory } from "../view/history";
import { describeFileError, makeFolder, writeAtomically } from "./node-files";
import type { Session } from "./session";
import { createTickCollector } from "./ticks";

/** How a training is told of: event by event, or in ticks with a history that is kept in the run's folder. */
export interface Reporter {
  event(event: TrainingEvent): void;
  /** All is told and saved. */
  finish(end: EndEvent | null, failure: string | null): Promise<void>;
}

export const HISTORY_FILE = "history.json";

/** Milliseconds between two ticks, and between two saved histories. */
const TICK_MS = 100;
const SAVE_MS = 5000;

export function reportEvents({ send }: Session): Reporter {
  return { event: (event) => send({ kind: "event", event }), finish: () => Promise.resolve() };
}

/** @param folder where the history is kept; nowhere without one */
export function reportTicks({ send }: Session, folder: string | undefined, bands: () => Bands): Reporter {
  const collector = createTickCollector(bands);
  let history: RunHistory = { ...emptyHistory, state: "running" };
  let told = -Infinity;
  let saved = performance.now();
  let saving: Promise<void> | undefined;
  let complained = false;

  const tell = (): void => {
    told = performance.now();
    const tick = collector.take();
    if (!tick) return;
    history = extendHistory(history, tick);
    send({ kind: "tick", tick });
  };
  const write = async (path: string): Promise<void> => {
    try {
      await makeFolder(path);
      await writeAtomically(join(path, HISTORY_FILE), JSON.stringify(history));
    } catch (error) {
      if (complained) return;
      complained = true;
      const reason = describeFileError(error, join(path, HISTORY_FILE), join(path, HISTORY_FILE));
      send({ kind: "note", message: `the run's history cannot be saved: ${reason}; the training goes on` });
    }
  };
  const save = (): Promise<void> => {
    saved = performance.now();
    if (folder === undefined) return Promise.resolve();
    saving ??= write(folder).finally(() => {
      saving = undefined;
    });
    return saving;
  };
  // A slow iteration must not hold back what is known, nor a paused run look dead.
  const timer = setInterval(() => {
    if (performance.now() - told >= TICK_MS) tell();
    if (performance.now() - saved >= SAVE_MS) void save();
  }, TICK_MS).unref();

  return {
    event(event) {
      switch (event.type) {
        case "start":
          history = { ...history, start: event };
          send({ kind: "event", event });
          void save();
          return;
        case "end":
          return;
        default:
          collector.add(event);
          if (performance.now() - told >= TICK_MS) tell();
      }
    },
    async finish(end, failure) {
      clearInterval(timer);
      tell();
      history = { ...history, end, failure, state: failure === null ? "ended" : "failed" };
      await saving;
      await save();
    },
  };
}
