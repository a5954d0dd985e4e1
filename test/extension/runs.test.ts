import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DebugEvent } from "../../engine/api/debug";
import type { Host, HostEnd, HostMessage, TrainTask } from "../../engine/api/host";
import { joinHistories } from "../../extension/run/join";
import { HEARTBEAT_MS, holderOf, newRunId, parseRecord, type RunRecord } from "../../extension/run/record";
import { createRuns, type RunChange, type Runs } from "../../extension/run/runs";
import { sharedStorage } from "../../extension/run/storage";
import { createRunStore, parseHistory } from "../../extension/run/store";
import { emptyHistory, type EndEvent, type EpochEvent, type StartEvent, type Tick } from "../../webview/protocol";

type Order = Omit<TrainTask, "device" | "timeLimit">;

/** A host that does what the test says. */
interface Puppet {
  readonly task: Order;
  readonly told: string[];
  say(message: HostMessage): void;
  end(end: HostEnd): Promise<void>;
}

const start: StartEvent = {
  type: "start",
  model: "Net",
  parameters: 10,
  layers: [],
  data: "xor",
  examples: 4,
  validationExamples: 0,
  batchSize: 4,
  epochs: 3,
  iterationsPerEpoch: 2,
  optimizer: "adam",
  seed: 7,
  device: "wasm",
  startEpoch: 0,
  startIteration: 0,
};

const end: EndEvent = {
  type: "end",
  reason: "epochs",
  epochs: 3,
  iterations: 6,
  loss: 0.1,
  metrics: {},
  validation: null,
  seconds: 1,
  checkpoint: null,
};

function epoch(number: number, loss: number): EpochEvent {
  return {
    type: "epoch",
    epoch: number,
    iteration: 2 * number,
    loss,
    batchMeanLoss: loss,
    metrics: { accuracy: 0.5 },
    validation: { loss: 2 * loss, metrics: { accuracy: 0.75 } },
    learningRate: 0.1,
    seconds: 1,
  };
}

function tickOf(number: number): Tick {
  const iteration = 2 * number;
  return {
    iteration,
    epoch: number,
    learningRate: 0.1,
    examplesPerSecond: 5,
    loss: [{ iteration, mean: 1 / iteration, least: 0, most: 1, span: 1 }],
    flow: [],
    epochs: [epoch(number, 1 / number)],
    findings: [],
  };
}

interface Window {
  readonly runs: Runs;
  readonly puppets: Puppet[];
  readonly changes: RunChange[];
}

function openWindow(
  root: string,
  session: string,
  options: { now?: () => number; alive?: (pid: number) => boolean } = {},
): Window {
  const puppets: Puppet[] = [];
  const changes: RunChange[] = [];
  const runs = createRuns({
    store: createRunStore(root),
    session,
    ...options,
    startTraining(task, onMessage) {
      const told: string[] = [];
      let settle: (end: HostEnd) => void = () => undefined;
      const ended = new Promise<HostEnd>((resolve) => (settle = resolve));
      const tell = (what: string) => (): void => void told.push(what);
      puppets.push({
        task,
        told,
        say: onMessage,
        async end(how) {
          settle(how);
          await new Promise((resolve) => setImmediate(resolve));
        },
      });
      const kill = (): void => {
        told.push("kill");
        settle({ exitCode: 130, failure: null });
      };
      return {
        pause: tell("pause"),
        resume: tell("resume"),
        stop: tell("stop"),
        close: tell("close"),
        kill,
        look: () => Promise.resolve({ kind: "nothing", reason: "a puppet" }),
        order: () => undefined,
        debug: () => Promise.reject(new Error("a puppet")),
        keep: () => Promise.reject(new Error("a puppet")),
        ended,
      } satisfies Host;
    },
  });
  runs.listen((change) => changes.push(change));
  return { runs, puppets, changes };
}

const order = { path: "/w/xor.nn.ts", file: "xor.nn.ts", purpose: "train" } as const;

describe("extension: runs", () => {
  let root: string;
  beforeEach(async () => (root = await mkdtemp(join(tmpdir(), "backstep-runs-"))));
  afterEach(() => rm(root, { recursive: true, force: true, maxRetries: 5 }));

  it("that are debugged say so, tell their debugger how they end, and then have none", async () => {
    const { runs, puppets } = openWindow(join(root, "runs"), "one");
    const { id } = (await runs.train({ ...order, purpose: "debug", debug: { stopOnEntry: true } })).summary;
    assert.deepEqual(puppets[0].task.debug, { stopOnEntry: true });
    const heard: DebugEvent[] = [];
    const debugged = runs.debug(id, (event) => heard.push(event));
    assert.equal(runs.get(id)?.debugged, true);
    assert.throws(() => runs.debug(id, () => undefined), /being debugged already/);
    puppets[0].say({ kind: "debugEvent", event: { kind: "ready" } });
    await assert.rejects(debugged.ask({ kind: "situation" }), /a puppet/);
    await puppets[0].end({ exitCode: 1, failure: "its process was ended by SIGKILL" });
    assert.deepEqual(heard, [
      { kind: "ready" },
      { kind: "ended", exitCode: 1, message: "its process was ended by SIGKILL" },
    ]);
    assert.equal(runs.get(id)?.debugged, false);
    assert.throws(() => runs.debug(id, () => undefined), /has ended; debug its model anew/);
    assert.throws(() => runs.debug("nobody", () => undefined), /was deleted/);
    await assert.rejects(debugged.ask({ kind: "situation" }), /the run has ended/);
  });

  it("of the debugger are over when their training is, though their host stays", async () => {
    const { runs, puppets } = openWindow(join(root, "runs"), "one");
    const { id } = (await runs.train({ ...order, purpose: "debug" })).summary;
    const heard: DebugEvent[] = [];
    runs.debug(id, (event) => heard.push(event));
    puppets[0].say({ kind: "ended", end });
    assert.deepEqual(heard, [{ kind: "ended", exitCode: 0, message: null }]);
  });

  it("of the debugger that came to no epoch leave the file to the training before, and go with the next run", async () => {
    const { runs, puppets } = openWindow(join(root, "runs"), "one");
    const { id: trained } = (await runs.train(order)).summary;
    puppets[0].say({ kind: "event", event: start });
    puppets[0].say({ kind: "ended", end });
    const { id: debugged } = (await runs.train({ ...order, purpose: "debug" })).summary;
    assert.equal(runs.currentOf(order.path)?.summary.id, debugged);
    puppets[1].say({ kind: "ended", end: null });
    assert.equal(runs.currentOf(order.path)?.summary.id, trained);
    const folder = runs.get(debugged)?.folder ?? "";
    const { id: kept } = (await runs.train({ ...order, purpose: "debug", debug: { keepWeightsOf: folder } })).summary;
    assert.ok(runs.get(debugged), "its weights are needed");
    puppets[2].say({ kind: "ended", end: null });
    await runs.train(order);
    assert.deepEqual([runs.get(debugged), runs.get(kept)], [undefined, undefined]);
    assert.ok(runs.get(trained));
  });

  it("go from start to end, and are known to the next window", async () => {
    const { runs, puppets, changes } = openWindow(join(root, "runs"), "one");
    const run = await runs.train(order);
    const { id } = run.summary;
    const [puppet] = puppets;
    assert.equal(puppet.task.out, join(root, "runs", id));
    puppet.say({ kind: "event", event: start });
    assert.equal(runs.get(id)?.summary.state, "running");
    puppet.say({ kind: "tick", tick: tickOf(1) });
    puppet.say({ kind: "tick", tick: tickOf(2) });
    puppet.say({ kind: "paused", paused: true });
    assert.equal(runs.get(id)?.summary.state, "paused");
    puppet.say({ kind: "paused", paused: false });
    await writeFile(join(root, "runs", id, "checkpoint.safetensors"), "");
    puppet.say({ kind: "ended", end });
    assert.deepEqual(
      changes.filter(({ kind }) => kind !== "listed").map(({ kind }) => kind),
      ["added", "state", "started", "tick", "tick", "state", "state", "state"],
    );
    const history = await runs.history(id);
    assert.deepEqual(
      history.epochs.map(({ epoch: number }) => number),
      [1, 2],
    );
    assert.deepEqual([history.state, history.end], ["ended", end]);
    await until(() => runs.get(id)?.summary.resumable === true);
    await until(async () => (await readRecord(root, id)).state === "ended");

    const other = openWindow(join(root, "runs"), "two");
    await other.runs.refresh();
    const [seen] = other.runs.list();
    assert.deepEqual(seen.summary, {
      id,
      file: "xor.nn.ts",
      started: run.summary.started,
      state: "ended",
      purpose: "train",
      resumable: true,
      epochs: 2,
      loss: 0.5,
      validationLoss: 1,
      accuracy: 0.75,
      worst: null,
    });
    assert.deepEqual([seen.mine, seen.elsewhere], [false, false]);
  });

  it("fail with the host's reason; others go on", async () => {
    const { runs, puppets } = openWindow(root, "one");
    const first = await runs.train(order);
    const second = await runs.train({ ...order, path: "/w/b.nn.ts", file: "b.nn.ts" });
    puppets[1].say({ kind: "event", event: start });
    await puppets[0].end({ exitCode: 1, failure: "/w/xor.nn.ts:3:1: no" });
    assert.deepEqual(
      [runs.get(first.summary.id), runs.get(second.summary.id)].map((run) => [run?.summary.state, run?.failure]),
      [
        ["failed", "/w/xor.nn.ts:3:1: no"],
        ["running", null],
      ],
    );
  });

  it("that were stopped have ended, whether the host said so or was ended", async () => {
    const { runs, puppets } = openWindow(root, "one");
    const { summary } = await runs.train(order);
    runs.stop(summary.id);
    assert.equal(runs.get(summary.id)?.summary.state, "stopping");
    assert.deepEqual(puppets[0].told, ["stop"]);
    await puppets[0].end({ exitCode: 130, failure: "it did not react" });
    assert.equal(runs.get(summary.id)?.summary.state, "ended");
  });

  it("go on from their checkpoint in the same folder, with what they told before", async () => {
    const { runs, puppets } = openWindow(root, "one");
    const { summary } = await runs.train(order);
    puppets[0].say({ kind: "event", event: start });
    puppets[0].say({ kind: "tick", tick: tickOf(1) });
    puppets[0].say({ kind: "tick", tick: tickOf(2) });
    puppets[0].say({ kind: "ended", end });
    await puppets[0].end({ exitCode: 0, failure: null });
    await runs.goOn(summary.id, 9);
    const { task } = puppets[1];
    assert.deepEqual(
      [task.out, task.resume, task.epochs, task.seed],
      [join(root, summary.id), join(root, summary.id), 9, 7],
    );
    // The checkpoint was of the first epoch: what came after it is done again.
    puppets[1].say({ kind: "event", event: { ...start, startEpoch: 1, startIteration: 2 } });
    puppets[1].say({ kind: "tick", tick: tickOf(2) });
    puppets[1].say({ kind: "tick", tick: tickOf(3) });
    const history = await runs.history(summary.id);
    assert.deepEqual(
      history.epochs.map(({ epoch: number }) => number),
      [1, 2, 3],
    );
    assert.deepEqual(
      history.loss.map(({ iteration }) => iteration),
      [2, 4, 6],
    );
    assert.equal(runs.list().length, 1);
  });

  it("of two windows at once do not disturb each other", async () => {
    const one = openWindow(root, "one");
    const two = openWindow(root, "two");
    const first = await one.runs.train(order);
    const second = await two.runs.train(order);
    assert.notEqual(first.summary.id, second.summary.id);
    await two.runs.refresh();
    const seen = two.runs.get(first.summary.id);
    assert.deepEqual([seen?.elsewhere, seen?.mine, seen?.summary.resumable], [true, false, false]);
    await assert.rejects(two.runs.remove(first.summary.id), /another window/);
    await assert.rejects(two.runs.goOn(first.summary.id, undefined), /another window/);
    two.runs.stop(first.summary.id);
    assert.deepEqual(one.puppets[0].told, []);
  });

  it("of a window that died are interrupted, and can go on", async () => {
    const one = openWindow(root, "one");
    const { summary } = await one.runs.train(order);
    one.puppets[0].say({ kind: "event", event: start });
    one.puppets[0].say({ kind: "tick", tick: tickOf(1) });
    await until(async () => (await readRecord(root, summary.id)).state === "running");
    await writeFile(join(root, summary.id, "checkpoint.safetensors"), "");
    const two = openWindow(root, "two", { alive: () => false });
    await two.runs.refresh();
    const seen = two.runs.get(summary.id);
    assert.equal(seen?.summary.state, "failed");
    assert.match(seen?.failure ?? "", /^interrupted/);
    assert.equal(seen?.summary.resumable, true);
  });

  it("are deleted with all that they kept", async () => {
    const { runs, puppets } = openWindow(root, "one");
    const { summary } = await runs.train(order);
    await runs.remove(summary.id);
    assert.deepEqual(puppets[0].told, ["kill"]);
    assert.deepEqual(runs.list(), []);
    await assert.rejects(readFile(join(root, summary.id, "run.json")), /ENOENT/);
  });

  it("train in memory where they cannot be kept, and say so", async () => {
    // A file where the folder should be: as impossible to write into as a full or read-only disk, for every user.
    await writeFile(join(root, "file"), "");
    const { runs, puppets, changes } = openWindow(join(root, "file", "runs"), "one");
    const { summary } = await runs.train(order);
    assert.equal(puppets[0].task.out, undefined);
    const note = changes.find((change) => change.kind === "note");
    assert.match(note?.kind === "note" ? note.message : "", /cannot be saved: .*; the training goes on/);
    puppets[0].say({ kind: "event", event: start });
    puppets[0].say({ kind: "tick", tick: tickOf(1) });
    puppets[0].say({ kind: "ended", end });
    assert.equal((await runs.history(summary.id)).epochs.length, 1);
    assert.equal(runs.get(summary.id)?.folder, null);
  });

  it("keep few hosts for looks", async () => {
    const { runs, puppets } = openWindow(root, "one");
    for (let i = 0; i < 4; i++) {
      await runs.train(order);
      puppets[i].say({ kind: "ended", end });
    }
    await until(() => puppets.filter(({ told }) => told.includes("close")).length === 2);
    assert.deepEqual(
      puppets.map(({ told }) => told.includes("close")),
      [true, true, false, false],
    );
  });

  it("that never began make way for the next attempt", async () => {
    const { runs, puppets } = openWindow(root, "one");
    await runs.train(order);
    await puppets[0].end({ exitCode: 1, failure: "no" });
    const second = await runs.train(order);
    assert.deepEqual(
      runs.list().map(({ summary }) => summary.id),
      [second.summary.id],
    );
  });
});

describe("extension: what is kept of runs", () => {
  let root: string;
  beforeEach(async () => (root = await mkdtemp(join(tmpdir(), "backstep-store-"))));
  afterEach(() => rm(root, { recursive: true, force: true, maxRetries: 5 }));

  const record: RunRecord = {
    version: 1,
    id: "a",
    path: "/w/a.nn.ts",
    file: "a.nn.ts",
    started: 1,
    purpose: "train",
    state: "running",
    failure: null,
    end: null,
    seed: 3,
    figures: { epochs: 1, loss: 0.5, validationLoss: null, accuracy: null, worst: null },
    owner: { pid: 1, session: "s", seen: 1000 },
  };

  it("comes back as it was", async () => {
    const store = createRunStore(root);
    await store.create(record);
    assert.deepEqual(await store.readAll(), [record]);
  });

  it("is the last of many writes, and no half file is left", async () => {
    const store = createRunStore(root);
    await store.create(record);
    await Promise.all(Array.from({ length: 50 }, (_, i) => store.write({ ...record, started: i })));
    assert.deepEqual(
      (await store.readAll()).map(({ started }) => started),
      [49],
    );
  });

  it("passes over what is no run", async () => {
    const store = createRunStore(root);
    await store.create(record);
    await mkdir(join(root, "empty"));
    await mkdir(join(root, "half"));
    await writeFile(join(root, "half", "run.json"), JSON.stringify({ ...record, id: "half" }).slice(0, 40));
    await writeFile(join(root, "stray"), "x");
    await store.create({ ...record, id: "b" });
    await rename(join(root, "b"), join(root, "renamed"));
    assert.deepEqual(
      (await store.readAll()).map(({ id }) => id),
      ["a"],
    );
    assert.deepEqual(await createRunStore(join(root, "nowhere")).readAll(), []);
  });

  for (const text of ["", "null", "[]", '{"version":2}', JSON.stringify({ ...record, state: "odd" }), "{"]) {
    it(`is no record: ${text.slice(0, 30)}`, () => assert.equal(parseRecord(text), null));
  }
  it("is a history only where its lists are lists", () => {
    assert.equal(parseHistory('{"loss": 3}'), null);
    assert.equal(parseHistory("nothing"), null);
    assert.deepEqual(parseHistory('{"iteration": 3}'), { ...emptyHistory, iteration: 3 });
  });

  const holders: readonly [name: string, changed: Partial<RunRecord>, now: number, alive: boolean, holder: string][] = [
    ["ended", { state: "ended" }, 1000, true, "nobody"],
    ["this window's", { owner: { pid: 1, session: "me", seen: 0 } }, 1000, true, "this window"],
    ["of a living window", {}, 1000 + HEARTBEAT_MS, true, "another window"],
    ["of a dead process", {}, 1000, false, "a dead window"],
    ["of a process number that was given out again", {}, 1000 + 100 * HEARTBEAT_MS, true, "a dead window"],
    ["of nobody", { owner: null }, 1000, true, "a dead window"],
  ];
  for (const [name, changed, now, alive, holder] of holders) {
    it(`is held, ${name}: by ${holder}`, () => {
      assert.equal(
        holderOf({ ...record, ...changed }, "me", now, () => alive),
        holder,
      );
    });
  }

  it("has ids that sort by time and fit every file system", () => {
    const ids = [newRunId(0, "models/α b.nn.ts", "1f"), newRunId(1e12, "x.nn.ts", "2e")];
    assert.deepEqual([...ids].sort(), ids);
    for (const id of ids) assert.match(id, /^\d{8}-\d{6}-[\w-]+-\w+$/);
  });

  const storages: readonly [own: string, shared: string][] = [
    ["/s/2e437d80/b", "/s/2e437d80/b"],
    ["/s/2e437d80-1/b", "/s/2e437d80/b"],
    ["/s/-208468-12/b", "/s/-208468/b"],
    ["/s/-20846891/b", "/s/-20846891/b"],
    ["/s/gone-1/b", "/s/gone-1/b"],
  ];
  for (const [own, shared] of storages) {
    it(`lies in ${shared} for a window with ${own}`, () => {
      assert.equal(
        sharedStorage(own, (path) => !path.includes("gone")),
        shared,
      );
    });
  }

  it("joins two parts without what was undone between them", () => {
    const part = (iterations: readonly number[]) => ({
      ...emptyHistory,
      iteration: iterations.at(-1) ?? 0,
      loss: iterations.map((iteration) => ({ iteration, mean: iteration, least: 0, most: 0, span: 1 })),
    });
    const joined = joinHistories(part([1, 2, 3, 4, 5]), { ...part([4, 6]), start: { ...start, startIteration: 3 } });
    assert.deepEqual(
      joined.loss.map(({ iteration }) => iteration),
      [1, 2, 3, 4, 6],
    );
    assert.equal(joined.iteration, 6);
    assert.deepEqual(joinHistories(joined, joined).loss, joined.loss);
  });
});

async function readRecord(root: string, id: string): Promise<RunRecord> {
  for (const folder of [root, join(root, "runs")]) {
    const text = await readFile(join(folder, id, "run.json"), "utf8").catch(() => "");
    if (text !== "") return JSON.parse(text) as RunRecord;
  }
  throw new Error(`no record of ${id}`);
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail("it never came to be");
}
