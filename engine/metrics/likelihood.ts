/**
 * How well predicted probabilities fit the labels, with the natural logarithm, and the loss of an epoch.
 * A label to which the model gives probability 0 makes the loss ∞: nothing is clipped.
 */

import { checkClass, checkCount, checkLengths, MetricError } from "./error";

/**
 * Log loss, binary cross-entropy: −(1/n) Σ [y log ŷ + (1 − y) log(1 − ŷ)].
 * @param labels 0 or 1 (or a probability between), shape [n]
 * @param probabilities of 1, shape [n]
 * @throws MetricError for a value outside 0 to 1, differing lengths or no values.
 */
export function logLoss(labels: ArrayLike<number>, probabilities: ArrayLike<number>): number {
  checkLengths("labels", labels.length, "probabilities", probabilities.length);
  checkSome(labels.length);
  let loss = 0;
  for (let index = 0; index < labels.length; index++) {
    const [y, p] = [labels[index], probabilities[index]];
    checkProbability("labels", index, y);
    checkProbability("probabilities", index, p);
    // 0·log 0 is 0 in the limit, and NaN in floating point.
    if (y > 0) loss -= y * Math.log(p);
    if (y < 1) loss -= (1 - y) * Math.log1p(-p);
  }
  return loss / labels.length;
}

/**
 * Cross-entropy of class labels, the negative log likelihood: −(1/n) Σ log p[i, yᵢ].
 * @param labels class indices, shape [n]
 * @param probabilities row-major, shape [n, classes]
 * @throws MetricError for an index out of range, a value outside 0 to 1, differing lengths or no values.
 */
export function crossEntropy(labels: ArrayLike<number>, probabilities: ArrayLike<number>, classes: number): number {
  checkCount("classes", classes, 1);
  checkLengths("labels × classes", labels.length * classes, "probabilities", probabilities.length);
  checkSome(labels.length);
  let loss = 0;
  for (let row = 0; row < labels.length; row++) {
    checkClass("labels", row, labels[row], classes);
    const index = row * classes + labels[row];
    checkProbability("probabilities", index, probabilities[index]);
    loss -= Math.log(probabilities[index]);
  }
  return loss / labels.length;
}

export interface EpochLoss {
  /** Σ nᵦ·lossᵦ / Σ nᵦ: the mean over the examples, whatever the size of the last batch. */
  readonly perExample: number;
  /** Total of the batch losses / number of batches. */
  readonly perBatch: number;
}

/**
 * The loss of an epoch from its batches' mean losses and sizes, in both usual forms; they differ when the last batch is short.
 * @throws MetricError for differing lengths, no batches or a size under 1.
 */
export function epochLoss(batchLosses: ArrayLike<number>, batchSizes: ArrayLike<number>): EpochLoss {
  checkLengths("batchLosses", batchLosses.length, "batchSizes", batchSizes.length);
  checkSome(batchLosses.length);
  let [examples, byExample, byBatch] = [0, 0, 0];
  for (let batch = 0; batch < batchLosses.length; batch++) {
    checkCount(`batchSizes[${batch}]`, batchSizes[batch], 1);
    examples += batchSizes[batch];
    byExample += batchSizes[batch] * batchLosses[batch];
    byBatch += batchLosses[batch];
  }
  return { perExample: byExample / examples, perBatch: byBatch / batchLosses.length };
}

function checkSome(count: number): void {
  if (count === 0) throw new MetricError("there are no values to measure: give at least one example");
}

function checkProbability(name: string, index: number, value: number): void {
  if (value >= 0 && value <= 1) return;
  throw new MetricError(`${name}[${index}] is ${value}, no probability: apply sigmoid or softmax to logits first`);
}
