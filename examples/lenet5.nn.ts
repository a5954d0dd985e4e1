// LeNet-5 (LeCun, Bottou, Bengio and Haffner 1998) with ReLU and max pooling: two convolutions, three linear layers.
// Look at: `backstep check` for the shape of every layer. First breakpoint: the line of `this.conv2`, where 6 maps become 16.
import {
  Conv2d,
  Linear,
  Module,
  cosine,
  crossEntropy,
  digits,
  maxPool2d,
  momentum,
  relu,
  training,
  type Tensor,
} from "backstep";

class LeNet5 extends Module {
  conv1 = new Conv2d(1, 6, 5, { padding: "same" });
  conv2 = new Conv2d(6, 16, 5);
  fc1 = new Linear(16 * 5 * 5, 120);
  fc2 = new Linear(120, 84);
  output = new Linear(84, 10);

  forward(x: Tensor) {
    const c1 = maxPool2d(relu(this.conv1(x)), 2);
    const c2 = maxPool2d(relu(this.conv2(c1)), 2);
    const f1 = relu(this.fc1(c2.flatten()));
    const f2 = relu(this.fc2(f1));
    return this.output(f2);
  }
}

export default training({
  model: new LeNet5(),
  data: digits({ shape: [1, 28, 28] }),
  loss: crossEntropy,
  optimizer: momentum({ learningRate: 0.05, weightDecay: 2e-3 }),
  schedule: cosine(),
  batchSize: 64,
  epochs: 10,
});
