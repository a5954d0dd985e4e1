import { type Uri, window, workspace, type Disposable } from "vscode";
import type { CheckReport } from "../../engine/api/host";
import type { ModelChange, ToPanel } from "../../webview/protocol";
import type { Checker } from "../language/checker";
import type { Edits } from "../language/edits";
import { isModel, shownPath } from "../model-files";
import { changesBetween, modelView } from "./model-view";

/** Tells the panel of the model that is worked on. */
export interface ModelFeed extends Disposable {
  /** The page listens, or not. A page that nobody sees costs nothing. */
  listen(listening: boolean): void;
  /** What a new page needs. */
  tell(): void;
  /** The model that is shown. */
  readonly model: Uri | undefined;
}

type FeedMessage = Extract<ToPanel, { type: "model" | "modelCursor" | "front" }>;

/** Milliseconds that the cursor rests before its layer lights up. */
const CURSOR_MS = 120;

export function createModelFeed(checker: Checker, edits: Edits, post: (message: FeedMessage) => void): ModelFeed {
  let listening = false;
  let model = chosen();
  let before: CheckReport | null = null;
  let changes: readonly ModelChange[] = [];
  let cursorTimer: NodeJS.Timeout | undefined;
  let lastCursor = "";

  function chosen(): Uri | undefined {
    const active = window.activeTextEditor?.document.uri;
    if (isModel(active)) return active;
    return window.visibleTextEditors.map(({ document }) => document.uri).find(isModel);
  }

  function tell(): void {
    if (!listening) return;
    if (!model) return post({ type: "model", model: null });
    const checked = checker.checked(model);
    post({
      type: "model",
      model: modelView({
        file: shownPath(model),
        path: model.fsPath,
        trusted: workspace.isTrusted,
        checked,
        network: checker.network(model),
        changes,
      }),
    });
  }

  function follow(): void {
    const active = window.activeTextEditor?.document.uri;
    // With the panel or a plain file in front, the model that was worked on last stays.
    const next = isModel(active) ? active : (model ?? chosen());
    if (!next || next.fsPath === model?.fsPath) return followCursor();
    model = next;
    before = checker.checked(next)?.report ?? null;
    changes = [];
    tell();
    followCursor();
  }

  function followCursor(): void {
    clearTimeout(cursorTimer);
    cursorTimer = setTimeout(() => {
      const editor = window.activeTextEditor;
      if (!listening || !model || !editor) return;
      const path = editor.document.uri.fsPath;
      const line = editor.selection.active.line + 1;
      const report = checker.checked(model)?.report;
      const versions = checker.checked(model)?.versions;
      const call = report?.calls.find(
        ({ range, layer }) =>
          layer !== null && range.file === path && edits.range(range, versions?.get(path))?.start.line === line - 1,
      );
      const layer = call?.layer === null || call === undefined ? null : (report?.layers[call.layer]?.name ?? null);
      const key = `${model.fsPath} ${layer}`;
      if (key === lastCursor) return;
      lastCursor = key;
      post({ type: "modelCursor", path: model.fsPath, layer });
    }, CURSOR_MS);
  }

  const listeners = [
    checker.onDidCheck((uri) => {
      if (uri.fsPath !== model?.fsPath) return;
      const checked = checker.checked(uri);
      if (!checked) {
        // It was deleted, or changed while no editor had it.
        model = chosen();
        before = null;
        changes = [];
        return tell();
      }
      const report = checked.stale ? null : checked.report;
      if (report && report !== before) {
        changes = before ? changesBetween(before, report) : [];
        before = report;
      }
      tell();
      followCursor();
    }),
    checker.onDidEdit((uri) => {
      if (uri.fsPath === model?.fsPath && listening) post({ type: "front", what: "model" });
    }),
    window.onDidChangeActiveTextEditor(follow),
    window.onDidChangeVisibleTextEditors(follow),
    window.onDidChangeTextEditorSelection(followCursor),
    workspace.onDidGrantWorkspaceTrust(tell),
  ];
  return {
    listen(now) {
      if (now === listening) return;
      listening = now;
      lastCursor = "";
      checker.drawNetworks(now);
    },
    tell() {
      lastCursor = "";
      follow();
      tell();
    },
    get model() {
      return model;
    },
    dispose() {
      clearTimeout(cursorTimer);
      for (const listener of listeners) listener.dispose();
    },
  };
}
