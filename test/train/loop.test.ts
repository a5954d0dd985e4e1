/** The loop around the steps: batches, epochs, validation, reasons to stop, what is reported, what must not change. */
import assert from "node:assert/strict";
import { createJsBackend } from "../../engine/backends/js";
import { fromArrays } from "../../engine/data";
import type { DataFiles } from "../../engine/data/dataset";
import type { Tensor } from "../../engine/graph/tensor";
import * as nn from "../../engine/nn";
import * as ops from "../../engine/ops";
import { reduceOnPlateau, sgd, stepDecay } from "../../engine/optim";
import type { EpochEvent, FindingEvent, IterationEvent, StartEvent, TrainingEvent } from "../../engine/train/events";
import { runTraining } from "../../engine/train/run";
import type { RunOptions } from "../../engine/train/run-access";
import { training, type TrainingOptions } from "../../engine/train/training";
import { assertClose } from "../support/numbers";

const files: DataFiles = {
  read: () => Promise.reject(new Error("no files here")),
  asset: () => Promise.reject(new Error("no assets here")),
};

/** ŷ = w·x with w = 0.5 at first: every figure can be calculated by hand. */
class Slope extends nn.Module {
  weight = new nn.Parameter([1, 1], { name: "half", fill: () => Float64Array.of(0.5) });

  forward(x: Tensor) {
    return x.matmul(this.weight);
  }
}

const xs = [1, 2, 3, 4, 5];
const line = fromArrays({ inputs: xs.map((x) => [x]), targets: xs.map((x) => [2 * x]) });

/** Every element the same. */
const all = (value: number): nn.Initializer => ({
  name: "all",
  fill: (shape) => new Float64Array(shape.reduce((size, dim) => size * dim, 1)).fill(value),
});

async function train(options: Partial<TrainingOptions>, run: RunOptions = {}) {
  const events: TrainingEvent[] = [];
  const of = training({
    model: new Slope(),
    data: line,
    loss: nn.mse,
    optimizer: sgd({ learningRate: 0.01 }),
    shuffle: false,
    epochs: 1,
    ...options,
  } as TrainingOptions);
  const result = await runTraining(
    of,
    { backend: createJsBackend(), files, now: () => 0 },
    { ...run, onEvent: (event) => void events.push(event) },
  );
  const ofType = <T extends TrainingEvent>(type: T["type"]): T[] =>
    events.filter((event): event is T => event.type === type);
  return {
    ...result,
    start: ofType<StartEvent>("start")[0],
    iterations: ofType<IterationEvent>("iteration"),
    epochs: ofType<EpochEvent>("epoch"),
    findings: ofType<FindingEvent>("finding"),
    weight: result.values.get("weight")?.data[0] ?? NaN,
  };
}

/** One update by hand: the mean over the batch of (wx − 2x)² has the derivative 2(w − 2)·mean(x²). */
function update(w: number, batch: readonly number[], rate = 0.01): { loss: number; w: number } {
  const square = batch.reduce((sum, x) => sum + x * x, 0) / batch.length;
  return { loss: (w - 2) ** 2 * square, w: w - rate * 2 * (w - 2) * square };
}

/** Updates by hand over batches in order. */
function updates(batches: readonly (readonly number[])[], w = 0.5): { losses: number[]; w: number } {
  const losses: number[] = [];
  for (const batch of batches) {
    const next = update(w, batch);
    losses.push(next.loss);
    w = next.w;
  }
  return { losses, w };
}

describe("batches", () => {
  const cases: Readonly<Record<string, readonly [Partial<TrainingOptions>, readonly (readonly number[])[]]>> = {
    "of two, the last one short": [{ batchSize: 2 }, [[1, 2], [3, 4], [5]]],
    "of two, without the short one": [
      { batchSize: 2, dropLast: true },
      [
        [1, 2],
        [3, 4],
      ],
    ],
    "of one example": [{ batchSize: 1 }, [[1], [2], [3], [4], [5]]],
    "of all": [{ batchSize: "all" }, [xs]],
    "larger than the data": [{ batchSize: 100 }, [xs]],
  };
  for (const [what, [options, batches]] of Object.entries(cases)) {
    it(`${what} give the losses and the weight of the derivation`, async () => {
      const { iterations, epochs, start, weight } = await train(options);
      const { losses, w } = updates(batches);
      assertClose(
        iterations.map(({ loss }) => loss),
        losses,
        1e-6,
        "losses",
      );
      assertClose([weight], [w], 1e-6, "weight");
      assert.equal(start.iterationsPerEpoch, batches.length);
      const [epoch] = epochs;
      const examples = batches.flat().length;
      // Each example counts the same; the mean of the batches' means stands beside it.
      const weighted = losses.reduce((sum, loss, i) => sum + loss * batches[i].length, 0) / examples;
      assertClose([epoch.loss], [weighted], 1e-6, "loss of the epoch");
      assertClose([epoch.batchMeanLoss], [losses.reduce((a, b) => a + b) / losses.length], 1e-6, "mean of batch means");
    });
  }

  it("come in a new order each epoch, the same one for the same seed", async () => {
    const losses = async (seed: number): Promise<number[]> =>
      (await train({ shuffle: true, batchSize: 1, epochs: 2, seed })).iterations.map(({ loss }) => loss);
    const first = await losses(0);
    assert.deepEqual(await losses(0), first);
    assert.notDeepEqual(await losses(1), first);
  });
});

describe("the end of a run", () => {
  it("comes after all epochs", async () => {
    const { end, epochs } = await train({ epochs: 3, batchSize: 2 });
    assert.deepEqual([end.reason, end.epochs, end.iterations, epochs.length], ["epochs", 3, 9, 3]);
  });

  it("comes after maxSteps, also within an epoch", async () => {
    const { end, iterations, weight } = await train({ epochs: 3, batchSize: 2, maxSteps: 4 });
    assert.deepEqual([end.reason, end.epochs, end.iterations, iterations.length], ["steps", 1, 4, 4]);
    assertClose([weight], [updates([[1, 2], [3, 4], [5], [1, 2]]).w], 1e-6, "weight");
    assert.equal((await train({ maxSteps: 0 })).end.iterations, 0);
    assert.equal((await train({ epochs: 0 })).end.iterations, 0);
  });

  it("comes when the epoch's loss changes by less than the tolerance", async () => {
    // Full batch: mean x² = 11, so each epoch multiplies w − 2 by 1 − 0.22 = 0.78 and the loss by 0.6084.
    const losses = Array.from({ length: 40 }, (_, i) => 1.5 ** 2 * 11 * 0.6084 ** i);
    const last = losses.findIndex((loss, i) => i > 0 && losses[i - 1] - loss < 0.01);
    const { end } = await train({ batchSize: "all", epochs: 40, tolerance: 0.01 });
    assert.deepEqual([end.reason, end.epochs], ["converged", last + 1]);
  });

  it("comes when the validation loss has not improved for the patience's epochs", async () => {
    // Training moves w from 0.5 to 2; for validation 0.6 were best, which the second epoch passes.
    const away = fromArrays({ inputs: [[1]], targets: [[0.6]] });
    const { end, epochs, weight } = await train({
      batchSize: "all",
      epochs: 40,
      validation: away,
      earlyStopping: { patience: 3 },
    });
    assert.deepEqual([end.reason, end.epochs], ["early-stopping", 4]);
    // After the first epoch w = 2 − 1.5·0.78 = 0.83; each later one is further away from 0.6.
    assertClose([epochs[0].validation?.loss ?? NaN], [0.23 ** 2], 1e-5, "validation loss");
    assertClose([weight], [0.83], 1e-6, "the best epoch's weight");
    const kept = await train({
      batchSize: "all",
      epochs: 40,
      validation: away,
      earlyStopping: { patience: 3, restoreBest: false },
    });
    assertClose([kept.weight], [2 - 1.5 * 0.78 ** 4], 1e-6, "the last epoch's weight");
  });

  it("counts an improvement that is too small as none", async () => {
    const { end } = await train({
      batchSize: "all",
      epochs: 40,
      earlyStopping: { patience: 2, minimumImprovement: 1000 },
    });
    assert.deepEqual([end.reason, end.epochs], ["early-stopping", 3]);
  });
});

describe("validation", () => {
  const held = fromArrays({ inputs: xs.map((x) => [x]), targets: xs.map((x) => [2 * x]), heldOut: 2 });

  it("uses the examples that the data holds out", async () => {
    const { start, epochs } = await train({ data: held, batchSize: "all" });
    assert.deepEqual([start.examples, start.validationExamples], [3, 2]);
    const { w } = updates([[1, 2, 3]]);
    assertClose([epochs[0].validation?.loss ?? NaN], [update(w, [4, 5]).loss], 1e-6, "validation loss");
  });

  it("is left out where it is false", async () => {
    const { start, epochs } = await train({ data: held, validation: false });
    assert.deepEqual([start.examples, start.validationExamples, epochs[0].validation], [5, 0, null]);
  });

  it("may be a fraction, the same examples for the same seed", async () => {
    const { start, epochs } = await train({ validation: 0.4 });
    assert.deepEqual([start.examples, start.validationExamples], [3, 2]);
    assert.equal((await train({ validation: 0.4 })).epochs[0].validation?.loss, epochs[0].validation?.loss);
  });

  it("may be a data set of its own, larger than one batch", async () => {
    const many = Array.from({ length: 700 }, (_, i) => i / 700);
    const { epochs } = await train({
      batchSize: "all",
      validation: fromArrays({ inputs: many.map((x) => [x]), targets: many.map((x) => [2 * x]) }),
    });
    const { w } = updates([xs]);
    assertClose([epochs[0].validation?.loss ?? NaN], [update(w, many).loss], 1e-5, "validation loss");
  });

  it("of other fields than the training's says which", async () => {
    await assert.rejects(
      train({ validation: fromArrays({ inputs: [[1, 2]], targets: [[1]], name: "other" }) }),
      /validation data other has the inputs \[2\] float32, but the training data .* \[1\] float32/,
    );
  });

  it("takes dropout off, and batch norm by its running statistics", async () => {
    class Normed extends nn.Module {
      norm = new nn.BatchNorm1d(1, { affine: false, momentum: 0.5 });
      dropout = new nn.Dropout(0.9);
      weight = new nn.Parameter([1, 1], { name: "one", fill: () => Float64Array.of(1) });

      forward(x: Tensor) {
        return this.dropout(this.norm(x)).matmul(this.weight);
      }
    }
    const { epochs, values } = await train({
      model: new Normed(),
      optimizer: sgd({ learningRate: 1e-9 }),
      batchSize: "all",
      validation: fromArrays({ inputs: [[3], [7]], targets: [[0], [0]] }),
    });
    // Mean 3 and unbiased variance 2.5 of 1…5, halfway from 0 and 1: PyTorch's momentum.
    const [mean, variance] = [1.5, 1.75];
    assertClose(values.get("norm.running_mean")?.data ?? [], [mean], 1e-6, "running mean");
    assertClose(values.get("norm.running_var")?.data ?? [], [variance], 1e-6, "running variance");
    const expected = ((3 - mean) ** 2 + (7 - mean) ** 2) / (variance + 1e-5) / 2;
    assertClose([epochs[0].validation?.loss ?? NaN], [expected], 1e-5, "validation loss");
  });
});

describe("the learning rate", () => {
  it("follows the schedule, and is reported", async () => {
    const { iterations, weight } = await train({
      batchSize: "all",
      epochs: 4,
      schedule: stepDecay({ every: 2, factor: 0.1 }),
    });
    assertClose(
      iterations.map(({ learningRate }) => learningRate),
      [0.01, 0.01, 0.001, 0.001],
      1e-12,
      "rates",
    );
    assertClose([weight], [2 - 1.5 * 0.78 ** 2 * 0.978 ** 2], 1e-6, "weight");
  });

  it("falls where the loss stays on a plateau for longer than the patience", async () => {
    const { iterations } = await train({
      data: fromArrays({ inputs: xs.map((x) => [x]), targets: xs.map((x) => [0.5 * x]) }),
      batchSize: "all",
      epochs: 5,
      schedule: reduceOnPlateau({ patience: 1, factor: 0.5 }),
    });
    // The loss is 0 from the first epoch on: two epochs without improvement are one too many.
    const rates = iterations.map(({ learningRate }) => learningRate);
    assertClose(rates, [0.01, 0.01, 0.01, 0.005, 0.005], 1e-12, "rates");
  });
});

describe("what training must not change", () => {
  class Two extends nn.Module {
    first = new nn.Linear(1, 3);
    second = new nn.Linear(3, 1);

    forward(x: Tensor) {
      return this.second(ops.tanh(this.first(x)));
    }
  }

  it("is what is frozen: the rest goes on", async () => {
    const model = new Two();
    nn.freeze(model.first);
    const before = await train({ model, epochs: 0 });
    const { values } = await train({ model, epochs: 3, l2: 0.1 });
    for (const [name, { data }] of values) {
      const same = [...data].every((x, i) => x === before.values.get(name)?.data[i]);
      assert.equal(same, name.startsWith("first"), name);
    }
  });

  it("is the parameters of the last good step, when the loss is no number", async () => {
    class Logarithm extends Slope {
      override forward(x: Tensor) {
        return ops.log(super.forward(x));
      }
    }
    const { end, weight, findings, iterations } = await train({
      model: new Logarithm(),
      data: fromArrays({ inputs: xs.map((x) => [x]), targets: xs.map(() => -10) }),
      optimizer: sgd({ learningRate: 1 }),
      epochs: 5,
    });
    // J = mean (log(wx) + 10)², so w goes to 0.5 − (2/0.5)·mean(log(0.5x) + 10), which is negative and has no logarithm.
    const next = 0.5 - 4 * (xs.reduce((sum, x) => sum + Math.log(0.5 * x), 0) / 5 + 10);
    assert.deepEqual([end.reason, end.iterations], ["not-finite", 1]);
    assertClose([weight], [next], 1e-6, "weight");
    assert.ok(Number.isNaN(iterations[1].loss));
    assert.equal(findings.length, 1);
    assert.equal(findings[0].code, "not-finite");
    assert.match(findings[0].message, /the loss became NaN in iteration 2; .* comes from log/);
  });

  it("is the parameters, when the loss is a number and its gradient is none", async () => {
    // The root's slope at 0 is infinite, and times 0 it is NaN.
    class Root extends nn.Module {
      layer = new nn.Linear(1, 1, { bias: false });

      forward(x: Tensor) {
        return ops.sqrt(this.layer(x).mul(0));
      }
    }
    const { end, values, findings } = await train({ model: new Root() });
    assert.deepEqual([end.reason, end.iterations], ["not-finite", 0]);
    for (const { data } of values.values()) assert.ok([...data].every(Number.isFinite));
    assert.match(
      findings[0].message,
      /the gradient of layer\.weight became infinite or NaN in iteration 1; .* the gradient of sqrt/,
    );
  });

  it("names the layer that gave the first number that is none", async () => {
    class Deep extends nn.Module {
      first = new nn.Linear(1, 4);
      huge = new nn.Linear(4, 4, { initializer: all(1e38) });
      last = new nn.Linear(4, 1);

      forward(x: Tensor) {
        return this.last(this.huge(this.first(x).mul(1e30)));
      }
    }
    const { findings } = await train({ model: new Deep() });
    assert.equal(findings[0].layer, "huge");
  });
});

describe("statistics of a layer", () => {
  it("are the norms, means and fractions of their definitions", async () => {
    // Two units: z = (x, −x − 10), so the second one is dead for x = 1…5.
    class Rectified extends nn.Module {
      layer = new nn.Linear(1, 2, {
        initializer: { name: "given", fill: () => Float64Array.of(1, -1) },
        biasInitializer: { name: "given", fill: () => Float64Array.of(0, -10) },
      });

      forward(x: Tensor) {
        return ops.relu(this.layer(x)).sum(1, { keepDims: true });
      }
    }
    const { iterations, start } = await train({ model: new Rectified(), batchSize: "all" });
    assert.deepEqual(
      start.layers.map(({ name, type }) => [name, type]),
      [["layer", "Linear"]],
    );
    const [figures] = iterations[0].statistics;
    // ŷ = x, y = 2x: ∂J/∂z₁ = 2(x − 2x)/5 = −0.4x for the live unit, 0 for the dead one.
    const upstream = xs.map((x) => -0.4 * x);
    const squares = (numbers: readonly number[]): number => numbers.reduce((sum, x) => sum + x * x, 0);
    const gradient = [upstream.reduce((sum, g, i) => sum + g * xs[i], 0), upstream.reduce((a, b) => a + b)];
    assertClose([figures.outputGradient], [Math.sqrt(squares(upstream))], 1e-6, "output gradient");
    assertClose([figures.gradient], [Math.sqrt(squares(gradient))], 1e-6, "gradient");
    assertClose([figures.weight], [Math.sqrt(1 + 1 + 0 + 100)], 1e-6, "weight");
    assertClose([figures.update], [0.01 * Math.sqrt(squares(gradient))], 1e-4, "update");
    const outputs = xs.flatMap((x) => [x, -x - 10]);
    assertClose([figures.activation], [Math.sqrt(squares(outputs) / 10)], 1e-6, "root mean square of the output");
    assert.equal(figures.dead, 0.5);
    assert.ok(Number.isNaN(figures.saturated));
  });

  it("count the saturated elements of a sigmoid", async () => {
    class Saturated extends nn.Module {
      layer = new nn.Linear(1, 1, { initializer: all(2), bias: false });

      forward(x: Tensor) {
        return ops.sigmoid(this.layer(x));
      }
    }
    const { iterations } = await train({ model: new Saturated(), batchSize: "all" });
    // σ(2x) > 0.99 for 2x > log 99 = 4.595: x = 3, 4, 5 of five.
    assertClose([iterations[0].statistics[0].saturated], [0.6], 1e-6, "saturated");
    assert.ok(Number.isNaN(iterations[0].statistics[0].dead));
  });
});

describe("a part of an iteration done before its time", () => {
  const batch = [[1, 2, 3, 4, 5]];
  const write = (w: number): ReadonlyMap<string, { shape: readonly number[]; data: Float32Array }> =>
    new Map([["weight", { shape: [1, 1], data: Float32Array.of(w) }]]);
  for (const count of [0, 1, 3, 1000]) {
    it(`changes nothing, ${count} of its kernels`, async () => {
      const { weight, iterations } = await train(
        { batchSize: 5, epochs: 3 },
        {
          probe: {
            beforeIteration: (moment) => {
              for (let i = 0; i < count; i++) moment.ahead();
            },
          },
        },
      );
      const expected = updates([...batch, ...batch, ...batch]);
      assertClose([weight], [expected.w], 1e-6, "weight");
      assertClose(
        iterations.map(({ loss }) => loss),
        expected.losses,
        1e-6,
        "losses",
      );
    });

    it(`is done anew with weight and rate that are set after ${count} of its kernels`, async () => {
      const { weight } = await train(
        { batchSize: 5, epochs: 2 },
        {
          probe: {
            beforeIteration: (moment) => {
              if (moment.iteration === 0) return;
              for (let i = 0; i < count; i++) moment.ahead();
              moment.write(write(3));
              for (let i = 0; i < count; i++) moment.ahead();
              moment.setLearningRate(0.02);
            },
          },
        },
      );
      assertClose([weight], [update(3, xs, 0.02).w], 1e-6, "weight");
    });
  }

  it("is not taken for the iteration after going back to another", async () => {
    let back = false;
    const { weight } = await train(
      { batchSize: 5, epochs: 3 },
      {
        probe: {
          beforeIteration: async (moment) => {
            if (moment.iteration !== 1 || back) {
              assert.equal(moment.ahead(), true);
              return undefined;
            }
            back = true;
            const to = await moment.snapshot();
            while (moment.ahead());
            return { kind: "rewind", to: { ...to, values: write(7) } };
          },
        },
      },
    );
    assertClose([weight], [updates([...batch, ...batch], 7).w], 1e-5, "weight");
  });
});
