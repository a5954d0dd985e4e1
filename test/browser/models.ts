/** Model files of the flows. */

const head = (names: string): string => `import { ${names}, training, type Tensor } from "backstep";\n`;

/** Trains for as long as a flow needs. */
export const endless = `${head("Linear, Module, adam, crossEntropy, moons, relu")}
class Moons extends Module {
  hidden = new Linear(2, 16);
  output = new Linear(16, 2);

  forward(x: Tensor) {
    return this.output(relu(this.hidden(x)));
  }
}

export default training({
  model: new Moons(),
  data: moons({ count: 200 }),
  loss: crossEntropy,
  optimizer: adam({ learningRate: 0.01 }),
  epochs: 1_000_000_000,
});
`;

/** Five sigmoids one after the other: the gradient of the first layer is some 10⁻⁵ of that of the last. */
export const vanishing = `${head("Linear, Module, crossEntropy, digits, relu, sgd, sigmoid")}
class Deep extends Module {
  first = new Linear(784, 32);
  second = new Linear(32, 32);
  third = new Linear(32, 32);
  fourth = new Linear(32, 32);
  fifth = new Linear(32, 32);
  output = new Linear(32, 10);

  forward(x: Tensor) {
    let h = sigmoid(this.first(x));
    h = sigmoid(this.second(h));
    h = sigmoid(this.third(h));
    h = sigmoid(this.fourth(h));
    h = sigmoid(this.fifth(h));
    return this.output(h);
  }
}

export default training({
  model: new Deep(),
  data: digits(),
  loss: crossEntropy,
  optimizer: sgd({ learningRate: 0.01 }),
  epochs: 4,
});
`;
