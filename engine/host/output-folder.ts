import { appendFile, readFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from "../train/checkpoint";
import type { EpochEvent, RewindEvent, StartEvent } from "../train/events";
import { Failure } from "./failure";
import { describeFileError, isFolder, makeFolder, writeAtomically } from "./node-files";
import { jsonLine } from "./json-line";

/** The folder of `--out`: `checkpoint.safetensors`, `checkpoint.json` and `metrics.jsonl`. */
export interface OutputFolder {
  /** Writes the metrics file anew, of a resumed run with the lines of the epochs before. Shows early whether the folder can be written. */
  readonly begin: (start: StartEvent) => Promise<void>;
  readonly addEpoch: (event: EpochEvent) => Promise<void>;
  /** Takes out the epochs that no longer hold. */
  readonly rewind: (event: RewindEvent) => Promise<void>;
  /** Path of the checkpoint. */
  readonly checkpoint: string;
  /** Replaces the checkpoint whole or not at all. @returns its path */
  readonly save: (checkpoint: Checkpoint) => Promise<string>;
}

const CHECKPOINT = "checkpoint.safetensors";

/** @throws Failure when the folder cannot be made. */
export async function openOutputFolder(folder: string): Promise<OutputFolder> {
  await failing(() => makeFolder(folder));
  const metrics = join(folder, "metrics.jsonl");
  const path = join(folder, CHECKPOINT);
  return {
    checkpoint: path,
    begin: (start) =>
      failing(async () => {
        await removeLeftovers(folder);
        await writeAtomically(metrics, start.startIteration === 0 ? "" : await linesUntil(metrics, start.startEpoch));
      }),
    rewind: ({ epoch }) => failing(async () => writeAtomically(metrics, await linesUntil(metrics, epoch))),
    addEpoch: (event) =>
      failing(async () => {
        try {
          await appendFile(metrics, `${jsonLine(event)}\n`);
        } catch (error) {
          throw new Error(describeFileError(error, metrics, metrics));
        }
      }),
    save: (checkpoint) =>
      failing(async () => {
        await writeAtomically(path, encodeCheckpoint(checkpoint));
        const { state, seed, model, optimizer } = checkpoint;
        const summary = JSON.stringify({ model, optimizer, seed, ...state }, null, 2);
        await writeAtomically(join(folder, "checkpoint.json"), `${summary}\n`);
        return path;
      }),
  };
}

/** A checkpoint by its path, or by the folder that {@link openOutputFolder} wrote. @throws Failure */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  const file = (await isFolder(path)) ? join(path, CHECKPOINT) : path;
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(await readFile(file));
  } catch (error) {
    throw new Failure(describeFileError(error, file, file), 2);
  }
  return failing(() => Promise.resolve(decodeCheckpoint(bytes, file)));
}

/** Replaces a file by a checkpoint whole or not at all. @throws Failure */
export function writeCheckpoint(path: string, checkpoint: Checkpoint): Promise<void> {
  return failing(() => writeAtomically(path, encodeCheckpoint(checkpoint)));
}

/** The whole lines of epochs that a checkpoint knows; what came after it was lost with the run, or is void. */
async function linesUntil(path: string, last: number): Promise<string> {
  const text = await readFile(path, "utf8").catch(() => "");
  const known = text.split("\n").filter((line) => {
    try {
      const { epoch } = JSON.parse(line) as Partial<EpochEvent>;
      return epoch !== undefined && epoch <= last;
    } catch {
      return false;
    }
  });
  return known.map((line) => `${line}\n`).join("");
}

/** Temporary files of runs that were killed while they wrote. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const writer = /^(?:checkpoint\.(?:safetensors|json)|metrics\.jsonl)\.(\d+)\.tmp$/.exec(name)?.[1];
    if (writer !== undefined && !isRunning(Number(writer))) await rm(join(folder, name), { force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return pid !== process.pid;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

async function failing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof Failure ? error : new Failure(error instanceof Error ? error.message : String(error));
  }
}
