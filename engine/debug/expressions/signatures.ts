import type * as ops from "../../ops";

/** What the engine's operations take, so that expressions can check it, and completions can say it. */

export type Kind =
  /** A tensor, a number, or nested lists of numbers. */
  | "tensor"
  | "tensors"
  | "number"
  /** A number that a tensor's size may follow from. */
  | "bound"
  | "integer"
  /** How many there shall be. */
  | "count"
  /** One whole number or a list of them: axes, or sizes per axis. */
  | "integers"
  /** How many equal ones, or the size of each. */
  | "parts"
  | "shape"
  | "pairs"
  | "dtype"
  | "text"
  | "part"
  | "options";

export interface Parameter {
  readonly name: string;
  readonly kind: Kind;
  readonly optional: boolean;
  /** Takes all that follows. */
  readonly rest: boolean;
  /** Names of options. */
  readonly options: readonly string[];
}

const UNARY = "x: tensor";
const BINARY = "a: tensor, b: tensor";
const REDUCTION = "x: tensor, axis?: integers, options?: {keepDims}";
const DEVIATION = "x: tensor, axis?: integers, options?: {keepDims|correction}";
const ARGUMENT = "x: tensor, axis?: integer";
const SOFTMAX = "x: tensor, axis?: integer";
const CONVOLUTION = "x: tensor, weight: tensor, bias?: tensor, options?: {stride|padding|dilation|groups}";

/** All operations that users know, but those that take functions. */
export const OPERATIONS = {
  abs: UNARY,
  adaptiveAveragePool2d: "x: tensor, outputSize: integers",
  add: BINARY,
  all: REDUCTION,
  any: REDUCTION,
  arange: "startOrStop: bound, stop?: bound, step?: number",
  argmax: ARGUMENT,
  argmin: ARGUMENT,
  averagePool1d: "x: tensor, size: integer, options?: {stride|padding|countPadding}",
  averagePool2d: "x: tensor, size: integers, options?: {stride|padding|countPadding}",
  cast: "x: tensor, dtype: dtype",
  ceil: UNARY,
  clip: "x: tensor, low: number, high: number",
  concat: "tensors: tensors, axis?: integer",
  conv1d: CONVOLUTION,
  conv2d: CONVOLUTION,
  convTranspose2d: "x: tensor, weight: tensor, bias?: tensor, options?: {stride|padding|outputPadding|dilation|groups}",
  cos: UNARY,
  cumsum: "x: tensor, axis: integer, options?: {reverse}",
  div: BINARY,
  dot: BINARY,
  dropout: "x: tensor, rate: number, options?: {training}",
  einsum: "equation: text, ...operands: tensor",
  elu: "x: tensor, alpha?: number",
  eq: BINARY,
  erf: UNARY,
  exp: UNARY,
  expand: "x: tensor, shape: shape",
  expm1: UNARY,
  eye: "rows: count, columns?: count",
  flatten: "x: tensor, start?: integer, end?: integer",
  flip: "x: tensor, axis?: integers",
  floor: UNARY,
  full: "shape: shape, value: number, dtype?: dtype",
  gather: "x: tensor, axis: integer, index: tensor",
  ge: BINARY,
  gelu: UNARY,
  globalAveragePool2d: UNARY,
  globalMaxPool2d: UNARY,
  groupNorm: "x: tensor, groups: integer, weight?: tensor, bias?: tensor, epsilon?: number",
  gt: BINARY,
  hardThreshold: UNARY,
  isFinite: UNARY,
  layerNorm: "x: tensor, normalizedShape: shape, weight?: tensor, bias?: tensor, epsilon?: number",
  le: BINARY,
  leakyRelu: "x: tensor, slope?: number",
  log: UNARY,
  log1p: UNARY,
  logSoftmax: SOFTMAX,
  logSumExp: REDUCTION,
  logicalAnd: BINARY,
  logicalNot: UNARY,
  logicalOr: BINARY,
  logicalXor: BINARY,
  lt: BINARY,
  matmul: BINARY,
  max: REDUCTION,
  maxPool1d: "x: tensor, size: integer, options?: {stride|padding|dilation}",
  maxPool2d: "x: tensor, size: integers, options?: {stride|padding|dilation}",
  maximum: BINARY,
  mean: REDUCTION,
  min: REDUCTION,
  minimum: BINARY,
  mul: BINARY,
  ne: BINARY,
  neg: UNARY,
  norm: "x: tensor, axis?: integers, options?: {keepDims|p}",
  oneHot: "labels: tensor, classes: count",
  ones: "shape: shape, dtype?: dtype",
  onesLike: UNARY,
  outer: BINARY,
  pad: "x: tensor, pairs: pairs, value?: number",
  permutation: "n: count",
  permute: "x: tensor, order: shape",
  pow: BINARY,
  prod: REDUCTION,
  randomBernoulli: "shape: shape, p: number",
  randomNormal: "shape: shape, mean?: number, std?: number",
  randomUniform: "shape: shape, low?: number, high?: number",
  reciprocal: UNARY,
  relu: UNARY,
  remainder: BINARY,
  reshape: "x: tensor, shape: shape",
  rmsNorm: "x: tensor, normalizedShape: shape, weight?: tensor, epsilon?: number",
  round: UNARY,
  rsqrt: UNARY,
  scalar: "value: number",
  scatterAdd: "x: tensor, axis: integer, index: tensor, source: tensor",
  sigmoid: UNARY,
  sign: UNARY,
  silu: UNARY,
  sin: UNARY,
  slice: "x: tensor, ...parts: part",
  softmax: SOFTMAX,
  softplus: UNARY,
  split: "x: tensor, parts: parts, axis?: integer",
  sqrt: UNARY,
  square: UNARY,
  squeeze: "x: tensor, axis?: integer",
  stack: "tensors: tensors, axis?: integer",
  standardize: "x: tensor, axis: integers, epsilon?: number",
  std: DEVIATION,
  step: UNARY,
  stopGradient: UNARY,
  sub: BINARY,
  sum: REDUCTION,
  take: "x: tensor, indices: tensor, axis?: integer",
  tan: UNARY,
  tanh: UNARY,
  tensor: "value: tensor, dtype?: dtype",
  tile: "x: tensor, counts: shape",
  transpose: "x: tensor, a?: integer, b?: integer",
  tril: "x: tensor, diagonal?: integer",
  triu: "x: tensor, diagonal?: integer",
  unsqueeze: "x: tensor, axis: integer",
  variance: DEVIATION,
  where: "condition: tensor, yes: tensor, no: tensor",
  zeros: "shape: shape, dtype?: dtype",
  zerosLike: UNARY,
} as const satisfies Partial<Record<keyof typeof ops, string>>;

export type OperationName = keyof typeof OPERATIONS;

const parsed = new Map<string, readonly Parameter[]>();

export function parametersOf(name: OperationName): readonly Parameter[] {
  const signature = OPERATIONS[name];
  let parameters = parsed.get(signature);
  if (!parameters) {
    parameters = signature.split(", ").map((text) => {
      const [left, kind] = text.split(": ");
      return {
        name: left.replace(/^\.\.\.|\?$/g, ""),
        kind: kind.startsWith("{") ? "options" : (kind as Kind),
        optional: left.endsWith("?"),
        rest: left.startsWith("..."),
        options: kind.startsWith("{") ? kind.slice(1, -1).split("|") : [],
      };
    });
    parsed.set(signature, parameters);
  }
  return parameters;
}

/** `softmax(x: tensor, axis?: integer)`. */
export function signatureOf(name: OperationName): string {
  return `${name}(${OPERATIONS[name]})`;
}

/** As a method of its first parameter: `softmax(axis?: integer)`; undefined where that is no tensor. */
export function methodSignatureOf(name: OperationName): string | undefined {
  const [first, ...rest] = OPERATIONS[name].split(", ");
  return first.endsWith(": tensor") && !first.startsWith("...") ? `${name}(${rest.join(", ")})` : undefined;
}
