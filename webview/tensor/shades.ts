/** The colour of each cell, and of the number written on it. Pure. */
import type { Colour } from "../charts/colour";
import type { Image } from "../protocol";
import { pixelsOf, type Palette, type Range } from "../views/look-pixels";
import type { TensorPicture } from "./protocol";

/** Colours of the page's cells, packed as `ImageData` wants them. What is no number is transparent: it gets a hatch. */
export function shadesOf(
  { rows, columns, values }: Pick<TensorPicture, "rows" | "columns" | "values">,
  range: Range,
  palette: Palette,
): Uint32Array {
  const { normal, of } = normalizer(range);
  // Far below 1 a float32 is 0: gradients that vanish would all look alike.
  const shares = Float32Array.from(values, (value) => (Number.isFinite(value) ? of(value) : NaN));
  const image: Image = { width: columns.count, height: rows.count, channels: 1, values: shares, caption: "" };
  return pixelsOf(image, normal, palette);
}

/** The colour of one number. */
export function shadeOf(value: number, range: Range, palette: Palette): number {
  const one = { axis: null, size: 1, first: 0, count: 1 };
  return shadesOf({ rows: one, columns: one, values: Float64Array.of(value) }, range, palette)[0];
}

/** Numbers of both signs lie around 0, others between the least and the greatest, as in all pictures of the panel. */
function normalizer({ least, most }: Range): { readonly normal: Range; readonly of: (value: number) => number } {
  if (least < 0) {
    const largest = Math.max(-least, most);
    return { normal: { least: -1, most: 1 }, of: (value) => value / largest };
  }
  const span = most - least;
  return { normal: { least: 0, most: 1 }, of: (value) => (span === 0 ? 0 : (value - least) / span) };
}

export function unpacked(pixel: number): Colour {
  const part = (shift: number): number => ((pixel >>> shift) & 255) / 255;
  return { red: part(0), green: part(8), blue: part(16), alpha: part(24) };
}

/** Which of the inks is read best on a colour: the one whose luminance differs most from it, by the ratio that WCAG has. */
export function readableInk<T extends { readonly colour: Colour }>(ground: Colour, inks: readonly T[]): T {
  return inks.reduce((best, ink) => (contrast(ground, ink.colour) > contrast(ground, best.colour) ? ink : best));
}

/** From 1 (the same) to 21 (black on white). */
export function contrast(one: Colour, other: Colour): number {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

function luminance({ red, green, blue }: Colour): number {
  const linear = (part: number): number => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}
