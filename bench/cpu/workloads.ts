/**
 * What the benchmarks do, as plain data that every contestant carries out with its own means: the shapes, the numbers to begin
 * with, the loss and the update are the same for all.
 */

/** One entry of an array list; parameters are named as in the models of `models.ts`, which is PyTorch's way. */
export interface ArraySpec {
  readonly name: string;
  readonly role: "parameter" | "input" | "target";
  readonly shape: readonly number[];
  /** Values are uniform in centre ± spread; with `classes` whole numbers from 0 to classes − 1. */
  readonly centre: number;
  readonly spread: number;
  readonly classes?: number;
}

export interface Workload {
  /** `mlp-64`: what `--only` is compared with, by its beginning. */
  readonly name: string;
  readonly title: string;
  readonly task: Training | Operation;
  readonly arrays: readonly ArraySpec[];
  /** Floating-point operations of one run, and bytes that it must at least move: for GFLOP/s and GB/s. */
  readonly operations?: number;
  readonly bytes?: number;
}

/** Forward, backward and update on one batch. */
export interface Training {
  readonly kind: "training";
  readonly model: "mlp" | "lenet" | "transformer" | "lstm" | "xor";
  readonly batch: number;
  readonly loss: "crossEntropy" | "meanSquaredError";
  readonly optimizer: OptimizerSpec;
}

export type OptimizerSpec =
  | { readonly name: "sgd"; readonly learningRate: number }
  /** v ← 0.9 v + g, θ ← θ − ηv. */
  | { readonly name: "momentum"; readonly learningRate: number }
  /** β 0.9 and 0.999, ε 1e-8. */
  | { readonly name: "adam"; readonly learningRate: number };

/** One operation on the arrays in their order, or a chain of small ones. Images are N×C×H×W, kernels O×I×H×W. */
export type Operation = { readonly kind: "operation" } & (
  | { readonly op: "matmul"; readonly transposeA: boolean; readonly transposeB: boolean }
  | { readonly op: "add" | "multiply" | "exp" | "tanh" | "sigmoid" | "relu" | "sqrt" | "log" }
  | { readonly op: "sum" | "max" | "mean"; readonly axes: readonly number[] }
  /** Over the last axis. */
  | { readonly op: "softmax" }
  | { readonly op: "conv2d"; readonly stride: number; readonly padding: number }
  /** What a convolution's gradient does to its input: the first array has the shape of that convolution's result. */
  | { readonly op: "conv2dInputGradient"; readonly stride: number; readonly padding: number }
  /** `repeat` times h ← tanh(h · w): twice as many nodes. */
  | { readonly op: "chain"; readonly repeat: number }
);

export type ArrayValues = Float32Array | Int32Array;

/** The numbers of each array, the same on every machine. */
export function arraysOf({ arrays }: Workload): ReadonlyMap<string, ArrayValues> {
  return new Map(arrays.map((spec, i) => [spec.name, valuesOf(spec, i + 1)]));
}

export function workloads(): Workload[] {
  return [
    ...[64, 128, 256, 512, 1024, 2048].map((n) => matmul(n, n, n)),
    ...[
      [1, 1024, 1024],
      [33, 65, 129],
      [100, 77, 300],
      [255, 257, 253],
      [500, 37, 1000],
      [1000, 1000, 10],
    ].map(([m, k, n]) => matmul(m, k, n)),
    ...[32, 64, 256].map((batch) => mlp(batch)),
    lenet(64),
    transformer(),
    lstm(),
    xor(),
    ...bandwidth(),
    chain(),
  ];
}

/** Left [m, k] by right [k, n]. */
export function matmul(m: number, k: number, n: number): Workload {
  const isSquare = m === k && k === n;
  return {
    name: `gemm-${isSquare ? n : [m, k, n].join("x")}`,
    title: isSquare ? `matmul ${n}` : `matmul ${m}×${k} · ${k}×${n}`,
    task: { kind: "operation", op: "matmul", transposeA: false, transposeB: false },
    arrays: [input("a", [m, k]), input("b", [k, n])],
    operations: 2 * m * k * n,
  };
}

/** 784-128-10 with ReLU. */
export function mlp(batch: number): Workload {
  return training(`mlp-${batch}`, `MLP 784-128-10, batch ${batch}`, {
    task: { model: "mlp", batch, loss: "crossEntropy", optimizer: { name: "sgd", learningRate: 0.02 } },
    parameters: [...linear("hidden", 784, 128), ...linear("output", 128, 10)],
    data: [input("x", [batch, 784]), classes("y", batch)],
  });
}

/** As in examples/lenet5.nn.ts: ReLU, max pooling, 28×28 images. */
export function lenet(batch: number): Workload {
  return training(`lenet-${batch}`, `LeNet-5, batch ${batch}`, {
    task: { model: "lenet", batch, loss: "crossEntropy", optimizer: { name: "momentum", learningRate: 0.01 } },
    parameters: [
      ...convolution("conv1", 1, 6, 5),
      ...convolution("conv2", 6, 16, 5),
      ...linear("fc1", 400, 120),
      ...linear("fc2", 120, 84),
      ...linear("output", 84, 10),
    ],
    data: [input("x", [batch, 1, 28, 28]), classes("y", batch)],
  });
}

/** Encoder layers (norm after each half, ReLU, no dropout), the mean over the sequence, one linear layer. */
export function transformer({ batch = 16, length = 64, layers = 4 } = {}): Workload {
  const [size, feedforward] = [128, 512];
  const layer = (i: number): ArraySpec[] => {
    const at = (name: string): string => `layers.${i}.${name}`;
    return [
      parameter(at("self_attn.in_proj_weight"), [3 * size, size], size),
      parameter(at("self_attn.in_proj_bias"), [3 * size], size),
      ...linear(at("self_attn.out_proj"), size, size),
      ...linear(at("linear1"), size, feedforward),
      ...linear(at("linear2"), feedforward, size),
      ...norm(at("norm1"), size),
      ...norm(at("norm2"), size),
    ];
  };
  return training("transformer", `transformer, ${layers} layers, ${batch}×${length}×${size}`, {
    task: { model: "transformer", batch, loss: "crossEntropy", optimizer: { name: "adam", learningRate: 1e-3 } },
    parameters: [...Array.from({ length: layers }, (_, i) => layer(i)).flat(), ...linear("output", size, 10)],
    data: [input("x", [batch, length, size]), classes("y", batch)],
  });
}

/** The last hidden state goes through one linear layer. */
export function lstm({ batch = 32, steps = 32 } = {}): Workload {
  const [features, hidden] = [64, 128];
  return training("lstm", `LSTM ${hidden}, ${steps} steps, batch ${batch}`, {
    task: { model: "lstm", batch, loss: "crossEntropy", optimizer: { name: "adam", learningRate: 1e-3 } },
    parameters: [
      parameter("lstm.weight_ih_l0", [4 * hidden, features], hidden),
      parameter("lstm.weight_hh_l0", [4 * hidden, hidden], hidden),
      parameter("lstm.bias_ih_l0", [4 * hidden], hidden),
      parameter("lstm.bias_hh_l0", [4 * hidden], hidden),
      ...linear("output", hidden, 10),
    ],
    data: [input("x", [batch, steps, features]), classes("y", batch)],
  });
}

/** 2-8-1 with tanh and a sigmoid at the end: all four rows of a truth table. */
export function xor(): Workload {
  return training("xor", "XOR 2-8-1", {
    task: { model: "xor", batch: 4, loss: "meanSquaredError", optimizer: { name: "sgd", learningRate: 0.1 } },
    parameters: [...linear("hidden", 2, 8), ...linear("output", 8, 1)],
    data: [input("x", [4, 2]), { ...input("y", [4, 1]), role: "target" }],
  });
}

/** 1,048,576 elements as 1024 rows of 1024. */
function bandwidth(): Workload[] {
  const shape = [1024, 1024];
  const all = 4 * 1024 * 1024;
  const one = (name: string, title: string, task: Operation, bytes: number, count = 1): Workload => ({
    name: `bandwidth-${name}`,
    title: `${title}, 1 M elements`,
    task,
    arrays: ["a", "b"].slice(0, count).map((each) => input(each, shape)),
    bytes,
  });
  return [
    one("add", "a + b", { kind: "operation", op: "add" }, 3 * all, 2),
    one("exp", "exp", { kind: "operation", op: "exp" }, 2 * all),
    one("sum", "sum", { kind: "operation", op: "sum", axes: [0, 1] }, all),
    one("rows", "sum of each row", { kind: "operation", op: "sum", axes: [1] }, all),
    one("columns", "sum of each column", { kind: "operation", op: "sum", axes: [0] }, all),
    one("softmax", "softmax of each row", { kind: "operation", op: "softmax" }, 2 * all),
  ];
}

function chain(): Workload {
  const repeat = 50;
  return {
    name: "nodes",
    title: `${2 * repeat} tiny nodes (4×4 · 4×4, tanh)`,
    task: { kind: "operation", op: "chain", repeat },
    arrays: [input("h", [4, 4]), input("w", [4, 4])],
  };
}

function training(
  name: string,
  title: string,
  of: {
    readonly task: Omit<Training, "kind">;
    readonly parameters: readonly ArraySpec[];
    readonly data: readonly ArraySpec[];
  },
): Workload {
  return { name, title, task: { kind: "training", ...of.task }, arrays: [...of.parameters, ...of.data] };
}

function linear(name: string, inputs: number, outputs: number): ArraySpec[] {
  return [parameter(`${name}.weight`, [outputs, inputs], inputs), parameter(`${name}.bias`, [outputs], inputs)];
}

function convolution(name: string, inputs: number, outputs: number, size: number): ArraySpec[] {
  const fanIn = inputs * size * size;
  return [
    parameter(`${name}.weight`, [outputs, inputs, size, size], fanIn),
    parameter(`${name}.bias`, [outputs], fanIn),
  ];
}

function norm(name: string, size: number): ArraySpec[] {
  return [
    { name: `${name}.weight`, role: "parameter", shape: [size], centre: 1, spread: 0.1 },
    { name: `${name}.bias`, role: "parameter", shape: [size], centre: 0, spread: 0.1 },
  ];
}

/** Within ±1/√fanIn, as PyTorch's linear layers begin. */
function parameter(name: string, shape: readonly number[], fanIn: number): ArraySpec {
  return { name, role: "parameter", shape, centre: 0, spread: 1 / Math.sqrt(fanIn) };
}

export function input(name: string, shape: readonly number[]): ArraySpec {
  return { name, role: "input", shape, centre: 0, spread: 1 };
}

function classes(name: string, batch: number): ArraySpec {
  return { name, role: "target", shape: [batch], centre: 0, spread: 0, classes: 10 };
}

function valuesOf({ shape, centre, spread, classes: count }: ArraySpec, seed: number): ArrayValues {
  const size = shape.reduce((product, dim) => product * dim, 1);
  const uniform = generator(seed);
  if (count !== undefined) return Int32Array.from({ length: size }, () => Math.floor(uniform() * count));
  return Float32Array.from({ length: size }, () => centre + spread * (2 * uniform() - 1));
}

/** mulberry32: uniform in [0, 1). */
export function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 0x100000000;
  };
}
