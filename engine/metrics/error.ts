/** Errors of the metrics, and the checks that the metrics share. */

/** A metric was asked of values that it is not defined for; the message says which value, where, and what to give. */
export class MetricError extends Error {
  override readonly name = "MetricError";
}

/** @throws MetricError when the two differ in length. */
export function checkLengths(firstName: string, first: number, secondName: string, second: number): void {
  if (first === second) return;
  throw new MetricError(
    `${firstName} has ${first} values, but ${secondName} has ${second}: give one of each for every example`,
  );
}

/** @throws MetricError unless `count` is a whole number from `least`. */
export function checkCount(name: string, count: number, least: number): void {
  if (Number.isSafeInteger(count) && count >= least) return;
  throw new MetricError(`${name} is ${count}: give a whole number from ${least}`);
}

/** @throws MetricError unless `value` is a whole number from 0 to `classes` − 1. */
export function checkClass(name: string, index: number, value: number, classes: number): void {
  if (Number.isInteger(value) && value >= 0 && value < classes) return;
  throw new MetricError(
    `${name}[${index}] is ${value}, but the ${classes} classes are numbered 0 to ${classes - 1}: ` +
      "give class indices, and check the number of classes",
  );
}
