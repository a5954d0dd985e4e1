// A small transformer sorts: it reads 5 digits and gives them back in order, one class per position.
// Look at: attention compares every position with every other, so no step has to wait for the one before.
// First breakpoint: the line of `this.encoder(h)`.
import {
  Embedding,
  Linear,
  Module,
  PositionalEncoding,
  TransformerEncoderLayer,
  adam,
  crossEntropy,
  custom,
  oneCycle,
  training,
  type Tensor,
} from "backstep";

const LENGTH = 5;
const SYMBOLS = 6;

class Sorter extends Module {
  embedding = new Embedding(SYMBOLS, 32);
  position = new PositionalEncoding(32);
  encoder = new TransformerEncoderLayer(32, 4, { feedforward: 64, dropout: 0 });
  output = new Linear(32, SYMBOLS);

  forward(symbols: Tensor) {
    const h = this.position(this.embedding(symbols));
    return this.output(this.encoder(h));
  }
}

/** Example i is the i-th of 2,000 words of a simple congruential generator, so that every run sees the same. */
const words = custom({
  name: "words",
  length: 2000,
  heldOut: 200,
  inputs: { shape: [LENGTH], dtype: "int32", classes: SYMBOLS },
  targets: { shape: [LENGTH], dtype: "int32", classes: SYMBOLS },
  get(index) {
    let state = index * 2654435761 + 12345;
    const word = Array.from({ length: LENGTH }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * SYMBOLS);
    });
    return { inputs: word, targets: [...word].sort((a, b) => a - b) };
  },
});

export default training({
  model: new Sorter(),
  data: words,
  loss: (logits, labels) => crossEntropy(logits, labels, { axis: -1 }),
  optimizer: adam({ learningRate: 5e-3 }),
  schedule: oneCycle(),
  batchSize: 50,
  epochs: 8,
});
