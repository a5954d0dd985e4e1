// A GRU reads 8 bits, one after the other, and says how many of them were 1: it has to carry a count through the sequence.
// Look at: `backstep check`: only the last of the 8 hidden states, [N, 16], reaches the output layer.
// First breakpoint: the line of `this.gru(x)`.
import { GRU, Linear, Module, adam, crossEntropy, custom, training, type Tensor } from "backstep";

const LENGTH = 8;

class Counter extends Module {
  gru = new GRU(1, 16);
  output = new Linear(16, LENGTH + 1);

  forward(x: Tensor) {
    const { output } = this.gru(x);
    const last = output.slice(null, -1);
    return this.output(last);
  }
}

/** All 256 sequences: example i has the binary digits of i. */
const sequences = custom({
  name: "bits",
  length: 2 ** LENGTH,
  inputs: { shape: [LENGTH, 1], dtype: "float32" },
  targets: { shape: [], dtype: "int32", classes: LENGTH + 1 },
  get(index) {
    const bits = Array.from({ length: LENGTH }, (_, t) => (index >> t) & 1);
    return { inputs: bits, targets: bits.reduce((sum, bit) => sum + bit, 0) };
  },
});

export default training({
  model: new Counter(),
  data: sequences,
  loss: crossEntropy,
  optimizer: adam({ learningRate: 0.02 }),
  clip: { norm: 1 },
  batchSize: 32,
  epochs: 30,
});
