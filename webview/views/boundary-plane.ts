/** The plane of two inputs: what the model predicts at each cell, and where examples lie. Pure. */
import type { BoundaryResult } from "../protocol";

export interface Cell {
  /** Class index, or −1 for a number or none. */
  readonly class: number;
  /** How sure the model is, from 0 to 1; for numbers their place between the least and the greatest. */
  readonly share: number;
}

/** What a value of the grid means. */
export function readCell({ classes }: BoundaryResult, value: number, range: readonly [number, number]): Cell | null {
  if (!Number.isFinite(value)) return null;
  if (classes === 0) {
    const width = range[1] - range[0];
    return { class: -1, share: width === 0 ? 0.5 : (value - range[0]) / width };
  }
  const index = Math.min(Math.max(Math.floor(value), 0), classes - 1);
  return { class: index, share: Math.min(Math.max(value - index, 0), 1) };
}

/** The prediction at the grid point that lies nearest to a point. */
export function nearestValue(
  { x, y, resolution, values }: BoundaryResult,
  at: { readonly x: number; readonly y: number },
): number {
  const index = (range: readonly [number, number], value: number): number =>
    Math.min(resolution - 1, Math.max(0, Math.round(((value - range[0]) / (range[1] - range[0])) * (resolution - 1))));
  return values[index(y, at.y) * resolution + index(x, at.x)];
}

/** Of finite numbers. */
export function extremes(values: Iterable<number>): readonly [number, number] {
  let [least, most] = [Infinity, -Infinity];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  return least > most ? [0, 0] : [least, most];
}

/** Which of the drawn points lie where another class than theirs is predicted. */
export function strays(result: BoundaryResult): boolean[] {
  return result.points.map((point) => {
    if (result.classes === 0) return false;
    const cell = readCell(result, nearestValue(result, point), [0, 0]);
    return cell !== null && cell.class !== point.target;
  });
}
