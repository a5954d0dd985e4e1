import { type Dim, dimsAgree, dimsEqual, isSymbolic, isUnknownDim, productOfDims, unknownDim } from "../graph/dim";
import { type Shape, formatShape, shapesAgree } from "../graph/shape";
import { Tensor } from "../graph/tensor";
import { composite } from "../graph/trace";
import { type TensorLike, asTensor, cast, div, expand, reportIssue, sizeValue, sum } from "../ops";
import { formatTensor, nameOf, recovered } from "./checks";

/** What the losses share: how they are reduced, and what prediction and target must be. */

export type Reduction = "mean" | "sum" | "none";

export interface LossOptions {
  /** `mean` (over what each loss says), `sum`, or `none`: one number per example or element. */
  readonly reduction?: Reduction;
}

/** @throws on an option that is none. */
export function checkReduction(name: string, reduction: unknown, more: readonly string[] = []): void {
  const allowed = ["mean", "sum", "none", ...more];
  if (!allowed.includes(reduction as string)) {
    throw new Error(
      `${name}: reduction must be one of ${allowed.map((each) => `"${each}"`).join(", ")}, got ${JSON.stringify(reduction)}`,
    );
  }
}

/** Mean or sum of all the numbers, or the numbers. */
export function reduce(losses: Tensor, reduction: Reduction): Tensor {
  return reduction === "none" ? losses : reduction === "sum" ? losses.sum() : losses.mean();
}

/** Sums all axes but the first, the examples: [N, …] → [N]. */
export function perExample(x: Tensor): Tensor {
  return x.knownShape === null || x.knownShape.length < 2 ? x : sum(x, x.knownShape.map((_, axis) => axis).slice(1));
}

/** Number of numbers of one example, as a divisor. */
export function exampleSize(shape: Shape | null): TensorLike {
  return shape === null ? 1 : sizeValue(productOfDims(shape.slice(1)));
}

/** x / number of its elements along all axes but `without`. */
export function overCount(x: Tensor, shape: Shape | null, without = -1): Tensor {
  return shape === null ? x : div(x, sizeValue(productOfDims(shape.filter((_, axis) => axis !== without))));
}

/** A tensor of what the loss was given. @throws for a record, a module, nothing. */
export function lossInput(name: string, what: "prediction" | "target", value: unknown): Tensor {
  if (value instanceof Tensor) return value;
  if (typeof value === "number" || Array.isArray(value)) return asTensor(value as TensorLike);
  throw new Error(`${name}: expected a tensor as ${what}, got ${nameOf(value)}`);
}

export interface Pair {
  readonly prediction: Tensor;
  readonly target: Tensor;
}

/**
 * Prediction and target as float32 of one shape, for losses that compare them number by number; a scalar target stands for
 * one of the prediction's shape. When they differ that is reported, and the stand-in for the loss returned.
 */
export function pairUp(
  name: string,
  prediction: unknown,
  target: unknown,
  standIn: (shape: Shape) => Shape,
): Pair | Tensor {
  const p = cast(lossInput(name, "prediction", prediction), "float32");
  const t = cast(lossInput(name, "target", target), "float32");
  if (p.knownShape === null || t.knownShape === null)
    return recoveredLoss([p, t], p.knownShape ?? t.knownShape, standIn);
  if (t.knownShape.length === 0 && p.knownShape.length > 0) return { prediction: p, target: expand(t, p.shape) };
  if (shapesAgree(p.knownShape, t.knownShape)) return { prediction: p, target: t };
  // What hides the sizes has been reported, and may be what makes the rank a wrong one.
  if (isGuess(p.knownShape, t.knownShape)) return recovered(standIn(p.knownShape), "float32", [p, t]);
  reportIssue("loss-shape", shapeMessage(name, p.knownShape, t.knownShape), "error", [p, t]);
  return recovered(standIn(p.knownShape), "float32", [p, t]);
}

function isGuess(prediction: Shape, target: Shape): boolean {
  return prediction.length !== target.length && prediction.slice(1).filter(isUnknownDim).length >= 2;
}

function recoveredLoss(from: readonly Tensor[], shape: Shape | null, standIn: (shape: Shape) => Shape): Tensor {
  return recovered(standIn(shape ?? [unknownDim()]), "float32", from);
}

/** The shape of a loss after its reduction, for stand-ins. */
export function afterReduction(
  reduction: string,
  unreduced: (shape: Shape) => Shape = (shape) => shape,
): (shape: Shape) => Shape {
  return (shape) => (reduction === "none" ? unreduced(shape) : []);
}

function shapeMessage(name: string, p: Shape, t: Shape): string {
  return `${name}: the prediction ${formatShape(p)} and the target ${formatShape(t)} must have one shape; ${difference(p, t)}. To fix: ${remedy(p, t)}`;
}

function difference(p: Shape, t: Shape): string {
  if (p.length !== t.length) return `they have ${p.length} and ${t.length} axes`;
  const axis = p.findIndex((dim, i) => !dimsAgree(dim, t[i]));
  return `axis ${axis} is ${String(p[axis])} and ${String(t[axis])}`;
}

function remedy(p: Shape, t: Shape): string {
  const last = p.length - 1;
  if (p.length === t.length + 1 && p[last] === 1) return "prediction.squeeze(-1), or target.unsqueeze(-1)";
  if (t.length === p.length + 1 && t[t.length - 1] === 1) return "target.squeeze(-1), or prediction.unsqueeze(-1)";
  if (dimsEqual(productOfDims(p), productOfDims(t))) return `reshape the target to ${formatShape(p)}`;
  if (p.length === t.length + 1 && p.slice(0, -1).every((dim, i) => dimsAgree(dim, t[i]))) {
    return `for class labels use crossEntropy, or make them oneHot(target, ${String(p[last])}); for one number per example give the last layer 1 output`;
  }
  const axis = p.findIndex((dim, i) => t[i] !== undefined && !dimsAgree(dim, t[i]));
  if (p.length === t.length && axis === last) return `give the last layer ${String(t[axis])} outputs`;
  return `make the model's output ${formatShape(t)}`;
}

type Formula = (prediction: Tensor, target: Tensor) => Tensor;

/** A loss with one number per number of the prediction. */
export function elementLoss(
  name: string,
  prediction: TensorLike,
  target: TensorLike,
  reduction: Reduction,
  formula: Formula,
): Tensor {
  return pairedLoss(
    name,
    prediction,
    target,
    reduction,
    (shape) => shape,
    (pair) => reduce(formula(pair.prediction, pair.target), reduction),
  );
}

/** A loss with one number per example. */
export function exampleLoss(
  name: string,
  prediction: TensorLike,
  target: TensorLike,
  reduction: Reduction,
  formula: Formula,
): Tensor {
  return pairedLoss(name, prediction, target, reduction, exampleShape, (pair) =>
    reduce(formula(pair.prediction, pair.target), reduction),
  );
}

export function exampleShape(shape: Shape): Shape {
  return shape.slice(0, 1);
}

/** A loss of prediction and target of one shape, under its own name as scope. */
export function pairedLoss(
  name: string,
  prediction: TensorLike,
  target: TensorLike,
  reduction: Reduction,
  unreduced: (shape: Shape) => Shape,
  build: (pair: Pair) => Tensor,
): Tensor {
  checkReduction(name, reduction);
  const pair = pairUp(name, prediction, target, afterReduction(reduction, unreduced));
  return pair instanceof Tensor ? pair : composite(name, () => build(pair));
}

/** A target of classes that fits its prediction. */
export interface Classes {
  readonly prediction: Tensor;
  readonly target: Tensor;
  /** Whether the target holds class indices rather than one number per class. */
  readonly indices: boolean;
  /** The class axis of the prediction, from 0. */
  readonly axis: number;
  readonly classes: Dim;
}

/**
 * Prediction [N, C, …] (or [C]) with either int32 class indices [N, …] or, if `soft`, numbers per class of the prediction's
 * own shape. What does not fit is reported as `loss-classes`, and the stand-in for the loss returned.
 */
export function pairClasses(
  name: string,
  prediction: unknown,
  target: unknown,
  options: { readonly reduction: string; readonly axis?: number; readonly soft: boolean },
): Classes | Tensor {
  const p = lossInput(name, "prediction", prediction);
  const t = lossInput(name, "target", target);
  const shape = p.knownShape;
  const rank = shape?.length ?? 2;
  const wanted = options.axis ?? 1;
  const axis = rank === 1 ? 0 : wanted < 0 ? wanted + rank : wanted;
  const examples = (full: Shape): Shape => full.filter((_, i) => i !== axis);
  const standIn = afterReduction(options.reduction, examples);
  if (shape === null || t.knownShape === null) return recoveredLoss([p, t], shape, standIn);
  if (shape.slice(1).filter(isUnknownDim).length >= 2) return recoveredLoss([p, t], shape, standIn);
  const problem =
    shape.length === 0 || axis < 0 || axis >= rank
      ? `the prediction ${formatShape(shape)} has no class axis. To fix: give the model one output (logit) per class, [N, C]`
      : targetProblem(shape, t, axis, options.soft);
  if (problem) {
    reportIssue("loss-classes", `${name}: ${problem}`, "error", [p, t]);
    return recovered(standIn(shape), "float32", [p, t]);
  }
  // It trains, to nothing: no error.
  if (shape[axis] === 1 && rank > 1)
    reportIssue("loss-classes", `${name}: ${oneClass(shape, axis)}`, "warning", [p, t]);
  const indices = t.knownShape.length < rank;
  return { prediction: p, target: indices ? t : cast(t, "float32"), indices, axis, classes: shape[axis] };
}

function oneClass(shape: Shape, axis: number): string {
  return `the prediction ${formatShape(shape)} has one class on axis ${axis}, and the loss of a single class is always 0. To fix: use binaryCrossEntropyWithLogits for two classes with one output, mse for numbers, or give the model one output per class`;
}

function targetProblem(shape: Shape, target: Tensor, axis: number, soft: boolean): string | undefined {
  const t = target.knownShape as Shape;
  const [p, got] = [formatShape(shape), formatTensor(target)];
  const examples = shape.filter((_, i) => i !== axis);
  const [wanted, classes] = [formatShape(examples), String(shape[axis])];
  if (shapesAgree(t, examples)) {
    if (target.dtype === "int32") return undefined;
    return `class indices must be int32, got ${target.dtype} ${formatShape(t)} for the prediction ${p}. To fix: cast(target, "int32"), or give the dataset's labels the dtype int32`;
  }
  // A vector is one example's logits; were its axis the batch, or its target a batch, it would have no classes.
  const batchAsClasses = shape.length === 1 && isSymbolic(shape[0]) && !isUnknownDim(shape[0]);
  if (shape.length === 1 && (batchAsClasses || target.dtype === "int32" || !shapesAgree(t, shape))) {
    return `the prediction ${p} has no class axis beside the examples (target ${got}). To fix: give the model one output (logit) per class, [N, C]; for one output use binaryCrossEntropyWithLogits`;
  }
  if (shapesAgree(t, shape)) {
    if (!soft)
      return `needs int32 class indices ${wanted}, got one number per class ${got}. To fix: target.argmax(${axis})`;
    if (target.dtype !== "int32") return undefined;
    return `int32 targets are class indices ${wanted}, got ${got} with the prediction's own shape ${p}. To fix: cast(target, "float32") for one-hot or probability targets`;
  }
  if (t.length === shape.length && t[axis] === 1) {
    return `the target ${got} has an axis of size 1 too many for class indices ${wanted}. To fix: target.squeeze(${axis})${target.dtype === "int32" ? "" : `, and cast it to "int32"`}`;
  }
  const last = shape.length - 1;
  if (
    shape.length > 2 &&
    t.length === shape.length - 1 &&
    axis !== last &&
    t.every((dim, i) => dimsAgree(dim, shape[i]))
  ) {
    return `the classes are on axis ${axis} of the prediction ${p}, but the target ${got} fits classes on axis ${last}. To fix: pass { axis: -1 }, or permute the prediction`;
  }
  if (t.length === shape.length && t.every((dim, i) => i === axis || dimsAgree(dim, shape[i]))) {
    return `the prediction ${p} has ${classes} classes on axis ${axis}, the target ${got} has ${String(t[axis])}. To fix: make them equal, for example with ${String(t[axis])} outputs of the last layer or oneHot(labels, ${classes})`;
  }
  return `the prediction ${p} needs int32 class indices ${wanted}${soft ? ` or one number per class ${p}` : ""}, got ${got}. To fix: give one label per example`;
}
