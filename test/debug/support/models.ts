/** Tiny programs for the tests of moving. Their first line imports; what follows begins on line 2. */

const NAMES =
  "BatchNorm1d, Dropout, LSTM, Linear, Module, ReLU, Sequential, TransformerEncoderLayer, adam, add, cos, crossEntropy, custom, exp, log, " +
  "moons, mse, mul, relu, sgd, sigmoid, sin, softmax, sqrt, stepDecay, training, variable, type Tensor";

/** A file of the given lines behind one that imports. */
export function program(lines: string): string {
  return `import { ${NAMES} } from "backstep";\n${lines.replace(/^\n/, "").replace(/\n\s*$/, "")}\n`;
}

/** Five lines that train `new Model()` on four points of two classes: the loss on the third, the optimiser on the fourth. */
export function onMoons(options = ""): string {
  return `export default training({
  model: new Model(),
  loss: crossEntropy,
  optimizer: sgd({ learningRate: 0.1 }),
  data: moons({ count: 4 }), batchSize: 4, epochs: 1, ${options} });`;
}

/**
 * ŷ = w·x + b on the points (1, 2) and (2, 4), the mean of squares, descent with rate 0.1. With w = 1 and b = 0 (as every test sets it): errors −1 and
 * −2, loss 2.5, ∂loss/∂w = −1·1 − 2·2 = −5, ∂loss/∂b = −3, so w = 1.5, b = 0.3 after the first update; errors −0.2 and −0.7, loss 0.265, gradients
 * −1.6 and −0.9, so w = 1.66, b = 0.39 after the second.
 */
export function line(options = "", imports = "Linear, Module, fromArrays, mse, sgd, training"): string {
  return `import { ${imports}, type Tensor } from "backstep";
class Line extends Module {
  linear = new Linear(1, 1);
  forward(x: Tensor) {
    const y = this.linear(x);
    return y;
  }
}
export default training({
  model: new Line(),
  data: fromArrays({ inputs: [[1], [2]], targets: [[2], [4]] }),
  loss: mse,
  optimizer: sgd({ learningRate: 0.1 }),
  batchSize: 2,
  shuffle: false,
  epochs: 6,
  ${options}
});
`;
}
