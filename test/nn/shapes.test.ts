import assert from "node:assert/strict";
import { symbol } from "../../engine/graph/dim";
import { type DType, type Shape, formatShape } from "../../engine/graph/shape";
import { Tensor } from "../../engine/graph/tensor";
import * as nn from "../../engine/nn";
import { relu, zeros } from "../../engine/ops";
import { leaf, traced } from "../support/graph";

const N = symbol("N");
/** An input [N, …]. */
const input = (...sizes: number[]): Tensor => leaf([N, ...sizes]);
const exactly = (...shape: Shape): Tensor => leaf(shape);
const indices = (...sizes: number[]): Tensor => leaf([N, ...sizes], "int32");

/** The shapes of whatever a layer returned. */
function shapesOf(result: unknown): string {
  if (result instanceof Tensor) return formatShape(result.knownShape);
  return Object.values(result as Record<string, Tensor>)
    .map((each) => formatShape(each.knownShape))
    .join(" ");
}

describe("layers hold for any batch size", () => {
  const GOOD: Readonly<Record<string, readonly [() => unknown, string]>> = {
    Linear: [() => new nn.Linear(3, 2)(input(3)), "[N, 2]"],
    FoldedLinear: [() => new nn.FoldedLinear(3, 2)(input(3)), "[N, 2]"],
    withBias: [() => nn.withBias(input(3)), "[N, 4]"],
    Conv1d: [() => new nn.Conv1d(2, 4, 3)(input(2, 8)), "[N, 4, 6]"],
    Conv2d: [() => new nn.Conv2d(3, 8, 3, { padding: 1, stride: 2 })(input(3, 28, 28)), "[N, 8, 14, 14]"],
    ConvTranspose2d: [() => new nn.ConvTranspose2d(8, 3, 2, { stride: 2 })(input(8, 7, 7)), "[N, 3, 14, 14]"],
    MaxPool1d: [() => new nn.MaxPool1d(2)(input(3, 8)), "[N, 3, 4]"],
    AveragePool1d: [() => new nn.AveragePool1d(2)(input(3, 8)), "[N, 3, 4]"],
    MaxPool2d: [() => new nn.MaxPool2d(2)(input(3, 8, 6)), "[N, 3, 4, 3]"],
    AveragePool2d: [() => new nn.AveragePool2d(2)(input(3, 8, 6)), "[N, 3, 4, 3]"],
    GlobalAveragePool2d: [() => new nn.GlobalAveragePool2d()(input(3, 8, 6)), "[N, 3]"],
    Flatten: [() => new nn.Flatten()(input(3, 8, 6)), "[N, 144]"],
    BatchNorm1d: [() => new nn.BatchNorm1d(3)(input(3)), "[N, 3]"],
    BatchNorm2d: [() => new nn.BatchNorm2d(3)(input(3, 4, 4)), "[N, 3, 4, 4]"],
    LayerNorm: [() => new nn.LayerNorm([4, 5])(input(3, 4, 5)), "[N, 3, 4, 5]"],
    GroupNorm: [() => new nn.GroupNorm(2, 4)(input(4, 3, 3)), "[N, 4, 3, 3]"],
    RMSNorm: [() => new nn.RMSNorm(5)(input(5)), "[N, 5]"],
    Dropout: [() => new nn.Dropout()(input(5)), "[N, 5]"],
    Embedding: [() => new nn.Embedding(10, 4)(indices(7)), "[N, 7, 4]"],
    PositionalEncoding: [() => new nn.PositionalEncoding(4, { dropout: 0.1 })(input(7, 4)), "[N, 7, 4]"],
    MultiHeadAttention: [() => new nn.MultiHeadAttention(8, 2)(input(7, 8), input(5, 8)), "[N, 7, 8]"],
    "MultiHeadAttention, masked": [
      () =>
        new nn.MultiHeadAttention(8, 2, { dropout: 0.1 })(input(7, 8), undefined, undefined, {
          causal: true,
          mask: leaf([N, 7, 7], "bool"),
          paddingMask: leaf([N, 7], "bool"),
        }),
      "[N, 7, 8]",
    ],
    TransformerEncoder: [() => new nn.TransformerEncoder(2, 8, 2, { feedforward: 16 })(input(7, 8)), "[N, 7, 8]"],
    RNN: [() => new nn.RNN(3, 4)(input(5, 3)), "[N, 5, 4] [1, N, 4]"],
    GRU: [
      () => new nn.GRU(3, 4, { numLayers: 2, bidirectional: true, dropout: 0.1 })(input(5, 3)),
      "[N, 5, 8] [4, N, 4]",
    ],
    LSTM: [() => new nn.LSTM(3, 4, { numLayers: 2 })(input(5, 3)), "[N, 5, 4] [2, N, 4] [2, N, 4]"],
    LSTMCell: [() => new nn.LSTMCell(3, 4)(input(3)), "[N, 4] [N, 4]"],
    GRUCell: [() => new nn.GRUCell(3, 4)(input(3), zeros([N as unknown as number, 4])), "[N, 4]"],
    mlp: [() => nn.mlp([3, 8, 2], { dropout: 0.5 })(input(3)), "[N, 2]"],
    crossEntropy: [() => nn.crossEntropy(input(10), indices()), "[]"],
    "crossEntropy, none": [() => nn.crossEntropy(input(10, 4), indices(4), { reduction: "none" }), "[N, 4]"],
    halfSquaredError: [() => nn.halfSquaredError(input(3), input(3), { reduction: "none" }), "[N]"],
    rmse: [() => nn.rmse(input(3), input(3), { reduction: "none" }), "[N]"],
    klDivergence: [() => nn.klDivergence(input(3), input(3), { reduction: "batchMean" }), "[]"],
    l2: [() => nn.l2(new nn.Linear(2, 2), 1, input(3).shape[0]), "[]"],
  };
  for (const [name, [use, shape]] of Object.entries(GOOD)) {
    it(`${name} gives ${shape}`, () => {
      const { result, issues } = traced(use);
      assert.deepEqual(issues, []);
      assert.equal(shapesOf(result), shape);
    });
  }
});

interface Wrong {
  readonly use: () => unknown;
  readonly code: string;
  /** Parts of the message: both shapes, the axis, the fix. */
  readonly says: readonly string[];
  /** What is known of the result all the same. */
  readonly gives: string;
}

function wrong(code: string, use: () => unknown, gives: string, ...says: string[]): Wrong {
  return { use, code, gives, says };
}

describe("a layer that does not fit its input is one issue", () => {
  const WRONG: Readonly<Record<string, Wrong>> = {
    "Linear of other features": wrong(
      "linear-inputs",
      () => new nn.Linear(784, 10)(input(100)),
      "[N, 10]",
      "Linear: needs 784 features on the last axis, got 100 from [N, 100]",
      "weight [10, 784]",
      "new Linear(100, 10)",
    ),
    "Linear of images": wrong(
      "linear-inputs",
      () => new nn.Linear(784, 10)(input(1, 28, 28)),
      "[N, 1, 28, 10]",
      "flatten() the input first",
    ),
    "FoldedLinear with its ones": wrong(
      "linear-inputs",
      () => new nn.FoldedLinear(3, 2)(nn.withBias(input(3))),
      "[N, 2]",
      "leave the column of ones out",
    ),
    "Conv2d of other channels": wrong(
      "conv-channels",
      () => new nn.Conv2d(3, 8, 3)(input(1, 28, 28)),
      "[N, 8, 26, 26]",
      "Conv2d: needs 3 channels on axis 1, got 1 from [N, 1, 28, 28]",
      "weight [8, 3, 3, 3]",
      "new Conv2d(1, 8, …)",
    ),
    "Conv2d with channels last": wrong(
      "conv-channels",
      () => new nn.Conv2d(3, 8, 3)(input(28, 28, 3)),
      "[N, 8, 26, 26]",
      "got 28 from [N, 28, 28, 3]",
      "permute([0, 3, 1, 2])",
    ),
    "Conv2d of grey images without channel axis": wrong(
      "conv-rank",
      () => new nn.Conv2d(1, 6, 5)(input(28, 28)),
      "[N, 6, 24, 24]",
      "needs 4 axes [N, C, H, W], got 3 from [N, 28, 28]",
      "unsqueeze(1)",
    ),
    "Conv2d of one image": wrong(
      "conv-rank",
      () => new nn.Conv2d(3, 6, 5)(exactly(3, 28, 28)),
      "[1, 6, 24, 24]",
      "unsqueeze(0)",
    ),
    "Conv2d of flat images": wrong(
      "conv-rank",
      () => new nn.Conv2d(1, 6, 5)(input(784)),
      "[?, 6, ?, ?]",
      "got 2 from [N, 784]",
      "reshape([-1, 1, 28, 28])",
    ),
    "Conv2d with too large a kernel": wrong(
      "conv-size",
      () => new nn.Conv2d(1, 6, 5)(input(1, 3, 8)),
      "[N, 6, ?, 4]",
      "Conv2d: the kernel [5, 5]",
      "[N, 1, 3, 8]",
      "axis 2",
    ),
    "Conv1d of other channels": wrong(
      "conv-channels",
      () => new nn.Conv1d(2, 3, 3)(input(4, 9)),
      "[N, 3, 7]",
      "Conv1d: needs 2 channels on axis 1, got 4",
    ),
    "ConvTranspose2d of other channels": wrong(
      "conv-channels",
      () => new nn.ConvTranspose2d(4, 3, 2)(input(2, 5, 5)),
      "[N, 3, 6, 6]",
      "ConvTranspose2d: needs 4 channels on axis 1, got 2",
    ),
    "MaxPool2d of features": wrong(
      "pool-rank",
      () => new nn.MaxPool2d(2)(input(100)),
      "[?, ?, ?, ?]",
      "MaxPool2d: needs 4 axes [N, C, H, W], got 2 from [N, 100]",
      "pool before the features are flattened",
    ),
    "MaxPool1d of images": wrong(
      "pool-rank",
      () => new nn.MaxPool1d(2)(input(3, 8, 8)),
      "[?, ?, ?]",
      "2-D pooling layer",
    ),
    "AveragePool2d with too large a window": wrong(
      "pool-size",
      () => new nn.AveragePool2d(4)(input(3, 2, 8)),
      "[N, 3, ?, 2]",
      "AveragePool2d: the window [4, 4]",
      "[N, 3, 2, 8]",
    ),
    "GlobalAveragePool2d of features": wrong(
      "pool-rank",
      () => new nn.GlobalAveragePool2d()(input(8)),
      "[?, ?]",
      "GlobalAveragePool2d: needs 4 axes",
    ),
    "Flatten of an axis that is not there": wrong(
      "axis",
      () => new nn.Flatten(1, 5)(input(2, 3)),
      "[N, 6]",
      "Flatten: axis 5 does not exist in [N, 2, 3]",
    ),
    "BatchNorm1d of other features": wrong(
      "batch-norm-channels",
      () => new nn.BatchNorm1d(64)(input(32)),
      "[N, ?]",
      "BatchNorm1d: needs 64 channels on axis 1, got 32 from [N, 32]",
      "running_mean [64]",
      "new BatchNorm1d(32)",
    ),
    "BatchNorm1d of images": wrong(
      "batch-norm-rank",
      () => new nn.BatchNorm1d(3)(input(3, 8, 8)),
      "[N, 3, 8, 8]",
      "got 4 from [N, 3, 8, 8]",
      "new BatchNorm2d(3)",
    ),
    "BatchNorm2d of features": wrong(
      "batch-norm-rank",
      () => new nn.BatchNorm2d(3)(input(3)),
      "[N, 3]",
      "needs 4 axes [N, C, H, W]",
      "new BatchNorm1d(3)",
    ),
    "BatchNorm1d of one example": wrong(
      "batch-norm-batch-1",
      () => new nn.BatchNorm1d(3)(exactly(1, 3)),
      "[1, 3]",
      "[1, 3]",
      "at least 2 examples",
    ),
    "LayerNorm of another size": wrong(
      "layer-norm",
      () => new nn.LayerNorm(64)(input(10, 32)),
      "[N, 10, ?]",
      "LayerNorm: needs size 64 on the last axis, got 32 from [N, 10, 32]",
      "new LayerNorm(32)",
    ),
    "RMSNorm of another size": wrong(
      "rms-norm",
      () => new nn.RMSNorm([4, 5])(input(3, 5)),
      "[N, ?, 5]",
      "needs the last axes [4, 5], got [3, 5] from [N, 3, 5]",
      "new RMSNorm([3, 5])",
    ),
    "GroupNorm of other channels": wrong(
      "group-norm",
      () => new nn.GroupNorm(2, 4)(input(6, 3)),
      "[N, ?, 3]",
      "GroupNorm: needs 4 channels on axis 1, got 6 from [N, 6, 3]",
      "new GroupNorm(2, 6)",
    ),
    "GroupNorm of a vector": wrong(
      "group-norm",
      () => new nn.GroupNorm(2, 4)(exactly(4)),
      "[4]",
      "needs [N, 4, …], got [4]",
      "unsqueeze(0)",
    ),
    "Embedding of real numbers": wrong(
      "embedding-dtype",
      () => new nn.Embedding(10, 4)(input(7)),
      "[N, 7, 4]",
      "Embedding: needs int32 indices of its 10 rows, got float32 [N, 7]",
      "weight [10, 4]",
      'cast(x, "int32")',
    ),
    "PositionalEncoding of another size": wrong(
      "positional-encoding",
      () => new nn.PositionalEncoding(8)(input(5, 4)),
      "[N, 5, ?]",
      "needs [N, T, 8], got [N, 5, 4]",
      "new PositionalEncoding(4)",
    ),
    "PositionalEncoding of the batch": wrong(
      "positional-encoding",
      () => new nn.PositionalEncoding(4)(exactly(5, N, 4)),
      "[5, N, 4]",
      "got N on axis 1 of [5, N, 4]",
      "batch first",
    ),
    "MultiHeadAttention of another size": wrong(
      "attention-shape",
      () => new nn.MultiHeadAttention(8, 2)(input(5, 6)),
      "[N, 5, 8]",
      "needs the query as [N, length, 8], got [N, 5, 6]",
      "in_proj_weight [24, 8]",
      "new Linear(6, 8)",
    ),
    "MultiHeadAttention without batch": wrong(
      "attention-shape",
      () => new nn.MultiHeadAttention(8, 2)(exactly(5, 8)),
      "[?, ?, 8]",
      "got [5, 8]",
      "unsqueeze(0)",
    ),
    "MultiHeadAttention with fewer values than keys": wrong(
      "attention-shape",
      () => new nn.MultiHeadAttention(8, 2)(input(5, 8), input(4, 8), input(3, 8)),
      "[N, 5, 8]",
      "key [N, 4, 8] and value [N, 3, 8] differ on axis 1",
    ),
    "MultiHeadAttention with a mask of another length": wrong(
      "attention-mask",
      () => new nn.MultiHeadAttention(8, 2)(input(5, 8), undefined, undefined, { mask: leaf([4, 4], "bool") }),
      "[N, 5, 8]",
      "the mask [4, 4] does not fit scores of [N, 2, 5, 5]",
    ),
    "TransformerEncoder of another size": wrong(
      "attention-shape",
      () => new nn.TransformerEncoder(3, 8, 2)(input(5, 6)),
      "[N, 5, 8]",
      "layers.0 (TransformerEncoderLayer): needs [N, length, 8], got [N, 5, 6]",
    ),
    "LSTM of features": wrong(
      "recurrent-shape",
      () => new nn.LSTM(3, 4)(input(3)),
      "[?, ?, 4] [1, ?, 4] [1, ?, 4]",
      "LSTM: needs 3 axes [N, T, 3], got 2 from [N, 3]",
      "weight_ih_l0 [16, 3]",
      "unsqueeze(1)",
    ),
    "GRU with axes in another order": wrong(
      "recurrent-shape",
      () => new nn.GRU(3, 4)(input(3, 5)),
      "[N, 3, 4] [1, N, 4]",
      "needs 3 features on axis 2, got 5 from [N, 3, 5]",
      "permute([0, 2, 1])",
    ),
    "RNN of time first": wrong(
      "recurrent-time",
      () => new nn.RNN(3, 4)(exactly(5, N, 3)),
      "[5, N, 4] [1, 5, 4]",
      "got N from [5, N, 3]",
      "permute([1, 0, 2])",
    ),
    "GRU with a state of one layer": wrong(
      "recurrent-state",
      () => new nn.GRU(3, 4, { numLayers: 2 })(input(5, 3), input(4)),
      "[N, 5, 4] [2, N, 4]",
      "initial hidden state needs [2, N, 4]",
      "got [N, 4]",
      "unsqueeze(0)",
    ),
    "GRUCell of a sequence": wrong(
      "recurrent-shape",
      () => new nn.GRUCell(3, 4)(input(5, 3)),
      "[?, 4]",
      "needs [N, 3], got [N, 5, 3]",
      "x.slice(null, t)",
    ),
    "LSTMCell with a wide state": wrong(
      "recurrent-state",
      () => new nn.LSTMCell(3, 4)(input(3), { hidden: input(5), cell: input(4) }),
      "[N, 4] [N, 4]",
      "needs [N, 4], got [N, 5]",
    ),
    "withBias of a scalar": wrong("rank", () => nn.withBias(exactly()), "[2]", "got a scalar []"),
    "mse of a column and a vector": wrong(
      "loss-shape",
      () => nn.mse(input(1), leaf([N])),
      "[]",
      "mse: the prediction [N, 1] and the target [N]",
      "2 and 1 axes",
      "prediction.squeeze(-1), or target.unsqueeze(-1)",
    ),
    "mae of a vector and a column": wrong(
      "loss-shape",
      () => nn.mae(leaf([N]), input(1), { reduction: "none" }),
      "[N]",
      "target.squeeze(-1)",
    ),
    "huber of other sizes": wrong(
      "loss-shape",
      () => nn.huber(input(3), input(2)),
      "[]",
      "axis 1 is 3 and 2",
      "give the last layer 2 outputs",
    ),
    "mse of class labels": wrong(
      "loss-shape",
      () => nn.mse(input(10), indices()),
      "[]",
      "use crossEntropy",
      "oneHot(target, 10)",
    ),
    "binaryCrossEntropy of a column": wrong(
      "loss-shape",
      () => nn.binaryCrossEntropy(input(1), indices()),
      "[]",
      "prediction.squeeze(-1)",
    ),
    "halfSquaredError of images": wrong(
      "loss-shape",
      () => nn.halfSquaredError(input(784), input(28, 28), { reduction: "none" }),
      "[N]",
      "reshape the target to [N, 784]",
    ),
    "crossEntropy of real labels": wrong(
      "loss-classes",
      () => nn.crossEntropy(input(10), leaf([N])),
      "[]",
      "crossEntropy: class indices must be int32, got float32 [N] for the prediction [N, 10]",
      'cast(target, "int32")',
    ),
    "crossEntropy of a label column": wrong(
      "loss-classes",
      () => nn.crossEntropy(input(10), indices(1)),
      "[]",
      "[N, 1] int32 has an axis of size 1 too many",
      "target.squeeze(1)",
    ),
    "crossEntropy of other rows": wrong(
      "loss-classes",
      () => nn.crossEntropy(input(10), input(3)),
      "[]",
      "has 10 classes on axis 1, the target [N, 3] has 3",
    ),
    "crossEntropy of int32 rows": wrong(
      "loss-classes",
      () => nn.crossEntropy(input(10), indices(10)),
      "[]",
      'cast(target, "float32")',
    ),
    "crossEntropy of one output per example": wrong(
      "loss-classes",
      () => nn.crossEntropy(leaf([N]), indices()),
      "[]",
      "no class axis",
      "binaryCrossEntropyWithLogits",
    ),
    "crossEntropy of one output per example and real labels": wrong(
      "loss-classes",
      () => nn.crossEntropy(leaf([N]), leaf([N])),
      "[]",
      "no class axis",
    ),
    "crossEntropy of tokens": wrong(
      "loss-classes",
      () => nn.crossEntropy(input(7, 50), indices(7), { reduction: "none" }),
      "[N, 50]",
      "the classes are on axis 1 of the prediction [N, 7, 50]",
      "{ axis: -1 }",
    ),
    "nll of rows": wrong(
      "loss-classes",
      () => nn.nll(input(3), input(3)),
      "[]",
      "needs int32 class indices [N], got one number per class [N, 3]",
      "target.argmax(1)",
    ),
  };
  for (const [name, { use, code, says, gives }] of Object.entries(WRONG)) {
    it(name, () => {
      const { result, issues } = traced(use);
      assert.deepEqual(
        issues.map((issue) => issue.code),
        [code],
        issues.map(({ message }) => message).join("\n"),
      );
      for (const part of says) assert.ok(issues[0].message.includes(part), `${issues[0].message}\nlacks: ${part}`);
      assert.match(issues[0].message, / /);
      assert.equal(shapesOf(result), gives);
    });
  }
});

describe("several mistakes", () => {
  it("are reported each at its layer, by its path, without follow-ups", () => {
    class Net extends nn.Module {
      features = new nn.Sequential(new nn.Conv2d(3, 8, 3), relu, new nn.BatchNorm2d(16), new nn.MaxPool2d(2));
      flatten = new nn.Flatten();
      hidden = new nn.Linear(100, 64);
      norm = new nn.LayerNorm(32);
      output = new nn.Linear(64, 10);
      forward(x: Tensor): Tensor {
        return this.output(this.norm(this.hidden(this.flatten(this.features(x)))));
      }
    }
    const { result, issues } = traced(() => nn.crossEntropy(new Net()(input(1, 28, 28)), leaf([N])));
    assert.deepEqual(
      issues.map(({ message }) => message.split(":")[0]),
      ["features.0 (Conv2d)", "features.2 (BatchNorm2d)", "norm (LayerNorm)", "crossEntropy"],
    );
    assert.equal(formatShape(result.knownShape), "[]");
  });

  it("says nothing about what follows from an unknown shape", () => {
    const unknown: Tensor = leaf(null as unknown as Shape, "float32" satisfies DType);
    const uses: Readonly<Record<string, () => unknown>> = {
      linear: () => new nn.Linear(3, 2)(unknown),
      folded: () => new nn.FoldedLinear(3, 2)(unknown),
      conv1d: () => new nn.Conv1d(3, 2, 3)(unknown),
      conv2d: () => new nn.Conv2d(3, 2, 3)(unknown),
      convTranspose2d: () => new nn.ConvTranspose2d(3, 2, 3)(unknown),
      maxPool2d: () => new nn.MaxPool2d(2)(unknown),
      globalAveragePool2d: () => new nn.GlobalAveragePool2d()(unknown),
      flatten: () => new nn.Flatten()(unknown),
      batchNorm: () => new nn.BatchNorm1d(3)(unknown),
      layerNorm: () => new nn.LayerNorm(3)(unknown),
      groupNorm: () => new nn.GroupNorm(1, 3)(unknown),
      rmsNorm: () => new nn.RMSNorm(3)(unknown),
      positions: () => new nn.PositionalEncoding(4)(unknown),
      attention: () => new nn.MultiHeadAttention(4, 2)(unknown),
      encoder: () => new nn.TransformerEncoder(1, 4, 2)(unknown),
      lstm: () => new nn.LSTM(3, 2)(unknown),
      gruCell: () => new nn.GRUCell(3, 2)(unknown),
      softmax: () => new nn.Softmax()(unknown),
      mse: () => nn.mse(unknown, input(3)),
      crossEntropy: () => nn.crossEntropy(unknown, indices()),
      nll: () => nn.nll(input(3), unknown, { reduction: "none" }),
    };
    for (const [name, use] of Object.entries(uses)) assert.deepEqual(traced(use).issues, [], name);
  });
});

describe("arguments that no input could make sense of", () => {
  const anything = (value: unknown): never => value as never;
  const BAD: Readonly<Record<string, readonly [() => unknown, RegExp]>> = {
    "Linear without outputs": [
      () => new nn.Linear(3, anything(undefined)),
      /^Error: Linear: outputs must be a whole number ≥ 1, got undefined$/,
    ],
    "Linear of a string": [
      () => new nn.Linear(anything("3"), 2),
      /^Error: Linear: inputs must be a whole number ≥ 1, got "3"$/,
    ],
    "Conv1d of size 0": [() => new nn.Conv1d(1, 1, 0), /^Error: Conv1d: kernelSize must be a whole number ≥ 1, got 0$/],
    "Conv2d without kernel size": [
      () => new nn.Conv2d(1, 2, anything(undefined)),
      /^Error: Conv2d: kernelSize must be/,
    ],
    "Conv2d with stride 0": [
      () => new nn.Conv2d(1, 2, 3, { stride: 0 }),
      /^Error: Conv2d: stride must be a whole number ≥ 1/,
    ],
    "Conv2d with groups that do not divide": [
      () => new nn.Conv2d(3, 4, 3, { groups: 2 }),
      /^Error: Conv2d: groups must divide the channels, but 2 does not divide both 3 \(in\) and 4 \(out\)$/,
    ],
    "Conv2d with an unknown padding": [
      () => new nn.Conv2d(1, 2, 3, { padding: anything("full") }),
      /^Error: Conv2d: padding must be a number, "valid" or "same", got "full"$/,
    ],
    "Conv2d same with stride 2": [
      () => new nn.Conv2d(1, 2, 3, { padding: "same", stride: 2 }),
      /^Error: Conv2d: padding "same" .* needs stride 1/,
    ],
    "ConvTranspose2d with much output padding": [
      () => new nn.ConvTranspose2d(1, 2, 3, { outputPadding: 1 }),
      /^Error: ConvTranspose2d: outputPadding must be smaller than the stride/,
    ],
    "MaxPool2d with much padding": [
      () => new nn.MaxPool2d(2, { padding: 2 }),
      /^Error: MaxPool2d: padding must be at most half the kernel size/,
    ],
    "AveragePool1d without size": [
      () => new nn.AveragePool1d(anything(undefined)),
      /^Error: AveragePool1d: kernelSize must be/,
    ],
    "BatchNorm1d with momentum 2": [
      () => new nn.BatchNorm1d(3, { momentum: 2 }),
      /^Error: BatchNorm1d: momentum must be from 0 to 1, got 2$/,
    ],
    "BatchNorm2d of no channels": [
      () => new nn.BatchNorm2d(anything(undefined)),
      /^Error: BatchNorm2d: channels must be/,
    ],
    "LayerNorm of nothing": [
      () => new nn.LayerNorm([]),
      /^Error: LayerNorm: normalizedShape must be a size or a list of sizes, got \[\]$/,
    ],
    "LayerNorm with ε 0": [
      () => new nn.LayerNorm(3, { epsilon: 0 }),
      /^Error: LayerNorm: epsilon must be a number above 0, got 0$/,
    ],
    "GroupNorm with groups that do not divide": [
      () => new nn.GroupNorm(3, 4),
      /^Error: GroupNorm: groups must divide the channels, but 3 does not divide 4$/,
    ],
    "Dropout of everything": [
      () => new nn.Dropout(1),
      /^Error: Dropout: rate must be a number from 0 to below 1, got 1$/,
    ],
    "Embedding without size": [() => new nn.Embedding(10, anything(undefined)), /^Error: Embedding: size must be/],
    "MultiHeadAttention with heads that do not divide": [
      () => new nn.MultiHeadAttention(10, 3),
      /^Error: MultiHeadAttention: heads must divide the size, but 3 does not divide 10$/,
    ],
    "TransformerEncoderLayer with an unknown activation": [
      () => new nn.TransformerEncoderLayer(8, 2, { activation: anything("tanh") }),
      /^Error: TransformerEncoderLayer: activation must be "relu" or "gelu", got "tanh"$/,
    ],
    "TransformerEncoder of no layers": [
      () => new nn.TransformerEncoder(0, 8, 2),
      /^Error: TransformerEncoder: depth must be/,
    ],
    "LSTM without hidden size": [() => new nn.LSTM(3, anything(undefined)), /^Error: LSTM: hiddenSize must be/],
    "RNN with an unknown nonlinearity": [
      () => new nn.RNN(3, 2, { nonlinearity: anything("gelu") }),
      /^Error: RNN: nonlinearity must be "tanh" or "relu", got "gelu"$/,
    ],
    "LeakyReLU of a string": [
      () => new nn.LeakyReLU(anything("0.1")),
      /^Error: LeakyReLU: slope must be a number, got "0.1"$/,
    ],
    "Softmax of half an axis": [() => new nn.Softmax(0.5), /^Error: Softmax: axis must be a whole number, got 0.5$/],
    "Sequential of a list": [
      () => new nn.Sequential(anything([relu])),
      /^Error: Sequential: layer 0 must be a module or a function, got a list; .*\.\.\.layers/,
    ],
    "ModuleList of functions": [
      () => new nn.ModuleList(anything([relu])),
      /^Error: ModuleList: element 0 must be a module, got a function$/,
    ],
    "mlp of one size": [() => nn.mlp([3]), /^Error: mlp: needs the sizes of at least two layers/],
    "a layer called without input": [
      () => new nn.Linear(3, 2)(anything(undefined)),
      /^Error: Linear: expected a tensor as input, got nothing$/,
    ],
    "a layer called with another": [
      () => new nn.ReLU()(anything(new nn.Linear(3, 2))),
      /^Error: ReLU: expected a tensor as input, got the module Linear itself \(call it with its input\)$/,
    ],
    "a layer called with a recurrent result": [
      () => new nn.Linear(3, 2)(anything(new nn.LSTM(3, 3)(input(2, 3)))),
      /got a record with output, hidden, cell \(take one of them, as in result\.output\)$/,
    ],
    "Sequential through a recurrent layer": [
      () => new nn.Sequential(anything(new nn.GRU(3, 3)), new nn.Linear(3, 2))(input(2, 3)),
      /^Error: Sequential: layer 0, 0 \(GRU\), returned a record with output, hidden .* one tensor to the next/,
    ],
    "a module list called": [
      () => new nn.ModuleList([new nn.ReLU()])(),
      /^Error: ModuleList: a ModuleList cannot be called; loop over it/,
    ],
    "a loss of a record": [
      () => nn.mse(anything({ output: input(3) }), input(3)),
      /^Error: mse: expected a tensor as prediction, got a record with output/,
    ],
    "a loss with an unknown reduction": [
      () => nn.crossEntropy(input(3), indices(), { reduction: anything("average") }),
      /^Error: crossEntropy: reduction must be one of "mean", "sum", "none", got "average"$/,
    ],
    "a loss with too much smoothing": [
      () => nn.crossEntropy(input(3), indices(), { labelSmoothing: 1.5 }),
      /^Error: crossEntropy: labelSmoothing must be from 0 to 1, got 1.5$/,
    ],
    "huber with delta 0": [
      () => nn.huber(input(3), input(3), { delta: 0 }),
      /^Error: huber: delta must be a number above 0, got 0$/,
    ],
  };
  for (const [name, [use, message]] of Object.entries(BAD)) {
    it(
      name,
      () =>
        void assert.throws(
          () => traced(use),
          (error) => message.test(String(error)) || assert.fail(`${String(error)}\nis not ${message.source}`),
        ),
    );
  }
});
