/** What goes over the same rows becomes one instruction, and its values stay what they are. */
import assert from "node:assert/strict";
import { gradientsOf } from "../../engine/autodiff/gradients";
import type { NdArray } from "../../engine/graph/array";
import { sizeOf } from "../../engine/graph/shape";
import type { Tensor } from "../../engine/graph/tensor";
import * as nn from "../../engine/nn";
import * as ops from "../../engine/ops";
import { evaluate } from "../../engine/plan/evaluate";
import { type Plan, planGraph, printPlan } from "../../engine/plan/plan";
import { seeded } from "../support/fixtures";
import { leaf, leavesOf } from "../support/graph";
import { BACKENDS, runInFloat32 } from "../support/run";

const kinds = ({ instructions }: Plan): string[] => instructions.map(({ kernel }) => kernel.kind);

async function assertValues(outputs: readonly Tensor[], values: ReadonlyMap<Tensor, NdArray>): Promise<void> {
  const expected = evaluate(outputs, (input) => values.get(input));
  for (const on of BACKENDS) {
    const got = await runInFloat32(outputs, values, on);
    expected.forEach(({ data }, which) => {
      const scale = data.reduce((most, x) => Math.max(most, Math.abs(x)), 1);
      data.forEach((x, i) => {
        const y = got[which][i];
        assert.ok(Math.abs(y - x) <= 1e-5 * scale, `${on.name}, output ${which}, element ${i}: ${y} in place of ${x}`);
      });
    });
  }
}

interface Case {
  readonly name: string;
  readonly shapes: readonly (readonly number[])[];
  /** Class indices below this for the last of the leaves. */
  readonly classes?: number;
  readonly outputs: (leaves: readonly Tensor[]) => Tensor[];
  readonly kinds: readonly string[];
}

/** Numbers that stand for what comes from the rest of a network. */
const g = (x: Tensor, of: Tensor): Tensor => ops.sum(x.mul(of));

const CASES: readonly Case[] = [
  {
    name: "softmax",
    shapes: [[6, 10]],
    outputs: ([x]) => [ops.softmax(x.mul(3))],
    kinds: ["rows"],
  },
  {
    name: "log-softmax of a batch of sequences",
    shapes: [[2, 3, 70]],
    outputs: ([x]) => [ops.logSoftmax(x)],
    kinds: ["rows"],
  },
  {
    // The softmax itself is not wanted, but what is made of it on the way.
    name: "the gradient of softmax",
    shapes: [
      [6, 10],
      [6, 10],
    ],
    outputs: ([x, of]) => gradientsOf(g(ops.softmax(x), of), [x]),
    kinds: ["rows"],
  },
  {
    name: "layer normalisation",
    shapes: [[4, 5, 33], [33], [33]],
    outputs: ([x, weight, bias]) => [ops.layerNorm(x, [33], weight, bias)],
    kinds: ["rows"],
  },
  {
    name: "layer normalisation over two axes",
    shapes: [
      [4, 5, 7],
      [5, 7],
      [5, 7],
    ],
    outputs: ([x, weight, bias]) => [ops.layerNorm(x, [5, 7], weight, bias)],
    kinds: ["rows"],
  },
  {
    name: "layer normalisation with its gradients",
    shapes: [[20, 33], [33], [33], [20, 33]],
    outputs: ([x, weight, bias, of]) => {
      const y = ops.layerNorm(x, [33], weight, bias);
      return [y, ...gradientsOf(g(y, of), [x, weight, bias])];
    },
    // Those of weight and bias are sums over rows, one after the other.
    kinds: ["reduce", "reduce", "rows"],
  },
  {
    name: "root-mean-square normalisation",
    shapes: [[9, 40], [40]],
    outputs: ([x, weight]) => [ops.rmsNorm(x, [40], weight)],
    kinds: ["rows"],
  },
  {
    name: "vectors of length 1",
    shapes: [[9, 40]],
    outputs: ([x]) => [x.div(ops.norm(x, -1, { keepDims: true }))],
    kinds: ["rows"],
  },
  {
    // Looking the labels up among the classes finds those that are none; the positions are read nowhere else.
    name: "cross-entropy of classes with its gradient",
    shapes: [[12, 10], [10], [12]],
    classes: 10,
    outputs: ([x, bias, labels]) => {
      const loss = nn.crossEntropy(x.add(bias), labels);
      return [loss, ...gradientsOf(loss, [x])];
    },
    kinds: ["gather", "map", "map", "rows"],
  },
  {
    name: "cross-entropy of given probabilities",
    shapes: [
      [12, 10],
      [12, 10],
    ],
    outputs: ([x, y]) => {
      const loss = nn.crossEntropy(x, ops.softmax(y));
      return [loss, ...gradientsOf(loss, [x])];
    },
    kinds: ["map", "rows"],
  },
  {
    name: "a sum of rows alone is what it was",
    shapes: [[12, 10]],
    outputs: ([x]) => [ops.sum(x, -1)],
    kinds: ["reduce"],
  },
  {
    // Elements of a channel do not follow one another.
    name: "softmax over channels",
    shapes: [[2, 5, 4, 3]],
    outputs: ([x]) => [ops.softmax(x, 1)],
    kinds: ["map", "map", "reduce", "reduce"],
  },
];

describe("rows in a plan", () => {
  for (const { name, shapes, classes, outputs, kinds: expected } of CASES)
    it(`are joined for ${name}`, async () => {
      const arrays = shapes.map((shape, i) => seeded(shape, i + 1));
      const { leaves, values } = leavesOf(arrays);
      const all = new Map(values);
      const made = [...leaves];
      if (classes !== undefined) {
        const shape = shapes[shapes.length - 1];
        const labels = leaf(shape, "int32", "labels");
        all.delete(made[made.length - 1]);
        made[made.length - 1] = labels;
        const data = Float64Array.from({ length: sizeOf(shape) }, (_, i) => (i * 7) % classes);
        all.set(labels, { shape, dtype: "int32", data });
      }
      const wanted = outputs(made);
      const plan = planGraph(wanted);
      assert.deepEqual(kinds(plan).toSorted(), expected, printPlan(plan));
      await assertValues(wanted, all);
    });

  it("print what they make, and what of it they keep", () => {
    const x = leaf([2, 3], "float32", "x");
    assert.equal(
      printPlan(planGraph([ops.softmax(x)])),
      `s0: float32 x
s1 = rows shape=[2,3] views=[{"strides":[3,1],"offset":0}] maximum row: i0, map element: exp(subtract(i0, i1)), sum row: i2, map element*: divide(i2, i3) (s0)  # divide
return s1`,
    );
  });

  it("keep what others need of them", async () => {
    const {
      leaves: [x, w],
      values,
    } = leavesOf([seeded([8, 30], 1), seeded([30, 4], 2)]);
    const centred = x.sub(ops.mean(x, -1, { keepDims: true }));
    const length = ops.sqrt(ops.sum(centred.mul(centred), -1, { keepDims: true }));
    const outputs = [centred.matmul(w), length, ops.sum(length), ops.sum(centred.mul(2), 0)];
    const plan = planGraph(outputs);
    assert.deepEqual(kinds(plan).toSorted(), ["matmul", "reduce", "rows"], printPlan(plan));
    const rows = plan.instructions.find(({ kernel }) => kernel.kind === "rows");
    // The centred numbers, the lengths, and their sum.
    assert.equal(rows?.outputs.length, 3, printPlan(plan));
    await assertValues(outputs, values);
  });
});
