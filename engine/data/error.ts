/**
 * Data, or an option of a data function, that cannot be used.
 *
 * The message reads `SOURCE: PLACE: PROBLEM. REMEDY`, for example
 * `digits: example 12, target: label 10 is outside 0…9. Labels must be whole numbers below the number of classes`.
 */
export class DataError extends Error {
  override readonly name = "DataError";

  constructor(
    /** The data set or function, as the user wrote it: `csv("data.csv")`. */
    readonly source: string,
    /** Which example and field (`example 12, target`), or undefined where none is to blame. */
    readonly place: string | undefined,
    /** What is wrong, without a full stop. */
    readonly problem: string,
    /** What to do about it, without a full stop. */
    readonly remedy: string,
  ) {
    super(`${source}: ${place === undefined ? "" : `${place}: `}${problem}. ${remedy}`);
  }
}

/** @throws DataError unless the option is a whole number from `minimum`. */
export function requireWhole(source: string, option: string, value: number, minimum: number): number {
  if (Number.isSafeInteger(value) && value >= minimum) return value;
  throw new DataError(
    source,
    undefined,
    `${option} is ${String(value)}`,
    minimum > 0 ? `Give a whole number of at least ${minimum}` : "Give a whole number that is not negative",
  );
}

/** @throws DataError unless the option is a finite number within the bounds (inclusive). */
export function requireNumber(
  source: string,
  option: string,
  value: number,
  minimum = -Infinity,
  maximum = Infinity,
): number {
  if (Number.isFinite(value) && value >= minimum && value <= maximum) return value;
  const range =
    maximum < Infinity ? ` from ${minimum} to ${maximum}` : minimum > -Infinity ? ` of at least ${minimum}` : "";
  throw new DataError(source, undefined, `${option} is ${String(value)}`, `Give a number${range}`);
}
