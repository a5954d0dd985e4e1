import type { ConvolutionGeometry, ConvolutionKernel } from "../../kernel/kernel";
import type { ArrayKernel, Elements } from "./array-kernel";
import { type Tap, kernelTaps } from "./columns";

/**
 * Convolution where each group has one input channel: too little work for a matrix product, so each
 * tap of the kernel goes along the rows of the image itself.
 */
export function compileDepthwise(which: ConvolutionKernel["which"], geometry: ConvolutionGeometry): ArrayKernel {
  const { batch, inputChannels, outputChannels, groups, input, output } = geometry;
  const taps = kernelTaps(geometry);
  const inputPlane = input[0] * input[1];
  const outputPlane = output[0] * output[1];
  const outputsPerGroup = outputChannels / groups;
  const sums = new Float64Array(Math.max(inputPlane, outputPlane));

  function eachPlane(image: number, visit: (channel: number, inputStart: number, outputStart: number) => void): void {
    for (let channel = 0; channel < outputChannels; channel++) {
      const source = Math.floor(channel / outputsPerGroup);
      visit(channel, (image * inputChannels + source) * inputPlane, (image * outputChannels + channel) * outputPlane);
    }
  }

  switch (which) {
    case "forward":
      return ([x, w], y) => {
        for (let image = 0; image < batch; image++) {
          eachPlane(image, (channel, from, to) => {
            sums.fill(0, 0, outputPlane);
            taps.forEach((tap, at) => correlate(geometry, tap, w[channel * taps.length + at], x, from, sums));
            copyPlane(sums, y, to, outputPlane);
          });
        }
      };
    case "input":
      return ([g, w], out) => {
        for (let image = 0; image < batch; image++) {
          sums.fill(0, 0, inputPlane);
          eachPlane(image, (channel, to, from) => {
            taps.forEach((tap, at) => spread(geometry, tap, w[channel * taps.length + at], g, from, sums));
            if ((channel + 1) % outputsPerGroup !== 0) return;
            copyPlane(sums, out, to, inputPlane);
            sums.fill(0, 0, inputPlane);
          });
        }
      };
    case "weight":
      return ([x, g], out) => {
        const totals = new Float64Array(outputChannels * taps.length);
        for (let image = 0; image < batch; image++) {
          eachPlane(image, (channel, from, to) => {
            taps.forEach((tap, at) => (totals[channel * taps.length + at] += overlap(geometry, tap, x, from, g, to)));
          });
        }
        out.set(totals);
      };
    default:
      return which satisfies never;
  }
}

/** outputs += weight · the inputs the tap meets. */
function correlate(
  { input, output, stride }: ConvolutionGeometry,
  tap: Tap,
  weight: number,
  x: Elements,
  from: number,
  outputs: Float64Array,
): void {
  for (let y = tap.firstY; y < tap.endY; y++) {
    const row = from + (y * stride[0] + tap.shiftY) * input[1] + tap.shiftX;
    const to = y * output[1];
    for (let column = tap.firstX; column < tap.endX; column++)
      outputs[to + column] += weight * x[row + column * stride[1]];
  }
}

/** The inputs the tap meets += weight · g: the adjoint of `correlate`. */
function spread(
  { input, output, stride }: ConvolutionGeometry,
  tap: Tap,
  weight: number,
  g: Elements,
  from: number,
  inputs: Float64Array,
): void {
  for (let y = tap.firstY; y < tap.endY; y++) {
    const row = (y * stride[0] + tap.shiftY) * input[1] + tap.shiftX;
    const start = from + y * output[1];
    for (let column = tap.firstX; column < tap.endX; column++)
      inputs[row + column * stride[1]] += weight * g[start + column];
  }
}

/** Σ over the outputs of g · the input the tap meets there. */
function overlap(
  { input, output, stride }: ConvolutionGeometry,
  tap: Tap,
  x: Elements,
  from: number,
  g: Elements,
  fromG: number,
): number {
  let sum = 0;
  for (let y = tap.firstY; y < tap.endY; y++) {
    const row = from + (y * stride[0] + tap.shiftY) * input[1] + tap.shiftX;
    const start = fromG + y * output[1];
    for (let column = tap.firstX; column < tap.endX; column++) sum += g[start + column] * x[row + column * stride[1]];
  }
  return sum;
}

function copyPlane(from: Float64Array, to: Elements, start: number, size: number): void {
  for (let i = 0; i < size; i++) to[start + i] = from[i];
}
