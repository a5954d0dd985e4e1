/** What is told and saved of a run whose past was changed: as if it had been lived that way the first time. */
import assert from "node:assert/strict";
import type { Checkpoint } from "../../engine/train/checkpoint";
import type { EpochEvent, IterationEvent, RewindEvent, TrainingEvent } from "../../engine/train/events";
import { createTold } from "../../engine/train/told";
import { line } from "./support/models";
import { type DebuggedSession, type SessionOptions, openSession, programFile } from "./support/session";

type Told = IterationEvent | EpochEvent | RewindEvent;

interface Lived {
  readonly session: DebuggedSession;
  readonly told: Told[];
  readonly checkpoints: Checkpoint[];
  readonly ends: TrainingEvent[];
}

async function open(text = line(), options: SessionOptions = {}): Promise<Lived> {
  const told: Told[] = [];
  const checkpoints: Checkpoint[] = [];
  const ends: TrainingEvent[] = [];
  const session = await openSession(programFile(text), {
    stopOnEntry: true,
    onEvent: (event) => {
      if (event.type === "iteration" || event.type === "epoch" || event.type === "rewind") told.push(event);
      if (event.type === "end") ends.push(event);
    },
    save: (checkpoint) => Promise.resolve(`${checkpoints.push(checkpoint)}`),
    ...options,
  });
  await session.start();
  set(session, "linear.weight[0][0]", "1");
  set(session, "linear.bias[0]", "0");
  return { session, told, checkpoints, ends };
}

function set(session: DebuggedSession, target: string, value: string): void {
  session.ask({ kind: "setExpression", target, value, frame: 0 });
}

async function toIteration({ session }: Lived, iteration: number): Promise<void> {
  while (session.scene.episode.iteration < iteration) assert.ok(await session.move("over"));
  while (session.scene.episode.iteration > iteration || session.scene.position.index > 0)
    assert.ok(await session.move("back"));
}

/** What stands for those who heard all of it: figures by iteration and by epoch, without those of the clock. */
function heard(told: readonly Told[]): unknown[] {
  let list: Exclude<Told, RewindEvent>[] = [];
  for (const event of told) {
    if (event.type !== "rewind") list.push(event);
    else
      list = list.filter((before) =>
        before.type === "epoch" ? before.epoch <= event.epoch : before.iteration <= event.iteration,
      );
  }
  return list.map((event) => ({ ...event, seconds: 0, examplesPerSecond: 0 }));
}

const rewinds = ({ told }: Lived): unknown[] => told.filter(({ type }) => type === "rewind");

interface Change {
  readonly what: string;
  readonly change: (session: DebuggedSession) => Promise<void> | void;
}

const CHANGES: readonly Change[] = [
  { what: "a weight", change: (session) => set(session, "linear.weight[0][0]", "-1") },
  { what: "the learning rate", change: (session) => set(session, "learningRate", "0.01") },
  {
    what: "an activation",
    change: async (session) => {
      await session.move("over");
      set(session, "y", "[[1], [2]]");
    },
  },
];

describe("a changed past", () => {
  for (const { what, change } of CHANGES) {
    it(`${what}: what comes of it is told and saved as if it had been so the first time`, async () => {
      const first = await open();
      await toIteration(first, 2);
      await change(first.session);
      const final = await first.session.finish();
      const again = await open();
      await toIteration(again, 5);
      await toIteration(again, 2);
      assert.deepEqual(rewinds(again), []);
      await change(again.session);
      assert.deepEqual(await again.session.finish(), final);
      assert.deepEqual(rewinds(again), [{ type: "rewind", epoch: 2, iteration: 2 }]);
      assert.deepEqual(heard(again.told), heard(first.told));
      assert.deepEqual(again.checkpoints.at(-1), first.checkpoints.at(-1));
    });
  }

  it("losses by hand: 2.5 with w = 1, b = 0; then w = 0, b = 0 instead of 1.5 and 0.3, so (4 + 16) / 2", async () => {
    const lived = await open();
    await toIteration(lived, 3);
    await toIteration(lived, 1);
    set(lived.session, "linear.weight[0][0]", "0");
    set(lived.session, "linear.bias[0]", "0");
    await lived.session.finish();
    const losses = heard(lived.told).flatMap((event) => {
      const { type, iteration, loss } = event as IterationEvent;
      return type === "iteration" && iteration < 3 ? [loss] : [];
    });
    assert.ok(Math.abs(losses[0] - 2.5) < 1e-6 && Math.abs(losses[1] - 10) < 1e-6, String(losses));
  });

  it("that is gone back from further and replayed is told once", async () => {
    const lived = await open();
    await toIteration(lived, 4);
    await toIteration(lived, 2);
    set(lived.session, "linear.weight[0][0]", "5");
    await toIteration(lived, 1);
    assert.deepEqual(rewinds(lived), [{ type: "rewind", epoch: 2, iteration: 2 }]);
    await toIteration(lived, 4);
    await toIteration(lived, 0);
    await lived.session.finish();
    assert.equal(rewinds(lived).length, 1);
    const iterations = lived.told.flatMap((event) => (event.type === "iteration" ? [event.iteration] : []));
    assert.deepEqual(iterations, [1, 2, 3, 4, 3, 4, 5, 6]);
  });

  it("a restart after a change is one: what was told from the change on is void", async () => {
    const lived = await open();
    await toIteration(lived, 2);
    set(lived.session, "linear.weight[0][0]", "5");
    await toIteration(lived, 4);
    await lived.session.move("restart");
    await lived.session.finish();
    assert.deepEqual(rewinds(lived), [{ type: "rewind", epoch: 0, iteration: 0 }]);
    const alone = await openSession(programFile(line()), {});
    void alone.start();
    assert.deepEqual(await lived.session.finish(), await alone.finish());
  });

  it("stopped in the past, the run ends there for those who were told as well, and is saved there", async () => {
    const lived = await open();
    await toIteration(lived, 4);
    await toIteration(lived, 2);
    lived.session.debugger.leave();
    while (lived.ends.length === 0) await new Promise((next) => setImmediate(next));
    assert.deepEqual(rewinds(lived), [{ type: "rewind", epoch: 2, iteration: 2 }]);
    assert.equal(lived.checkpoints.at(-1)?.state.iteration, 2);
    assert.deepEqual(
      lived.ends.map((event) => event.type === "end" && [event.reason, event.iterations, event.epochs]),
      [["interrupted", 2, 2]],
    );
  });

  it("what was saved of the future that is no more is replaced at once", async () => {
    const lived = await open();
    await toIteration(lived, 4);
    await toIteration(lived, 2);
    set(lived.session, "linear.weight[0][0]", "5");
    const before = lived.checkpoints.length;
    // Within the iteration nothing is lived anew.
    await lived.session.move("over");
    assert.equal(lived.checkpoints.length, before);
    await toIteration(lived, 3);
    const saved = lived.checkpoints[before];
    assert.equal(saved.state.iteration, 2);
    assert.equal(saved.values.get("linear.weight")?.data[0], 5);
    await lived.session.finish();
  });
});

describe("an iteration whose outcome was changed", () => {
  it("counts in the metrics with its changed predictions and targets", async () => {
    const text = line('metrics: ["mae", "mse"],');
    const lived = await open(text, { maxSteps: 2 });
    await lived.session.move("over");
    // Targets are 2 and 4.
    set(lived.session, "y", "[[1], [7]]");
    await lived.session.finish();
    const [epoch] = lived.told.flatMap((event) => (event.type === "epoch" ? [event] : []));
    assert.deepEqual(epoch.metrics, { mae: 2, mse: 5 });
    assert.equal(epoch.loss, 5);
    const target = await open(text, { maxSteps: 2 });
    set(target.session, "target", "[[3], [4]]");
    await target.session.finish();
    const [other] = target.told.flatMap((event) => (event.type === "epoch" ? [event] : []));
    // Predictions are 1 and 2.
    assert.deepEqual(other.metrics, { mae: 2, mse: 4 });
  });
});

describe("how far a run was told of", () => {
  it("knows the epochs that hold, also of a run that began within one", () => {
    const told = createTold({ epoch: 2, iteration: 9, batch: 1, losses: [], trainingLosses: [], best: undefined }, 4);
    assert.deepEqual([told.iteration(9), told.iteration(10), told.iteration(10)], [false, true, false]);
    for (let iteration = 11; iteration <= 20; iteration++) told.iteration(iteration);
    assert.deepEqual([told.epoch(3), told.epoch(4), told.epoch(4), told.epoch(5)], [true, true, false, true]);
    told.rewrite(20);
    assert.equal(told.rewind(), undefined);
    told.rewrite(16);
    told.rewrite(18);
    // Epochs end with iterations 12, 16 and 20.
    assert.deepEqual(told.rewind(), { type: "rewind", epoch: 4, iteration: 16 });
    assert.equal(told.rewind(), undefined);
    told.rewrite(15);
    assert.deepEqual(told.rewind(), { type: "rewind", epoch: 3, iteration: 15 });
    assert.deepEqual([told.iteration(15), told.iteration(16), told.epoch(4)], [false, true, true]);
  });
});
