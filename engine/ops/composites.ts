import { type Dim, dimsAgree, divideDims, isUnknownDim, productOfDims } from "../graph/dim";
import { type Shape, formatShape } from "../graph/shape";
import type { Tensor } from "../graph/tensor";
import { composite, currentTrace } from "../graph/trace";
import { type TensorLike, asTensor, reportIssue } from "./apply";
import { withGradient } from "./custom";
import {
  type Axes,
  type ReduceOptions,
  abs,
  add,
  div,
  eq,
  exp,
  isFinite,
  log,
  lt,
  max,
  mul,
  neg,
  pow,
  reshape,
  resolveAxis,
  rsqrt,
  sizeValue,
  sqrt,
  square,
  stopGradient,
  sub,
  sum,
  where,
} from "./functions";
import { randomUniform } from "./random";
import { resolveAxes } from "./reduce";

/**
 * Operations made of others. Their nodes keep the function's name as a scope, so they can be shown whole
 * or stepped into.
 */

/** Arithmetic mean; of no elements NaN. */
export function mean(x: TensorLike, axis?: Axes, options?: ReduceOptions): Tensor {
  return composite("mean", () => {
    const t = asTensor(x);
    return div(sum(t, axis, options), count(t, axis));
  });
}

function count(t: Tensor, axis: Axes | undefined): TensorLike {
  if (t.knownShape === null) return 1;
  const axes = resolveAxes("mean", t.knownShape, axis, () => undefined);
  return sizeValue(productOfDims(axes.map((i) => (t.knownShape as Shape)[i])));
}

export interface VarianceOptions extends ReduceOptions {
  /** Divides by (n − correction). 1 as in PyTorch: the unbiased estimate; 0: the population's. */
  readonly correction?: number;
}

/** Σ(x − mean)² / (n − correction). */
export function variance(x: TensorLike, axis?: Axes, options: VarianceOptions = {}): Tensor {
  return composite("variance", () => {
    const t = asTensor(x);
    const centred = sub(t, mean(t, axis, { keepDims: true }));
    const n = count(t, axis);
    const correction = options.correction ?? 1;
    return div(sum(square(centred), axis, options), correction === 0 ? n : sub(n, correction));
  });
}

/** Square root of {@link variance}; its gradient (x − mean) / ((n − correction)·std) is 0 where all x are equal. */
export function std(x: TensorLike, axis?: Axes, options: VarianceOptions = {}): Tensor {
  const t = asTensor(x);
  return withGradient(
    "std",
    [t],
    () => sqrt(variance(t, axis, options)),
    (g, [source], output) => {
      const shape = keptShape(source, axis);
      const deviation = reshape(output, shape);
      const flat = eq(deviation, 0);
      const divisor = mul(where(flat, 1, deviation), sub(count(source, axis), options.correction ?? 1));
      const slope = div(sub(source, mean(source, axis, { keepDims: true })), divisor);
      return [mul(reshape(g, shape), where(flat, 0, slope))];
    },
  );
}

export interface NormOptions extends ReduceOptions {
  /** 2 (default), 1, Infinity, or another positive number: (Σ|x|ᵖ)^(1/p). */
  readonly p?: number;
}

/** Vector norm over the axes (all by default); its gradient sign(x)·(|x| / norm)^(p − 1) at 0 is 0. */
export function norm(x: TensorLike, axis?: Axes, options: NormOptions = {}): Tensor {
  const t = asTensor(x);
  const p = options.p ?? 2;
  if (!(p > 0)) throw new Error(`norm: p must be positive, got ${p}`);
  if (p === 1) return composite("norm", () => sum(abs(t), axis, options));
  if (p === Infinity) return composite("norm", () => max(abs(t), axis, options));
  return withGradient(
    "norm",
    [t],
    () => (p === 2 ? sqrt(sum(square(t), axis, options)) : pow(sum(pow(abs(t), p), axis, options), 1 / p)),
    (g, [source], output) => {
      const shape = keptShape(source, axis);
      const length = reshape(output, shape);
      const ratio = div(source, where(eq(length, 0), 1, length));
      if (p === 2) return [mul(reshape(g, shape), ratio)];
      const flat = eq(source, 0);
      const power = pow(abs(where(flat, 1, ratio)), p - 1);
      return [mul(reshape(g, shape), where(flat, 0, where(lt(source, 0), neg(power), power)))];
    },
  );
}

function keptShape(t: Tensor, axis: Axes | undefined): number[] {
  const axes = resolveAxes("norm", t.shape, axis, () => undefined);
  return t.shape.map((dim, i) => (axes.includes(i) ? 1 : dim));
}

/** log Σ eˣ, shifted by the largest element so that nothing overflows. */
export function logSumExp(x: TensorLike, axis?: Axes, options?: ReduceOptions): Tensor {
  return composite("logSumExp", () => {
    const t = asTensor(x);
    const largest = stopGradient(max(t, axis, { keepDims: true }));
    const shift = where(isFinite(largest), largest, 0);
    const total = log(sum(exp(sub(t, shift)), axis, { keepDims: true }));
    const result = add(total, shift);
    if (options?.keepDims || result.knownShape === null) return result;
    return reshape(result, max(t, axis).shape);
  });
}

/** eˣ / Σ eˣ along `axis` (default the last). Gradient: y∘(g − Σ g∘y), the Jacobian yᵢ(δᵢⱼ − yⱼ) applied to g. */
export function softmax(x: TensorLike, axis = -1): Tensor {
  const t = asTensor(x);
  const at = resolveAxis("softmax", t, axis);
  return withGradient(
    "softmax",
    [t],
    () => {
      const powers = exp(sub(t, max(t, at, { keepDims: true })));
      return div(powers, sum(powers, at, { keepDims: true }));
    },
    (g, _, y) => [mul(y, sub(g, sum(mul(g, y), at, { keepDims: true })))],
  );
}

/** log softmax(x), stable. Gradient: g − softmax(x)·Σ g. */
export function logSoftmax(x: TensorLike, axis = -1): Tensor {
  const t = asTensor(x);
  const at = resolveAxis("logSoftmax", t, axis);
  return withGradient(
    "logSoftmax",
    [t],
    () => {
      const shifted = sub(t, max(t, at, { keepDims: true }));
      return sub(shifted, log(sum(exp(shifted), at, { keepDims: true })));
    },
    (g, _, y) => [sub(g, mul(exp(y), sum(g, at, { keepDims: true })))],
  );
}

/** (x − mean) / √(variance + ε) over the axes, population variance. */
export function standardize(x: TensorLike, axis: Axes, epsilon = 1e-5): Tensor {
  return composite("standardize", () => {
    const t = asTensor(x);
    const centred = sub(t, mean(t, axis, { keepDims: true }));
    return mul(centred, rsqrt(add(mean(square(centred), axis, { keepDims: true }), epsilon)));
  });
}

/** Layer normalisation over the last `normalizedShape.length` axes (Ba et al. 2016). */
export function layerNorm(
  x: TensorLike,
  normalizedShape: readonly number[],
  weight?: Tensor,
  bias?: Tensor,
  epsilon = 1e-5,
): Tensor {
  return composite("layerNorm", () => {
    const t = asTensor(x);
    if (!endsWith(t, normalizedShape)) {
      reportIssue(
        "layer-norm",
        `layerNorm: ${formatShape(t.knownShape)} does not end with ${formatShape(normalizedShape)}, the sizes to normalise over`,
      );
    }
    const axes = normalizedShape.map((_, i) => -1 - i);
    return affine(standardize(t, axes, epsilon), weight, bias);
  });
}

/** Root-mean-square normalisation: x / √(mean x² + ε) over the last axes (Zhang & Sennrich 2019). */
export function rmsNorm(x: TensorLike, normalizedShape: readonly number[], weight?: Tensor, epsilon = 1e-5): Tensor {
  return composite("rmsNorm", () => {
    const t = asTensor(x);
    if (!endsWith(t, normalizedShape)) {
      reportIssue(
        "rms-norm",
        `rmsNorm: ${formatShape(t.knownShape)} does not end with ${formatShape(normalizedShape)}, the sizes to normalise over`,
      );
    }
    const axes = normalizedShape.map((_, i) => -1 - i);
    return affine(mul(t, rsqrt(add(mean(square(t), axes, { keepDims: true }), epsilon))), weight);
  });
}

/** Group normalisation of [N, channels, …] in `groups` groups of channels (Wu & He 2018). */
export function groupNorm(x: TensorLike, groups: number, weight?: Tensor, bias?: Tensor, epsilon = 1e-5): Tensor {
  return composite("groupNorm", () => {
    const t = asTensor(x);
    if (t.knownShape === null) return t;
    if (t.rank < 2) {
      reportIssue("rank", `groupNorm: needs [N, channels, …], got ${formatShape(t.knownShape)}`);
      return t;
    }
    const channels = t.knownShape[1];
    if (!Number.isInteger(groups) || groups < 1)
      throw new Error(`groupNorm: the number of groups must be a whole number ≥ 1, got ${groups}`);
    if (divideDims(channels, groups) === undefined && !isUnknownDim(channels)) {
      reportIssue(
        "group-norm",
        `groupNorm: ${String(channels)} channels (axis 1 of ${formatShape(t.knownShape)}) cannot be split into ${groups} groups; use a number of groups that divides the channels`,
      );
      return t;
    }
    const normal = standardize(reshape(t, [t.shape[0], groups, -1]), 2, epsilon);
    return affine(reshape(normal, t.shape), weight && perChannel(weight, t.rank), bias && perChannel(bias, t.rank));
  });
}

/** [channels] → [channels, 1, …] so that it broadcasts over [N, channels, …]. */
export function perChannel(parameter: Tensor, rank: number): Tensor {
  return reshape(parameter, [-1, ...new Array<number>(Math.max(0, rank - 2)).fill(1)]);
}

export function affine(x: Tensor, weight?: Tensor, bias?: Tensor): Tensor {
  const scaled = weight ? mul(x, weight) : x;
  return bias ? add(scaled, bias) : scaled;
}

function endsWith(t: Tensor, sizes: readonly Dim[]): boolean {
  if (t.knownShape === null) return true;
  const end = t.knownShape.slice(t.knownShape.length - sizes.length);
  return t.knownShape.length >= sizes.length && end.every((dim, i) => dimsAgree(dim, sizes[i]));
}

/**
 * Inverted dropout: keeps an element where a uniform number is below the keep rate and scales it by 1/keepRate;
 * a new mask each iteration, and only while training.
 */
export function dropout(x: TensorLike, rate: number, options: { readonly training?: boolean } = {}): Tensor {
  if (!(rate >= 0 && rate < 1)) throw new Error(`dropout: the rate must be at least 0 and below 1, got ${rate}`);
  const t = asTensor(x);
  if (rate === 0 || !(options.training ?? currentTrace().training) || t.knownShape === null) return t;
  return composite("dropout", () => {
    const keepRate = 1 - rate;
    return where(lt(randomUniform(t.shape), keepRate), mul(t, 1 / keepRate), 0);
  });
}
