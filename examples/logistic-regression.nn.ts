// Binary logistic regression written out: ŷ = σ(x·w + b), J = −[y log ŷ + (1−y) log(1−ŷ)] + λ/(2n)·Σw².
// Look at: `l2` penalises the weight and leaves the bias alone, since its name says what it is.
// First breakpoint: the line of `const a`, the weighted sum.
import {
  Module,
  Parameter,
  binaryCrossEntropy,
  blobs,
  initializers,
  matmul,
  sgd,
  sigmoid,
  training,
  type Tensor,
} from "backstep";

class LogisticRegression extends Module {
  weight = new Parameter([2, 1], initializers.normal(0, 0.01));
  bias = new Parameter([1], initializers.zeros);

  forward(x: Tensor) {
    const a = matmul(x, this.weight).add(this.bias);
    return sigmoid(a);
  }
}

const centers = [
  [-1, -1],
  [1, 1],
];

export default training({
  model: new LogisticRegression(),
  data: blobs({ count: 200, centers, noise: 0.7, targets: "zeroOne" }),
  validation: 0.2,
  loss: binaryCrossEntropy,
  optimizer: sgd({ learningRate: 0.5 }),
  l2: 0.1,
  batchSize: 20,
  epochs: 20,
  metrics: ["accuracy"],
});
