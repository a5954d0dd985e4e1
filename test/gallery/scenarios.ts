/** What the gallery shows: each a list of runs, the one that is shown, and its history so far. */
import {
  emptyHistory,
  extendHistory,
  type FindingEvent,
  type RunHistory,
  type RunState,
  type RunSummary,
} from "../../webview/protocol";
import { startOf, tickOf, type SimulatedRun } from "./networks";

export interface Scenario {
  readonly runs: readonly RunSummary[];
  readonly shown: string | null;
  readonly compared: readonly string[];
  readonly histories: Readonly<Record<string, RunHistory>>;
  /** Those that can go on. */
  readonly simulated: Readonly<Record<string, SimulatedRun>>;
}

const MLP = [
  ["hidden", "Linear"],
  ["relu", "ReLU"],
  ["dropout", "Dropout"],
  ["middle", "Linear"],
  ["relu2", "ReLU"],
  ["output", "Linear"],
] as const;

const DEEP_SIGMOID = Array.from({ length: 14 }, (_, i) => [i === 13 ? "output" : `layers.${i}`, "Linear"] as const);

const TRANSFORMER = Array.from({ length: 200 }, (_, i) => {
  if (i === 0) return ["embedding", "Embedding"] as const;
  if (i === 199) return ["head", "Linear"] as const;
  const parts = [
    ["norm1", "LayerNorm"],
    ["attention.query", "Linear"],
    ["attention.key", "Linear"],
    ["attention.value", "Linear"],
    ["attention.project", "Linear"],
    ["norm2", "LayerNorm"],
    ["feedForward.expand", "Linear"],
    ["feedForward.contract", "Linear"],
  ] as const;
  const [name, type] = parts[(i - 1) % 8];
  return [`blocks.${Math.floor((i - 1) / 8)}.${name}`, type] as const;
});

const base = { growth: 1, learningRate: 1e-3, dead: null, saturated: null, findings: [] as readonly FindingEvent[] };

const healthy: SimulatedRun = {
  ...base,
  id: "healthy",
  start: startOf("Classifier", MLP),
  decay: 0.82 + 0.1,
  seed: 3,
  dead: (layer, iteration) => (layer === 1 || layer === 4 ? 0.06 + 0.02 * Math.sin(iteration / 90) : NaN),
};

const vanishing: SimulatedRun = {
  ...base,
  id: "vanishing",
  start: startOf("DeepSigmoid", DEEP_SIGMOID, { parameters: 251_000, optimizer: "sgd" }),
  decay: 0.28,
  seed: 5,
  saturated: (layer) => 0.08 + layer * 0.02,
  findings: [
    {
      type: "finding",
      code: "vanishing-gradient",
      severity: "warning",
      message: "The gradient fades on its way to layers.0: 7 decades between output and input",
      evidence: [
        { label: "layers.0", value: "6.2e-9" },
        { label: "output", value: "0.31" },
        { label: "ratio", value: "2.0e-8" },
        { label: "held for", value: "40 iterations" },
      ],
      remedy: "Use relu in place of sigmoid between layers, or put a LayerNorm before each activation.",
      layer: "layers.0",
      file: "/workspace/models/digits.nn.ts",
      line: 5,
      iteration: 60,
    },
    {
      type: "finding",
      code: "no-update",
      severity: "information",
      message: "layers.1 hardly changes: its updates are a 10⁻¹⁰ of its weights",
      evidence: [{ label: "update / weight", value: "1.4e-10" }],
      remedy: "Mend the vanishing gradient first; this follows from it.",
      layer: "layers.1",
      file: "/workspace/models/digits.nn.ts",
      line: 6,
      iteration: 80,
    },
  ],
};

const exploding: SimulatedRun = {
  ...base,
  id: "exploding",
  start: startOf(
    "Recurrent",
    [
      ["embedding", "Embedding"],
      ["cell", "RNN"],
      ["norm", "LayerNorm"],
      ["decoder.0", "Linear"],
      ["decoder.1", "Linear"],
    ],
    {
      optimizer: "sgd",
      epochs: 8,
    },
  ),
  decay: 1.6,
  growth: 1.028,
  learningRate: 0.5,
  seed: 8,
  findings: [
    {
      type: "finding",
      code: "exploding-gradient",
      severity: "error",
      message: "The gradient of cell grows without bound and became infinite at iteration 412",
      evidence: [
        { label: "iteration 400", value: "8.1e+14" },
        { label: "growth", value: "× 2.0 every 25 iterations" },
        { label: "first bad layer", value: "cell" },
      ],
      remedy: "Clip the gradient (gradientClip: 1) and lower the learning rate to about 0.02.",
      layer: "cell",
      file: "/workspace/models/language.nn.ts",
      line: 12,
      iteration: 400,
    },
  ],
};

const deep: SimulatedRun = {
  ...base,
  id: "deep",
  start: startOf("Transformer", TRANSFORMER, { parameters: 21_300_000, device: "webgpu", data: "tinyStories" }),
  decay: 0.985,
  seed: 2,
  dead: (layer) => (layer % 8 === 7 ? 0.1 + 0.2 * Math.abs(Math.sin(layer)) : NaN),
  findings: [
    {
      type: "finding",
      code: "dying-relu",
      severity: "warning",
      message: "Over half of the units of blocks.9.feedForward.expand no longer fire",
      evidence: [{ label: "dead units", value: "57 %" }],
      remedy: "Lower the learning rate, or use gelu.",
      layer: "blocks.9.feedForward.expand",
      file: "/workspace/models/transformer.nn.ts",
      line: 40,
      iteration: 200,
    },
  ],
};

const wide = { ...healthy, id: "wide", seed: 9, start: startOf("Classifier", MLP, { optimizer: "momentum" }) };
const small = { ...healthy, id: "small", seed: 13, start: startOf("Classifier", MLP, { batchSize: 16 }) };

const ALL = [healthy, vanishing, exploding, deep, wide, small];

export const SCENARIOS: Readonly<Record<string, () => Scenario>> = {
  healthy: () => scenario(healthy, 1480, "running"),
  vanishing: () => scenario(vanishing, 900, "running"),
  exploding: () => scenario(exploding, 400, "failed-number"),
  deep: () => scenario(deep, 1200, "running"),
  paused: () => scenario(healthy, 1100, "paused", [wide, small]),
  failed: () => scenario(wide, 300, "failed"),
  starting: () => scenario(healthy, 0, "starting"),
  empty: () => ({ runs: [], shown: null, compared: [], histories: {}, simulated: {} }),
};

function scenario(
  run: SimulatedRun,
  iterations: number,
  state: RunState | "failed-number",
  compared: readonly SimulatedRun[] = [],
): Scenario {
  const histories: Record<string, RunHistory> = { [run.id]: withState(historyOf(run, iterations), state) };
  for (const other of compared) histories[other.id] = withState(historyOf(other, 2500), "ended");
  return {
    runs: ALL.map((each, i) => summaryOf(each, histories[each.id], i)),
    shown: run.id,
    compared: compared.map(({ id }) => id),
    histories,
    simulated: Object.fromEntries(ALL.map((each) => [each.id, each])),
  };
}

export function historyOf(run: SimulatedRun, iterations: number): RunHistory {
  let history: RunHistory = { ...emptyHistory, start: iterations > 0 ? run.start : null, state: "running" };
  for (let at = 0; at < iterations; at += 4) history = extendHistory(history, tickOf(run, at, 4));
  return history;
}

function withState(history: RunHistory, state: RunState | "failed-number"): RunHistory {
  const end = (reason: "epochs" | "not-finite"): RunHistory["end"] => ({
    type: "end",
    reason,
    epochs: history.epochs.length,
    iterations: history.iteration,
    loss: history.epochs.at(-1)?.loss ?? null,
    metrics: history.epochs.at(-1)?.metrics ?? {},
    validation: history.epochs.at(-1)?.validation ?? null,
    seconds: 14.2,
    checkpoint: null,
  });
  if (state === "failed-number") return { ...history, state: "ended", end: end("not-finite") };
  if (state === "ended") return { ...history, state, end: end("epochs") };
  if (state !== "failed") return { ...history, state };
  const failure =
    "models/digits.nn.ts:14:18: TypeError: Cannot read properties of undefined (reading 'shape')\n    at Classifier.forward (digits.nn.ts:14:18)\n    at training step 301";
  return { ...history, state, failure };
}

function summaryOf(run: SimulatedRun, history: RunHistory | undefined, i: number): RunSummary {
  const last = history?.epochs.at(-1);
  return {
    id: run.id,
    file:
      ["models/digits.nn.ts", "models/deep-sigmoid.nn.ts", "models/language.nn.ts", "models/transformer.nn.ts"][i] ??
      "models/digits.nn.ts",
    started: new Date(2026, 4, 17, 14, 30 + i * 3).getTime(),
    state: history?.state ?? "ended",
    purpose: i === 4 ? "overfit" : "train",
    epochs: history ? history.epochs.length : run.start.epochs,
    loss: last?.loss ?? 0.21 + i * 0.07,
    validationLoss: last?.validation?.loss ?? 0.25 + i * 0.08,
    accuracy: last?.validation?.metrics.accuracy ?? 0.94 - i * 0.02,
    resumable: true,
    worst: run.findings[0]?.severity ?? null,
  };
}
