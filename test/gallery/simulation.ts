/**
 * An extension made of nothing: gives the page `acquireVsCodeApi` and answers as the real one would, for the scenario that the
 * address names. `window.simulation` lets a script drive it.
 */
import type { FromPanel, ModelView, RunHistory, RunState, ToPanel } from "../../webview/protocol";
import { emptyHistory, extendHistory } from "../../webview/protocol";
import { answer } from "./looks";
import { deepRows, MODELS, modelView } from "./models";
import { tickOf } from "./networks";
import { historyOf, SCENARIOS, type Scenario } from "./scenarios";

export interface Simulation {
  /** Sends so many ticks of the shown run at once. */
  tick(count: number, iterations: number): void;
  /** Ticks on its own, so many times a second, until `stop`. */
  play(perSecond: number): void;
  stop(): void;
  send(message: ToPanel): void;
  /**
   * What a check tells after an edit of a deep model: its number of layers, their width, behind which of them the edit put another,
   * and whether the prediction has come.
   */
  edit(count: number, width: number, extra: readonly number[], predicted: boolean): void;
  readonly received: readonly FromPanel[];
  readonly violations: readonly string[];
}

declare global {
  interface Window {
    simulation: Simulation;
    acquireVsCodeApi: () => {
      postMessage(message: FromPanel): void;
      getState(): unknown;
      setState(state: unknown): void;
    };
  }
}

const query = new URLSearchParams(location.search);
const saved: unknown = JSON.parse(query.get("state") ?? "null");
const name = query.get("scenario") ?? "";
const model = MODELS[name]?.();
// A model stands beside a run where the name asks for one.
const scenario: Scenario = (SCENARIOS[query.get("run") ?? (model ? "empty" : name)] ?? SCENARIOS.healthy)();
const histories: Record<string, RunHistory> = { ...scenario.histories };
let { shown, compared } = scenario;
const received: FromPanel[] = [];
const violations: string[] = [];
let timer: ReturnType<typeof setInterval> | undefined;
let state = saved;

document.addEventListener("securitypolicyviolation", (event) => {
  violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
});

window.acquireVsCodeApi = () => ({
  postMessage: (message) => {
    received.push(structuredClone(message));
    if (received.length > 500) received.shift();
    setTimeout(() => receive(message));
  },
  getState: () => state,
  setState: (next) => {
    state = structuredClone(next);
  },
});

function receive(message: FromPanel): void {
  switch (message.type) {
    case "ready":
      snapshot();
      if (model) tell(model);
      return;
    case "show":
      shown = message.run;
      compared = compared.filter((run) => run !== shown);
      return snapshot();
    case "compare":
      compared = message.runs;
      return snapshot();
    case "pause":
      return become(message.run, "paused");
    case "resume":
      return become(message.run, "running");
    case "stop":
      return become(message.run, "stopping");
    case "look": {
      const run = scenario.simulated[message.run];
      const result = run
        ? answer(message.look, run.start)
        : ({ kind: "nothing", reason: "This run is over." } as const);
      return send({ type: "looked", ticket: message.ticket, result });
    }
    default:
      return undefined;
  }
}

function snapshot(): void {
  for (const run of [...(shown === null ? [] : [shown]), ...compared]) {
    const simulated = scenario.simulated[run];
    histories[run] ??= simulated ? { ...historyOf(simulated, 2400), state: "ended" } : emptyHistory;
  }
  const wanted = Object.entries(histories).filter(([run]) => run === shown || compared.includes(run));
  send({ type: "snapshot", runs: scenario.runs, shown, histories: Object.fromEntries(wanted), compared });
}

function tell(view: ModelView): void {
  send({ type: "model", model: view });
  send({ type: "front", what: "model" });
}

function become(run: string, next: RunState): void {
  histories[run] = { ...histories[run], state: next };
  send({ type: "state", run, state: next, failure: null, end: null });
}

/** As VS Code does: a copy, by message. */
function send(message: ToPanel): void {
  window.dispatchEvent(new MessageEvent("message", { data: structuredClone(message) }));
}

function tick(count: number, iterations: number): void {
  const run = shown === null ? undefined : scenario.simulated[shown];
  if (!run) return;
  for (let i = 0; i < count; i++) {
    const next = tickOf(run, histories[run.id].iteration, iterations);
    // The extension holds a history too; here its iteration alone is needed.
    histories[run.id] = {
      ...extendHistory({ ...histories[run.id], flow: [], loss: [], epochs: [] }, next),
      flow: [],
      loss: [],
      epochs: [],
    };
    send({ type: "tick", run: run.id, tick: next });
  }
}

window.simulation = {
  tick,
  play: (perSecond) => {
    timer = setInterval(() => tick(1, 4), 1000 / perSecond);
  },
  stop: () => clearInterval(timer),
  send,
  edit: (count, width, extra, predicted) => {
    const added = extra.map(
      (i) => ({ layer: `blocks.${Math.floor(i / 4)}.extra${i}`, kind: "added", what: "" }) as const,
    );
    const view = modelView(deepRows(count, width, extra), { changes: added });
    tell(predicted ? view : { ...view, prediction: null });
  },
  received,
  violations,
};
