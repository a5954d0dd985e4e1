// Two half moons that no straight line separates. mlp([2, 16, 16, 1]) is Linear, relu, Linear, relu, Linear.
// Look at: the loss takes the logit itself; a logit above 0 means class 1. First breakpoint: the line of `loss:`.
import { adam, binaryCrossEntropyWithLogits, mlp, moons, training } from "backstep";

export default training({
  model: mlp([2, 16, 16, 1]),
  data: moons({ count: 400, noise: 0.1, seed: 3, targets: "zeroOne" }),
  validation: 0.25,
  loss: binaryCrossEntropyWithLogits,
  optimizer: adam({ learningRate: 0.01 }),
  batchSize: 32,
  epochs: 40,
  metrics: ["accuracy"],
});
