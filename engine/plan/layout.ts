import type { View } from "../kernel/kernel";

/** Whether a view reads dense memory in order, from its beginning. */
export function isWhole({ strides, offset }: View, shape: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis];
  }
  return offset === 0;
}

/**
 * The same elements in the same order under another shape, read where they are. Undefined where axes that become one do not lie
 * one behind the other, so that they must be copied.
 */
export function reshapedView(
  { strides, offset }: View,
  from: readonly number[],
  to: readonly number[],
): View | undefined {
  const result: number[] = new Array<number>(to.length).fill(0);
  let [i, j] = [0, 0];
  while (i < from.length || j < to.length) {
    // The shortest run of axes on both sides with as many elements.
    let [a, b] = [from[i] ?? 1, to[j] ?? 1];
    let [endI, endJ] = [i + 1, j + 1];
    while (a !== b) {
      if (a < b) a *= from[endI++] ?? NaN;
      else b *= to[endJ++] ?? NaN;
      if (Number.isNaN(a) || Number.isNaN(b)) return undefined;
    }
    const run = range(i, Math.min(endI, from.length)).filter((axis) => from[axis] !== 1);
    for (let at = 0; at + 1 < run.length; at++)
      if (strides[run[at]] !== strides[run[at + 1]] * from[run[at + 1]]) return undefined;
    let stride = run.length > 0 ? strides[run[run.length - 1]] : 0;
    for (const axis of range(j, Math.min(endJ, to.length)).toReversed()) {
      result[axis] = stride;
      stride *= to[axis];
    }
    [i, j] = [endI, endJ];
  }
  return { strides: result, offset };
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
}
