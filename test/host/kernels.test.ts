/** How a host comes to its kernels and threads: what it remembers of the machine, which flags it sets, what it says of it. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { RememberedKernels } from "../../engine/backends/wasm/select";
import { type KernelMemory, chooseKernels, createMemory } from "../../engine/host/kernels";
import { gatherThreads } from "../../engine/host/threads";
import { setVectorFlags, vectorSupport } from "../../engine/host/vector-flags";
import { KINDS, moons, start } from "./support";

const CHOICE: RememberedKernels = {
  kernels: "relaxed SIMD",
  speeds: { "plain SIMD": 40.5, "relaxed SIMD": 52 },
  faults: [],
};

describe("the memory of kernels", () => {
  let folder = "";
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "backstep-kernels-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("gives back what was written for the same machine, and nothing for another", async () => {
    const inner = join(folder, "made", "anew");
    const memory = createMemory(inner, "Node 20");
    assert.equal(await memory.read(), undefined);
    await memory.write(CHOICE);
    const wide: RememberedKernels = { kernels: "256-bit SIMD", speeds: { "256-bit SIMD": 131 }, faults: ["because"] };
    await createMemory(inner, "Node 24").write(wide);
    assert.deepEqual(await createMemory(inner, "Node 20").read(), CHOICE);
    assert.deepEqual(await createMemory(inner, "Node 24").read(), wide);
    assert.equal(await createMemory(inner, "Node 22").read(), undefined);
    await memory.write({ ...CHOICE, kernels: "plain SIMD" });
    assert.equal((await memory.read())?.kernels, "plain SIMD");
  });

  const FOREIGN: readonly [string, unknown][] = [
    ["not JSON", "{"],
    ["empty", ""],
    ["null", null],
    ["another format", { format: 2, choices: [["Node 20", CHOICE]] }],
    ["no list", { format: 1, choices: "Node 20" }],
    ["a list of other things", { format: 1, choices: [1, 2] }],
    ["kernels that do not exist", { format: 1, choices: [["Node 20", { ...CHOICE, kernels: "toString" }]] }],
    ["no figure of the kernels", { format: 1, choices: [["Node 20", { ...CHOICE, speeds: { "plain SIMD": 1 } }]] }],
    ["a figure that is none", { format: 1, choices: [["Node 20", { ...CHOICE, speeds: { "relaxed SIMD": "52" } }]] }],
    ["faults that are no texts", { format: 1, choices: [["Node 20", { ...CHOICE, faults: [1] }]] }],
  ];
  for (const [what, content] of FOREIGN) {
    it(`takes no notice of a file with ${what}, and replaces it`, async () => {
      const text = typeof content === "string" ? content : JSON.stringify(content);
      writeFileSync(join(folder, "kernels.json"), text);
      const memory = createMemory(folder, "Node 20");
      assert.equal(await memory.read(), undefined);
      await memory.write(CHOICE);
      assert.deepEqual(await memory.read(), CHOICE);
    });
  }

  it("does without a folder that cannot be made, and a file that cannot be written", async () => {
    writeFileSync(join(folder, "file"), "");
    mkdirSync(join(folder, "other", "kernels.json"), { recursive: true });
    for (const at of [join(folder, "file", "inner"), join(folder, "other")]) {
      const memory = createMemory(at, "Node 20");
      await memory.write(CHOICE);
      assert.equal(await memory.read(), undefined);
    }
  });

  it("keeps the last choices of a few machines", async () => {
    for (let i = 0; i < 20; i++) await createMemory(folder, `machine ${i}`).write(CHOICE);
    assert.equal(await createMemory(folder, "machine 3").read(), undefined);
    assert.deepEqual(await createMemory(folder, "machine 4").read(), CHOICE);
    const { choices } = JSON.parse(readFileSync(join(folder, "kernels.json"), "utf8"));
    assert.equal(choices.length, 16);
  });

  it("is written when something was measured, and not when it was remembered", async () => {
    let held: RememberedKernels | undefined;
    let writes = 0;
    const memory: KernelMemory = {
      read: async () => held,
      write: async (choice) => {
        held = choice;
        writes++;
      },
    };
    const first = await chooseKernels(memory);
    assert.equal(held?.kernels, first.kernels);
    assert.deepEqual(await chooseKernels(memory), first);
    assert.equal(writes, 1);
  });
});

describe("V8's flags for vectors", () => {
  it("are set from within where they help, and 256-bit kernels are explained where they are not", () => {
    setVectorFlags();
    setVectorFlags();
    const { wide, lacking } = vectorSupport();
    const major = Number(process.versions.node.split(".")[0]);
    if (wide) assert.ok(major >= 24 && process.arch === "x64");
    if (major < 24) {
      assert.equal(wide, false);
      const reason = process.arch === "x64" ? "need Node 24" : "need an x64 processor";
      assert.equal(lacking["256-bit SIMD"], `256-bit kernels ${reason}`);
    }
  });
});

describe("threads beside the one that trains", () => {
  const script = (text: string): URL => new URL(`data:text/javascript,${encodeURIComponent(text)}`);
  const READY = script(
    'import { parentPort } from "node:worker_threads"; parentPort.on("message", () => 0); parentPort.postMessage(1);',
  );
  const cores = availableParallelism();

  it("are as many as asked for, and as the machine has cores", async () => {
    for (const wanted of [0, 1, 2, 64]) {
      const { others, start: take, reasons } = await gatherThreads(wanted, READY);
      assert.equal(others, Math.min(wanted === 0 ? 8 : wanted, cores) - 1);
      let told = 0;
      for (let i = 0; i < others; i++)
        take(
          () => told++,
          () => undefined,
        );
      assert.equal(told, others);
      assert.deepEqual(
        reasons,
        wanted > cores ? [`${wanted} threads were asked for on ${cores === 1 ? "1 core" : `${cores} cores`}`] : [],
      );
    }
  });

  it("are done without, with the reason, where they do not start", async function () {
    if (cores === 1) return this.skip();
    const bad: readonly [string, RegExp][] = [
      ['throw new Error("no room")', /did not start: no room/],
      ["process.exit(3)", /did not start: ended with code 3/],
    ];
    for (const [text, reason] of bad) {
      const { others, reasons } = await gatherThreads(2, script(text));
      assert.equal(others, 0);
      assert.match(reasons.join(), reason);
    }
    const missing = await gatherThreads(2, pathToFileURL(join(tmpdir(), "no-such-thread.mjs")));
    assert.equal(missing.others, 0);
    assert.match(missing.reasons.join(), /did not start: .*no-such-thread/);
  });
});

describe("what a run says of its kernels", () => {
  for (const kind of KINDS) {
    for (const threads of [undefined, 1]) {
      it(`in a ${kind}, on ${threads ?? "all"} threads`, async () => {
        const started = start(
          moons("epochs: 1"),
          (file, storage) => ({
            kind: "train",
            file,
            report: "events",
            device: "cpu",
            timeLimit: 10,
            threads,
            storage,
          }),
          { kind },
        );
        const { event } = await started.first("event");
        assert.equal(event.type, "start");
        const { device } = event;
        const count = threads ?? Math.min(8, availableParallelism());
        const line =
          /^WebAssembly, (plain SIMD|relaxed SIMD|256-bit SIMD), (\d+) threads? \(\d+ GFLOP\/s a thread[^()]*\)$/.exec(
            device,
          );
        assert.ok(line, device);
        assert.equal(Number(line[2]), count);
        // A process of its own has all flags that there are.
        if (kind === "process") assert.doesNotMatch(device, /process of its own/);
        assert.deepEqual(await started.end(), { exitCode: 0, failure: null });
        const { choices } = JSON.parse(readFileSync(join(started.folder, "kernels.json"), "utf8"));
        assert.equal(choices[0][1].kernels, line[1]);
      });
    }
  }
});
