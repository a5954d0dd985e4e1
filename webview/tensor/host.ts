/** The view's line to the extension: the only file of it that knows `acquireVsCodeApi`. */
import { createTickets } from "../tickets";
import type { FromTensorView, Looked, TensorQuestion, ToTensorView } from "./protocol";

interface VsCodeApi {
  postMessage(message: FromTensorView): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare function acquireVsCodeApi(): VsCodeApi;

// It may be called once only, by whoever comes first.
const api = acquireVsCodeApi();

const questions = createTickets<Looked>();

export function post(message: FromTensorView): void {
  api.postMessage(message);
}

/** Never rejects: what cannot be shown says why. */
export function ask(question: TensorQuestion): Promise<Looked> {
  const { ticket, answer } = questions.take();
  post({ type: "look", ticket, question });
  return answer;
}

/** Hands every message but the answers to {@link ask} to `receive`, and says that the view listens. */
export function connect(receive: (message: Exclude<ToTensorView, { type: "looked" }>) => void): void {
  window.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
    if (!isMessage(data)) return;
    if (data.type === "looked") questions.give(data.ticket, data.answer);
    else receive(data);
  });
  const report = (problem: unknown): void =>
    post({ type: "problem", message: problem instanceof Error ? (problem.stack ?? problem.message) : String(problem) });
  window.addEventListener("error", ({ error, message }) => {
    // Browsers say so when a resize leads to another in the next frame, which is no mistake.
    if (!message.startsWith("ResizeObserver loop")) report(error ?? message);
  });
  window.addEventListener("unhandledrejection", ({ reason }) => report(reason));
  post({ type: "ready" });
}

export function savedState(): unknown {
  return api.getState();
}

export function saveState(state: unknown): void {
  api.setState(state);
}

/** VS Code itself posts to webviews now and then. */
function isMessage(message: unknown): message is ToTensorView {
  return typeof message === "object" && message !== null && "type" in message && typeof message.type === "string";
}
