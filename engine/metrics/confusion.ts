/**
 * The confusion matrix, and every measure that follows from its counts.
 *
 * Zero division: a ratio whose denominator is 0 counts as **0** (a class never predicted has precision 0; one without
 * examples has recall, miss rate and F 0; no examples at all give accuracy 0). {@link isDefined} tells such a 0 from a real one.
 */

import { checkClass, checkCount, checkLengths, MetricError } from "./error";

/** `counts[label][prediction]`: how many examples of class `label` were predicted as `prediction`. */
export interface ConfusionMatrix {
  readonly classes: number;
  readonly counts: readonly (readonly number[])[];
}

/** One class against the rest. */
export interface ClassCounts {
  /** Of this class and predicted so. */
  readonly tp: number;
  /** Of this class, predicted as another: missed. */
  readonly fn: number;
  /** Of another class, predicted as this one: false alarm. */
  readonly fp: number;
  /** Of another class and predicted as another. */
  readonly tn: number;
}

/** A measure of one class, such as {@link precision}. */
export type ClassMeasure = (counts: ClassCounts) => number;

/**
 * Counts labels (rows) against predictions (columns).
 * @param labels class indices from 0 to `classes` − 1, shape [n]
 * @param predictions class indices, shape [n]
 * @throws MetricError when the lengths differ or an index is out of range.
 */
export function confusionMatrix(
  labels: ArrayLike<number>,
  predictions: ArrayLike<number>,
  classes: number,
): ConfusionMatrix {
  checkCount("classes", classes, 1);
  checkLengths("labels", labels.length, "predictions", predictions.length);
  const counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let index = 0; index < labels.length; index++) {
    checkClass("labels", index, labels[index], classes);
    checkClass("predictions", index, predictions[index], classes);
    counts[labels[index]][predictions[index]]++;
  }
  return { classes, counts };
}

/** Sums matrices of the same classes, for example one a batch or one a fold. */
export function addConfusion(first: ConfusionMatrix, second: ConfusionMatrix): ConfusionMatrix {
  if (first.classes !== second.classes) {
    throw new MetricError(
      `confusion matrices of ${first.classes} and of ${second.classes} classes cannot be added: count both with the same classes`,
    );
  }
  const counts = first.counts.map((row, label) => row.map((count, column) => count + second.counts[label][column]));
  return { classes: first.classes, counts };
}

/** The number of examples: the sum of the matrix. */
export function total(matrix: ConfusionMatrix): number {
  return sum(matrix.counts.map(sum));
}

/** TP, FN, FP and TN of one class. TP + FN = support, TP + FP = predicted so, and all four sum to the total. */
export function classCounts(matrix: ConfusionMatrix, classIndex: number): ClassCounts {
  checkClass("classIndex", 0, classIndex, matrix.classes);
  const tp = matrix.counts[classIndex][classIndex];
  const fn = sum(matrix.counts[classIndex]) - tp;
  const fp = sum(matrix.counts.map((row) => row[classIndex])) - tp;
  return { tp, fn, fp, tn: total(matrix) - tp - fn - fp };
}

/** The counts of every class in turn. */
export function allClassCounts(matrix: ConfusionMatrix): ClassCounts[] {
  const all = total(matrix);
  const predicted = new Array<number>(matrix.classes).fill(0);
  for (const row of matrix.counts) row.forEach((count, column) => (predicted[column] += count));
  return matrix.counts.map((row, index) => {
    const tp = row[index];
    const fn = sum(row) - tp;
    const fp = predicted[index] - tp;
    return { tp, fn, fp, tn: all - tp - fn - fp };
  });
}

/** Multiclass accuracy: trace / total. For two classes this is (TP + TN) / total. */
export function accuracy(matrix: ConfusionMatrix): number {
  return ratio(sum(matrix.counts.map((row, index) => row[index])), total(matrix));
}

/** Accuracy of one class against the rest: (TP + TN) / (TP + FN + FP + TN). */
export const binaryAccuracy: ClassMeasure = ({ tp, fn, fp, tn }) => ratio(tp + tn, tp + fn + fp + tn);

/** Precision, positive predictive value: TP / (TP + FP). */
export const precision: ClassMeasure = ({ tp, fp }) => ratio(tp, tp + fp);

/** Recall, sensitivity, true positive rate: TP / (TP + FN). */
export const recall: ClassMeasure = ({ tp, fn }) => ratio(tp, tp + fn);

/** False negative rate, miss rate: FN / (TP + FN). */
export const fnr: ClassMeasure = ({ tp, fn }) => ratio(fn, tp + fn);

/** Specificity, true negative rate: TN / (TN + FP). */
export const specificity: ClassMeasure = ({ tn, fp }) => ratio(tn, tn + fp);

/** False positive rate: FP / (TN + FP). */
export const fpr: ClassMeasure = ({ tn, fp }) => ratio(fp, tn + fp);

/** The number of examples of the class: TP + FN. */
export const support: ClassMeasure = ({ tp, fn }) => tp + fn;

/**
 * F-beta: (1 + β²)·P·R / (β²·P + R). β > 1 favours recall, β < 1 precision.
 * @throws MetricError unless β is a finite number from 0.
 */
export function fBeta(counts: ClassCounts, beta: number): number {
  if (!(beta >= 0 && Number.isFinite(beta))) throw new MetricError(`beta is ${beta}: give a number from 0`);
  const [p, r] = [precision(counts), recall(counts)];
  return ratio((1 + beta ** 2) * p * r, beta ** 2 * p + r);
}

/** F1, the harmonic mean of precision and recall: 2PR / (P + R). */
export const f1: ClassMeasure = (counts) => fBeta(counts, 1);

/** Other names of the same measures. */
export const ppv = precision;
export const tpr = recall;
export const sensitivity = recall;
export const missRate = fnr;
export const tnr = specificity;

/** Whether a measure's ratio is defined for the counts; where it is not, the measure is 0 by convention. */
export function isDefined(
  measure: "precision" | "recall" | "fnr" | "specificity" | "fpr" | "f1",
  { tp, fn, fp, tn }: ClassCounts,
): boolean {
  switch (measure) {
    case "precision":
      return tp + fp > 0;
    case "recall":
    case "fnr":
      return tp + fn > 0;
    case "specificity":
    case "fpr":
      return tn + fp > 0;
    case "f1":
      // As counts, F1 = 2TP / (2TP + FN + FP): undefined only where the class neither occurs nor is predicted.
      return tp + fn + fp > 0;
    default:
      return measure satisfies never;
  }
}

/** Macro average: the plain mean of the measure over the classes. Macro F1 is the mean of the classes' F1. */
export function macro(matrix: ConfusionMatrix, measure: ClassMeasure): number {
  return sum(allClassCounts(matrix).map(measure)) / matrix.classes;
}

/**
 * Micro average: the measure of the counts summed over the classes. Micro precision is ΣTP / Σ(TP + FP); with one label
 * and one prediction an example it equals micro recall, micro F1 and accuracy.
 */
export function micro(matrix: ConfusionMatrix, measure: ClassMeasure): number {
  return measure(pooledCounts(matrix));
}

/** Average weighted by support: Σ support·measure / Σ support. */
export function weighted(matrix: ConfusionMatrix, measure: ClassMeasure): number {
  const counts = allClassCounts(matrix);
  return ratio(sum(counts.map((each) => support(each) * measure(each))), total(matrix));
}

/** The counts summed over the classes, of which {@link micro} is the measure. */
export function pooledCounts(matrix: ConfusionMatrix): ClassCounts {
  const pooled = { tp: 0, fn: 0, fp: 0, tn: 0 };
  for (const { tp, fn, fp, tn } of allClassCounts(matrix)) {
    pooled.tp += tp;
    pooled.fn += fn;
    pooled.fp += fp;
    pooled.tn += tn;
  }
  return pooled;
}

function ratio(numerator: number, denominator: number): number {
  return denominator === 0 ? 0 : numerator / denominator;
}

function sum(values: readonly number[]): number {
  return values.reduce((partial, value) => partial + value, 0);
}
