import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { type TrainTask } from "../../engine/api/host";
import { type RunHistory, emptyHistory, extendHistory } from "../../engine/api/view";
import { KINDS, type Started, moons, start } from "./support";

const task =
  (more: Partial<TrainTask> = {}) =>
  (file: string, folder: string): TrainTask => ({
    kind: "train",
    file,
    timeLimit: 10,
    device: "cpu",
    report: "ticks",
    out: join(folder, "run"),
    stay: true,
    ...more,
  });

const forEver = moons("epochs: 100_000_000");

const ticksOf = ({ messages }: Started) =>
  messages.flatMap((message) => (message.kind === "tick" ? [message.tick] : []));

const savedHistory = ({ folder }: Started): RunHistory =>
  JSON.parse(readFileSync(join(folder, "run", "history.json"), "utf8")) as RunHistory;

for (const kind of KINDS) {
  describe(`a training in a ${kind}`, function () {
    this.timeout(60_000);

    it("tells of every iteration and epoch in ticks, and keeps the same history in its folder", async () => {
      const run = start(moons(), task(), { kind });
      const { end } = await run.first("ended");
      assert.ok(end);
      // 200 examples in batches of 32: seven updates an epoch, of twenty epochs.
      assert.deepEqual([end.reason, end.iterations, end.epochs], ["epochs", 140, 20]);
      const ticks = ticksOf(run);
      assert.deepEqual(
        ticks.flatMap(({ epochs }) => epochs.map(({ epoch }) => epoch)),
        Array.from({ length: 20 }, (_, i) => i + 1),
      );
      assert.equal(ticks.at(-1)?.iteration, 140);
      const event = (await run.first("event")).event;
      assert.ok(event.type === "start");
      const told = ticks.reduce(extendHistory, { ...emptyHistory, start: event, end, state: "ended" as const });
      assert.deepEqual(savedHistory(run), JSON.parse(JSON.stringify(told)));
      // Each column holds every figure of both layers.
      assert.ok(told.flow.length > 0 && told.flow.every(({ values }) => values.length === 2 * 7));
      run.host.close();
      assert.deepEqual(await run.end(), { exitCode: 0, failure: null });
    });

    it("pauses, answers looks meanwhile, goes on, and saves when it is stopped", async () => {
      const run = start(forEver, task(), { kind });
      await run.first("tick");
      run.host.pause();
      await run.first("paused");
      const at = ticksOf(run).at(-1)?.iteration;
      const look = await run.host.look({ kind: "histogram", layer: 0, of: "weights" });
      assert.ok(look.kind === "histogram", JSON.stringify(look));
      // 16 × 2 weights and 16 biases, or the weights alone.
      const counted = look.counts.reduce((a, b) => a + b, 0);
      assert.ok(counted === 32 || counted === 48, String(counted));
      const later = ticksOf(run).at(-1)?.iteration ?? 0;
      assert.ok(later - (at ?? 0) <= 50_000, "what was under way is told, no more");
      const before = ticksOf(run).length;
      await run.host.look({ kind: "confusion" });
      assert.ok(ticksOf(run).length <= before + 1, "a paused run is still");
      run.host.resume();
      while (ticksOf(run).length < before + 3) await new Promise((resolve) => setTimeout(resolve, 20));
      run.host.stop();
      const { end } = await run.first("ended");
      assert.equal(end?.reason, "interrupted");
      assert.ok(existsSync(join(run.folder, "run", "checkpoint.safetensors")));
      const summary = JSON.parse(readFileSync(join(run.folder, "run", "checkpoint.json"), "utf8")) as { epoch: number };
      assert.equal(summary.epoch, end?.epochs, "every finished epoch is kept");
      assert.equal(savedHistory(run).state, "ended");
      run.host.close();
      await run.end();
    });

    it("goes on from the checkpoint of a stopped one, to the same end as a run that was never stopped", async () => {
      const whole = start(moons(), task(), { kind });
      const part = start(moons(), task({ maxSteps: 33 }), { kind });
      const [{ end: straight }, { end: stopped }] = await Promise.all([whole.first("ended"), part.first("ended")]);
      assert.deepEqual([stopped?.reason, stopped?.iterations], ["steps", 33]);
      const resumed = start(moons(), task({ resume: join(part.folder, "run") }), { kind });
      const { end } = await resumed.first("ended");
      assert.deepEqual([end?.iterations, end?.loss, end?.metrics], [140, straight?.loss, straight?.metrics]);
      for (const each of [whole, part, resumed]) each.host.close();
      await Promise.all([whole.end(), part.end(), resumed.end()]);
    });

    it("is heard of at most a dozen times a second", async () => {
      const run = start(forEver, task({ out: undefined }), { kind });
      await run.first("tick");
      const [count, began] = [run.messages.length, performance.now()];
      await new Promise((resolve) => setTimeout(resolve, 2000));
      const perSecond = (run.messages.length - count) / ((performance.now() - began) / 1000);
      run.host.kill();
      await run.end();
      assert.ok(perSecond <= 12, `${perSecond} messages a second`);
      // More than 12,000 updates a second would be faster than light here, fewer than 100 slower than this must be.
      assert.ok((ticksOf(run).at(-1)?.iteration ?? 0) > 100);
    });
  });
}

describe("a training that cannot be saved", function () {
  this.timeout(30_000);

  it("says so once, and trains to its end", async () => {
    const run = start(moons(), (file) => task({ out: `${file}/impossible` })(file, ""));
    const { end } = await run.first("ended");
    assert.equal(end?.reason, "epochs");
    const notes = run.messages.flatMap((message) => (message.kind === "note" ? [message.message] : []));
    assert.ok(notes.length >= 1 && notes.length <= 2, notes.join("\n"));
    for (const note of notes) assert.match(note, /cannot be saved: .*not a folder.*; the training goes on/);
    run.host.close();
    await run.end();
  });
});

describe("one batch", function () {
  this.timeout(30_000);

  it("is learned by heart by a sound model", async () => {
    const run = start(moons(), task({ overfit: true }));
    const { end } = await run.first("ended");
    assert.equal(end?.iterations, 300, "one update an epoch");
    assert.ok((end?.loss ?? 1) < 0.05, `loss ${end?.loss}`);
    assert.equal(end?.validation, null);
    const event = (await run.first("event")).event;
    assert.ok(event.type === "start" && event.examples === 32);
    run.host.close();
    await run.end();
  });
});

describe("a loop of the user's own", function () {
  this.timeout(30_000);

  const loop = `
import { item, minimize, sgd, variable } from "backstep";
const x = variable(3, "x");
const optimizer = sgd({ learningRate: 0.1 });
for (let i = 0; i < 50; i++) await minimize(x.mul(x), optimizer);
console.log("x is", await item(x));
`;

  it("is told of like a training", async () => {
    const run = start(loop, task());
    const { end } = await run.first("ended");
    // x ← x − 0.1·2x: the loss before the last update is (3·0.8^49)².
    assert.equal(end?.iterations, 50);
    assert.ok(Math.abs((end?.loss ?? 0) - (3 * 0.8 ** 49) ** 2) < 1e-9);
    assert.match(run.output.join(""), /^x is 0.0000428/);
    assert.deepEqual(readdirSync(join(run.folder, "run")), ["history.json"]);
    run.host.close();
    await run.end();
  });

  it("stops when it is asked to", async () => {
    const run = start(loop.replace("i < 50", "true"), task());
    await run.first("tick");
    run.host.stop();
    assert.equal((await run.end()).exitCode, 130);
  });
});
