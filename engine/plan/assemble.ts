import { sizeOf } from "../graph/shape";

/** A value that lies in zeros, from `start` on along each axis. */
export interface Part<V> {
  readonly value: V;
  readonly start: readonly number[];
  readonly shape: readonly number[];
}

/** Whether no element of one part is an element of another: then their sum is both of them side by side. */
export function areApart<V>(a: readonly Part<V>[], b: readonly Part<V>[]): boolean {
  return a.every((one) =>
    b.every((other) =>
      one.shape.some(
        (size, axis) =>
          one.start[axis] + size <= other.start[axis] || other.start[axis] + other.shape[axis] <= one.start[axis],
      ),
    ),
  );
}

/** Parts one behind the other along an axis, with what is 0 between them. */
export interface Row<V> {
  readonly outer: number;
  readonly inner: number;
  /** Undefined for zeros. */
  readonly parts: readonly { readonly value: V | undefined; readonly length: number }[];
}

/** Parts of a shape as one row; undefined where they differ along more than one axis. */
export function rowOf<V>(parts: readonly Part<V>[], shape: readonly number[]): Row<V> | undefined {
  const cut = shape.flatMap((size, axis) => (parts.every((part) => part.shape[axis] === size) ? [] : [axis]));
  if (cut.length !== 1) return undefined;
  const [axis] = cut;
  const row: { value: V | undefined; length: number }[] = [];
  let at = 0;
  for (const part of parts.toSorted((a, b) => a.start[axis] - b.start[axis])) {
    if (part.start[axis] > at) row.push({ value: undefined, length: part.start[axis] - at });
    row.push({ value: part.value, length: part.shape[axis] });
    at = part.start[axis] + part.shape[axis];
  }
  if (at < shape[axis]) row.push({ value: undefined, length: shape[axis] - at });
  return { outer: sizeOf(shape.slice(0, axis)), inner: sizeOf(shape.slice(axis + 1)), parts: row };
}
