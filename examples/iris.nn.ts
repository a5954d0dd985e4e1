// Softmax regression with one hidden layer on Fisher's irises: four measurements → three species.
// Look at: the measurements are normalised by the statistics of the training part alone, so the parts are made first.
// First breakpoint: the line of `this.hidden(x)`.
import { adam, crossEntropy, iris, Linear, Module, normalize, splitData, tanh, training, type Tensor } from "backstep";

class Iris extends Module {
  hidden = new Linear(4, 8);
  output = new Linear(8, 3);

  forward(x: Tensor) {
    return this.output(tanh(this.hidden(x)));
  }
}

const { train, validation } = normalize(splitData(iris(), { validation: 0.2, stratified: true, seed: 1 }));

export default training({
  model: new Iris(),
  data: train,
  validation,
  loss: crossEntropy,
  optimizer: adam({ learningRate: 0.02 }),
  batchSize: 16,
  epochs: 40,
});
