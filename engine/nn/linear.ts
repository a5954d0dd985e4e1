import { type Dim, dimsAgree } from "../graph/dim";
import { type Shape, formatShape } from "../graph/shape";
import type { Tensor } from "../graph/tensor";
import { concat, matmul, ones, reportIssue } from "../ops";
import { checkInput, checkSize, describe, recovered } from "./checks";
import { fanInUniform } from "./initializers";
import { Module, type SizeArgument } from "./module";
import { type Initializer, Parameter } from "./parameter";

export interface LinearOptions {
  /** Whether to add a bias. Default true. */
  readonly bias?: boolean;
  /** Initial weights; default uniform within ±1/√inputs. */
  readonly initializer?: Initializer;
  /** Initial bias; default uniform within ±1/√inputs. */
  readonly biasInitializer?: Initializer;
}

/** y = x·Wᵀ + b on the last axis: [..., inputs] → [..., outputs]; weight [outputs, inputs], bias [outputs]. */
export class Linear extends Module {
  static override readonly layerType = "Linear";
  static override readonly sizes: readonly SizeArgument[] = [
    { argument: 0, field: "inputs", axis: -1, role: "input" },
    { argument: 1, field: "outputs", axis: -1, role: "output" },
  ];
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;

  constructor(
    readonly inputs: number,
    readonly outputs: number,
    options: LinearOptions = {},
  ) {
    super();
    checkSize("Linear", "inputs", inputs);
    checkSize("Linear", "outputs", outputs);
    const initial = fanInUniform(inputs);
    this.weight = new Parameter([outputs, inputs], options.initializer ?? initial);
    if (options.bias ?? true) this.bias = new Parameter([outputs], options.biasInitializer ?? initial);
  }

  forward(x: Tensor): Tensor {
    checkInput(this, x);
    const shape = x.knownShape;
    if (shape !== null && (shape.length === 0 || !dimsAgree(shape[shape.length - 1], this.inputs))) {
      reportIssue("linear-inputs", linearMessage(this, shape), "error", [x], this);
      return recovered([...shape.slice(0, -1), this.outputs]);
    }
    const product = matmul(x, this.weight.transpose());
    return this.bias ? product.add(this.bias) : product;
  }
}

/**
 * y = [1, x]·Θᵀ, the bias folded into the weights: the first column of `theta` [outputs, inputs + 1] belongs to the unit
 * that is always 1. [..., inputs] → [..., outputs].
 */
export class FoldedLinear extends Module {
  static override readonly layerType = "FoldedLinear";
  static override readonly sizes: readonly SizeArgument[] = [
    { argument: 0, field: "inputs", axis: -1, role: "input" },
    { argument: 1, field: "outputs", axis: -1, role: "output" },
  ];
  readonly theta: Parameter;

  constructor(
    readonly inputs: number,
    readonly outputs: number,
    options: { readonly initializer?: Initializer } = {},
  ) {
    super();
    checkSize("FoldedLinear", "inputs", inputs);
    checkSize("FoldedLinear", "outputs", outputs);
    this.theta = new Parameter([outputs, inputs + 1], options.initializer ?? fanInUniform(inputs));
  }

  forward(x: Tensor): Tensor {
    checkInput(this, x);
    const shape = x.knownShape;
    if (shape !== null && (shape.length === 0 || !dimsAgree(shape[shape.length - 1], this.inputs))) {
      reportIssue("linear-inputs", foldedMessage(this, shape), "error", [x], this);
      return recovered([...shape.slice(0, -1), this.outputs]);
    }
    return matmul(withBias(x), this.theta.transpose());
  }
}

/**
 * Puts the bias unit a₀ = 1 before the features: [..., n] → [..., n + 1]. A weight matrix of n + 1 columns then holds the
 * biases in its first column.
 */
export function withBias(x: Tensor): Tensor {
  const shape = x.knownShape;
  if (shape === null) return x;
  if (shape.length === 0) {
    reportIssue(
      "rank",
      "withBias: needs at least one axis, got a scalar []; unsqueeze(0) makes it a vector of one feature",
    );
    return recovered([2]);
  }
  return concat([ones([...x.shape.slice(0, -1), 1]), x], -1);
}

function foldedMessage(layer: FoldedLinear, shape: Shape): string {
  const got = shape[shape.length - 1];
  const advice =
    got === layer.inputs + 1
      ? `leave the column of ones out, the layer adds it`
      : typeof got === "number"
        ? `declare new FoldedLinear(${got}, ${layer.outputs})`
        : `give it ${layer.inputs} features on the last axis`;
  return `${describe(layer)}: needs ${layer.inputs} features on the last axis (it adds the bias unit itself), got ${String(got ?? "no axis")} from ${formatShape(shape)} · theta [${layer.outputs}, ${layer.inputs + 1}]. To fix: ${advice}`;
}

function linearMessage(layer: Linear, shape: Shape): string {
  const got: Dim | string = shape[shape.length - 1] ?? "no axis";
  const rest = shape.slice(1);
  const flat = rest.every((dim) => typeof dim === "number") ? rest.reduce<number>((a, b) => a * b, 1) : -1;
  const advice =
    flat === layer.inputs && shape.length > 2
      ? `flatten() the input first: ${formatShape(rest)} holds ${flat} numbers`
      : typeof got === "number"
        ? `declare new Linear(${got}, ${layer.outputs}), or give the layer before it ${layer.inputs} outputs`
        : `give it ${layer.inputs} features on the last axis`;
  return `${describe(layer)}: needs ${layer.inputs} features on the last axis, got ${String(got)} from ${formatShape(shape)} · weight [${layer.outputs}, ${layer.inputs}]. To fix: ${advice}`;
}
