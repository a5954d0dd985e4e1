import { type Entry, flowers, flowersBy, pair } from "./entry";

/** Networks that can be built and trained, but hardly as they were meant. */
export const networks = {
  "linear-chain": {
    title: "No activation between linear layers",
    summary:
      "The result of a linear layer (or convolution) goes straight into the next one. Not reported where it is common practice: a smaller size between (a code, a low rank), grouped and 1×1 convolutions, a result that is used elsewhere, too.",
    why: "W₂(W₁x + b₁) + b₂ = (W₂W₁)x + (W₂b₁ + b₂) is one linear layer: more parameters, no more power.",
    ...pair(
      (between) =>
        flowers(
          `Linear, Sequential${between === "" ? "" : ", ReLU"}`,
          `new Sequential(new Linear(4, 16), ${between}new Linear(16, 3))`,
        ),
      "",
      "new ReLU(), ",
    ),
    see: ["dead-code"],
  },
  "batch-mixing-reshape": {
    title: "A reshape that mixes examples",
    summary:
      "After the reshape an axis holds numbers of several examples, and none holds the batch. Reshaping to windows or times in front ([N·T, F] and back) is not reported, nor is putting whole examples into groups.",
    why: "A reshape keeps numbers in their order, last axis fastest. To swap axes use permute or transpose; [F, N] reshaped to [N, F] is a jumble, which trains without an error and learns little.",
    ...pair(
      (swap) =>
        flowersBy(
          "Linear, relu",
          "hidden = new Linear(4, 8);\noutput = new Linear(8, 3);",
          `const columns = relu(this.hidden(x)).transpose();\nreturn this.output(columns${swap});`,
        ),
      ".reshape([x.shape[0], 8])",
      ".transpose()",
    ),
    see: ["reshape", "permute"],
  },
  "stray-parameter": {
    title: "Parameters that the model does not know",
    summary:
      "The loss depends on a layer or parameter that is no field of the model: made in forward, at the top of the file, in a #private field, a Map or a Set.",
    why: "The optimiser changes what it finds in the model: its fields, and the lists and plain objects in them. What is made in forward is made anew with each graph, too.",
    wrong: flowersBy("Linear, relu", "hidden = new Linear(4, 8);", "return new Linear(8, 3)(relu(this.hidden(x)));"),
    right: flowersBy(
      "Linear, relu",
      "hidden = new Linear(4, 8);\noutput = new Linear(8, 3);",
      "return this.output(relu(this.hidden(x)));",
    ),
    see: ["unused-parameter"],
  },
  "fixed-randomness": {
    title: "Random numbers that never change",
    summary:
      "randomNormal, randomUniform, randomBernoulli or permutation is called while the file loads or a layer is built, and forward uses the result.",
    why: "An iteration gives new numbers to what forward draws; these are the same in each, whatever the seed. A fixed pattern is better a state with an initialiser, which is saved with the model.",
    wrong: flowersBy(
      "Linear, randomNormal",
      "noise = randomNormal([4]);\noutput = new Linear(4, 3);",
      "return this.output(x.add(this.noise));",
    ),
    right: flowersBy(
      "Linear, randomNormal",
      "output = new Linear(4, 3);",
      "return this.output(x.add(randomNormal([4])));",
    ),
    see: ["plain-random"],
  },
  "plain-random": {
    title: "Math.random() in forward",
    summary: "forward or the loss asks JavaScript for a random number.",
    why: "The graph is built once and run in every iteration, so the number is drawn once and stays, and a run with the same seed is not repeated. Operations draw anew each time: randomUniform, randomNormal, randomBernoulli, dropout.",
    ...pair(
      (scale) =>
        flowersBy(
          `Linear${scale.startsWith("random") ? ", randomUniform" : ""}`,
          "output = new Linear(4, 3);",
          `return this.output(x.mul(${scale}));`,
        ),
      "Math.random()",
      "randomUniform([])",
    ),
    see: ["fixed-randomness"],
  },
  "dead-code": {
    title: "A result that nothing uses",
    summary: "A layer or operation is called, and neither the loss nor the model's output depends on its result.",
    why: "It costs time and trains nothing; most often the next line uses the wrong variable.",
    ...pair(
      (h) =>
        flowersBy(
          "Linear, relu",
          "hidden = new Linear(4, 4);\noutput = new Linear(4, 3);",
          `const h = relu(this.hidden(x));\nreturn this.output(${h});`,
        ),
      "x",
      "h",
    ),
    see: ["unused-parameter"],
  },
  "unused-parameter": {
    title: "Parameters that the loss does not depend on",
    summary: "A layer is declared, but forward never uses it; or the model has nothing to train.",
    why: "Training leaves its parameters as they are. Layers whose result nothing uses are reported at the call, as `dead-code`.",
    wrong: flowersBy("Linear", "hidden = new Linear(4, 4);\noutput = new Linear(4, 3);", "return this.output(x);"),
    right: flowersBy("Linear", "output = new Linear(4, 3);", "return this.output(x);"),
    see: ["dead-code", "blocked-gradient"],
  },
  "unused-group": {
    title: "A parameter group without parameters",
    summary: "A group of the optimiser names parameters, and no trained parameter has such a name.",
    why: "Its learning rate or decay would apply to nothing. Names are paths, as in a state_dict: `0.weight`, `hidden.bias`.",
    ...pair(
      (name) => `import { Linear, adam, crossEntropy, iris, training } from "backstep";

export default training({
  model: new Linear(4, 3),
  data: iris(),
  loss: crossEntropy,
  optimizer: adam({ learningRate: 0.01, groups: [{ match: "${name}", learningRate: 0.001 }] }),
});`,
      "hidden.*",
      "weight",
    ),
    see: ["unused-parameter"],
  },
} satisfies Record<string, Entry>;
