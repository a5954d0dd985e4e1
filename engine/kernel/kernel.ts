import { type Expression, printExpression } from "./expression";
import type { Distribution } from "./random";

/**
 * One piece of work for a backend: plain data, all sizes known.
 *
 * Kernels read whole buffers. `map`, `reduce`, `sweep`, `rows` and `matmul` may read them through strides; every other
 * kernel reads dense row-major inputs. Each writes one dense row-major output, a `sweep` or an epilogue one for each result, `rows` one
 * for each result that it keeps.
 * Backends know kernels and buffers, never operations.
 */
export type Kernel =
  | MapKernel
  | ReduceKernel
  | SweepKernel
  | RowsKernel
  | ArgumentKernel
  | CumulativeSumKernel
  | MatmulKernel
  | ConvolutionKernel
  | PoolKernel
  | ConcatKernel
  | PlaceKernel
  | GatherKernel
  | ScatterAddKernel
  | RandomKernel
  | PermutationKernel;

export type ElementType = "float32" | "int32" | "bool";

/** How an index of the kernel's shape finds its element: offset + Σ index[axis]·strides[axis]. */
export interface View {
  readonly strides: readonly number[];
  readonly offset: number;
}

/** out[i] = body(inputs[view(i)]) for every index i of `shape`. */
export interface MapKernel {
  readonly kind: "map";
  readonly shape: readonly number[];
  readonly views: readonly View[];
  readonly body: Expression;
}

export type Combine = "sum" | "product" | "maximum" | "minimum";

/** Maps over `shape` and combines along `axes`; the output has the remaining axes. */
export interface ReduceKernel {
  readonly kind: "reduce";
  readonly shape: readonly number[];
  readonly axes: readonly number[];
  readonly views: readonly View[];
  readonly body: Expression;
  readonly combine: Combine;
}

/** Several results over one shape in one pass, each into a buffer of its own. */
export interface SweepKernel {
  readonly kind: "sweep";
  readonly shape: readonly number[];
  readonly views: readonly View[];
  readonly results: readonly SweepResult[];
}

/** An element for every index, as of a map; or all of them combined into one number. */
export interface SweepResult {
  readonly body: Expression;
  readonly combine: Combine | undefined;
}

/** The kernels that do the same one after the other. */
export function partsOfSweep({ shape, views, results }: SweepKernel): (MapKernel | ReduceKernel)[] {
  return results.map(({ body, combine }) =>
    combine === undefined
      ? { kind: "map", shape, views, body }
      : { kind: "reduce", shape, axes: shape.map((_, axis) => axis), views, body, combine },
  );
}

/**
 * Several results over the rows of one shape, which lie along its last axis (there is one, at least), in order: softmax and
 * normalisations, whose elements need numbers of their whole row. A body reads input(i) through view i, and after the views the
 * results before it: input(views.length + j) is an element result's element at the same index or a row result's number of the same row.
 */
export interface RowsKernel {
  readonly kind: "rows";
  readonly shape: readonly number[];
  readonly views: readonly View[];
  readonly results: readonly RowsResult[];
}

/**
 * `element`: a number for every index (not combined). `row`: one for each row, combined along it, or (`combine` undefined) made once
 * of what does not vary along it. `rows`: one number, of what does not vary along rows, combined over them. `all`: one number,
 * combined over all elements. No result reads one over `rows` or `all`.
 */
export interface RowsResult {
  readonly body: Expression;
  readonly combine: Combine | undefined;
  readonly over: "element" | "row" | "rows" | "all";
  /** Whether it has an output: dense, of `shape`, of that without its last axis, or of one number. The others have none. */
  readonly kept: boolean;
}

/**
 * The kernels that do the same one after the other; each reads the inputs and then all results before it, kept or not, but for those
 * over `rows` and `all`, in whose place it is given anything of one element.
 */
export function partsOfRows({ shape, views, results }: RowsKernel): (MapKernel | ReduceKernel)[] {
  const last = shape.length - 1;
  const rowShape = shape.slice(0, last);
  const strides = denseStrides(shape);
  const rowStrides = denseStrides(rowShape);
  const read = [...views];
  return results.map(({ body, combine, over }): MapKernel | ReduceKernel => {
    const isOfRow = over === "rows" || (over === "row" && combine === undefined);
    const of = {
      shape: isOfRow ? rowShape : shape,
      views: read.map((view) => (isOfRow ? { ...view, strides: view.strides.slice(0, last) } : view)),
      body,
    };
    read.push({
      strides: over === "element" ? strides : over === "row" ? [...rowStrides, 0] : shape.map(() => 0),
      offset: 0,
    });
    if (combine === undefined) return { kind: "map", ...of };
    const axes = over === "row" ? [last] : of.shape.map((_, axis) => axis);
    return { kind: "reduce", ...of, axes, combine };
  });
}

function denseStrides(shape: readonly number[]): number[] {
  return shape.map((_, axis) => shape.slice(axis + 1).reduce((product, dim) => product * dim, 1));
}

/** Position (int32) of the first largest or smallest element along the middle of [outer, length, inner]. */
export interface ArgumentKernel {
  readonly kind: "argument";
  readonly which: "maximum" | "minimum";
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
}

/** Running sum along the middle of [outer, length, inner]; `reverse` starts at the end. */
export interface CumulativeSumKernel {
  readonly kind: "cumulativeSum";
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
  readonly reverse: boolean;
}

/**
 * What becomes of a product before it is stored: results as of a sweep, each into a buffer of its own, in place of the product. Input 0 of
 * a body is the product's element, input 1 + i the kernel's input 2 + i, read through view i over the product's shape.
 */
export interface Epilogue {
  readonly views: readonly View[];
  readonly results: readonly SweepResult[];
}

/** Kernels that may have an epilogue. */
export type ProductKernel = MatmulKernel | ConvolutionKernel;

/** [batch, m, n], or that of the convolution's result. */
export function productShape(kernel: ProductKernel): readonly number[] {
  if (kernel.kind === "matmul") return [kernel.batch.length, kernel.m, kernel.n];
  const { batch, inputChannels, outputChannels, groups, input, output, kernel: window } = kernel.geometry;
  switch (kernel.which) {
    case "forward":
      return [batch, outputChannels, ...output];
    case "input":
      return [batch, inputChannels, ...input];
    case "weight":
      return [outputChannels, inputChannels / groups, ...window];
    default:
      return kernel.which satisfies never;
  }
}

/** The product alone, and the sweep over (product, the epilogue's inputs) that follows it. */
export function partsOfEpilogue(
  kernel: ProductKernel,
): { readonly product: ProductKernel; readonly sweep: SweepKernel } | undefined {
  const { epilogue, ...product } = kernel;
  if (!epilogue) return undefined;
  const shape = productShape(kernel);
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((size, dim) => size * dim, 1));
  const views = [{ strides, offset: 0 }, ...epilogue.views];
  return { product, sweep: { kind: "sweep", shape, views, results: epilogue.results } };
}

/** C[b] = A[b]·B[b]; A is m×k and B k×n through the given row and column strides, C dense. */
export interface MatmulKernel {
  readonly kind: "matmul";
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Offsets, in elements, of each pair of matrices of the batch. */
  readonly batch: readonly { readonly a: number; readonly b: number }[];
  readonly strideA: readonly [row: number, column: number];
  readonly strideB: readonly [row: number, column: number];
  readonly epilogue?: Epilogue;
}

/** Sizes of a 2-D convolution, cross-correlation as in DOMAIN; images are [batch, channels, height, width]. */
export interface ConvolutionGeometry {
  readonly batch: number;
  readonly inputChannels: number;
  readonly outputChannels: number;
  readonly groups: number;
  readonly input: readonly [height: number, width: number];
  readonly kernel: readonly [height: number, width: number];
  readonly output: readonly [height: number, width: number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  /** Rows above and columns left that padding adds; what is below and right follows from the sizes. */
  readonly padding: readonly [top: number, left: number];
}

/** `forward`: (x, w) → y; `input`: (g, w) → ∂x; `weight`: (x, g) → ∂w. */
export interface ConvolutionKernel {
  readonly kind: "convolution";
  readonly which: "forward" | "input" | "weight";
  readonly geometry: ConvolutionGeometry;
  readonly epilogue?: Epilogue;
}

export interface PoolGeometry {
  /** Batch × channels. */
  readonly planes: number;
  readonly input: readonly [height: number, width: number];
  readonly window: readonly [height: number, width: number];
  readonly output: readonly [height: number, width: number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly padding: readonly [top: number, left: number];
  /** Average pooling divides by the window's size, or by the number of its elements inside the image. */
  readonly countPadding: boolean;
}

/**
 * `maximum`: x → y; `maximumGradient`: (x, g) → ∂x, g goes to the first largest element of each window;
 * `maximumPick`: (x, v of x's shape) → v at those elements; `average`: x → y; `averageGradient`: g → ∂x.
 */
export interface PoolKernel {
  readonly kind: "pool";
  readonly which: "maximum" | "maximumGradient" | "maximumPick" | "average" | "averageGradient";
  readonly geometry: PoolGeometry;
}

/** Joins inputs [outer, lengths[i], inner] along the middle. */
export interface ConcatKernel {
  readonly kind: "concat";
  readonly outer: number;
  readonly lengths: readonly number[];
  readonly inner: number;
}

/** out = `value` everywhere; out[start + step·i] = in[i] along each axis: padding, and the gradient of a slice. */
export interface PlaceKernel {
  readonly kind: "place";
  readonly inputShape: readonly number[];
  readonly start: readonly number[];
  readonly step: readonly number[];
  readonly shape: readonly number[];
  readonly value: number;
}

/** out[o, j, i] = data[o, indices[j], i] with data [outer, length, inner] and indices [count]. */
export interface GatherKernel {
  readonly kind: "gather";
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
  readonly count: number;
}

/** out = zeros [outer, length, inner]; out[o, indices[j], i] += source[o, j, i], in order of j. Inputs (indices, source). */
export interface ScatterAddKernel {
  readonly kind: "scatterAdd";
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
  readonly count: number;
}

/** Input: the random key [seed, iteration] as int32. */
export interface RandomKernel {
  readonly kind: "random";
  readonly distribution: Distribution;
  readonly size: number;
  readonly stream: number;
}

/** Input: the random key [seed, iteration] as int32; output int32. */
export interface PermutationKernel {
  readonly kind: "permutation";
  readonly size: number;
  readonly stream: number;
}

/** Stable text of a kernel, for plans and snapshots. */
export function printKernel(kernel: Kernel): string {
  const { kind, ...rest } = kernel;
  return `${kind} ${printFields(rest)}`;
}

function printFields(fields: object): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) =>
      key === "body"
        ? printExpression(value as Expression)
        : key === "results"
          ? (value as (SweepResult | RowsResult)[]).map(printResult).join(", ")
          : key === "epilogue"
            ? `then ${printFields(value as Epilogue)}`
            : `${key}=${JSON.stringify(value)}`,
    )
    .join(" ");
}

/** `maximum row: i0` is not kept, `maximum row*: i0` is. */
function printResult(result: SweepResult | RowsResult): string {
  const { body, combine } = result;
  const what = combine ?? "map";
  const where = "over" in result ? ` ${result.over}${result.kept ? "*" : ""}` : "";
  return `${what}${where}: ${printExpression(body)}`;
}
