/** What is missing or breaks: the next best way with a word about it, or a loud end; never a wrong number and never a wait without end. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { Backend, Dispatch } from "../../../engine/backends/backend";
import { type WasmBackend, createWasmBackend } from "../../../engine/backends/wasm";
import { ModuleWriter } from "../../../engine/backends/wasm/assembler/module";
import { assembleCpu } from "../../../engine/backends/wasm/cpu";
import { type Recruiting, gather } from "../../../engine/backends/wasm/gather";
import { PAGE_BYTES, type WasmMemory, wasmPlatform } from "../../../engine/backends/wasm/memory";
import type { Selection } from "../../../engine/backends/wasm/select";
import { SILENT, meetingFunction } from "../../../engine/backends/wasm/team";
import type { StartThread } from "../../../engine/backends/wasm/threads";
import { resolve } from "node:path";

const SIZE = 96;
/** Threads that a test ends say so. */
const ignore = (): void => undefined;
const now = (): number => performance.now();

/** Enough products, one after the other, that they are shared by threads, with several meetings. */
function chain(backend: Backend, length = 24) {
  const buffers = Array.from({ length: length + 2 }, () => backend.allocate("float32", SIZE ** 2));
  // A matrix that turns around: products neither grow nor vanish.
  const turn = Float32Array.from({ length: SIZE ** 2 }, (_, i) =>
    Number((Math.floor(i / SIZE) + 1) % SIZE === i % SIZE),
  );
  const first = Float32Array.from({ length: SIZE ** 2 }, (_, i) => (i * 7) % 1009);
  backend.write(buffers[0], turn);
  backend.write(buffers[1], first);
  const dispatches = Array.from({ length }, (_, i): Dispatch => {
    const kernel = {
      kind: "matmul",
      ...{ m: SIZE, n: SIZE, k: SIZE },
      batch: [{ a: 0, b: 0 }],
      strideA: [SIZE, 1],
      strideB: [SIZE, 1],
    } as const;
    return { kernel, inputs: [buffers[0], buffers[i + 1]], outputs: [buffers[i + 2]] };
  });
  const prepared = backend.prepare(dispatches);
  /** Each product moves the rows up by one. */
  const expected = first.map((_, i) => first[(i + length * SIZE) % SIZE ** 2]);
  return {
    run: () => {
      prepared.run(0, length);
    },
    check: async () => {
      assert.deepEqual(await backend.read(buffers[length + 1]), expected);
    },
  };
}

type Make = (own: new (...given: never[]) => object) => (...given: never[]) => object;

/** Has a part of the platform made in another way, until the end of the test. */
function pretend(part: "Memory" | "Module" | "Instance", make: Make): void {
  const platform = (globalThis as unknown as { WebAssembly: Record<string, new (...given: never[]) => object> })
    .WebAssembly;
  const own = platform[part];
  const made = make(own);
  platform[part] = new Proxy(own, { construct: (_, given) => made(...(given as never[])) });
  restore = () => {
    platform[part] = own;
  };
}

let restore: () => void = () => undefined;
const workers: Worker[] = [];
afterEach(async () => {
  restore();
  restore = () => undefined;
  await Promise.all(workers.splice(0).map((worker) => worker.terminate()));
});

/** @param script of the threads; by default the product's own */
function startFrom(script: string | URL = resolve("dist", "thread.mjs")): StartThread {
  return (ready, gone) => {
    const worker = new Worker(script, { stdout: true, stderr: true });
    workers.push(worker);
    worker.once("message", ready);
    worker.on("error", (error: unknown) => {
      gone(error instanceof Error ? error.message : String(error));
    });
    worker.on("exit", (code) => {
      gone(`ended with code ${code}`);
    });
    return {
      post: (message) => {
        worker.postMessage(message);
      },
      stop: () => void worker.terminate(),
    };
  };
}

const module = (text: string): URL => new URL(`data:text/javascript,${encodeURIComponent(text)}`);

async function withThreads(others: number, start: StartThread, warnings: string[] = []): Promise<WasmBackend> {
  const backend = createWasmBackend({
    threads: { others, start, now },
    warn: (message) => warnings.push(message),
  });
  assert.ok(backend);
  while (backend.threads < others + 1) await sleep(5);
  return backend;
}

describe("threads that are lost", () => {
  it("between two runs leave the work to one, which says so once", async () => {
    const warnings: string[] = [];
    const backend = await withThreads(2, startFrom(), warnings);
    const { run, check } = chain(backend);
    for (let i = 0; i < 10; i++) run();
    await check();
    await workers[1].terminate();
    while (backend.threads > 1) await sleep(5);
    for (let i = 0; i < 10; i++) run();
    await check();
    const more = chain(backend);
    more.run();
    await more.check();
    assert.deepEqual(warnings, [
      "a thread of the engine has ended: ended with code 1; the work goes on with one thread",
    ]);
  });

  it("when they cannot take a program leave the work to one", async () => {
    const warnings: string[] = [];
    // A thread that has no room for an instance.
    const poor = `
      import { parentPort } from "node:worker_threads";
      import { pathToFileURL } from "node:url";
      WebAssembly.Instance = class { constructor() { throw new RangeError("no room for an instance"); } };
      await import(${JSON.stringify(new URL(`file://${resolve("dist", "thread.mjs")}`).href)});
    `;
    const backend = await withThreads(1, startFrom(module(poor)), warnings);
    const { run, check } = chain(backend);
    while (backend.threads > 1 || warnings.length === 0) await sleep(5);
    run();
    await check();
    assert.match(warnings.join(), /^a thread of the engine has ended: no room for an instance; /);
  });

  it("in the middle of a run end it, and all later ones, with the reason", async () => {
    const warnings: string[] = [];
    // A thread whose part of each program traps, as where its stack is spent.
    const failing = `
      const { Instance } = WebAssembly;
      WebAssembly.Instance = function (module, imports) {
        const instance = new Instance(module, imports);
        return { exports: { run: () => { throw new RangeError("Maximum call stack size exceeded"); } } };
      };
      await import(${JSON.stringify(new URL(`file://${resolve("dist", "thread.mjs")}`).href)});
    `;
    const backend = await withThreads(2, startFrom(module(failing)), warnings);
    const { run } = chain(backend);
    const other = chain(backend, 1);
    const lost = /^thread \d of the engine ended in the middle of a step, so its result is unknown: .* with one thread/;
    // Those runs that one thread does alone are right; the first that is shared fails.
    assert.throws(
      () => {
        for (let i = 0; i < 4; i++) run();
      },
      { message: lost },
    );
    assert.throws(run, { message: lost });
    assert.throws(other.run, { message: lost });
    assert.equal(backend.threads, 1);
  });

  it("let the others end too when the first one's own part fails", async () => {
    const warnings: string[] = [];
    const backend = await withThreads(1, startFrom(), warnings);
    const { run } = chain(backend);
    pretend("Instance", (own) => (...given) => {
      const { run } = (new own(...given) as { exports: { run: (...given: number[]) => void } }).exports;
      return {
        exports: {
          run(from: number, to: number, thread: number, threads: number) {
            if (threads > 1) throw new RangeError("Maximum call stack size exceeded");
            run(from, to, thread, threads);
          },
        },
      };
    });
    const failing = chain(backend);
    assert.throws(() => {
      for (let i = 0; i < 4; i++) failing.run();
    }, RangeError);
    assert.throws(run, { message: "a step before this one failed: Maximum call stack size exceeded" });
    assert.equal(backend.threads, 1);
  });
});

describe("a meeting of threads", () => {
  const platform = wasmPlatform();
  assert.ok(platform);
  const [meeting, lost, patience] = [40, 24, 1];

  function meetingOf() {
    assert.ok(platform);
    const memory = new platform.Memory({ initial: 1, maximum: 1, shared: true });
    const writer = new ModuleWriter({ pages: 1, maximum: 1, shared: true });
    writer.export("meet", meetingFunction(writer, { meeting, lost, patience }));
    const instance = new platform.Instance(new platform.Module(writer.bytes()), { env: { memory } });
    const { meet } = instance.exports as { readonly meet: (thread: number, threads: number) => void };
    return { meet, words: new Int32Array(memory.buffer) };
  }

  it("to which another does not come is given up by the first thread after its patience", () => {
    const { meet, words } = meetingOf();
    assert.throws(() => meet(0, 2), /unreachable/);
    assert.equal(words[lost / 4], SILENT);
  });

  it("is none for one thread, over for the last that comes, and for all that come once one was lost", () => {
    const { meet, words } = meetingOf();
    meet(0, 1);
    assert.equal(words[meeting / 4 + 1], 0);
    // The first of two waits already.
    words[meeting / 4] = 1;
    meet(1, 2);
    assert.deepEqual([...words.subarray(meeting / 4, meeting / 4 + 2)], [0, 1]);
    words[lost / 4] = 1;
    words[meeting / 4] = 1;
    for (const thread of [0, 1]) assert.throws(() => meet(thread, 2), /unreachable/);
  });
});

describe("memory", () => {
  interface Descriptor {
    readonly initial: number;
    readonly maximum: number;
    readonly shared?: boolean;
  }

  /** A platform with memories of up to so many pages; of more than `spent` bytes in all the system gives none. */
  function scarce(most: number, spent = Infinity): Descriptor[] {
    const asked: Descriptor[] = [];
    pretend("Memory", (own) => (...given) => {
      const [{ maximum }] = given as unknown as [Descriptor];
      asked.push(...given);
      if (maximum > most) throw new RangeError("could not allocate memory");
      const memory = new own(...given) as WasmMemory;
      const grow = memory.grow.bind(memory);
      memory.grow = (pages) => {
        if (memory.buffer.byteLength + pages * PAGE_BYTES > spent) throw new RangeError("failed to grow memory");
        return grow(pages);
      };
      return memory;
    });
    return asked;
  }

  it("is asked for with less room to grow where there is not all of it", async () => {
    const asked = scarce(16_384);
    const backend = createWasmBackend();
    assert.ok(backend);
    assert.deepEqual(
      asked.slice(-3).map(({ maximum }) => maximum),
      [65_536, 32_768, 16_384],
    );
    const { run, check } = chain(backend);
    run();
    await check();
    assert.throws(() => backend.allocate("float32", 300 * 2 ** 20), {
      message:
        "Out of memory: the program needs 1201 MiB, and there can be no more than 1024 MiB. Take a smaller batch or a smaller model.",
    });
  });

  it("that does not grow in the middle of the work is said with what was asked for, and what there is goes on", async () => {
    scarce(65_536, 64 * 2 ** 20);
    const backend = createWasmBackend();
    assert.ok(backend);
    const { run, check } = chain(backend);
    run();
    assert.throws(
      () => backend.allocate("float32", 32 * 2 ** 20),
      /^Error: Out of memory: the program needs 129 MiB, of which the system gives no more than 1 MiB\. Take a smaller batch or a smaller model\.$/,
    );
    run();
    await check();
    // What fits is still given, down to the last page.
    assert.equal(backend.allocate("float32", 12 * 2 ** 20).size, 12 * 2 ** 20);
  });

  const selection: Selection = { kernels: "plain SIMD", speeds: { "plain SIMD": 40 }, reasons: [], faults: [] };
  const recruit: Recruiting = ({ ready, gone }) => {
    const thread = startFrom()(ready, gone);
    return { post: thread.post, stop: () => thread.stop?.(), rest: () => undefined };
  };
  const after = (milliseconds: number, then: () => void): (() => void) => {
    const timer = setTimeout(then, milliseconds);
    return () => {
      clearTimeout(timer);
    };
  };

  it("that cannot be shared leaves the work to one thread, and none at all to JavaScript; the name says so", async () => {
    const refusing = (refuses: (given: Descriptor) => boolean): void => {
      pretend("Memory", (own) => (...given) => {
        if (refuses(given[0])) throw new RangeError("could not allocate memory");
        return new own(...given);
      });
    };
    const cases: readonly [(given: Descriptor) => boolean, string][] = [
      [
        ({ shared = false }) => shared,
        "WebAssembly, plain SIMD, 1 thread (40 GFLOP/s a thread; memory cannot be shared by threads: could not allocate memory)",
      ],
      [
        () => true,
        "JavaScript, 1 thread (memory cannot be shared by threads: could not allocate memory; there is no memory for WebAssembly: could not allocate memory)",
      ],
    ];
    for (const [refuses, name] of cases) {
      const threads = await gather(2, 2, recruit, after);
      const [worker] = workers.slice(-1);
      const ended = once(worker, "exit");
      refusing(refuses);
      const backend = assembleCpu(selection, threads, now, ignore);
      assert.equal(backend.name, name);
      const { run, check } = chain(backend);
      run();
      await check();
      restore();
      // The thread that was not needed does not stay.
      await ended;
    }
    const threads = await gather(2, 2, recruit, after);
    const backend = assembleCpu(selection, threads, now, ignore);
    assert.equal(backend.name, "WebAssembly, plain SIMD, 2 threads (40 GFLOP/s a thread)");
  });

  it("that a platform makes unshared though it was asked to share is none for threads", () => {
    pretend("Memory", (own) => (...given) => {
      const [{ initial, maximum }] = given as unknown as [Descriptor];
      return new own(...([{ initial, maximum }] as unknown as never[]));
    });
    assert.throws(() => createWasmBackend({ threads: { others: 1, start: startFrom(), now } }), /shares no memory/);
    assert.equal(workers.length, 0);
  });
});

describe("programs that the platform does not take", () => {
  for (const others of [0, 1]) {
    it(`are done by JavaScript on the same memory, with a word, on ${others + 1} threads`, async () => {
      const warnings: string[] = [];
      const backend =
        others === 0
          ? createWasmBackend({ warn: (message) => warnings.push(message) })
          : await withThreads(others, startFrom(), warnings);
      assert.ok(backend);
      const before = chain(backend);
      pretend("Module", (own) => (...given) => {
        const [bytes] = given as unknown as [Uint8Array];
        if (bytes.length > 600) throw new Error("size is above the limit");
        return new own(...given);
      });
      assert.deepEqual(warnings, []);
      const after = chain(backend);
      assert.deepEqual(warnings, [
        "the platform does not take the kernels, JavaScript does their work, slowly: size is above the limit",
      ]);
      for (const { run, check } of [after, before, after]) {
        run();
        await check();
      }
    });
  }

  it("are the end of it where nobody listens", () => {
    const backend = createWasmBackend();
    assert.ok(backend);
    pretend("Module", () => () => {
      throw new Error("too large");
    });
    assert.throws(() => chain(backend), /too large/);
  });
});
