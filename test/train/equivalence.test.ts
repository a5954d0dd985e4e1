/** A whole training step by way of plan and backend equals the plain evaluator: values, gradients, new states, statistics. */
import assert from "node:assert/strict";
import type { Backend } from "../../engine/backends/backend";
import { createJsBackend } from "../../engine/backends/js";
import { createWasmBackend } from "../../engine/backends/wasm";
import { custom, fromArrays } from "../../engine/data";
import { batches } from "../../engine/data/loader";
import type { NdArray } from "../../engine/graph/array";
import { concreteShape } from "../../engine/graph/shape";
import type { Tensor } from "../../engine/graph/tensor";
import * as nn from "../../engine/nn";
import * as ops from "../../engine/ops";
import * as optim from "../../engine/optim";
import { evaluate } from "../../engine/plan/evaluate";
import { planGraph } from "../../engine/plan/plan";
import { compileProgram } from "../../engine/plan/program";
import { initialValues } from "../../engine/train/store";
import { type Step, traceStep } from "../../engine/train/step";
import { type Training, type TrainingOptions, training } from "../../engine/train/training";
import { seeded } from "../support/fixtures";
import { problemsOf } from "../support/graph";

class Mlp extends nn.Module {
  first = new nn.Linear(5, 16);
  dropout = new nn.Dropout(0.4);
  second = new nn.Linear(16, 3);

  forward(x: Tensor) {
    return this.second(this.dropout(ops.tanh(this.first(x))));
  }
}

class Convolutional extends nn.Module {
  // A bias before batch norm has no effect: its gradient is all rounding.
  conv = new nn.Conv2d(2, 4, 3, { padding: 1, bias: false });
  norm = new nn.BatchNorm2d(4);
  output = new nn.Linear(4 * 3 * 3, 3);

  forward(x: Tensor) {
    return this.output(ops.maxPool2d(ops.relu(this.norm(this.conv(x))), 2).flatten());
  }
}

class Reader extends nn.Module {
  embedding = new nn.Embedding(11, 8);
  encoder = new nn.TransformerEncoder(1, 8, 2, { feedforward: 16, dropout: 0.1 });
  recurrent = new nn.GRU(8, 6);
  output = new nn.Linear(6, 3);

  forward(x: Tensor) {
    const { output } = this.recurrent(this.encoder(this.embedding(x)));
    return this.output(output.slice(null, -1));
  }
}

const labels = Array.from({ length: 24 }, (_, i) => (i * 7) % 3);
const rows = (size: number): number[][] =>
  labels.map((_, i) => Array.from({ length: size }, (_, j) => Math.sin(1.7 * i * j + j)));
const matrix = (row: readonly number[]): number[][] => [0, 1, 2, 3, 4, 5].map((i) => row.slice(6 * i, 6 * i + 6));
const flat = fromArrays({ inputs: rows(5), targets: labels, classes: 3 });
const images = fromArrays({
  inputs: rows(2 * 6 * 6).map((row) => [matrix(row.slice(0, 36)), matrix(row.slice(36))]),
  targets: labels,
  classes: 3,
});
const words = custom({
  length: 24,
  inputs: { shape: [5], dtype: "int32", classes: 11 },
  targets: { shape: [], dtype: "int32", classes: 3 },
  get: (i) => ({ inputs: Int32Array.from({ length: 5 }, (_, j) => (i * 3 + j * j) % 11), targets: labels[i] }),
});

const rest = { loss: nn.crossEntropy, optimizer: optim.sgd({ learningRate: 0.1 }), batchSize: 12, seed: 5 };
const mlp = (options: Partial<TrainingOptions> = {}): Training =>
  training({ model: new Mlp(), data: flat, ...rest, ...options } as TrainingOptions);

const learningRate = 0.1;
const OPTIMIZERS = {
  sgd: optim.sgd({ learningRate }),
  momentum: optim.momentum({ learningRate, weightDecay: 0.01 }),
  momentumEwma: optim.momentumEwma({ learningRate }),
  nesterov: optim.nesterov({ learningRate }),
  rmsprop: optim.rmsprop({ learningRate }),
  adagrad: optim.adagrad({ learningRate }),
  adam: optim.adam({ learningRate }),
  adamW: optim.adamW({ learningRate, weightDecay: 0.1 }),
};

const CASES: Readonly<Record<string, () => Training>> = {
  ...Object.fromEntries(
    Object.entries(OPTIMIZERS).map(([name, optimizer]) => [
      `a multilayer perceptron with dropout, ${name}`,
      () => mlp({ optimizer }),
    ]),
  ),
  "the L2 term": () => mlp({ l2: 0.3 }),
  "clipping by norm": () => mlp({ clip: { norm: 0.05 } }),
  "clipping by value": () => mlp({ clip: { value: 0.01 } }),
  "clipping by both": () => mlp({ clip: { value: 0.02, norm: 0.05 }, optimizer: OPTIMIZERS.adam }),
  "convolution, batch norm and pooling": () =>
    training({ model: new Convolutional(), data: images, ...rest, optimizer: OPTIMIZERS.momentum, l2: 0.01 }),
  "embedding, attention and a recurrent layer": () =>
    training({ model: new Reader(), data: words, ...rest, optimizer: OPTIMIZERS.adamW, clip: { norm: 1 } }),
};

/** Values of every leaf of a step, as a run would have them in its second iteration. */
async function leavesOf(of: Training, step: Step): Promise<Map<Tensor, NdArray>> {
  const data = await of.data.load({ read: unread, asset: unread });
  const [batch] = batches(data, { batchSize: 12, seed: 1 });
  const values = new Map<Tensor, NdArray>();
  const put = (leaf: Tensor, numbers: ArrayLike<number>): void => {
    const data = Float64Array.from(numbers, Math.fround);
    values.set(leaf, { shape: concreteShape(leaf.knownShape), dtype: leaf.dtype, data });
  };
  step.batch.inputs.forEach((leaf, i) => put(leaf, batch.inputs[i].data));
  step.batch.targets.forEach((leaf, i) => put(leaf, batch.targets[i].data));
  for (const [name, parameter] of nn.namedParameters(of.model)) put(parameter, initialValues(parameter, name, of.seed));
  // Second moments are not negative.
  step.optimizerState.forEach(({ leaf }, i) =>
    put(leaf, seeded(concreteShape(leaf.knownShape), i + 1, 0.01, 0.1).data),
  );
  put(step.learningRate, [0.05]);
  put(step.count, [2]);
  if (step.trace.randomKey) put(step.trace.randomKey, [of.seed, 1]);
  return values;
}

function unread(): Promise<never> {
  return Promise.reject(new Error("nothing to read here"));
}

/** The largest difference, relative to the largest value. */
function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  assert.equal(a.length, b.length);
  let [worst, largest] = [0, 1e-12];
  for (let i = 0; i < a.length; i++) {
    assert.equal(Number.isNaN(a[i]), Number.isNaN(b[i]));
    if (Number.isNaN(b[i])) continue;
    worst = Math.max(worst, Math.abs(a[i] - b[i]));
    largest = Math.max(largest, Math.abs(b[i]));
  }
  return worst / largest;
}

const BACKENDS: readonly (readonly [string, () => Backend | undefined])[] = [
  ["js", createJsBackend],
  ["wasm", createWasmBackend],
];

describe("a training step equals the plain evaluator to float32", () => {
  for (const [name, make] of BACKENDS) {
    for (const [what, build] of Object.entries(CASES)) {
      it(`${what} (${name})`, async function () {
        const backend = make();
        if (!backend) return this.skip();
        const of = build();
        const fields = of.data.fields;
        assert.ok(fields);
        const step = traceStep(of, fields, { batchSize: 12, training: true, examples: 24, keepNodes: true });
        assert.deepEqual(step.trace.issues, []);
        const named = new Map<string, Tensor>([["loss", step.loss]]);
        if (step.cost !== step.loss) named.set("cost", step.cost);
        for (const [parameter, gradient] of step.gradients) named.set(`gradient of ${parameter}`, gradient);
        for (const [leaf, next] of step.assignments) named.set(`next ${leaf.name ?? leaf.op}`, next);
        if (step.statistics) named.set("statistics", step.statistics);
        if (step.finite) named.set("finite", step.finite);
        const outputs = [...named.values()];
        assert.deepEqual(problemsOf(outputs), []);
        const values = await leavesOf(of, step);
        const exact = evaluate(outputs, (leaf) => values.get(leaf));
        const program = compileProgram(planGraph([...new Set(outputs)]), backend);
        for (const [leaf, { data }] of values) program.write(leaf, data);
        program.run();
        let i = 0;
        for (const [label, node] of named) {
          const error = difference(await program.read(node), exact[i++].data);
          assert.ok(error <= 1e-5, `${label}: ${error}`);
        }
        assert.ok(exact[0].data[0] > 0.1, "a loss to speak of");
      });
    }
  }
});
