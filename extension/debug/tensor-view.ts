/**
 * The tensor view: a page beside the editor that looks at tensors of the debugged program whenever it stands still. It belongs to the
 * debug session rather than to the window: nothing brings it back after a reload, and when the session ends it keeps the last picture.
 */
import { randomBytes } from "node:crypto";
import { basename, isAbsolute } from "node:path";
import {
  DebugStackFrame,
  Uri,
  ViewColumn,
  commands,
  debug,
  env,
  window,
  type DebugSession,
  type Disposable,
  type WebviewPanel,
} from "vscode";
import type { Stopped } from "../../engine/api/debug";
import {
  TENSOR_REQUEST,
  type FromTensorView,
  type Looked,
  type SessionView,
  type TensorArguments,
  type TensorQuestion,
  type ToTensorView,
} from "../../webview/tensor/protocol";
import { panelHtml } from "../panel/html";
import { openLine } from "../panel/open-line";
import type { Services } from "../services";
import { settingsFor } from "../settings";
import { DEBUG_TYPE } from "./configuration";
import { explain, expressionInEditor, expressionOf } from "./explain";
import { showBackward } from "./listing";
import type { Program } from "./programs";

/** A step takes less: the view does not say in between that the program runs. */
const RUNNING_MS = 300;

/** Answers of one stop that are kept, for a page that was hidden and comes back. */
const MOST_ANSWERS = 64;

/** The debugged program that the view is about. */
interface Shown {
  readonly session: DebugSession;
  readonly path: string;
  /** What it told when it stopped last; null before the first time. */
  told: Stopped | null;
  state: "running" | "stopped" | "ended";
  /** The frame in which expressions are read; undefined for the innermost one. */
  frame: number | undefined;
  /** Changes with all that is shown. */
  stop: number;
  /** By question, of this stop. */
  readonly answers: Map<string, Looked>;
}

/** Follows the debugged programs, and registers the command `backstep.showTensor` that opens the view. */
export function registerTensorView({ asset, log, programs }: Pick<Services, "asset" | "log" | "programs">): Disposable {
  let panel: WebviewPanel | undefined;
  let listening = false;
  /** Asked for before the page listened. */
  let wanted: string | undefined;
  let shown: Shown | undefined;
  let stops = 0;
  let timer: NodeJS.Timeout | undefined;

  function post(message: ToTensorView): void {
    if (listening) void panel?.webview.postMessage(message);
  }

  function tell(): void {
    clearTimeout(timer);
    const session: SessionView = {
      state: shown?.state ?? "none",
      name: shown ? basename(shown.path) : "",
      stop: shown?.stop ?? 0,
      direction: shown?.told?.direction ?? null,
      description: shown?.told?.description ?? null,
      layout: settingsFor(shown && Uri.file(shown.path)).debug.jacobianLayout,
    };
    post({ type: "session", session });
  }

  /** All that was answered is of the past. */
  function changed(): void {
    if (!shown) return;
    shown.stop = ++stops;
    shown.answers.clear();
    tell();
  }

  function show(program: Program | undefined): void {
    if (!program || program.session.id === shown?.session.id) return;
    const { session, path } = program;
    shown = { session, path, told: null, state: "running", frame: undefined, stop: ++stops, answers: new Map() };
    hear(program);
    tell();
  }

  function hear({ session }: Program): void {
    if (shown?.session.id !== session.id) {
      // Another one comes to the front by itself only where nothing is looked at any more.
      if (!shown || shown.state === "ended" || debug.activeDebugSession?.id === session.id) show(programs.of(session));
      return;
    }
    const stop = programs.of(session)?.stop;
    if (stop) {
      if (shown.told === stop.told && shown.state === "stopped") return;
      shown.state = "stopped";
      shown.told = stop.told;
      shown.frame = stop.frame?.id;
      changed();
    } else if (stop === null) {
      if (shown.state !== "stopped") return;
      shown.state = "running";
      clearTimeout(timer);
      timer = setTimeout(tell, RUNNING_MS);
    } else if (shown.state !== "ended") {
      shown.state = "ended";
      tell();
    }
  }

  async function ask(question: TensorQuestion): Promise<Looked> {
    const of = shown;
    if (!of) return refused("Nothing is being debugged. Press F5 in a model file.");
    const key = JSON.stringify(question);
    const known = of.answers.get(key);
    if (known) return known;
    if (of.state === "ended") {
      return refused("The debugged program has ended: only what was shown at its last stop can be seen. Debug again.");
    }
    if (of.state === "running") return refused("The program is running. Pause it, or wait until it stops.");
    const asked: TensorArguments = { ...question, frameId: of.frame, encoding: "base64" };
    const { stop } = of;
    let answer: Looked;
    try {
      answer = { ok: true, body: (await of.session.customRequest(TENSOR_REQUEST, asked)) as unknown };
    } catch (error) {
      answer = refused(error instanceof Error ? error.message : String(error));
    }
    if (of.stop === stop && of.answers.size < MOST_ANSWERS) of.answers.set(key, answer);
    return answer;
  }

  async function receive(message: FromTensorView): Promise<void> {
    switch (message.type) {
      case "ready":
        listening = panel !== undefined;
        tell();
        if (wanted !== undefined) post({ type: "show", expression: wanted });
        wanted = undefined;
        return;
      case "look":
        post({ type: "looked", ticket: message.ticket, answer: await ask(message.question) });
        return;
      case "open":
        // A gradient may have been made in the generated text, which is no file.
        return isAbsolute(message.file) ? openLine(message.file, message.line) : showBackward();
      case "copy":
        await env.clipboard.writeText(message.text);
        return;
      case "explain":
        return explain(message.expression, message.what);
      case "problem":
        log.error(`tensor view: ${message.message}`);
        return;
      default:
        message satisfies never;
    }
  }

  function open(keepFocus: boolean): void {
    if (panel) return panel.reveal(undefined, keepFocus);
    const created = window.createWebviewPanel(
      "backstep.tensor",
      "Tensor",
      { viewColumn: ViewColumn.Beside, preserveFocus: keepFocus },
      { enableScripts: true, localResourceRoots: [asset("dist")] },
    );
    panel = created;
    created.iconPath = asset("media", "icon.png");
    created.webview.onDidReceiveMessage((value: unknown) => {
      const message = readMessage(value);
      if (message) void receive(message).catch((error: unknown) => log.error(String(error)));
      else log.warn(`the tensor view sent a message of an unknown form: ${JSON.stringify(value)?.slice(0, 200)}`);
    });
    created.onDidChangeViewState(() => {
      // A hidden page is thrown away by VS Code; shown again, it begins anew and says that it is ready.
      if (!created.visible) listening = false;
    });
    created.onDidDispose(() => {
      listening = false;
      panel = undefined;
    });
    created.webview.html = panelHtml({
      cspSource: created.webview.cspSource,
      nonce: randomBytes(18).toString("base64url"),
      script: created.webview.asWebviewUri(asset("dist", "tensor.js")).toString(),
      style: created.webview.asWebviewUri(asset("dist", "tensor.css")).toString(),
      language: env.language,
    });
  }

  show(programs.of(debug.activeDebugSession));

  const parts: Disposable[] = [
    programs.onDidChange(hear),
    debug.onDidChangeActiveDebugSession((session) => show(programs.of(session))),
    debug.onDidChangeActiveStackItem((item) => {
      if (!(item instanceof DebugStackFrame) || item.session.id !== shown?.session.id) return;
      // The frame that VS Code chooses by itself at a stop was asked for already.
      if (shown.state !== "stopped" || item.frameId === shown.frame) return;
      shown.frame = item.frameId;
      changed();
    }),
    // Values that were set change what depends on them.
    debug.registerDebugAdapterTrackerFactory(DEBUG_TYPE, {
      createDebugAdapterTracker: (session) => ({
        onDidSendMessage(message: unknown) {
          if (session.id === shown?.session.id && changesValues(message)) changed();
        },
      }),
    }),
    commands.registerCommand("backstep.showTensor", (argument: unknown) => {
      show(programs.of(debug.activeDebugSession));
      const expression = expressionOf(argument) ?? expressionInEditor();
      if (listening && expression !== undefined) post({ type: "show", expression });
      else wanted = expression;
      open(expression !== undefined);
    }),
  ];
  return {
    dispose() {
      clearTimeout(timer);
      panel?.dispose();
      for (const part of parts) part.dispose();
    },
  };
}

/** Whether a message of the adapter says that values are others than before. */
function changesValues(message: unknown): boolean {
  if (!isRecord(message)) return false;
  const { type, event, command, success } = message;
  if (type === "event") return event === "invalidated";
  return type === "response" && success === true && CHANGES.has(String(command));
}

const CHANGES = new Set(["setVariable", "setExpression", "writeMemory"]);

function refused(message: string): Looked {
  return { ok: false, message };
}

/** A message of the page as it was meant, or null: what comes from a page is not taken on trust. */
function readMessage(value: unknown): FromTensorView | null {
  if (!isRecord(value)) return null;
  const sound = ((): boolean => {
    switch (value.type) {
      case "ready":
        return true;
      case "look":
        return Number.isInteger(value.ticket) && isQuestion(value.question);
      case "open":
        return typeof value.file === "string" && isCount(value.line);
      case "copy":
        return typeof value.text === "string";
      case "explain":
        return typeof value.expression === "string" && (value.what === "not-finite" || value.what === "zero");
      case "problem":
        return typeof value.message === "string";
      default:
        return false;
    }
  })();
  return sound ? (value as unknown as FromTensorView) : null;
}

const SUBJECTS = ["value", "gradient", "change", "jacobian-denominator", "jacobian-numerator"];

function isQuestion(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { expression, of, slice, rows, columns, most, from } = value;
  const optional = (index: unknown): boolean => index === undefined || isCount(index);
  return (
    typeof expression === "string" &&
    SUBJECTS.includes(of as string) &&
    isCount(most) &&
    optional(rows) &&
    optional(columns) &&
    Array.isArray(slice) &&
    slice.every(isCount) &&
    (from === undefined || (Array.isArray(from) && from.length === 2 && from.every(isCount)))
  );
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
