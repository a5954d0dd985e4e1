import type { NdArray } from "../graph/array";
import { formatShape, isConcrete, rowMajorStrides, shapesEqual, sizeOf } from "../graph/shape";
import type { Tensor } from "../graph/tensor";
import { histogram } from "../metrics/histogram";
import { elementwiseOperations } from "../ops";
import { isWindowed } from "./elements-windows";
import { statisticsOf } from "./expressions/format";
import type { DebugGraph } from "./graph";
import type { Jacobian } from "./jacobians";
import type { TensorLook, TensorPicture } from "./requests";

/** Which part of a tensor is looked at. */
export type Part = Pick<TensorLook, "expression" | "slice" | "rows" | "columns" | "most" | "from">;

/** What is said of it. */
export interface Caption {
  readonly title: string;
  readonly note?: string | null;
  readonly place?: TensorPicture["place"];
  /** Whether its last two axes are the rows and columns of images: see {@link holdsImages}. */
  readonly pixels?: boolean;
}

/** At most so many rows and columns of partial derivatives are computed for a picture. */
const MOST_PARTIALS = 64;

/** A part of a tensor, with figures of the whole. @throws in words where it has no such part */
export function pictureOf(array: NdArray, part: Part, caption: Caption): TensorPicture {
  const { shape, data } = array;
  const cut = cutOf(shape, part);
  const strides = rowMajorStrides(shape);
  const base = cut.fixed.reduce<number>((at, index, axis) => at + (index ?? 0) * strides[axis], 0);
  const step = (axis: number | null): number => (axis === null ? 0 : strides[axis]);
  const values = new Float64Array(cut.rows.count * cut.columns.count);
  for (let row = 0; row < cut.rows.count; row++) {
    const from = base + (cut.rows.first + row) * step(cut.rows.axis);
    for (let column = 0; column < cut.columns.count; column++)
      values[row * cut.columns.count + column] = data[from + (cut.columns.first + column) * step(cut.columns.axis)];
  }
  const rank = shape.length;
  const isUpright = cut.rows.axis === rank - 2 && cut.columns.axis === rank - 1;
  return finish(array, part, cut, { values, figures: array, pixels: (caption.pixels ?? false) && isUpright }, caption);
}

/** now − before, element by element. @throws in words where the two cannot be compared */
export function changeOf(before: NdArray | undefined, now: NdArray): NdArray {
  if (!before) throw new Error("it had no value at the previous stop, so there is no change to show");
  if (!shapesEqual(before.shape, now.shape))
    throw new Error(
      `its shape was ${formatShape(before.shape)} at the previous stop and is ${formatShape(now.shape)}, so there is no change to show`,
    );
  return { ...now, dtype: "float32", data: now.data.map((x, i) => x - before.data[i]) };
}

/**
 * A part of a Jacobian; nothing else of it is computed. By default its rows and columns are the last axes of what its layout puts first
 * and second, and in both the same example of the batch.
 */
export function jacobianPicture(jacobian: Jacobian, part: Part, caption: Caption): TensorPicture {
  const { shape } = jacobian;
  const [first, second] =
    jacobian.resultAxes[0] === 0
      ? [jacobian.resultAxes, jacobian.inputAxes]
      : [jacobian.inputAxes, jacobian.resultAxes];
  // Of a scalar the other side's own axes are rows and columns.
  const isMatrix = first.length > 0 && second.length > 0;
  const last = isMatrix ? [first[first.length - 1], second[second.length - 1]] : [];
  const rows = part.rows ?? last.find((axis) => axis !== part.columns);
  const columns = part.columns ?? last.toReversed().find((axis) => axis !== rows);
  const most = Math.min(part.most, MOST_PARTIALS);
  const asked: Part = {
    ...part,
    most,
    ...(rows === undefined ? {} : { rows }),
    ...(columns === undefined ? {} : { columns }),
  };
  const remaining = shape.map((_, axis) => axis).filter((axis) => axis !== rows && axis !== columns);
  const slice = isMatrix ? sameExample(part.slice, remaining, first, second, shape) : part.slice;
  const cut = cutOf(shape, { ...asked, slice });
  const places: number[][] = [];
  for (let row = 0; row < cut.rows.count; row++)
    for (let column = 0; column < cut.columns.count; column++)
      places.push(
        cut.fixed.map((index, axis) =>
          axis === cut.rows.axis
            ? cut.rows.first + row
            : axis === cut.columns.axis
              ? cut.columns.first + column
              : (index ?? 0),
        ),
      );
  const values = jacobian.at(places);
  const figures: NdArray = { shape: [cut.rows.count, cut.columns.count], dtype: "float32", data: values };
  const isWhole = values.length === sizeOf(shape);
  const limited = part.most > MOST_PARTIALS && (cut.rows.size > MOST_PARTIALS || cut.columns.size > MOST_PARTIALS);
  const notes = [
    caption.note,
    isWhole ? null : "The figures are those of the part that is shown.",
    limited ? `At most ${MOST_PARTIALS} × ${MOST_PARTIALS} partial derivatives are computed at a time.` : null,
  ].filter((note) => note !== null && note !== undefined);
  const note = notes.length === 0 ? null : notes.join(" ");
  const whole: NdArray = { shape, dtype: "float32", data: values };
  return finish(whole, asked, cut, { values, figures, pixels: false }, { ...caption, note });
}

/** Whether a node's last two axes are the rows and columns of images: convolution's filters and feature maps, and images that are given. */
export function holdsImages({ nodes }: Pick<DebugGraph, "nodes">, node: Tensor): boolean {
  const forward = node.phase === "backward" || node.phase === "update" ? (node.of ?? node) : node;
  const shape = forward.knownShape;
  if (!isConcrete(shape) || shape.length < 3 || shape.slice(-2).some((size) => size < 2)) return false;
  return imagesOf(nodes).has(forward);
}

/** Nodes by the list that they stand in. */
const known = new WeakMap<readonly Tensor[], ReadonlySet<Tensor>>();

function imagesOf(nodes: readonly Tensor[]): ReadonlySet<Tensor> {
  const before = known.get(nodes);
  if (before) return before;
  const images = new Set<Tensor>();
  const isMap = (node: Tensor): boolean => node.knownShape?.length === 4;
  for (const node of nodes) {
    if (isWindowed(node.op)) for (const each of [node, ...node.inputs]) if (isMap(each)) images.add(each);
    const [last, before] = (node.knownShape ?? []).slice().reverse();
    // A picture without channels: as high as it is wide, and larger than a table of a few numbers.
    if (node.op === "input" && node.knownShape?.length === 3 && last === before && Number(last) >= 5) images.add(node);
  }
  // Activations, biases and sums of maps are maps of the same size.
  const isPointwise = (node: Tensor): boolean => elementwiseOperations().has(node.op) && isMap(node);
  for (const node of nodes) if (isPointwise(node) && node.inputs.some((input) => images.has(input))) images.add(node);
  for (const node of [...nodes].reverse())
    if (isPointwise(node) && images.has(node)) for (const input of node.inputs) if (isMap(input)) images.add(input);
  known.set(nodes, images);
  return images;
}

interface Cut {
  /** For each axis that is neither rows nor columns the index. */
  readonly fixed: readonly (number | undefined)[];
  readonly slice: readonly number[];
  readonly rows: TensorPicture["rows"];
  readonly columns: TensorPicture["columns"];
}

function cutOf(shape: readonly number[], { slice, rows, columns, most, from = [0, 0] }: Part): Cut {
  const rank = shape.length;
  const column = rank === 0 ? null : axisOf(columns ?? (rank === 1 && rows === 0 ? null : freeAxis(rank, rows)), shape);
  const row = rank === 0 ? null : axisOf(rows ?? (rank < 2 ? null : freeAxis(rank, column ?? undefined)), shape);
  if (row !== null && row === column)
    throw new Error(`rows and columns are two axes, but both are axis ${row} of [${shape.join(", ")}]`);
  const others = shape.map((_, axis) => axis).filter((axis) => axis !== row && axis !== column);
  const fixed = new Array<number | undefined>(rank).fill(undefined);
  const chosen = others.map((axis, i) => {
    const index = slice[i] ?? 0;
    if (!Number.isInteger(index) || index < 0 || index >= shape[axis])
      throw new Error(
        shape[axis] === 0
          ? `axis ${axis} of [${shape.join(", ")}] has no elements`
          : `axis ${axis} of [${shape.join(", ")}] has the indices 0 to ${shape[axis] - 1}, not ${index}`,
      );
    fixed[axis] = index;
    return index;
  });
  const side = (axis: number | null, wanted: number): TensorPicture["rows"] => {
    const size = axis === null ? 1 : shape[axis];
    const first = Math.min(Math.max(0, Math.floor(wanted)), Math.max(0, size - 1));
    return { axis, size, first, count: Math.max(0, Math.min(Math.max(1, Math.floor(most)), size - first)) };
  };
  return { fixed, slice: chosen, rows: side(row, from[0]), columns: side(column, from[1]) };
}

/** The last axis that is not taken. */
function freeAxis(rank: number, taken: number | undefined): number {
  return taken === rank - 1 ? rank - 2 : rank - 1;
}

function axisOf(axis: number | null, shape: readonly number[]): number | null {
  if (axis === null || (Number.isInteger(axis) && axis >= 0 && axis < shape.length)) return axis;
  throw new Error(`[${shape.join(", ")}] has the axes 0 to ${shape.length - 1}, not ${axis}`);
}

/** Indices that are not given of the second group's axes are those of the first group's at the same place, if they fit. */
function sameExample(
  given: readonly number[],
  remaining: readonly number[],
  first: readonly number[],
  second: readonly number[],
  shape: readonly number[],
): number[] {
  const slice: number[] = [];
  remaining.forEach((axis, i) => {
    const twin = second.includes(axis) ? first[second.indexOf(axis)] : undefined;
    const same = twin === undefined ? -1 : remaining.indexOf(twin);
    const index = given[i] ?? (same >= 0 ? slice[same] : 0);
    slice.push(given[i] === undefined && index >= shape[axis] ? 0 : index);
  });
  return slice;
}

function finish(
  { shape, dtype }: NdArray,
  { expression }: Part,
  { slice, rows, columns }: Cut,
  { values, figures, pixels }: { readonly values: Float64Array; readonly figures: NdArray; readonly pixels: boolean },
  { title, note = null, place = null }: Caption,
): TensorPicture {
  const { least, most, counts } = histogram([figures.data]);
  return {
    expression,
    shape,
    dtype,
    slice,
    rows,
    columns,
    values,
    statistics: statisticsOf(figures),
    histogram: { least, most, counts },
    title,
    note,
    place,
    pixels,
  };
}
