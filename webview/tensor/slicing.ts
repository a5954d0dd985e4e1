/** Which part of a tensor is asked for: two axes as rows and columns, an index for each other axis, a page. Pure. */
import type { LookOf, TensorPicture, TensorQuestion } from "./protocol";

export interface Slicing {
  /** Which axes are rows and columns; null for the last two, which every tensor has that has two at all. */
  readonly axes: { readonly rows: number; readonly columns: number } | null;
  /** Of every axis of the tensor, also of those shown, so that changing the axes forgets nothing; missing ones are 0. */
  readonly index: readonly number[];
  /** The first row and column that are shown. */
  readonly from: Cell;
}

/** Row and column in the whole matrix, not in its page. */
export type Cell = readonly [row: number, column: number];

export const wholeTensor: Slicing = { axes: null, index: [], from: [0, 0] };

/** The axes that are rows and columns of a tensor of that rank; null for ranks without. */
export function shownAxes(
  { axes }: Slicing,
  rank: number,
): { readonly rows: number | null; readonly columns: number | null } {
  if (rank < 2) return { rows: null, columns: rank === 1 ? 0 : null };
  if (axes && axes.rows < rank && axes.columns < rank) return axes;
  return { rows: rank - 2, columns: rank - 1 };
}

/** The axes that are not shown, in order. */
export function slicedAxes(slicing: Slicing, rank: number): readonly number[] {
  const { rows, columns } = shownAxes(slicing, rank);
  return Array.from({ length: rank }, (_, axis) => axis).filter((axis) => axis !== rows && axis !== columns);
}

/** Another axis as rows or columns. The axis that the other has already is swapped with it. */
export function withAxis(slicing: Slicing, rank: number, which: "rows" | "columns", axis: number): Slicing {
  const before = shownAxes(slicing, rank);
  if (before.rows === null || before.columns === null || axis >= rank) return slicing;
  const other = which === "rows" ? "columns" : "rows";
  const axes = { rows: before.rows, columns: before.columns, [which]: axis };
  if (before[other] === axis) axes[other] = before[which] as number;
  return { ...slicing, axes, from: [0, 0] };
}

/** The index of an axis that is not shown, kept inside the tensor. The page stays: who compares slices looks at the same place. */
export function withIndex(slicing: Slicing, shape: readonly number[], axis: number, index: number): Slicing {
  if (!Number.isInteger(index) || axis >= shape.length) return slicing;
  const kept = shape.map((size, i) => {
    const wanted = i === axis ? index : (slicing.index[i] ?? 0);
    return Math.min(Math.max(wanted, 0), Math.max(size - 1, 0));
  });
  return { ...slicing, index: kept };
}

/** What to ask for. While the shape is unknown (null), or where it changed, indices are those of the default axes. */
export function questionOf(
  expression: string,
  of: LookOf,
  slicing: Slicing,
  shape: readonly number[] | null,
  most: number,
): TensorQuestion {
  const { axes, from } = slicing;
  const slice = shape ? slicedAxes(slicing, shape.length).map((axis) => slicing.index[axis] ?? 0) : [];
  // Missing ones are 0: the same part is asked for in the same words whether the shape was known or not.
  while (slice.at(-1) === 0) slice.pop();
  return { expression, of, slice, ...(shape && shape.length > 1 && axes ? axes : {}), most, from };
}

/** The full index of a cell of the picture. */
export function indexOf({ shape, rows, columns, slice }: TensorPicture, [row, column]: Cell): readonly number[] {
  let next = 0;
  return shape.map((_, axis) => {
    if (axis === rows.axis) return row;
    return axis === columns.axis ? column : (slice[next++] ?? 0);
  });
}

/** Its value; undefined where it lies outside the page. */
export function valueAt({ rows, columns, values }: TensorPicture, [row, column]: Cell): number | undefined {
  const [down, along] = [row - rows.first, column - columns.first];
  if (down < 0 || along < 0 || down >= rows.count || along >= columns.count) return undefined;
  return values[down * columns.count + along];
}
