/** The panel's line to the extension: the only file that knows `acquireVsCodeApi`. */
import type { FromPanel, Look, LookResult, PanelState, ToPanel } from "./protocol";
import { createTickets } from "./tickets";

interface VsCodeApi {
  postMessage(message: FromPanel): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare function acquireVsCodeApi(): VsCodeApi;

// It may be called once only, by whoever comes first.
const api = acquireVsCodeApi();

const looks = createTickets<LookResult>();

export function post(message: FromPanel): void {
  api.postMessage(message);
}

/** Asks for something of a run that no tick carries. Never rejects: what cannot be shown says why. */
export function look(run: string, what: Look): Promise<LookResult> {
  const { ticket, answer } = looks.take();
  post({ type: "look", ticket, run, look: what });
  return answer;
}

/** Hands every message of the extension but the answers to {@link look} to `receive`, and says that the panel listens. */
export function connect(receive: (message: ToPanel) => void, state: PanelState | null): void {
  window.addEventListener("message", (event: MessageEvent<unknown>) => {
    const message = event.data;
    if (!isMessage(message)) return;
    if (message.type === "looked") looks.give(message.ticket, message.result);
    else receive(message);
  });
  // What breaks in the panel is otherwise seen by nobody.
  window.addEventListener("error", (event) => {
    // Browsers say so when a resize leads to another in the next frame, which is no mistake.
    if (!event.message.startsWith("ResizeObserver loop")) report(event.error ?? event.message);
  });
  window.addEventListener("unhandledrejection", (event) => report(event.reason));
  post({ type: "ready", state });
}

/** Writes to the log of the extension. */
export function report(problem: unknown): void {
  post({ type: "problem", message: problem instanceof Error ? (problem.stack ?? problem.message) : String(problem) });
}

/** What was saved last, before the panel was hidden or the window reloaded. */
export function savedState(): unknown {
  return api.getState();
}

export function saveState(state: unknown): void {
  api.setState(state);
}

/** VS Code itself posts to webviews now and then. */
function isMessage(message: unknown): message is ToPanel {
  return typeof message === "object" && message !== null && "type" in message && typeof message.type === "string";
}
