/**
 * The history of a figure as a picture of one pixel a layer and column, which canvases stretch to size. Only columns that are
 * new are coloured; another axis or another theme colours all anew.
 */
import { clampedPosition, type Scale } from "../charts/scale";
import type { FlowColumn } from "../protocol";
import { figureOf, type FlowFigure } from "./figures";

export interface HeatKey {
  readonly layers: number;
  readonly figure: FlowFigure;
  readonly scale: Scale;
  /** 256 colours. */
  readonly pixels: Uint32Array;
}

export interface Heat {
  readonly key: HeatKey;
  readonly columns: readonly FlowColumn[];
}

/** The first column that a picture of `before` does not show yet, or 0 where it must be drawn anew. */
export function firstNewColumn(before: Heat | undefined, after: Heat): number {
  if (!before || !sameKey(before.key, after.key)) return 0;
  // The last columns of a history are merged now and then, the older ones stay the records they were.
  const most = Math.min(before.columns.length, after.columns.length);
  for (let i = 0; i < most; i++) if (before.columns[i] !== after.columns[i]) return i;
  return most;
}

/** The pixels of one column from input to output; transparent where the figure has no meaning. */
export function columnPixels(column: FlowColumn, { layers, figure, scale, pixels }: HeatKey): Uint32Array {
  const result = new Uint32Array(layers);
  for (let layer = 0; layer < layers; layer++) {
    const value = figureOf(column, layer, figure);
    if (value !== null) result[layer] = pixels[Math.round(clampedPosition(scale, value) * (pixels.length - 1))];
  }
  return result;
}

/**
 * Where columns begin and end on an axis from the first iteration to the last, from 0 to 1: a column stands for the iterations
 * since the one before.
 */
export function columnEdges(columns: readonly FlowColumn[]): Float64Array {
  const edges = new Float64Array(columns.length + 1);
  if (columns.length === 0) return edges;
  const last = columns[columns.length - 1].iteration;
  // Where the first one begins is not told: its iterations are as dense as those of the second.
  const [one, two = { iteration: one.iteration + one.span, span: one.span }] = columns;
  const first = Math.max(one.iteration - ((two.iteration - one.iteration) * one.span) / two.span, 0);
  const range = Math.max(last - first, 1);
  columns.forEach((column, i) => (edges[i + 1] = (column.iteration - first) / range));
  return edges;
}

function sameKey(a: HeatKey, b: HeatKey): boolean {
  return (
    a.layers === b.layers &&
    a.figure === b.figure &&
    a.pixels === b.pixels &&
    a.scale.kind === b.scale.kind &&
    a.scale.low === b.scale.low &&
    a.scale.high === b.scale.high
  );
}
