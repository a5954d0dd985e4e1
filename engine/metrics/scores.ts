/** Measures of scores: what happens as the decision threshold moves, ranking, and the best k classes. */

import { fnr, fpr, precision, recall } from "./confusion";
import type { ClassCounts } from "./confusion";
import { checkClass, checkCount, checkLengths, MetricError } from "./error";

/** The measures of a binary classifier that says 1 where score ≥ threshold. */
export interface ThresholdPoint extends ClassCounts {
  readonly threshold: number;
  readonly precision: number;
  readonly recall: number;
  readonly fpr: number;
  readonly fnr: number;
}

/**
 * Precision, recall, FPR and FNR by threshold, thresholds falling. A ratio 0/0 counts as 0.
 * @param labels 0 or 1, shape [n]
 * @param scores the higher, the more likely 1, shape [n]
 * @param thresholds default: +∞ (nothing is predicted 1), then every distinct score
 * @throws MetricError for a label other than 0 and 1, a score or threshold that is NaN, or differing lengths.
 */
export function thresholdCurve(
  labels: ArrayLike<number>,
  scores: ArrayLike<number>,
  thresholds?: readonly number[],
): ThresholdPoint[] {
  checkBinary(labels, scores);
  const order = byFallingScore(scores);
  const wanted = thresholds ?? [Infinity, ...new Set(order.map((index) => scores[index]))];
  wanted.forEach((threshold, index) => {
    if (Number.isNaN(threshold)) throw new MetricError(`thresholds[${index}] is NaN: give a number`);
  });
  const positives = countOnes(labels);
  const points: ThresholdPoint[] = [];
  let [position, tp, fp] = [0, 0, 0];
  // An infinite score is no reason to predict 1 at the threshold that stands for "never".
  const never = thresholds === undefined;
  for (const [index, threshold] of [...wanted].sort((a, b) => b - a || 0).entries()) {
    while (position < order.length && scores[order[position]] >= threshold && !(never && index === 0)) {
      if (labels[order[position]] === 1) tp++;
      else fp++;
      position++;
    }
    const counts = { tp, fp, fn: positives - tp, tn: labels.length - positives - fp };
    const rates = { precision: precision(counts), recall: recall(counts), fpr: fpr(counts), fnr: fnr(counts) };
    points.push({ threshold, ...counts, ...rates });
  }
  return points;
}

/** The measures at one threshold. */
export function atThreshold(labels: ArrayLike<number>, scores: ArrayLike<number>, threshold: number): ThresholdPoint {
  return thresholdCurve(labels, scores, [threshold])[0];
}

/**
 * Area under the ROC curve: the chance that a random 1 scores above a random 0, ties counted half
 * (Mann and Whitney's U over the number of pairs), which equals the trapezoidal area.
 * @throws MetricError when one of the two classes has no example: the area is then undefined.
 */
export function rocAuc(labels: ArrayLike<number>, scores: ArrayLike<number>): number {
  checkBinary(labels, scores);
  const positives = countOnes(labels);
  const negatives = labels.length - positives;
  if (positives === 0 || negatives === 0) {
    throw new MetricError(
      `the area under the ROC curve needs examples of both classes, but there are ${positives} of 1 and ${negatives} of 0: give more examples`,
    );
  }
  const order = byFallingScore(scores);
  let [wins, negativesAbove] = [0, 0];
  for (let start = 0; start < order.length;) {
    let [ones, zeros, end] = [0, 0, start];
    for (; end < order.length && scores[order[end]] === scores[order[start]]; end++) {
      if (labels[order[end]] === 1) ones++;
      else zeros++;
    }
    wins += ones * (negatives - negativesAbove - zeros) + (ones * zeros) / 2;
    negativesAbove += zeros;
    start = end;
  }
  return wins / (positives * negatives);
}

/**
 * The share of examples whose label is among the k highest scores; of equal scores the lower index comes first, so that
 * k = 1 is the accuracy of {@link argmaxRows}. No examples give 0.
 * @param scores row-major, shape [n, classes]
 */
export function topKAccuracy(labels: ArrayLike<number>, scores: ArrayLike<number>, classes: number, k: number): number {
  checkCount("k", k, 1);
  checkRows(scores, classes);
  checkLengths("labels", labels.length, "scores (rows)", scores.length / classes);
  let hits = 0;
  for (let row = 0; row < labels.length; row++) {
    checkClass("labels", row, labels[row], classes);
    const own = scores[row * classes + labels[row]];
    let above = 0;
    for (let column = 0; column < classes; column++) {
      const score = scores[row * classes + column];
      if (score > own || (score === own && column < labels[row])) above++;
    }
    if (above < k) hits++;
  }
  return labels.length === 0 ? 0 : hits / labels.length;
}

/**
 * The class with the highest score in each row, the lowest index of equal ones.
 * @param scores row-major, shape [n, classes]; returns shape [n]
 */
export function argmaxRows(scores: ArrayLike<number>, classes: number): Int32Array {
  checkRows(scores, classes);
  const result = new Int32Array(scores.length / classes);
  for (let row = 0; row < result.length; row++) {
    let best = 0;
    for (let column = 1; column < classes; column++) {
      if (scores[row * classes + column] > scores[row * classes + best]) best = column;
    }
    result[row] = best;
  }
  return result;
}

function checkRows(scores: ArrayLike<number>, classes: number): void {
  checkCount("classes", classes, 1);
  if (scores.length % classes !== 0) {
    throw new MetricError(`${scores.length} scores are no rows of ${classes} classes: give shape [n, ${classes}]`);
  }
  checkScores(scores);
}

function checkBinary(labels: ArrayLike<number>, scores: ArrayLike<number>): void {
  checkLengths("labels", labels.length, "scores", scores.length);
  for (let index = 0; index < labels.length; index++) {
    if (labels[index] !== 0 && labels[index] !== 1) {
      throw new MetricError(`labels[${index}] is ${labels[index]}: a binary label is 0 or 1`);
    }
  }
  checkScores(scores);
}

function checkScores(scores: ArrayLike<number>): void {
  for (let index = 0; index < scores.length; index++) {
    if (Number.isNaN(scores[index])) {
      throw new MetricError(`scores[${index}] is NaN and cannot be ranked: look for the first NaN in the model`);
    }
  }
}

function countOnes(labels: ArrayLike<number>): number {
  let ones = 0;
  for (let index = 0; index < labels.length; index++) ones += labels[index];
  return ones;
}

/** Indices of the scores, highest first. Comparison, not difference: Infinity − Infinity is NaN. */
function byFallingScore(scores: ArrayLike<number>): number[] {
  return Array.from({ length: scores.length }, (_, index) => index).sort((a, b) =>
    scores[a] > scores[b] ? -1 : scores[a] < scores[b] ? 1 : 0,
  );
}
