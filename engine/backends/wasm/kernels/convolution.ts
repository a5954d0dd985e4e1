import type { ConvolutionGeometry, ConvolutionKernel } from "../../../kernel/kernel";
import type { FunctionWriter } from "../assembler/function";
import { type Addresses, type KernelCode, type Phase, type Target, type TypedKernel, aligned } from "../code";
import { correlationPhase } from "./convolution-correlate";
import {
  type CorrelationPlan,
  type Variant,
  forwardCorrelation,
  forwardTaps,
  inputCorrelation,
  inputVariants,
  planCorrelation,
} from "./convolution-plan";
import { weightGradientCode } from "./convolution-weight";

/**
 * Convolution without matrices of patches: a block of outputs stays in registers while all products that belong to it are added.
 * What it meets is found by a table of distances, one for each channel and tap; see {@link Layout} for what makes
 * them the same for all outputs.
 */
export function convolutionCode(
  { kernel, inputs, outputs }: TypedKernel<ConvolutionKernel>,
  target: Target,
): KernelCode | undefined {
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
  return { phases: [correlationPhase({ geometry, which: "forward", plan, variants, target, outputPlane })] };
}

function inputGradientCode(geometry: ConvolutionGeometry, target: Target): KernelCode {
  const variants = inputVariants(geometry);
  const plan = planCorrelation(inputCorrelation(geometry), variants.length > 1, target);
  const outputPlane = geometry.input[0] * geometry.input[1];
  const { kernel, groups } = geometry;
  const { channels } = plan.layout.correlation;
  return {
    shared: groups * plan.blocks * plan.tile.outputs * channels * kernel[0] * kernel[1] * 4,
    phases: [
      packPhase(geometry, plan, variants),
      correlationPhase({ geometry, which: "input", plan, variants, target, outputPlane }),
    ],
  };
}

/** Weights as the gradient with respect to the input reads them: [group, block, variant, output channel and tap, the tile's inputs]. */
function packPhase(geometry: ConvolutionGeometry, plan: CorrelationPlan, variants: readonly Variant[]): Phase {
  const { groups } = geometry;
  const { blocks, tile } = plan;
  const taps = geometry.kernel[0] * geometry.kernel[1];
  const { channels, outputs } = plan.layout.correlation;
  return {
    pieces: groups * blocks,
    work: groups * blocks * tile.outputs * channels * taps,
    scratch: aligned(taps * 4),
    key: `convolution pack ${JSON.stringify([geometry, tile.outputs])}`,
    write(f, at) {
      const locals = Array.from({ length: 8 }, () => f.local("i32"));
      const [piece, from, to, block, left, order, orderEnd, source] = locals;
      // Where each tap's weight is, in the order of the variants.
      let entry = 0;
      for (const variant of variants)
        for (const tap of variant.taps)
          f.get(at.scratch)
            .i32(tap.weight * 4)
            .memory("i32.store", entry++ * 4);
      f.forRange(
        piece,
        () => f.get(at.from),
        () => f.get(at.to),
        1,
        () => {
          f.get(at.shared)
            .get(piece)
            .i32(tile.outputs * channels * taps * 4)
            .op("i32.mul", "i32.add")
            .set(to);
          f.get(piece).i32(blocks).op("i32.rem_u").i32(tile.outputs).op("i32.mul").set(block);
          f.i32(outputs - tile.outputs)
            .get(block)
            .get(block)
            .i32(outputs - tile.outputs);
          f.op("i32.gt_s", "select").set(block);
          f.get(piece)
            .i32(blocks)
            .op("i32.div_u")
            .i32(channels * outputs * taps * 4)
            .op("i32.mul");
          f.get(at.inputs[1])
            .op("i32.add")
            .get(block)
            .i32(taps * 4)
            .op("i32.mul", "i32.add")
            .set(block);
          f.get(at.scratch).set(orderEnd);
          for (const { taps: some } of variants) {
            if (some.length === 0) continue;
            f.advance(orderEnd, some.length * 4)
              .get(block)
              .set(from);
            f.repeat(left, channels, () => {
              f.get(orderEnd)
                .i32(some.length * 4)
                .op("i32.sub")
                .set(order);
              f.loop((again) => {
                f.get(order).memory("i32.load").get(from).op("i32.add").set(source);
                for (let m = 0; m < tile.outputs; m++)
                  f.get(to)
                    .get(source)
                    .memory("f32.load", m * taps * 4)
                    .memory("f32.store", m * 4);
                f.advance(to, tile.outputs * 4).advance(order, 4);
                f.get(order).get(orderEnd).op("i32.ne").leaveIf(again);
              });
              f.advance(from, outputs * taps * 4);
            });
          }
        },
      );
      f.release(...locals);
    },
  };
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
