// An autoencoder squeezes 784 pixels into 16 numbers and back: the image itself is what it has to predict.
// Look at: the narrow layer `code`; no labels are used. First breakpoint: the line of `this.code`.
import { Linear, Module, adam, digits, mse, relu, sigmoid, training, type Tensor } from "backstep";

class Autoencoder extends Module {
  encoder = new Linear(784, 128);
  code = new Linear(128, 16);
  decoder = new Linear(16, 128);
  pixels = new Linear(128, 784);

  forward(x: Tensor) {
    const code = this.code(relu(this.encoder(x)));
    const image = sigmoid(this.pixels(relu(this.decoder(code))));
    return image;
  }
}

// Each example's target is its own input.
const images = digits().map((example) => ({ inputs: example.inputs, targets: example.inputs }), {
  targets: [{ shape: [784], dtype: "float32", name: "pixels" }],
});

export default training({
  model: new Autoencoder(),
  data: images,
  loss: mse,
  optimizer: adam({ learningRate: 2e-3 }),
  batchSize: 64,
  epochs: 5,
});
