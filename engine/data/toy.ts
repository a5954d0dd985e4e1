/** Small data sets by formula: Boolean gates, point clouds of classes, and curves for regression. */
import { fillRandom, streamOf } from "../kernel/random";
import { inMemory } from "./arrays";
import type { Dataset, FieldSpec } from "./dataset";
import { DataError, requireNumber, requireWhole } from "./error";

export type GateName = "and" | "or" | "xor" | "nand" | "nor" | "xnor" | "not";

/** How two classes are written: 0/1 as float32 `[1]` (a sigmoid unit), −1/1 likewise (a perceptron), or int32 labels. */
export type TwoClassTargets = "zeroOne" | "plusMinus" | "index";

const truth: Record<GateName, (inputs: readonly number[]) => boolean> = {
  and: (inputs) => inputs.every((bit) => bit === 1),
  or: (inputs) => inputs.some((bit) => bit === 1),
  xor: (inputs) => inputs.reduce((sum, bit) => sum + bit, 0) % 2 === 1,
  nand: (inputs) => !truth.and(inputs),
  nor: (inputs) => !truth.or(inputs),
  xnor: (inputs) => !truth.xor(inputs),
  not: (inputs) => inputs[0] === 0,
};

/**
 * The truth table of a gate, rows in counting order (0 0, 0 1, 1 0, 1 1): inputs `[2]`, targets 0/1 as float32 `[1]`.
 * More than two inputs are allowed: xor is then the parity.
 */
export function gates(
  gate: GateName,
  options: { readonly inputs?: number; readonly targets?: TwoClassTargets } = {},
): Dataset {
  const name = `gates(${JSON.stringify(gate)})`;
  const holds = Object.hasOwn(truth, gate) ? truth[gate] : undefined;
  if (holds === undefined) {
    throw new DataError(name, undefined, "there is no such gate", `Choose one of ${Object.keys(truth).join(", ")}`);
  }
  const width = requireWhole(name, "inputs", options.inputs ?? (gate === "not" ? 1 : 2), 1);
  if (width > 16 || (gate === "not" && width !== 1)) {
    throw new DataError(
      name,
      undefined,
      `inputs is ${width}`,
      gate === "not" ? "not takes one input" : "Give up to 16",
    );
  }
  const rows = Array.from({ length: 2 ** width }, (_, row) =>
    Array.from({ length: width }, (_, bit) => (row >> (width - 1 - bit)) & 1),
  );
  return pointSet(
    name,
    rows,
    rows.map((row) => (holds(row) ? 1 : 0)),
    2,
    options.targets ?? "zeroOne",
  );
}

export interface CloudOptions {
  /** Number of points in all. */
  readonly count?: number;
  /** Standard deviation of the normal noise added to each coordinate. */
  readonly noise?: number;
  readonly seed?: number;
  /** How the class is written; default `"index"`: int32 labels, for a cross-entropy. */
  readonly targets?: TwoClassTargets;
}

/**
 * The four corners of the unit square, class a xor b; point i is corner i mod 4 in counting order. Without `count` the
 * truth table. Targets are 0/1 as float32 `[1]` by default.
 */
export function xor(options: CloudOptions = {}): Dataset {
  return cloud("xor", 4, { targets: "zeroOne", ...options }, 2, (i) => {
    const [a, b] = [(i >> 1) & 1, i & 1];
    return { point: [a, b], label: a ^ b };
  });
}

/**
 * Two half circles: (cos t, sin t) is class 0, (1 − cos t, ½ − sin t) class 1, t evenly from 0 to π, ends included
 * (scikit-learn, `make_moons`). Point i belongs to class i mod 2.
 */
export function moons(options: CloudOptions = {}): Dataset {
  return cloud("moons", 200, options, 2, (i, count) => {
    const { label, at, of } = inTurn(i, count, 2);
    const t = of === 1 ? 0 : (Math.PI * at) / (of - 1);
    return { point: label === 0 ? [Math.cos(t), Math.sin(t)] : [1 - Math.cos(t), 0.5 - Math.sin(t)], label };
  });
}

/**
 * Two circles about the origin: radius 1 is class 0, radius `factor` class 1, angles 2πj/n (scikit-learn,
 * `make_circles`). Point i belongs to class i mod 2.
 */
export function circles(options: CloudOptions & { readonly factor?: number } = {}): Dataset {
  const factor = requireNumber("circles", "factor", options.factor ?? 0.5, 0, 1);
  return cloud("circles", 200, options, 2, (i, count) => {
    const { label, at, of } = inTurn(i, count, 2);
    const t = (2 * Math.PI * at) / of;
    const radius = label === 0 ? 1 : factor;
    return { point: [radius * Math.cos(t), radius * Math.sin(t)], label };
  });
}

/**
 * Interleaved arms: point j = 1…n of arm c has radius r = j/n and angle 2π(turns·r + c/classes). Point i belongs to
 * class i mod classes.
 */
export function spirals(options: CloudOptions & { readonly classes?: number; readonly turns?: number } = {}): Dataset {
  const classes = requireWhole("spirals", "classes", options.classes ?? 2, 2);
  const turns = requireNumber("spirals", "turns", options.turns ?? 1.5);
  return cloud("spirals", 200, options, classes, (i, count) => {
    const { label, at, of } = inTurn(i, count, classes);
    const radius = (at + 1) / of;
    const angle = 2 * Math.PI * (turns * radius + label / classes);
    return { point: [radius * Math.cos(angle), radius * Math.sin(angle)], label };
  });
}

/**
 * Normal clouds about centres, `noise` (default 1) their standard deviation. Without `centers`, `classes` (default 3)
 * centres uniform in [−10, 10) in `features` (default 2) dimensions. Point i belongs to class i mod classes.
 */
export function blobs(
  options: CloudOptions & {
    readonly classes?: number;
    readonly features?: number;
    readonly centers?: readonly (readonly number[])[];
  } = {},
): Dataset {
  const seed = requireWhole("blobs", "seed", options.seed ?? 0, 0);
  let centers = options.centers;
  if (centers === undefined) {
    const classes = requireWhole("blobs", "classes", options.classes ?? 3, 1);
    const features = requireWhole("blobs", "features", options.features ?? 2, 1);
    const uniform = new Float64Array(classes * features);
    fillRandom(uniform, "uniform", { seed, iteration: 0 }, streamOf("data.blobs.centers"));
    centers = Array.from({ length: classes }, (_, c) =>
      Array.from(uniform.subarray(c * features, (c + 1) * features), (u) => 20 * u - 10),
    );
  }
  const places = centers;
  if (places.length === 0 || places.some((center) => center.length !== places[0].length || center.length === 0)) {
    throw new DataError("blobs", undefined, "the centers differ in length", "Give lists of equal length, at least one");
  }
  return cloud("blobs", 200, { noise: 1, ...options }, places.length, (i) => {
    const label = i % places.length;
    return { point: places[label], label };
  });
}

export interface CurveOptions {
  readonly count?: number;
  /** Standard deviation of the normal noise added to each target. */
  readonly noise?: number;
  readonly seed?: number;
  /** Inputs lie in this range. */
  readonly range?: readonly [number, number];
}

/** y = w·x + b + noise, x uniform in `range` (default [−1, 1)): inputs `[weights.length]`, targets `[1]`. */
export function linearData(
  options: CurveOptions & { readonly weights?: readonly number[]; readonly bias?: number } = {},
): Dataset {
  const { weights = [2], bias = 1, seed = 0 } = options;
  const [from, to] = rangeOf("linearData", options.range ?? [-1, 1]);
  const count = requireWhole("linearData", "count", options.count ?? 100, 1);
  requireWhole("linearData", "weights.length", weights.length, 1);
  const x = new Float64Array(count * weights.length);
  fillRandom(x, "uniform", { seed, iteration: 0 }, streamOf("data.linearData.inputs"));
  const rows = Array.from({ length: count }, (_, i) =>
    Array.from(x.subarray(i * weights.length, (i + 1) * weights.length), (u) => from + (to - from) * u),
  );
  const y = rows.map((row) => row.reduce((sum, value, j) => sum + value * weights[j], bias));
  return curve("linearData", rows, y, options);
}

/** y = amplitude · sin(frequency · x) + noise, x evenly over `range` (default [−π, π]), ends included: inputs and targets `[1]`. */
export function sineData(
  options: CurveOptions & { readonly frequency?: number; readonly amplitude?: number } = {},
): Dataset {
  const { frequency = 1, amplitude = 1 } = options;
  const [from, to] = rangeOf("sineData", options.range ?? [-Math.PI, Math.PI]);
  const count = requireWhole("sineData", "count", options.count ?? 100, 1);
  const rows = Array.from({ length: count }, (_, i) => [from + ((to - from) * i) / Math.max(1, count - 1)]);
  return curve(
    "sineData",
    rows,
    rows.map(([x]) => amplitude * Math.sin(frequency * x)),
    options,
  );
}

/** `pointAt` gives point `i` of `count`. */
function cloud(
  name: string,
  defaultCount: number,
  options: CloudOptions,
  classes: number,
  pointAt: (i: number, count: number) => LabelledPoint,
): Dataset {
  const count = requireWhole(name, "count", options.count ?? defaultCount, 1);
  const points = Array.from({ length: count }, (_, i) => pointAt(i, count));
  const width = points[0].point.length;
  const noise = noiseOf(name, count * width, options);
  return pointSet(
    name,
    points.map(({ point }, i) => point.map((value, j) => value + noise[i * width + j])),
    points.map(({ label }) => label),
    classes,
    options.targets ?? "index",
  );
}

interface LabelledPoint {
  readonly point: readonly number[];
  readonly label: number;
}

/** Classes take turns: point i is number `at` of the `of` points of class `label`. */
function inTurn(i: number, count: number, classes: number): { label: number; at: number; of: number } {
  const label = i % classes;
  return { label, at: Math.floor(i / classes), of: Math.ceil((count - label) / classes) };
}

function curve(name: string, rows: number[][], y: number[], options: CurveOptions): Dataset {
  const noise = noiseOf(name, y.length, options);
  return inMemory({
    name,
    fields: {
      inputs: [{ shape: [rows[0].length], dtype: "float32" }],
      targets: [{ shape: [1], dtype: "float32" }],
    },
    inputs: [Float32Array.from(rows.flat())],
    targets: [Float32Array.from(y, (value, i) => value + noise[i])],
  });
}

function noiseOf(
  name: string,
  length: number,
  options: { readonly noise?: number; readonly seed?: number },
): Float64Array {
  const deviation = requireNumber(name, "noise", options.noise ?? 0, 0);
  const seed = requireWhole(name, "seed", options.seed ?? 0, 0);
  const noise = new Float64Array(length);
  if (deviation === 0) return noise;
  fillRandom(noise, "normal", { seed, iteration: 0 }, streamOf(`data.${name}`));
  return noise.map((value) => value * deviation);
}

function pointSet(
  name: string,
  rows: readonly (readonly number[])[],
  labels: readonly number[],
  classes: number,
  targets: TwoClassTargets,
): Dataset {
  if (targets !== "index" && classes !== 2) {
    throw new DataError(name, undefined, `targets is "${targets}" with ${classes} classes`, 'Use targets: "index"');
  }
  const target: FieldSpec =
    targets === "index" ? { shape: [], dtype: "int32", classes } : { shape: [1], dtype: "float32" };
  const written = targets === "plusMinus" ? labels.map((label) => 2 * label - 1) : labels;
  return inMemory({
    name,
    fields: { inputs: [{ shape: [rows[0].length], dtype: "float32" }], targets: [target] },
    inputs: [Float32Array.from(rows.flat())],
    targets: [targets === "index" ? Int32Array.from(written) : Float32Array.from(written)],
  });
}

function rangeOf(name: string, range: readonly [number, number]): readonly [number, number] {
  const [from, to] = range;
  if (Number.isFinite(from) && Number.isFinite(to) && from < to) return range;
  throw new DataError(name, undefined, `range is [${range.join(", ")}]`, "Give [from, to] with from below to");
}
