/** Each rule on evidence made by hand: what speaks for a cause raises it, and an outcome that is fine withdraws it. */
import assert from "node:assert/strict";
import { Curve } from "../../engine/diagnose/curve";
import type { Evidence, WeightFacts } from "../../engine/diagnose/evidence";
import { judge } from "../../engine/diagnose/judge";
import type { LayerLook, Look } from "../../engine/diagnose/look";
import type { LayerFacts, Network } from "../../engine/diagnose/network";
import type { DataFacts } from "../../engine/diagnose/samples";
import type { Score } from "../../engine/diagnose/score";
import { adam, sgd, type Optimizer } from "../../engine/optim";

const score = (skill: number, more: Partial<Score> = {}): Score => ({
  task: "classes",
  skill,
  accuracy: skill,
  recalls: [],
  counts: [],
  confusion: [],
  examples: 500,
  ...more,
});

const layer: LayerLook = {
  scale: 1,
  spread: 1,
  dead: 0.1,
  saturated: NaN,
  gradient: 0.01,
  outputGradient: 0.001,
  weight: 0.1,
  memory: NaN,
};

const facts = (name: string, more: Partial<LayerFacts> = {}): LayerFacts => ({
  name,
  type: "Linear",
  site: undefined,
  trained: [`${name}.weight`, `${name}.bias`],
  weight: { name: `${name}.weight`, fanIn: 100 },
  activation: "relu",
  ...more,
});

interface Given {
  /** Of the looks, first to last. */
  readonly losses?: readonly number[];
  readonly skill?: number;
  readonly held?: number | null;
  readonly neighbours?: readonly [train: number, validation: number];
  readonly network?: Partial<Network>;
  readonly data?: Partial<DataFacts>;
  /** Of the three layers at all looks. */
  readonly layers?: readonly Partial<LayerLook>[];
  /** Root mean squares of the first weights; 0.1 · √100 = 1 is usual. */
  readonly initial?: readonly Partial<WeightFacts>[];
  /** Update over weight in each iteration. */
  readonly ratio?: number;
  readonly ratios?: readonly number[];
  readonly optimizer?: Optimizer;
  readonly notFinite?: boolean;
  readonly trainLosses?: readonly number[];
  readonly shuffle?: boolean;
  readonly validationLosses?: readonly number[];
  readonly lossNow?: readonly [train: number, validation: number];
  readonly recalls?: readonly number[];
  readonly features?: number;
}

/** A run of 400 iterations of a network of three layers that has ended; by default one that learnt well. */
function evidence(given: Given): Evidence {
  const { losses = [2.3, 1.5, 1, 0.7, 0.5, 0.4, 0.3, 0.3, 0.3], skill = 0.9, held = skill } = given;
  const curve = new Curve();
  for (let i = 0; i < 400; i++) {
    const loss =
      given.trainLosses?.[Math.floor((i / 400) * given.trainLosses.length)] ??
      losses[Math.floor((i / 400) * losses.length)];
    const statistics = [0, 1, 2].map((at) => {
      const ratio = given.ratios?.[at] ?? given.ratio ?? 0.003;
      return { outputGradient: 1, gradient: 1, weight: 1, update: ratio, activation: 1, dead: 0, saturated: 0 };
    });
    curve.add(i + 1, loss, 0.1, statistics);
  }
  const names = ["a", "b", "c"];
  const looks = losses.map((loss, i): Look => ({
    iteration: i * 50,
    loss,
    score: score(i === 0 ? 0 : skill),
    layers: names.map((_, at) => ({ ...layer, ...given.layers?.[at] })),
    range: [-3, 3],
  }));
  return {
    access: {
      training: { optimizer: given.optimizer ?? sgd({ learningRate: 0.1 }), clip: {}, shuffle: given.shuffle ?? true },
    } as never,
    network: {
      layers: names.map((name) => facts(name)),
      loss: "crossEntropy",
      ending: { kind: "other", width: 10, overBatch: false, site: undefined },
      linearPairs: [],
      nonlinear: true,
      cut: [],
      frozen: [],
      dropouts: [],
      normalisesInput: false,
      last: 2,
      ...given.network,
    },
    data: {
      inputs: [{ scale: 1, mean: 0, std: 1, widest: 1, usual: 1, zeros: 0 }],
      target: {
        spec: { shape: [], dtype: "int32", classes: 10 },
        counts: [50, 50, 50, 50, 50],
        low: 0,
        high: 9,
        mean: 4.5,
        std: 2.9,
        negative: 0,
        above: 0,
      },
      sorted: 0.1,
      ...given.data,
    },
    examples: 3000,
    features: given.features ?? 100,
    initial: new Map(names.map((name, at) => [`${name}.weight`, { scale: 0.1, alike: false, ...given.initial?.[at] }])),
    curve,
    looks,
    epochs: (given.validationLosses ?? []).map((loss) => ({ validation: { loss, metrics: {} } }) as never),
    train: { loss: given.lossNow?.[0] ?? losses.at(-1) ?? NaN, score: score(skill) },
    validation:
      held === null
        ? undefined
        : {
            loss: given.lossNow?.[1] ?? losses.at(-1) ?? NaN,
            score: score(held, { recalls: given.recalls ?? [], counts: (given.recalls ?? []).map(() => 50) }),
          },
    neighbours: { train: given.neighbours?.[0] ?? 0.8, validation: given.neighbours?.[1] ?? 0.8 },
    iteration: 400,
    planned: 400,
    end: given.notFinite ? "not-finite" : "epochs",
    notFinite: given.notFinite
      ? {
          type: "finding",
          code: "not-finite",
          severity: "error",
          message: "",
          layer: "b",
          file: null,
          line: null,
          iteration: 401,
        }
      : undefined,
  };
}

const stuck = [2.3, 2.3, 2.3, 2.3, 2.3, 2.3, 2.3, 2.3, 2.3];
const failing: Given = { losses: stuck, skill: 0.01 };
const inputs = (more: object): Partial<DataFacts> => ({
  inputs: [{ scale: 1, mean: 0, std: 1, widest: 1, usual: 1, zeros: 0, ...more }],
});
const numbers = (low: number, high: number, negative: number, above: number): Partial<DataFacts> => ({
  target: {
    spec: { shape: [1], dtype: "float32" },
    counts: [],
    low,
    high,
    mean: (low + high) / 2,
    std: (high - low) / 4,
    negative,
    above,
  },
});
const ending = (kind: Network["ending"]["kind"], more: Partial<Network["ending"]> = {}): Network["ending"] => ({
  kind,
  width: 10,
  overBatch: false,
  site: undefined,
  ...more,
});

const cases: readonly (readonly [what: string, given: Given, codes: readonly string[]])[] = [
  ["nothing in a run that learns", {}, []],
  ["a plain failure as a symptom", failing, ["loss-not-decreasing"]],

  [
    "gradients of the first layer at 1e-4 of the last",
    { ...failing, layers: [{ gradient: 1e-6 }, { gradient: 1e-4 }, { gradient: 1e-2 }] },
    ["vanishing-gradient"],
  ],
  ["the same where it learns", { layers: [{ gradient: 1e-6 }, { gradient: 1e-4 }, { gradient: 1e-2 }] }, []],
  ["all gradients small alike", { layers: [{ gradient: 1e-12 }, { gradient: 1e-12 }, { gradient: 1e-12 }] }, []],
  [
    "a recurrent layer without memory",
    {
      ...failing,
      network: { layers: [facts("a", { type: "RNN", weight: undefined }), facts("b"), facts("c")] },
      layers: [{ memory: 1e-6 }],
    },
    ["vanishing-gradient"],
  ],

  ["units dead in 95 %", { ...failing, layers: [{}, { dead: 0.95 }] }, ["dying-relu"]],
  ["units dead in 95 % where it learns", { layers: [{}, { dead: 0.95 }] }, []],
  ["40 % inactive in a weak model", { skill: 0.72, layers: [{ dead: 0.4 }] }, []],

  ["flat ends in 97 %", { ...failing, layers: [{ saturated: 0.97 }] }, ["saturation"]],
  ["flat ends where it learns", { layers: [{ saturated: 0.97 }] }, []],

  ["no way at all", { ...failing, ratio: 1e-9 }, ["no-update"]],
  ["a small way that learns", { ratio: 1e-5 }, []],
  [
    "zero gradient and no way",
    { ...failing, ratio: 0, layers: [{ gradient: 0 }, { gradient: 0 }, { gradient: 0 }] },
    ["vanishing-gradient"],
  ],
  ["an epsilon that outweighs", { ...failing, ratio: 1e-6, optimizer: adam({ epsilon: 1 }) }, ["no-update"]],

  [
    "one layer left behind",
    { losses: [2.3, 1.8, 1.8, 1.8, 1.8, 1.8, 1.8, 1.8, 1.8], skill: 0.3, ratios: [1e-9, 0.003, 0.003] },
    ["frozen-parameters"],
  ],
  [
    "parameters cut off",
    {
      losses: [2.3, 1.8, 1.8, 1.8, 1.8, 1.8, 1.8, 1.8, 1.8],
      skill: 0.3,
      network: { cut: [{ name: "a.weight", layer: 0, barrier: undefined }] },
    },
    ["frozen-parameters"],
  ],
  [
    "parameters cut off where it learns, as a remark",
    { network: { cut: [{ name: "a.weight", layer: 0, barrier: undefined }] } },
    ["(frozen-parameters)"],
  ],
  [
    "layers frozen that should learn",
    {
      losses: [2.3, 1.8, 1.8, 1.8, 1.8, 1.8, 1.8, 1.8, 1.8],
      skill: 0.3,
      network: { frozen: [{ name: "a.weight", layer: 0 }] },
    },
    ["frozen-parameters"],
  ],
  ["layers frozen on purpose", { network: { frozen: [{ name: "a.weight", layer: 0 }] } }, []],

  [
    "leaps that raise the loss",
    { ...failing, ratio: 0.8, trainLosses: [2.3, 2.3, 40, 40, 3, 3, 2.4, 2.4] },
    ["update-too-large"],
  ],
  ["leaps that help", { ratio: 0.8 }, []],

  ["ups and downs", { losses: [2.3, 1.5, 1.1, 1.7, 1.2, 1.8, 1.2, 1.6, 1.5], skill: 0.45 }, ["loss-oscillating"]],
  ["ups and downs of a good model", { losses: [2.3, 0.5, 0.3, 0.5, 0.3, 0.4, 0.2, 0.4, 0.3] }, []],
  ["a rising loss", { losses: [2.3, 2.5, 3, 3.5, 4, 5, 6, 7, 8], skill: 0.3 }, ["loss-diverging"]],
  [
    "numbers that became infinite after growth",
    { notFinite: true, skill: 0, layers: [{ scale: 1 }, { scale: 10 }, { scale: 100 }] },
    ["exploding-gradient"],
  ],
  ["numbers that became infinite at once", { notFinite: true, skill: 0 }, ["loss-activation-mismatch"]],
  [
    "examples sorted by class",
    { ...failing, skill: 0.2, shuffle: false, data: { sorted: 0.97 } },
    ["loss-oscillating"],
  ],

  [
    "first weights ten times too large",
    {
      losses: [400, 200, 150, 120, 100, 80, 70, 60, 50],
      skill: 0.5,
      initial: [{ scale: 1 }, { scale: 1 }, { scale: 1 }],
    },
    ["poor-initialisation"],
  ],
  ["large first weights that learn", { initial: [{ scale: 1 }] }, []],
  [
    "tiny first weights",
    { ...failing, initial: [{ scale: 1e-3 }, { scale: 1e-3 }, { scale: 1e-3 }] },
    ["poor-initialisation"],
  ],
  ["units alike", { ...failing, skill: 0.2, initial: [{ alike: true }] }, ["poor-initialisation"]],
  ["a head of zeros", { initial: [{}, {}, { scale: 0, alike: true }] }, []],

  ["pixels up to 255", { ...failing, data: inputs({ scale: 90, mean: 30, std: 80 }) }, ["unnormalised-input"]],
  ["pixels up to 255 that are learnt", { data: inputs({ scale: 90, mean: 30, std: 80 }) }, []],
  [
    "pixels up to 255 behind a normalisation",
    { ...failing, data: inputs({ scale: 90 }), network: { normalisesInput: true } },
    ["loss-not-decreasing"],
  ],
  [
    "one column a thousand times wider",
    { ...failing, data: inputs({ widest: 1000, usual: 1 }) },
    ["unnormalised-input"],
  ],
  [
    "targets in the thousands",
    { ...failing, data: numbers(0, 9000, 0, 1), network: { loss: "mse" } },
    ["unnormalised-input"],
  ],
  ["huge targets that are learnt", { data: numbers(0, 9000, 0, 1), network: { loss: "mse" } }, []],

  ["softmax before crossEntropy", { skill: 0.6, network: { ending: ending("softmax") } }, ["loss-activation-mismatch"]],
  ["logSoftmax before crossEntropy, which changes nothing", { network: { ending: ending("logSoftmax") } }, []],
  [
    "softmax of one unit",
    { ...failing, network: { loss: "mse", ending: ending("softmax", { width: 1 }) } },
    ["loss-activation-mismatch"],
  ],
  [
    "softmax over the batch",
    { network: { loss: "mse", ending: ending("softmax", { overBatch: true }) } },
    ["loss-activation-mismatch"],
  ],
  [
    "sigmoid for targets up to 30",
    { ...failing, data: numbers(0, 30, 0, 0.95), network: { loss: "mse", ending: ending("sigmoid", { width: 1 }) } },
    ["loss-activation-mismatch"],
  ],
  ["logits for probabilities", { ...failing, network: { loss: "binaryCrossEntropy" } }, ["loss-activation-mismatch"]],
  ["nll of logits", { ...failing, network: { loss: "nll" } }, ["loss-activation-mismatch"]],

  [
    "a linear pair in a linear model that fails",
    { ...failing, network: { linearPairs: [[0, 1]], nonlinear: false } },
    ["missing-nonlinearity"],
  ],
  ["a linear pair in a linear model that learns", { network: { linearPairs: [[0, 1]], nonlinear: false } }, []],

  [
    "dropout of 0.8 that leaves little",
    {
      losses: [1, 0.8, 0.75, 0.72, 0.7, 0.7, 0.7, 0.7, 0.7],
      skill: 0.3,
      trainLosses: [1, 0.9, 0.9, 0.9],
      network: { dropouts: [{ rate: 0.8, layer: "drop", site: undefined }] },
    },
    ["too-much-dropout"],
  ],
  ["dropout of 0.8 that works", { network: { dropouts: [{ rate: 0.8, layer: "drop", site: undefined }] } }, []],

  [
    "a class of 2 % that is never recognised",
    {
      skill: 0.3,
      recalls: [0.99, 0, 0.98],
      data: {
        target: {
          spec: { shape: [], dtype: "int32", classes: 3 },
          counts: [1000, 20, 900],
          low: 0,
          high: 2,
          mean: 1,
          std: 1,
          negative: 0,
          above: 0,
        },
      },
    },
    ["class-imbalance"],
  ],
  [
    "a rare class that is recognised",
    {
      recalls: [0.99, 0.8, 0.98],
      data: {
        target: {
          spec: { shape: [], dtype: "int32", classes: 3 },
          counts: [1000, 20, 900],
          low: 0,
          high: 2,
          mean: 1,
          std: 1,
          negative: 0,
          above: 0,
        },
      },
    },
    [],
  ],

  [
    "training known, validation not",
    { skill: 1, held: 0.3, neighbours: [0.2, 0.2], lossNow: [0.01, 2], validationLosses: [1.2, 1.1, 1.6, 2] },
    ["overfitting"],
  ],
  ["a small gap", { skill: 1, held: 0.88, lossNow: [0.01, 0.5], validationLosses: [0.3, 0.3, 0.5] }, []],
  ["a small set without validation", { skill: 1, held: null }, []],
  [
    "validation labelled otherwise",
    { skill: 0.95, held: 0.02, neighbours: [0.8, 0.05], lossNow: [0.2, 7], validationLosses: [7, 7] },
    ["label-mismatch"],
  ],
  [
    "targets that nothing predicts",
    { skill: 0.2, held: 0.01, neighbours: [0.01, 0.01], losses: [2.3, 2.3, 2.2, 2.2, 2.1, 2.1, 2.1, 2.1, 2.1] },
    ["label-mismatch"],
  ],
];

describe("diagnose: rules", () => {
  for (const [what, given, codes] of cases) {
    it(`judge ${what}: ${codes.join(", ") || "nothing"}`, () => {
      const found = judge(evidence(given)).map(({ code, severity }) =>
        severity === "information" ? `(${code})` : code,
      );
      assert.deepEqual(found, codes);
    });
  }

  it("wait until enough of a run is over", () => {
    const early: Evidence = { ...evidence(failing), end: undefined, planned: 100_000 };
    assert.deepEqual(judge(early), []);
  });

  it("say nothing of a run that was interrupted early", () => {
    assert.deepEqual(judge({ ...evidence(failing), end: "interrupted", planned: 100_000 }), []);
  });
});
