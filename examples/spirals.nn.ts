// Three interleaved spirals: the classic data set for which depth and width show. Early stopping ends the run.
// Look at: the weights of the epoch with the lowest validation loss are the ones that are kept.
// First breakpoint: the line of `this.layers(x)`.
import { Linear, Module, Sequential, Tanh, adamW, crossEntropy, spirals, training, type Tensor } from "backstep";

class Spirals extends Module {
  layers = new Sequential(new Linear(2, 32), new Tanh(), new Linear(32, 32), new Tanh(), new Linear(32, 3));

  forward(x: Tensor) {
    return this.layers(x);
  }
}

export default training({
  model: new Spirals(),
  data: spirals({ count: 600, classes: 3, turns: 1, noise: 0.02, seed: 5 }),
  validation: 0.2,
  loss: crossEntropy,
  optimizer: adamW({ learningRate: 0.02, weightDecay: 1e-4, decayBiases: false }),
  batchSize: 32,
  epochs: 80,
  earlyStopping: { patience: 15 },
});
