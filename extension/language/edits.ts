import { workspace, type Disposable } from "vscode";
import type { Range as SourceRange } from "../../engine/api/host";
import { lineEdit, movedLine, movedRange, withEdit, type LineEdit, type TextChange, type TextRange } from "./lines";

/** What was edited in files since a run began to speak of their lines, or a check of their ranges. */
export interface Edits extends Disposable {
  /** The run that speaks of this file begins now. */
  reset(path: string): void;
  /** Whether the text is another one by now. */
  changed(path: string): boolean;
  /** Where a line of that time is now; null where it was changed. */
  now(path: string, line: number): number | null;
  /** The line of that time that is here now, or null where there was none like it. */
  then(path: string, line: number): number | null;
  /**
   * Where a range of a document's earlier version is now, from 0; null where what is in it was changed.
   * @param version of the document; undefined where no editor had it open, and the text was that of the disk
   */
  range(range: SourceRange, version: number | undefined): TextRange | null;
}

/** Changes of one document that are remembered; ranges from before them are lost until the next check. */
const MOST_CHANGES = 1000;

interface Log {
  /** The document's version now. */
  latest: number;
  /** Version of the document before the first change that is remembered. */
  from: number;
  /** Whether changes were forgotten. */
  cut: boolean;
  readonly changes: { readonly version: number; readonly parts: readonly TextChange[] }[];
}

export function trackEdits(): Edits {
  const edits = new Map<string, readonly LineEdit[]>();
  const logs = new Map<string, Log>();
  const listeners = [
    workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
      if (document.uri.scheme !== "file") return;
      const path = document.uri.fsPath;
      // Other line endings are a new version too.
      const log = logs.get(path);
      if (log) log.latest = document.version;
      if (contentChanges.length === 0) return;
      if (!/\.[cm]?[jt]s$/.test(path)) return;
      // They come from the end of the document to its beginning, each in terms of the text before them all.
      edits.set(
        path,
        contentChanges.reduce((list, change) => withEdit(list, lineEdit(change)), edits.get(path) ?? []),
      );
      remember(logs, path, document.version, contentChanges);
    }),
    // Opened again, it counts its versions anew.
    workspace.onDidCloseTextDocument(({ uri }) => void logs.delete(uri.fsPath)),
  ];
  return {
    reset: (path) => void edits.delete(path),
    changed: (path) => (edits.get(path)?.length ?? 0) > 0,
    now: (path, line) => movedLine(line, edits.get(path) ?? []),
    then(path, line) {
      const list = edits.get(path) ?? [];
      const total = list.reduce((sum, { delta }) => sum + Math.abs(delta), 0);
      for (let distance = 0; distance <= total; distance++) {
        for (const candidate of [line - distance, line + distance]) {
          if (candidate > 0 && movedLine(candidate, list) === line) return candidate;
        }
      }
      return null;
    },
    range({ file, line, column, endLine, endColumn }, version) {
      const log = logs.get(file);
      let at: TextRange | null = {
        start: { line: line - 1, character: column - 1 },
        end: { line: endLine - 1, character: endColumn - 1 },
      };
      if (!log) return at;
      // A version that this opening of the document never had is of the text on the disk, with which it was opened.
      const since = version === undefined || version > log.latest ? 0 : version;
      if (log.cut && since < log.from) return null;
      const later = log.changes.findLastIndex((change) => change.version <= since) + 1;
      for (let i = later; i < log.changes.length && at !== null; i++) at = movedRange(at, log.changes[i].parts);
      return at;
    },
    dispose: () => listeners.forEach((listener) => void listener.dispose()),
  };
}

function remember(logs: Map<string, Log>, path: string, version: number, parts: readonly TextChange[]): void {
  const log = logs.get(path) ?? { latest: version, from: version - 1, cut: false, changes: [] };
  logs.set(path, log);
  log.changes.push({
    version,
    parts: parts.map(({ range: { start, end }, text }) => ({ range: { start, end }, text })),
  });
  if (log.changes.length <= MOST_CHANGES) return;
  const forgotten = log.changes.splice(0, MOST_CHANGES / 2);
  log.from = forgotten.at(-1)?.version ?? log.from;
  log.cut = true;
}
