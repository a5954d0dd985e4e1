import { type Entry, flowers, flowersBy, pair } from "./entry";

/** What one small batch at initialisation foretells. */

/** A network of `depth` hidden layers with one kind of activation. */
function deep(names: string, activation: string, options = ""): string {
  return flowers(
    `Linear, Sequential, ${names}`,
    `new Sequential(
    new Linear(4, 8), new ${activation}(),
    ...Array.from({ length: 12 }, () => [new Linear(8, 8${options}), new ${activation}()]).flat(),
    new Linear(8, 3),
  )`,
  );
}

export const prediction = {
  "predicted-vanishing": {
    title: "The gradient will vanish",
    summary:
      "One batch at initialisation: the gradient ∂cost/∂output at the first layers is a millionth of that at the last ones, or less.",
    why: "By the chain rule each layer multiplies by Wᵀ and by g′(z); σ′ is at most 1/4. What comes out at the front is too small to learn by. ReLU with He initialisation, normalisation layers and residual connections keep it alive.",
    wrong: deep("Sigmoid", "Sigmoid"),
    right: deep("ReLU, heNormal", "ReLU", ", { initializer: heNormal() }"),
    see: ["predicted-exploding", "predicted-saturated"],
  },
  "predicted-exploding": {
    title: "The gradient will explode",
    summary:
      "One batch at initialisation: the gradient at the first layers is ten thousand times that at the last ones, or more.",
    why: "Each layer multiplies by Wᵀ: with weights too large it grows from layer to layer, and the first update throws the parameters away. Use He (√(2/fanIn)) or Glorot initialisation, normalisation layers, or clip the gradient.",
    wrong: deep("ReLU, initializers", "ReLU", ", { initializer: initializers.normal(0, 5) }"),
    right: deep("ReLU, heNormal", "ReLU", ", { initializer: heNormal() }"),
    see: ["predicted-vanishing", "predicted-not-finite"],
  },
  "predicted-dead": {
    title: "Units that are dead from the start",
    summary:
      "One batch at initialisation: nine of ten units of a layer, or more, are 0 behind their rectifier for every example.",
    why: "relu′(z) = 0 for z ≤ 0: such a unit gets no gradient and never wakes. The bias is far below 0, or the input far from 0.",
    ...pair(
      (bias) =>
        flowers(
          "Linear, ReLU, Sequential, initializers",
          `new Sequential(new Linear(4, 16, { biasInitializer: initializers.constant(${bias}) }), new ReLU(), new Linear(16, 3))`,
        ),
      "-50",
      "0",
    ),
    see: ["predicted-blocked"],
  },
  "predicted-saturated": {
    title: "Activations in their flat ends",
    summary: "One batch at initialisation: nine of ten outputs of a sigmoid or tanh, or more, lie where it is flat.",
    why: "σ′(z) = σ(1 − σ) and tanh′(z) = 1 − tanh² are next to 0 for large |z|. Weights are too large, or inputs are not normalised.",
    ...pair(
      (std) =>
        flowers(
          "Linear, Sequential, Tanh, initializers",
          `new Sequential(new Linear(4, 16, { initializer: initializers.normal(0, ${std}) }), new Tanh(), new Linear(16, 3))`,
        ),
      "50",
      "0.1",
    ),
    see: ["predicted-vanishing"],
  },
  "predicted-not-finite": {
    title: "Infinity or NaN before training begins",
    summary: "One batch at initialisation gives values or gradients that are infinite or no numbers.",
    why: "From then on every number is NaN. Logarithms and roots of what may be negative, divisions by what may be 0, and weights that are much too large are the usual causes.",
    ...pair(
      (h) =>
        flowersBy(
          "Linear, log, softplus",
          "hidden = new Linear(4, 16);\noutput = new Linear(16, 3);",
          `return this.output(log(${h}));`,
        ),
      "this.hidden(x)",
      "softplus(this.hidden(x))",
    ),
    see: ["predicted-exploding"],
  },
  "predicted-blocked": {
    title: "No gradient in the first iteration",
    summary: "One batch at initialisation: the gradient at a layer is exactly 0, while later layers have one.",
    why: "The layer will not learn: a clip outside its range, a mask of zeros, or dead units lie between it and the loss. To keep a layer as it is on purpose, freeze it.",
    ...pair(
      (low) =>
        flowersBy(
          "Linear, clip",
          "hidden = new Linear(4, 16);\noutput = new Linear(16, 3);",
          `return this.output(clip(this.hidden(x), ${low}, 60));`,
        ),
      "50",
      "0",
    ),
    see: ["blocked-gradient", "predicted-dead"],
  },
} satisfies Record<string, Entry>;
