import type { Checkpoint } from "../train/checkpoint";
import type { OutputFolder } from "./output-folder";
import type { Session } from "./session";

/** An {@link OutputFolder} for the editor. */
export interface Saver extends Omit<OutputFolder, "checkpoint"> {
  /** Writes what was held back. */
  readonly finish: () => Promise<void>;
}

const AT_MOST_EVERY_MS = 1000;

/**
 * Saves checkpoints for the editor: at most one a second, since epochs of small data take milliseconds; and where the disk is
 * full or read-only the training goes on, and the user is told.
 */
export function createSaver(output: OutputFolder, { send }: Session): Saver {
  let last = -Infinity;
  let pending: Checkpoint | undefined;
  let complained = false;
  let writing: Promise<void> = Promise.resolve();
  const tolerating = async (what: string, write: () => Promise<unknown>): Promise<void> => {
    try {
      await write();
    } catch (error) {
      if (complained) return;
      complained = true;
      const reason = error instanceof Error ? error.message : String(error);
      send({ kind: "note", message: `${what} cannot be saved: ${reason}; the training goes on` });
    }
  };
  const flush = (): Promise<void> => {
    const checkpoint = pending;
    pending = undefined;
    if (!checkpoint) return writing;
    last = performance.now();
    writing = writing.then(() => tolerating("the checkpoint", () => output.save(checkpoint)));
    return writing;
  };
  const timer = setInterval(() => void flush(), AT_MOST_EVERY_MS).unref();
  return {
    begin: (start) => tolerating("the metrics", () => output.begin(start)),
    addEpoch: (event) => tolerating("the metrics", () => output.addEpoch(event)),
    rewind: (event) => tolerating("the metrics", () => output.rewind(event)),
    async save(checkpoint) {
      pending = checkpoint;
      if (performance.now() - last >= AT_MOST_EVERY_MS) await flush();
      return output.checkpoint;
    },
    async finish() {
      clearInterval(timer);
      await flush();
    },
  };
}
