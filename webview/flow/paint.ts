/** Draws the rows of the gradient flow on a canvas: the healthy band, each layer's value now and lately, and its history. */
import { clampedPosition, position, ticks, type Scale } from "../charts/scale";
import type { Theme } from "../theme";
import type { FlowColumns, FlowLayout } from "./layout";
import { rowTop } from "./layout";
import type { HeatPicture } from "./picture";

export type Severity = "information" | "warning" | "error";

/** What a row shows, by layer. */
export interface Marks {
  /** Now; null where the figure has no meaning or is not finite. */
  readonly values: readonly (number | null)[];
  /** Where the marks stand, from 0 to 1: on their way to the values. */
  readonly positions: Float64Array;
  /** Extremes of the last columns. */
  readonly recent: readonly (readonly [least: number, most: number] | null)[];
  readonly severities: ReadonlyMap<number, Severity>;
}

export interface FlowPicture {
  readonly layout: FlowLayout;
  readonly columns: FlowColumns;
  readonly scale: Scale;
  readonly band: readonly [low: number, high: number] | null;
  readonly marks: Marks;
  readonly heat: HeatPicture;
  readonly theme: Theme;
}

/** Room between a column's edge and its axis, so that marks at its ends are whole. */
export const INSET = 10;

/** How many ticks an axis of a width has room for. */
export function tickCount(width: number): number {
  return Math.max(2, Math.min(7, Math.floor((width - 2 * INSET) / 46)));
}

/** Where a value lies relative to the band. */
export function side(
  band: readonly [number, number] | null,
  value: number | null,
): "below" | "within" | "above" | null {
  if (band === null || value === null) return null;
  return value < band[0] ? "below" : value > band[1] ? "above" : "within";
}

/** Paints rows from `first` to before `end` on a context whose origin is the first row's upper left corner. */
export function paintRows(context: CanvasRenderingContext2D, picture: FlowPicture, first: number, end: number): void {
  const { layout, columns, scale, band, theme } = picture;
  const origin = rowTop(layout, first);
  const height = rowTop(layout, end) - origin;
  const left = columns.name + INSET;
  const width = columns.profile - 2 * INSET;
  if (band) paintBand(context, scale, band, theme, left, width, 0, height);
  context.strokeStyle = theme.grid;
  context.lineWidth = 1;
  context.beginPath();
  for (const tick of ticks(scale, tickCount(columns.profile))) {
    const x = Math.round(left + position(scale, tick) * width) + 0.5;
    context.moveTo(x, 0);
    context.lineTo(x, height);
  }
  context.stroke();
  const middle = (layer: number): number => rowTop(layout, layer) - origin + layout.rowHeight / 2;
  paintProfile(context, picture, first, end, left, width, middle);
  for (let layer = first; layer < end; layer++) paintMark(context, picture, layer, left, width, middle(layer));
  paintStrips(context, picture, first, end, origin);
}

export function paintBand(
  context: CanvasRenderingContext2D,
  scale: Scale,
  band: readonly [number, number],
  theme: Theme,
  left: number,
  width: number,
  top: number,
  height: number,
): void {
  const from = left + clampedPosition(scale, band[0]) * width;
  const to = left + clampedPosition(scale, band[1]) * width;
  context.fillStyle = theme.band;
  context.fillRect(from, top, Math.max(to - from, 1), height);
  context.strokeStyle = theme.bandEdge;
  context.lineWidth = 1;
  context.setLineDash([3, 3]);
  context.beginPath();
  for (const x of [from, to]) {
    context.moveTo(Math.round(x) + 0.5, top);
    context.lineTo(Math.round(x) + 0.5, top + height);
  }
  context.stroke();
  context.setLineDash([]);
}

/** One line through the values of all layers: its slant is what a vanishing or exploding gradient looks like. */
function paintProfile(
  context: CanvasRenderingContext2D,
  { layout, marks, theme }: FlowPicture,
  first: number,
  end: number,
  left: number,
  width: number,
  middle: (layer: number) => number,
): void {
  context.strokeStyle = theme.foreground;
  context.globalAlpha = theme.kind.startsWith("contrast") ? 0.9 : 0.45;
  context.lineWidth = 1.5;
  context.lineJoin = "round";
  context.beginPath();
  let pen = false;
  const from = previous(marks, first);
  for (let layer = from ?? first; layer < layout.count; layer++) {
    if (marks.values[layer] === null) continue;
    const x = left + marks.positions[layer] * width;
    if (pen) context.lineTo(x, middle(layer));
    else context.moveTo(x, middle(layer));
    pen = true;
    if (layer >= end) break;
  }
  context.stroke();
  context.globalAlpha = 1;
}

/** The last layer before one that has a value. */
function previous(marks: Marks, layer: number): number | undefined {
  for (let before = layer - 1; before >= 0; before--) if (marks.values[before] !== null) return before;
  return undefined;
}

function paintMark(
  context: CanvasRenderingContext2D,
  { scale, band, marks, theme }: FlowPicture,
  layer: number,
  left: number,
  width: number,
  y: number,
): void {
  const value = marks.values[layer];
  if (value === null) return;
  const recent = marks.recent[layer];
  const where = side(band, value);
  const severity = marks.severities.get(layer);
  const colour = severity
    ? theme[severity]
    : where === "within"
      ? theme.good
      : where === null
        ? theme.series[0]
        : theme.warning;
  if (recent) {
    const from = left + clampedPosition(scale, recent[0]) * width;
    const to = left + clampedPosition(scale, recent[1]) * width;
    context.globalAlpha = 0.35;
    context.strokeStyle = colour;
    context.lineWidth = 5;
    context.lineCap = "round";
    context.beginPath();
    context.moveTo(from, y);
    context.lineTo(to, y);
    context.stroke();
    context.lineCap = "butt";
    context.globalAlpha = 1;
  }
  const x = left + marks.positions[layer] * width;
  context.fillStyle = colour;
  context.strokeStyle = theme.background;
  context.lineWidth = 1.5;
  context.beginPath();
  // Outside the band the mark points away from it: form says what colour says.
  if (where === "below") triangle(context, x, y, -1);
  else if (where === "above") triangle(context, x, y, 1);
  else context.arc(x, y, 4.5, 0, 2 * Math.PI);
  context.fill();
  context.stroke();
}

function triangle(context: CanvasRenderingContext2D, x: number, y: number, direction: 1 | -1): void {
  context.moveTo(x + 6 * direction, y);
  context.lineTo(x - 4 * direction, y - 5);
  context.lineTo(x - 4 * direction, y + 5);
  context.closePath();
}

function paintStrips(
  context: CanvasRenderingContext2D,
  { layout, columns, heat, theme }: FlowPicture,
  first: number,
  end: number,
  origin: number,
): void {
  const source = heat.canvas;
  if (source.width === 0) return;
  const left = columns.name + columns.profile + columns.value;
  const width = columns.strip - 4;
  const gap = layout.rowHeight > 24 ? 3 : 2;
  context.imageSmoothingEnabled = false;
  for (let layer = first; layer < end; layer++) {
    const y = rowTop(layout, layer) - origin + gap;
    const height = layout.rowHeight - 2 * gap;
    context.drawImage(source, 0, layer, source.width, 1, left, y, width, height);
    if (!theme.kind.startsWith("contrast")) continue;
    context.strokeStyle = theme.grid;
    context.lineWidth = 1;
    context.strokeRect(left + 0.5, y + 0.5, width - 1, height - 1);
  }
}

/** The whole network in one narrow picture, with the part that is in sight. */
export function paintMap(
  context: CanvasRenderingContext2D,
  { layout, scale, band, marks, theme }: FlowPicture,
  size: { readonly width: number; readonly height: number },
  sight: { readonly top: number; readonly bottom: number },
): void {
  const { width, height } = size;
  const inset = 5;
  const inner = width - 2 * inset;
  if (band) paintBand(context, scale, band, theme, inset, inner, 0, height);
  const row = height / Math.max(layout.count, 1);
  context.strokeStyle = theme.foreground;
  context.lineWidth = 1.2;
  context.beginPath();
  let pen = false;
  for (let layer = 0; layer < layout.count; layer++) {
    if (marks.values[layer] === null) continue;
    const x = inset + marks.positions[layer] * inner;
    const y = (layer + 0.5) * row;
    if (pen) context.lineTo(x, y);
    else context.moveTo(x, y);
    pen = true;
  }
  context.stroke();
  for (const [layer, severity] of marks.severities) {
    context.fillStyle = theme[severity];
    context.fillRect(width - 4, layer * row, 4, Math.max(row, 3));
  }
  context.fillStyle = theme.grid;
  context.fillRect(0, sight.top, width, sight.bottom - sight.top);
  context.strokeStyle = theme.muted;
  context.strokeRect(0.5, sight.top + 0.5, width - 1, Math.max(sight.bottom - sight.top - 1, 2));
}
