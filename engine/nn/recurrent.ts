import { type Dim, dimsAgree, isUnknownDim, unknownDim } from "../graph/dim";
import { type Shape, formatShape } from "../graph/shape";
import type { Tensor } from "../graph/tensor";
import { concat, dropout, stack, zeros } from "../ops";
import { checkInput, checkRate, checkSize, formatTensor, recovered, reportLayer } from "./checks";
import { Module, type SizeArgument } from "./module";
import { Parameter } from "./parameter";
import {
  GATES,
  type LstmState,
  type Step,
  type StepKind,
  linear,
  recurrentInitializer,
  steps,
} from "./recurrent-cells";

export interface RecurrentOptions {
  /** Layers on top of each other. Default 1. */
  readonly numLayers?: number;
  /** A second set of weights reads backwards; both outputs are joined. Default false. */
  readonly bidirectional?: boolean;
  readonly bias?: boolean;
  /** Dropout of each layer's output but the last. Default 0. */
  readonly dropout?: number;
}

export interface RecurrentResult {
  /** The last layer's hidden state at every time, [N, T, directions·hiddenSize]. */
  readonly output: Tensor;
  /** Each layer's hidden state at the end, [numLayers·directions, N, hiddenSize]. */
  readonly hidden: Tensor;
}

export interface LstmResult extends RecurrentResult, LstmState {}

/**
 * What the recurrent layers share. Batch first, [N, T, inputSize]; the number of times T must be known, since the graph is
 * unrolled over it. Parameters are named as in PyTorch: weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, weight_ih_l0_reverse, …
 */
abstract class Recurrent extends Module {
  readonly [name: `weight_${string}` | `bias_${string}`]: Parameter | undefined;
  readonly numLayers: number;
  readonly bidirectional: boolean;
  readonly dropout: number;
  /** The states that each time hands on: hidden, and for the LSTM the cell. */
  protected abstract readonly states: readonly ("hidden" | "cell")[];

  constructor(
    name: string,
    readonly kind: StepKind,
    readonly inputSize: number,
    readonly hiddenSize: number,
    options: RecurrentOptions,
  ) {
    super();
    const { numLayers = 1, bidirectional = false, bias = true, dropout: rate = 0 } = options;
    checkSize(name, "inputSize", inputSize);
    checkSize(name, "hiddenSize", hiddenSize);
    checkSize(name, "numLayers", numLayers);
    checkRate(name, "dropout", rate);
    [this.numLayers, this.bidirectional, this.dropout] = [numLayers, bidirectional, rate];
    const rows = GATES[kind] * hiddenSize;
    const initial = recurrentInitializer(hiddenSize);
    const made = this as unknown as Record<string, Parameter>;
    for (let layer = 0; layer < numLayers; layer++) {
      const features = layer === 0 ? inputSize : hiddenSize * (bidirectional ? 2 : 1);
      for (const suffix of this.suffixes(layer)) {
        made[`weight_ih_${suffix}`] = new Parameter([rows, features], initial);
        made[`weight_hh_${suffix}`] = new Parameter([rows, hiddenSize], initial);
        if (!bias) continue;
        made[`bias_ih_${suffix}`] = new Parameter([rows], initial);
        made[`bias_hh_${suffix}`] = new Parameter([rows], initial);
      }
    }
  }

  /** Output and final states, or stand-ins of the right shapes for an input that does not fit. */
  protected run(x: Tensor, initial: readonly (Tensor | undefined)[]): { output: Tensor; finals: Tensor[] } {
    checkInput(this, x);
    const shape = x.knownShape;
    if (shape === null) return { output: x, finals: this.states.map(() => x) };
    const problem = this.inputProblem(x, shape);
    // Times that an earlier issue hides: it has said what there is to say.
    const hidden = shape.length === 3 && isUnknownDim(shape[1]);
    const stateShape = [
      this.numLayers * this.directions,
      shape.length === 3 ? shape[0] : unknownDim(),
      this.hiddenSize,
    ];
    const badState = problem ? undefined : initial.findIndex((given) => given && !agrees(given, stateShape));
    if (problem || hidden || (badState !== undefined && badState >= 0)) {
      if (problem) reportLayer(this, ...problem);
      else if (badState !== undefined && badState >= 0)
        this.reportState(initial[badState] as Tensor, badState, stateShape);
      const times = shape.length === 3 ? shape[1] : unknownDim();
      const output = recovered([stateShape[1], times, this.directions * this.hiddenSize]);
      return { output, finals: this.states.map(() => recovered(stateShape)) };
    }
    return this.unroll(x, initial);
  }

  private unroll(x: Tensor, initial: readonly (Tensor | undefined)[]): { output: Tensor; finals: Tensor[] } {
    let sequence = x;
    const finals: Tensor[][] = this.states.map(() => []);
    for (let layer = 0; layer < this.numLayers; layer++) {
      const outputs = this.suffixes(layer).map((suffix, direction) => {
        const at = layer * this.directions + direction;
        const start = this.states.map((_, i) => initial[i]?.slice(at) ?? zeros([x.shape[0], this.hiddenSize]));
        const { output, last } = this.direction(sequence, suffix, start, direction === 1);
        last.forEach((state, i) => finals[i].push(state));
        return output;
      });
      sequence = outputs.length === 1 ? outputs[0] : concat(outputs, 2);
      if (layer < this.numLayers - 1) sequence = dropout(sequence, this.dropout);
    }
    return { output: sequence, finals: finals.map((list) => stack(list, 0)) };
  }

  /** One layer in one direction. The inputs of all times are multiplied at once. */
  private direction(x: Tensor, suffix: string, start: Tensor[], reverse: boolean): { output: Tensor; last: Tensor[] } {
    const step: Step = steps[this.kind];
    const inputs = linear(x, this.weight("ih", suffix), this[`bias_ih_${suffix}`]);
    const times = x.shape[1];
    const outputs = new Array<Tensor>(times);
    let states = start;
    for (let i = 0; i < times; i++) {
      const t = reverse ? times - 1 - i : i;
      const fromState = linear(states[0], this.weight("hh", suffix), this[`bias_hh_${suffix}`]);
      states = step(inputs.slice(null, t), fromState, states, this.hiddenSize);
      outputs[t] = states[0];
    }
    return { output: stack(outputs, 1), last: states };
  }

  private weight(which: "ih" | "hh", suffix: string): Parameter {
    return this[`weight_${which}_${suffix}`] as Parameter;
  }

  private get directions(): number {
    return this.bidirectional ? 2 : 1;
  }

  private suffixes(layer: number): string[] {
    return this.bidirectional ? [`l${layer}`, `l${layer}_reverse`] : [`l${layer}`];
  }

  private inputProblem(x: Tensor, shape: Shape): readonly [code: string, problem: string, fix: string] | undefined {
    const wanted = `[N, T, ${this.inputSize}]`;
    const weight = `weight_ih_l0 ${formatShape(this.weight("ih", "l0").shape)}`;
    if (shape.length !== 3) {
      const fix =
        shape.length === 2
          ? "unsqueeze(1) makes each example a sequence of one time; unsqueeze(2) makes each feature a time of its own"
          : `reshape the input to ${wanted}`;
      return [
        "recurrent-shape",
        `needs 3 axes ${wanted}, got ${shape.length} from ${formatTensor(x)} · ${weight}`,
        fix,
      ];
    }
    if (!dimsAgree(shape[2], this.inputSize)) {
      const fix = dimsAgree(shape[1], this.inputSize)
        ? "the features seem to come before the times: permute([0, 2, 1])"
        : typeof shape[2] === "number"
          ? `declare an inputSize of ${shape[2]}`
          : `give it ${this.inputSize} features on the last axis`;
      return [
        "recurrent-shape",
        `needs ${this.inputSize} features on axis 2, got ${String(shape[2])} from ${formatTensor(x)} · ${weight}`,
        fix,
      ];
    }
    const times = shape[1];
    if (isUnknownDim(times) || (typeof times === "number" && times > 0)) return undefined;
    return [
      "recurrent-time",
      `needs a number of times T ≥ 1 on axis 1 that is known while the graph is built, got ${String(times)} from ${formatShape(shape)}`,
      typeof times === "number"
        ? "give sequences of at least one time"
        : `put the batch first, ${wanted}: permute([1, 0, 2])`,
    ];
  }

  private reportState(given: Tensor, index: number, wanted: readonly Dim[]): void {
    const problem = `the initial ${this.states[index]} state needs ${formatShape(wanted)}, layers · directions first, got ${formatTensor(given)}`;
    const fix =
      given.knownShape?.length === 2
        ? "unsqueeze(0) adds the axis of the layers"
        : `make it zeros(${formatShape(wanted)}) to start with`;
    reportLayer(this, "recurrent-state", problem, fix);
  }
}

function agrees(given: Tensor, wanted: Shape): boolean {
  const shape = given.knownShape;
  return shape === null || (shape.length === 3 && shape.every((dim, axis) => dimsAgree(dim, wanted[axis])));
}

/** Elman network: h ← tanh(W_ih·x + b_ih + W_hh·h + b_hh), or relu. */
export class RNN extends Recurrent {
  static override readonly layerType = "RNN";
  static override readonly sizes: readonly SizeArgument[] = [
    { argument: 0, field: "inputSize", axis: -1, role: "input" },
    { argument: 1, field: "hiddenSize", axis: -1, role: "output" },
  ];
  protected override readonly states = ["hidden"] as const;

  constructor(
    inputSize: number,
    hiddenSize: number,
    options: RecurrentOptions & { readonly nonlinearity?: "tanh" | "relu" } = {},
  ) {
    super("RNN", checkedNonlinearity("RNN", options.nonlinearity), inputSize, hiddenSize, options);
  }

  /** x [N, T, inputSize]; hidden [numLayers·directions, N, hiddenSize], zeros when left out. */
  forward(x: Tensor, hidden?: Tensor): RecurrentResult {
    if (hidden !== undefined) checkInput(this, hidden, "initial hidden state");
    const { output, finals } = this.run(x, [hidden]);
    return { output, hidden: finals[0] };
  }
}

/** Gated recurrent unit (Cho et al. 2014) in PyTorch's form: the reset gate acts after the hidden state's product. */
export class GRU extends Recurrent {
  static override readonly layerType = "GRU";
  static override readonly sizes: readonly SizeArgument[] = [
    { argument: 0, field: "inputSize", axis: -1, role: "input" },
    { argument: 1, field: "hiddenSize", axis: -1, role: "output" },
  ];
  protected override readonly states = ["hidden"] as const;

  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super("GRU", "gru", inputSize, hiddenSize, options);
  }

  /** x [N, T, inputSize]; hidden [numLayers·directions, N, hiddenSize], zeros when left out. */
  forward(x: Tensor, hidden?: Tensor): RecurrentResult {
    if (hidden !== undefined) checkInput(this, hidden, "initial hidden state");
    const { output, finals } = this.run(x, [hidden]);
    return { output, hidden: finals[0] };
  }
}

/** Long short-term memory (Hochreiter & Schmidhuber 1997), gates in the order input, forget, cell, output. */
export class LSTM extends Recurrent {
  static override readonly layerType = "LSTM";
  static override readonly sizes: readonly SizeArgument[] = [
    { argument: 0, field: "inputSize", axis: -1, role: "input" },
    { argument: 1, field: "hiddenSize", axis: -1, role: "output" },
  ];
  protected override readonly states = ["hidden", "cell"] as const;

  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super("LSTM", "lstm", inputSize, hiddenSize, options);
  }

  /** x [N, T, inputSize]; state: hidden and cell, each [numLayers·directions, N, hiddenSize], zeros when left out. */
  forward(x: Tensor, state?: LstmState): LstmResult {
    if (state !== undefined) {
      checkInput(this, state?.hidden, "initial hidden state");
      checkInput(this, state?.cell, "initial cell state");
    }
    const { output, finals } = this.run(x, [state?.hidden, state?.cell]);
    return { output, hidden: finals[0], cell: finals[1] };
  }
}

function checkedNonlinearity(layer: string, value: unknown = "tanh"): "tanh" | "relu" {
  if (value === "tanh" || value === "relu") return value;
  throw new Error(`${layer}: nonlinearity must be "tanh" or "relu", got ${JSON.stringify(value)}`);
}
