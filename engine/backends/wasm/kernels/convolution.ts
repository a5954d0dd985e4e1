import type { ConvolutionGeometry, ConvolutionKernel } from "../../../kernel/kernel";
import type { FunctionWriter } from "../assembler/function";
import type { Addresses, KernelCode, Phase, Target, TypedKernel } from "../code";
import { type CorrelationTask, correlationPhase, isPacked } from "./convolution-correlate";
import { packPhase, packedBytes } from "./convolution-pack";
import { forwardCorrelation, forwardTaps, inputCorrelation, inputVariants, planCorrelation } from "./convolution-plan";
import { productThenSweep } from "./epilogue";
import { weightGradientCode } from "./convolution-weight";

/**
 * Convolution without matrices of patches: a block of outputs stays in registers while all products that belong to it are added.
 * What it meets is found by a table of distances, one for each channel and tap; see {@link Layout} for what makes
 * them the same for all outputs.
 */
export function convolutionCode(typed: TypedKernel<ConvolutionKernel>, target: Target): KernelCode | undefined {
  if (typed.kernel.epilogue) return productThenSweep(typed, target, convolutionCode);
  const { kernel, inputs, outputs } = typed;
  if ([...inputs, ...outputs].some((type) => type !== "float32")) return undefined;
  const geometry = simplified(kernel.geometry);
  const { batch, inputChannels, outputChannels, groups, input, output, kernel: window } = geometry;
  const sizes = {
    forward: batch * outputChannels * output[0] * output[1],
    input: batch * inputChannels * input[0] * input[1],
    weight: outputChannels * (inputChannels / groups) * window[0] * window[1],
  };
  const size = sizes[kernel.which];
  if (size === 0) return { phases: [] };
  if (Object.values(sizes).some((each) => each === 0)) return { phases: [zeroPhase(size)] };
  switch (kernel.which) {
    case "forward":
      return forwardCode(geometry, target);
    case "input":
      return inputGradientCode(geometry, target);
    case "weight":
      return weightGradientCode(geometry, target);
    default:
      return kernel.which satisfies never;
  }
}

/** One column of many rows is one row of many columns. */
function simplified(geometry: ConvolutionGeometry): ConvolutionGeometry {
  const { input, kernel, output, stride, dilation, padding } = geometry;
  if (input[1] !== 1 || kernel[1] !== 1 || output[1] !== 1 || padding[1] !== 0) return geometry;
  const exchange = <T>([a, b]: readonly [T, T]): readonly [T, T] => [b, a];
  return {
    ...geometry,
    input: exchange(input),
    kernel: exchange(kernel),
    output: exchange(output),
    stride: exchange(stride),
    dilation: exchange(dilation),
    padding: exchange(padding),
  };
}

function forwardCode(geometry: ConvolutionGeometry, target: Target): KernelCode {
  const plan = planCorrelation(forwardCorrelation(geometry), false, target);
  const variants = [{ taps: forwardTaps(geometry), residue: [0, 0] as const }];
  const outputPlane = geometry.output[0] * geometry.output[1];
  return correlationCode({ geometry, which: "forward", plan, variants, target, outputPlane });
}

/** Residues of strides that are worth code for each. */
const MOST_VARIANTS = 16;

function inputGradientCode(geometry: ConvolutionGeometry, target: Target): KernelCode | undefined {
  if (geometry.stride[0] * geometry.stride[1] > MOST_VARIANTS) return undefined;
  const variants = inputVariants(geometry);
  const plan = planCorrelation(inputCorrelation(geometry), variants.length > 1, target);
  const outputPlane = geometry.input[0] * geometry.input[1];
  return correlationCode({ geometry, which: "input", plan, variants, target, outputPlane });
}

function correlationCode(task: CorrelationTask): KernelCode {
  if (!isPacked(task)) return { phases: [correlationPhase(task)] };
  return { shared: packedBytes(task), phases: [packPhase(task), correlationPhase(task)] };
}

/** Sums of nothing. */
function zeroPhase(size: number): Phase {
  return {
    pieces: 1,
    work: size / 8,
    key: `convolution zeros ${size}`,
    write(f: FunctionWriter, { outputs }: Addresses) {
      f.get(outputs[0])
        .i32(0)
        .i32(size * 4)
        .fillMemory();
    },
  };
}
