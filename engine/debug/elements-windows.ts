import type { NdArray } from "../graph/array";
import type { Tensor } from "../graph/tensor";
import type { VisitOperand } from "./elements";

/** Which elements one element of a convolution's or a pooling's result is made of, and of their gradients'. */

type Four = readonly [number, number, number, number];

/** How windows slide, as the attributes of these operations have it. */
interface Sliding {
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly padding: readonly [readonly [number, number], readonly [number, number]];
  /** Of convolutions. */
  readonly groups: number;
  /** Of poolings. */
  readonly window: readonly [number, number];
}

interface Asked {
  readonly attributes: Sliding;
  /** The shape of the result, and the place in it. */
  readonly shape: Four;
  readonly at: Four;
  readonly inputs: readonly NdArray[];
  readonly visit: VisitOperand;
}

export function isWindowed(op: string): boolean {
  return op in RULES;
}

/** As `eachOperand`, which asks for these operations. */
export function eachWindowOperand(
  node: Tensor,
  shape: readonly number[],
  flat: number,
  inputs: readonly NdArray[],
  visit: VisitOperand,
): boolean {
  const result = four(shape);
  const at: Four = [
    Math.floor(flat / (result[1] * result[2] * result[3])),
    Math.floor(flat / (result[2] * result[3])) % result[1],
    Math.floor(flat / result[3]) % result[2],
    flat % result[3],
  ];
  const attributes = node.attributes as unknown as Sliding;
  return RULES[node.op as keyof typeof RULES]({ attributes, shape: result, at, inputs, visit });
}

const RULES = {
  conv2d: ({ attributes, shape, at: [n, o, i, j], inputs: [x, w], visit }: Asked): boolean => {
    const [image, kernel] = [four(x.shape), four(w.shape)];
    const firstChannel = Math.floor(o / (shape[1] / attributes.groups)) * kernel[1];
    return eachTap(kernel[2], kernel[3], (k, l) => {
      const [row, column] = source(attributes, i, j, k, l);
      if (!isInside(row, column, image)) return false;
      for (let c = 0; c < kernel[1]; c++)
        if (
          visit(0, place(image, n, firstChannel + c, row, column)) === true ||
          visit(1, place(kernel, o, c, k, l)) === true
        )
          return true;
      return false;
    });
  },
  conv2dInputGradient: ({
    attributes,
    shape,
    at: [n, channel, row, column],
    inputs: [g, w],
    visit,
  }: Asked): boolean => {
    const [result, kernel] = [four(g.shape), four(w.shape)];
    const groupOutputs = result[1] / attributes.groups;
    const group = Math.floor(channel / (shape[1] / attributes.groups));
    return eachTap(kernel[2], kernel[3], (k, l) => {
      const from = target(attributes, row, column, k, l, result);
      if (!from) return false;
      for (let o = group * groupOutputs; o < (group + 1) * groupOutputs; o++)
        if (
          visit(0, place(result, n, o, from[0], from[1])) === true ||
          visit(1, place(kernel, o, channel - group * kernel[1], k, l)) === true
        )
          return true;
      return false;
    });
  },
  conv2dWeightGradient: ({ attributes, shape, at: [o, c, k, l], inputs: [x, g], visit }: Asked): boolean => {
    const [image, result] = [four(x.shape), four(g.shape)];
    const firstChannel = Math.floor(o / (shape[0] / attributes.groups)) * shape[1];
    return eachTap(result[2], result[3], (i, j) => {
      const [row, column] = source(attributes, i, j, k, l);
      if (!isInside(row, column, image)) return false;
      for (let n = 0; n < image[0]; n++)
        if (
          visit(0, place(image, n, firstChannel + c, row, column)) === true ||
          visit(1, place(result, n, o, i, j)) === true
        )
          return true;
      return false;
    });
  },
  maxPool2d: pooled,
  averagePool2d: pooled,
  averagePool2dGradient: ({ attributes, at: [n, c, row, column], inputs: [g], visit }: Asked): boolean => {
    const result = four(g.shape);
    return eachTap(attributes.window[0], attributes.window[1], (k, l) => {
      const from = target(attributes, row, column, k, l, result);
      return from !== undefined && visit(0, place(result, n, c, from[0], from[1])) === true;
    });
  },
  // What came in goes to where a window's largest number stood.
  maxPool2dGradient: ({ attributes, shape, at: [n, c, row, column], inputs: [x, g], visit }: Asked): boolean => {
    const result = four(g.shape);
    const own = place(shape, n, c, row, column);
    return eachTap(attributes.window[0], attributes.window[1], (k, l) => {
      const from = target(attributes, row, column, k, l, result);
      if (!from || winner(attributes, x, n, c, from[0], from[1]) !== own) return false;
      return visit(1, place(result, n, c, from[0], from[1])) === true;
    });
  },
  maxPool2dPick: ({ attributes, at: [n, c, i, j], inputs: [x], visit }: Asked): boolean => {
    const from = winner(attributes, x, n, c, i, j);
    return from !== undefined && visit(1, from) === true;
  },
} as const;

function pooled({ attributes, at: [n, c, i, j], inputs: [x], visit }: Asked): boolean {
  const image = four(x.shape);
  return eachTap(attributes.window[0], attributes.window[1], (k, l) => {
    const [row, column] = source(attributes, i, j, k, l);
    return isInside(row, column, image) && visit(0, place(image, n, c, row, column)) === true;
  });
}

/** The first largest number of a window, or its first NaN. */
function winner(attributes: Sliding, x: NdArray, n: number, c: number, i: number, j: number): number | undefined {
  const image = four(x.shape);
  let best: number | undefined;
  eachTap(attributes.window[0], attributes.window[1], (k, l) => {
    const [row, column] = source(attributes, i, j, k, l);
    if (!isInside(row, column, image)) return false;
    const from = place(image, n, c, row, column);
    if (best === undefined) best = from;
    else if (!Number.isNaN(x.data[best]) && (Number.isNaN(x.data[from]) || x.data[from] > x.data[best])) best = from;
    return false;
  });
  return best;
}

function eachTap(rows: number, columns: number, visit: (row: number, column: number) => boolean): boolean {
  for (let k = 0; k < rows; k++) for (let l = 0; l < columns; l++) if (visit(k, l)) return true;
  return false;
}

/** The place in the image under tap [k, l] of window [i, j]. */
function source({ stride, dilation, padding }: Sliding, i: number, j: number, k: number, l: number): [number, number] {
  return [i * stride[0] + k * dilation[0] - padding[0][0], j * stride[1] + l * dilation[1] - padding[1][0]];
}

/** The window whose tap [k, l] lies on a place of the image, if there is one. */
function target(
  { stride, dilation, padding }: Sliding,
  row: number,
  column: number,
  k: number,
  l: number,
  result: Four,
): [number, number] | undefined {
  const i = (row + padding[0][0] - k * dilation[0]) / stride[0];
  const j = (column + padding[1][0] - l * dilation[1]) / stride[1];
  return Number.isInteger(i) && Number.isInteger(j) && isInside(i, j, result) ? [i, j] : undefined;
}

function isInside(row: number, column: number, shape: Four): boolean {
  return row >= 0 && row < shape[2] && column >= 0 && column < shape[3];
}

function place(shape: Four, a: number, b: number, c: number, d: number): number {
  return ((a * shape[1] + b) * shape[2] + c) * shape[3] + d;
}

function four(shape: readonly number[]): Four {
  return [shape[0], shape[1], shape[2], shape[3]];
}
