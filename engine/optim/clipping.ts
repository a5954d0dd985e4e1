import type { Tensor } from "../graph/tensor";
import { composite } from "../graph/trace";
import { add, clip, div, minimum, mul, scalar, sqrt, square, sum } from "../ops";
import { show } from "./settings";

export interface ClippedGradients {
  readonly gradients: ReadonlyMap<string, Tensor>;
  /** float32 scalar: √Σ g² over all gradients before clipping. */
  readonly norm: Tensor;
}

/**
 * Scales all gradients by one factor so that their joint norm is at most `maxNorm`:
 * g ← g·min(1, maxNorm/(norm + 1e-6)), as PyTorch's `clip_grad_norm_`. Directions stay.
 * @throws when `maxNorm` is no number above 0.
 */
export function clipByNorm(gradients: ReadonlyMap<string, Tensor>, maxNorm: number): ClippedGradients {
  checkLimit("clipByNorm", "maxNorm", maxNorm);
  return composite("clipByNorm", () => {
    const norm = globalNorm(gradients);
    const factor = minimum(div(maxNorm, add(norm, 1e-6)), 1);
    return { gradients: mapValues(gradients, (gradient) => mul(gradient, factor)), norm };
  });
}

/**
 * Limits each element of each gradient to [−limit, limit], as PyTorch's `clip_grad_value_`.
 * @throws when `limit` is no number above 0.
 */
export function clipByValue(gradients: ReadonlyMap<string, Tensor>, limit: number): ReadonlyMap<string, Tensor> {
  checkLimit("clipByValue", "limit", limit);
  return composite("clipByValue", () => mapValues(gradients, (gradient) => clip(gradient, -limit, limit)));
}

/** √Σ g² over all elements of all gradients, a float32 scalar; 0 when there are none. */
export function globalNorm(gradients: ReadonlyMap<string, Tensor>): Tensor {
  return composite("globalNorm", () => {
    const squares = [...gradients.values()].map((gradient) => sum(square(gradient)));
    return squares.length === 0 ? scalar(0) : sqrt(squares.reduce((total, part) => add(total, part)));
  });
}

function mapValues(gradients: ReadonlyMap<string, Tensor>, change: (gradient: Tensor) => Tensor): Map<string, Tensor> {
  return new Map([...gradients].map(([name, gradient]) => [name, change(gradient)]));
}

function checkLimit(where: string, name: string, value: unknown): void {
  if (typeof value === "number" && value > 0 && value < Infinity) return;
  throw new Error(`${where}: ${name} must be a number above 0, got ${show(value)}`);
}
