import { type Entry, flowers, flowersBy, pair } from "./entry";

/** Losses, and what goes into them. */

/** A training on a curve: 1 feature, 1 number to predict. */
function curve(names: string, model: string): (loss: string) => string {
  return (loss) => `import { ${names}, adam, mse, sineData, training, type Tensor } from "backstep";

export default training({
  model: ${model},
  data: sineData(),
  loss: ${loss},
  optimizer: adam({ learningRate: 0.01 }),
});`;
}

const network = "new Sequential(new Linear(1, 8), new Tanh(), new Linear(8, 1))";

export const losses = {
  "loss-shape": {
    title: "Prediction and target differ",
    summary: "The loss compares number by number, and prediction and target have different shapes.",
    why: "[N] and [N, 1] would broadcast to [N, N], each prediction against all targets: a mistake that trains to the mean without a word elsewhere.",
    ...pair(
      curve("Linear, Sequential, Tanh", network),
      "(prediction: Tensor, target: Tensor) => mse(prediction.squeeze(-1), target)",
      "(prediction: Tensor, target: Tensor) => mse(prediction, target)",
    ),
    see: ["loss-classes", "broadcast"],
  },
  "batch-pairs": {
    title: "Each prediction against all targets",
    summary: "In a loss of your own a prediction [N, 1] meets a target [N], and they broadcast to [N, N].",
    why: "The mean over all pairs is smallest where every prediction is the mean of all targets: the model learns that and nothing more, without an error. Where all pairs are meant, say so by unsqueeze(0).",
    ...pair(
      curve("Linear, Sequential, Tanh", network),
      "(prediction: Tensor, target: Tensor) => prediction.sub(target.squeeze(-1)).square().mean()",
      "(prediction: Tensor, target: Tensor) => prediction.squeeze(-1).sub(target.squeeze(-1)).square().mean()",
    ),
    see: ["loss-shape", "broadcast"],
  },
  "loss-classes": {
    title: "Labels that do not fit the loss",
    summary:
      "A loss over classes needs logits [N, C] and int32 labels [N], or rows of probabilities of the logits' shape.",
    why: "cross-entropy −Σ y log a compares one distribution over classes per example; numbers to predict want mse.",
    ...pair(
      (loss) => `import { Linear, adam, crossEntropy, mse, sineData, training } from "backstep";

export default training({
  model: new Linear(1, 1),
  data: sineData({ noise: 0.1 }),
  loss: (prediction, target) => ${loss},
  optimizer: adam({ learningRate: 0.01 }),
});`,
      "crossEntropy(prediction, target.squeeze(-1))",
      "mse(prediction, target)",
    ),
    see: ["label-range", "loss-shape"],
  },
  "label-range": {
    title: "More classes in the data than outputs",
    summary:
      "The data's labels (or indices) are whole numbers up to a known one, and there are fewer outputs (or rows) to choose from.",
    why: "The first label that is too large would stop the training.",
    ...pair((n) => flowers("Linear", `new Linear(4, ${n})`), "2", "3"),
    see: ["loss-classes"],
  },
  "loss-scalar": {
    title: "The loss is more than one number",
    summary: "The loss of a batch must be one number, and this one has a shape.",
    why: "Gradient descent goes down one cost J. Losses of this package average over the batch; one of your own ends with mean().",
    ...pair(
      curve("Linear, Sequential, Tanh", network),
      "(prediction: Tensor, target: Tensor) => prediction.sub(target).square()",
      "(prediction: Tensor, target: Tensor) => prediction.sub(target).square().mean()",
    ),
    see: ["grad-scalar", "loss-type"],
  },
  "loss-type": {
    title: "The loss is no tensor",
    summary: "The loss function returned something else than a tensor: a number, nothing, or a promise.",
    why: "The gradient is found by going back through the operations that made the loss, so it must be made by operations.",
    ...pair(
      (loss) => `import { Linear, adam, mse, sineData, training } from "backstep";

export default training({
  model: new Linear(1, 1),
  data: sineData(),
  loss: ${loss},
  optimizer: adam({ learningRate: 0.01 }),
});`,
      "(() => 1) as never",
      "mse",
    ),
    see: ["loss-scalar"],
  },
  "softmax-loss": {
    title: "Softmax before a loss that takes logits",
    summary:
      "crossEntropy applies softmax itself, binaryCrossEntropyWithLogits the sigmoid: they take logits. nll and klDivergence take logarithms, those of logSoftmax.",
    why: "Softmax of probabilities lies between 1/(C − 1 + e) and e/(C − 1 + e): the loss cannot fall to 0 and the fused gradient a − y loses its strength. For probabilities as an answer take the softmax outside the training.",
    ...pair(
      (end) =>
        flowers(
          `Linear, ReLU, Sequential${end === "" ? "" : ", Softmax"}`,
          `new Sequential(new Linear(4, 16), new ReLU(), new Linear(16, 3)${end})`,
        ),
      ", new Softmax()",
      "",
    ),
    see: ["double-softmax"],
  },
  "double-softmax": {
    title: "Softmax of a softmax",
    summary: "A softmax (or sigmoid) is taken of what is a softmax (or sigmoid) already, along the same axis.",
    why: "Its input lies between 0 and 1, so all results are nearly the same, and the Jacobian aᵢ(δᵢⱼ − aⱼ) is applied twice.",
    ...pair(
      (weights) =>
        flowersBy(
          "Linear, softmax",
          "gate = new Linear(4, 4);\noutput = new Linear(4, 3);",
          `const weights = ${weights};\nreturn this.output(x.mul(weights));`,
        ),
      "softmax(softmax(this.gate(x)))",
      "softmax(this.gate(x))",
    ),
    see: ["softmax-loss"],
  },
  "blocked-gradient": {
    title: "No gradient gets through",
    summary:
      "An operation without a gradient (step, sign, round, argmax, a cast to whole numbers) lies between the loss and parameters.",
    why: "The parameters before it get no gradient by this way, so they do not learn by it. Use a smooth function, `where` on a condition, or a custom function with a backward of its own (a straight-through estimator).",
    ...pair(
      (f) =>
        flowersBy(
          `Linear, ${f}`,
          "hidden = new Linear(4, 16);\noutput = new Linear(16, 3);",
          `return this.output(${f}(this.hidden(x)));`,
        ),
      "step",
      "sigmoid",
    ),
    see: ["unused-parameter", "predicted-blocked"],
  },
} satisfies Record<string, Entry>;
