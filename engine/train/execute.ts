import type { Backend, Values } from "../backends/backend";
import { type NdArray, type Nested, toNested } from "../graph/array";
import { reachable } from "../graph/order";
import { concreteShape, formatShape } from "../graph/shape";
import { type Tensor, Tensor as TensorClass } from "../graph/tensor";
import { type Trace, currentTrace, withTrace } from "../graph/trace";
import { type BackwardPass, backward } from "../autodiff/gradients";
import type { DataFiles, Dataset, LoadedDataset } from "../data/dataset";
import type { BatchField } from "../data/loader";
import { Parameter, isTrained } from "../nn/parameter";
import { apply, constantTensor } from "../ops";
import type { Optimizer } from "../optim/optimizer";
import { planGraph } from "../plan/plan";
import { type Program, compileProgram } from "../plan/program";
import { type FormLine, type PlanLog, formLine, formReason, formText, logged } from "./plan-log";
import type { StateLeaf } from "./step";
import { Store, initialValues } from "./store";

/** What `item`, `value` and `minimize` run on: an {@link Executor}, or a stand-in that only looks at the graph. */
export interface Runner {
  values(tensors: readonly Tensor[]): Promise<Values[]>;
  minimize(loss: Tensor, optimizer: Optimizer): Promise<number>;
}

/** An update of a hand-written loop before it is carried out. */
export interface LoopUpdate {
  readonly loss: Tensor;
  readonly pass: BackwardPass;
  readonly parameters: readonly Parameter[];
  readonly assignments: ReadonlyMap<Tensor, Tensor>;
  readonly learningRate: Tensor;
  readonly count: Tensor;
  readonly optimizerState: readonly StateLeaf[];
  readonly trace: Trace;
  readonly optimizer: Optimizer;
  /** Updates done before it. */
  readonly iteration: number;
  /** Values of leaves; undefined for what is computed. */
  read(leaf: Tensor): Promise<NdArray | undefined>;
  /** Replaces a parameter's values. */
  write(parameter: Parameter, data: ArrayLike<number>): void;
}

/**
 * Execution for hand-written loops and free programs: `await item(t)`, `await minimize(loss, optimizer)`.
 *
 * Each call runs the graph behind its tensors. A graph of the same form as an earlier one reuses its compiled program,
 * so a loop compiles once.
 */
export class Executor implements Runner {
  readonly store: Store;
  private readonly programs = new Map<string, Known>();
  /** By what they are for: the form of the last graph. */
  private readonly lastForms = new Map<string, readonly FormLine[]>();
  private readonly parameterNumbers = new Map<Tensor, number>();
  private readonly optimizerRuns = new WeakMap<Optimizer, number>();
  private readonly optimizerNumbers = new Map<Optimizer, number>();
  private iteration = 0;
  private compiled = 0;
  /** By what it was for and where. */
  private readonly compiledFor = new Map<string, number>();
  private hasWarned = false;

  constructor(
    backend: Backend,
    readonly seed: number,
    /** Awaited before each execution, e.g. to say that the program is alive, to hold it up, or to end a dry run. */
    private readonly onRun?: () => void | Promise<void>,
    /** Awaited before each update is carried out: a debugger steps through it. */
    private readonly onUpdate?: (update: LoopUpdate) => Promise<void>,
    private readonly log?: PlanLog,
  ) {
    this.store = new Store(backend, seed);
  }

  /** How many programs were compiled so far: one for each form of graph. */
  get programsCompiled(): number {
    return this.compiled;
  }

  /** Values of tensors, computed together. */
  async values(tensors: readonly Tensor[]): Promise<Values[]> {
    await this.onRun?.();
    const { program, outputs } = this.prepare("values", tensors, new Map());
    program.run();
    return Promise.all(outputs.map((output) => program.read(output)));
  }

  /**
   * One update of all trainable parameters that the loss depends on: gradients, optimiser, states. Returns the loss
   * before the update.
   */
  async minimize(loss: Tensor, optimizer: Optimizer): Promise<number> {
    await this.onRun?.();
    const trace = currentTrace();
    const parameters = reachable([loss]).filter(
      (node): node is Parameter => node instanceof Parameter && isTrained(node),
    );
    if (loss.knownShape !== null && loss.knownShape.length > 0) {
      throw new Error(
        `minimize: the loss must be one number, but it has shape ${formatShape(loss.knownShape)}; take its mean()`,
      );
    }
    if (parameters.length === 0)
      throw new Error(
        "minimize: the loss depends on no trainable parameter; make them with variable(…) or in a module",
      );
    const step = (this.optimizerRuns.get(optimizer) ?? 0) + 1;
    this.optimizerRuns.set(optimizer, step);
    const assignments = new Map<Tensor, Tensor>(trace.updates);
    const learningRate = apply("input", [], { shape: [], dtype: "float32" }, "learning rate");
    const count = apply("input", [], { shape: [], dtype: "float32" }, "step");
    const pass = backward(loss, parameters, undefined, { locals: this.onUpdate !== undefined });
    const { adjoints } = pass;
    const optimizerState: StateLeaf[] = [];
    withTrace(trace, () => {
      trace.phase = "update";
      for (const parameter of parameters) {
        const gradient = adjoints.get(parameter)?.gradient;
        if (!gradient) continue;
        trace.backward = { of: parameter, via: undefined };
        optimizerState.push(...this.update(parameter, gradient, optimizer, learningRate, count, assignments));
      }
      trace.backward = undefined;
      trace.phase = "forward";
    });
    trace.updates.clear();
    const feeds = new Map<Tensor, ArrayLike<number>>([
      [learningRate, [optimizer.learningRate]],
      [count, [step]],
    ]);
    const { program, outputs } = this.prepare("minimize", [loss], feeds, assignments);
    await this.onUpdate?.({
      loss,
      pass,
      parameters,
      assignments,
      learningRate,
      count,
      optimizerState,
      trace,
      optimizer,
      iteration: this.iteration,
      read: (leaf) => this.leafValue(leaf, feeds),
      write: (parameter, data) =>
        this.store.backend.write(this.store.buffers.get(parameter) ?? missing(parameter), data),
    });
    program.run();
    const reading = program.read(outputs[0]);
    program.commit();
    const [value] = await reading;
    this.iteration++;
    trace.randomStreams = 0;
    trace.randomKey = undefined;
    return value;
  }

  private update(
    parameter: Parameter,
    gradient: Tensor,
    optimizer: Optimizer,
    learningRate: Tensor,
    step: Tensor,
    assignments: Map<Tensor, Tensor>,
  ): StateLeaf[] {
    const name = this.nameOf(parameter);
    const owner = this.optimizerNumbers.get(optimizer) ?? this.optimizerNumbers.size;
    this.optimizerNumbers.set(optimizer, owner);
    const state = optimizer.state.map(({ name: kind, fill }) => {
      const leaf = apply("input", [], { shape: parameter.shape, dtype: "float32" }, `${kind}.${name}`);
      this.store.addFilled(`optimizer${owner}.${kind}.${name}`, leaf, fill);
      return { name: `${kind}.${parameter.name ?? name}`, leaf, fill };
    });
    const next = optimizer.update({
      name,
      parameter,
      gradient,
      state: state.map(({ leaf }) => leaf),
      learningRate,
      step,
    });
    assignments.set(parameter, next.parameter);
    state.forEach(({ leaf }, i) => assignments.set(leaf, next.state[i]));
    return state;
  }

  /** Before the first update as it was drawn, in full precision; later as the run holds it. */
  private async leafValue(leaf: Tensor, feeds: ReadonlyMap<Tensor, ArrayLike<number>>): Promise<NdArray | undefined> {
    const shape = concreteShape(leaf.knownShape);
    const array = (data: ArrayLike<number>): NdArray => ({ shape, dtype: leaf.dtype, data: Float64Array.from(data) });
    const fed = feeds.get(leaf);
    if (fed) return array(fed);
    if (leaf.op === "randomKey") return array([this.seed, this.iteration]);
    if (leaf instanceof Parameter && this.iteration === 0)
      return array(initialValues(leaf, this.nameOf(leaf), this.seed));
    const buffer = this.store.buffers.get(leaf);
    return buffer && array(await this.store.backend.read(buffer));
  }

  /** A parameter's name, made unique: two models may both have a `hidden.weight`. */
  private nameOf(parameter: Parameter): string {
    const number = this.parameterNumbers.get(parameter) ?? this.parameterNumbers.size;
    this.parameterNumbers.set(parameter, number);
    return `${parameter.name ?? "parameter"}#${number}`;
  }

  private prepare(
    what: string,
    outputs: readonly Tensor[],
    feeds: ReadonlyMap<Tensor, ArrayLike<number>>,
    assignments: ReadonlyMap<Tensor, Tensor> = new Map<Tensor, Tensor>(),
  ): Known {
    const results = [...outputs, ...assignments.values()];
    const nodes = reachable(results);
    const leaves = nodes.filter((node) => LEAVES.has(node.op) || isBulkConstant(node));
    for (const leaf of [...leaves, ...assignments.keys()]) {
      if (leaf instanceof Parameter) this.store.addParameters(new Map([[this.nameOf(leaf), leaf]]));
      else if (leaf.op === "input" && !feeds.has(leaf) && !this.store.buffers.has(leaf)) {
        throw new Error(
          `the value of ${leaf.name ?? "an input"} is not known; inputs made with input(…) are for checking shapes, use tensor(…) for values`,
        );
      }
    }
    const numbers = new Map(nodes.map((node, i) => [node, i]));
    const form = this.formOf(nodes, numbers);
    const asked = results.map((node) => numbers.get(node)).join();
    const targets = [...assignments.keys()].map((leaf) =>
      this.bufferNumber(this.store.buffers.get(leaf) ?? missing(leaf)),
    );
    const key = `${form.map(formText).join("\n")}>${asked}>${targets.join()}`;
    let known = this.programs.get(key);
    if (!known) {
      const reason = (): string => formReason(form, this.lastForms.get(what));
      known = logged(this.log, what, reason, () => {
        const plan = planGraph(outputs, assignments);
        return { program: compileProgram(plan, this.store.backend, this.store.buffers), leaves, outputs };
      });
      this.compiled++;
      this.warnOfRetraces(what, outputs[0], reason);
      this.programs.set(key, known);
      // A loop whose graph grows or draws anew each round would fill the memory with programs that it never runs again.
      const [oldest] = this.programs.keys();
      if (this.programs.size > MOST_PROGRAMS) {
        this.programs.get(oldest)?.program.dispose();
        this.programs.delete(oldest);
      }
    }
    this.lastForms.set(what, form);
    const { program } = known;
    known.leaves.forEach((leaf, i) => {
      const now = leaves[i];
      const data = feeds.get(now) ?? (now.op === "constant" ? (now.attributes.data as Float64Array) : undefined);
      if (now.op === "randomKey") program.write(leaf, [this.seed, this.iteration]);
      else if (data) program.write(leaf, data);
    });
    return known;
  }

  /** A loop comes by the same place each time. */
  private warnOfRetraces(what: string, { site }: Tensor, reason: () => string): void {
    const place = site ? `${what} of the result of line ${site.line} in ${site.file}` : what;
    const count = (this.compiledFor.get(place) ?? 0) + 1;
    this.compiledFor.set(place, count);
    if (count <= MANY_PROGRAMS || this.hasWarned) return;
    this.hasWarned = true;
    this.log?.onRetraces?.(
      `${place}: there have been ${count} different graphs so far, each of which is planned and compiled anew, and that is slow. ` +
        `Of the last one: ${reason()}`,
    );
  }

  /** What graphs of the same form share: operations, attributes, shapes, wiring, and which stored values they use. */
  private formOf(nodes: readonly Tensor[], numbers: ReadonlyMap<Tensor, number>): FormLine[] {
    return nodes.map((node) => {
      const buffer = this.store.buffers.get(node);
      return formLine(node, {
        inputs: node.inputs.map((source) => numbers.get(source)),
        settings: isBulkConstant(node) ? "" : printAttributes(node),
        stored: buffer ? `@${this.bufferNumber(buffer)}` : "",
      });
    });
  }

  private readonly bufferNumbers = new Map<object, number>();
  private bufferNumber(buffer: object): number {
    const number = this.bufferNumbers.get(buffer) ?? this.bufferNumbers.size;
    this.bufferNumbers.set(buffer, number);
    return number;
  }
}

interface Known {
  readonly program: Program;
  /** Of the graph that it was compiled from; another graph's stand at the same places. */
  readonly leaves: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}

const MOST_PROGRAMS = 200;
/** More forms of graphs than this from one place come of a loop that builds another one each time. */
const MANY_PROGRAMS = 20;

const LEAVES = new Set(["parameter", "input", "randomKey"]);

/** Constants with more than one number are data: a new batch must not compile a new program. */
function isBulkConstant(node: Tensor): boolean {
  return node.op === "constant" && (node.attributes.data as Float64Array).length !== 1;
}

function printAttributes(node: Tensor): string {
  return JSON.stringify(node.attributes, (_, value: unknown) => {
    if (value instanceof Float64Array) return [...value];
    if (typeof value === "number" && !Number.isFinite(value)) return String(value);
    // Functions drop out of JSON: a custom gradient is in the graph as nodes by the time it runs.
    return value;
  });
}

function missing(leaf: Tensor): never {
  throw new Error(`internal: ${leaf.name ?? leaf.op} has no stored value`);
}

let executor: Runner | undefined;

/** Installs what {@link item}, {@link value} and {@link minimize} run on; returns the one before. */
export function setRunner(next: Runner | undefined): Runner | undefined {
  const before = executor;
  executor = next;
  return before;
}

function running(): Runner {
  if (!executor)
    throw new Error("nothing can run here: values exist only in a program that `backstep train` or the editor runs");
  return executor;
}

/** A number or a promise in place of a tensor is easily written where types are not checked. */
function requireTensor(what: string, given: unknown): void {
  if (given instanceof TensorClass) return;
  const kind =
    given instanceof Promise
      ? "a promise (write `await` in front of it)"
      : given === null
        ? "null"
        : `a ${typeof given}`;
  throw new Error(`${what}: needs a tensor, got ${kind}`);
}

/** The value of a tensor with one element. */
export async function item(tensor: Tensor): Promise<number> {
  requireTensor("item", tensor);
  const [values] = await running().values([tensor]);
  if (values.length !== 1)
    throw new Error(`item: needs a tensor with one element, this has ${values.length}; use value(tensor)`);
  return values[0];
}

/** The value of a tensor as nested lists (a number for a scalar; true and false for bool). */
export async function value(tensor: Tensor): Promise<Nested> {
  requireTensor("value", tensor);
  const [values] = await running().values([tensor]);
  return toNested(values, concreteShape(tensor.knownShape), tensor.dtype === "bool" ? (x) => x !== 0 : undefined);
}

/**
 * One training update in a hand-written loop: differentiates `loss`, lets the optimiser change every trainable parameter it
 * depends on, and gives the loss before the update.
 */
export async function minimize(loss: Tensor, optimizer: Optimizer): Promise<number> {
  requireTensor("minimize", loss);
  return running().minimize(loss, optimizer);
}

let dataFiles: DataFiles | undefined;
let onLoad: (() => void | Promise<void>) | undefined;

/** Installs how {@link load} reads, and what is told of each reading; returns the files before. */
export function setDataFiles(next: DataFiles | undefined, told?: () => void | Promise<void>): DataFiles | undefined {
  const before = dataFiles;
  dataFiles = next;
  onLoad = told;
  return before;
}

/**
 * Reads a data set for a hand-written loop: `const data = await load(moons()); for (const batch of batches(data, { batchSize: 32 })) …`.
 * The parts of a data set that holds examples out itself are `ownParts(data)`.
 */
export function load(data: Dataset): Promise<LoadedDataset> {
  const files = dataFiles;
  if (!files)
    throw new Error(
      "load: nothing can be read here: data sets are read in a program that `backstep train` or the editor runs",
    );
  return Promise.resolve(onLoad?.()).then(() => data.load(files));
}

/** One field of a batch as a tensor, ready for a model: [size, ...field]. */
export function batchTensor(field: BatchField): Tensor {
  return constantTensor(field.data, field.shape, field.dtype);
}

/** Builds as in validation: dropout passes everything on, batch norm uses its running statistics. */
export function evaluating<T>(build: () => T): T {
  const trace = currentTrace();
  const before = trace.training;
  trace.training = false;
  try {
    return build();
  } finally {
    trace.training = before;
  }
}
