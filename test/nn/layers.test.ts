import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { gradientsOf } from "../../engine/autodiff/gradients";
import type { NdArray } from "../../engine/graph/array";
import { Tensor } from "../../engine/graph/tensor";
import { Trace, withTrace } from "../../engine/graph/trace";
import * as nn from "../../engine/nn";
import { tanh, tensor } from "../../engine/ops";
import { evaluate } from "../../engine/plan/evaluate";
import { type FixtureInput, fixtureInput } from "../support/fixtures";
import { leavesOf, problemsOf, weighted } from "../support/graph";
import { assertClose } from "../support/numbers";
import { BACKENDS, runInFloat32 } from "../support/run";

/** What scripts/fixtures/nn_layers.py writes for one case. */
interface Fixture {
  readonly training: boolean;
  readonly parameters: Readonly<Record<string, FixtureInput>>;
  readonly inputs: readonly FixtureInput[];
  readonly outputs: readonly { readonly shape: readonly number[]; readonly value: readonly number[] }[];
  readonly gradients: Readonly<Record<string, readonly number[]>>;
  readonly inputGradients: readonly (readonly number[] | null)[];
  readonly states: Readonly<Record<string, readonly number[]>>;
}

type Result = Tensor | readonly Tensor[];
/** A case in the engine's words: makes the layer, and gives it as something to call with the inputs. */
type Make = () => { readonly model: nn.Module; readonly call: (...inputs: Tensor[]) => Result };

function layer<M extends nn.Module>(make: () => M, call: (model: M, ...inputs: Tensor[]) => Result): Make {
  return () => {
    const model = make();
    return { model, call: (...inputs) => call(model, ...inputs) };
  };
}

/** A layer of one tensor. */
const plain = (make: () => nn.Module & nn.Layer): Make => layer(make, (model, x) => model(x));

const attention = (options?: nn.AttentionOptions, bias = true): Make =>
  layer(
    () => new nn.MultiHeadAttention(4, 2, { bias }),
    (model, query, key, value) => model(query, key, value, options),
  );
const encoder = (options: nn.TransformerOptions = {}, call: nn.AttentionOptions = {}): Make =>
  layer(
    () => new nn.TransformerEncoderLayer(4, 2, { feedforward: 5, dropout: 0, ...options }),
    (model, x) => model(x, call),
  );
const rnn = (make: () => nn.RNN | nn.GRU): Make =>
  layer(make, (model, x, hidden) => {
    const result = model(x, hidden);
    return [result.output, result.hidden];
  });
const lstm = (make: () => nn.LSTM): Make =>
  layer(make, (model, x, hidden, cell) => {
    const result = model(x, hidden && { hidden, cell });
    return [result.output, result.hidden, result.cell];
  });
const twoWays = { numLayers: 2, bidirectional: true };

const BLOCKED = [
  [false, true, false],
  [true, false, false],
  [false, false, false],
];
const ADDED = [
  [0.5, -1, 0.25],
  [0, 2, -0.5],
  [1, 0, 0.75],
];
const PADDING = [
  [false, false, true],
  [false, true, false],
];

const LAYERS: Readonly<Record<string, Make>> = {
  Linear: plain(() => new nn.Linear(3, 2)),
  "Linear of sequences": plain(() => new nn.Linear(3, 2)),
  "Linear without bias": plain(() => new nn.Linear(3, 2, { bias: false })),
  FoldedLinear: plain(() => new nn.FoldedLinear(3, 2)),
  Embedding: plain(() => new nn.Embedding(5, 3)),
  PositionalEncoding: plain(() => new nn.PositionalEncoding(5)),
  Sequential: plain(
    () => new nn.Sequential(new nn.Linear(3, 4), tanh, new nn.Sequential(new nn.Linear(4, 2), new nn.Sigmoid())),
  ),
  mlp: plain(() => nn.mlp([3, 4, 3, 2], { activation: tanh })),
  ReLU: plain(() => new nn.ReLU()),
  LeakyReLU: plain(() => new nn.LeakyReLU(0.2)),
  ELU: plain(() => new nn.ELU(0.7)),
  GELU: plain(() => new nn.GELU()),
  SiLU: plain(() => new nn.SiLU()),
  Sigmoid: plain(() => new nn.Sigmoid()),
  Tanh: plain(() => new nn.Tanh()),
  Softplus: plain(() => new nn.Softplus()),
  Softmax: plain(() => new nn.Softmax()),
  "Softmax of axis 1": plain(() => new nn.Softmax(1)),
  LogSoftmax: plain(() => new nn.LogSoftmax()),
  Identity: plain(() => new nn.Identity()),

  Conv1d: plain(() => new nn.Conv1d(2, 3, 3)),
  "Conv1d with options": plain(() => new nn.Conv1d(2, 4, 3, { stride: 2, padding: 2, dilation: 2, groups: 2 })),
  "Conv1d same": plain(() => new nn.Conv1d(1, 2, 4, { padding: "same", bias: false })),
  Conv2d: plain(() => new nn.Conv2d(2, 3, 3)),
  "Conv2d with options": plain(
    () => new nn.Conv2d(2, 4, [3, 2], { stride: [2, 1], padding: [1, 2], dilation: [1, 2], groups: 2 }),
  ),
  "Conv2d same": plain(() => new nn.Conv2d(1, 2, 3, { padding: "same" })),
  ConvTranspose2d: plain(() => new nn.ConvTranspose2d(2, 3, 2)),
  "ConvTranspose2d with options": plain(
    () =>
      new nn.ConvTranspose2d(2, 4, [3, 2], {
        stride: [2, 3],
        padding: [1, 0],
        outputPadding: [1, 2],
        dilation: [1, 2],
        groups: 2,
      }),
  ),
  MaxPool1d: plain(() => new nn.MaxPool1d(2)),
  "MaxPool1d with options": plain(() => new nn.MaxPool1d(3, { stride: 2, padding: 1, dilation: 2 })),
  AveragePool1d: plain(() => new nn.AveragePool1d(2)),
  "AveragePool1d with options": plain(() => new nn.AveragePool1d(3, { stride: 2, padding: 1, countPadding: false })),
  MaxPool2d: plain(() => new nn.MaxPool2d(2)),
  "MaxPool2d with options": plain(() => new nn.MaxPool2d([3, 2], { stride: [2, 1], padding: 1, dilation: [1, 2] })),
  AveragePool2d: plain(() => new nn.AveragePool2d(2)),
  "AveragePool2d with options": plain(() => new nn.AveragePool2d([3, 2], { stride: [2, 1], padding: 1 })),
  GlobalAveragePool2d: plain(() => new nn.GlobalAveragePool2d()),
  Flatten: plain(() => new nn.Flatten()),
  "Flatten of axes 0 to 1": plain(() => new nn.Flatten(0, 1)),

  ...inBothModes({
    "BatchNorm1d of features": plain(() => new nn.BatchNorm1d(3)),
    "BatchNorm1d of sequences": plain(() => new nn.BatchNorm1d(2)),
    BatchNorm2d: plain(() => new nn.BatchNorm2d(2)),
    "BatchNorm2d with options": plain(() => new nn.BatchNorm2d(2, { epsilon: 0.1, momentum: 0.3, affine: false })),
  }),
  "BatchNorm1d twice": layer(
    () => new nn.BatchNorm1d(2),
    (model, a, b) => [model(a), model(b)],
  ),
  LayerNorm: plain(() => new nn.LayerNorm(4)),
  "LayerNorm of two axes": plain(() => new nn.LayerNorm([2, 3], { epsilon: 0.01 })),
  "LayerNorm without affine": plain(() => new nn.LayerNorm(3, { affine: false })),
  GroupNorm: plain(() => new nn.GroupNorm(2, 4)),
  "GroupNorm of images": plain(() => new nn.GroupNorm(3, 3, { epsilon: 0.01 })),
  RMSNorm: plain(() => new nn.RMSNorm(4)),

  MultiHeadAttention: attention(),
  "MultiHeadAttention without bias": attention({}, false),
  "MultiHeadAttention of a memory": attention(),
  "MultiHeadAttention of query, key, value": attention(),
  "MultiHeadAttention causal": attention({ causal: true }),
  "MultiHeadAttention masked": attention({ mask: BLOCKED }),
  "MultiHeadAttention with added scores": attention({ mask: ADDED }),
  "MultiHeadAttention with padding": attention({ paddingMask: PADDING }),
  "MultiHeadAttention causal with padding": attention({ causal: true, paddingMask: PADDING }),
  TransformerEncoderLayer: encoder(),
  "TransformerEncoderLayer gelu": encoder({ activation: "gelu" }),
  "TransformerEncoderLayer norm first": encoder({ normFirst: true, epsilon: 0.01 }),
  "TransformerEncoderLayer causal": encoder({}, { causal: true }),
  TransformerEncoder: plain(() => new nn.TransformerEncoder(2, 4, 2, { feedforward: 5, dropout: 0, finalNorm: true })),

  RNN: rnn(() => new nn.RNN(3, 2)),
  "RNN without bias": rnn(() => new nn.RNN(2, 2, { bias: false })),
  "RNN of two layers, bidirectional": rnn(() => new nn.RNN(2, 2, twoWays)),
  "RNN with state": rnn(() => new nn.RNN(2, 2, { numLayers: 2 })),
  "RNN relu": rnn(() => new nn.RNN(2, 3, { nonlinearity: "relu" })),
  GRU: rnn(() => new nn.GRU(3, 2)),
  "GRU without bias": rnn(() => new nn.GRU(2, 2, { bias: false })),
  "GRU of two layers, bidirectional": rnn(() => new nn.GRU(2, 2, twoWays)),
  "GRU with state": rnn(() => new nn.GRU(2, 2, { numLayers: 2 })),
  LSTM: lstm(() => new nn.LSTM(3, 2)),
  "LSTM without bias": lstm(() => new nn.LSTM(2, 2, { bias: false })),
  "LSTM of two layers, bidirectional": lstm(() => new nn.LSTM(2, 2, twoWays)),
  "LSTM with state": lstm(() => new nn.LSTM(2, 2)),
  RNNCell: layer(
    () => new nn.RNNCell(3, 2),
    (model, x, hidden) => model(x, hidden),
  ),
  "RNNCell relu": plain(() => new nn.RNNCell(3, 2, { nonlinearity: "relu" })),
  GRUCell: layer(
    () => new nn.GRUCell(3, 2),
    (model, x, hidden) => model(x, hidden),
  ),
  "GRUCell without state": plain(() => new nn.GRUCell(3, 2, { bias: false })),
  LSTMCell: layer(
    () => new nn.LSTMCell(3, 2),
    (model, x, hidden, cell) => {
      const result = model(x, { hidden, cell });
      return [result.hidden, result.cell];
    },
  ),
};

function inBothModes(cases: Readonly<Record<string, Make>>): Record<string, Make> {
  return Object.fromEntries(
    Object.entries(cases).flatMap(([name, make]) => [
      [name, make],
      [`${name} in evaluation`, make],
    ]),
  );
}

/** The graph of a case with everything that the fixture says about it. */
function build(make: Make, fixture: Fixture) {
  const trace = new Trace();
  trace.training = fixture.training;
  return withTrace(trace, () => {
    const { model, call } = make();
    const named = nn.namedParameters(model);
    const { leaves, values: inputs } = leavesOf(fixture.inputs.map(fixtureInput));
    const values = new Map<Tensor, NdArray>(inputs);
    for (const [name, parameter] of named) values.set(parameter, fixtureInput(fixture.parameters[name]));
    const result = call(...leaves);
    const outputs = result instanceof Tensor ? [result] : result;
    const scalar = outputs.map(weighted).reduce((sum, next) => sum.add(next));
    const trained = [...named].filter(([, parameter]) => parameter.trainable);
    const floats = leaves.filter((leaf) => leaf.dtype === "float32");
    const wanted = [...trained.map(([, parameter]) => parameter), ...floats];
    const gradients = gradientsOf(scalar, wanted);
    const labels = [...trained.map(([name]) => name), ...floats.map((_, i) => `input ${i}`)];
    const expected = [
      ...trained.map(([name]) => fixture.gradients[name]),
      ...fixture.inputGradients.filter((each) => each !== null),
    ];
    const states = Object.keys(fixture.states).map(
      (name) => trace.updates.get(named.get(name) as nn.Parameter) as Tensor,
    );
    assert.deepEqual(
      trace.issues.filter(({ severity }) => severity === "error"),
      [],
    );
    return { named, values, outputs, gradients, labels, expected, states, updates: trace.updates.size };
  });
}

describe("layers agree with PyTorch", () => {
  const fixtures = JSON.parse(readFileSync("test/fixtures/torch/nn-layers.json", "utf8")) as Record<string, Fixture>;

  it("has a layer for every fixture and a fixture for every layer", () => {
    assert.deepEqual(Object.keys(LAYERS).sort(), Object.keys(fixtures).sort());
  });

  for (const [name, make] of Object.entries(LAYERS)) {
    const fixture = fixtures[name];

    it(`${name}: names and shapes of the state_dict, outputs, gradients and states in float64`, () => {
      const { named, values, outputs, gradients, labels, expected, states, updates } = build(make, fixture);
      assert.deepEqual([...named.keys()], Object.keys(fixture.parameters));
      for (const [key, parameter] of named) assert.deepEqual(parameter.shape, fixture.parameters[key].shape, key);
      const numbers = evaluate([...outputs, ...gradients, ...states], (leaf) => values.get(leaf));
      fixture.outputs.forEach(({ shape, value }, i) => {
        assert.deepEqual(numbers[i].shape, shape);
        assertClose(numbers[i].data, value, 1e-10, `output ${i}`);
      });
      expected.forEach((each, i) => assertGradient(numbers[outputs.length + i].data, each, 1e-10, `∂/∂${labels[i]}`));
      const first = outputs.length + gradients.length;
      Object.entries(fixture.states).forEach(([key, value], i) =>
        assertClose(numbers[first + i].data, value, 1e-10, key),
      );
      assert.equal(updates, Object.keys(fixture.states).length);
      assert.deepEqual(problemsOf([...outputs, ...gradients, ...states]), []);
    });

    it(`${name}: outputs and gradients in float32, planned and run`, async () => {
      const { values, outputs, gradients, labels, expected } = build(make, fixture);
      for (const way of BACKENDS) {
        const numbers = await runInFloat32([...outputs, ...gradients], values, way);
        fixture.outputs.forEach(({ value }, i) => assertClose(numbers[i], value, 1e-5, `${way.name}, output ${i}`));
        expected.forEach((each, i) =>
          assertGradient(numbers[outputs.length + i], each, 1e-5, `${way.name}, ∂/∂${labels[i]}`),
        );
      }
    });
  }
});

/** Gradients that are 0 by nature (a bias before a batch norm, a key's bias) have only rounding: 1 joins both lists. */
function assertGradient(actual: ArrayLike<number>, expected: readonly number[], bound: number, what: string): void {
  assertClose([...Array.from(actual), 1], [...expected, 1], bound, what);
}

describe("dropout layer", () => {
  const rate = 0.25;
  const run = (training: boolean): number[] => {
    const trace = new Trace();
    trace.training = training;
    const { output, key } = withTrace(trace, () => ({
      output: new nn.Dropout(rate)(tensor(Array.from({ length: 4000 }, () => 2))),
      key: trace.randomKey,
    }));
    const seed: NdArray = { shape: [2], dtype: "int32", data: Float64Array.of(3, 0) };
    return [...evaluate([output], (leaf) => (leaf === key ? seed : undefined))[0].data];
  };

  it("keeps 1 − rate of the elements, scaled by its inverse, while training", () => {
    const values = run(true);
    assert.deepEqual([...new Set(values)].sort(), [0, 2 / (1 - rate)]);
    const kept = values.filter((value) => value > 0).length / values.length;
    // Four standard deviations √(p(1 − p)/n).
    assert.ok(Math.abs(kept - (1 - rate)) < 4 * Math.sqrt((rate * (1 - rate)) / values.length), String(kept));
  });

  it("passes its input on otherwise", () => {
    assert.ok(run(false).every((value) => value === 2));
  });
});

describe("batch norm of a batch of one", () => {
  it("is reported, gives the bias, and leaves the running variance finite", () => {
    const trace = new Trace();
    const norm = new nn.BatchNorm1d(2);
    const output = withTrace(trace, () => norm(tensor([[5, -3]])));
    assert.deepEqual(
      trace.issues.map(({ code }) => code),
      ["batch-norm-batch-1"],
    );
    const start: Record<string, number[]> = { weight: [2, 2], bias: [7, 8], running_mean: [0, 0], running_var: [1, 1] };
    const values = new Map<Tensor, NdArray>();
    for (const [name, parameter] of nn.namedParameters(norm)) {
      values.set(parameter, { shape: [2], dtype: "float32", data: Float64Array.from(start[name]) });
    }
    const updates = [norm.running_mean, norm.running_var].map((state) => trace.updates.get(state) as Tensor);
    const [y, mean, variance] = evaluate([output, ...updates], (leaf) => values.get(leaf));
    assert.deepEqual([...y.data], [7, 8]);
    assertClose(mean.data, [0.5, -0.3], 1e-12, "running mean 0.9·0 + 0.1·x");
    assertClose(variance.data, [0.9, 0.9], 1e-12, "running variance 0.9·1 + 0.1·0");
  });
});
