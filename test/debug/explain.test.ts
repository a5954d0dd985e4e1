/** Why an element is NaN, infinite or 0: small graphs of which the answer is known. */
import assert from "node:assert/strict";
import { backward } from "../../engine/autodiff/gradients";
import type { Scene } from "../../engine/debug/episode";
import { explain } from "../../engine/debug/explain";
import { graphOfProgram } from "../../engine/debug/graph";
import type { Explanation } from "../../engine/debug/requests";
import { createValues } from "../../engine/debug/values";
import { type Nested, type NdArray, fromNested } from "../../engine/graph/array";
import { sizeOf } from "../../engine/graph/shape";
import { type Tensor, nameTensor } from "../../engine/graph/tensor";
import { Trace, composite, withTrace } from "../../engine/graph/trace";
import * as ops from "../../engine/ops";
import { leaf } from "../support/graph";
import { debugProgram } from "./support/programs";

/** What a case is asked about: a node, or the gradient of one. */
interface Asked {
  readonly node: Tensor;
  readonly output?: Tensor;
  readonly gradientOf?: Tensor;
}

interface Case {
  readonly name: string;
  readonly what: "not-finite" | "zero";
  readonly given: Readonly<Record<string, Nested>>;
  readonly build: (x: Readonly<Record<string, Tensor>>) => Asked | Tensor;
  readonly index?: readonly number[];
  /** All of these are in the summary. */
  readonly summary: readonly (string | RegExp)[];
  /** The operations of the way back. */
  readonly way?: readonly string[];
  /** The element at which it ends. */
  readonly end?: readonly number[];
}

const named = (name: string, node: Tensor): Tensor => {
  nameTensor(node, name);
  return node;
};

const notFinite: readonly Omit<Case, "what">[] = [
  {
    name: "log of 0 that relu made",
    given: {
      z: [
        [1, 2],
        [3, -4],
      ],
    },
    build: ({ z }) => ops.log(named("h", ops.relu(z))),
    summary: ["log(0) = -Infinity", "because relu gave 0 there", "crossEntropy or logSoftmax"],
    way: ["log"],
    end: [1, 1],
  },
  {
    name: "log of a negative number, seen far behind it",
    given: { x: [1, -2, 3] },
    build: ({ x }) => ops.add(ops.log(x), 1).sum(),
    summary: ["is NaN: log(-2) = NaN", "because x[1] is -2"],
    way: ["sum", "add", "log"],
    end: [1],
  },
  {
    name: "root of a negative number",
    given: { x: [4, -9] },
    build: ({ x }) => ops.sqrt(x),
    summary: ["sqrt(-9) = NaN", "Keep what is under the root at 0 or above"],
    end: [1],
  },
  {
    name: "0 / 0",
    given: { a: [0], b: [0] },
    build: ({ a, b }) => ops.div(a, b),
    summary: ["0 / 0 = NaN", "because b[0] is 0", "epsilon to the divisor"],
    end: [0],
  },
  {
    name: "division by a sum that is 0",
    given: {
      a: [
        [1, 2],
        [0, 0],
      ],
      b: [
        [1, 1],
        [2, -2],
      ],
    },
    build: ({ a, b }) => ops.div(ops.add(a, 1), b.sum(1, { keepDims: true })),
    summary: ["1 / 0 = Infinity", "because sum gave 0 there"],
    end: [1, 0],
  },
  {
    name: "overflow of exp, then ∞ / ∞ in a softmax by hand",
    given: { x: [1, 800] },
    build: ({ x }) => {
      const powers = ops.exp(x);
      return ops.div(powers, powers.sum());
    },
    index: [1],
    summary: ["is NaN: exp(800) = Infinity", "From the infinity divide made NaN", "Subtract the largest number first"],
    way: ["divide", "exp"],
    end: [1],
  },
  {
    name: "more than float32 can hold, though float64 can",
    given: { x: [1e30] },
    build: ({ x }) => ops.mul(x, x),
    summary: ["1e30 · 1e30 = 1e60", "beyond 3.4e38"],
    end: [0],
  },
  {
    name: "a sum that overflows",
    given: { x: [1, 3e38, 3e38, 0, 1] },
    build: ({ x }) => x.sum(),
    summary: ["sum of 5 numbers = 6e38", "because x[1] is 3e38", "Lower the learning rate"],
    end: [],
  },
  {
    name: "∞ − ∞ of a mask that is meant: the subtraction is to blame, not the mask",
    given: { x: [1, 2] },
    build: ({ x }) => {
      const mask = ops.tensor([0, -Infinity]);
      const a = ops.add(x, mask);
      return ops.sub(a, ops.mul(a, 1));
    },
    index: [1],
    summary: ["-Infinity − (-Infinity) = NaN", "where(condition, value, 0)"],
    way: ["subtract", "add", "constant"],
  },
  {
    name: "0 · ∞",
    given: { x: [0] },
    build: ({ x }) => ops.mul(x, ops.log(x)),
    summary: ["is NaN: log(0) = -Infinity", "From the infinity multiply made NaN"],
    way: ["multiply", "log"],
  },
  {
    name: "a row of a matrix product",
    given: {
      a: [
        [1, 2],
        [3, 0],
      ],
      b: [
        [1, 0],
        [0, 1],
      ],
    },
    build: ({ a, b }) => ops.matmul(ops.div(1, a), b),
    index: [1, 0],
    summary: ["1 / 0 = Infinity", "because a[1, 1] is 0"],
    way: ["matmul", "divide"],
    end: [1, 1],
  },
  {
    name: "a missing number in the data, through transposes and reshapes",
    given: {
      x: [
        [1, 2, 3],
        [4, NaN, 6],
      ],
    },
    build: ({ x }) => ops.matmul(x.transpose().reshape([2, 3]), ops.ones([3, 1])),
    summary: ["x[1, 1] is NaN in the data", "fillMissing"],
    way: ["matmul", "reshape", "permute", "input"],
    end: [1, 1],
  },
  {
    name: "the window of a convolution",
    given: {
      x: [
        [
          [
            [1, 2, 3],
            [4, 5, 6],
            [7, 8, Infinity],
          ],
        ],
      ],
      w: [
        [
          [
            [1, 1],
            [1, 1],
          ],
        ],
      ],
    },
    build: ({ x, w }) => ops.conv2d(x, w),
    summary: ["x[0, 0, 2, 2] is Infinity in the data"],
    way: ["conv2d", "input"],
  },
  {
    name: "what where() does not choose does not count",
    given: { x: [0, 4] },
    build: ({ x }) => ops.where(ops.gt(x, 0), ops.log(x), 0),
    summary: ["No element of result is NaN or infinite"],
    way: [],
  },
  {
    name: "the gradient of a root at 0",
    given: { x: [4, 0] },
    build: ({ x }) => ({ node: x, output: ops.sqrt(x).sum(), gradientOf: x }),
    summary: ["∂result/∂x[1]", "1 / 0 = Infinity", "divide in the gradient of sqrt", "slope at 0 is infinite"],
    end: [1],
  },
  {
    name: "the gradient of a choice that guards only the forward pass: 0 · ∞",
    given: { x: [0, 1] },
    build: ({ x }) => ({ node: x, output: ops.where(ops.gt(x, 0), ops.mul(ops.log(x), 0), 0).sum(), gradientOf: x }),
    summary: ["0 / 0 = NaN", "divide in the gradient of log"],
    end: [0],
  },
  {
    name: "a power of a negative number",
    given: { x: [-8] },
    build: ({ x }) => ops.pow(x, 1 / 3),
    summary: ["(-8)^0.333333 = NaN", "Keep the base above 0"],
  },
  {
    name: "an element that is fine",
    given: { x: [4, 0] },
    build: ({ x }) => ops.log(x),
    index: [0],
    summary: ["result[0] is 1.38629, which is finite"],
  },
];

const zero: readonly Omit<Case, "what">[] = [
  {
    name: "relu with a negative input",
    given: { z: [2, -3] },
    build: ({ z }) => named("h", ops.relu(z)),
    summary: ["h[1] is 0: relu is inactive there, its input z[1] is -3"],
    way: ["relu"],
    end: [1],
  },
  {
    name: "a unit that is dead for all examples",
    given: {
      z: [
        [1, -1],
        [2, -2],
        [-1, -3],
      ],
    },
    build: ({ z }) => named("h", ops.relu(z)),
    index: [0, 1],
    summary: ["its input z[0, 1] is -1", "unit 1 gives 0 for all 3 examples, it is dead", "leakyRelu"],
  },
  {
    name: "a weight whose unit is dead: from the weight's gradient back to relu",
    given: {
      x: [
        [1, 2],
        [3, 4],
      ],
      w: [
        [1, -1],
        [1, -1],
      ],
    },
    build: ({ x, w }) => ({ node: w, output: ops.relu(named("z", ops.matmul(x, w))).sum(), gradientOf: w }),
    index: [0, 1],
    summary: [
      "∂result/∂w[0, 1] is 0",
      "relu is inactive there, its input z[0, 1] is -3",
      "unit 1 gives 0 for all 2 examples",
    ],
  },
  {
    name: "the gradient of a weight of a feature that is always 0",
    given: {
      x: [
        [0, 2],
        [0, 4],
      ],
      w: [[1], [1]],
    },
    build: ({ x, w }) => ({ node: w, output: ops.matmul(x, w).sum(), gradientOf: w }),
    index: [0, 0],
    summary: ["x[0, 0] is 0 in the data", "On the way, ", "is a sum of 2 zeros, the first from"],
  },
  {
    name: "a weight of 0",
    given: { x: [1, 2] },
    build: ({ x }) => ops.mul(x, ops.tensor([0, 1])),
    summary: ["the constant is 0"],
    way: ["multiply", "constant"],
  },
  {
    name: "dropout",
    given: { x: [1, 2], r: [0.1, 0.9] },
    build: ({ x, r }) => composite("dropout", () => ops.where(ops.lt(r, 0.8), ops.mul(x, 1.25), 0)),
    summary: ["dropout has masked it in this iteration: 0.9 < 0.8 is false"],
    end: [1],
  },
  {
    name: "dropout, going back",
    given: { x: [1, 2], r: [0.1, 0.9] },
    build: ({ x, r }) => {
      const masked = composite("dropout", () => ops.where(ops.lt(r, 0.8), ops.mul(x, 1.25), 0));
      return { node: x, output: masked.sum(), gradientOf: x };
    },
    summary: ["dropout has masked it in this iteration: 0.9 < 0.8 is false"],
    end: [1],
  },
  {
    name: "a saturated sigmoid",
    given: { x: [1, 40] },
    build: ({ x }) => ({ node: x, output: ops.sigmoid(x).sum(), gradientOf: x }),
    summary: ["sigmoid is saturated there: its input x[1] is 40, its result 1, its derivative 0"],
  },
  {
    name: "a saturated tanh",
    given: { x: [-30, 1] },
    build: ({ x }) => ({ node: x, output: ops.tanh(x).sum(), gradientOf: x }),
    summary: ["tanh is saturated there: its input x[0] is -30, its result -1, its derivative 0"],
  },
  {
    name: "an upstream gradient of 0: the next factor is 0",
    given: { x: [1, 2], y: [0, 3] },
    build: ({ x, y }) => ({ node: x, output: ops.mul(ops.sin(x), y).sum(), gradientOf: x }),
    summary: ["∂result/∂x[0] is 0: y[0] is 0 in the data"],
  },
  {
    name: "a row of an embedding that no example uses",
    given: {
      e: [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
    },
    build: ({ e }) => ({ node: e, output: e.take([0, 2, 0], 0).sum(), gradientOf: e }),
    summary: ["∂result/∂e[1, 0] is 0: no index names this row, so no example of the batch uses it"],
    end: [1, 0],
  },
  {
    name: "what a slice leaves out",
    given: { x: [1, 2, 3] },
    build: ({ x }) => ({ node: x, output: x.slice([0, 2]).sum(), gradientOf: x }),
    summary: ["slice does not take ∂result/∂x[2]"],
    end: [2],
  },
  {
    name: "the loser of a pooling window",
    given: {
      x: [
        [
          [
            [1, 5],
            [2, 3],
          ],
        ],
      ],
    },
    build: ({ x }) => ({ node: x, output: ops.maxPool2d(x, 2).sum(), gradientOf: x }),
    index: [0, 0, 1, 0],
    summary: ["it is the largest number of none of its windows"],
  },
  {
    name: "clip's bounds",
    given: { x: [0.5, 7] },
    build: ({ x }) => ({ node: x, output: ops.clip(x, -1, 1).sum(), gradientOf: x }),
    summary: ["x[1] is 7, outside of clip's bounds -1 and 1"],
  },
  {
    name: "numbers that cancel",
    given: { x: [1, 2, -3] },
    build: ({ x }) => x.sum(),
    summary: ["its 3 numbers add up to 0"],
    way: ["sum"],
  },
  {
    name: "a step function",
    given: { x: [1, -1] },
    build: ({ x }) => ops.step(x),
    summary: ["step(-1) is 0"],
    end: [1],
  },
  {
    name: "exp that is too small for a number",
    given: { x: [-800] },
    build: ({ x }) => ops.mul(3, ops.exp(x)),
    summary: ["exp(-800) is too small for a number"],
    way: ["multiply", "exp"],
  },
  {
    name: "a product that is too small for a number",
    given: { x: [1e-200] },
    build: ({ x }) => ops.mul(x, x),
    summary: ["1e-200 · 1e-200 is too small for a number", "The gradient vanishes"],
  },
  {
    name: "padding",
    given: { x: [1, 2] },
    build: ({ x }) => ops.pad(x, [[1, 0]]),
    summary: ["it is padding"],
    end: [0],
  },
  {
    name: "a function's own backward that gives nothing",
    given: { x: [1] },
    build: ({ x }) => {
      const closed = ops.customFunction({ name: "closed", forward: (a) => ops.mul(a, 2), backward: () => [null] });
      return { node: x, output: closed(x).sum(), gradientOf: x };
    },
    summary: ["the backward of closed gives no gradient here"],
  },
];

function sceneOf({ given, build }: Pick<Case, "given" | "build">): { scene: Scene; node: Tensor } {
  const leaves = new Map<Tensor, NdArray>();
  const inputs: Record<string, Tensor> = {};
  for (const [name, value] of Object.entries(given)) {
    const array = { ...fromNested(value), dtype: "float32" as const };
    inputs[name] = leaf(array.shape, "float32", name);
    leaves.set(inputs[name], array);
  }
  return withTrace(new Trace(), () => {
    const built = build(inputs);
    const asked: Asked = "node" in built ? built : { node: built };
    const output = asked.output ?? asked.node;
    const pass = asked.gradientOf ? backward(output, [asked.gradientOf], undefined, { locals: true }) : undefined;
    const graph = graphOfProgram(output, pass);
    const node = asked.gradientOf ? (pass?.adjoints.get(asked.gradientOf)?.gradient as Tensor) : asked.node;
    const episode = {
      graph,
      values: createValues((at) => leaves.get(at)),
      iteration: 0,
      epoch: 0,
      learningRate: null,
      batch: undefined,
      model: undefined,
      lossBefore: undefined,
    };
    return { scene: { episode, position: { index: graph.steps.length, depth: 0 } }, node };
  });
}

describe("explanations", () => {
  const all: readonly Case[] = [
    ...notFinite.map((each): Case => ({ ...each, what: "not-finite" })),
    ...zero.map((each): Case => ({ ...each, what: "zero" })),
  ];
  for (const { name, what, index, summary, way, end, ...parts } of all) {
    it(`${what}: ${name}`, () => {
      const { scene, node } = sceneOf(parts);
      const explanation: Explanation = explain(scene, node, what, index ? { index } : {});
      for (const part of summary) {
        const found = typeof part === "string" ? explanation.summary.includes(part) : part.test(explanation.summary);
        assert.ok(found, `${String(part)} in: ${explanation.summary}`);
      }
      if (way)
        assert.deepEqual(
          explanation.steps.map(({ operation }) => operation),
          way,
        );
      if (end) assert.deepEqual(explanation.steps.at(-1)?.index, end);
      for (const { inputs, value } of explanation.steps) {
        assert.ok(inputs.length <= 4);
        assert.equal(typeof value, "number");
      }
    });
  }

  it("says of an index that does not exist that it does not", () => {
    const { scene, node } = sceneOf({ given: { x: [1, 2] }, build: ({ x }) => ops.log(x) });
    const { summary, steps } = explain(scene, node, "zero", { index: [2] });
    assert.match(summary, /^\[2\] is no element of result, whose shape is \[2\]/);
    assert.deepEqual(steps, []);
  });

  it("takes the name that the user asked by", () => {
    const { scene, node } = sceneOf({ given: { x: [0] }, build: ({ x }) => ops.log(x) });
    assert.match(
      explain(scene, node, "not-finite", { name: "log(x)" }).summary,
      /^log\(0\) = -Infinity at log\(x\)\[0\]/,
    );
  });

  it("walks from an update through the gradient back to the data", async () => {
    const { graph, training } = await debugProgram(
      "test/debug/small.nn.ts",
      `import { Linear, fromArrays, mse, sgd, training } from "backstep";
      export default training({
        model: new Linear(2, 1),
        data: fromArrays({ inputs: [[0, 1], [2, 3]], targets: [[0], [1]] }),
        loss: mse,
        optimizer: sgd({ learningRate: 0.1 }),
        batchSize: "all",
      });`,
    );
    assert.ok(training);
    const bind = (at: Tensor): NdArray | undefined => {
      if (at.inputs.length > 0 || at.op === "constant") return undefined;
      const data = new Float64Array(sizeOf(at.shape)).fill(at.name === "input" ? 2 : 1);
      if (at.name === "input") data[1] = NaN;
      return { shape: at.shape, dtype: at.dtype, data };
    };
    const episode = {
      graph,
      values: createValues(bind),
      iteration: 0,
      epoch: 0,
      learningRate: 0.1,
      batch: undefined,
      model: undefined,
      lossBefore: undefined,
    };
    const scene: Scene = { episode, position: { index: graph.steps.length, depth: 0 } };
    const weight = graph.parameters.get("weight") as Tensor;
    const updated = graph.training?.assignments.get(weight) as Tensor;
    const { summary, steps } = explain(scene, updated, "not-finite", { index: [0, 0] });
    // Of example 0 the second feature is none; its error is, and so are the gradients of both weights.
    assert.match(summary, /^new weight\[0, 0\] is NaN: input\[0, 1\] is NaN in the data\. Look at this example/);
    assert.deepEqual(new Set(steps.map(({ direction }) => direction)), new Set(["update", "backward", "forward"]));
    assert.equal(steps[0].operation, "subtract in the update");
    const product = steps.find(({ operation, direction }) => direction === "forward" && operation === "matmul");
    assert.equal(product?.line, 3, "the line of the layer");
  });
});
