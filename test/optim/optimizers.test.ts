import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { NdArray } from "../../engine/graph/array";
import type { Tensor } from "../../engine/graph/tensor";
import {
  type Optimizer,
  adagrad,
  adam,
  adamW,
  momentum,
  momentumEwma,
  nesterov,
  rmsprop,
  sgd,
} from "../../engine/optim";
import { evaluate } from "../../engine/plan/evaluate";
import { leaf, problemsOf, traced } from "../support/graph";
import { assertClose } from "../support/numbers";
import { BACKENDS, runInFloat32 } from "../support/run";

interface Fixture {
  readonly start: readonly number[];
  readonly gradients: readonly (readonly number[])[];
  readonly rates: readonly number[];
  readonly cases: Readonly<Record<string, readonly (readonly number[])[]>>;
}

const torch = JSON.parse(readFileSync("test/fixtures/torch/optim.json", "utf8")) as Fixture;

/** By the names of scripts/fixtures/optim.py. */
const cases: Readonly<Record<string, Optimizer>> = {
  sgd: sgd({ learningRate: 0.1 }),
  "sgd weight decay": sgd({ learningRate: 0.1, weightDecay: 0.05 }),
  "sgd momentum": sgd({ learningRate: 0.1, momentum: 0.8 }),
  "sgd dampening": sgd({ learningRate: 0.1, momentum: 0.8, dampening: 0.3 }),
  "sgd nesterov": sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true }),
  "sgd all": sgd({ learningRate: 0.1, momentum: 0.9, dampening: 0.5, weightDecay: 0.1 }),
  "sgd nesterov weight decay": sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.1 }),
  rmsprop: rmsprop(),
  "rmsprop torch's defaults": rmsprop({ beta: 0.99 }),
  "rmsprop large epsilon": rmsprop({ learningRate: 0.1, beta: 0.8, epsilon: 0.5 }),
  "rmsprop weight decay": rmsprop({ learningRate: 0.1, weightDecay: 0.1 }),
  "rmsprop momentum": rmsprop({ learningRate: 0.1, momentum: 0.7 }),
  "rmsprop centered": rmsprop({ learningRate: 0.1, centered: true, epsilon: 1e-3 }),
  "rmsprop all": rmsprop({ learningRate: 0.1, centered: true, momentum: 0.5, weightDecay: 0.1, epsilon: 1e-3 }),
  adagrad: adagrad(),
  "adagrad all": adagrad({
    learningRate: 0.5,
    learningRateDecay: 0.1,
    weightDecay: 0.1,
    initialAccumulator: 0.2,
    epsilon: 1e-3,
  }),
  adam: adam(),
  "adam betas": adam({ learningRate: 0.1, beta1: 0.8, beta2: 0.95, epsilon: 0.1 }),
  "adam weight decay": adam({ learningRate: 0.1, weightDecay: 0.1 }),
  "adam beta 0": adam({ learningRate: 0.1, beta1: 0, beta2: 0.9 }),
  adamW: adamW(),
  "adamW decay": adamW({ learningRate: 0.1, weightDecay: 0.3 }),
  "adamW no decay": adamW({ learningRate: 0.1, weightDecay: 0 }),
  "sgd momentum scheduled": sgd({ learningRate: 0.1, momentum: 0.8 }),
  "adam scheduled": adam({ learningRate: 0.1 }),
  "adamW scheduled": adamW({ learningRate: 0.1, weightDecay: 0.1 }),
};

/** The functions that are a setting of `sgd`, against the same fixtures. */
const others: readonly (readonly [fixture: string, Optimizer])[] = [
  ["sgd momentum", momentum({ learningRate: 0.1, beta: 0.8 })],
  ["sgd nesterov", nesterov({ learningRate: 0.1 })],
  ["sgd nesterov weight decay", nesterov({ learningRate: 0.1, weightDecay: 0.1 })],
  ["sgd", momentum({ learningRate: 0.1, beta: 0 })],
  ["sgd", momentumEwma({ learningRate: 0.1, beta: 0 })],
];

describe("optimisers: PyTorch's parameters after each of 8 updates, in float64", () => {
  it("have a fixture each", () => assert.deepEqual(Object.keys(cases).sort(), Object.keys(torch.cases).sort()));

  for (const [name, optimizer] of [...Object.entries(cases), ...others]) {
    it(`${name} by ${optimizer.name}`, async () => {
      const rates = name.endsWith("scheduled") ? torch.rates : undefined;
      const rows = await run(optimizer, evaluateInFloat64, torch.start, torch.gradients, rates);
      rows.forEach((row, i) => {
        row.forEach((x, k) => assertClose([x], [torch.cases[name][i][k]], 1e-10, `update ${i + 1}, element ${k}`));
      });
    });
  }
});

describe("optimisers: PyTorch's parameters, in float32 by plan and backend", () => {
  for (const [name, optimizer] of Object.entries(cases)) {
    it(name, async () => {
      const rates = name.endsWith("scheduled") ? torch.rates : undefined;
      for (const way of BACKENDS) {
        const onIt: typeof runInFloat32 = (outputs, values) => runInFloat32(outputs, values, way);
        const rows = await run(optimizer, onIt, torch.start, torch.gradients, rates);
        rows.forEach((row, i) => assertClose(row, torch.cases[name][i], 1e-5, `${way.name}, update ${i + 1}`));
      }
    });
  }
});

describe("optimisers: by hand", () => {
  // θ = 1, g = 2 then 4, η = 0.1, β = 0.5 throughout.
  const table: readonly (readonly [what: string, Optimizer, after: readonly number[]])[] = [
    // V = 2, 0.5·2 + 4 = 5.
    ["momentum V = βV + g", momentum({ learningRate: 0.1, beta: 0.5 }), [0.8, 0.3]],
    // V = 0.5·2 = 1, 0.5·1 + 0.5·4 = 2.5.
    ["momentumEwma V = βV + (1−β)g", momentumEwma({ learningRate: 0.1, beta: 0.5 }), [0.9, 0.65]],
    // V̂ = 1/0.5 = 2, 2.5/0.75 = 10/3.
    [
      "momentumEwma with bias correction",
      momentumEwma({ learningRate: 0.1, beta: 0.5, biasCorrection: true }),
      [0.8, 0.8 - 1 / 3],
    ],
    // V = 2, 5; directions 2 + 0.5·2 = 3, 4 + 0.5·5 = 6.5.
    ["nesterov g + βV", nesterov({ learningRate: 0.1, beta: 0.5 }), [0.7, 0.05]],
    // S = 0.5·4 = 2, 0.5·2 + 0.5·16 = 9; ε = 1: 2/(√2 + 1), 4/(3 + 1).
    [
      "rmsprop g/(√S + ε)",
      rmsprop({ learningRate: 0.1, beta: 0.5, epsilon: 1 }),
      [1 - 0.2 / (Math.SQRT2 + 1), 1 - 0.2 / (Math.SQRT2 + 1) - 0.1],
    ],
    // S = 4, 20.
    ["adagrad", adagrad({ learningRate: 0.1, epsilon: 0 }), [0.9, 0.9 - 0.4 / Math.sqrt(20)]],
    // V̂ = 2, 10/3; Ŝ = 4, (0.5·2 + 0.5·16)/0.75 = 12; ε = 1 outside the root.
    [
      "adam V̂/(√Ŝ + ε)",
      adam({ learningRate: 0.1, beta1: 0.5, beta2: 0.5, epsilon: 1 }),
      [1 - 0.2 / 3, 1 - 0.2 / 3 - 1 / 3 / (Math.sqrt(12) + 1)],
    ],
    // g + 0.5θ = 2.5, then 4 + 0.5·0.75.
    ["sgd with weight decay", sgd({ learningRate: 0.1, weightDecay: 0.5 }), [0.75, 0.3125]],
  ];
  for (const [what, optimizer, after] of table) {
    it(what, async () => {
      const rows = await run(optimizer, evaluateInFloat64, [1], [[2], [4]]);
      assertClose(rows.flat(), after, 1e-14, what);
    });
  }

  it("adam moves by the learning rate at first, whatever the gradient's size, also in float32", async () => {
    const gradients = [[1e-6, 1, 1e6, -3]];
    const optimizer = adam({ learningRate: 0.5, epsilon: 1e-20 });
    const [row] = await run(optimizer, runInFloat32, [0, 0, 0, 0], gradients);
    assertClose(row, [-0.5, -0.5, -0.5, 0.5], 1e-6, "first update");
  });
});

describe("optimisers: graphs", () => {
  it("keep shapes, say their name as scope, and verify", () => {
    for (const [name, optimizer] of Object.entries(cases)) {
      const parameter = leaf([3, 2]);
      const { result: updated, issues } = traced(() =>
        optimizer.update({
          name: "hidden.weight",
          parameter,
          gradient: leaf([3, 2]),
          state: optimizer.state.map(() => leaf([3, 2])),
          learningRate: leaf([]),
          step: leaf([]),
        }),
      );
      const outputs = [updated.parameter, ...updated.state];
      assert.deepEqual(issues, [], name);
      assert.deepEqual(problemsOf(outputs), [], name);
      for (const output of outputs) {
        assert.deepEqual(output.shape, [3, 2], name);
        assert.equal(output.scope?.name, optimizer.name);
      }
      assert.deepEqual(
        updated.state.map((state) => state.name),
        optimizer.state.map((state) => `hidden.weight.${state.name}`),
      );
    }
  });

  it("name their state", () => {
    const names = (optimizer: Optimizer): string[] => optimizer.state.map(({ name, fill }) => `${name} ${fill}`);
    assert.deepEqual(names(sgd({ learningRate: 1 })), []);
    assert.deepEqual(names(sgd({ learningRate: 1, momentum: 0.9 })), ["velocity 0"]);
    assert.deepEqual(names(momentum({ learningRate: 1 })), ["velocity 0"]);
    assert.deepEqual(names(momentumEwma({ learningRate: 1 })), ["velocity 0"]);
    assert.deepEqual(names(nesterov({ learningRate: 1 })), ["velocity 0"]);
    assert.deepEqual(names(rmsprop()), ["squareAverage 0"]);
    assert.deepEqual(names(rmsprop({ centered: true, momentum: 0.1 })), [
      "squareAverage 0",
      "gradientAverage 0",
      "velocity 0",
    ]);
    assert.deepEqual(names(adagrad({ initialAccumulator: 0.1 })), ["squareSum 0.1"]);
    assert.deepEqual(names(adam()), ["firstMoment 0", "secondMoment 0"]);
    assert.deepEqual(names(adamW()), ["firstMoment 0", "secondMoment 0"]);
  });

  it("a state of the wrong length is an internal error", () => {
    const context = { name: "w", parameter: leaf([]), gradient: leaf([]), learningRate: leaf([]), step: leaf([]) };
    assert.throws(() => adam().update({ ...context, state: [] }), /^Error: internal: adam has 2 state tensors/);
  });
});

type Evaluate = (outputs: readonly Tensor[], values: ReadonlyMap<Tensor, NdArray>) => Promise<ArrayLike<number>[]>;

const evaluateInFloat64: Evaluate = (outputs, values) =>
  Promise.resolve(evaluate(outputs, (at) => values.get(at)).map(({ data }) => data));

/** The parameter after each update, the graph built once as in training. */
async function run(
  optimizer: Optimizer,
  calculate: Evaluate,
  start: readonly number[],
  gradients: readonly (readonly number[])[],
  rates?: readonly number[],
): Promise<number[][]> {
  const vector = [start.length];
  const [parameter, gradient, learningRate, step] = [leaf(vector), leaf(vector), leaf([]), leaf([])];
  const state = optimizer.state.map(() => leaf(vector));
  const updated = optimizer.update({ name: "weight", parameter, gradient, state, learningRate, step });
  let values = [
    Float64Array.from(start),
    ...optimizer.state.map(({ fill }) => new Float64Array(start.length).fill(fill)),
  ];
  const rows: number[][] = [];
  for (const [i, row] of gradients.entries()) {
    const given = new Map<Tensor, NdArray>([
      [gradient, array(row, vector)],
      [learningRate, array([rates ? rates[i] : optimizer.learningRate], [])],
      [step, array([i + 1], [])],
    ]);
    [parameter, ...state].forEach((at, k) => given.set(at, array(values[k], vector)));
    const results = await calculate([updated.parameter, ...updated.state], given);
    values = results.map((result) => Float64Array.from(result));
    rows.push([...values[0]]);
  }
  return rows;
}

function array(data: ArrayLike<number>, shape: readonly number[]): NdArray {
  return { shape, dtype: "float32", data: Float64Array.from(data) };
}
