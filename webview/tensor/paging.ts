/** Pages of a large matrix, and where keys bring the cursor. Pure. */
import type { Cell } from "./slicing";

/** Rows and columns of one page: of the heat map, and of the table, which is made of elements of the page. */
export const PAGE = { map: 128, table: 24 } as const;

export interface Extent {
  readonly size: number;
  readonly first: number;
  readonly count: number;
}

/** Where the page begins that holds this index. */
export function pageStart(index: number, size: number, page: number): number {
  const inside = Math.min(Math.max(index, 0), Math.max(size - 1, 0));
  return Math.floor(inside / page) * page;
}

/** Where the next page begins, or the one before; null where there is none. */
export function turned({ size, first, count }: Extent, by: 1 | -1, page: number): number | null {
  if (by === 1) return first + count < size ? pageStart(first + count, size, page) : null;
  return first > 0 ? pageStart(first - 1, size, page) : null;
}

/** `0–127 of 4,096`; for what fits into one page its size alone. */
export function extentText({ size, first, count }: Extent): string {
  const whole = size.toLocaleString("en-US");
  if (count >= size) return whole;
  return `${first.toLocaleString("en-US")}–${(first + count - 1).toLocaleString("en-US")} of ${whole}`;
}

/** Where a key brings the cursor; null for keys that do not move it. `stride` is what Page Up and Page Down jump over. */
export function moved(
  cell: Cell,
  key: string,
  far: boolean,
  rows: number,
  columns: number,
  stride: number,
): Cell | null {
  const [row, column] = cell;
  const to = (r: number, c: number): Cell => [
    Math.min(Math.max(r, 0), Math.max(rows - 1, 0)),
    Math.min(Math.max(c, 0), Math.max(columns - 1, 0)),
  ];
  switch (key) {
    case "ArrowUp":
      return to(far ? 0 : row - 1, column);
    case "ArrowDown":
      return to(far ? rows - 1 : row + 1, column);
    case "ArrowLeft":
      return to(row, far ? 0 : column - 1);
    case "ArrowRight":
      return to(row, far ? columns - 1 : column + 1);
    case "PageUp":
      return to(row - stride, column);
    case "PageDown":
      return to(row + stride, column);
    case "Home":
      return to(far ? 0 : row, 0);
    case "End":
      return to(far ? rows - 1 : row, columns - 1);
    default:
      return null;
  }
}
