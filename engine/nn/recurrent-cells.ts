import { dimsAgree, unknownDim } from "../graph/dim";
import { formatShape } from "../graph/shape";
import type { Tensor } from "../graph/tensor";
import { add, matmul, mul, relu, sigmoid, sub, tanh, zeros } from "../ops";
import { checkInput, checkSize, formatTensor, recovered, reportLayer } from "./checks";
import { fanInUniform } from "./initializers";
import { Module, type SizeArgument } from "./module";
import { type Initializer, Parameter } from "./parameter";

/** One time of a recurrent layer: what it computes from the products of input and hidden state, and its own states. */
export type Step = (fromInput: Tensor, fromState: Tensor, states: readonly Tensor[], hiddenSize: number) => Tensor[];
export type StepKind = "tanh" | "relu" | "gru" | "lstm";

/** How many blocks of hiddenSize rows the weights have. */
export const GATES: Record<StepKind, number> = { tanh: 1, relu: 1, gru: 3, lstm: 4 };

export const steps: Record<StepKind, Step> = {
  tanh: (a, b) => [tanh(add(a, b))],
  relu: (a, b) => [relu(add(a, b))],
  // r = σ(a_r + b_r), z = σ(a_z + b_z), n = tanh(a_n + r∘b_n), h ← (1 − z)∘n + z∘h
  gru: (a, b, [h], size) => {
    const gates = sigmoid(add(a.slice(null, [0, 2 * size]), b.slice(null, [0, 2 * size])));
    const [r, z] = gates.split(2, 1);
    const n = tanh(add(a.slice(null, [2 * size]), mul(r, b.slice(null, [2 * size]))));
    return [add(mul(sub(1, z), n), mul(z, h))];
  },
  // i, f, o = σ(…), g = tanh(…), c ← f∘c + i∘g, h ← o∘tanh(c)
  lstm: (a, b, [, c]) => {
    const [i, f, g, o] = add(a, b).split(4, 1);
    const cell = add(mul(sigmoid(f), c), mul(sigmoid(i), tanh(g)));
    return [mul(sigmoid(o), tanh(cell)), cell];
  },
};

/** All weights and biases: uniform within ±1/√hiddenSize. */
export function recurrentInitializer(hiddenSize: number): Initializer {
  return { ...fanInUniform(hiddenSize), name: `recurrentUniform(${hiddenSize})` };
}

export function linear(x: Tensor, weight: Tensor, bias: Tensor | undefined): Tensor {
  const product = matmul(x, weight.transpose());
  return bias ? add(product, bias) : product;
}

/** A recurrent layer's single time: weight_ih, weight_hh, bias_ih, bias_hh. */
abstract class Cell extends Module {
  readonly weight_ih: Parameter;
  readonly weight_hh: Parameter;
  readonly bias_ih: Parameter | undefined;
  readonly bias_hh: Parameter | undefined;

  constructor(
    name: string,
    readonly kind: StepKind,
    readonly inputSize: number,
    readonly hiddenSize: number,
    bias: boolean,
  ) {
    super();
    checkSize(name, "inputSize", inputSize);
    checkSize(name, "hiddenSize", hiddenSize);
    const rows = GATES[kind] * hiddenSize;
    const initial = recurrentInitializer(hiddenSize);
    this.weight_ih = new Parameter([rows, inputSize], initial);
    this.weight_hh = new Parameter([rows, hiddenSize], initial);
    this.bias_ih = bias ? new Parameter([rows], initial) : undefined;
    this.bias_hh = bias ? new Parameter([rows], initial) : undefined;
  }

  /** The next states; stand-ins of the right shape for inputs that do not fit. */
  protected next(x: Tensor, given: readonly (Tensor | undefined)[]): Tensor[] {
    checkInput(this, x);
    const { inputSize, hiddenSize } = this;
    const shape = x.knownShape;
    if (shape === null) return given.map(() => x);
    if (shape.length !== 2 || !dimsAgree(shape[1], inputSize)) {
      const fix =
        shape.length === 3
          ? `take one time of the sequence, x.slice(null, t), or use the whole ${this.kind === "lstm" ? "LSTM" : this.kind === "gru" ? "GRU" : "RNN"} layer`
          : shape.length === 2 && typeof shape[1] === "number"
            ? `declare an inputSize of ${shape[1]}`
            : `give it [N, ${inputSize}]`;
      reportLayer(
        this,
        "recurrent-shape",
        `needs [N, ${inputSize}], got ${formatTensor(x)} · weight_ih ${formatShape(this.weight_ih.shape)}`,
        fix,
      );
      return given.map(() => recovered([shape.length === 2 ? shape[0] : unknownDim(), hiddenSize]));
    }
    const wanted = [shape[0], hiddenSize];
    const wrong = given.find((state) => {
      const known = state?.knownShape;
      return known && !(known.length === 2 && known.every((dim, axis) => dimsAgree(dim, wanted[axis])));
    });
    if (wrong) {
      reportLayer(
        this,
        "recurrent-state",
        `the state before needs ${formatShape(wanted)}, got ${formatTensor(wrong)}`,
        "pass what the cell returned before, or leave it out to start with zeros",
      );
      return given.map(() => recovered(wanted));
    }
    const states = given.map((state) => state ?? zeros([x.shape[0], hiddenSize]));
    const fromState = linear(states[0], this.weight_hh, this.bias_hh);
    return steps[this.kind](linear(x, this.weight_ih, this.bias_ih), fromState, states, hiddenSize);
  }
}

/** What an LSTM hands from one time to the next. */
export interface LstmState {
  readonly hidden: Tensor;
  readonly cell: Tensor;
}

export interface CellOptions {
  readonly bias?: boolean;
}

/** h′ = tanh(W_ih·x + b_ih + W_hh·h + b_hh), or relu: x [N, inputSize], h [N, hiddenSize] (zeros when left out). */
export class RNNCell extends Cell {
  static override readonly layerType = "RNNCell";
  static override readonly sizes: readonly SizeArgument[] = [
    { argument: 0, field: "inputSize", axis: -1, role: "input" },
    { argument: 1, field: "hiddenSize", axis: -1, role: "output" },
  ];

  constructor(
    inputSize: number,
    hiddenSize: number,
    options: CellOptions & { readonly nonlinearity?: "tanh" | "relu" } = {},
  ) {
    const { nonlinearity = "tanh", bias = true } = options;
    if (nonlinearity !== "tanh" && nonlinearity !== "relu") {
      throw new Error(`RNNCell: nonlinearity must be "tanh" or "relu", got ${JSON.stringify(nonlinearity)}`);
    }
    super("RNNCell", nonlinearity, inputSize, hiddenSize, bias);
  }

  forward(x: Tensor, hidden?: Tensor): Tensor {
    if (hidden !== undefined) checkInput(this, hidden, "hidden state");
    return this.next(x, [hidden])[0];
  }
}

/** One time of a {@link GRU}: x [N, inputSize], h [N, hiddenSize] → the next h. */
export class GRUCell extends Cell {
  static override readonly layerType = "GRUCell";
  static override readonly sizes: readonly SizeArgument[] = [
    { argument: 0, field: "inputSize", axis: -1, role: "input" },
    { argument: 1, field: "hiddenSize", axis: -1, role: "output" },
  ];

  constructor(inputSize: number, hiddenSize: number, options: CellOptions = {}) {
    super("GRUCell", "gru", inputSize, hiddenSize, options.bias ?? true);
  }

  forward(x: Tensor, hidden?: Tensor): Tensor {
    if (hidden !== undefined) checkInput(this, hidden, "hidden state");
    return this.next(x, [hidden])[0];
  }
}

/** One time of an {@link LSTM}: x [N, inputSize] and the state before → the next hidden and cell state, [N, hiddenSize] each. */
export class LSTMCell extends Cell {
  static override readonly layerType = "LSTMCell";
  static override readonly sizes: readonly SizeArgument[] = [
    { argument: 0, field: "inputSize", axis: -1, role: "input" },
    { argument: 1, field: "hiddenSize", axis: -1, role: "output" },
  ];

  constructor(inputSize: number, hiddenSize: number, options: CellOptions = {}) {
    super("LSTMCell", "lstm", inputSize, hiddenSize, options.bias ?? true);
  }

  forward(x: Tensor, state?: LstmState): LstmState {
    if (state !== undefined) {
      checkInput(this, state?.hidden, "hidden state");
      checkInput(this, state?.cell, "cell state");
    }
    const [hidden, cell] = this.next(x, [state?.hidden, state?.cell]);
    return { hidden, cell };
  }
}
