/** Which kernels are taken: those that compute rightly, and of them the fastest. */
import assert from "node:assert/strict";
import "./support";
import type { Backend } from "../../../engine/backends/backend";
import { createJsBackend } from "../../../engine/backends/js";
import { createWasmBackend } from "../../../engine/backends/wasm";
import type { Target } from "../../../engine/backends/wasm/code";
import {
  KERNELS,
  type KernelName,
  type Selection,
  describeSelection,
  possibleKernels,
  selectKernels,
} from "../../../engine/backends/wasm/select";
import { createTrial, firstWrong, runTrial } from "../../../engine/backends/wasm/select-check";

const nameOf = (target: Target): KernelName =>
  (Object.keys(KERNELS) as KernelName[]).find(
    (name) => KERNELS[name].fused === target.fused && KERNELS[name].wide === target.wide,
  ) as KernelName;

/** A clock that moves when kernels run, by what the table says; the kernels themselves are those of the JavaScript backend. */
function contest(milliseconds: Partial<Record<KernelName, number>>) {
  let time = 0;
  const tried: KernelName[] = [];
  return {
    tried,
    now: () => time,
    create: (target: Target): Backend => {
      const name = nameOf(target);
      tried.push(name);
      const backend = createJsBackend({ mode: "interpret" });
      return {
        ...backend,
        prepare(dispatches) {
          const prepared = backend.prepare(dispatches);
          // A long product only costs time here, and its result is not looked at.
          if (dispatches.length > 1) return prepared;
          return { ...prepared, run: () => (time += milliseconds[name] ?? 1) };
        },
      };
    },
  };
}

/** A backend whose results of one kind of kernel are off by a hundredth. */
function faulty(target: Target, kind: string): Backend | undefined {
  const backend = createWasmBackend({ target });
  if (!backend) return undefined;
  const wrong = new Set<object>();
  return Object.assign(Object.create(backend) as Backend, {
    prepare(dispatches: Parameters<Backend["prepare"]>[0]) {
      for (const { kernel, outputs } of dispatches) if (kernel.kind === kind) wrong.add(outputs[0]);
      return backend.prepare(dispatches);
    },
    async read(buffer: Parameters<Backend["read"]>[0]) {
      const values = await backend.read(buffer);
      if (wrong.has(buffer)) values[values.length - 1] += 0.01;
      return values;
    },
  });
}

const clock = (): number => performance.now();

describe("selecting kernels", () => {
  it("finds kernels that are right on this platform, and says how fast", async () => {
    const { kernels, speeds, faults } = await selectKernels({ now: clock, wide: false });
    assert.ok(kernels === "plain SIMD" || kernels === "relaxed SIMD", kernels);
    assert.deepEqual(Object.keys(speeds), ["plain SIMD", "relaxed SIMD"]);
    assert.ok(Object.values(speeds).every((speed) => speed > 0 && Number.isFinite(speed)));
    assert.deepEqual(faults, []);
  });

  it("offers 256-bit kernels only where the host says that they are compiled to such", async () => {
    assert.deepEqual(possibleKernels(false), ["plain SIMD", "relaxed SIMD"]);
    assert.deepEqual(possibleKernels(true), ["plain SIMD", "relaxed SIMD", "256-bit SIMD"]);
    const lacking = { "256-bit SIMD": "256-bit kernels need Node 24" };
    const narrow = contest({});
    assert.deepEqual((await selectKernels({ ...narrow, wide: false, lacking })).reasons, [lacking["256-bit SIMD"]]);
    assert.deepEqual(narrow.tried, ["plain SIMD", "relaxed SIMD"]);
    const wide = contest({});
    assert.deepEqual((await selectKernels({ ...wide, wide: true, lacking })).reasons, []);
    assert.deepEqual(wide.tried, ["plain SIMD", "relaxed SIMD", "256-bit SIMD"]);
  });

  const races: readonly { times: Record<KernelName, number>; fastest: KernelName }[] = [
    { times: { "plain SIMD": 1, "relaxed SIMD": 0.8, "256-bit SIMD": 0.5 }, fastest: "256-bit SIMD" },
    { times: { "plain SIMD": 1, "relaxed SIMD": 0.8, "256-bit SIMD": 1.3 }, fastest: "relaxed SIMD" },
    { times: { "plain SIMD": 0.5, "relaxed SIMD": 0.8, "256-bit SIMD": 1.3 }, fastest: "plain SIMD" },
    // Nearly equal: the same whatever the noise.
    { times: { "plain SIMD": 0.97, "relaxed SIMD": 0.96, "256-bit SIMD": 1 }, fastest: "256-bit SIMD" },
  ];
  for (const { times, fastest } of races) {
    it(`takes ${fastest} of ${Object.values(times).join(", ")} ms`, async () => {
      const { kernels, speeds } = await selectKernels({ ...contest(times), wide: true });
      assert.equal(kernels, fastest);
      // 2·192³ operations in so many milliseconds.
      for (const [name, time] of Object.entries(times))
        assert.ok(
          Math.abs(speeds[name as KernelName]! - 14.155776 / time) < 1e-3,
          `${name}: ${speeds[name as KernelName]}`,
        );
    });
  }

  it("takes the time of so many runs that a blurred clock tells kernels apart", async () => {
    const { create, now } = contest({ "plain SIMD": 0.3, "relaxed SIMD": 0.2 });
    const blurred = (): number => Math.floor(now());
    const { kernels, speeds } = await selectKernels({ now: blurred, clockStep: 1, create, wide: false });
    assert.equal(kernels, "relaxed SIMD");
    // 20 steps of the clock, of which one is uncertain.
    for (const [name, time] of [["plain SIMD", 0.3] as const, ["relaxed SIMD", 0.2] as const])
      assert.ok(Math.abs(speeds[name]! / (14.155776 / time) - 1) < 0.06, `${name}: ${speeds[name]}`);
  });

  for (const kind of ["matmul", "convolution", "pool", "map", "reduce"]) {
    it(`leaves out kernels with a wrong ${kind}`, async () => {
      const create = (target: Target) => (target.fused ? faulty(target, kind) : createWasmBackend({ target }));
      const { kernels, speeds, faults } = await selectKernels({ now: clock, wide: false, create });
      assert.equal(kernels, "plain SIMD");
      assert.deepEqual(Object.keys(speeds), ["plain SIMD"]);
      assert.equal(faults.length, 1);
      assert.match(faults[0], /^relaxed SIMD is not used: its .+ was wrong$/);
    });
  }

  it("checks the code as the optimiser makes it where that was told to make 256-bit operations", async () => {
    const calls: string[] = [];
    const { create, now } = contest({});
    const noted = (target: Target): Backend => {
      calls.push(nameOf(target));
      if (target.wide) throw new Error("no");
      return create(target);
    };
    const optimiseAtOnce = (atOnce: boolean): number => calls.push(String(atOnce));
    const { kernels } = await selectKernels({ now, wide: true, create: noted, optimiseAtOnce });
    assert.equal(kernels, "relaxed SIMD");
    assert.deepEqual(
      calls,
      ["plain SIMD", "relaxed SIMD", "256-bit SIMD"].flatMap((name) => ["true", name, "false"]),
    );
    calls.length = 0;
    await selectKernels({ now, wide: false, create: noted, optimiseAtOnce });
    assert.deepEqual(calls, ["plain SIMD", "relaxed SIMD"]);
  });

  it("gives up WebAssembly where nothing is right, with the reasons", async () => {
    const create = (target: Target): Backend | undefined => {
      if (target.fused) throw new RangeError("out of memory");
      return undefined;
    };
    const selection = await selectKernels({ now: clock, wide: false, create });
    assert.equal(selection.kernels, undefined);
    assert.equal(
      describeSelection(selection, 1),
      "JavaScript, 1 thread (plain SIMD is not used: WebAssembly has no vectors here; relaxed SIMD is not used: out of memory)",
    );
  });

  it("only checks what it remembers", async () => {
    const remembered = {
      kernels: "plain SIMD",
      speeds: { "plain SIMD": 12 },
      faults: ["relaxed SIMD is not used"],
    } as const;
    const now = (): number => assert.fail("nothing is measured");
    const { create, tried } = contest({});
    const selection = await selectKernels({ now, create, wide: false, remembered });
    assert.deepEqual(selection, { ...remembered, reasons: [] });
    assert.deepEqual(tried, ["plain SIMD"]);
  });

  it("chooses anew among the others where what it remembers fails, or cannot be used", async () => {
    const remembered = { kernels: "relaxed SIMD", speeds: { "relaxed SIMD": 12 }, faults: [] } as const;
    const create = (target: Target) => (target.fused ? faulty(target, "matmul") : createWasmBackend({ target }));
    const failed = await selectKernels({ now: clock, wide: false, remembered, create });
    assert.equal(failed.kernels, "plain SIMD");
    assert.match(failed.faults.join(), /^relaxed SIMD is not used: its matrix product .+ was wrong$/);
    const absent = await selectKernels({
      ...contest({}),
      wide: false,
      remembered: { ...remembered, kernels: "256-bit SIMD" },
    });
    assert.equal(absent.kernels, "relaxed SIMD");
  });

  it("says in a line what computes", () => {
    const speeds = { "plain SIMD": 58.6, "relaxed SIMD": 60.4 };
    const relaxed: Selection = {
      kernels: "relaxed SIMD",
      speeds,
      reasons: ["256-bit kernels need Node 24"],
      faults: [],
    };
    const plain: Selection = {
      kernels: "plain SIMD",
      speeds: { "plain SIMD": 7 },
      reasons: [],
      faults: ["relaxed SIMD is not used: no"],
    };
    const lines: readonly [Selection, number, string[], string][] = [
      [
        relaxed,
        2,
        [],
        "WebAssembly, relaxed SIMD, 2 threads (60 GFLOP/s a thread, 59 with plain SIMD; 256-bit kernels need Node 24)",
      ],
      [plain, 1, ["why"], "WebAssembly, plain SIMD, 1 thread (7 GFLOP/s a thread; relaxed SIMD is not used: no; why)"],
      [
        { kernels: undefined, speeds: {}, reasons: ["there is no WebAssembly"], faults: [] },
        1,
        [],
        "JavaScript, 1 thread (there is no WebAssembly)",
      ],
    ];
    for (const [selection, threads, more, line] of lines)
      assert.equal(describeSelection(selection, threads, more), line);
  });
});

describe("the trial of kernels", () => {
  it("finds a wrong element in the result of every step", async () => {
    const trial = createTrial();
    const expected = await runTrial(createJsBackend(), trial);
    assert.equal(firstWrong(trial, expected, expected), undefined);
    trial.steps.forEach(({ name }, step) => {
      for (const at of [0, expected[step].length - 1]) {
        const actual = expected.map((values) => values.slice());
        const value = expected[step][at];
        actual[step][at] = Number.isFinite(value) ? value + 0.001 * (1 + Math.abs(value)) : 0;
        assert.equal(firstWrong(trial, actual, expected), name);
        actual[step][at] = Number.isNaN(value) ? 1 : NaN;
        assert.equal(firstWrong(trial, actual, expected), name);
      }
    });
  });

  it("multiplies and convolves as double loops do", async () => {
    const trial = createTrial();
    const results = await runTrial(createJsBackend(), trial);
    const dataOf = (position: number): Float32Array => trial.buffers[position].data ?? assert.fail("an input");
    trial.steps.forEach(({ name, kernel, inputs }, step) => {
      if (kernel.kind === "matmul") {
        const [a, b, bias] = inputs.map(dataOf);
        const { m, n, k, strideA, strideB, epilogue } = kernel;
        for (let i = 0; i < m; i++)
          for (let j = 0; j < n; j++) {
            let sum = 0;
            for (let p = 0; p < k; p++) sum += a[i * strideA[0] + p * strideA[1]] * b[p * strideB[0] + j * strideB[1]];
            // The one with an epilogue has a bias for each column, and none below 0.
            const expected = epilogue ? Math.max(0, sum + bias[j]) : sum;
            assert.ok(Math.abs(results[step][i * n + j] - expected) < 1e-4, `${name} at ${i}, ${j}`);
          }
      }
      if (kernel.kind === "convolution" && kernel.which === "forward") {
        const [x, w] = inputs.map(dataOf);
        const { batch, inputChannels, outputChannels, input, kernel: window, output, padding } = kernel.geometry;
        results[step].forEach((actual, at) => {
          const column = at % output[1];
          const row = Math.floor(at / output[1]) % output[0];
          const channel = Math.floor(at / (output[0] * output[1])) % outputChannels;
          const image = Math.floor(at / (output[0] * output[1] * outputChannels));
          assert.ok(image < batch);
          let sum = 0;
          for (let c = 0; c < inputChannels; c++)
            for (let dy = 0; dy < window[0]; dy++)
              for (let dx = 0; dx < window[1]; dx++) {
                const [y, z] = [row + dy - padding[0], column + dx - padding[1]];
                if (y < 0 || z < 0 || y >= input[0] || z >= input[1]) continue;
                const weight = w[((channel * inputChannels + c) * window[0] + dy) * window[1] + dx];
                sum += weight * x[((image * inputChannels + c) * input[0] + y) * input[1] + z];
              }
          assert.ok(Math.abs(actual - sum) < 1e-4, `${name} at ${at}`);
        });
      }
    });
  });
});
