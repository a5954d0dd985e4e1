/** Backstep's engine as a contestant: what a training iteration does of a workload, without events. */
import type { Backend } from "../../engine/backends/backend";
import { concreteShape } from "../../engine/graph/shape";
import type { Tensor } from "../../engine/graph/tensor";
import { Trace, withTrace } from "../../engine/graph/trace";
import { input } from "../../engine/api/input";
import { add, conv2d, convTranspose2d, exp, log, matmul, max, mean, mul, relu, sigmoid } from "../../engine/ops";
import { softmax, sqrt, sum, tanh } from "../../engine/ops";
import { namedParameters } from "../../engine/nn/module";
import { type Plan, planGraph } from "../../engine/plan/plan";
import { type Program, compileProgram } from "../../engine/plan/program";
import { type Step, traceStep } from "../../engine/train/step";
import { Store } from "../../engine/train/store";
import { countingBackend, neededBytes } from "./memory";
import { trainingOf } from "./models";
import type { ArrayValues, Operation, Training, Workload } from "./workloads";

/** A workload that is ready to run, in the form in which all contestants offer it. */
export interface Contestant {
  /** One run: an operation's result is computed, or the model trained on the batch once. */
  readonly step: () => void | Promise<void>;
  /** What must agree between contestants: the losses of the first three steps, or numbers that stand for the result. */
  readonly check: () => Promise<number[]>;
  /** Milliseconds, bytes and counts of what only this engine is asked. */
  readonly figures?: () => Promise<Figures>;
}

export interface EngineOptions {
  readonly backend: Backend;
  /** Also computes the figures of every layer, as trainings do. */
  readonly statistics?: boolean;
}

export type Figures = Readonly<Record<"trace" | "plan" | "compile" | "kernels" | "needed" | "used", number>>;

type Arrays = ReadonlyMap<string, ArrayValues>;

/** Steps whose losses are compared. */
export const CHECKED_STEPS = 3;

export function load(workload: Workload, arrays: Arrays, options: EngineOptions): Contestant {
  const { task } = workload;
  return task.kind === "training"
    ? loadTraining(workload, task, arrays, options)
    : loadOperation(workload, arrays, options);
}

function loadTraining(workload: Workload, task: Training, arrays: Arrays, options: EngineOptions): Contestant {
  const backend = countingBackend(options.backend);
  const { step, program, plan, store, times } = compileStep(workload, task, backend, options);
  const given = new Map([...namedParameters(step.training.model)].map(([name, { shape }]) => [name, shape]));
  const named = (name: string): ArrayValues => {
    const values = arrays.get(name);
    if (!values) throw new Error(`internal: the workload ${workload.name} has no ${name}`);
    return values;
  };
  store.replace(new Map([...given].map(([name, shape]) => [name, { shape: concreteShape(shape), data: named(name) }])));
  const { traced } = step;
  const of = (role: string): ArrayValues => named(workload.arrays.find((spec) => spec.role === role)?.name ?? role);
  program.write(traced.batch.inputs[0], of("input"));
  program.write(traced.batch.targets[0], of("target"));
  program.write(traced.learningRate, [task.optimizer.learningRate]);
  let count = 0;
  const iterate = async (): Promise<number> => {
    program.write(traced.count, [++count]);
    program.run();
    const [loss] = await program.read(traced.loss);
    if (traced.statistics) await program.read(traced.statistics);
    const isFinite = !traced.finite || !(await program.read(traced.finite)).includes(0);
    if (!Number.isFinite(loss) || !isFinite) throw new Error(`step ${count} gave no finite numbers`);
    program.commit();
    return loss;
  };
  return {
    step: async () => {
      await iterate();
    },
    check: async () => {
      const losses: number[] = [];
      while (losses.length < CHECKED_STEPS) losses.push(await iterate());
      return losses;
    },
    figures: async () => ({
      ...times,
      kernels: plan.instructions.length,
      needed: neededBytes(plan),
      used: backend.bytes(),
    }),
  };
}

/** Traces, plans and compiles one step as a run does. */
function compileStep(
  workload: Workload,
  task: Training,
  backend: Backend,
  { statistics = false }: EngineOptions,
): {
  readonly step: { readonly traced: Step; readonly training: ReturnType<typeof trainingOf> };
  readonly program: Program;
  readonly plan: Plan;
  readonly store: Store;
  readonly times: Pick<Figures, "trace" | "plan" | "compile">;
} {
  const began = performance.now();
  const training = trainingOf(workload, task);
  const { fields } = training.data;
  if (!fields) throw new Error("internal: the data promise no fields");
  const options = { batchSize: task.batch, training: true, examples: task.batch, statistics };
  const traced = traceStep(training, fields, options);
  const atTraced = performance.now();
  const outputs: Tensor[] = [traced.loss];
  if (traced.prediction) outputs.push(traced.prediction);
  if (traced.statistics) outputs.push(traced.statistics);
  if (traced.finite) outputs.push(traced.finite);
  const plan = planGraph([...new Set(outputs)], traced.assignments);
  const atPlanned = performance.now();
  const store = new Store(backend, training.seed);
  store.addParameters(namedParameters(training.model));
  for (const { name, leaf, fill } of traced.optimizerState) store.addFilled(`optimizer.${name}`, leaf, fill);
  const atStored = performance.now();
  const program = compileProgram(plan, backend, store.buffers);
  const times = { trace: atTraced - began, plan: atPlanned - atTraced, compile: performance.now() - atStored };
  return { step: { traced, training }, program, plan, store, times };
}

function loadOperation(workload: Workload, arrays: Arrays, { backend }: EngineOptions): Contestant {
  const { leaves, output } = operationGraph(workload);
  const program = compileProgram(planGraph([output]), backend);
  leaves.forEach((leaf, i) => program.write(leaf, arrays.get(workload.arrays[i].name) as ArrayValues));
  return {
    step: () => {
      program.run();
    },
    check: async () => {
      program.run();
      return summary(await program.read(output));
    },
  };
}

/** The workload's operation on leaves for its arrays. @throws for a training */
export function operationGraph({ name, task, arrays }: Workload): {
  readonly leaves: readonly Tensor[];
  readonly output: Tensor;
} {
  if (task.kind !== "operation") throw new Error(`internal: the workload ${name} is a training`);
  return withTrace(new Trace(false), () => {
    const leaves = arrays.map(({ shape }) => input(shape));
    return { leaves, output: graphOf(task, leaves) };
  });
}

function graphOf(task: Operation, [a, b]: readonly Tensor[]): Tensor {
  switch (task.op) {
    case "matmul":
      return matmul(task.transposeA ? a.transpose() : a, task.transposeB ? b.transpose() : b);
    case "add":
      return add(a, b);
    case "multiply":
      return mul(a, b);
    case "exp":
      return exp(a);
    case "tanh":
      return tanh(a);
    case "sigmoid":
      return sigmoid(a);
    case "relu":
      return relu(a);
    case "sqrt":
      return sqrt(a);
    case "log":
      return log(a);
    case "sum":
      return sum(a, task.axes);
    case "max":
      return max(a, task.axes);
    case "mean":
      return mean(a, task.axes);
    case "softmax":
      return softmax(a);
    case "conv2d":
      return conv2d(a, b, null, { stride: task.stride, padding: task.padding });
    case "conv2dInputGradient":
      return convTranspose2d(a, b, null, { stride: task.stride, padding: task.padding });
    case "chain": {
      let h = a;
      for (let i = 0; i < task.repeat; i++) h = tanh(matmul(h, b));
      return h;
    }
    default:
      return task satisfies never;
  }
}

/** Elements that are looked at one by one. */
const SAMPLES = 16;

/** The mean of the absolute values, and some elements from all over the array in row-major order. */
export function summary(values: ArrayLike<number>): number[] {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += Math.abs(values[i]);
  const samples = Array.from({ length: SAMPLES }, (_, i) => values[Math.floor((i * values.length) / SAMPLES)]);
  return [total / values.length, ...samples];
}
