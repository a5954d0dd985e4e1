// An LSTM continues a sine wave: it sees 12 samples and predicts the next one, wherever on the wave they begin.
// Look at: `backstep check` gives the shapes of a sequence, [N, 12, 1] → [N, 12, 16].
// First breakpoint: the line of `this.lstm(x)`.
import { LSTM, Linear, Module, adam, cosine, custom, mse, training, type Tensor } from "backstep";

const SEEN = 12;

class Wave extends Module {
  lstm = new LSTM(1, 16);
  output = new Linear(16, 1);

  forward(x: Tensor) {
    const { output } = this.lstm(x);
    return this.output(output.slice(null, -1));
  }
}

const wave = custom({
  name: "wave",
  length: 200,
  inputs: { shape: [SEEN, 1], dtype: "float32" },
  targets: { shape: [1], dtype: "float32" },
  get(index) {
    const at = (t: number) => Math.sin(0.137 * index + 0.4 * t);
    return { inputs: Array.from({ length: SEEN }, (_, t) => at(t)), targets: at(SEEN) };
  },
});

export default training({
  model: new Wave(),
  data: wave,
  validation: 0.2,
  loss: mse,
  optimizer: adam({ learningRate: 0.02 }),
  schedule: cosine(),
  batchSize: 20,
  epochs: 30,
  metrics: ["rmse", "r2"],
});
