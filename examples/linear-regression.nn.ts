// A line through noisy points of y = 3x₁ − 2x₂ + 1, by full-batch gradient descent until the loss stands still.
// Look at: `tolerance` ends the run when an epoch changes the loss by less than 1e-6.
// First breakpoint: the line of `this.line(x)`.
import { Linear, Module, linearData, mse, sgd, training, type Tensor } from "backstep";

class Line extends Module {
  line = new Linear(2, 1);

  forward(x: Tensor) {
    return this.line(x);
  }
}

export default training({
  model: new Line(),
  data: linearData({ weights: [3, -2], bias: 1, noise: 0.1, count: 200 }),
  loss: mse,
  optimizer: sgd({ learningRate: 0.5 }),
  batchSize: "all",
  epochs: 500,
  tolerance: 1e-6,
  metrics: ["r2", "rmse"],
});
