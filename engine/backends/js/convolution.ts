import type { ConvolutionGeometry, ConvolutionKernel } from "../../kernel/kernel";
import type { ArrayKernel, Elements, Precision } from "./array-kernel";
import { type PatchMatrix, type Tap, gatherPatches, kernelTaps, scatterPatches } from "./columns";
import { compileDepthwise } from "./depthwise";
import type { Matrix, MatrixProduct } from "./matrix-product";

/**
 * Convolution as matrix products over patches (im2col). With P outputs an image, per group:
 * y = w·patches, ∂patches = wᵀ·g, ∂w = Σ g·patchesᵀ; w is [outputs, K], patches [K, images·P].
 */
export function compileConvolution(
  { which, geometry }: ConvolutionKernel,
  product: MatrixProduct,
  precision: Precision,
): ArrayKernel {
  if (geometry.groups > 1 && geometry.inputChannels === geometry.groups) return compileDepthwise(which, geometry);
  const plan = planConvolution(geometry);
  const scratch = createScratch(plan, precision);
  switch (which) {
    case "forward":
      return forward(plan, product, scratch);
    case "input":
      return inputGradient(plan, product, scratch);
    case "weight":
      return weightGradient(plan, product, scratch);
    default:
      return which satisfies never;
  }
}

interface ConvolutionPlan {
  readonly geometry: ConvolutionGeometry;
  readonly taps: readonly Tap[];
  /** Per group. */
  readonly inputs: number;
  readonly outputs: number;
  /** Length of a patch: input channels of the group × kernel size. */
  readonly patch: number;
  /** Elements of one image's plane. */
  readonly inputPlane: number;
  readonly outputPlane: number;
  /** Whether the image's channels already are the matrix of patches. */
  readonly pointwise: boolean;
  /** Images that share one product: small ones are joined, so that the matrices are not slivers. */
  readonly images: number;
}

/** Columns a product should have at least to run at full speed. */
const ENOUGH_COLUMNS = 256;

function planConvolution(geometry: ConvolutionGeometry): ConvolutionPlan {
  const { kernel, input, output, stride, padding, groups, batch } = geometry;
  const inputs = geometry.inputChannels / groups;
  const outputPlane = output[0] * output[1];
  const pointwise =
    [kernel, stride].every(([y, x]) => y === 1 && x === 1) &&
    [0, 1].every((axis) => padding[axis] === 0 && input[axis] === output[axis]);
  return {
    geometry,
    taps: kernelTaps(geometry),
    inputs,
    outputs: geometry.outputChannels / groups,
    patch: inputs * kernel[0] * kernel[1],
    inputPlane: input[0] * input[1],
    outputPlane,
    pointwise,
    images: Math.max(1, Math.min(batch, Math.floor(ENOUGH_COLUMNS / Math.max(1, outputPlane)))),
  };
}

function forward(plan: ConvolutionPlan, product: MatrixProduct, scratch: Scratch): ArrayKernel {
  const { outputs, patch, outputPlane } = plan;
  return ([x, w], y) => {
    eachChunk(plan, (group, first, count) => {
      const columns = count * outputPlane;
      const patches = readPatches(plan, x, group, first, count, scratch.patches);
      if (count === 1) {
        const c = { data: y, offset: outputStart(plan, group, first), rowStride: outputPlane };
        product(outputs, columns, patch, weights(plan, w, group), patches, c, false);
      } else {
        const c = { data: scratch.outputs, offset: 0, rowStride: columns };
        product(outputs, columns, patch, weights(plan, w, group), patches, c, false);
        exchangeOutputs(plan, group, first, count, (from, to) => {
          y.set(scratch.outputs.subarray(from, from + outputPlane), to);
        });
      }
    });
  };
}

function inputGradient(plan: ConvolutionPlan, product: MatrixProduct, scratch: Scratch): ArrayKernel {
  const { geometry, inputs, outputs, patch, inputPlane, outputPlane } = plan;
  return ([g, w], out) => {
    if (!plan.pointwise) out.fill(0, 0, geometry.batch * geometry.inputChannels * inputPlane);
    eachChunk(plan, (group, first, count) => {
      const columns = count * outputPlane;
      const gradients = readOutputs(plan, g, group, first, count, scratch.outputs);
      const direct = plan.pointwise && count === 1;
      const patches: PatchMatrix = direct
        ? { data: out, offset: inputStart(plan, group, first), rowStride: inputPlane }
        : { data: scratch.patches, offset: 0, rowStride: columns };
      product(patch, columns, outputs, transpose(weights(plan, w, group)), gradients, patches, false);
      if (direct) return;
      for (let image = 0; image < count; image++) {
        const start = inputStart(plan, group, first + image);
        if (plan.pointwise) out.fill(0, start, start + inputs * inputPlane);
        scatterPatches(geometry, plan.taps, inputs, { ...patches, offset: image * outputPlane }, out, start);
      }
    });
  };
}

function weightGradient(plan: ConvolutionPlan, product: MatrixProduct, scratch: Scratch): ArrayKernel {
  const { geometry, outputs, patch, outputPlane } = plan;
  return ([x, g], out) => {
    out.fill(0, 0, geometry.outputChannels * patch);
    eachChunk(plan, (group, first, count) => {
      const patches = readPatches(plan, x, group, first, count, scratch.patches);
      const gradients = readOutputs(plan, g, group, first, count, scratch.outputs);
      const c = { data: out, offset: group * outputs * patch, rowStride: patch };
      product(outputs, patch, count * outputPlane, gradients, transpose(patches), c, true);
    });
  };
}

interface Scratch {
  readonly patches: Elements;
  /** Outputs of several images, [outputs, images·P], where the buffers hold [images, outputs, P]. */
  readonly outputs: Elements;
}

function createScratch(
  { pointwise, images, patch, outputs, outputPlane }: ConvolutionPlan,
  precision: Precision,
): Scratch {
  const direct = images === 1;
  const Floats = precision === "double" ? Float64Array : Float32Array;
  return {
    patches: new Floats(pointwise && direct ? 0 : patch * images * outputPlane),
    outputs: new Floats(direct ? 0 : outputs * images * outputPlane),
  };
}

function eachChunk(plan: ConvolutionPlan, work: (group: number, first: number, count: number) => void): void {
  const { batch, groups } = plan.geometry;
  for (let first = 0; first < batch; first += plan.images) {
    const count = Math.min(plan.images, batch - first);
    for (let group = 0; group < groups; group++) work(group, first, count);
  }
}

function inputStart({ geometry, inputs, inputPlane }: ConvolutionPlan, group: number, image: number): number {
  return (image * geometry.inputChannels + group * inputs) * inputPlane;
}

function outputStart({ geometry, outputs, outputPlane }: ConvolutionPlan, group: number, image: number): number {
  return (image * geometry.outputChannels + group * outputs) * outputPlane;
}

function weights({ outputs, patch }: ConvolutionPlan, w: Elements, group: number): Matrix {
  return { data: w, offset: group * outputs * patch, rowStride: patch, columnStride: 1 };
}

function transpose({ data, offset, rowStride, columnStride }: Matrix): Matrix {
  return { data, offset, rowStride: columnStride, columnStride: rowStride };
}

/** The patches of some images, side by side. */
function readPatches(
  plan: ConvolutionPlan,
  x: Elements,
  group: number,
  first: number,
  count: number,
  scratch: Elements,
): Matrix {
  if (plan.pointwise && count === 1) {
    return { data: x, offset: inputStart(plan, group, first), rowStride: plan.inputPlane, columnStride: 1 };
  }
  const rowStride = count * plan.outputPlane;
  for (let image = 0; image < count; image++) {
    gatherPatches(plan.geometry, plan.taps, plan.inputs, x, inputStart(plan, group, first + image), {
      data: scratch,
      offset: image * plan.outputPlane,
      rowStride,
    });
  }
  return { data: scratch, offset: 0, rowStride, columnStride: 1 };
}

/** The group's outputs (or their gradients) of some images, side by side. */
function readOutputs(
  plan: ConvolutionPlan,
  g: Elements,
  group: number,
  first: number,
  count: number,
  scratch: Elements,
): Matrix {
  const { outputPlane } = plan;
  if (count === 1) {
    return { data: g, offset: outputStart(plan, group, first), rowStride: outputPlane, columnStride: 1 };
  }
  exchangeOutputs(plan, group, first, count, (to, from) => {
    scratch.set(g.subarray(from, from + outputPlane), to);
  });
  return { data: scratch, offset: 0, rowStride: count * outputPlane, columnStride: 1 };
}

/** Calls `copy` with where each plane of outputs starts in the scratch and in the buffer. */
function exchangeOutputs(
  plan: ConvolutionPlan,
  group: number,
  first: number,
  count: number,
  copy: (inScratch: number, inBuffer: number) => void,
): void {
  const { outputs, outputPlane } = plan;
  for (let image = 0; image < count; image++) {
    const start = outputStart(plan, group, first + image);
    for (let channel = 0; channel < outputs; channel++) {
      copy((channel * count + image) * outputPlane, start + channel * outputPlane);
    }
  }
}
