import assert from "node:assert/strict";

/** Equal within the rounding of a few operations in 64-bit floats, NaN and infinities included. */
export function close(actual: number, expected: number, message?: string): void {
  const near = Object.is(actual, expected) || Math.abs(actual - expected) <= 1e-12 * Math.max(1, Math.abs(expected));
  assert.ok(near, `${message === undefined ? "" : `${message}: `}${actual} should be ${expected}`);
}
