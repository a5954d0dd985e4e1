import type { ConvolutionGeometry } from "../../kernel/kernel";
import type { Elements } from "./array-kernel";

/**
 * The patches of one image's channels as a matrix, and back: row (channel, y, x in the kernel), column
 * (y, x in the output); padding reads as 0. The matrix may be part of a wider one.
 */
export interface PatchMatrix {
  readonly data: Elements;
  readonly offset: number;
  readonly rowStride: number;
}

/** Writes the patches of `channels` channels that start at `from` in `image` (im2col). */
export function gatherPatches(
  geometry: ConvolutionGeometry,
  taps: readonly Tap[],
  channels: number,
  image: Elements,
  from: number,
  to: PatchMatrix,
): void {
  const { input, output, stride } = geometry;
  const [height, width] = output;
  const patches = to.data;
  const step = stride[1];
  let row = to.offset;
  for (let channel = 0; channel < channels; channel++) {
    const plane = from + channel * input[0] * input[1];
    for (const tap of taps) {
      if (tap.firstY > 0) patches.fill(0, row, row + tap.firstY * width);
      for (let y = tap.firstY; y < tap.endY; y++) {
        const start = row + y * width;
        const source = plane + (y * stride[0] + tap.shiftY) * input[1] + tap.shiftX;
        for (let x = 0; x < tap.firstX; x++) patches[start + x] = 0;
        for (let x = tap.firstX; x < tap.endX; x++) patches[start + x] = image[source + x * step];
        for (let x = tap.endX; x < width; x++) patches[start + x] = 0;
      }
      if (tap.endY < height) patches.fill(0, row + tap.endY * width, row + height * width);
      row += to.rowStride;
    }
  }
}

/** Adds the patches to the channels of `image` they were taken from (col2im): the adjoint of `gatherPatches`. */
export function scatterPatches(
  geometry: ConvolutionGeometry,
  taps: readonly Tap[],
  channels: number,
  from: PatchMatrix,
  image: Elements,
  to: number,
): void {
  const { input, output, stride } = geometry;
  const width = output[1];
  const patches = from.data;
  const step = stride[1];
  let row = from.offset;
  for (let channel = 0; channel < channels; channel++) {
    const plane = to + channel * input[0] * input[1];
    for (const tap of taps) {
      for (let y = tap.firstY; y < tap.endY; y++) {
        const start = row + y * width;
        const target = plane + (y * stride[0] + tap.shiftY) * input[1] + tap.shiftX;
        for (let x = tap.firstX; x < tap.endX; x++) image[target + x * step] += patches[start + x];
      }
      row += from.rowStride;
    }
  }
}

/** One element of the kernel: output (y, x) meets input (y·stride + shiftY, x·stride + shiftX). */
export interface Tap {
  readonly shiftY: number;
  readonly shiftX: number;
  /** The outputs for which that input lies inside the image. */
  readonly firstY: number;
  readonly endY: number;
  readonly firstX: number;
  readonly endX: number;
}

export function kernelTaps({ kernel, input, output, stride, dilation, padding }: ConvolutionGeometry): Tap[] {
  return Array.from({ length: kernel[0] * kernel[1] }, (_, at) => {
    const shiftY = Math.floor(at / kernel[1]) * dilation[0] - padding[0];
    const shiftX = (at % kernel[1]) * dilation[1] - padding[1];
    const [firstY, endY] = outputsInside(shiftY, stride[0], input[0], output[0]);
    const [firstX, endX] = outputsInside(shiftX, stride[1], input[1], output[1]);
    return { shiftY, shiftX, firstY, endY, firstX, endX };
  });
}

/** The range of o in 0…outputs−1 with 0 ≤ o·stride + shift < inputs. */
function outputsInside(shift: number, stride: number, inputs: number, outputs: number): [number, number] {
  const first = Math.min(outputs, Math.max(0, Math.ceil(-shift / stride)));
  const end = Math.min(outputs, Math.max(first, Math.ceil((inputs - shift) / stride)));
  return [first, end];
}
