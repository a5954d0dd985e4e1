/** What is planned in the course of a training, when, and why; and that new values are committed or left. */
import assert from "node:assert/strict";
import { createJsBackend } from "../../engine/backends/js";
import { createWasmBackend } from "../../engine/backends/wasm";
import { fromArrays } from "../../engine/data";
import type { DataFiles } from "../../engine/data/dataset";
import type { Tensor } from "../../engine/graph/tensor";
import { Trace, withTrace } from "../../engine/graph/trace";
import * as nn from "../../engine/nn";
import * as ops from "../../engine/ops";
import { adam, sgd } from "../../engine/optim";
import { Executor } from "../../engine/train/execute";
import type { PlanEvent } from "../../engine/train/plan-log";
import { runTraining } from "../../engine/train/run";
import { type TrainingOptions, training } from "../../engine/train/training";

const files: DataFiles = {
  read: () => Promise.reject(new Error("no files here")),
  asset: () => Promise.reject(new Error("no assets here")),
};

class Net extends nn.Module {
  hidden = new nn.Linear(3, 40);
  output = new nn.Linear(40, 1);

  forward(x: Tensor): Tensor {
    return this.output(ops.tanh(this.hidden(x)));
  }
}

const rows = Array.from({ length: 10 }, (_, i) => [Math.sin(i), Math.cos(i), i / 10]);
const data = fromArrays({ inputs: rows, targets: rows.map(([a, b]) => [a * b]) });

async function train(options: Partial<TrainingOptions<Net>>): Promise<{
  readonly plans: readonly PlanEvent[];
  readonly values: ReadonlyMap<string, { readonly data: ArrayLike<number> }>;
  readonly reason: string;
}> {
  const plans: PlanEvent[] = [];
  let clock = 0;
  const backend = createWasmBackend();
  assert.ok(backend);
  const made = training({
    model: new Net(),
    data,
    loss: nn.mse,
    optimizer: adam({ learningRate: 0.01 }),
    batchSize: 4,
    validation: false,
    epochs: 2,
    ...options,
  });
  const { values, end } = await runTraining(
    made,
    { backend, files, now: () => clock++ },
    { onPlan: (event) => plans.push(event) },
  );
  return { plans, values, reason: end.reason };
}

describe("the plans of a training", () => {
  it("are made once for each batch size, and told with the reason", async () => {
    const { plans } = await train({});
    assert.deepEqual(
      plans.map(({ what, reason }) => [what, reason]),
      [
        ["training step", "first use"],
        ["training step", "another batch size: 2 in place of 4"],
      ],
    );
    for (const { signature, kernels, scratchBytes, peakBytes, milliseconds } of plans) {
      assert.match(signature, /^[0-9a-f]{8}$/);
      assert.ok(kernels > 5 && peakBytes > 0 && scratchBytes >= peakBytes && scratchBytes <= 1.1 * peakBytes);
      assert.ok(milliseconds > 0);
    }
    assert.notEqual(plans[0].signature, plans[1].signature);
  });

  it("tell of validation, too", async () => {
    const { plans } = await train({ validation: 0.2, batchSize: "all" });
    assert.deepEqual(
      plans.map(({ what, reason }) => [what, reason]),
      [
        ["training step", "first use"],
        ["evaluation", "first use"],
      ],
    );
  });

  it("have the same signatures when the same is trained again", async () => {
    const [first, again, other] = [await train({}), await train({}), await train({ loss: nn.mae })];
    const signatures = ({ plans }: typeof first): string[] => plans.map(({ signature }) => signature);
    assert.deepEqual(signatures(again), signatures(first));
    assert.notDeepEqual(signatures(other), signatures(first));
  });
});

describe("a step that gives no numbers", () => {
  it("leaves parameters and optimiser state as they were", async () => {
    const untouched = await train({ maxSteps: 0 });
    const spoilt = await train({ loss: (y: Tensor, t: Tensor) => ops.log(nn.mse(y, t).mul(-1)) });
    assert.equal(spoilt.reason, "not-finite");
    for (const [name, { data: expected }] of untouched.values)
      assert.deepEqual(Array.from(spoilt.values.get(name)?.data ?? []), Array.from(expected), name);
  });

  it("does so where the loss is a number and the update alone is not", async () => {
    const untouched = await train({ maxSteps: 0, optimizer: sgd({ learningRate: 1 }) });
    // The root's derivative at 0 is infinite.
    const loss = (y: Tensor): Tensor => ops.sqrt(ops.sum(y.mul(0)));
    const spoilt = await train({ loss, optimizer: sgd({ learningRate: 1 }) });
    assert.equal(spoilt.reason, "not-finite");
    for (const [name, { data: expected }] of untouched.values)
      assert.deepEqual(Array.from(spoilt.values.get(name)?.data ?? []), Array.from(expected), name);
  });
});

describe("the plans of a hand-written loop", () => {
  interface Loop {
    readonly executor: Executor;
    readonly plans: PlanEvent[];
    readonly warnings: string[];
    readonly inTrace: <T>(work: () => T) => T;
  }

  function loop(): Loop {
    const plans: PlanEvent[] = [];
    const warnings: string[] = [];
    const log = {
      now: () => 0,
      onPlan: (event: PlanEvent) => void plans.push(event),
      onRetraces: (message: string) => void warnings.push(message),
    };
    const executor = new Executor(createJsBackend(), 0, undefined, undefined, log);
    const trace = new Trace(false);
    trace.training = true;
    return { executor, plans, warnings, inTrace: (work) => withTrace(trace, work) };
  }

  const reasons = ({ plans }: Loop): string[][] => plans.map(({ what, reason }) => [what, reason]);
  const batch = (size: number, seed = 0): Tensor =>
    ops.constantTensor(
      Float64Array.from({ length: size * 3 }, (_, i) => Math.sin(i + seed)),
      [size, 3],
    );

  it("are made once, whatever the numbers of a batch", async () => {
    const made = loop();
    const model = new Net();
    const optimizer = adam({ learningRate: 0.01 });
    const losses: number[] = [];
    for (let step = 0; step < 5; step++) {
      const loss = made.inTrace(() => ops.mean(model(batch(4, step)).mul(2).sub(1).pow(2)));
      losses.push(await made.inTrace(() => made.executor.minimize(loss, optimizer)));
    }
    assert.deepEqual(reasons(made), [["minimize", "first use"]]);
    assert.equal(made.executor.programsCompiled, 1);
    assert.ok(losses[4] < losses[0]);
    assert.deepEqual(made.warnings, []);
  });

  it("say what differs where another one is made", async () => {
    const made = loop();
    const graphs: (() => Tensor)[] = [
      () => ops.tanh(batch(64)),
      () => ops.tanh(batch(17)),
      () => ops.relu(batch(17)),
      () => ops.relu(batch(17)).add(0.5),
      () => ops.relu(batch(17)).add(0.25),
      () => ops.relu(batch(17)),
      () => ops.sum(batch(17), 1),
      () => ops.sum(batch(17), 0),
    ];
    for (const graph of graphs) await made.executor.values([made.inTrace(graph)]);
    const [first, ...others] = reasons(made).map(([, reason]) => reason);
    assert.equal(first, "first use");
    const form = "another form of graph: ";
    assert.deepEqual(
      others.map((reason) => [reason.startsWith(form), reason.slice(reason.startsWith(form) ? form.length : 0)]),
      [
        [false, "another batch size: 17 in place of 64"],
        [true, "operation relu in place of tanh"],
        [true, "2 operations more, constant first"],
        [true, "constant with data [0.25] in place of [0.5]"],
        [true, "operation sum in place of relu"],
        [true, "sum of shape [3] in place of [17]"],
      ],
    );
  });

  it("warn once where nearly every round makes another one", async () => {
    const made = loop();
    for (let step = 1; step <= 30; step++) await made.executor.values([made.inTrace(() => batch(3).mul(1 / step))]);
    assert.equal(made.executor.programsCompiled, 30);
    assert.equal(made.warnings.length, 1);
    assert.match(made.warnings[0], /21 different graphs/);
    assert.match(made.warnings[0], /values: [^]* anew[^]*: another form of graph: constant with data \[0\.047/);
  });
});
