/** The quick evaluator against the definition of every operation, which is the truth. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { gradientsOf } from "../../engine/autodiff/gradients";
import { batches } from "../../engine/data/loader";
import type { NdArray } from "../../engine/graph/array";
import { reachable } from "../../engine/graph/order";
import { type DType, concreteShape, sizeOf } from "../../engine/graph/shape";
import { setSiteSource } from "../../engine/graph/site";
import type { Tensor } from "../../engine/graph/tensor";
import { Trace, enterTrace } from "../../engine/graph/trace";
import { createNodeFiles } from "../../engine/host/node-files";
import { loadProgram } from "../../engine/host/program";
import * as ops from "../../engine/ops";
import { allOperations, apply, elementwiseOperations } from "../../engine/ops";
import { type Bindings, evaluateNode } from "../../engine/plan/evaluate";
import { type QuickEvaluator, createQuickEvaluator } from "../../engine/plan/quick";
import { leafValue } from "../../engine/train/check-gradients";
import { loadParts } from "../../engine/train/parts";
import { gradientNodes } from "../../engine/train/records";
import { traceStep } from "../../engine/train/step";
import { shelf } from "../support/cli";
import { describeCases } from "../support/conformance";
import { seeded } from "../support/fixtures";
import { type Values, leaf, leavesOf, traced, weighted } from "../support/graph";
import { relativeError } from "../support/numbers";

/** Relative to the tensor's largest number; what another order of a sum may change. */
const BOUND = 1e-12;

/** The work from which on kernels are used, as the evaluator has it by default. */
const ENOUGH_WORK = 10_000;

/** Operations whose kernels add in another order than their definitions; all others give the same bits. */
const REORDERED = [
  "matmul",
  "conv2d",
  "conv2dInputGradient",
  "conv2dWeightGradient",
  "averagePool2d",
  "averagePool2dGradient",
];

const throughKernels = createQuickEvaluator({ enoughWork: 0 });

/** Evaluates every node by its definition, and each again by the quick evaluator from the same inputs. */
function compareNodes(outputs: readonly Tensor[], bindings: Bindings, quick: QuickEvaluator): Map<Tensor, NdArray> {
  const values = new Map<Tensor, NdArray>();
  for (const node of reachable(outputs)) {
    const expected = evaluateNode(node, values, bindings);
    values.set(node, expected);
    if (bindings(node)) continue;
    const inputs = node.inputs.map((input) => values.get(input) as NdArray);
    const before = inputs.map(({ data }) => data.slice());
    assertSame(node, quick.evaluate(node, inputs), expected);
    before.forEach((data, i) => assert.deepEqual(inputs[i].data, data, `${node.op} changed its input ${i}`));
  }
  return values;
}

function assertSame(node: Tensor, actual: NdArray, expected: NdArray): void {
  const what = `${node.op} [${expected.shape.join(", ")}]`;
  assert.deepEqual([actual.shape, actual.dtype], [expected.shape, expected.dtype], what);
  if (!REORDERED.includes(node.op)) return assertBits(actual, expected, what);
  const error = relativeError(actual.data, expected.data);
  assert.ok(error <= BOUND, `${what}: relative error ${error}`);
}

function assertBits(actual: NdArray, expected: NdArray, what: string): void {
  assert.equal(actual.data.length, expected.data.length, what);
  const at = actual.data.findIndex((value, i) => !Object.is(value, expected.data[i]));
  assert.ok(at < 0, `${what}: ${actual.data[at]} instead of ${expected.data[at]} at ${at}`);
}

describeCases("quick as plain", ({ output, gradients, values }) => {
  compareNodes([output, ...gradients], (node) => values.get(node), throughKernels);
});

describe("the quick evaluator on numbers with a meaning of their own", () => {
  const numbers = [0, -0, 0.5, -0.5, 1.5, 2.5, -1, 1, 3.7, 710, -710, -745, 1e300, -1e300, 2 ** 31, 5e-324];
  const special = Float64Array.of(...numbers, Infinity, -Infinity, NaN);
  const along = (axis: number): NdArray => ({
    shape: [special.length, 1, 1].slice(axis),
    dtype: "float32",
    data: special,
  });
  const attributes = { slope: 0.1, alpha: 1.5, low: -1, high: 2 };

  for (const name of elementwiseOperations()) {
    for (const dtype of (name === "cast" ? ["float32", "int32", "bool"] : ["float32"]) as DType[]) {
      it(`${name}${name === "cast" ? ` to ${dtype}` : ""} gives the same bits`, () => {
        traced(() => {
          // An operation's number of inputs is that of its derivative's or of its body's; too many change nothing.
          const { leaves, values } = leavesOf([along(0), along(1), along(2)]);
          const arity = arityOf(name);
          compareNodes(
            [apply(name, leaves.slice(0, arity), { ...attributes, dtype })],
            (at) => values.get(at),
            throughKernels,
          );
        });
      });
    }
  }

  for (const [name, call] of Object.entries<(x: Tensor) => Tensor>({
    max: (x) => ops.max(x, 0),
    min: (x) => ops.min(x, 1),
    sum: (x) => x.sum(0),
    prod: (x) => ops.prod(x, 1),
    argmax: (x) => x.argmax(0),
    argmin: (x) => ops.argmin(x, 1),
    cumsum: (x) => ops.cumsum(x, 0),
    maxPool2d: (x) => ops.maxPool2d(x.reshape([1, 1, 19, 19]), 3, { stride: 2, padding: 1 }),
    "pad with NaN": (x) => ops.pad(x, [[1, 2]], NaN),
    "pad with infinity": (x) => ops.pad(x, [[1, 2]], -Infinity),
    "pad with negative zero": (x) => ops.pad(x, [[1, 2]], -0),
    transpose: (x) => x.transpose(),
  })) {
    it(`${name} gives the same bits`, () => {
      traced(() => {
        const n = special.length;
        const data = Float64Array.from({ length: n * n }, (_, i) => special[(i * 7 + Math.floor(i / n)) % n]);
        const { leaves, values } = leavesOf([{ shape: [n, n], dtype: "float32", data }]);
        compareNodes([call(leaves[0])], (at) => values.get(at), throughKernels);
      });
    });
  }

  it("takes a constant in a body at its word, also where another kernel differs in the sign of zero only", () => {
    traced(() => {
      const { leaves, values } = leavesOf([{ shape: [2], dtype: "float32", data: Float64Array.of(-1, 1) }]);
      const clipped = [0, -0].map((low) => apply("clip", leaves, { low, high: 5 }));
      const all = compareNodes(clipped, (at) => values.get(at), throughKernels);
      assert.deepEqual(
        clipped.map((node) => Object.is(all.get(node)?.data[0], -0)),
        [false, true],
      );
    });
  });

  for (const bad of [NaN, Infinity]) {
    for (const padding of [0, 1]) {
      it(`a weight of ${bad} reaches what it reaches by definition, with padding ${padding}`, () => {
        traced(() => {
          const weight = seeded([4, 3, 3, 3], 2);
          weight.data[0] = bad;
          const { leaves, values } = leavesOf([seeded([2, 3, 12, 12], 1), weight]);
          const y = ops.conv2d(leaves[0], leaves[1], null, { padding });
          const scalar = ops.mul(weighted(y), y.sum());
          const all = compareNodes([y, ...gradientsOf(scalar, leaves)], (at) => values.get(at), throughKernels);
          // At the corner of a padded image the first tap is outside.
          assert.equal(Number.isFinite(all.get(y)?.data[0]), padding === 1);
        });
      });
    }
  }

  function arityOf(name: string): number {
    const lowered = allOperations().get(name)?.lower({ inputs: [], attributes, shape: [] });
    const inputs = [...JSON.stringify(lowered).matchAll(/"kind":"input","index":(\d)/g)].map(([, index]) => +index);
    return Math.max(...inputs) + 1;
  }
});

/** Calls with more work than the threshold, odd sizes and more than one block of a product. */
const LARGE: Readonly<Record<string, (make: Maker) => readonly Tensor[]>> = {
  "matmul, longer than a block": (x) => [ops.matmul(x(37, 1300), x(1300, 29))],
  "matmul of batches": (x) => [ops.matmul(x(3, 1, 33, 41), x(5, 41, 27)), ops.matmul(x(6, 50, 20), x(20, 30))],
  "matmul, wider than a block": (x) => [ops.matmul(x(150, 11), x(11, 410))],
  "conv2d, images joined": (x) => [ops.conv2d(x(7, 3, 11, 13), x(5, 3, 3, 3), x(5), { padding: 1 })],
  "conv2d, image by image": (x) => [ops.conv2d(x(2, 3, 25, 23), x(5, 3, 5, 3), null, { stride: 2, padding: [2, 1] })],
  "conv2d, groups and dilation": (x) => [
    ops.conv2d(x(3, 4, 17, 19), x(6, 2, 3, 3), null, { groups: 2, dilation: [2, 1], padding: 2 }),
  ],
  "conv2d, depthwise": (x) => [ops.conv2d(x(3, 6, 17, 15), x(12, 1, 3, 3), null, { groups: 6, padding: "same" })],
  "conv2d, 1 by 1": (x) => [ops.conv2d(x(12, 8, 14, 15), x(9, 8, 1, 1)), ops.conv2d(x(1, 8, 25, 25), x(9, 8, 1, 1))],
  convTranspose2d: (x) => [ops.convTranspose2d(x(3, 4, 9, 9), x(4, 5, 3, 3), null, { stride: 2, outputPadding: 1 })],
  maxPool2d: (x) => [ops.maxPool2d(x(6, 4, 31, 29), 3, { stride: 2, padding: 1 })],
  averagePool2d: (x) => [ops.averagePool2d(x(6, 4, 31, 29), 3, { stride: 2, padding: 1, countPadding: false })],
  reductions: (x) => {
    const t = x(23, 31, 37);
    return [t.sum(1), t.sum([0, 2]), t.sum(), ops.max(t, 0), ops.min(t, [1, 2]), ops.prod(t, 2)];
  },
  "arguments, with ties": (x) => {
    const t = ops.round(x(50, 40, 10));
    return [t.argmax(1), ops.argmin(t, 2), t.argmax(0)];
  },
  cumsum: (x) => [ops.cumsum(x(40, 30, 20), 1), ops.cumsum(x(200, 60), 0, { reverse: true })],
  "concat, pad and slice": (x) => [
    ops.concat([x(60, 70, 3), x(60, 100, 3)], 1),
    ops.pad(x(100, 120), [
      [1, 2],
      [3, 0],
    ]),
    ops.slice(x(300, 80), [null, null, -2], [5, 70, 3]),
  ],
  "expand and permute": (x) => [ops.expand(x(1, 90, 1), [30, 90, 7]), ops.permute(x(30, 40, 20), [2, 0, 1])],
  "take and its adjoint": (x) => {
    const indices = ops.cast(ops.abs(ops.mul(x(40, 30), 10)), "int32");
    return [ops.take(x(21, 15), indices), ops.take(x(9, 21, 3), indices, 1)];
  },
  "numbers counted and drawn": () => [
    ops.iota([150, 100], 1),
    ops.randomUniform([120, 100]),
    ops.randomNormal([120, 100]),
    ops.permutation(11_000),
  ],
  activations: (x) => {
    const t = x(120, 100);
    return [ops.sigmoid(t), ops.gelu(t), ops.silu(t), ops.softmax(t, -1), ops.add(t, x(120, 1)), ops.mul(t, x(100))];
  },
  comparisons: (x) => [ops.where(ops.gt(x(120, 100), x(100)), x(120, 1), 0), ops.cast(ops.mul(x(11_000), 9), "int32")],
};

type Maker = (...shape: number[]) => Tensor;

describe("the quick evaluator on large tensors", () => {
  const quick = createQuickEvaluator();
  const reached = new Set<string>();

  for (const [name, build] of Object.entries(LARGE)) {
    it(name, () => {
      traced(() => {
        const values = new Map<Tensor, NdArray>();
        const outputs = build((...shape) => {
          const made = leaf(shape);
          values.set(made, seeded(shape, 3 + values.size));
          return made;
        });
        const leaves = [...values.keys()];
        const differentiable = outputs.filter(({ dtype, op }) => dtype === "float32" && op !== "random");
        const gradients = differentiable.flatMap((output) =>
          gradientsOf(
            weighted(output),
            leaves.filter((at) => reachable([output]).includes(at)),
          ),
        );
        const all = compareNodes([...outputs, ...gradients], (at) => leafValue(at, 5, (x) => values.get(x)), quick);
        for (const [node, value] of all) if (visited(node, value, all) >= ENOUGH_WORK) reached.add(node.op);
      });
    });
  }

  it("reaches every operation that lowers to work of its own", () => {
    const exempt = new Set(["recovered", "maxPool2dPick", ...elementwiseOperations()]);
    const context = { inputs: [], attributes: {}, shape: [] };
    const works = [...allOperations()].filter(([name, { lower }]) => {
      if (exempt.has(name)) return false;
      try {
        return lower(context).kind === "kernel";
      } catch {
        // It wants inputs, so it is no source and no reshape.
        return true;
      }
    });
    const passing = ["identity", "withGradient"];
    assert.deepEqual(
      works.map(([name]) => name).filter((name) => !reached.has(name) && !passing.includes(name)),
      [],
    );
  });

  /** Elements read or written. */
  function visited(node: Tensor, value: NdArray, values: Values): number {
    return Math.max(value.data.length, ...node.inputs.map((input) => values.get(input)?.data.length ?? 0));
  }
});

describe("the quick evaluator", () => {
  it("forgets kernels that were not used for long, and compiles them again", () => {
    traced(() => {
      const { leaves, values } = leavesOf([seeded([3], 1)]);
      const bounds = [...Array.from({ length: 600 }, (_, i) => i / 600), 0];
      const nodes = bounds.map((high) => apply("clip", leaves, { low: -1, high }));
      compareNodes(nodes, (at) => values.get(at), throughKernels);
    });
  });

  for (const [name, count] of [
    ["few", 3],
    ["many", 20_000],
  ] as const) {
    for (const wrong of [7, -1, 0.5]) {
      it(`refuses the index ${wrong} among ${name} with the definition's words and place`, () => {
        traced(() => {
          const indices = { shape: [count], dtype: "int32" as const, data: new Float64Array(count).fill(1) };
          indices.data[count - 1] = wrong;
          const before = setSiteSource(() => ({ file: "model.nn.ts", line: 3, column: 5, endLine: 3, endColumn: 9 }));
          try {
            const { leaves, values } = leavesOf([seeded([7, 2], 1), indices]);
            const taken = ops.take(leaves[0], leaves[1]);
            const error = thrown(() => evaluateNode(taken, values, () => undefined));
            const inputs = taken.inputs.map((input) => values.get(input) as NdArray);
            assert.match(error, /^model\.nn\.ts:3:5: index \S+ is out of range for an axis of size 7/);
            assert.equal(
              thrown(() => createQuickEvaluator().evaluate(taken, inputs)),
              error,
            );
          } finally {
            setSiteSource(before);
          }
        });
      });
    }
  }

  it("hands reshaped, repeated and untouched values on without a copy", () => {
    traced(() => {
      const { leaves, values } = leavesOf([seeded([200, 100], 1)]);
      const value = values.get(leaves[0]) as NdArray;
      for (const node of [ops.reshape(leaves[0], [100, 200]), apply("identity", leaves)]) {
        assert.equal(createQuickEvaluator().evaluate(node, [value]).data, value.data, node.op);
      }
    });
  });

  function thrown(run: () => unknown): string {
    try {
      run();
    } catch (error) {
      return (error as Error).message;
    }
    return "nothing was thrown";
  }
});

describe("one training step of every example, quick as plain", () => {
  const trained = shelf.filter((file) => readFileSync(file, "utf8").includes("\nexport default training("));

  it("is about most of the shelf", () => assert.ok(trained.length >= shelf.length / 2));

  for (const file of trained) {
    it(file, async () => {
      const trace = enterTrace(new Trace(true));
      const source = setSiteSource(undefined);
      try {
        const { outputs, bindings } = await stepOf(file);
        const quick = createQuickEvaluator();
        const values = compareNodes(outputs, bindings, throughKernels);
        for (const [node, expected] of values) {
          if (bindings(node)) continue;
          const inputs = node.inputs.map((input) => values.get(input) as NdArray);
          const actual = quick.evaluate(node, inputs);
          // No operation visits more pairs than there are.
          const most = expected.data.length * Math.max(1, ...inputs.map(({ data }) => data.length));
          if (most < ENOUGH_WORK) assertBits(actual, expected, `small ${node.op}`);
          else assertSame(node, actual, expected);
        }
      } finally {
        enterTrace(trace);
        setSiteSource(source);
      }
    }).timeout(60_000);
  }

  /** All nodes of an iteration on four examples, local derivatives included. */
  async function stepOf(file: string): Promise<{ outputs: readonly Tensor[]; bindings: Bindings }> {
    const { training } = await loadProgram(file);
    assert.ok(training);
    const { train } = await loadParts(training, createNodeFiles(resolve(file), resolve("engine/data/assets")));
    const [batch] = batches(train, { batchSize: 4, seed: 1, training: true });
    const options = { batchSize: batch.size, training: true, examples: train.length, statistics: true, locals: true };
    const step = traceStep(training, train.fields, options);
    const values = new Map<Tensor, NdArray>();
    const put = (at: Tensor, data: ArrayLike<number>): void => {
      values.set(at, { shape: concreteShape(at.knownShape), dtype: at.dtype, data: Float64Array.from(data) });
    };
    step.batch.inputs.forEach((at, i) => put(at, batch.inputs[i].data));
    step.batch.targets.forEach((at, i) => put(at, batch.targets[i].data));
    put(step.learningRate, [0.05]);
    put(step.count, [2]);
    for (const { leaf: at } of step.optimizerState) {
      const shape = concreteShape(at.knownShape);
      // Second moments are not negative.
      put(at, sizeOf(shape) === 0 ? [] : seeded(shape, 9, 0.01, 0.1).data);
    }
    const outputs = [
      step.cost,
      ...gradientNodes(step.backward),
      ...step.gradients.values(),
      ...step.assignments.values(),
      ...(step.statistics ? [step.statistics] : []),
    ];
    const bound = new Map<Tensor, NdArray | undefined>();
    const bindings: Bindings = (at) => {
      if (!bound.has(at)) {
        bound.set(
          at,
          leafValue(at, training.seed, (known) => values.get(known)),
        );
      }
      return bound.get(at);
    };
    return { outputs, bindings };
  }
});
