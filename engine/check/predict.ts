import type { Backend } from "../backends/backend";
import { backward } from "../autodiff/gradients";
import type { NdArray } from "../graph/array";
import { reachable } from "../graph/order";
import { concreteShape, sizeOf } from "../graph/shape";
import type { Tensor } from "../graph/tensor";
import { withTrace } from "../graph/trace";
import type { FieldSpec, Fields } from "../data/dataset";
import { namedParameters } from "../nn/module";
import { Parameter, isTrained } from "../nn/parameter";
import { randomSource } from "../nn/random-source";
import { planGraph } from "../plan/plan";
import { compileProgram } from "../plan/program";
import { RECTIFIERS, SATURATION, activationOf, type Layer } from "../train/statistics";
import { initialValues } from "../train/store";
import { type Forward, traceForward } from "../train/step";
import type { Training } from "../train/training";
import { costOf } from "./costs";
import { foretell } from "./foretold";
import type { PredictedLayer, Prediction } from "./records";

export interface PredictOptions {
  readonly backend: Backend;
  /** Called every few milliseconds; true abandons the prediction. */
  readonly breathe: () => Promise<boolean>;
  readonly now: () => number;
}

/** Between two breaths. */
const BREATH_MS = 8;

/** Nanoseconds that a backend takes for a multiply-add of a product, of a convolution, and for any element: measured. */
const NANOSECONDS = { matmul: 0.4, conv2d: 1.5, element: 5, node: 120_000 };
/** What a prediction should take, and what it may at most. */
const WANTED_MS = 120;
const MOST_MS = 3000;
const LARGEST_BATCH = 8;
/** Batch norm needs two. */
const SMALLEST_BATCH = 2;

/**
 * Runs one small batch at initialisation forward and backward, kernel by kernel. Inputs are drawn from a standard normal
 * distribution (whole numbers uniformly from their range): the data are not read. Parameters begin as a training with the seed 0
 * would.
 *
 * @returns undefined when it was abandoned
 */
export async function predict(
  training: Training,
  fields: Fields,
  symbolic: Forward,
  options: PredictOptions,
): Promise<Prediction | undefined> {
  const milliseconds = estimate(symbolic);
  if (milliseconds === null) return skipped("some sizes depend on the data");
  if (milliseconds * SMALLEST_BATCH > MOST_MS) {
    return skipped(
      "one example takes too many multiplications to try it while you type; a training shows the real ones",
    );
  }
  const fitting = Math.floor(WANTED_MS / Math.max(milliseconds, 1e-9));
  const batch = Math.min(LARGEST_BATCH, Math.max(SMALLEST_BATCH, fitting));
  const forward = traceForward(training, fields, { batchSize: batch, training: true, examples: batch });
  const parameters = new Map([...namedParameters(training.model)].filter(([, each]) => isTrained(each)));
  const pass = withTrace(forward.trace, () => backward(forward.cost, [...parameters.values()]));
  const nodes = reachable([forward.cost]);
  const adjoint = (node: Tensor): Tensor | undefined => pass.adjoints.get(node)?.gradient;
  const wanted = new Set<Tensor | undefined>([forward.loss]);
  for (const { outputs, module } of forward.layers) {
    const output = outputs.find(({ dtype }) => dtype === "float32");
    if (output) wanted.add(output).add(activationOf(output, nodes)).add(adjoint(output));
    for (const parameter of namedParameters(module).values()) wanted.add(adjoint(parameter));
  }
  wanted.delete(undefined);
  const leafValue = leafValues(training, fields, forward);
  const values = await evaluateAll([...wanted] as Tensor[], leafValue, options);
  if (!values) return undefined;
  const valueOf = (node: Tensor): NdArray | undefined => values.get(node) ?? leafValue(node);
  const gradientOf = (node: Tensor): NdArray | undefined => {
    const gradient = adjoint(node);
    return gradient && values.get(gradient);
  };
  const layers = forward.layers.map((layer) => predictedLayer(layer, nodes, values, gradientOf));
  const loss = values.get(forward.loss)?.data[0] ?? NaN;
  return {
    batch,
    loss: finite(loss),
    layers,
    issues: foretell(forward, layers, valueOf, gradientOf),
    skipped: null,
  };
}

/** No prediction, and why. */
export function skipped(reason: string): Prediction {
  return { batch: 0, loss: null, layers: [], issues: [], skipped: reason };
}

/** Milliseconds for one example, forward and backward; null where sizes are not known. */
function estimate(forward: Forward): number | null {
  let nanoseconds = 0;
  for (const node of reachable([forward.cost])) {
    // To build, plan and compile it, whatever the batch.
    nanoseconds += NANOSECONDS.node / SMALLEST_BATCH;
    const { multiplyAdds, bytes } = costOf(node);
    if (multiplyAdds === null || bytes === null) return null;
    const each = node.op.startsWith("conv2d") ? NANOSECONDS.conv2d : NANOSECONDS.matmul;
    // The backward pass takes two products where the forward pass takes one.
    nanoseconds += multiplyAdds * each * 3 + (bytes / 4) * NANOSECONDS.element * 3;
  }
  return nanoseconds / 1e6;
}

type Values = ReadonlyMap<Tensor, NdArray>;

async function evaluateAll(
  wanted: readonly Tensor[],
  leafValue: (leaf: Tensor) => NdArray | undefined,
  { backend, breathe, now }: PredictOptions,
): Promise<Values | undefined> {
  const plan = planGraph(wanted);
  const program = compileProgram(plan, backend);
  try {
    for (const [leaf] of plan.leaves) {
      const value = leafValue(leaf);
      if (value) program.write(leaf, value.data);
    }
    let breathed = now();
    for (const _ of program.runInSteps()) {
      if (now() - breathed < BREATH_MS) continue;
      if (await breathe()) return undefined;
      breathed = now();
    }
    const values = new Map<Tensor, NdArray>();
    for (const tensor of wanted) {
      const data = Float64Array.from(await program.read(tensor));
      values.set(tensor, { shape: concreteShape(tensor.knownShape), dtype: tensor.dtype, data });
    }
    return values;
  } finally {
    program.dispose();
  }
}

/** Leaves other than constants. */
function leafValues(
  training: Training,
  fields: Fields,
  { batch: leaves }: Forward,
): (leaf: Tensor) => NdArray | undefined {
  const names = new Map<Tensor, string>([...namedParameters(training.model)].map(([name, each]) => [each, name]));
  const given = new Map<Tensor, NdArray>();
  leaves.inputs.forEach((leaf, i) => given.set(leaf, drawn(leaf, fields.inputs[i], `input${i}`, false)));
  leaves.targets.forEach((leaf, i) => given.set(leaf, drawn(leaf, fields.targets[i], `target${i}`, true)));
  return (leaf) => {
    const known = given.get(leaf);
    if (known) return known;
    if (leaf instanceof Parameter) {
      const data = initialValues(leaf, names.get(leaf) ?? leaf.name ?? "parameter", 0);
      const value = { shape: leaf.shape, dtype: leaf.dtype, data };
      given.set(leaf, value);
      return value;
    }
    if (leaf.op === "randomKey") return { shape: [2], dtype: "int32", data: Float64Array.of(0, 1) };
    return undefined;
  };
}

/** Whole numbers from 0 to classes − 1, or 0 and 1 where nobody says how many; targets between 0 and 1, which every loss takes. */
function drawn(leaf: Tensor, { dtype, classes }: FieldSpec, name: string, target: boolean): NdArray {
  const shape = concreteShape(leaf.knownShape);
  const random = randomSource(0, `prediction ${name}`);
  const size = sizeOf(shape);
  if (dtype === "int32") {
    const data = random.uniform(size).map((u) => Math.floor(u * (classes ?? 2)));
    return { shape, dtype, data };
  }
  return { shape, dtype, data: target ? random.uniform(size) : random.normal(size) };
}

function predictedLayer(
  layer: Layer,
  nodes: readonly Tensor[],
  values: Values,
  gradientOf: (node: Tensor) => NdArray | undefined,
): PredictedLayer {
  const output = layer.outputs.find(({ dtype }) => dtype === "float32");
  const parameters = [...namedParameters(layer.module).values()];
  const activation = output && activationOf(output, nodes);
  const outputGradient = output && norm([gradientOf(output)]);
  const gradient = norm(parameters.map(gradientOf));
  const rms = output && rootMeanSquare(values.get(output));
  return {
    name: layer.name,
    type: layer.type,
    file: layer.site?.file ?? null,
    line: layer.site?.line ?? null,
    outputGradient: finite(outputGradient),
    gradient: finite(gradient),
    activation: finite(rms),
    dead: activation && RECTIFIERS.has(activation.op) ? deadFraction(values.get(activation)) : null,
    saturated: activation ? saturatedFraction(activation.op, values.get(activation)) : null,
    finite: [outputGradient, gradient, rms].every((each) => each === undefined || Number.isFinite(each)),
  };
}

function finite(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) ? value : null;
}

/** Euclidean norm of all together; undefined where there is none. */
function norm(arrays: readonly (NdArray | undefined)[]): number | undefined {
  const present = arrays.filter((array) => array !== undefined);
  if (present.length === 0) return undefined;
  let sum = 0;
  for (const { data } of present) for (const value of data) sum += value * value;
  return Math.sqrt(sum);
}

function rootMeanSquare(array: NdArray | undefined): number | undefined {
  const length = norm([array]);
  return array && length !== undefined && array.data.length > 0 ? length / Math.sqrt(array.data.length) : undefined;
}

/** Units are features of [N, …, F] and channels of [N, C, H, W]. */
function deadFraction(array: NdArray | undefined): number | null {
  if (!array || array.shape.length < 2) return null;
  const axis = array.shape.length === 4 ? 1 : array.shape.length - 1;
  const units = array.shape[axis];
  const stride = sizeOf(array.shape.slice(axis + 1));
  const alive = new Uint8Array(units);
  for (let i = 0; i < array.data.length; i++) if (array.data[i] > 0) alive[Math.floor(i / stride) % units] = 1;
  return units === 0 ? null : 1 - alive.reduce((sum, each) => sum + each, 0) / units;
}

function saturatedFraction(op: string, array: NdArray | undefined): number | null {
  const ends = SATURATION[op];
  if (!array || !ends || array.data.length === 0) return null;
  const [low, high] = ends;
  let flat = 0;
  for (const value of array.data) if (value < low || value > high) flat++;
  return flat / array.data.length;
}
