import { randomBytes } from "node:crypto";
import { type Uri, ViewColumn, commands, env, window, type Disposable, type WebviewPanel } from "vscode";
import type { FromPanel, PanelState, RunHistory, ToPanel } from "../../webview/protocol";
import type { Checker } from "../language/checker";
import type { Edits } from "../language/edits";
import { isModel } from "../model-files";
import type { RunChange, Runs } from "../run/runs";
import { panelHtml } from "./html";
import { createModelFeed } from "./model-feed";
import { readMessage, readState } from "./messages";
import { openLine } from "./open-line";
import { createOutbox, type Outbox } from "./outbox";

/** The panel: one at most, of which the extension knows what it shows. */
export interface PanelController extends Disposable {
  /** Opens it, or brings it to the front, with a run if one is named. */
  show(run?: string, options?: { readonly keepFocus?: boolean }): Promise<void>;
  /** Draws these runs over the one that is shown. */
  compare(runs: readonly string[]): Promise<void>;
  readonly visible: boolean;
}

export interface PanelOptions {
  readonly runs: Runs;
  readonly edits: Edits;
  readonly checker: Checker;
  readonly log: { error(message: string): void; warn(message: string): void };
  readonly asset: (...path: string[]) => Uri;
}

/** Different problems of the page that are logged. */
const MOST_PROBLEMS = 50;

const VIEW_TYPE = "backstep.panel";

/** Milliseconds that the cursor rests before its layer lights up. */
const CURSOR_MS = 120;

const COMMANDS = {
  train: "backstep.train",
  new: "backstep.newModel",
  log: "backstep.showLog",
  trust: "workbench.trust.manage",
} as const;

export function createPanel({ runs, edits, checker, log, asset }: PanelOptions): PanelController {
  let panel: WebviewPanel | undefined;
  let outbox: Outbox | undefined;
  /** Whether the page has said that it listens, and is seen. */
  let listening = false;
  let shown: string | null = null;
  let compared: readonly string[] = [];
  let cursorTimer: NodeJS.Timeout | undefined;
  let lastCursor = "";
  const problems = new Set<string>();
  /** A run was asked for: it comes to the front once the page has it. */
  let toFront = false;
  const feed = createModelFeed(checker, edits, (message) => outbox?.later(message));

  const drawn = (id: string): boolean => id === shown || compared.includes(id);

  function attach(created: WebviewPanel): void {
    panel = created;
    problems.clear();
    const post = (message: ToPanel): void => void created.webview.postMessage(message);
    outbox = createOutbox(post);
    created.iconPath = asset("media", "icon.png");
    created.webview.options = { enableScripts: true, localResourceRoots: [asset("dist")] };
    created.webview.onDidReceiveMessage((value: unknown) => {
      const message = readMessage(value);
      if (message) void receive(message).catch((error: unknown) => log.error(String(error)));
      else log.warn(`the panel sent a message of an unknown form: ${JSON.stringify(value)?.slice(0, 200)}`);
    });
    created.onDidChangeViewState(() => {
      // A hidden page is thrown away by VS Code; shown again, it begins anew and says that it is ready.
      if (!created.visible) rest();
      void commands.executeCommand("setContext", "backstep.panelOpen", true);
    });
    created.onDidDispose(() => {
      rest();
      panel = undefined;
      outbox = undefined;
      void commands.executeCommand("setContext", "backstep.panelOpen", false);
    });
    created.webview.html = panelHtml({
      cspSource: created.webview.cspSource,
      nonce: randomBytes(18).toString("base64url"),
      script: created.webview.asWebviewUri(asset("dist", "panel.js")).toString(),
      style: created.webview.asWebviewUri(asset("dist", "panel.css")).toString(),
      language: env.language,
    });
    void commands.executeCommand("setContext", "backstep.panelOpen", true);
  }

  function rest(): void {
    listening = false;
    feed.listen(false);
    lastCursor = "";
    outbox?.clear();
  }

  async function receive(message: FromPanel): Promise<void> {
    switch (message.type) {
      case "ready":
        if (shown === null && message.state) take(message.state);
        listening = panel !== undefined;
        return snapshot();
      case "show":
        shown = message.run;
        compared = compared.filter((id) => id !== shown);
        return snapshot();
      case "compare":
        compared = message.runs.filter((id) => id !== shown && runs.get(id));
        return snapshot();
      case "pause":
        return runs.pause(message.run);
      case "resume":
        return runs.resume(message.run);
      case "stop":
        return runs.stop(message.run);
      case "again":
        await commands.executeCommand("backstep.runs.again", message.run);
        return;
      case "continue":
        await commands.executeCommand("backstep.runs.continue", message.run);
        return;
      case "delete":
        await commands.executeCommand("backstep.runs.delete", message.run);
        return;
      case "look": {
        const { ticket, run, look } = message;
        const result = await runs.look(run, look);
        if (listening) outbox?.now({ type: "looked", ticket, result });
        return;
      }
      case "open":
        return openLine(message.file, lineNow(message));
      case "command":
        await commands.executeCommand(
          COMMANDS[message.command],
          ...(message.command === "train" && feed.model ? [feed.model] : []),
        );
        return;
      case "problem":
        // One that comes again with every frame would fill the log.
        if (problems.size < MOST_PROBLEMS && !problems.has(message.message)) log.error(`panel: ${message.message}`);
        problems.add(message.message);
        return;
      default:
        message satisfies never;
    }
  }

  /** A run speaks of the lines when it began, the model of those of its newest check. */
  function lineNow({ file, line, of }: Extract<FromPanel, { type: "open" }>): number {
    if (of === "run") return edits.now(file, line) ?? line;
    const versions = feed.model && checker.checked(feed.model)?.latest.versions;
    const at = edits.range({ file, line, column: 1, endLine: line, endColumn: 1 }, versions?.get(file));
    return at ? at.start.line + 1 : line;
  }

  function take(state: PanelState): void {
    shown = state.run;
    compared = state.compared;
  }

  /** Everything that the page needs to draw, once. */
  async function snapshot(): Promise<void> {
    if (!listening) return;
    if (runs.list().length === 0) await runs.refresh();
    const list = runs.list();
    if (shown === null || !runs.get(shown))
      shown = list.find(({ mine }) => mine)?.summary.id ?? list[0]?.summary.id ?? null;
    compared = compared.filter((id) => id !== shown && runs.get(id));
    const ids = [...(shown === null ? [] : [shown]), ...compared];
    const saved = new Map<string, RunHistory>();
    await Promise.all(ids.map(async (id) => void saved.set(id, await runs.history(id))));
    if (!listening) return;
    // Ticks that came while the disk was read are in the live histories, and must not be told twice.
    outbox?.clear();
    const histories = Object.fromEntries(
      ids.map((id) => [id, runs.liveHistory(id) ?? (saved.get(id) as RunHistory)] as const),
    );
    outbox?.now({ type: "snapshot", runs: list.map(({ summary }) => summary), shown, histories, compared });
    lastCursor = "";
    feed.listen(true);
    feed.tell();
    if (toFront) outbox?.later({ type: "front", what: "run" });
    toFront = false;
    followCursor();
  }

  function hear(change: RunChange): void {
    if (!listening || !outbox) return;
    switch (change.kind) {
      case "tick":
        if (drawn(change.id)) outbox.later({ type: "tick", run: change.id, tick: change.tick });
        return;
      case "started":
        if (!drawn(change.id)) return;
        // A run that goes on from a checkpoint has lost what it did after it.
        if (change.start.startIteration > 0) void snapshot();
        else outbox.now({ type: "started", run: change.id, start: change.start });
        outbox.later({ type: "front", what: "run" });
        return;
      case "state": {
        const run = runs.get(change.id);
        if (run && drawn(change.id)) {
          outbox.now({ type: "state", run: change.id, state: run.summary.state, failure: run.failure, end: run.end });
        }
        break;
      }
      case "removed":
        if (drawn(change.id)) void snapshot();
        break;
      case "added":
      case "listed":
        break;
      case "note":
      case "log":
        return;
      default:
        change satisfies never;
    }
    outbox.later({ type: "runs", runs: runs.list().map(({ summary }) => summary) });
  }

  /** Tells the layer on whose line the cursor stands, in the file of the run that is shown. */
  function followCursor(): void {
    clearTimeout(cursorTimer);
    cursorTimer = setTimeout(() => {
      const editor = window.activeTextEditor;
      const run = shown;
      if (!listening || !outbox || run === null || !editor || editor.document.uri.scheme !== "file") return;
      const layers = runs.liveHistory(run)?.start?.layers ?? [];
      const path = editor.document.uri.fsPath;
      if (!isModel(editor.document.uri) && !layers.some(({ file }) => file === path)) return;
      const line = edits.then(path, editor.selection.active.line + 1);
      const found = layers.findIndex((layer) => layer.file === path && layer.line === line);
      const layer = found < 0 ? null : found;
      const key = `${run} ${layer}`;
      if (key === lastCursor) return;
      lastCursor = key;
      outbox.later({ type: "cursor", run, layer });
    }, CURSOR_MS);
  }

  const listeners: Disposable[] = [
    runs.listen(hear),
    window.onDidChangeTextEditorSelection(followCursor),
    window.onDidChangeActiveTextEditor(followCursor),
    window.registerWebviewPanelSerializer(VIEW_TYPE, {
      async deserializeWebviewPanel(restored, state: unknown) {
        const kept = readState(state);
        if (kept) take(kept);
        attach(restored);
      },
    }),
  ];

  return {
    async show(run, { keepFocus = false } = {}) {
      if (run !== undefined) toFront = true;
      if (run !== undefined && run !== shown) {
        shown = run;
        compared = [];
        await snapshot();
      }
      if (panel) {
        panel.reveal(undefined, keepFocus);
        return;
      }
      attach(
        window.createWebviewPanel(
          VIEW_TYPE,
          "Backstep",
          { viewColumn: ViewColumn.Beside, preserveFocus: keepFocus },
          { enableScripts: true, localResourceRoots: [asset("dist")], enableFindWidget: true },
        ),
      );
    },
    async compare(ids) {
      compared = ids.filter((id) => id !== shown);
      await snapshot();
    },
    get visible() {
      return panel?.visible === true;
    },
    dispose() {
      clearTimeout(cursorTimer);
      rest();
      // The panel itself stays: after a reload VS Code brings it back.
      for (const listener of [...listeners, feed]) listener.dispose();
    },
  };
}
