import { workspace, type Disposable } from "vscode";
import { lineEdit, movedLine, withEdit, type LineEdit } from "./lines";

/** What was edited in files since a run began to speak of their lines. */
export interface Edits extends Disposable {
  /** The run that speaks of this file begins now. */
  reset(path: string): void;
  /** Whether the text is another one by now. */
  changed(path: string): boolean;
  /** Where a line of that time is now; null where it was changed. */
  now(path: string, line: number): number | null;
  /** The line of that time that is here now, or null where there was none like it. */
  then(path: string, line: number): number | null;
}

export function trackEdits(): Edits {
  const edits = new Map<string, readonly LineEdit[]>();
  const listener = workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
    if (document.uri.scheme !== "file" || contentChanges.length === 0) return;
    const path = document.uri.fsPath;
    if (!/\.[cm]?[jt]s$/.test(path)) return;
    // They come from the end of the document to its beginning, each in terms of the text before them all.
    edits.set(
      path,
      contentChanges.reduce((list, change) => withEdit(list, lineEdit(change)), edits.get(path) ?? []),
    );
  });
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
    dispose: () => void listener.dispose(),
  };
}
