import assert from "node:assert/strict";

/**
 * The largest difference, relative to the largest finite number expected (of the whole tensor: numbers that cancel
 * have no digits of their own). Infinities and NaN must be at the same places: else Infinity.
 */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity;
  let largest = 0;
  let difference = 0;
  for (let i = 0; i < expected.length; i++) {
    const [a, e] = [actual[i], expected[i]];
    if (!Number.isFinite(e) || !Number.isFinite(a)) {
      if (!Object.is(a, e)) return Infinity;
      continue;
    }
    largest = Math.max(largest, Math.abs(e));
    difference = Math.max(difference, Math.abs(a - e));
  }
  return difference === 0 ? 0 : largest === 0 ? difference : difference / largest;
}

/** @throws with both lists when the {@link relativeError} exceeds the bound. */
export function assertClose(actual: ArrayLike<number>, expected: ArrayLike<number>, bound: number, what: string): void {
  const error = relativeError(actual, expected);
  if (error <= bound) return;
  const list = (numbers: ArrayLike<number>): string => Array.from(numbers).join(", ");
  assert.fail(`${what}: relative error ${error} > ${bound}\n  got      ${list(actual)}\n  expected ${list(expected)}`);
}
