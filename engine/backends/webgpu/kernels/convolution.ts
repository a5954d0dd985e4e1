import { type ConvolutionGeometry, type ConvolutionKernel, productShape } from "../../../kernel/kernel";
import type { GpuTarget, KernelCode, Pass, TypedKernel } from "../code";
import { storeElement } from "../wgsl/elements";
import { GROUP, entryForEach, groupsOf } from "../wgsl/grid";
import {
  type Correlation,
  correlationProduct,
  forwardCorrelation,
  inputCorrelations,
  weightProduct,
} from "./convolution-factors";
import { finishOf } from "./finish";
import { NOTHING, type Task, productCode, productThenSweep } from "./product";
import { schemeOf } from "./schemes";

/** Convolutions as products of matrices whose elements are found by index arithmetic: no patches are laid out in memory. */
export function convolutionCode(typed: TypedKernel<ConvolutionKernel>, target: GpuTarget): KernelCode {
  const { kernel, inputs, outputs } = typed;
  const { geometry, which } = kernel;
  const shape = productShape(kernel);
  const size = shape.reduce((product, dim) => product * dim, 1);
  const finish = finishOf(shape, kernel.epilogue, inputs, outputs);
  const isEmpty = sizesOf(geometry).some((each) => each === 0);
  if (kernel.epilogue && (!finish || isEmpty)) return productThenSweep(typed, convolutionCode, target);
  if (size === 0) return { passes: [] };
  if (!finish) throw new Error(`internal: a convolution of ${inputs.join()} into ${outputs.join()}`);
  if (isEmpty) return { passes: [zeroPass(size, target)] };
  const work = which === "weight" ? [weightWork(geometry)] : correlationsOf(kernel).map(correlationWork);
  const tasks = work.map((each): Task => {
    // Where a stride is wider than the window, no tap meets some inputs.
    const scheme = each.extent.depth === 0 ? NOTHING : schemeOf(each.extent, target);
    return { ...each, scheme };
  });
  return productCode(tasks, finish, size, target);
}

function sizesOf({ batch, inputChannels, outputChannels, input, output, kernel }: ConvolutionGeometry): number[] {
  return [batch, inputChannels, outputChannels, ...input, ...output, ...kernel];
}

/** Sums of nothing. */
function zeroPass(size: number, target: GpuTarget): Pass {
  return {
    key: `convolution zeros ${size}`,
    workgroups: groupsOf(Math.ceil(size / GROUP), target),
    write: (operands) => entryForEach(size, `  ${storeElement(operands.output(0), "at", "0u")}`),
  };
}

type Work = Omit<Task, "scheme">;

function correlationsOf({ which, geometry }: ConvolutionKernel): readonly Correlation[] {
  return which === "forward" ? [forwardCorrelation(geometry)] : inputCorrelations(geometry);
}

function correlationWork(correlation: Correlation): Work {
  const { batch, groups, rows, channels, taps, grid, target, step, start } = correlation;
  const plane = target[0] * target[1];
  const pixels = grid[0] * grid[1];
  const isWhole = grid.every((dim, axis) => dim === target[axis]);
  return {
    key: `correlation ${JSON.stringify(correlation)}`,
    extent: {
      sets: groups,
      rows,
      columns: batch * pixels,
      depth: channels * taps[0] * taps[1],
      along: pixels === 1 ? "depth" : "lines",
    },
    product: (operands) => correlationProduct(correlation, operands),
    place: (row, columns) => {
      const y = `((${columns} / ${grid[1]}) % ${grid[0]}) * ${step[0]} + ${start[0]}`;
      const pixel = isWhole
        ? `${columns} % ${pixels}`
        : `(${y}) * ${target[1]} + (${columns} % ${grid[1]}) * ${step[1]} + ${start[1]}`;
      return `(${columns} / ${pixels}) * ${groups * rows * plane} + (i32(subset) * ${rows} + ${row}) * ${plane} + ${pixel}`;
    },
  };
}

function weightWork(geometry: ConvolutionGeometry): Work {
  const { batch, groups, output, kernel } = geometry;
  const rows = geometry.outputChannels / groups;
  const columns = (geometry.inputChannels / groups) * kernel[0] * kernel[1];
  return {
    key: `convolution weight ${JSON.stringify(geometry)}`,
    extent: { sets: groups, rows, columns, depth: batch * output[0] * output[1], along: "depth" },
    product: (operands) => weightProduct(geometry, operands),
    place: (row, each) => `(i32(subset) * ${rows} + ${row}) * ${columns} + ${each}`,
  };
}
