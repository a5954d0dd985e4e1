/** Numbers as pixels in the theme's colours. Pure but for the canvas that is painted. */
import type { Image } from "../protocol";

/** Two colours with the theme's background between them, or the whole way from background to ink. */
export interface Palette {
  /** Colour of a number between −1 and 1, packed as `ImageData` wants it. */
  readonly diverging: (share: number) => number;
  /** Of a number between 0 and 1. */
  readonly sequential: (share: number) => number;
}

export interface Range {
  readonly least: number;
  readonly most: number;
}

/** Of all finite numbers of the images; 0 to 0 where there are none. */
export function rangeOf(images: readonly Image[]): Range {
  let [least, most] = [Infinity, -Infinity];
  for (const { values } of images) {
    for (const value of values) {
      if (!Number.isFinite(value)) continue;
      if (value < least) least = value;
      if (value > most) most = value;
    }
  }
  return least > most ? { least: 0, most: 0 } : { least, most };
}

/**
 * Pixels of an image. Numbers of both signs are drawn around 0, others from the least to the greatest; what is no number stays
 * transparent.
 */
export function pixelsOf(image: Image, range: Range, palette: Palette): Uint32Array {
  const { width, height, channels, values } = image;
  const pixels = new Uint32Array(width * height);
  const span = range.most - range.least;
  const largest = Math.max(Math.abs(range.least), Math.abs(range.most));
  const signed = range.least < 0;
  for (let i = 0; i < pixels.length; i++) {
    if (channels === 3) {
      // Colours are drawn as they are where they are colours, else stretched over what there is.
      const from = signed || range.most > 1 ? range.least : 0;
      const over = signed || range.most > 1 ? span : 1;
      const [r, g, b] = [0, 1, 2].map((c) => Math.round((255 * (values[3 * i + c] - from)) / (over || 1)));
      pixels[i] = ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
    } else if (!Number.isNaN(values[i])) {
      pixels[i] = signed
        ? palette.diverging(Math.min(1, Math.max(-1, largest === 0 ? 0 : values[i] / largest)))
        : palette.sequential(Math.min(1, Math.max(0, span === 0 ? 0 : (values[i] - range.least) / span)));
    }
  }
  return pixels;
}

/** Paints pixels at their own size; CSS enlarges the canvas. */
export function paintPixels(canvas: HTMLCanvasElement, width: number, height: number, pixels: Uint32Array): void {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const bytes = new Uint8ClampedArray(pixels.length * 4);
  new Uint32Array(bytes.buffer).set(pixels);
  canvas.getContext("2d")?.putImageData(new ImageData(bytes, width, height), 0, 0);
}
