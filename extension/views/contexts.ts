import { commands, window, workspace, type Disposable } from "vscode";
import { MODEL_GLOB, isModel } from "../model-files";
import { isLive } from "../run/record";
import type { Services } from "../services";

/** The context keys that the `when` clauses in package.json read. */
export function keepContexts({ runs, modelsChanged }: Services): Disposable {
  const known = new Map<string, unknown>();
  const set = (name: string, value: unknown): void => {
    if (known.get(name) === value) return;
    known.set(name, value);
    void commands.executeCommand("setContext", `backstep.${name}`, value);
  };

  const ofRuns = (): void => {
    // What a debugger has in its hands goes on and stops by the debugger.
    const mine = runs.list().filter((run) => run.mine && !run.debugged);
    const states = mine.map(({ summary }) => summary.state);
    set(
      "anyLive",
      runs.list().some((run) => run.mine && isLive(run.summary.state)),
    );
    set(
      "anyRunning",
      states.some((state) => state === "running" || state === "starting"),
    );
    set("anyPaused", states.includes("paused"));
    if (mine.some(({ end }) => end !== null)) set("trained", true);
    ofEditor();
  };
  const ofEditor = (): void => {
    const uri = window.activeTextEditor?.document.uri;
    const run = isModel(uri) ? runs.currentOf(uri.fsPath) : undefined;
    const state = run && isLive(run.summary.state) ? run.summary.state : undefined;
    set("activeRun", !state ? "none" : run?.debugged ? "debugged" : state === "paused" ? "paused" : "running");
    if (isModel(uri)) set("modelOpen", true);
  };
  const ofModels = async (): Promise<void> => {
    const [first] = await workspace.findFiles(MODEL_GLOB, "**/node_modules/**", 1);
    set("hasModels", first !== undefined || isModel(window.activeTextEditor?.document.uri));
  };

  const watcher = workspace.createFileSystemWatcher(MODEL_GLOB, false, true, false);
  const came = (): void => {
    modelsChanged.fire();
    void ofModels();
  };
  const listeners = [
    watcher,
    watcher.onDidCreate(came),
    watcher.onDidDelete(came),
    workspace.onDidChangeWorkspaceFolders(came),
    runs.listen(({ kind }) => {
      if (kind !== "tick" && kind !== "note" && kind !== "log") ofRuns();
    }),
    window.onDidChangeActiveTextEditor(() => {
      ofEditor();
      if (known.get("hasModels") !== true) void ofModels();
    }),
  ];
  // Activation does not wait for a search.
  const first = setImmediate(() => {
    ofRuns();
    void ofModels();
  });
  return {
    dispose() {
      clearImmediate(first);
      for (const each of listeners) void each.dispose();
    },
  };
}
