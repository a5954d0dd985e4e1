// Handwritten digits with a small network: 784 pixels → 128 hidden units → 10 classes.
// Look at: the gradient-flow table at the end: both layers learn at a similar pace. First breakpoint: the line of `this.hidden(x)`.
import { Dropout, Linear, Module, adam, cosine, crossEntropy, digits, relu, training, type Tensor } from "backstep";

class Classifier extends Module {
  hidden = new Linear(784, 128);
  dropout = new Dropout(0.2);
  output = new Linear(128, 10);

  forward(x: Tensor) {
    const h = relu(this.hidden(x));
    return this.output(this.dropout(h));
  }
}

export default training({
  model: new Classifier(),
  data: digits(),
  loss: crossEntropy,
  optimizer: adam({ learningRate: 3e-3 }),
  schedule: cosine(),
  batchSize: 64,
  epochs: 12,
});
