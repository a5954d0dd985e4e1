import type { ConvolutionGeometry } from "../../../kernel/kernel";
import type { Operands } from "../code";
import { type Factor, type Lanes, type Product, gatherText, vectorOf } from "./tile";

type Pair = readonly [y: number, x: number];

/**
 * out[n, row, g·step + start] = Σ over channels and taps of weights[row, channel, tap]·source[n, channel, g·move + tap·reach + origin] for
 * each g of a grid: the forward pass, and the gradient for those inputs that the same taps meet.
 */
export interface Correlation {
  readonly batch: number;
  readonly groups: number;
  /** Of a group. */
  readonly rows: number;
  readonly channels: number;
  readonly taps: Pair;
  readonly grid: Pair;
  readonly source: Pair;
  readonly move: Pair;
  readonly reach: Pair;
  readonly origin: Pair;
  readonly target: Pair;
  readonly step: Pair;
  readonly start: Pair;
  /** How far apart weights are, and the first one of a group. */
  readonly weights: {
    readonly group: number;
    readonly row: number;
    readonly channel: number;
    readonly tap: Pair;
    readonly first: number;
  };
}

export function forwardCorrelation(geometry: ConvolutionGeometry): Correlation {
  const { batch, groups, input, output, kernel, stride, dilation, padding } = geometry;
  const channels = geometry.inputChannels / groups;
  const taps = kernel[0] * kernel[1];
  return {
    batch,
    groups,
    rows: geometry.outputChannels / groups,
    channels,
    taps: kernel,
    grid: output,
    source: input,
    move: stride,
    reach: dilation,
    origin: [-padding[0], -padding[1]],
    target: output,
    step: [1, 1],
    start: [0, 0],
    weights: {
      group: (geometry.outputChannels / groups) * channels * taps,
      row: channels * taps,
      channel: taps,
      tap: [kernel[1], 1],
      first: 0,
    },
  };
}

/** Gradients of inputs: one correlation for each residue of the stride, since the taps k with k·dilation of another residue miss them. */
export function inputCorrelations(geometry: ConvolutionGeometry): Correlation[] {
  const { batch, groups, input, output, kernel } = geometry;
  const axes = [0, 1].map((axis) => residuesOf(geometry, axis));
  const taps = kernel[0] * kernel[1];
  const rows = geometry.inputChannels / groups;
  return axes[0].flatMap((y) =>
    axes[1].map((x): Correlation => ({
      batch,
      groups,
      rows,
      channels: geometry.outputChannels / groups,
      taps: [y.taps, x.taps],
      grid: [y.count, x.count],
      source: output,
      move: [1, 1],
      reach: [y.reach, x.reach],
      origin: [y.origin, x.origin],
      target: input,
      step: geometry.stride,
      start: [y.start, x.start],
      weights: {
        group: (geometry.outputChannels / groups) * rows * taps,
        row: taps,
        channel: rows * taps,
        tap: [y.between * kernel[1], x.between],
        first: y.first * kernel[1] + x.first,
      },
    })),
  );
}

interface Residue {
  /** Elements of the input: the first, and how many. */
  readonly start: number;
  readonly count: number;
  /** Taps that meet them: the first, from one to the next, and how many. */
  readonly first: number;
  readonly between: number;
  readonly taps: number;
  /** Where the first tap of the first element meets the output, and how far the next tap is. */
  readonly origin: number;
  readonly reach: number;
}

/** On one axis, tap k meets input i and output o where i + padding = stride·o + dilation·k. */
function residuesOf({ input, kernel, stride, dilation, padding }: ConvolutionGeometry, axis: number): Residue[] {
  const [size, s, d, p] = [input[axis], stride[axis], dilation[axis], padding[axis]];
  return Array.from({ length: Math.min(s, size) }, (_, start): Residue => {
    const met = Array.from({ length: kernel[axis] }, (__, k) => k).filter((k) => (start + p - d * k) % s === 0);
    const [first = 0, second = first] = met;
    return {
      start,
      count: Math.ceil((size - start) / s),
      first,
      between: second - first,
      taps: met.length,
      origin: (start + p - d * first) / s,
      reach: (-d * (second - first)) / s,
    };
  });
}

/** Weights times patches of the source: rows are channels of the result, columns (batch, grid), the depth (channel, tap). */
export function correlationProduct(correlation: Correlation, operands: Operands): Product {
  const { channels, taps } = correlation;
  return {
    left: weightsFactor(correlation, operands),
    right: patchesFactor(correlation, operands),
    depth: [channels, ...taps],
  };
}

function weightsFactor(
  { weights: { group, row, channel, tap, first }, taps }: Correlation,
  operands: Operands,
): Factor {
  const hasTaps = taps[0] * taps[1] > 1;
  return {
    along: !hasTaps && row < channel ? "lines" : "depth",
    lines: (name, at) => `let ${name} = i32(subset) * ${group} + (${at}) * ${row} + ${first};`,
    depth: (name) => `let ${name}Weight = ${name}0 * ${channel} + ${name}1 * ${tap[0]} + ${name}2 * ${tap[1]};`,
    value: (lines, depth, lanes) => gatherText(operands.input(1), `(${lines} + ${depth}Weight)`, lanes),
  };
}

function patchesFactor(correlation: Correlation, operands: Operands): Factor {
  const { groups, channels, grid, source, move, origin, reach } = correlation;
  const plane = source[0] * source[1];
  const pixels = grid[0] * grid[1];
  const tested = [0, 1].map((axis) => isOutside(correlation, axis));
  return {
    along: pixels === 1 ? "depth" : "lines",
    lines: (name, at, lanes) => `
  let ${name}Column = ${vectorOf("u32", lanes)}(${at});
  let ${name}Y = ${vectorOf("i32", lanes)}((${name}Column / ${grid[1]}u) % ${grid[0]}u) * ${move[0]} + ${origin[0]};
  let ${name}X = ${vectorOf("i32", lanes)}(${name}Column % ${grid[1]}u) * ${move[1]} + ${origin[1]};
  let ${name} = (${vectorOf("i32", lanes)}(${name}Column / ${pixels}u) * ${groups} + i32(subset)) * ${channels * plane} + ${name}Y * ${source[1]} + ${name}X;`,
    depth: (name) => `let ${name}Y = ${name}1 * ${reach[0]}; let ${name}X = ${name}2 * ${reach[1]};
    let ${name}Source = ${name}0 * ${plane} + ${name}Y * ${source[1]} + ${name}X;`,
    value: (lines, depth, lanes) => {
      const value = gatherText(operands.input(0), `(${lines} + ${depth}Source)`, lanes);
      return insideText(value, lines, depth, tested, source, lanes);
    },
  };
}

/** Whether some tap misses the source on an axis. */
function isOutside({ taps, grid, source, move, reach, origin }: Correlation, axis: number): boolean {
  const ends = [0, (taps[axis] - 1) * reach[axis]];
  const low = origin[axis] + Math.min(...ends);
  const high = origin[axis] + (grid[axis] - 1) * move[axis] + Math.max(...ends);
  return low < 0 || high >= source[axis];
}

/** Gradients of the result times patches of the input: rows are the result's channels, columns (channel, tap), the depth (batch, output). */
export function weightProduct(geometry: ConvolutionGeometry, operands: Operands): Product {
  const { batch, groups, input, output, kernel, stride, dilation, padding } = geometry;
  const [rows, channels] = [geometry.outputChannels / groups, geometry.inputChannels / groups];
  const pixels = output[0] * output[1];
  const plane = input[0] * input[1];
  const taps = kernel[0] * kernel[1];
  const tested = [0, 1].map(
    (axis) =>
      padding[axis] > 0 ||
      -padding[axis] + (output[axis] - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] >= input[axis],
  );
  const left: Factor = {
    along: "depth",
    lines: (name, at) => `let ${name} = (i32(subset) * ${rows} + ${at}) * ${pixels};`,
    depth: (name) =>
      `let ${name}Gradient = ${name}0 * ${geometry.outputChannels * pixels} + ${name}1 * ${output[1]} + ${name}2;`,
    value: (lines, depth, lanes) => gatherText(operands.input(1), `(${lines} + ${depth}Gradient)`, lanes),
  };
  const right: Factor = {
    along: "depth",
    lines: (name, at, lanes) => `
  let ${name}Column = ${vectorOf("u32", lanes)}(${at});
  let ${name}Y = ${vectorOf("i32", lanes)}((${name}Column / ${kernel[1]}u) % ${kernel[0]}u) * ${dilation[0]};
  let ${name}X = ${vectorOf("i32", lanes)}(${name}Column % ${kernel[1]}u) * ${dilation[1]};
  let ${name} = (${vectorOf("i32", lanes)}(${name}Column / ${taps}u) + i32(subset) * ${channels}) * ${plane} + ${name}Y * ${input[1]} + ${name}X;`,
    depth: (
      name,
    ) => `let ${name}Y = ${name}1 * ${stride[0]} - ${padding[0]}; let ${name}X = ${name}2 * ${stride[1]} - ${padding[1]};
    let ${name}Source = ${name}0 * ${geometry.inputChannels * plane} + ${name}Y * ${input[1]} + ${name}X;`,
    value: (lines, depth, lanes) => {
      const value = gatherText(operands.input(0), `(${lines} + ${depth}Source)`, lanes);
      return insideText(value, lines, depth, tested, input, lanes);
    },
  };
  return { left, right, depth: [batch, ...output] };
}

/** Zero where positions on the tested axes are outside; below 0 they are large numbers without a sign. */
function insideText(
  value: string,
  lines: string,
  depth: string,
  tested: readonly boolean[],
  size: Pair,
  lanes: Lanes,
): string {
  const unsigned = vectorOf("u32", lanes);
  const tests = ["Y", "X"].flatMap((axis, i) =>
    tested[i] ? [`(${unsigned}(${lines}${axis} + ${depth}${axis}) < ${unsigned}(${size[i]}u))`] : [],
  );
  return tests.length === 0 ? value : `select(${vectorOf("f32", lanes)}(0.0f), ${value}, ${tests.join(" & ")})`;
}
