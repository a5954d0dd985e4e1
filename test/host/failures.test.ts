import assert from "node:assert/strict";
import type { CheckTask, TrainTask } from "../../engine/api/host";
import { KINDS, moons, start } from "./support";

const training = (file: string): TrainTask => ({
  kind: "train",
  file,
  timeLimit: 1,
  device: "cpu",
  report: "ticks",
  stay: true,
});

/** For what is not to fail for its time: the machine may be busy. */
const patient = (file: string): TrainTask => ({ ...training(file), timeLimit: 60 });
const checking = (file: string): CheckTask => ({ kind: "check", file, timeLimit: 1 });

/** What a program may do to its host, and what the user is told of it. */
const BAD: readonly (readonly [what: string, text: string, says: RegExp, code: number])[] = [
  ["throws", `throw new Error("no luck");`, /model\.nn\.ts:1:\d+: .*no luck/, 1],
  ["throws in forward", moons("", `throw new RangeError("too far");`), /model\.nn\.ts:9:\d+: .*too far/, 1],
  ["loops for ever", `while (true);`, /its top-level code did not finish within 1 s; look for an endless loop/, 1],
  ["loops for ever in forward", moons("", "for (;;);"), /its forward or its loss did not finish within 1 s/, 1],
  ["ends its process", `process.exit(3);`, /ended itself with process\.exit\(3\)/, 1],
  ["waits for ever", `await new Promise(() => {});`, /waits for a promise that nothing will fulfil/, 1],
  [
    "throws in a promise that nobody awaits",
    moons("epochs: 1e6, validation: (void Promise.reject(new Error('lost')), false)"),
    /lost.*nobody awaits/,
    1,
  ],
  [
    "throws in a timer",
    `setTimeout(() => { throw new Error("late"); }); await new Promise((r) => setTimeout(r, 900));`,
    /late/,
    1,
  ],
  ["has no default export", `export const a = 1;`, /there is no default export to train/, 1],
  ["exports something else", `export default 3;`, /the default export is the number 3, no training/, 1],
  ["is no TypeScript", `export default training({`, /model\.nn\.ts:1:\d+/, 1],
  ["has a shape mistake", moons("", "this.output(x);"), /16/, 1],
];

for (const kind of KINDS) {
  describe(`in a ${kind}, a program that`, function () {
    this.timeout(60_000);

    for (const [what, text, says, code] of BAD) {
      it(what, async () => {
        const isLate = says.source.includes("did not finish");
        const run = start(text, isLate ? training : patient, { kind });
        const { exitCode, failure } = await run.end();
        assert.match(failure ?? "", says);
        assert.equal(exitCode, code);
      });
    }

    it("kills its process", async () => {
      const { failure } = await start(`process.kill(process.pid, "SIGKILL");`, training, { kind }).end();
      assert.match(failure ?? "", kind === "thread" ? /may not end its process/ : /ended by SIGKILL/);
    });

    it("fills its heap without end", async () => {
      const text = `const lists = []; for (;;) lists.push(new Array(1e5).fill(lists.length));`;
      const { failure } = await start(text, patient, {
        kind,
        memoryLimit: 200,
      }).end();
      assert.match(failure ?? "", /out of memory/);
    });

    it("does not hurt another one", async () => {
      const good = start(moons("epochs: 1e9"), patient, { kind });
      await good.first("tick");
      const bad = start(`process.abort?.(); process.exit(1);`, training, { kind: "process" });
      assert.notEqual((await bad.end()).failure, null);
      const ended = start(`while (true);`, training, { kind });
      assert.match((await ended.end()).failure ?? "", /endless loop/);
      const before = good.messages.length;
      while (good.messages.length < before + 2) await new Promise((resolve) => setTimeout(resolve, 20));
      good.host.kill();
      assert.deepEqual(await good.end(), { exitCode: 130, failure: null });
    });
  });
}

describe("a host that fills typed arrays without end", function () {
  this.timeout(60_000);

  for (const kind of KINDS)
    it(`is ended before it takes the editor with it, in a ${kind}`, async () => {
      const text = `const all = []; for (;;) all.push(new Float32Array(1e6).fill(all.length));`;
      const run = start(text, patient, { kind, memoryLimit: 300 });
      assert.match((await run.end()).failure ?? "", /out of memory \(more than 300 MiB\)/);
    });
});

describe("a thread that fills typed arrays beside others", function () {
  this.timeout(60_000);

  it("is the one that is ended", async () => {
    const options = { memoryLimit: 300 };
    const first = start(moons("epochs: 1e9"), patient, options);
    await first.first("tick");
    const second = start(moons("epochs: 1e9"), patient, options);
    await second.first("tick");
    const text = `const all = []; for (;;) all.push(new Float32Array(1e6).fill(all.length));`;
    const bad = start(text, patient, options);
    assert.match((await bad.end()).failure ?? "", /out of memory \(more than 300 MiB\)/);
    for (const good of [first, second]) {
      const before = good.messages.length;
      while (good.messages.length < before + 2) await new Promise((resolve) => setTimeout(resolve, 20));
      good.host.kill();
      assert.deepEqual(await good.end(), { exitCode: 130, failure: null });
    }
  });
});

describe("a check", function () {
  this.timeout(30_000);

  it("reads the text of the editor, not the file's", async () => {
    const text = moons("", "this.output(x);");
    const run = start(moons(), (file) => ({ ...checking(file), text }));
    const { report } = await run.first("report");
    assert.deepEqual(
      report.issues.map(({ severity, range }) => [severity, range?.line]),
      [["error", 9]],
    );
    assert.equal(report.parameters, 2 * 16 + 16 + 16 * 2 + 2);
    assert.equal((await run.end()).exitCode, 1);
  });

  it("of a file that is not there is refused", async () => {
    const run = start("", () => checking("/nowhere/model.nn.ts"));
    assert.deepEqual(await run.end(), { exitCode: 2, failure: "/nowhere/model.nn.ts: there is no such file" });
  });

  it("answers no looks", async () => {
    const run = start(moons(), checking);
    assert.equal((await run.host.look({ kind: "confusion" })).kind, "nothing");
    await run.end();
  });
});
