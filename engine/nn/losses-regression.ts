import { productOfDims } from "../graph/dim";
import type { Shape } from "../graph/shape";
import type { Tensor } from "../graph/tensor";
import { type TensorLike, abs, div, le, mul, norm, sizeValue, sqrt, square, sub, where } from "../ops";
import { checkPositive } from "./checks";
import {
  type LossOptions,
  elementLoss,
  exampleLoss,
  exampleShape,
  exampleSize,
  pairedLoss,
  perExample,
  reduce,
} from "./loss-checks";

/** Losses that compare prediction ŷ and target y, of one shape [N, …], number by number. */

/** Per example Σ(ŷ − y)² over its outputs; summed over the examples by default (`mean`: their mean, `none`: [N]). */
export function sumSquaredError(
  prediction: TensorLike,
  target: TensorLike,
  { reduction = "sum" }: LossOptions = {},
): Tensor {
  return exampleLoss("sumSquaredError", prediction, target, reduction, (p, t) => perExample(square(sub(p, t))));
}

/** Per example ½Σ(ŷ − y)² over its outputs, gradient ŷ − y; the mean over the examples by default. */
export function halfSquaredError(
  prediction: TensorLike,
  target: TensorLike,
  { reduction = "mean" }: LossOptions = {},
): Tensor {
  return exampleLoss("halfSquaredError", prediction, target, reduction, (p, t) =>
    mul(perExample(square(sub(p, t))), 0.5),
  );
}

/** Mean squared error: (ŷ − y)² averaged over all numbers, as PyTorch's MSELoss. */
export function mse(prediction: TensorLike, target: TensorLike, { reduction = "mean" }: LossOptions = {}): Tensor {
  return elementLoss("mse", prediction, target, reduction, (p, t) => square(sub(p, t)));
}

/** Mean absolute error: |ŷ − y| averaged over all numbers. */
export function mae(prediction: TensorLike, target: TensorLike, { reduction = "mean" }: LossOptions = {}): Tensor {
  return elementLoss("mae", prediction, target, reduction, (p, t) => abs(sub(p, t)));
}

/**
 * Root mean squared error √(mean (ŷ − y)²) over all numbers; gradient 0 where there is no error. `none`: the root of each
 * example's own mean, [N]; `sum`: their sum.
 */
export function rmse(prediction: TensorLike, target: TensorLike, { reduction = "mean" }: LossOptions = {}): Tensor {
  return pairedLoss("rmse", prediction, target, reduction, exampleShape, ({ prediction: p, target: t }) => {
    const error = sub(p, t);
    const size = p.knownShape as Shape;
    // The norm, unlike a root, has a gradient at 0.
    if (reduction === "mean") return div(norm(error), sqrt(sizeValue(productOfDims(size))));
    const axes = size.map((_, axis) => axis).slice(1);
    const each = axes.length === 0 ? abs(error) : div(norm(error, axes), sqrt(exampleSize(size)));
    return reduce(each, reduction);
  });
}

/** ½e² for errors |e| ≤ delta, beyond that delta·(|e| − ½delta) (Huber 1964), averaged over all numbers. */
export function huber(
  prediction: TensorLike,
  target: TensorLike,
  { reduction = "mean", delta = 1 }: LossOptions & { readonly delta?: number } = {},
): Tensor {
  checkPositive("huber", "delta", delta);
  return elementLoss("huber", prediction, target, reduction, (p, t) => {
    const error = sub(p, t);
    const size = abs(error);
    return where(le(size, delta), mul(square(error), 0.5), mul(sub(size, delta / 2), delta));
  });
}

/** {@link huber} over beta: ½e²/beta for |e| < beta, beyond that |e| − ½beta, averaged over all numbers. */
export function smoothL1(
  prediction: TensorLike,
  target: TensorLike,
  { reduction = "mean", beta = 1 }: LossOptions & { readonly beta?: number } = {},
): Tensor {
  checkPositive("smoothL1", "beta", beta);
  return elementLoss("smoothL1", prediction, target, reduction, (p, t) => {
    const error = sub(p, t);
    const size = abs(error);
    return where(le(size, beta), mul(square(error), 0.5 / beta), sub(size, beta / 2));
  });
}
