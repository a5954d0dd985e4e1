import assert from "node:assert/strict";
import { CHECKED_STEPS, load, operationGraph, summary } from "../../bench/cpu/engine";
import { trainingOf } from "../../bench/cpu/models";
import { randomShapes } from "../../bench/cpu/shapes";
import {
  type Training,
  type Workload,
  arraysOf,
  lenet,
  lstm,
  mlp,
  transformer,
  workloads,
  xor,
} from "../../bench/cpu/workloads";
import type { Backend } from "../../engine/backends/backend";
import { createJsBackend } from "../../engine/backends/js/index";
import { createWasmBackend } from "../../engine/backends/wasm/index";
import type { NdArray } from "../../engine/graph/array";
import { concreteShape, sizeOf } from "../../engine/graph/shape";
import type { Tensor } from "../../engine/graph/tensor";
import { namedParameters } from "../../engine/nn/module";
import { evaluate } from "../../engine/plan/evaluate";
import { traceStep } from "../../engine/train/step";

const BACKENDS: readonly (readonly [string, () => Backend | undefined])[] = [
  ["js", createJsBackend],
  ["wasm", createWasmBackend],
];

/** The trainings of the benchmarks, small enough for the plain evaluator. */
const TRAININGS = [
  mlp(6),
  lenet(2),
  transformer({ batch: 2, length: 4, layers: 1 }),
  lstm({ batch: 3, steps: 4 }),
  xor(),
];

/** Random operations, few enough for the plain evaluator. */
const SMALL_SHAPES = randomShapes(200, 5).filter((workload) => workOf(workload) < 1e5);

describe("the workloads of the benchmarks", () => {
  it("have names of their own and arrays that their tasks know", () => {
    const all = [...workloads(), ...randomShapes(100, 3)];
    assert.equal(new Set(all.map(({ name }) => name)).size, all.length);
    for (const { name, arrays } of all) {
      assert.equal(new Set(arrays.map((spec) => spec.name)).size, arrays.length, name);
      assert.ok(
        arrays.every(({ shape }) => shape.every((dim) => Number.isInteger(dim) && dim >= 1)),
        name,
      );
    }
  });

  it("have the same numbers each time, within what is said of them", () => {
    const [first, second] = [arraysOf(mlp(4)), arraysOf(mlp(4))];
    assert.deepEqual(first, second);
    assert.deepEqual(
      [...(first.get("y") as Int32Array)].filter((label) => label < 0 || label > 9),
      [],
    );
    const weights = first.get("hidden.weight") as Float32Array;
    assert.equal(weights.length, 784 * 128);
    assert.ok(weights.every((weight) => Math.abs(weight) <= 1 / 28 + 1e-7));
    const mean = weights.reduce((sum, weight) => sum + weight, 0) / weights.length;
    assert.ok(Math.abs(mean) < 1e-3, String(mean));
  });

  for (const workload of TRAININGS) {
    for (const [backendName, make] of BACKENDS) {
      for (const statistics of [false, true]) {
        const how = `${backendName}${statistics ? ", with the layers' figures" : ""}`;
        it(`${workload.name} has the plain evaluator's losses (${how})`, async function () {
          const backend = make();
          if (!backend) return this.skip();
          const losses = await load(workload, arraysOf(workload), { backend, statistics }).check();
          const exact = plainLosses(workload);
          assert.equal(losses.length, exact.length);
          losses.forEach((loss, i) => assert.ok(Math.abs(loss / exact[i] - 1) < 2e-5, `${loss} for ${exact[i]}`));
          assert.ok(exact[0] > 0.1 && Math.abs(exact[1] / exact[0] - 1) > 1e-4, "an update to speak of");
        });
      }
    }
  }

  it("reach every operation with random shapes", () => {
    const seen = new Set(SMALL_SHAPES.map(({ task }) => (task.kind === "operation" ? task.op : undefined)));
    const wanted = [
      "add",
      "conv2d",
      "conv2dInputGradient",
      "log",
      "matmul",
      "max",
      "mean",
      "multiply",
      "relu",
      "sum",
      "tanh",
    ];
    assert.deepEqual(
      wanted.filter((op) => !seen.has(op as never)),
      [],
    );
  });

  for (const [backendName, make] of BACKENDS) {
    it(`a training's figures are those of its plan (${backendName})`, async function () {
      const backend = make();
      if (!backend) return this.skip();
      const figures = await load(xor(), arraysOf(xor()), { backend }).figures?.();
      assert.ok(figures);
      const parameters = 2 * 8 + 8 + 8 + 1;
      const batch = 4 * 2 + 4;
      assert.ok(figures.needed >= 4 * (parameters + batch), `${figures.needed} bytes`);
      assert.ok(figures.used >= figures.needed, `${figures.used} for ${figures.needed}`);
      assert.ok(figures.kernels > 3 && figures.trace >= 0 && figures.plan >= 0 && figures.compile >= 0);
    });

    it(`operations of random shapes are the plain evaluator's (${backendName})`, async function () {
      const backend = make();
      if (!backend) return this.skip();
      for (const workload of SMALL_SHAPES) {
        const numbers = await load(workload, arraysOf(workload), { backend }).check();
        const exact = plainSummary(workload);
        numbers.forEach((value, i) => {
          const error = Math.abs(value - exact[i]) / Math.max(Math.abs(exact[i]), exact[0]);
          assert.ok(error < 1e-5 || value === exact[i], `${workload.title}: ${value} for ${exact[i]}`);
        });
      }
    });
  }
});

/** The plain evaluator is slow, and all backends are compared with the same. */
const plain = new Map<Workload, number[]>();

function plainLosses(workload: Workload): number[] {
  const known = plain.get(workload) ?? trainPlainly(workload);
  plain.set(workload, known);
  return known;
}

function plainSummary(workload: Workload): number[] {
  const known = plain.get(workload) ?? evaluatePlainly(workload);
  plain.set(workload, known);
  return known;
}

function trainPlainly(workload: Workload): number[] {
  const task = workload.task as Training;
  const training = trainingOf(workload, task);
  const { fields } = training.data;
  assert.ok(fields);
  const options = { batchSize: task.batch, training: true, examples: task.batch, statistics: false, keepNodes: true };
  const step = traceStep(training, fields, options);
  assert.deepEqual(step.trace.issues, []);
  const arrays = arraysOf(workload);
  const values = new Map<Tensor, NdArray>();
  const put = (leaf: Tensor, data: ArrayLike<number>): void => {
    const shape = concreteShape(leaf.knownShape);
    assert.equal(data.length, sizeOf(shape));
    values.set(leaf, { shape, dtype: leaf.dtype, data: Float64Array.from(data) });
  };
  const given = (name: string): ArrayLike<number> => {
    const found = arrays.get(name);
    assert.ok(found, name);
    return found;
  };
  for (const [name, parameter] of namedParameters(training.model)) put(parameter, given(name));
  for (const { leaf, fill } of step.optimizerState)
    put(leaf, new Float64Array(sizeOf(concreteShape(leaf.knownShape))).fill(fill));
  put(step.batch.inputs[0], given("x"));
  put(step.batch.targets[0], given("y"));
  put(step.learningRate, [task.optimizer.learningRate]);
  return Array.from({ length: CHECKED_STEPS }, (_, i) => {
    put(step.count, [i + 1]);
    const [loss, ...next] = evaluate([step.loss, ...step.assignments.values()], (leaf) => values.get(leaf));
    [...step.assignments.keys()].forEach((leaf, at) => values.set(leaf, next[at]));
    return loss.data[0];
  });
}

function evaluatePlainly(workload: Workload): number[] {
  assert.equal(workload.task.kind, "operation");
  const { leaves, output } = operationGraph(workload);
  const arrays = arraysOf(workload);
  const values = new Map(
    leaves.map((leaf, i): [Tensor, NdArray] => {
      const data = Float64Array.from(arrays.get(workload.arrays[i].name) ?? []);
      return [leaf, { shape: workload.arrays[i].shape, dtype: "float32", data }];
    }),
  );
  return summary(evaluate([output], (leaf) => values.get(leaf))[0].data);
}

/** About how often the evaluator's innermost loops go round. */
function workOf({ task, arrays }: Workload): number {
  const [a, b] = arrays.map(({ shape }) => shape);
  const most = Math.max(...arrays.map(({ shape }) => sizeOf(shape)));
  if (task.kind !== "operation") return Infinity;
  if (task.op === "matmul") return most * Math.max(...a, ...b);
  return task.op.startsWith("conv2d") ? sizeOf(b) * a[0] * a[2] * a[3] : most;
}
