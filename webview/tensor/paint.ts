/** Paints the cells of a heat map that are in sight, and the names of their rows and columns. */
import type { Size } from "../charts/canvas";
import { cssOf, parseColour, withAlpha, type Colour } from "../charts/colour";
import type { Theme } from "../theme";
import { CHARACTER, cellsInSight, labelStep, roomFor } from "./cells";
import { cellText } from "./numbers";
import type { TensorPicture } from "./protocol";
import { readableInk, unpacked } from "./shades";
import type { Cell } from "./slicing";

export interface HeatDrawing {
  readonly picture: TensorPicture;
  /** Of the page's cells. */
  readonly shades: Uint32Array;
  readonly cell: Size;
  readonly margin: Size;
  readonly scroll: { readonly left: number; readonly top: number };
  readonly view: Size;
  readonly theme: Theme;
  readonly cursor: Cell | null;
  readonly hovered: Cell | null;
}

/** Cells from this size on are told apart by more than their colour. */
const EDGES_FROM = 8;

export function paintHeat(context: CanvasRenderingContext2D, drawing: HeatDrawing): void {
  const { picture, margin, view } = drawing;
  context.save();
  context.beginPath();
  context.rect(margin.width, margin.height, view.width - margin.width, view.height - margin.height);
  context.clip();
  paintCells(context, drawing);
  if (drawing.hovered) paintCrosshair(context, drawing, drawing.hovered);
  if (drawing.cursor) paintCursor(context, drawing, drawing.cursor);
  context.restore();
  paintNames(context, drawing);
  if (picture.rows.count > 0) strokeLine(context, drawing.theme.border, margin, view);
}

function paintCells(context: CanvasRenderingContext2D, drawing: HeatDrawing): void {
  const { picture, shades, cell, margin, scroll, view, theme } = drawing;
  const { values, columns } = picture;
  const shown = cellsInSight(picture, cell, margin, scroll, view);
  const inks = inksOf(theme);
  const styles = new Map<number, { readonly css: string; readonly ink: string }>();
  const styleOf = (shade: number): { readonly css: string; readonly ink: string } => {
    let style = styles.get(shade);
    if (!style) {
      const colour = unpacked(shade);
      styles.set(shade, (style = { css: cssOf(colour), ink: readableInk(colour, inks).css }));
    }
    return style;
  };
  const characters = roomFor(cell);
  // Where many cells lie side by side, lines between them would hide their colours.
  const gap = cell.width >= EDGES_FROM ? 1 : 0;
  const high = theme.kind === "contrast-dark" || theme.kind === "contrast-light";
  context.font = `11px ${theme.font}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (let row = shown.firstRow; row < shown.endRow; row++) {
    const y = margin.height + row * cell.height - scroll.top;
    for (let column = shown.firstColumn; column < shown.endColumn; column++) {
      const x = margin.width + column * cell.width - scroll.left;
      const at = row * columns.count + column;
      const value = values[at];
      const [width, height] = [cell.width - gap, cell.height - gap];
      const finite = Number.isFinite(value);
      if (finite) {
        context.fillStyle = styleOf(shades[at]).css;
        context.fillRect(x, y, width, height);
      } else {
        paintHatch(context, theme, value, x, y, width, height);
      }
      const text = cellText(value, characters);
      if (text !== "") {
        if (!finite) paintLabel(context, theme, text, x + width / 2, y + height / 2);
        else {
          context.fillStyle = styleOf(shades[at]).ink;
          context.fillText(text, x + width / 2, y + height / 2);
        }
      } else if (high && value < 0 && finite && cell.width >= EDGES_FROM) {
        // Without its number a negative cell says by a dash what its colour says.
        context.fillStyle = styleOf(shades[at]).ink;
        context.fillRect(x + width * 0.3, Math.round(y + height / 2), width * 0.4, 1);
      }
      if (high && gap > 0) {
        context.strokeStyle = theme.grid;
        context.lineWidth = 1;
        context.strokeRect(x - 0.5, y - 0.5, cell.width, cell.height);
      }
    }
  }
}

/** NaN is hatched both ways, infinity upwards and minus infinity downwards: seen without colour, and at any size. */
function paintHatch(
  context: CanvasRenderingContext2D,
  theme: Theme,
  value: number,
  x: number,
  y: number,
  width: number,
  height: number,
): void {
  context.fillStyle = theme.background;
  context.fillRect(x, y, width, height);
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.strokeStyle = theme.error;
  context.lineWidth = 1;
  context.beginPath();
  const step = Math.max(3, Math.min(6, Math.min(width, height) / 2));
  for (let along = -height; along < width; along += step) {
    if (value !== -Infinity) {
      context.moveTo(x + along, y + height);
      context.lineTo(x + along + height, y);
    }
    if (value !== Infinity) {
      context.moveTo(x + along, y);
      context.lineTo(x + along + height, y + height);
    }
  }
  context.stroke();
  context.strokeRect(x + 0.5, y + 0.5, width - 1, height - 1);
  context.restore();
}

function paintLabel(context: CanvasRenderingContext2D, theme: Theme, text: string, x: number, y: number): void {
  const width = context.measureText(text).width + 6;
  context.fillStyle = theme.background;
  context.fillRect(x - width / 2, y - 7, width, 14);
  context.fillStyle = theme.error;
  context.fillText(text, x, y);
}

/** A strip over the row and the column of the cell under the pointer. */
function paintCrosshair(context: CanvasRenderingContext2D, drawing: HeatDrawing, at: Cell): void {
  const { cell, margin, view, theme } = drawing;
  const { x, y } = placeOf(drawing, at);
  context.strokeStyle = theme.foreground;
  context.globalAlpha = 0.7;
  context.lineWidth = 1;
  context.strokeRect(margin.width - 1, y - 0.5, view.width, cell.height);
  context.strokeRect(x - 0.5, margin.height - 1, cell.width, view.height);
  context.globalAlpha = 1;
}

function paintCursor(context: CanvasRenderingContext2D, drawing: HeatDrawing, at: Cell): void {
  const { cell, theme } = drawing;
  const { x, y } = placeOf(drawing, at);
  const out = cell.width < EDGES_FROM ? 3 : 0;
  context.lineWidth = 4;
  context.strokeStyle = theme.background;
  context.strokeRect(x - out, y - out, cell.width - 1 + 2 * out, cell.height - 1 + 2 * out);
  context.lineWidth = 2;
  context.strokeStyle = theme.focus;
  context.strokeRect(x - out, y - out, cell.width - 1 + 2 * out, cell.height - 1 + 2 * out);
}

function paintNames(context: CanvasRenderingContext2D, drawing: HeatDrawing): void {
  const { picture, cell, margin, scroll, view, theme, hovered, cursor } = drawing;
  const { rows, columns } = picture;
  const shown = cellsInSight(picture, cell, margin, scroll, view);
  const marked = hovered ?? cursor;
  context.fillStyle = theme.background;
  context.fillRect(0, 0, view.width, margin.height);
  context.fillRect(0, 0, margin.width, view.height);
  context.font = `11px ${theme.font}`;
  context.textBaseline = "middle";
  context.textAlign = "center";
  const name = (index: number, at: number, x: number, y: number): void => {
    const here = index === at;
    context.fillStyle = here ? theme.foreground : theme.muted;
    context.font = `${here ? "bold " : ""}11px ${theme.font}`;
    context.fillText(String(index), x, y);
  };
  const columnStep = labelStep(String(columns.first + columns.count).length * CHARACTER + 8, cell.width);
  const column = marked?.[1] ?? -1;
  for (let i = shown.firstColumn; i < shown.endColumn; i++) {
    const index = columns.first + i;
    // The marked one has room of its own: its neighbours give way.
    const near = column >= 0 && index !== column && Math.abs(index - column) < columnStep;
    if (index !== column && (index % columnStep !== 0 || near)) continue;
    const x = margin.width + (i + 0.5) * cell.width - scroll.left;
    if (x > margin.width - 4) name(index, column, x, margin.height / 2);
  }
  context.fillStyle = theme.background;
  context.fillRect(0, 0, margin.width, margin.height);
  context.textAlign = "end";
  const rowStep = labelStep(14, cell.height);
  const row = marked?.[0] ?? -1;
  for (let i = shown.firstRow; i < shown.endRow; i++) {
    const index = rows.first + i;
    const near = row >= 0 && index !== row && Math.abs(index - row) < rowStep;
    if (index !== row && (index % rowStep !== 0 || near)) continue;
    const y = margin.height + (i + 0.5) * cell.height - scroll.top;
    if (y > margin.height - 4) name(index, row, margin.width - 7, y);
  }
}

function strokeLine(context: CanvasRenderingContext2D, colour: string, margin: Size, view: Size): void {
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(margin.width - 1.5, margin.height);
  context.lineTo(margin.width - 1.5, view.height);
  context.moveTo(margin.width, margin.height - 1.5);
  context.lineTo(view.width, margin.height - 1.5);
  context.stroke();
}

function placeOf({ picture, cell, margin, scroll }: HeatDrawing, [row, column]: Cell): { x: number; y: number } {
  return {
    x: margin.width + (column - picture.columns.first) * cell.width - scroll.left,
    y: margin.height + (row - picture.rows.first) * cell.height - scroll.top,
  };
}

/** What numbers are written with. In the middle of a scale neither of the theme's own is read well: pure ones stand beside them. */
function inksOf({ foreground, background }: Theme): readonly { readonly colour: Colour; readonly css: string }[] {
  const pure = [0, 1].map((part) => ({ red: part, green: part, blue: part, alpha: 1 }));
  const own = [foreground, background].flatMap((css) => parseColour(css) ?? []).map((colour) => withAlpha(colour, 1));
  return [...own, ...pure].map((colour) => ({ colour, css: cssOf(colour) }));
}
