/** Which products take over what is done with their elements, and that it changes no value. */
import assert from "node:assert/strict";
import { createJsBackend } from "../../engine/backends/js";
import { createWasmBackend } from "../../engine/backends/wasm";
import { gradientsOf } from "../../engine/autodiff/gradients";
import type { NdArray } from "../../engine/graph/array";
import type { Tensor } from "../../engine/graph/tensor";
import type { MatmulKernel } from "../../engine/kernel/kernel";
import * as ops from "../../engine/ops";
import { type Plan, planGraph, printPlan } from "../../engine/plan/plan";
import { compileProgram } from "../../engine/plan/program";
import { seeded } from "../support/fixtures";
import { leavesOf, valueOf } from "../support/graph";

const kinds = ({ instructions }: Plan): string[] => instructions.map(({ kernel }) => kernel.kind);

const products = ({ instructions }: Plan): MatmulKernel[] =>
  instructions.flatMap(({ kernel }) => (kernel.kind === "matmul" ? [kernel] : []));

async function assertValues(outputs: readonly Tensor[], values: ReadonlyMap<Tensor, NdArray>): Promise<void> {
  for (const backend of [createJsBackend(), createWasmBackend()]) {
    assert.ok(backend);
    const program = compileProgram(planGraph(outputs), backend);
    for (const [input, { data }] of values) program.write(input, data);
    program.run();
    for (const output of outputs) {
      const expected = valueOf(output, values).data;
      const scale = expected.reduce((most, x) => Math.max(most, Math.abs(x)), 1);
      (await program.read(output)).forEach((x, i) => {
        assert.ok(Math.abs(x - expected[i]) <= 1e-4 * scale, `${backend.name}, ${output.op}, element ${i}`);
      });
    }
    program.dispose();
  }
}

describe("products in a plan", () => {
  it("add a bias and apply an activation themselves", async () => {
    const { leaves, values } = leavesOf([seeded([8, 20], 1), seeded([12, 20], 2), seeded([12], 3)]);
    const [x, w, b] = leaves;
    const outputs = [ops.relu(x.matmul(w.transpose()).add(b))];
    const plan = planGraph(outputs);
    assert.equal(
      printPlan(plan),
      [
        "s0: float32 x0",
        "s1: float32 x1",
        "s2: float32 x2",
        's3 = matmul m=8 n=12 k=20 batch=[{"a":0,"b":0}] strideA=[20,1] strideB=[1,20] ' +
          'then views=[{"strides":[0,0,1],"offset":0}] map: maximum(add(i0, i1), 0) (s0, s1, s2)  # relu',
        "return s3",
      ].join("\n"),
    );
    await assertValues(outputs, values);
  });

  it("give two results where there is enough to multiply, the product too if others read it", async () => {
    const { leaves, values } = leavesOf([seeded([8, 70], 1), seeded([70, 12], 2), seeded([12], 3)]);
    const [x, w, b] = leaves;
    const product = x.matmul(w);
    const sum = product.add(b);
    const outputs = [sum, product];
    const plan = planGraph(outputs);
    assert.deepEqual(kinds(plan), ["matmul"], printPlan(plan));
    assert.equal(plan.instructions[0].outputs.length, 2);
    await assertValues(outputs, values);
  });

  it("add what stands elsewhere: each step's inputs and the state, as in an LSTM", async () => {
    const { leaves, values } = leavesOf([
      seeded([4, 3, 16], 1),
      seeded([16, 24], 2),
      seeded([6, 24], 3),
      seeded([4, 6], 4),
      seeded([24], 5),
    ]);
    const [x, w, u, h, b] = leaves;
    const gates = x.matmul(w);
    const step = ops.slice(gates, null, 1).add(h.matmul(u).add(b));
    const plan = planGraph([step]);
    assert.deepEqual(kinds(plan), ["matmul", "matmul"], printPlan(plan));
    await assertValues([step], values);
  });

  it("that are only summed add to each other, one after the other", async () => {
    const shapes = Array.from({ length: 12 }, (_, i) => seeded([5, 7], i));
    const { leaves, values } = leavesOf([seeded([7, 9], 20), ...shapes]);
    const [w, ...xs] = leaves;
    const scaled = xs.map((x, i) => ops.tanh(x.mul(i + 1)).matmul(w));
    const total = scaled.reduce((sum, each) => sum.add(each));
    const plan = planGraph([total]);
    // Sums are planned in groups; all but the first of each add to what is there.
    assert.ok(products(plan).filter(({ epilogue }) => !epilogue).length <= 2, printPlan(plan));
    assert.equal(kinds(plan).filter((kind) => kind === "map").length, xs.length);
    await assertValues([total], values);
  });

  it("leave the gradient of an activation to the product that it is multiplied with", async () => {
    const { leaves, values } = leavesOf([seeded([9, 8], 1), seeded([8, 20], 2), seeded([20, 6], 3)]);
    const [x, w, v] = leaves;
    const out = ops.relu(x.matmul(w)).matmul(v);
    const outputs = gradientsOf(ops.sum(out.mul(out)), [w, v]);
    const plan = planGraph(outputs);
    assert.equal(products(plan).filter(({ epilogue }) => epilogue).length, 2, printPlan(plan));
    await assertValues(outputs, values);
  });

  it("leave apart what gains nothing, or cannot be read beside them", async () => {
    const { leaves, values } = leavesOf([
      seeded([8, 20], 1),
      seeded([20, 12], 2),
      seeded([12, 8], 3),
      seeded([1, 20], 4),
    ]);
    const [x, w, other, row] = leaves;
    const product = x.matmul(w);
    const cases: readonly (readonly Tensor[])[] = [
      // A function of many instructions.
      [ops.tanh(product)],
      // A statistic, and two results of little work.
      [product, ops.sum(product.mul(product))],
      [product, product.add(1)],
      // Elements that lie apart, and a single row.
      [product.add(other.transpose())],
      [ops.relu(row.matmul(w))],
    ];
    for (const outputs of cases) {
      const plan = planGraph(outputs);
      assert.ok(
        products(plan).every(({ epilogue }) => epilogue === undefined),
        printPlan(plan),
      );
      await assertValues(outputs, values);
    }
  });
});
