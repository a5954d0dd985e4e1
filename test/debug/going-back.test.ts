/** Going back across iterations and epochs: the same bits, and a run that ends as one without a debugger. */
import assert from "node:assert/strict";
import { createJsBackend } from "../../engine/backends/js";
import { createSnapshots } from "../../engine/debug/snapshots";
import { createNodeFiles } from "../../engine/host/node-files";
import { loadProgram } from "../../engine/host/program";
import { changedTraining } from "../../engine/host/tasks/train";
import type { Checkpoint } from "../../engine/train/checkpoint";
import type { TrainingEvent } from "../../engine/train/events";
import { runTraining } from "../../engine/train/run";
import type { StoredValues } from "../../engine/train/store";
import type { Situation } from "../../engine/debug/requests";
import { type InHost, inHost } from "./support/launched";
import { line } from "./support/models";
import { type DebuggedSession, type SessionOptions, openSession, programFile } from "./support/session";

/** All that a run keeps from one iteration to the next: dropout, running means, Adam's moments, a schedule, validation, early stopping. */
const RICH = `
import { BatchNorm1d, Dropout, Linear, Module, adam, crossEntropy, moons, relu, stepDecay, training, type Tensor } from "backstep";
class Model extends Module {
  hidden = new Linear(2, 6);
  norm = new BatchNorm1d(6);
  dropout = new Dropout(0.3);
  output = new Linear(6, 2);
  forward(x: Tensor) {
    const h = this.dropout(relu(this.norm(this.hidden(x))));
    return this.output(h);
  }
}
export default training({
  model: new Model(),
  data: moons({ count: 40 }),
  validation: 0.25,
  loss: crossEntropy,
  optimizer: adam({ learningRate: 0.05 }),
  schedule: stepDecay({ every: 2, factor: 0.5 }),
  batchSize: 8,
  epochs: 5,
  earlyStopping: { patience: 2 },
});
`;
/** 30 examples in batches of 8, the last one of 6: 4 iterations an epoch. */
const PER_EPOCH = 4;
/** A few kilobytes: two or three snapshots, and values are forgotten all the time. */
const TINY = 0.004;

interface Outcome {
  readonly events: readonly unknown[];
  readonly checkpoints: readonly Checkpoint[];
  readonly values: ReadonlyMap<string, StoredValues>;
}

/** Without what depends on the clock and the folder. */
function clockless(event: TrainingEvent): unknown {
  if (event.type === "start") return { ...event, layers: event.layers.map(({ file: _, ...layer }) => layer) };
  const {
    seconds: _,
    examplesPerSecond: __,
    ...rest
  } = event as TrainingEvent & {
    seconds?: number;
    examplesPerSecond?: number;
  };
  return rest;
}

function recorder(): { options: SessionOptions; events: unknown[]; checkpoints: Checkpoint[] } {
  const events: unknown[] = [];
  const checkpoints: Checkpoint[] = [];
  return {
    events,
    checkpoints,
    options: {
      onEvent: (event) => events.push(clockless(event)),
      save: (checkpoint) => {
        checkpoints.push(checkpoint);
        return Promise.resolve("checkpoint");
      },
    },
  };
}

async function alone(text: string, changes: { maxSteps?: number } = {}): Promise<Outcome> {
  const file = programFile(text);
  const { training } = await loadProgram(file);
  assert.ok(training);
  const { events, checkpoints, options } = recorder();
  const { values } = await runTraining(
    changedTraining(training, { ...changes, workers: 0 }),
    { backend: createJsBackend(), files: createNodeFiles(file, "dist/assets"), now: () => performance.now() },
    { onEvent: (event) => options.onEvent?.(event), ...(options.save && { save: options.save }) },
  );
  return { events, checkpoints, values };
}

/** Everything that an iteration starts from and comes to, at its last step. */
function bitsOf({ scene: { episode } }: DebuggedSession): Map<string, Float64Array> {
  const { graph, values } = episode;
  const bits = new Map<string, Float64Array>();
  graph.nodes.forEach((node, i) => bits.set(`${i} ${node.op} ${node.phase}`, Float64Array.from(values.of(node).data)));
  return bits;
}

async function toIteration(session: DebuggedSession, iteration: number): Promise<void> {
  const at = (): number => session.scene.episode.iteration;
  const leave = async (how: "over" | "back"): Promise<void> => {
    const from = at();
    while (at() === from) assert.ok(await session.move(how, { granularity: "line" }));
  };
  while (at() < iteration) await leave("over");
  while (at() > iteration) await leave("back");
}

async function open(options: SessionOptions = {}, text = RICH): Promise<DebuggedSession> {
  const session = await openSession(programFile(text), { stopOnEntry: true, historyLimit: TINY, ...options });
  await session.start();
  return session;
}

describe("going back through a training with little memory", () => {
  it("gives every value of every iteration to the last bit, forwards and backwards, across epochs", async () => {
    const session = await open();
    const iterations = 2 * PER_EPOCH + 2;
    const seen: Map<string, Float64Array>[] = [];
    for (let i = 0; i < iterations; i++) {
      await toIteration(session, i);
      assert.equal(session.scene.episode.epoch, Math.floor(i / PER_EPOCH));
      seen.push(bitsOf(session));
    }
    for (const i of [iterations - 1, 7, 6, 3, 0, 5, 1]) {
      await toIteration(session, i);
      assert.equal(session.scene.episode.epoch, Math.floor(i / PER_EPOCH));
      const bits = bitsOf(session);
      for (const [name, data] of seen[i]) assert.deepEqual(bits.get(name), data, `${name} of iteration ${i}`);
    }
    const { kept, bound, earliest } = session.ask({ kind: "situation" });
    assert.equal(earliest, 0);
    assert.ok(bound === TINY * 2 ** 20 && kept > 0);
    await session.finish();
  }).timeout(60_000);

  it("ends as a run without a debugger: what is told, once each, what is saved, and the final values", async () => {
    const expected = await alone(RICH);
    const { events, checkpoints, options } = recorder();
    const session = await open(options);
    for (const i of [6, 2, 9, 0, 11, 10]) await toIteration(session, i);
    session.ask({ kind: "setBreakpoints", file: session.file, breakpoints: [{ line: 10 }] });
    // Line by line of breakpoints to the end, from wherever it is.
    while (await session.move("continue"));
    const values = await session.finish();
    assert.deepEqual(values, expected.values);
    assert.deepEqual(events, expected.events);
    assert.deepEqual(checkpoints, expected.checkpoints);
  }).timeout(60_000);

  it("the loss of a moment is the one before it, also after going back", async () => {
    const expected = await alone(RICH);
    const losses = expected.events.flatMap((event) => {
      const { type, loss } = event as { type: string; loss: number };
      return type === "iteration" ? [loss] : [];
    });
    const session = await open();
    for (const i of [4, 2, 6, 1]) {
      await toIteration(session, i);
      while (session.scene.position.index > 0) await session.move("back", { granularity: "node" });
      assert.ok(Math.abs((session.ask({ kind: "situation" }).loss ?? NaN) - losses[i - 1]) < 1e-6);
    }
    await session.finish();
  }).timeout(60_000);
});

describe("beginnings and ends", () => {
  it("stops before the iteration that was asked for, once", async () => {
    const session = await openSession(programFile(line()), { stopAtIteration: 2, maxSteps: 4 });
    const stop = await session.start();
    assert.equal(stop?.reason, "entry");
    assert.equal(session.scene.episode.iteration, 2);
    assert.equal(session.scene.position.index, 0);
    await toIteration(session, 1);
    assert.equal(await session.move("continue"), undefined);
  });

  it("restart: from the beginning, with the values of the beginning", async () => {
    const session = await open({}, line());
    const first = bitsOf(session);
    await toIteration(session, 3);
    const stop = await session.move("restart");
    assert.equal(stop?.reason, "entry");
    assert.equal(session.scene.episode.iteration, 0);
    assert.deepEqual(bitsOf(session), first);
    await session.finish();
  });

  it("restart where a stop before an iteration was asked for: stops there again", async () => {
    const session = await openSession(programFile(line()), { stopAtIteration: 2, maxSteps: 4 });
    await session.start();
    await session.move("restart");
    assert.equal(session.scene.episode.iteration, 2);
    await session.finish();
  });

  it("restart from the end of the training", async () => {
    const session = await open({ maxSteps: 2 }, line());
    for (;;) if ((await session.move("over"))?.description.startsWith("At the end")) break;
    await session.move("restart");
    assert.equal(session.scene.episode.iteration, 0);
    await session.finish();
  });

  it("back from the end leads to the last iteration's update, and before the first there is nothing", async () => {
    const session = await open({ maxSteps: 2 }, line());
    for (;;) if ((await session.move("over"))?.description.startsWith("At the end")) break;
    await session.move("back");
    assert.equal(session.where(), "13 update update by sgd");
    assert.equal(session.scene.episode.iteration, 1);
    const stop = await session.move("reverse");
    assert.match(stop?.description ?? "", /^At the beginning/);
    assert.equal(session.scene.episode.iteration, 0);
    await session.finish();
  });

  it("pause stops where it is, going back too", async () => {
    const session = await open({ maxSteps: 6 }, line());
    const pausing = async (how: "continue" | "reverse"): Promise<string | undefined> => {
      const moved = session.move(how);
      session.ask({ kind: "pause" });
      return (await moved)?.reason;
    };
    assert.equal(await pausing("continue"), "pause");
    await toIteration(session, 4);
    // One that comes while it stands is fulfilled already.
    session.ask({ kind: "pause" });
    assert.equal((await session.move("over"))?.reason, "step");
    assert.equal(await pausing("reverse"), "pause");
    await session.finish();
  });

  it("pause stops a long way back where it has come to", async () => {
    const text = line().replace("epochs: 6", "epochs: 400");
    const session = await openSession(programFile(text), { stopAtIteration: 300, historyLimit: 0.0001 });
    await session.start();
    const stopping = session.move("back");
    for (let i = 0; i < 20; i++) await new Promise((next) => setImmediate(next));
    session.ask({ kind: "pause" });
    assert.equal((await stopping)?.reason, "pause");
    const { iteration } = session.scene.episode;
    assert.ok(iteration > 0 && iteration < 299, String(iteration));
    await toIteration(session, iteration + 1);
    await session.finish();
  });

  for (const when of ["at entry", "in the middle", "gone back", "at the end"] as const) {
    it(`let go ${when}, the rest trains as without a debugger`, async () => {
      const expected = await alone(RICH);
      const { events, checkpoints, options } = recorder();
      const session = await open(options);
      if (when === "in the middle") await toIteration(session, 3);
      if (when === "in the middle") await session.move("over");
      if (when === "gone back") for (const i of [6, 2]) await toIteration(session, i);
      if (when === "at the end") for (;;) if ((await session.move("over"))?.description.startsWith("At the end")) break;
      assert.deepEqual(await session.finish(), expected.values);
      assert.deepEqual(events, expected.events);
      assert.deepEqual(checkpoints, expected.checkpoints);
    }).timeout(60_000);
  }

  it("left while it stands, the run ends where it is", async () => {
    const { events, options } = recorder();
    const session = await open(options);
    await toIteration(session, 3);
    session.debugger.leave();
    const last = (): { type: string; reason?: string } => events.at(-1) as { type: string; reason?: string };
    while (last().type !== "end") await new Promise((next) => setImmediate(next));
    assert.equal(last().reason, "interrupted");
    assert.equal(events.filter((event) => (event as { type: string }).type === "iteration").length, 3);
  });
});

describe("a training that runs already", () => {
  it("is attached to, gone back in as far as it was seen, and let go: it ends as if nothing had been", async () => {
    const text = RICH.replace("epochs: 5", "epochs: 400").replace("earlyStopping: { patience: 2 },", "");
    const undisturbed = inHost(text, undefined);
    await undisturbed.end();
    const host = inHost(text, undefined);
    await host.told("epoch");
    await host.ask({ kind: "attach", options: {} });
    await host.ask({ kind: "start" });
    const stop = await host.stop();
    assert.equal(stop.reason, "pause");
    const situation = async (): Promise<Situation> => (await host.ask({ kind: "situation" })) as Situation;
    const { iteration } = await situation();
    assert.ok(iteration >= PER_EPOCH && iteration < 400 * PER_EPOCH);
    while ((await situation()).iteration < iteration + 2) {
      await host.ask({ kind: "move", how: "over" });
      await host.stop();
    }
    await host.ask({ kind: "move", how: "reverse" });
    assert.match((await host.stop()).description, /^At the beginning/);
    assert.equal((await situation()).iteration, iteration);
    await host.ask({ kind: "detach" });
    await host.end();
    // What the diagnosis says depends on the clock.
    const told = ({ events }: InHost): unknown[] =>
      events.filter(({ type }) => type !== "finding").map((event) => clockless(event));
    assert.deepEqual(told(host), told(undisturbed));
  }).timeout(60_000);
});

describe("snapshots", () => {
  const snapshot = (iteration: number): Checkpoint =>
    ({
      values: new Map([["w", { shape: [25], data: new Float32Array(25) }]]),
      best: undefined,
      state: { epoch: 0, iteration, batch: 0, losses: [], trainingLosses: [], best: undefined },
      measurements: { predictions: new Float64Array(0), targets: new Float64Array(0) },
    }) as unknown as Checkpoint;
  /** 100 bytes each. */
  const kept = (bound: number, iterations: readonly number[]): number[] => {
    const snapshots = createSnapshots(bound);
    for (const iteration of iterations) snapshots.keep(snapshot(iteration));
    return iterations.filter((iteration) => snapshots.has(iteration));
  };
  const upTo = (last: number): number[] => Array.from({ length: last + 1 }, (_, i) => i);

  it("all are kept while there is room", () => {
    assert.deepEqual(kept(1000, upTo(9)), upTo(9));
  });

  it("the first and the last are always kept, the latest densely", () => {
    const iterations = kept(800, upTo(100));
    assert.equal(iterations.length, 8);
    assert.equal(iterations[0], 0);
    assert.equal(iterations.at(-1), 100);
    const gaps = iterations.slice(1).map((each, i) => each - iterations[i]);
    assert.ok(gaps[0] >= 3 * gaps[gaps.length - 1], iterations.join());
    assert.ok(iterations.filter((each) => each > 50).length >= 4, iterations.join());
    assert.deepEqual(kept(1, upTo(5)), [0, 5]);
  });

  it("gives the last at or before an iteration, and forgets those after a change", () => {
    const snapshots = createSnapshots(1e6);
    for (const iteration of [0, 4, 8]) snapshots.keep(snapshot(iteration));
    assert.equal(snapshots.before(7)?.state.iteration, 4);
    assert.equal(snapshots.before(8)?.state.iteration, 8);
    assert.equal(snapshots.before(-1), undefined);
    snapshots.dropAfter(4);
    assert.deepEqual([snapshots.latest, snapshots.earliest, snapshots.bytes], [4, 0, 200]);
  });
});
