/** How large cells are drawn, and which of them lie where. Pure. */
import type { Size } from "../charts/canvas";
import type { Range } from "../views/look-pixels";
import type { TensorPicture } from "./protocol";
import type { Cell } from "./slicing";

/** Widths of a cell in CSS pixels. From {@link VALUES_FROM} on there is room for a number. */
export const ZOOMS = [2, 3, 4, 6, 8, 12, 16, 24, 36, 48, 64, 92, 132] as const;

const VALUES_FROM = 36;
/** Cells with numbers need not be as high as they are wide. */
const VALUE_HEIGHT = 24;
/** Larger cells than these help nobody who has not asked for them. */
const FIT_MOST = 64;
/** Smaller ones are no longer seen one by one: then the map scrolls. */
const FIT_LEAST = 6;
/** One row is scrolled rather than made too small to read. */
const FIT_LEAST_OF_ROW = 48;

/** A character of the numbers in cells, in CSS pixels. */
export const CHARACTER = 6.6;

export function cellSize(zoom: number): Size {
  const width = ZOOMS[Math.min(Math.max(zoom, 0), ZOOMS.length - 1)];
  return { width, height: width >= VALUES_FROM ? VALUE_HEIGHT : width };
}

/** How many characters a cell holds: 0 where it is too small for numbers. */
export function roomFor({ width }: Size): number {
  return width >= VALUES_FROM ? Math.floor((width - 4) / CHARACTER) : 0;
}

/** The largest zoom at which so many cells fit into the room. */
export function fittingZoom(rows: number, columns: number, room: Size): number {
  const usable = ZOOMS.map((width, zoom) => ({ width, zoom })).filter(
    ({ width }) => width >= (rows === 1 ? FIT_LEAST_OF_ROW : FIT_LEAST) && width <= FIT_MOST,
  );
  const fits = usable.filter(({ zoom }) => {
    const cell = cellSize(zoom);
    return cell.width * columns <= room.width && cell.height * rows <= room.height;
  });
  return (fits.at(-1) ?? usable[0]).zoom;
}

/** Room for the names of rows (`width`) and columns (`height`). */
export function marginOf({ rows }: TensorPicture): Size {
  return { width: String(Math.max(rows.size - 1, 0)).length * CHARACTER + 14, height: 20 };
}

/** Columns between two names of columns, so that they do not run into each other; 1, 2, 5, 10, … */
export function labelStep(largest: number, room: number): number {
  const wanted = largest / room;
  let step = 1;
  for (let i = 0; step < wanted; i++) step *= i % 3 === 1 ? 2.5 : 2;
  return step;
}

export interface Window {
  readonly firstRow: number;
  readonly endRow: number;
  readonly firstColumn: number;
  readonly endColumn: number;
}

/** The cells of the page that are in sight, counted in the page. */
export function cellsInSight(
  { rows, columns }: TensorPicture,
  cell: Size,
  margin: Size,
  scroll: { readonly left: number; readonly top: number },
  view: Size,
): Window {
  return {
    firstRow: Math.min(Math.floor(scroll.top / cell.height), rows.count),
    endRow: Math.min(Math.ceil((scroll.top + view.height - margin.height) / cell.height), rows.count),
    firstColumn: Math.min(Math.floor(scroll.left / cell.width), columns.count),
    endColumn: Math.min(Math.ceil((scroll.left + view.width - margin.width) / cell.width), columns.count),
  };
}

/** The cell at a point of the view, in the whole matrix; null beside the cells. */
export function cellAt(
  { rows, columns }: TensorPicture,
  cell: Size,
  margin: Size,
  scroll: { readonly left: number; readonly top: number },
  point: { readonly x: number; readonly y: number },
): Cell | null {
  if (point.x < margin.width || point.y < margin.height) return null;
  const column = Math.floor((point.x - margin.width + scroll.left) / cell.width);
  const row = Math.floor((point.y - margin.height + scroll.top) / cell.height);
  return row < rows.count && column < columns.count ? [rows.first + row, columns.first + column] : null;
}

/** What the colours stand for: the whole tensor, so that pages and slices can be compared, or the part that is shown. */
export function domainOf({ statistics, values }: TensorPicture, ofPart: boolean): Range {
  const { least, most } = statistics;
  if (!ofPart && Number.isFinite(least) && Number.isFinite(most)) return { least, most };
  const finite = values.filter(Number.isFinite);
  return finite.reduce(
    (range, value) => ({ least: Math.min(range.least, value), most: Math.max(range.most, value) }),
    finite.length === 0 ? { least: 0, most: 0 } : { least: finite[0], most: finite[0] },
  );
}
