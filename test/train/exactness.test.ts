/** Same seed, same bits: repeated runs, interrupted and resumed runs; and the arithmetic of one step by hand. */
import assert from "node:assert/strict";
import { createJsBackend } from "../../engine/backends/js";
import { fromArrays } from "../../engine/data";
import type { DataFiles } from "../../engine/data/dataset";
import type { Tensor } from "../../engine/graph/tensor";
import { BatchNorm1d, Dropout, Linear, Module, binaryCrossEntropy, mse } from "../../engine/nn";
import { adam, cosine, sgd } from "../../engine/optim";
import { concat, relu, sigmoid } from "../../engine/ops";
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from "../../engine/train/checkpoint";
import type { TrainingEvent } from "../../engine/train/events";
import { runTraining } from "../../engine/train/run";
import type { RunOptions } from "../../engine/train/run-access";
import { training, type Training, type TrainingOptions } from "../../engine/train/training";

const files: DataFiles = {
  read: () => Promise.reject(new Error("no files here")),
  asset: () => Promise.reject(new Error("no assets here")),
};

async function run(of: Training, options: RunOptions = {}) {
  const events: TrainingEvent[] = [];
  const result = await runTraining(
    of,
    { backend: createJsBackend(), files, now: () => 0 },
    { ...options, onEvent: (event) => void events.push(event) },
  );
  const bits = new Map(
    [...result.values].map(([name, { data }]) => [name, Buffer.from(data.buffer.slice(0)).toString("hex")]),
  );
  return { ...result, events, bits };
}

class Net extends Module {
  first = new Linear(2, 12);
  norm = new BatchNorm1d(12);
  dropout = new Dropout(0.3);
  last = new Linear(12, 1);

  forward(x: Tensor): Tensor {
    return this.last(this.dropout(relu(this.norm(this.first(x)))));
  }
}

const points = Array.from({ length: 37 }, (_, i) => [Math.sin(i), Math.cos(2 * i)]);
const data = fromArrays({ inputs: points, targets: points.map(([a, b]) => a * b) });

function noisy(changes: Partial<TrainingOptions<Net>> = {}): Training {
  return training({
    model: new Net(),
    data,
    loss: mse,
    optimizer: adam({ learningRate: 0.02 }),
    schedule: cosine(),
    batchSize: 8,
    epochs: 4,
    validation: 0.2,
    earlyStopping: { patience: 2 },
    seed: 3,
    ...changes,
  });
}

describe("a run", () => {
  it("gives the same bits for the same seed, and others for another", async () => {
    const [once, again, other] = [await run(noisy()), await run(noisy()), await run(noisy({ seed: 4 }))];
    assert.deepEqual(again.bits, once.bits);
    assert.notDeepEqual(other.bits, once.bits);
  });

  for (const stops of [[1], [3], [4], [5, 6], [1, 2, 3, 9, 13]]) {
    it(`interrupted before updates ${stops.join(", ")} and resumed ends with the same bits`, async () => {
      const whole = await run(noisy());
      let saved: Checkpoint | undefined;
      for (const stop of stops) {
        let updates = saved?.state.iteration ?? 0;
        const part = await run(noisy(), {
          resume: saved,
          interrupted: () => updates++ === stop,
          save: (checkpoint) => {
            saved = decodeCheckpoint(encodeCheckpoint(checkpoint), "memory");
            return Promise.resolve("memory");
          },
        });
        assert.equal(part.end.reason, "interrupted");
        assert.equal(saved?.state.iteration, stop);
      }
      const rest = await run(noisy(), { resume: saved });
      assert.deepEqual(rest.bits, whole.bits);
      const epochs = (events: readonly TrainingEvent[]) => events.filter(({ type }) => type === "epoch").at(-1);
      assert.deepEqual(epochs(rest.events), epochs(whole.events));
    });
  }

  it("refuses a checkpoint of another seed or model, saying so", async () => {
    let saved: Checkpoint | undefined;
    await run(noisy({ epochs: 1 }), { save: (checkpoint) => ((saved = checkpoint), Promise.resolve("memory")) });
    await assert.rejects(run(noisy({ seed: 9 }), { resume: saved }), /seed 3.*seed 9/);
    class Other extends Module {
      first = new Linear(2, 5);
      last = new Linear(5, 1);
      forward(x: Tensor): Tensor {
        return this.last(this.first(x));
      }
    }
    const other = training({ model: new Other(), data, loss: mse, optimizer: adam({ learningRate: 0.02 }), seed: 3 });
    await assert.rejects(
      run(other, { resume: saved }),
      /the checkpoint does not fit the model: .*first\.weight is \[12, 2\], the model has \[5, 2\]/,
    );
  });
});

describe("early stopping", () => {
  it("ends with the best epoch's parameters and says how good they are", async () => {
    let saved: Checkpoint | undefined;
    const { end, events, values } = await run(
      noisy({ epochs: 60, schedule: undefined, optimizer: sgd({ learningRate: 0.3 }), earlyStopping: { patience: 3 } }),
      { save: (checkpoint) => ((saved = checkpoint), Promise.resolve("memory")) },
    );
    const losses = events.flatMap((event) => (event.type === "epoch" ? [event.validation?.loss ?? NaN] : []));
    assert.equal(end.reason, "early-stopping");
    assert.equal(losses.indexOf(Math.min(...losses)), losses.length - 4);
    assert.equal(end.validation?.loss, Math.min(...losses));
    assert.deepEqual(
      [...(saved?.values.get("last.weight")?.data ?? [])],
      [...(values.get("last.weight")?.data ?? [1])],
    );
  });
});

describe("one step", () => {
  class Unit extends Module {
    linear = new Linear(2, 1);
    forward(x: Tensor): Tensor {
      return sigmoid(this.linear(x));
    }
  }
  const rows = [
    [0.5, -1],
    [2, 0.25],
    [-0.75, 1.5],
  ];
  const labels = [1, 0, 1];

  /** ŷ = σ(w·x + b); ∂J/∂w = (1/m) Σ (ŷ − y) x + (λ/n) w, ∂J/∂b = (1/m) Σ (ŷ − y). */
  function expected(w: readonly number[], b: number, rate: number, l2: number): number[] {
    const errors = rows.map((x, i) => 1 / (1 + Math.exp(-(w[0] * x[0] + w[1] * x[1] + b))) - labels[i]);
    const slope = (j: number): number =>
      errors.reduce((sum, error, i) => sum + error * rows[i][j], 0) / 3 + (l2 / 3) * w[j];
    const bias = errors.reduce((sum, error) => sum + error, 0) / 3;
    return [w[0] - rate * slope(0), w[1] - rate * slope(1), b - rate * bias];
  }

  for (const l2 of [0, 0.6]) {
    it(`of logistic regression equals its derivation${l2 > 0 ? ", with L2 on the weights and not on the bias" : ""}`, async () => {
      const make = (maxSteps: number): Training =>
        training({
          model: new Unit(),
          data: fromArrays({ inputs: rows, targets: labels }),
          loss: binaryCrossEntropy,
          optimizer: sgd({ learningRate: 0.3 }),
          batchSize: "all",
          epochs: 1,
          maxSteps,
          l2,
        });
      const numbers = async (maxSteps: number): Promise<number[]> => {
        const { values } = await run(make(maxSteps));
        return ["linear.weight", "linear.bias"].flatMap((name) => [...(values.get(name)?.data ?? [])]);
      };
      const [w0, w1, b] = await numbers(0);
      (await numbers(1)).forEach((value, i) => {
        assert.ok(Math.abs(value - expected([w0, w1], b, 0.3, l2)[i]) < 1e-6, `${i}: ${value}`);
      });
    });
  }

  it("of a model with two inputs sees both, in order", async () => {
    class Pair extends Module {
      linear = new Linear(3, 1, { bias: false });
      forward(a: Tensor, b: Tensor): Tensor {
        return this.linear(concat([a, b], 1));
      }
    }
    const { custom } = await import("../../engine/data");
    const both = custom({
      length: 1,
      inputs: [
        { shape: [1], dtype: "float32" },
        { shape: [2], dtype: "float32" },
      ],
      targets: { shape: [1], dtype: "float32" },
      get: () => ({ inputs: [[2], [3, 5]], targets: [0] }),
    });
    const make = (maxSteps: number): Training =>
      training({
        model: new Pair(),
        data: both,
        loss: mse,
        optimizer: sgd({ learningRate: 0.01 }),
        epochs: 1,
        maxSteps,
      });
    const before = [...((await run(make(0))).values.get("linear.weight")?.data ?? [])];
    const after = [...((await run(make(1))).values.get("linear.weight")?.data ?? [])];
    // J = (w·x)², so w becomes w − 0.01·2(w·x)x.
    const x = [2, 3, 5];
    const score = before.reduce((sum, w, i) => sum + w * x[i], 0);
    after.forEach((w, i) => assert.ok(Math.abs(w - (before[i] - 0.02 * score * x[i])) < 1e-5));
  });
});
