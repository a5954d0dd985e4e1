/** Findings of real runs over their time: raised, withdrawn, placed, and never in the way of the run. */
import assert from "node:assert/strict";
import { createJsBackend } from "../../engine/backends/js";
import { createDiagnosis, type Diagnosis } from "../../engine/diagnose";
import { bandsOf } from "../../engine/diagnose/bands";
import { currentTrace } from "../../engine/graph/trace";
import type { Tensor } from "../../engine/graph/tensor";
import { Linear, Module, crossEntropy } from "../../engine/nn";
import { relu } from "../../engine/ops";
import { sgd, type Schedule } from "../../engine/optim";
import { blobs } from "../../engine/data";
import type { FindingEvent } from "../../engine/train/events";
import { runTraining } from "../../engine/train/run";
import { type Training, training, type TrainingOptions } from "../../engine/train/training";
import { files } from "./support/data";

class Small extends Module {
  hidden = new Linear(2, 16);
  output = new Linear(16, 3);
  forward(x: Tensor) {
    return this.output(relu(this.hidden(x)));
  }
}

async function findings(options: Partial<TrainingOptions<Module & ((x: Tensor) => Tensor)>>): Promise<FindingEvent[]> {
  let diagnosis: Diagnosis | undefined;
  const found: FindingEvent[] = [];
  const run = healthy(options);
  await runTraining(
    run,
    { backend: createJsBackend(), files, now: () => 0 },
    {
      onReady: (access) => {
        diagnosis = createDiagnosis(access);
      },
      onEvent: async (event) => {
        found.push(...((await diagnosis?.observe(event)) ?? []));
      },
    },
  );
  return found;
}

function healthy(options: Partial<TrainingOptions<Module & ((x: Tensor) => Tensor)>>): Training {
  return training({
    model: new Small(),
    data: blobs({ count: 300, seed: 4 }),
    loss: crossEntropy,
    optimizer: sgd({ learningRate: 0.05 }),
    batchSize: 30,
    epochs: 40,
    seed: 1,
    ...options,
  } as TrainingOptions);
}

/** Nothing for the first 60 % of the run, then the full rate. */
const late: Schedule = { name: "late", rate: ({ base, iteration }) => (iteration < 240 ? base * 1e-9 : base) };

describe("diagnose: findings over a run", () => {
  it("are none for a healthy one", async () => {
    assert.deepEqual(await findings({}), []);
  });

  it("are withdrawn when the evidence goes", async () => {
    const found = await findings({ schedule: late });
    assert.deepEqual(
      found.map(({ code, withdrawn, iteration }) => [code, withdrawn ?? false, iteration]),
      // Looks come at each eighth of 400 iterations; 40 % of the run must be over.
      found.map(({ withdrawn, iteration }) => ["no-update", withdrawn ?? false, iteration]),
    );
    assert.equal(found[0].iteration, 200);
    assert.equal(found.at(-1)?.withdrawn, true);
    assert.ok((found.at(-1)?.iteration ?? 0) > 240);
  });

  it("of a past that was changed are as if its future had never been", async () => {
    const standing = new Map<string, FindingEvent>();
    const expected = (await findings({ schedule: late })).map(({ code, layer, message }) => [code, layer, message]);
    let diagnosis: Diagnosis | undefined;
    let forgotten = 0;
    const hear = (found: readonly FindingEvent[] = []): void => {
      for (const each of found) {
        if (each.withdrawn) standing.delete(each.code);
        else standing.set(each.code, each);
      }
    };
    const told: unknown[] = [];
    await runTraining(
      healthy({ schedule: late }),
      { backend: createJsBackend(), files, now: () => 0 },
      {
        onReady: (access) => {
          diagnosis = createDiagnosis(access);
        },
        onEvent: async (event) => {
          const found = (await diagnosis?.observe(event)) ?? [];
          told.push(...found.map(({ code, layer, message }) => [code, layer, message]));
          hear(found);
          if (event.type !== "iteration" || event.iteration !== 120) return;
          // Losses that explode, with gradients and updates that do, until after 40 % of the run.
          for (let iteration = 121; iteration <= 210; iteration++) {
            const statistics = event.statistics.map((each) => ({ ...each, gradient: 1e9, update: 1e9 }));
            hear(await diagnosis?.observe({ ...event, iteration, loss: 2 ** iteration, statistics }));
          }
          forgotten = standing.size;
          hear(await diagnosis?.observe({ type: "rewind", epoch: 12, iteration: 120 }));
          assert.equal(standing.size, 0);
        },
      },
    );
    assert.ok(forgotten > 0);
    assert.deepEqual(told, expected);
  });

  it("say what rests on what, and what to do", async () => {
    const found = await findings({ optimizer: sgd({ learningRate: 1e-9 }) });
    const last = found.at(-1);
    assert.equal(last?.code, "no-update");
    assert.equal(last?.severity, "warning");
    assert.match(last?.message ?? "", /^in 400 updates no layer moved by more than .* % of its weights/);
    assert.deepEqual(
      last?.evidence?.find(({ label }) => label === "learning rate"),
      { label: "learning rate", value: "1.0e-9" },
    );
    assert.match(last?.remedy ?? "", /raise learningRate \(now 1\.0e-9\)/);
  });

  it("name the first bad layer when numbers become infinite", async () => {
    const found = await findings({ optimizer: sgd({ learningRate: 1e12 }) });
    const error = found.find(({ code }) => code === "exploding-gradient");
    assert.equal(error?.severity, "error");
    assert.ok(["hidden", "output"].includes(error?.layer ?? ""));
    assert.ok(found.some(({ code }) => code === "update-too-large"));
  });

  it("leave a run alone that cannot be evaluated", async () => {
    class TrainingOnly extends Small {
      override forward(x: Tensor) {
        if (!currentTrace().training) throw new Error("this model can only be trained");
        return super.forward(x);
      }
    }
    const found = await findings({ model: new TrainingOnly(), validation: false });
    assert.deepEqual(
      found.map(({ code, severity }) => [code, severity]),
      [["no-diagnosis", "information"]],
    );
    assert.match(found[0].message, /can only be trained/);
  });
});

describe("diagnose: bands", () => {
  const layer = (gradient: number) => ({
    outputGradient: gradient,
    gradient,
    weight: 4,
    update: 0.01,
    activation: 1,
    dead: 0,
    saturated: NaN,
  });

  it("lie around the other layers, whatever their size", () => {
    const { gradient, update, dead } = bandsOf([layer(1e-9), layer(1e-8), layer(1e-7)]);
    const [low, high] = gradient ?? [];
    assert.ok(low !== undefined && high !== undefined);
    assert.ok(Math.abs(Math.log10(low) + 9.5) < 1e-9 && Math.abs(Math.log10(high) + 6.5) < 1e-9);
    assert.deepEqual(
      update?.map((value) => Number(value.toPrecision(6))),
      [4e-4, 0.12],
    );
    assert.deepEqual(dead, [0, 0.5]);
  });

  it("leave out what no layer has", () => {
    assert.deepEqual(Object.keys(bandsOf([])), ["dead", "saturated"]);
  });
});
