import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { emptyHistory, type RunHistory } from "../../webview/protocol";
import { joinHistories } from "./join";
import { parseRecord, type RunRecord } from "./record";

/** Runs on the disk: a folder for each, with `run.json` from here and what its host writes beside it. */
export interface RunStore {
  /** The folder of a run; null where runs cannot be kept. */
  folderOf(id: string): string;
  /** Makes the folder. @throws where the disk is full or may not be written. */
  create(record: RunRecord): Promise<void>;
  /** Replaces the record whole or not at all. Of several calls at once the last wins. */
  write(record: RunRecord): Promise<void>;
  readAll(): Promise<RunRecord[]>;
  /** The history that the host saved; null where there is none. */
  readHistory(id: string): Promise<RunHistory | null>;
  /** Keeps what a run has told so far, before it trains on and its host begins a history of its own. */
  setAside(id: string, history: RunHistory): Promise<void>;
  hasCheckpoint(id: string): Promise<boolean>;
  remove(id: string): Promise<void>;
}

const CHECKPOINT = "checkpoint.safetensors";
const BEFORE = "before.json";

/** @param root made when the first run is kept */
export function createRunStore(root: string): RunStore {
  const folderOf = (id: string): string => join(root, id);
  const recordOf = (id: string): string => join(folderOf(id), "run.json");
  const writing = new Map<string, { next: RunRecord | null; done: Promise<void> }>();
  let temporary = 0;

  async function replace(path: string, content: object): Promise<void> {
    const partial = `${path}.${process.pid}.${++temporary}.tmp`;
    try {
      await writeFile(partial, `${JSON.stringify(content)}\n`);
      await rename(partial, path);
    } catch (error) {
      await rm(partial, { force: true }).catch(() => undefined);
      throw error;
    }
  }

  return {
    folderOf,

    async create(record) {
      await mkdir(folderOf(record.id), { recursive: true });
      await replace(recordOf(record.id), record);
    },

    write(record) {
      const current = writing.get(record.id);
      if (current) {
        current.next = record;
        return current.done;
      }
      const entry: { next: RunRecord | null; done: Promise<void> } = { next: record, done: Promise.resolve() };
      const work = async (): Promise<void> => {
        try {
          while (entry.next !== null) {
            const { next } = entry;
            entry.next = null;
            await replace(recordOf(next.id), next);
          }
        } finally {
          writing.delete(record.id);
        }
      };
      writing.set(record.id, entry);
      entry.done = work();
      return entry.done;
    },

    async readAll() {
      const names = await readdir(root).catch(() => []);
      const records = await Promise.all(
        names.map(async (name) => {
          const text = await readFile(join(root, name, "run.json"), "utf8").catch(() => "");
          const record = parseRecord(text);
          // A folder that was copied or renamed is not the run that it says it is.
          return record?.id === name ? record : null;
        }),
      );
      return records.filter((record) => record !== null);
    },

    async readHistory(id) {
      const [before, after] = await Promise.all(
        [BEFORE, "history.json"].map(async (name) =>
          parseHistory(await readFile(join(folderOf(id), name), "utf8").catch(() => "")),
        ),
      );
      return before && after ? joinHistories(before, after) : (after ?? before);
    },

    async setAside(id, history) {
      // Without it the run shows its last part only.
      await replace(join(folderOf(id), BEFORE), history).catch(() => undefined);
    },

    async hasCheckpoint(id) {
      const found = await stat(join(folderOf(id), CHECKPOINT)).catch(() => null);
      return found?.isFile() === true;
    },

    async remove(id) {
      await writing.get(id)?.done.catch(() => undefined);
      await rm(folderOf(id), { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

/** A history as it was saved, with what an older version lacks; null where the text is none. */
export function parseHistory(text: string): RunHistory | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const history = { ...emptyHistory, ...(value as Partial<RunHistory>) };
  const lists = [history.loss, history.flow, history.epochs, history.findings];
  return lists.every((list) => Array.isArray(list)) ? history : null;
}
