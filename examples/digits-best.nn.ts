// The most accurate model of the shelf: LeNet's idea with more maps, and every digit a little different in each epoch.
// Look at: training accuracy stays below validation accuracy: augmentation and dropout make training the harder task.
// First breakpoint: the line of `this.dropout`, where a new mask is drawn for every batch.
import {
  Conv2d,
  Dropout,
  Linear,
  Module,
  adam,
  augment,
  crossEntropy,
  digits,
  maxPool2d,
  oneCycle,
  randomRotation,
  randomScale,
  randomShear,
  randomShift,
  relu,
  training,
  type Tensor,
} from "backstep";

class ConvNet extends Module {
  conv1 = new Conv2d(1, 16, 5);
  conv2 = new Conv2d(16, 32, 3);
  hidden = new Linear(32 * 5 * 5, 128);
  dropout = new Dropout(0.4);
  output = new Linear(128, 10);

  forward(x: Tensor) {
    const c1 = maxPool2d(relu(this.conv1(x)), 2);
    const c2 = maxPool2d(relu(this.conv2(c1)), 2);
    const h = relu(this.hidden(c2.flatten()));
    return this.output(this.dropout(h));
  }
}

const images = digits({ shape: [1, 28, 28] });

export default training({
  model: new ConvNet(),
  data: augment(images, [randomShift(2), randomRotation(12), randomScale(0.9, 1.1), randomShear(8)]),
  loss: crossEntropy,
  optimizer: adam({ learningRate: 4e-3 }),
  schedule: oneCycle(),
  batchSize: 64,
  epochs: 16,
});
