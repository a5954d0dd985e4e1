import { type Expression, binary, input, unary } from "../../kernel/expression";
import type { ConvolutionGeometry, Kernel, PoolGeometry, RowsResult, View } from "../../kernel/kernel";
import type { Backend, Buffer, Values } from "../backend";

/** A small program with a kernel of every kind that a training leans on, in sizes that leave rests of vectors and tiles. */
export interface Trial {
  readonly buffers: readonly TrialBuffer[];
  readonly steps: readonly TrialStep[];
}

interface TrialBuffer {
  readonly size: number;
  /** Of an input. */
  readonly data?: Float32Array;
}

interface TrialStep {
  /** For people: "its 3×3 convolution". */
  readonly name: string;
  readonly kernel: Kernel;
  /** Positions in the trial's buffers. */
  readonly inputs: readonly number[];
  readonly output: number;
}

/** How far float32 sums may be apart that were taken in another order, for each unit of 1 + |x|. */
const TOLERANCE = 1e-4;

/** Does the trial on a backend. @returns the result of each step */
export async function runTrial(backend: Backend, { buffers, steps }: Trial): Promise<Values[]> {
  const held = buffers.map(({ size }) => backend.allocate("float32", size));
  const at = (position: number): Buffer => held[position];
  buffers.forEach(({ data }, i) => {
    if (data) backend.write(held[i], data);
  });
  const prepared = backend.prepare(
    steps.map(({ kernel, inputs, output }) => ({ kernel, inputs: inputs.map(at), outputs: [at(output)] })),
  );
  prepared.run(0, steps.length);
  return Promise.all(steps.map(({ output }) => backend.read(at(output))));
}

/** @returns the name of the first step whose result is not as expected; undefined where all are */
export function firstWrong(
  { steps }: Trial,
  actual: readonly Values[],
  expected: readonly Values[],
): string | undefined {
  const isClose = (a: number, b: number): boolean =>
    Object.is(a, b) || (Number.isFinite(b) && Math.abs(a - b) <= TOLERANCE * (1 + Math.abs(b)));
  return steps.find((_, i) => !expected[i].every((value, at) => isClose(actual[i][at], value)))?.name;
}

export function createTrial(): Trial {
  const buffers: TrialBuffer[] = [];
  const steps: TrialStep[] = [];
  /** Numbers in −1…1 that are spread evenly (multiples of the golden ratio), others in each buffer. */
  const data = (size: number, change: (x: number, i: number) => number = (x) => x): number => {
    const start = buffers.length * 0.377;
    const values = new Float32Array(size);
    for (let i = 0; i < size; i++) values[i] = change(2 * ((start + i * 0.6180339887) % 1) - 1, i);
    return buffers.push({ size, data: values }) - 1;
  };
  const add = (name: string, kernel: Kernel, inputs: readonly number[], size: number): number => {
    const output = buffers.push({ size }) - 1;
    steps.push({ name, kernel, inputs, output });
    return output;
  };
  addProducts(data, add);
  addConvolutions(data, add);
  addPools(data, add);
  addElementwise(data, add);
  return { buffers, steps };
}

type AddData = (size: number, change?: (x: number, i: number) => number) => number;
type AddStep = (name: string, kernel: Kernel, inputs: readonly number[], size: number) => number;

/** Of a size for each way to multiply: vectors, narrow and square results, more steps than are done at a time, factors transposed. */
function addProducts(data: AddData, add: AddStep): void {
  for (const [m, n, k, ...ways] of [
    [1, 75, 37, "none"],
    [35, 1, 70, "left"],
    [21, 10, 45, "none"],
    [3, 13, 517, "none"],
    [13, 43, 19, "none", "left", "right"],
  ] as const) {
    const [a, b] = [data(m * k), data(k * n)];
    for (const transposed of ways) {
      const kernel: Kernel = {
        kind: "matmul",
        ...{ m, n, k },
        batch: [{ a: 0, b: 0 }],
        strideA: transposed === "left" ? [1, m] : [k, 1],
        strideB: transposed === "right" ? [1, k] : [n, 1],
      };
      add(`matrix product ${m}×${k}×${n}`, kernel, [a, b], m * n);
    }
  }
  addFinishedProduct(data, add);
}

/** One whose elements are finished in registers: a bias, and what is above 0. */
function addFinishedProduct(data: AddData, add: AddStep): void {
  const [m, n, k] = [14, 43, 21];
  const kernel: Kernel = {
    kind: "matmul",
    ...{ m, n, k, batch: [{ a: 0, b: 0 }] },
    strideA: [k, 1],
    strideB: [n, 1],
    epilogue: {
      views: [{ strides: [0, 0, 1], offset: 0 }],
      results: [{ body: binary("maximum", binary("add", input(0), input(1)), 0), combine: undefined }],
    },
  };
  add("matrix product with a bias and an activation", kernel, [data(m * k), data(k * n), data(n)], m * n);
}

function addConvolutions(data: AddData, add: AddStep): void {
  for (const [side, padding, inputChannels, outputChannels] of [
    [3, 1, 3, 5],
    [5, 0, 2, 6],
  ]) {
    const size = 9;
    const result = size + 2 * padding - side + 1;
    const geometry: ConvolutionGeometry = {
      ...{ batch: 2, inputChannels, outputChannels, groups: 1 },
      input: [size, size],
      kernel: [side, side],
      output: [result, result],
      stride: [1, 1],
      dilation: [1, 1],
      padding: [padding, padding],
    };
    const [images, weights, results] = [
      2 * inputChannels * size ** 2,
      outputChannels * inputChannels * side ** 2,
      2 * outputChannels * result ** 2,
    ];
    const [x, w, g] = [data(images), data(weights), data(results)];
    const name = `${side}×${side} convolution`;
    add(name, { kind: "convolution", which: "forward", geometry }, [x, w], results);
    add(`${name}'s gradient of images`, { kind: "convolution", which: "input", geometry }, [g, w], images);
    add(`${name}'s gradient of weights`, { kind: "convolution", which: "weight", geometry }, [x, g], weights);
  }
}

function addPools(data: AddData, add: AddStep): void {
  const geometry: PoolGeometry = {
    planes: 3,
    input: [10, 22],
    window: [2, 2],
    output: [5, 11],
    stride: [2, 2],
    dilation: [1, 1],
    padding: [0, 0],
    countPadding: false,
  };
  const [large, small] = [3 * 10 * 22, 3 * 5 * 11];
  const [x, g] = [data(large), data(small)];
  add("maximum pooling", { kind: "pool", which: "maximum", geometry }, [x], small);
  add("maximum pooling's gradient", { kind: "pool", which: "maximumGradient", geometry }, [x, g], large);
  add("average pooling", { kind: "pool", which: "average", geometry }, [x], small);
}

/** Maps of what networks need; sums of rows and of columns; softmax with what is special for each function before it. */
function addElementwise(data: AddData, add: AddStep): void {
  const [rows, columns] = [13, 45];
  const shape = [rows, columns];
  const size = rows * columns;
  const dense: View = { strides: [columns, 1], offset: 0 };
  const perRow: View = { strides: [1, 0], offset: 0 };
  const special = [0, -0, Infinity, -Infinity, NaN, 100, -100, 1e-30];
  const wide = data(size, (x, i) => special.at(i) ?? 6 * x);
  const positive = data(size, (x, i) => special.at(i) ?? Math.exp(9 * x));
  const map = (name: string, body: Expression, inputs: readonly number[], views: readonly View[]): number =>
    add(name, { kind: "map", shape, views, body }, inputs, size);
  for (const fn of ["exp", "tanh", "erf"] as const) map(fn, unary(fn, input(0)), [wide], [dense]);
  map("logarithm", unary("log", input(0)), [positive], [dense]);
  const x = data(size);
  const reduce = (name: string, axis: 0 | 1, combine: "sum" | "maximum", of: number): number =>
    add(name, { kind: "reduce", shape, axes: [axis], views: [dense], body: input(0), combine }, [of], shape[1 - axis]);
  reduce("sum of columns", 0, "sum", x);
  const top = reduce("maximum of rows", 1, "maximum", x);
  const shifted = unary("exp", binary("subtract", input(0), input(1)));
  const powers = map("exp of what is shifted", shifted, [x, top], [dense, perRow]);
  const total = reduce("sum of rows", 1, "sum", powers);
  map("softmax", binary("divide", input(0), input(1)), [powers, total], [dense, perRow]);
  addRows(add, wide, size);
}

/** The same and a normalisation in passes over rows, of two lengths: one goes by in registers, the other in a loop. */
function addRows(add: AddStep, of: number, size: number): void {
  const map = (body: Expression, kept: boolean): RowsResult => ({ body, combine: undefined, over: "element", kept });
  const row = (body: Expression, combine: "sum" | "maximum"): RowsResult => ({
    body,
    combine,
    over: "row",
    kept: false,
  });
  for (const length of [15, 45]) {
    const shape = [size / length, length];
    const views: View[] = [{ strides: [length, 1], offset: 0 }];
    const softmax = [
      row(input(0), "maximum"),
      map(unary("exp", binary("subtract", input(0), input(1))), false),
      row(input(2), "sum"),
      map(binary("divide", input(2), input(3)), true),
    ];
    const deviation = unary("sqrt", binary("add", binary("divide", input(3), length), 1e-5));
    const normal = [
      row(input(0), "sum"),
      map(binary("subtract", input(0), binary("divide", input(1), length)), false),
      row(binary("multiply", input(2), input(2)), "sum"),
      map(binary("divide", input(2), deviation), true),
    ];
    add(`softmax of rows of ${length}`, { kind: "rows", shape, views, results: softmax }, [of], size);
    add(`normal rows of ${length}`, { kind: "rows", shape, views, results: normal }, [of], size);
  }
}
