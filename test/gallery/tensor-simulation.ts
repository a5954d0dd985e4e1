/** An extension made of nothing for the tensor view: answers as the real one would. `window.simulation` lets a script drive it. */
import type { FromTensorView, SessionView, ToTensorView } from "../../webview/tensor/protocol";
import { answerTensor, TENSOR_SCENARIOS } from "./tensors";

const query = new URLSearchParams(location.search);
const scenario = TENSOR_SCENARIOS[query.get("scenario") ?? ""] ?? TENSOR_SCENARIOS["tensor-matrix"];
let state: unknown = JSON.parse(query.get("state") ?? "null");
let { session } = scenario;
const received: FromTensorView[] = [];
const violations: string[] = [];

document.addEventListener("securitypolicyviolation", (event) => {
  violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
});

Object.assign(window, {
  acquireVsCodeApi: () => ({
    postMessage: (message: FromTensorView) => {
      received.push(structuredClone(message));
      setTimeout(() => receive(message));
    },
    getState: () => state,
    setState: (next: unknown) => {
      state = structuredClone(next);
    },
  }),
  simulation: {
    /** Changes how the session stands: `{ state: "ended" }`, `{ stop: 2 }`. */
    become(change: Partial<SessionView>): void {
      session = { ...session, ...change };
      send({ type: "session", session });
    },
    send,
    saved: () => state,
    received,
    violations,
  },
});

function receive(message: FromTensorView): void {
  if (message.type === "ready") {
    send({ type: "session", session });
    if (scenario.show !== "") send({ type: "show", expression: scenario.show });
  } else if (message.type === "look") {
    send({ type: "looked", ticket: message.ticket, answer: answerTensor(message.question, session.stop) });
  }
}

/** As VS Code does: a copy, by message. */
function send(message: ToTensorView): void {
  window.dispatchEvent(new MessageEvent("message", { data: structuredClone(message) }));
}
