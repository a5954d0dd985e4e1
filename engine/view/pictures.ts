import type { FieldSpec } from "../data/dataset";
import type { Image } from "./looks";

/** Arrays of numbers as pictures of bounded size. */

/** Pictures of one answer, and pixels along one side, at most. */
export const MOST_IMAGES = 64;
export const MOST_PIXELS = 256;

/** Below this, features laid out as a square say nothing. */
const LEAST_SQUARE = 25;

export interface PictureShape {
  readonly channels: 1 | 3;
  readonly height: number;
  readonly width: number;
}

/** How one example of a field is drawn: as [H, W], as [1 or 3, H, W], as a square of features; `undefined` for no picture. */
export function pictureShape({ shape, dtype }: Pick<FieldSpec, "shape" | "dtype">): PictureShape | undefined {
  if (dtype !== "float32") return undefined;
  const [first, second, third] = shape;
  if (shape.length === 3) {
    return first === 1 || first === 3 ? { channels: first, height: second, width: third } : undefined;
  }
  if (shape.length === 2)
    return first * second >= LEAST_SQUARE ? { channels: 1, height: first, width: second } : undefined;
  const side = Math.sqrt(first ?? 0);
  if (shape.length !== 1 || !Number.isInteger(side) || first < LEAST_SQUARE) return undefined;
  return { channels: 1, height: side, width: side };
}

/**
 * A picture of `values` from `start` on, stored channel by channel as tensors are ([C, H, W]); large ones are averaged over blocks
 * of pixels.
 */
export function picture(
  values: ArrayLike<number>,
  start: number,
  { channels, height, width }: PictureShape,
  caption: string,
): Image {
  const block = Math.max(1, Math.ceil(Math.max(height, width) / MOST_PIXELS));
  const [rows, columns] = [Math.ceil(height / block), Math.ceil(width / block)];
  const pixels = new Float32Array(rows * columns * channels);
  for (let channel = 0; channel < channels; channel++) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const [below, right] = [Math.min(height, (row + 1) * block), Math.min(width, (column + 1) * block)];
        let sum = 0;
        for (let y = row * block; y < below; y++) {
          for (let x = column * block; x < right; x++) sum += values[start + (channel * height + y) * width + x];
        }
        const count = (below - row * block) * (right - column * block);
        pixels[(row * columns + column) * channels + channel] = sum / count;
      }
    }
  }
  const shrunk = block > 1 ? `${caption} (each pixel the mean of ${block} × ${block})` : caption;
  return { width: columns, height: rows, channels, values: pixels, caption: shrunk };
}
