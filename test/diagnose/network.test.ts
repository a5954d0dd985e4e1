/** What the graph says before any training. */
import assert from "node:assert/strict";
import { type Fields, fromArrays } from "../../engine/data";
import { networkOf } from "../../engine/diagnose/network";
import type { Tensor } from "../../engine/graph/tensor";
import * as nn from "../../engine/nn";
import * as ops from "../../engine/ops";
import { sgd } from "../../engine/optim";
import type { RunAccess } from "../../engine/train/run-access";
import { traceStep } from "../../engine/train/step";
import { training } from "../../engine/train/training";

const data = fromArrays({
  inputs: [
    [0, 1, 2],
    [1, 0, 1],
  ],
  targets: [0, 1],
  classes: 2,
});
const rows = fromArrays({
  inputs: [
    [0, 1, 2],
    [1, 0, 1],
  ],
  targets: [[0], [1]],
});

class Chain extends nn.Module {
  a = new nn.Linear(3, 4);
  b = new nn.Linear(4, 4);
  c: nn.Linear;
  dropout = new nn.Dropout(0.6);
  constructor(
    readonly between: (x: Tensor, model: Chain) => Tensor,
    readonly after: (x: Tensor) => Tensor = (x) => x,
    outputs = 2,
  ) {
    super();
    this.c = new nn.Linear(4, outputs);
  }
  forward(x: Tensor) {
    return this.after(this.c(ops.relu(this.b(this.between(this.a(x), this)))));
  }
}

function network(model: nn.Module, loss: (output: Tensor, target: Tensor) => Tensor = nn.crossEntropy, of = data) {
  const run = training({ model: model as never, data: of, loss, optimizer: sgd({ learningRate: 0.1 }) });
  const step = traceStep(run, of.fields as Fields, { batchSize: 2, training: true, examples: 2 });
  return networkOf({ training: run, step } as unknown as RunAccess);
}

describe("diagnose: network", () => {
  const linear: [string, (x: Tensor, model: Chain) => Tensor, boolean][] = [
    ["nothing", (x) => x, true],
    ["dropout", (x, { dropout }) => dropout(x), true],
    ["a shift and a scale", (x) => x.mul(2).add(1), true],
    ["a reshape", (x) => x.reshape([2, 4]), true],
    ["relu", (x) => ops.relu(x), false],
    ["tanh", (x) => ops.tanh(x), false],
    ["the square", (x) => x.mul(x), false],
    ["layerNorm", (x) => ops.layerNorm(x, [4]), false],
    ["a residual block", (x) => x.add(ops.relu(x)), false],
  ];
  for (const [what, between, expected] of linear) {
    it(`takes two layers with ${what} between for ${expected ? "one" : "two"}`, () => {
      const { layers, linearPairs } = network(new Chain(between));
      const names = linearPairs.map((pair) => pair.map((layer) => layers[layer].name));
      assert.deepEqual(names, expected ? [["a", "b"]] : []);
    });
  }

  const endings: [string, (x: Tensor) => Tensor, string][] = [
    ["softmax", (x) => ops.softmax(x), "softmax"],
    ["logSoftmax", (x) => ops.logSoftmax(x), "logSoftmax"],
    ["sigmoid, then reshaped", (x) => ops.sigmoid(x).reshape([2, 2]), "sigmoid"],
    ["relu", (x) => ops.relu(x), "relu"],
    ["nothing", (x) => x, "other"],
  ];
  for (const [what, after, kind] of endings) {
    it(`knows what ends in ${what}`, () => {
      const { ending, loss } = network(new Chain((x) => ops.relu(x), after));
      assert.deepEqual([loss, ending.kind, ending.width, ending.overBatch], ["crossEntropy", kind, 2, false]);
    });
  }

  it("sees an ending that the loss function adds, and a softmax over the batch", () => {
    const inLoss = network(
      new Chain(
        (x) => x,
        (x) => x,
        1,
      ),
      (z, y) => nn.mse(ops.sigmoid(z), y),
      rows,
    );
    assert.deepEqual([inLoss.loss, inLoss.ending.kind], ["mse", "sigmoid"]);
    assert.equal(
      network(
        new Chain(
          (x) => x,
          (x) => ops.softmax(x, 0),
        ),
      ).ending.overBatch,
      true,
    );
  });

  it("tells frozen parameters from those cut off", () => {
    const model = new Chain((x) => ops.stopGradient(x));
    nn.freeze(model.c);
    const { cut, frozen } = network(model);
    assert.deepEqual(
      cut.map(({ name }) => name),
      ["a.weight", "a.bias"],
    );
    assert.deepEqual(
      frozen.map(({ name }) => name),
      ["c.weight", "c.bias"],
    );
  });

  it("finds dropout as a layer and as a function", () => {
    assert.deepEqual(
      network(new Chain((x) => x)).dropouts.map(({ rate, layer }) => [rate, layer]),
      [[0.6, "dropout"]],
    );
  });
});
