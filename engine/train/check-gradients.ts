import type { NdArray } from "../graph/array";
import { reachable } from "../graph/order";
import { concreteShape } from "../graph/shape";
import type { Tensor } from "../graph/tensor";
import { gradientsOf } from "../autodiff/gradients";
import { Parameter } from "../nn/parameter";
import { evaluate } from "../plan/evaluate";
import { initialValues } from "./store";

/** How well one tensor's gradient agrees with central differences. */
export interface GradientReport {
  readonly name: string;
  readonly shape: readonly number[];
  /** Largest |analytic − numeric| / max(1, |analytic|, |numeric|) over the checked elements. */
  readonly error: number;
  readonly passed: boolean;
  /** The element where the error is largest, and both values there. */
  readonly worst: { readonly index: readonly number[]; readonly analytic: number; readonly numeric: number };
  /** Elements checked; of a large tensor a spread of them. */
  readonly checked: number;
}

export interface CheckGradientsOptions {
  /** What to differentiate with respect to; by default every parameter the cost depends on. */
  readonly withRespectTo?: readonly Tensor[];
  /** Half the distance of the two evaluations. Default 1e-5, near the best for float64. */
  readonly epsilon?: number;
  /** Largest error that passes. Default 1e-6. */
  readonly tolerance?: number;
  /** Elements checked per tensor. Default 100. */
  readonly elements?: number;
  /** Seed of initial values and of random operations; the same numbers are drawn in every evaluation. */
  readonly seed?: number;
  /** Values of leaves other than parameters. */
  readonly bindings?: (leaf: Tensor) => NdArray | undefined;
}

/**
 * Compares the gradients of a scalar cost with central differences (J(θ+ε) − J(θ−ε)) / 2ε on the plain evaluator, in
 * float64, and says for each tensor where and by how much they differ.
 */
export function checkGradients(cost: Tensor, options: CheckGradientsOptions = {}): GradientReport[] {
  const { epsilon = 1e-5, tolerance = 1e-6, elements = 100, seed = 0 } = options;
  const wanted =
    options.withRespectTo ?? reachable([cost]).filter((node) => node instanceof Parameter && node.trainable);
  if (wanted.length === 0)
    throw new Error("checkGradients: the cost depends on no parameter; name tensors in withRespectTo");
  const given = new Map<Tensor, NdArray>();
  const bind = (leaf: Tensor): NdArray | undefined => given.get(leaf) ?? leafValue(leaf, seed, options.bindings);
  const gradients = gradientsOf(cost, wanted);
  const analytic = evaluate(gradients, bind);
  // Tensors in the middle of the graph are held fixed at their value while they are nudged.
  const middles = wanted.filter((node) => bind(node) === undefined);
  const values = new Map<Tensor, NdArray>();
  evaluate([cost], bind, (node, value) => {
    if (middles.includes(node)) values.set(node, value);
  });
  const costAt = (): number => evaluate([cost], bind)[0].data[0];
  return wanted.map((tensor, t) => {
    const shape = concreteShape(tensor.knownShape);
    const base = bind(tensor) ?? values.get(tensor);
    if (!base) throw new Error(`checkGradients: the cost does not depend on ${tensor.name ?? tensor.op}`);
    const count = Math.min(elements, base.data.length);
    let worst = { flat: 0, error: -1, analytic: 0, numeric: 0 };
    for (let i = 0; i < count; i++) {
      const flat = Math.floor((i * base.data.length) / count);
      const at = (value: number): number => {
        const data = base.data.slice();
        data[flat] = value;
        given.set(tensor, { ...base, data });
        return costAt();
      };
      const numeric = (at(base.data[flat] + epsilon) - at(base.data[flat] - epsilon)) / (2 * epsilon);
      given.delete(tensor);
      const exact = analytic[t].data[flat];
      const difference = Math.abs(exact - numeric) / Math.max(1, Math.abs(exact), Math.abs(numeric));
      // NaN counts as the worst there can be.
      const error = Number.isNaN(difference) ? Infinity : difference;
      if (error > worst.error) worst = { flat, error, analytic: exact, numeric };
    }
    return {
      name: tensor.name ?? tensor.op,
      shape,
      error: Math.max(0, worst.error),
      passed: worst.error <= tolerance,
      worst: { index: positionOf(worst.flat, shape), analytic: worst.analytic, numeric: worst.numeric },
      checked: count,
    };
  });
}

/** Initial values of parameters and the key of randomness: what the plain evaluator needs beside a batch. */
export function leafValue(
  leaf: Tensor,
  seed: number,
  bindings?: (leaf: Tensor) => NdArray | undefined,
  iteration = 0,
): NdArray | undefined {
  const bound = bindings?.(leaf);
  if (bound) return bound;
  if (leaf instanceof Parameter) {
    const shape = concreteShape(leaf.knownShape);
    return { shape, dtype: leaf.dtype, data: initialValues(leaf, leaf.name ?? "parameter", seed) };
  }
  return leaf.op === "randomKey" ? { shape: [2], dtype: "int32", data: Float64Array.of(seed, iteration) } : undefined;
}

function positionOf(flat: number, shape: readonly number[]): number[] {
  const position = new Array<number>(shape.length);
  let rest = flat;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    position[axis] = rest % shape[axis];
    rest = Math.floor(rest / shape[axis]);
  }
  return position;
}
