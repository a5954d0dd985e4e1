/** Every quick fix: applied to a file with one mistake, it leaves a file that checks clean. */
import assert from "node:assert/strict";
import { resolve } from "node:path";
import type { LiveChecker } from "../../engine/api/host";
import { applyEdits } from "../support/edits";
import { ask, liveChecker } from "../support/live";

interface Model {
  /** Shape of an example. */
  readonly input?: string;
  readonly inputType?: string;
  readonly target?: string;
  readonly fields: string;
  readonly forward: string;
  readonly loss?: string;
  readonly options?: string;
  readonly top?: string;
}

/** A whole model file around the parts that matter. */
function program({ input = "[8]", inputType = "float32", target, fields, forward, loss, options, top }: Model): string {
  const labels = target ?? `{ shape: [], dtype: "int32", classes: 3 }`;
  return `import * as B from "backstep";
import { Module, Linear, custom, adam, crossEntropy, training, type Tensor } from "backstep";
${top ?? ""}
class Net extends Module {
${fields}
  forward(x: Tensor) {
${forward}
  }
}

export default training({
  model: new Net(),
  data: custom({
    length: 8,
    inputs: { shape: ${input}, dtype: "${inputType}" },
    targets: ${labels},
    get: () => ({ inputs: [], targets: [] }),
  }),
  loss: ${loss ?? "crossEntropy"},
  optimizer: adam(),
  ${options ?? "batchSize: 4"},
});
`;
}

/** What is wrong, the model, its issue, and every fix that it must have; each of them leaves the file clean. */
const CASES: readonly (readonly [name: string, model: Model, code: string, fixes: readonly string[]])[] = [
  [
    "a layer that takes another number of features",
    {
      fields: "  hidden = new Linear(8, 16);\n  output = new Linear(32, 3);",
      forward: "    return this.output(B.relu(this.hidden(x)));",
    },
    "linear-inputs",
    ["Change output's inputs to 16", "Change hidden's outputs to 32"],
  ],
  [
    "a size in a constant",
    {
      top: "const width = 32;",
      fields: "  hidden = new Linear(8, 16);\n  output = new Linear(width, 3);",
      forward: "    return this.output(B.relu(this.hidden(x)));",
    },
    "linear-inputs",
    ["Change width to 16", "Change hidden's outputs to 32"],
  ],
  [
    "images into a linear layer",
    { input: "[4, 4]", fields: "  output = new Linear(16, 3);", forward: "    return this.output(x);" },
    "linear-inputs",
    ["Add .flatten() to x"],
  ],
  [
    "sums into a linear layer",
    { input: "[4, 4]", fields: "  output = new Linear(16, 3);", forward: "    return this.output(x.add(1).mul(2));" },
    "linear-inputs",
    ["Add .flatten() to x.add(1).mul(2)"],
  ],
  [
    "layers of a Sequential",
    {
      fields: "  all = new B.Sequential(new Linear(8, 16), new B.ReLU(), new Linear(24, 3));",
      forward: "    return this.all(x);",
    },
    "linear-inputs",
    ["Change all.2's inputs to 16", "Change all.0's outputs to 24"],
  ],
  [
    "operands of a product the wrong way round",
    {
      fields: "  w = new B.Parameter([16, 8], B.initializers.normal());\n  output = new Linear(16, 3);",
      forward: "    return this.output(B.relu(x.matmul(this.w)));",
    },
    "matmul-inner",
    ["Add .transpose() to this.w"],
  ],
  [
    "the same as a function",
    {
      fields: "  w = new B.Parameter([16, 8], B.initializers.normal());\n  output = new Linear(16, 3);",
      forward: "    return this.output(B.relu(B.matmul(x, this.w)));",
    },
    "matmul-inner",
    ["Add .transpose() to this.w"],
  ],
  [
    "a sum of layers of two sizes",
    {
      fields: "  a = new Linear(8, 16);\n  b = new Linear(8, 12);\n  output = new Linear(16, 3);",
      forward: "    return this.output(B.relu(this.a(x).add(this.b(x))));",
    },
    "broadcast",
    ["Change b's outputs to 16"],
  ],
  [
    "one number for each example beside rows",
    {
      fields: "  a = new Linear(8, 3);",
      forward: "    return this.a(x).mul(x.sum(1));",
    },
    "broadcast",
    ["Add .unsqueeze(-1) to x.sum(1)"],
  ],
  [
    "images with their channels last",
    {
      input: "[6, 6, 2]",
      fields: "  conv = new B.Conv2d(2, 4, 3);\n  output = new Linear(64, 3);",
      forward: "    return this.output(B.relu(this.conv(x)).flatten());",
    },
    "conv-channels",
    ["Add .permute([0, 3, 1, 2]) to x"],
  ],
  [
    "channels that differ",
    {
      input: "[2, 6, 6]",
      fields: "  conv = new B.Conv2d(3, 4, 3);\n  output = new Linear(64, 3);",
      forward: "    return this.output(B.relu(this.conv(x)).flatten());",
    },
    "conv-channels",
    ["Change conv's inChannels to 2"],
  ],
  [
    "images without a channel axis",
    {
      input: "[6, 6]",
      fields: "  conv = new B.Conv2d(1, 4, 3);\n  output = new Linear(64, 3);",
      forward: "    return this.output(B.relu(this.conv(x)).flatten());",
    },
    "conv-rank",
    ["Add .unsqueeze(1) to x"],
  ],
  [
    "flat images into a convolution",
    {
      input: "[36]",
      fields: "  conv = new B.Conv2d(1, 4, 3);\n  output = new Linear(64, 3);",
      forward: "    return this.output(B.relu(this.conv(x)).flatten());",
    },
    "conv-rank",
    ["Add .reshape([-1, 1, 6, 6]) to x"],
  ],
  [
    "batch norm of other channels",
    {
      fields: "  hidden = new Linear(8, 16);\n  norm = new B.BatchNorm1d(12);\n  output = new Linear(16, 3);",
      forward: "    return this.output(B.relu(this.norm(this.hidden(x))));",
    },
    "batch-norm-channels",
    ["Change norm's channels to 16"],
  ],
  [
    "layer norm of another size",
    {
      fields: "  hidden = new Linear(8, 16);\n  norm = new B.LayerNorm(12);\n  output = new Linear(16, 3);",
      forward: "    return this.output(B.relu(this.norm(this.hidden(x))));",
    },
    "layer-norm",
    ["Change norm's normalizedShape to 16"],
  ],
  [
    "a recurrent layer of other features",
    {
      input: "[5, 8]",
      fields: "  lstm = new B.LSTM(6, 16);\n  output = new Linear(16, 3);",
      forward: "    return this.output(this.lstm(x).output.mean(1));",
    },
    "recurrent-shape",
    ["Change lstm's inputSize to 8"],
  ],
  [
    "numbers where indices are wanted",
    {
      input: "[5]",
      fields: "  embedding = new B.Embedding(9, 4);\n  output = new Linear(4, 3);",
      forward: "    return this.output(this.embedding(x).mean(1));",
    },
    "embedding-dtype",
    [`Add .cast("int32") to x`],
  ],
  [
    "a prediction with an axis too many",
    {
      target: `{ shape: [], dtype: "float32" }`,
      loss: "B.mse",
      fields: "  output = new Linear(8, 1);",
      forward: "    return this.output(x);",
    },
    "loss-shape",
    ["Add .squeeze(-1) to this.output(x)"],
  ],
  [
    "targets of another size",
    {
      target: `{ shape: [5], dtype: "float32" }`,
      loss: "B.mse",
      fields: "  output = new Linear(8, 4);",
      forward: "    return this.output(x);",
    },
    "loss-shape",
    ["Change output's outputs to 5"],
  ],
  [
    "fewer outputs than classes",
    { fields: "  output = new Linear(8, 2);", forward: "    return this.output(x);" },
    "label-range",
    ["Change output's outputs to 3"],
  ],
  [
    "a loss for each example",
    {
      fields: "  output = new Linear(8, 3);",
      forward: "    return this.output(x);",
      loss: `(y: Tensor, t: Tensor) => crossEntropy(y, t, { reduction: "none" })`,
    },
    "loss-scalar",
    ["Add .mean() to the operand"],
  ],
  [
    "softmax before cross-entropy",
    { fields: "  output = new Linear(8, 3);", forward: "    return this.output(x).softmax(1);" },
    "softmax-loss",
    ["Remove softmax"],
  ],
  [
    "the same as a function",
    { fields: "  output = new Linear(8, 3);", forward: "    return B.softmax(this.output(x), 1);" },
    "softmax-loss",
    ["Remove softmax"],
  ],
  [
    "the same as a layer of a Sequential",
    {
      fields: "  all = new B.Sequential(new Linear(8, 3), new B.Softmax(1));",
      forward: "    return this.all(x);",
    },
    "softmax-loss",
    ["Remove new B.Softmax(1)"],
  ],
  [
    "softmax twice",
    {
      target: `{ shape: [3], dtype: "float32" }`,
      loss: "B.mse",
      fields: "  output = new Linear(8, 3);",
      forward: "    return this.output(x).softmax(1).softmax(1);",
    },
    "double-softmax",
    ["Remove softmax"],
  ],
  [
    "two linear layers without anything between",
    {
      fields: "  hidden = new Linear(8, 16);\n  output = new Linear(16, 3);",
      forward: "    const h = this.hidden(x);\n    return this.output(h);",
    },
    "linear-chain",
    ["Put a relu between the two"],
  ],
  [
    "two linear layers in a Sequential",
    {
      top: `import { Sequential } from "backstep";`,
      fields: "  all = new Sequential(new Linear(8, 16), new Linear(16, 3));",
      forward: "    return this.all(x);",
    },
    "linear-chain",
    ["Put a ReLU before it"],
  ],
  [
    "a step on the way of the gradient",
    {
      fields: "  hidden = new Linear(8, 16);\n  output = new Linear(16, 3);",
      forward: "    return this.output(this.hidden(x).step());",
    },
    "blocked-gradient",
    ["Use sigmoid instead of step"],
  ],
  [
    "a layer that forward forgot",
    {
      fields: "  hidden = new Linear(8, 16);\n  output = new Linear(8, 3);",
      forward: "    return this.output(x);",
    },
    "unused-parameter",
    ["Remove the unused layer"],
  ],
  [
    "a result that nothing uses",
    {
      fields: "  output = new Linear(8, 3);",
      forward: "    const mean = x.mean();\n    return this.output(x);",
    },
    "dead-code",
    ["Remove this unused line"],
  ],
  [
    "a column of predictions beside a row of targets",
    {
      target: `{ shape: [], dtype: "float32" }`,
      fields: "  output = new Linear(8, 1);",
      forward: "    return this.output(x);",
      loss: "(y: Tensor, t: Tensor) => y.sub(t).square().mean()",
    },
    "batch-pairs",
    ["Add .squeeze(-1) to y"],
  ],
  [
    "numbers where positions are wanted",
    {
      fields: "  table = new B.Parameter([5, 8], B.initializers.normal());\n  output = new Linear(8, 3);",
      forward: "    return this.output(B.take(this.table, x.slice(null, 0)));",
    },
    "dtype",
    [`Add .cast("int32") to x.slice(null, 0)`],
  ],
  [
    "an index that is not there",
    { input: "[4, 8]", fields: "  output = new Linear(8, 3);", forward: "    return this.output(x.slice(null, 7));" },
    "index",
    ["Change the index to 3"],
  ],
  [
    "sequences without channels",
    {
      input: "[12]",
      fields: "  conv = new B.Conv1d(1, 4, 3);\n  output = new Linear(40, 3);",
      forward: "    return this.output(B.relu(this.conv(x)).flatten());",
    },
    "conv-rank",
    ["Add .unsqueeze(1) to x"],
  ],
  [
    "group norm of other channels",
    {
      input: "[6, 5, 5]",
      fields: "  norm = new B.GroupNorm(2, 4);\n  output = new Linear(150, 3);",
      forward: "    return this.output(this.norm(x).flatten());",
    },
    "group-norm",
    ["Change norm's channels to 6"],
  ],
  [
    "attention over other features",
    {
      input: "[5, 8]",
      fields: "  attention = new B.MultiHeadAttention(16, 4);\n  output = new Linear(16, 3);",
      forward: "    return this.output(this.attention(x).mean(1));",
    },
    "attention-shape",
    [],
  ],
  [
    "a size that is calculated",
    {
      input: "[2, 6, 6]",
      fields: "  conv = new B.Conv2d(2, 4, 3);\n  output = new Linear(4 * 5 * 5, 3);",
      forward: "    return this.output(B.relu(this.conv(x)).flatten());",
    },
    "linear-inputs",
    ["Change output's inputs to 64"],
  ],
  [
    "an axis that is not there",
    { fields: "  output = new Linear(8, 3);", forward: "    return this.output(x.softmax(2));" },
    "axis",
    ["Change the axis to -1"],
  ],
  [
    "an axis that cannot be squeezed",
    { fields: "  output = new Linear(8, 3);", forward: "    return this.output(x.squeeze(1));" },
    "squeeze",
    ["Remove squeeze"],
  ],
  [
    "a random number of JavaScript's",
    { fields: "  output = new Linear(8, 3);", forward: "    return this.output(x.mul(Math.random()));" },
    "plain-random",
    ["Use randomUniform([]), which draws anew in every iteration"],
  ],
  [
    "axes that a reshape should swap",
    {
      input: "[4, 6]",
      fields: "  hidden = new Linear(6, 3);",
      forward: "    return this.hidden(x.reshape([4, -1, 6])).mean(0);",
    },
    "batch-mixing-reshape",
    ["Use permute([1, 0, 2]), which moves the axes"],
  ],
  [
    "softmax before a loss of logarithms",
    {
      fields: "  output = new Linear(8, 3);",
      forward: "    return this.output(x).softmax(1);",
      loss: "B.nll",
    },
    "softmax-loss",
    ["Use logSoftmax"],
  ],
  [
    "batch norm with batches of one",
    {
      options: "batchSize: 1",
      fields: "  hidden = new Linear(8, 16);\n  norm = new B.BatchNorm1d(16);\n  output = new Linear(16, 3);",
      forward: "    return this.output(B.relu(this.norm(this.hidden(x))));",
    },
    "batch-norm-batch-1",
    ["Train with batches of 32"],
  ],
  [
    "a reshape that does not fit",
    {
      input: "[2, 6]",
      fields: "  output = new Linear(12, 3);",
      forward: "    return this.output(x.reshape([4, 10]));",
    },
    "reshape",
    ["Use flatten(), which keeps the examples apart"],
  ],
  [
    "a reshape with a wrong last size",
    {
      input: "[2, 6]",
      fields: "  output = new Linear(12, 3);",
      forward: "    return this.output(x.reshape([-1, 4, 5]).flatten());",
    },
    "reshape",
    ["Change the last size to 3"],
  ],
];

describe("quick fixes", function () {
  this.timeout(120_000);
  let live: LiveChecker;
  before(() => (live = liveChecker()));
  after(() => live.close());

  for (const [name, model, code, titles] of CASES)
    it(`${name}: ${code}`, async () => {
      const file = resolve("test/check/model.nn.ts");
      const text = program(model);
      const { result } = await ask(live, { file, texts: { [file]: text } });
      const issue = result.report.issues.find((each) => each.code === code);
      assert.ok(issue, `no ${code}, but ${JSON.stringify(result.report.issues)}`);
      const offered = (issue.fixes ?? []).map(({ title }) => title);
      for (const title of titles) {
        const fix = issue.fixes?.find((each) => each.title === title);
        assert.ok(fix, `not offered: ${title}; offered: ${offered.join(" | ")}`);
        const fixed = applyEdits(text, fix.edits);
        const after = await ask(live, { file, texts: { [file]: fixed } });
        assert.deepEqual(
          after.result.report.issues.map(({ code: left, message }) => `${left}: ${message}`),
          [],
          `after "${title}":\n${fixed}`,
        );
      }
    });
});
