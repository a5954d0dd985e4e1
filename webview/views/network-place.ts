/** How a drawing that changes keeps its place under the eyes of who looks at it. Pure. */
import type { Box, Point } from "./network-layout";

export interface Item extends Box {
  readonly key: string;
}

export interface Moved {
  /** A corner of the item in the drawing before, and in the one after. */
  readonly before: Point;
  readonly after: Point;
}

/**
 * What must stay where it is on the screen when a drawing is laid out anew: the item that the viewer chose if it is in sight, else
 * of those in both drawings the one nearest to the middle of what is in sight; null where nothing is in both.
 */
export function anchorOf(
  before: readonly Item[],
  after: readonly Item[],
  sight: Box,
  chosen: string | null,
): Moved | null {
  const places = new Map(after.map((item) => [item.key, item]));
  const middle = { x: sight.x + sight.width / 2, y: sight.y + sight.height / 2 };
  let best: Moved | null = null;
  let least = Infinity;
  for (const item of before) {
    const now = places.get(item.key);
    if (!now) continue;
    const distance = item.key === chosen && touches(item, sight) ? -1 : distanceTo(item, middle);
    if (distance >= least) continue;
    least = distance;
    best = { before: { x: item.x, y: item.y }, after: { x: now.x, y: now.y } };
  }
  return best;
}

function distanceTo({ x, y, width, height }: Box, point: Point): number {
  return Math.hypot(x + width / 2 - point.x, y + height / 2 - point.y);
}

export function touches(a: Box, b: Box): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

/** Whether all of a drawing of this size lies within what is in sight. */
export function isWithin({ width, height }: { readonly width: number; readonly height: number }, sight: Box): boolean {
  return sight.x <= 0 && sight.y <= 0 && sight.x + sight.width >= width && sight.y + sight.height >= height;
}
