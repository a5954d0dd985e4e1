import { type Entry, flowers, pair } from "./entry";

/** Layers whose input has another shape than they were declared for. */

/** Sentences of 9 words of 50, in two classes. */
function sentences(names: string, fields: string, forward: (piece: string) => string): (piece: string) => string {
  return (
    piece,
  ) => `import { Embedding, Linear, Module, ${names}, adam, crossEntropy, custom, training, type Tensor } from "backstep";

class Model extends Module {
  embedding = new Embedding(50, 16);
  ${fields}
  output = new Linear(16, 2);

  forward(words: Tensor) {
    const x = this.embedding(words);
    ${forward(piece)}
  }
}

export default training({
  model: new Model(),
  data: custom({
    length: 20,
    inputs: { shape: [9], dtype: "int32", classes: 50 },
    targets: { shape: [], dtype: "int32", classes: 2 },
    get: (i) => ({ inputs: new Array(9).fill(i), targets: i % 2 }),
  }),
  loss: crossEntropy,
  optimizer: adam({ learningRate: 0.001 }),
});`;
}

export const layers = {
  "linear-inputs": {
    title: "The number of features",
    summary:
      "A linear layer x·Wᵀ + b reads the last axis; the input has another number of features there than the layer's first argument says.",
    why: "W is stored (outputs, inputs). The size that comes in is made by the layer before, or by flattening: [N, C, H, W] → [N, C·H·W].",
    ...pair(
      (n) => flowers("Linear, ReLU, Sequential", `new Sequential(new Linear(4, 16), new ReLU(), new Linear(${n}, 3))`),
      "8",
      "16",
    ),
    see: ["matmul-inner", "reshape"],
  },
  "batch-norm-rank": {
    title: "The wrong batch normalisation",
    summary: "BatchNorm1d takes [N, C] or [N, C, L], BatchNorm2d takes images [N, C, H, W].",
    why: "Mean and variance are taken over all axes but the channels, axis 1.",
    ...pair(
      (d) =>
        flowers(
          `${d}, Linear, ReLU, Sequential`,
          `new Sequential(new Linear(4, 8), new ${d}(8), new ReLU(), new Linear(8, 3))`,
        ),
      "BatchNorm2d",
      "BatchNorm1d",
    ),
    see: ["batch-norm-channels"],
  },
  "batch-norm-channels": {
    title: "Channels of the normalisation",
    summary:
      "Batch normalisation has a mean, a variance, a weight and a bias per channel, and the input has another number of channels on axis 1.",
    why: "It goes by the size that the layer before it makes.",
    ...pair(
      (n) =>
        flowers(
          "BatchNorm1d, Linear, ReLU, Sequential",
          `new Sequential(new Linear(4, 8), new BatchNorm1d(${n}), new ReLU(), new Linear(8, 3))`,
        ),
      "16",
      "8",
    ),
    see: ["batch-norm-rank"],
  },
  "batch-norm-batch-1": {
    title: "Batch normalisation of one example",
    summary: "The training has batches of one example, and a layer that normalises over the batch.",
    why: "A single number less its own mean is 0, so nothing that comes before the layer can learn. Of an image there are several numbers per channel, but training then uses its own mean and validation the running one. Layer and group normalisation need no batch.",
    ...pair(
      (size) =>
        flowers(
          "BatchNorm1d, Linear, ReLU, Sequential",
          "new Sequential(new Linear(4, 8), new BatchNorm1d(8), new ReLU(), new Linear(8, 3))",
          `batchSize: ${size}`,
        ),
      "1",
      "16",
    ),
  },
  "layer-norm": {
    title: "Sizes of the layer normalisation",
    summary: "LayerNorm normalises over the last axes, and the input does not end with the sizes it was declared for.",
    why: "Its weight and bias have one number for each element that is normalised together.",
    ...pair(
      (n) =>
        flowers(
          "LayerNorm, Linear, ReLU, Sequential",
          `new Sequential(new Linear(4, 8), new LayerNorm(${n}), new ReLU(), new Linear(8, 3))`,
        ),
      "4",
      "8",
    ),
    see: ["rms-norm", "batch-norm-channels"],
  },
  "rms-norm": {
    title: "Sizes of the root-mean-square normalisation",
    summary: "RMSNorm normalises over the last axes, and the input does not end with the sizes it was declared for.",
    why: "x / √(mean x² + ε) is taken over exactly these axes, and the weight has their shape.",
    ...pair(
      (n) =>
        flowers(
          "Linear, RMSNorm, ReLU, Sequential",
          `new Sequential(new Linear(4, 8), new RMSNorm(${n}), new ReLU(), new Linear(8, 3))`,
        ),
      "4",
      "8",
    ),
    see: ["layer-norm"],
  },
  "group-norm": {
    title: "Channels of the group normalisation",
    summary:
      "GroupNorm cuts the channels on axis 1 into equal groups; the input has other channels, or they do not divide.",
    why: "Each group of an example is normalised by its own mean and variance.",
    ...pair(
      (n) =>
        flowers(
          "GroupNorm, Linear, ReLU, Sequential",
          `new Sequential(new Linear(4, 8), new GroupNorm(2, ${n}), new ReLU(), new Linear(8, 3))`,
        ),
      "6",
      "8",
    ),
    see: ["layer-norm"],
  },
  "embedding-dtype": {
    title: "Indices that are no whole numbers",
    summary: "An embedding looks up rows by int32 indices, and got real numbers.",
    why: 'A row has a number from 0 to count − 1. Say `dtype: "int32"` in the data set, or cast. Embed once: what an embedding gives is float32.',
    ...pair(
      sentences("relu", "inner = new Linear(16, 16);", (x) => `return this.output(relu(this.inner(${x})).mean(1));`),
      "this.embedding(x).mean(1)",
      "x",
    ),
    see: ["dtype", "label-range"],
  },
  "positional-encoding": {
    title: "Positions that do not fit",
    summary: "A positional encoding is added to [N, T, size]: the last axis has its size, and T is a known number.",
    why: "Each position gets numbers of its own. With the batch on axis 1 the batch would be counted as positions.",
    ...pair(
      sentences(
        "PositionalEncoding",
        "positions = new PositionalEncoding(16);",
        (x) => `return this.output(this.positions(${x}).mean(1));`,
      ),
      "x.transpose(1, 2)",
      "x",
    ),
    see: ["attention-shape"],
  },
  "attention-shape": {
    title: "No sequences for the attention",
    summary:
      "Attention takes queries, keys and values as [N, length, size]; keys and values have one length, all have one batch.",
    why: "softmax(Q·Kᵀ/√d)·V weighs the values of all positions: positions are on axis 1, features on axis 2.",
    ...pair(
      sentences(
        "MultiHeadAttention",
        "attention = new MultiHeadAttention(16, 4);",
        (x) => `return this.output(this.attention(${x}).mean(1));`,
      ),
      "x.mean(1)",
      "x",
    ),
    see: ["attention-mask", "positional-encoding"],
  },
  "attention-mask": {
    title: "A mask that does not fit",
    summary: "A mask has the shape of the scores, [L, S] or [N, L, S], a padding mask [N, S].",
    why: "It says of each query which keys it may see; for an autoregressive model `causal: true` makes it.",
    ...pair(
      sentences(
        "MultiHeadAttention, ones, triu",
        "attention = new MultiHeadAttention(16, 4);",
        (n) =>
          `const mask = triu(ones([${n}, ${n}]), 1).cast("bool");\n    return this.output(this.attention(x, x, x, { mask }).mean(1));`,
      ),
      "8",
      "9",
    ),
    see: ["attention-shape"],
  },
  "recurrent-shape": {
    title: "No sequences for the recurrent layer",
    summary: "A recurrent layer takes [N, T, features], a cell one time of it, [N, features].",
    why: "The batch comes first, time on axis 1. The number of features is the layer's first argument.",
    ...pair(
      sentences("GRU", "gru = new GRU(16, 16);", (x) => `return this.output(this.gru(${x}).output.mean(1));`),
      "x.mean(1)",
      "x",
    ),
    see: ["recurrent-state", "recurrent-time"],
  },
  "recurrent-state": {
    title: "A state of another shape",
    summary: "The initial state of a recurrent layer is [layers · directions, N, hidden], that of a cell [N, hidden].",
    why: "What a layer returned as its state fits the next call. Leave it out to start with zeros.",
    ...pair(
      sentences(
        "GRU, zeros",
        "gru = new GRU(16, 16);",
        (n) =>
          `const start = zeros([1, x.shape[0], ${n}]);\n    return this.output(this.gru(x, start).output.mean(1));`,
      ),
      "8",
      "16",
    ),
    see: ["recurrent-shape"],
  },
  "recurrent-time": {
    title: "An unknown number of times",
    summary:
      "A recurrent layer is unrolled while the graph is built, so the number of times must be known then; here it is the batch.",
    why: "One node is made for each time. Only the batch may be open, and it comes first: [N, T, features].",
    ...pair(
      sentences("GRU", "gru = new GRU(16, 16);", (times) => `return this.output(${times});`),
      "this.gru(x.transpose(0, 1)).output.mean(0)",
      "this.gru(x).output.mean(1)",
    ),
    see: ["recurrent-shape"],
  },
} satisfies Record<string, Entry>;
