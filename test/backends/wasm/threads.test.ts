/** Several threads do the work of one, to the same bits. */
import assert from "node:assert/strict";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { type WasmBackend, createWasmBackend } from "../../../engine/backends/wasm";
import type { StartThread } from "../../../engine/backends/wasm/threads";
import { gradientsOf } from "../../../engine/autodiff/gradients";
import type { Tensor } from "../../../engine/graph/tensor";
import * as ops from "../../../engine/ops";
import { planGraph } from "../../../engine/plan/plan";
import { compileProgram } from "../../../engine/plan/program";
import { seeded } from "../../support/fixtures";
import { type Values, leavesOf } from "../../support/graph";

const workers: Worker[] = [];

const start: StartThread = (ready) => {
  const worker = new Worker(resolve("dist", "thread.mjs"));
  workers.push(worker);
  worker.once("message", ready);
  return {
    post: (message) => {
      worker.postMessage(message);
    },
  };
};

async function withThreads(others: number): Promise<WasmBackend> {
  const backend = createWasmBackend({ threads: { others, start, now: () => performance.now() } });
  if (!backend) throw new Error("WebAssembly with vectors should exist on this platform");
  while (backend.threads < others + 1) await sleep(5);
  return backend;
}

/** Enough of each kind of kernel that there is something to share. */
function network(): { outputs: Tensor[]; values: Values } {
  const { leaves, values } = leavesOf([
    seeded([32, 3, 24, 24], 1),
    seeded([16, 3, 3, 3], 2),
    seeded([16 * 12 * 12, 40], 3),
    seeded([40], 4),
  ]);
  const [x, kernel, w, b] = leaves;
  const features = ops.maxPool2d(ops.relu(ops.conv2d(x, kernel, undefined, { padding: 1 })), 2);
  const logits = features
    .reshape([32, 16 * 12 * 12])
    .matmul(w)
    .add(b);
  const loss = ops.mean(ops.softmax(logits).mul(ops.tanh(logits)));
  return { outputs: [loss, logits, ...gradientsOf(loss, [x, kernel, w, b])], values };
}

async function run(backend: WasmBackend, rounds: number): Promise<Float32Array[][]> {
  const { outputs, values } = network();
  const program = compileProgram(planGraph(outputs), backend);
  for (const [leaf, { data }] of values) program.write(leaf, data);
  const results: Float32Array[][] = [];
  for (let round = 0; round < rounds; round++) {
    program.run();
    results.push((await Promise.all(outputs.map((output) => program.read(output)))) as Float32Array[]);
  }
  program.dispose();
  return results;
}

describe("threads", () => {
  after(() => Promise.all(workers.map((worker) => worker.terminate())));

  it("give the same bits as one thread, run after run, program after program", async () => {
    const alone = createWasmBackend();
    if (!alone) throw new Error("WebAssembly with vectors should exist on this platform");
    const [expected] = await run(alone, 1);
    for (const others of [1, 2]) {
      const backend = await withThreads(others);
      for (let program = 0; program < 3; program++)
        for (const [round, results] of (await run(backend, 12)).entries())
          results.forEach((values, i) => {
            assert.deepEqual(values, expected[i], `${others + 1} threads, round ${round}, output ${i}`);
          });
    }
  });

  it("one kernel at a time, too", async () => {
    const backend = await withThreads(1);
    const { outputs, values } = network();
    const program = compileProgram(planGraph(outputs), backend);
    for (const [leaf, { data }] of values) program.write(leaf, data);
    program.run();
    const whole = await Promise.all(outputs.map((output) => program.read(output)));
    for (const _ of program.runInSteps());
    assert.deepEqual(await Promise.all(outputs.map((output) => program.read(output))), whole);
  });

  it("write new values over leaves in place, to the same bits", async () => {
    const trained = async (backend: WasmBackend): Promise<Float32Array[]> => {
      const { outputs, values } = network();
      const [loss, , ...gradients] = outputs;
      const leaves = [...values.keys()];
      const moments = leavesOf([...values.values()].map(({ shape }) => seeded(shape, 9, 0, 0.1)));
      const next = new Map<Tensor, Tensor>();
      leaves.forEach((leaf, i) => {
        // With some decay, since the network's own gradients are small.
        const change = gradients[i].add(leaf.mul(0.1));
        const moment = moments.leaves[i].mul(0.9).add(change.mul(change));
        next.set(moments.leaves[i], moment);
        next.set(leaf, leaf.sub(change.div(ops.sqrt(moment).add(1e-2)).mul(1e-2)));
      });
      const size = ops.sum(leaves[2].mul(leaves[2]));
      const program = compileProgram(planGraph([loss, size], next), backend);
      for (const [leaf, { data }] of [...values, ...moments.values]) program.write(leaf, data);
      const losses: Float32Array[] = [];
      for (let round = 0; round < 24; round++) {
        program.run();
        for (const each of [loss, size]) losses.push((await program.read(each)) as Float32Array);
        program.commit();
      }
      return losses;
    };
    const alone = createWasmBackend();
    if (!alone) throw new Error("WebAssembly with vectors should exist on this platform");
    const expected = await trained(alone);
    assert.ok(new Set(expected.map(([value]) => value)).size > 24);
    for (const others of [1, 2]) assert.deepEqual(await trained(await withThreads(others)), expected);
  });

  it("that do not start leave the work to one", async () => {
    const backend = createWasmBackend({
      threads: { others: 3, start: () => ({ post: () => undefined }), now: () => performance.now() },
    });
    if (!backend) throw new Error("WebAssembly with vectors should exist on this platform");
    assert.equal(backend.threads, 1);
    assert.equal((await run(backend, 2)).length, 2);
  });

  it("say what went wrong in a kernel as one does", async () => {
    const backend = await withThreads(1);
    const {
      leaves: [table],
      values,
    } = leavesOf([seeded([50, 400], 5)]);
    const index = ops.constantTensor(
      Int32Array.from({ length: 600 }, (_, i) => (i === 577 ? 61 : i % 50)),
      [600],
      "int32",
    );
    const program = compileProgram(planGraph([ops.take(table, index).mul(2)]), backend);
    for (const [leaf, { data }] of values) program.write(leaf, data);
    for (let round = 0; round < 4; round++) assert.throws(() => program.run(), /61/);
    // The same threads go on with other work.
    assert.equal((await run(backend, 2)).length, 2);
  });
});
