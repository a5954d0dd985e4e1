import type { Shape } from "../graph/shape";
import { Tensor } from "../graph/tensor";
import { composite } from "../graph/trace";
import {
  type TensorLike,
  abs,
  add,
  arange,
  cast,
  div,
  eq,
  exp,
  gt,
  le,
  log,
  log1p,
  logSoftmax,
  maximum,
  mul,
  neg,
  pow,
  relu,
  reshape,
  sigmoid,
  sizeValue,
  softmax,
  sub,
  sum,
  take,
  unsqueeze,
  where,
  withGradient,
} from "../ops";

import {
  type Classes,
  type LossOptions,
  afterReduction,
  checkReduction,
  elementLoss,
  overCount,
  pairClasses,
  pairUp,
  reduce,
} from "./loss-checks";

/** Losses on classes and probabilities. Logarithms are natural. */

/**
 * −[y log ŷ + (1 − y) log(1 − ŷ)] of probabilities ŷ and labels y from 0 to 1, averaged over all numbers. As in PyTorch
 * logarithms are taken to be at least −100, so that ŷ = 0 or 1 gives no infinity. From logits take
 * {@link binaryCrossEntropyWithLogits}, which stays exact.
 */
export function binaryCrossEntropy(
  prediction: TensorLike,
  target: TensorLike,
  { reduction = "mean" }: LossOptions = {},
): Tensor {
  return elementLoss("binaryCrossEntropy", prediction, target, reduction, (p, y) => {
    const logs = (): [Tensor, Tensor] => [maximum(log(p), -100), maximum(log(sub(1, p)), -100)];
    return withGradient(
      "logLoss",
      [p, y],
      () => {
        const [one, zero] = logs();
        return neg(add(mul(y, one), mul(sub(1, y), zero)));
      },
      (g) => [
        mul(g, div(sub(p, y), maximum(mul(p, sub(1, p)), 1e-12))),
        () => {
          const [one, zero] = logs();
          return mul(g, sub(zero, one));
        },
      ],
    );
  });
}

/**
 * Binary cross-entropy of sigmoid(z) from the logits z, averaged over all numbers: max(z, 0) − z·y + log(1 + e^−|z|).
 * Gradient σ(z) − y.
 */
export function binaryCrossEntropyWithLogits(
  prediction: TensorLike,
  target: TensorLike,
  { reduction = "mean" }: LossOptions = {},
): Tensor {
  return elementLoss("binaryCrossEntropyWithLogits", prediction, target, reduction, (z, y) =>
    withGradient(
      "logLoss",
      [z, y],
      () => add(sub(relu(z), mul(z, y)), log1p(exp(neg(abs(z))))),
      (g) => [mul(g, sub(sigmoid(z), y)), () => mul(g, neg(z))],
    ),
  );
}

export interface ClassOptions extends LossOptions {
  /** The class axis of the prediction. Default 1, as in PyTorch: [N, C] or [N, C, …]. */
  readonly axis?: number;
}

/**
 * Cross-entropy −Σ y log softmax(z) of logits z [N, C] (or [N, C, …], or [C]), averaged over the examples.
 *
 * @param target int32 class indices [N] ([N, …]), or one-hot or probability rows of the logits' own shape
 * @param options `labelSmoothing` ε: targets become (1 − ε)·y + ε/C
 * The gradient is the fused (softmax(z) − y)/n.
 */
export function crossEntropy(
  prediction: TensorLike,
  target: TensorLike,
  { reduction = "mean", labelSmoothing = 0, axis }: ClassOptions & { readonly labelSmoothing?: number } = {},
): Tensor {
  const name = "crossEntropy";
  checkReduction(name, reduction);
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new Error(`${name}: labelSmoothing must be from 0 to 1, got ${String(labelSmoothing)}`);
  }
  const pair = pairClasses(name, prediction, target, { reduction, axis, soft: true });
  if (pair instanceof Tensor) return pair;
  const { prediction: logits, axis: at, classes } = pair;
  const shape = logits.knownShape as Shape;
  const smooth = (y: Tensor): Tensor =>
    labelSmoothing === 0 ? y : add(mul(y, 1 - labelSmoothing), div(labelSmoothing, sizeValue(classes)));
  const labels = (): Tensor => (pair.indices ? cast(isClass(pair), "float32") : pair.target);
  /** From ∂cost/∂loss to ∂cost/∂(loss of each example), with a class axis to broadcast over. */
  const share = (g: Tensor, x: Tensor): Tensor =>
    reduction === "none" ? mul(x, unsqueeze(g, at)) : mul(reduction === "mean" ? overCount(x, shape, at) : x, g);
  const sources = pair.indices ? [logits] : [logits, pair.target];
  return withGradient(
    name,
    sources,
    () => {
      const logs = logSoftmax(logits, at);
      // Chosen rather than multiplied: a logit of −∞ elsewhere must not give 0·∞.
      const own = pair.indices && labelSmoothing === 0;
      const terms = own ? where(isClass(pair), logs, 0) : mul(smooth(labels()), logs);
      return reduce(neg(sum(terms, at)), reduction);
    },
    (g) => {
      const y = smooth(labels());
      const a = softmax(logits, at);
      // Rows of class indices sum to 1; given rows may not.
      const whole = pair.indices ? a : mul(a, sum(y, at, { keepDims: true }));
      const toTarget = (): Tensor => share(g, mul(logSoftmax(logits, at), labelSmoothing - 1));
      return pair.indices ? [share(g, sub(whole, y))] : [share(g, sub(whole, y)), toTarget];
    },
  );
}

/** Negative log-likelihood −log p_y of log-probabilities [N, C] (or [N, C, …], or [C]) and int32 class indices, averaged over the examples. */
export function nll(
  prediction: TensorLike,
  target: TensorLike,
  { reduction = "mean", axis }: ClassOptions = {},
): Tensor {
  return classLoss("nll", prediction, target, { reduction, axis }, (pair) =>
    neg(sum(where(isClass(pair), pair.prediction, 0), pair.axis)),
  );
}

/**
 * Multi-class hinge loss Σ_{j≠y} max(0, margin − x_y + x_j)ᵖ / C of scores [N, C] and int32 class indices, averaged over the
 * examples, as PyTorch's MultiMarginLoss.
 */
export function multiMarginLoss(
  prediction: TensorLike,
  target: TensorLike,
  { reduction = "mean", axis, margin = 1, p = 1 }: ClassOptions & { readonly margin?: number; readonly p?: 1 | 2 } = {},
): Tensor {
  if (p !== 1 && p !== 2) throw new Error(`multiMarginLoss: p must be 1 or 2, got ${String(p)}`);
  return classLoss("multiMarginLoss", prediction, target, { reduction, axis }, (pair) => {
    const own = isClass(pair);
    const score = sum(where(own, pair.prediction, 0), pair.axis, { keepDims: true });
    const short = relu(add(sub(pair.prediction, score), margin));
    const terms = where(own, 0, p === 1 ? short : pow(short, 2));
    return div(sum(terms, pair.axis), sizeValue(pair.classes));
  });
}

/** max(0, 1 − y·ŷ) of scores ŷ and labels y = ±1, averaged over all numbers. */
export function hinge(prediction: TensorLike, target: TensorLike, { reduction = "mean" }: LossOptions = {}): Tensor {
  return elementLoss("hinge", prediction, target, reduction, (p, y) => relu(sub(1, mul(y, p))));
}

/**
 * −y·ŷ for each error, y·ŷ ≤ 0, else 0, of scores ŷ and labels y = ±1, averaged over all numbers. A score of 0 is an error,
 * with gradient −y: gradient descent with it is the batch perceptron algorithm.
 */
export function perceptronLoss(
  prediction: TensorLike,
  target: TensorLike,
  { reduction = "mean" }: LossOptions = {},
): Tensor {
  return elementLoss("perceptronLoss", prediction, target, reduction, (p, y) => {
    const agreement = mul(y, p);
    return where(le(agreement, 0), neg(agreement), 0);
  });
}

/**
 * Kullback–Leibler divergence y·(log y − x) of log-probabilities x and probabilities y of one shape, averaged over all numbers
 * as in PyTorch; `batchMean` divides the sum by the number of examples, which is the divergence itself.
 */
export function klDivergence(
  prediction: TensorLike,
  target: TensorLike,
  {
    reduction = "mean",
    logTarget = false,
  }: {
    readonly reduction?: "mean" | "batchMean" | "sum" | "none";
    /** The target holds log-probabilities. */ readonly logTarget?: boolean;
  } = {},
): Tensor {
  const name = "klDivergence";
  checkReduction(name, reduction, ["batchMean"]);
  const pair = pairUp(name, prediction, target, afterReduction(reduction));
  if (pair instanceof Tensor) return pair;
  const { prediction: x, target: y } = pair;
  return composite(name, () => {
    // 0·log 0 is 0.
    const losses = logTarget ? mul(exp(y), sub(y, x)) : mul(y, sub(log(where(gt(y, 0), y, 1)), x));
    if (reduction !== "batchMean") return reduce(losses, reduction);
    return div(losses.sum(), sizeValue(x.rank === 0 ? 1 : (x.knownShape as Shape)[0]));
  });
}

function classLoss(
  name: string,
  prediction: TensorLike,
  target: TensorLike,
  { reduction = "mean", axis }: ClassOptions,
  formula: (pair: Classes) => Tensor,
): Tensor {
  checkReduction(name, reduction);
  const pair = pairClasses(name, prediction, target, { reduction, axis, soft: false });
  return pair instanceof Tensor ? pair : composite(name, () => reduce(formula(pair), reduction));
}

/** Whether each number of the prediction belongs to its example's class. An index out of range stops the run. */
function isClass({ target, classes, axis, prediction }: Classes): Tensor {
  const positions = arange(classes as number);
  // Looking the label up among the classes gives it back, or says that there is no such class.
  const labels = unsqueeze(take(positions, target, 0), axis);
  const rank = prediction.rank;
  return eq(labels, reshape(positions, [classes as number, ...new Array<number>(rank - 1 - axis).fill(1)]));
}
