/** What a graph becomes: which kernels, in which order, and that joining them changes no value. */
import assert from "node:assert/strict";
import { createJsBackend } from "../../engine/backends/js";
import { createWasmBackend } from "../../engine/backends/wasm";
import { gradientsOf } from "../../engine/autodiff/gradients";
import type { NdArray } from "../../engine/graph/array";
import { sizeOf } from "../../engine/graph/shape";
import type { Tensor } from "../../engine/graph/tensor";
import * as ops from "../../engine/ops";
import { type Plan, planGraph, printPlan } from "../../engine/plan/plan";
import { compileProgram } from "../../engine/plan/program";
import { seeded } from "../support/fixtures";
import { leaf, leavesOf, valueOf } from "../support/graph";

const kinds = ({ instructions }: Plan): string[] => instructions.map(({ kernel }) => kernel.kind);

/** Every output on every backend against the plain evaluator. */
async function assertValues(outputs: readonly Tensor[], values: ReadonlyMap<Tensor, NdArray>): Promise<void> {
  for (const backend of [createJsBackend(), createWasmBackend()]) {
    if (!backend) throw new Error("WebAssembly with vectors should exist on this platform");
    const program = compileProgram(planGraph(outputs), backend);
    for (const [input, { data }] of values) program.write(input, data);
    const shape = [...values.values()][0].shape;
    program.run();
    for (const output of outputs) {
      const expected = valueOf(output, values).data;
      const got = await program.read(output);
      // Sums may cancel: what they are made of counts.
      const scale = expected.reduce((most, x) => Math.max(most, Math.abs(x)), Math.sqrt(sizeOf(shape)));
      got.forEach((x, i) => {
        const message = `${backend.name}, ${output.op}, element ${i}: ${x} in place of ${expected[i]}`;
        assert.ok(Math.abs(x - expected[i]) <= 1e-5 * scale, message);
      });
    }
    program.dispose();
  }
}

describe("a plan", () => {
  it("reads parameter and gradient once for an update and all that is measured of it", async () => {
    const {
      leaves: [w, g, rate],
      values,
    } = leavesOf([seeded([40, 30], 1), seeded([40, 30], 2), { ...seeded([], 3), shape: [] }]);
    const next = w.sub(g.mul(rate));
    const change = next.sub(w);
    const outputs = [
      next,
      ops.sqrt(ops.sum(w.mul(w))),
      ops.sqrt(ops.sum(g.mul(g))),
      ops.sqrt(ops.sum(change.mul(change))),
      ops.max(ops.abs(next)),
    ];
    const plan = planGraph(outputs);
    const sweeps = plan.instructions.filter(({ kernel }) => kernel.kind === "sweep");
    assert.equal(sweeps.length, 1, printPlan(plan));
    assert.equal(sweeps[0].outputs.length, 5);
    // What else there is, are the three roots.
    assert.deepEqual(kinds(plan).toSorted(), ["map", "map", "map", "sweep"]);
    await assertValues(outputs, values);
  });

  it("does not keep what all that read it have computed for themselves", () => {
    const {
      leaves: [x],
    } = leavesOf([seeded([1000], 1)]);
    const shifted = x.add(1);
    const plan = planGraph([shifted.mul(shifted), ops.exp(shifted)]);
    assert.deepEqual(kinds(plan), ["sweep"]);
    assert.equal(plan.instructions[0].outputs.length, 2);
    // The leaf and the outputs.
    assert.equal(plan.slots.length, 3);
  });

  it("leaves apart what must come one after the other", async () => {
    const {
      leaves: [x],
      values,
    } = leavesOf([seeded([40, 30], 4)]);
    // The second needs the first one's total.
    const centred = x.sub(ops.mean(x));
    const outputs = [centred, ops.sum(centred.mul(centred))];
    const plan = planGraph(outputs);
    assert.equal(kinds(plan).filter((kind) => kind === "sweep").length, 1, printPlan(plan));
    await assertValues(outputs, values);
  });

  it("has a matrix come out the way that it is read", async () => {
    const {
      leaves: [a, b],
      values,
    } = leavesOf([seeded([20, 30], 5), seeded([30, 10], 6)]);
    const product = a.matmul(b);
    const plan = planGraph([product.permute([1, 0])]);
    assert.deepEqual(kinds(plan), ["matmul"]);
    const [{ kernel }] = plan.instructions;
    assert.ok(kernel.kind === "matmul" && kernel.m === 10 && kernel.n === 20 && kernel.k === 30, printPlan(plan));
    await assertValues([product.permute([1, 0])], values);
    // Whoever wants it as it is, gets it as it is.
    const both = planGraph([product.permute([1, 0]), product]);
    assert.ok(both.instructions.some(({ kernel: each }) => each.kind === "matmul" && each.m === 20));
    await assertValues([product.permute([1, 0]), product], values);
  });

  it("of matrices in batches, whose readers swap the last two axes", async () => {
    const {
      leaves: [a, b],
      values,
    } = leavesOf([seeded([3, 4, 5], 7), seeded([3, 5, 6], 8)]);
    await assertValues([a.matmul(b).permute([0, 2, 1]), ops.sum(a.matmul(b))], values);
    await assertValues([a.matmul(b).permute([0, 2, 1]).add(1)], values);
  });

  it("makes one product of many that share a factor, and of many that are summed", async () => {
    const {
      leaves: [x, w],
      values,
    } = leavesOf([seeded([6, 10, 8], 9), seeded([8, 12], 10)]);
    const y = x.matmul(w);
    const gradients = gradientsOf(ops.sum(y.mul(y)), [x, w]);
    const plan = planGraph([y, ...gradients]);
    const products = plan.instructions.flatMap(({ kernel }) => (kernel.kind === "matmul" ? [kernel] : []));
    assert.deepEqual(
      products.map(({ m, n, k, batch }) => [m, n, k, batch.length]),
      // 60 rows forward; 60 rows back to x; over all 60 rows for w.
      [
        [60, 12, 8, 1],
        [60, 8, 12, 1],
        [8, 12, 60, 1],
      ],
      printPlan(plan),
    );
    await assertValues([y, ...gradients], values);
  });

  it("keeps apart products whose factors do not follow one another", async () => {
    const {
      leaves: [x, w],
      values,
    } = leavesOf([seeded([6, 10, 8], 11), seeded([6, 8, 5], 12)]);
    const y = x.matmul(w);
    await assertValues([y, ...gradientsOf(ops.sum(y.mul(y)), [x, w])], values);
    const turned = x.permute([1, 0, 2]).matmul(w.slice(0));
    await assertValues([turned, ...gradientsOf(ops.sum(turned.mul(turned)), [x, w])], values);
  });

  const SLICES: readonly [string, (x: Tensor) => Tensor[], expected: string][] = [
    ["that cover it", (x) => [0, 1, 2, 3].map((i) => x.slice(null, [i * 5, i * 5 + 5])), "concat"],
    ["with gaps", (x) => [0, 2, 3].map((i) => x.slice(null, [i * 5, i * 5 + 3])), "concat"],
    ["of its rows", (x) => [2, 0, 1].map((i) => x.slice([i * 2, i * 2 + 2])), "concat"],
    ["that overlap", (x) => [0, 1].map((i) => x.slice(null, [i * 5, i * 5 + 10])), "place"],
    ["of a corner each", (x) => [x.slice([0, 2], [0, 4]), x.slice([3, 5], [9, 20])], "place"],
  ];
  for (const [what, slices, expected] of SLICES)
    it(`puts gradients of slices ${what} together`, async () => {
      const {
        leaves: [x],
        values,
      } = leavesOf([seeded([6, 20], 13)]);
      const parts = slices(ops.tanh(x));
      const loss = parts.map((part, i) => ops.sum(part.mul(part).mul(i + 1))).reduce((a, b) => a.add(b));
      const gradients = gradientsOf(loss, [x]);
      const plan = planGraph(gradients);
      assert.ok(kinds(plan).includes(expected), printPlan(plan));
      assert.ok(!kinds(plan).includes(expected === "concat" ? "place" : "concat"), printPlan(plan));
      await assertValues([loss, ...gradients], values);
    });

  it("prints as it always did", () => {
    const x = leaf([2, 3], "float32", "x");
    const w = leaf([3, 4], "float32", "w");
    const h = ops.relu(x.matmul(w));
    const [gradient] = gradientsOf(ops.sum(h), [w]);
    assert.equal(
      printPlan(planGraph([h, gradient])),
      `s0: float32 x
s1: float32 w
s2 = matmul m=2 n=4 k=3 batch=[{"a":0,"b":0}] strideA=[3,1] strideB=[4,1] (s0, s1)  # matmul
s3 = map shape=[2,4] views=[{"offset":0,"strides":[4,1]}] less(0, i0) (s2)  # multiply
s4 = matmul m=3 n=4 k=2 batch=[{"a":0,"b":0}] strideA=[1,3] strideB=[4,1] (s0, s3)  # matmul
s5 = map shape=[2,4] views=[{"offset":0,"strides":[4,1]}] maximum(i0, 0) (s2)  # relu
return s5, s4`,
    );
  });

  it("takes random graphs apart and together again without a change of value", async () => {
    let state = 7;
    const dice = (n: number): number => {
      state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
      return (state >> 8) % n;
    };
    for (let round = 0; round < 60; round++) {
      const shape = [[700], [30, 24], [5, 11, 13]][dice(3)];
      const { leaves, values } = leavesOf([
        seeded(shape, round),
        seeded(shape, round + 100),
        seeded(shape.slice(-1), round + 200),
      ]);
      const nodes: Tensor[] = [...leaves];
      for (let i = 0; i < 12; i++) {
        const [a, b] = [nodes[dice(nodes.length)], nodes[dice(nodes.length)]];
        const made = [
          () => a.add(b),
          () => a.mul(b).mul(0.5),
          () => ops.tanh(a),
          () => a.sub(ops.mean(b)),
          () => ops.maximum(a, b),
          () => a.add(ops.sum(b.mul(b)).mul(1e-3)),
          () => ops.sum(a, -1, { keepDims: true }).mul(0.01).add(b),
        ][dice(7)]();
        nodes.push(made);
      }
      const outputs = [...nodes.slice(-3), ops.sum(nodes[5]), ops.max(nodes[7])];
      const biggest = Math.max(...outputs.map((output) => sizeOf(output.shape)));
      assert.ok(biggest > 0);
      await assertValues([...new Set(outputs)], values);
    }
  });
});
