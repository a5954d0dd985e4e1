// The gate that a single unit cannot learn: the hidden units draw lines, the output unit combines them.
// Look at: `backstep trace examples/xor.nn.ts`: all four rows of the truth table, forward and backward.
// First breakpoint: the line of `this.hidden(x)`.
import { Linear, Module, adam, binaryCrossEntropy, sigmoid, tanh, training, xor, type Tensor } from "backstep";

class Xor extends Module {
  hidden = new Linear(2, 8);
  output = new Linear(8, 1);

  forward(x: Tensor) {
    const h = tanh(this.hidden(x));
    return sigmoid(this.output(h));
  }
}

export default training({
  model: new Xor(),
  data: xor(),
  loss: binaryCrossEntropy,
  optimizer: adam({ learningRate: 0.1 }),
  batchSize: "all",
  epochs: 200,
  metrics: ["accuracy"],
});
