import type { RunHistory } from "../../webview/protocol";
import type { Runs } from "../run/runs";
import type { HoverContext } from "./hover-texts";
import type { Checked } from "./reports";

/** Histories that were read from the disk and are kept. */
const KEPT = 8;

/** Finds what the newest run of a model knows, from memory: what only the disk knows is read for the next time. */
export function createHoverContexts(runs: Runs): (checked: Checked) => HoverContext {
  const read = new Map<string, RunHistory | null>();

  function fetch(id: string): void {
    read.set(id, null);
    const oldest = [...read.keys()].slice(0, Math.max(0, read.size - KEPT));
    for (const each of oldest) read.delete(each);
    runs.history(id).then(
      (history) => void (read.has(id) && read.set(id, history)),
      // Its files are gone or cannot be read: there is nothing to show of it.
      () => undefined,
    );
  }

  return ({ uri, prediction, stale }) => {
    const path = uri.fsPath;
    const run = runs.currentOf(path) ?? runs.list().find((each) => each.path === path);
    if (!run) return { run: undefined, prediction, stale };
    const { id } = run.summary;
    if (!runs.liveHistory(id) && !read.has(id)) fetch(id);
    const history = runs.liveHistory(id) ?? read.get(id);
    return { run: history ? { id, history } : undefined, prediction, stale };
  };
}
