import { type BackwardPass, backward } from "../autodiff/gradients";
import type { Dim } from "../graph/dim";
import { reachable } from "../graph/order";
import type { FieldSpec, Fields } from "../data/dataset";
import { withSite } from "../graph/site";
import { Tensor, nameTensor } from "../graph/tensor";
import { type ScopedCall, Trace, withTrace } from "../graph/trace";
import { moduleSite, namedParameters, nameModel } from "../nn/module";
import { type Parameter, isTrained } from "../nn/parameter";
import { l2 } from "../nn/penalty";
import { abs, add, apply, isFinite, max, stack } from "../ops";
import { clipByNorm, clipByValue } from "../optim/clipping";
import { type Layer, layersOf, statisticsVector, tensorsIn } from "./statistics";
import { type Training, optionSite } from "./training";

/** The fields of a batch as leaves of a graph. */
export interface BatchLeaves {
  readonly inputs: readonly Tensor[];
  readonly targets: readonly Tensor[];
}

/** The forward part of an iteration. */
export interface Forward {
  readonly trace: Trace;
  readonly batch: BatchLeaves;
  readonly output: unknown;
  /** The model's first output tensor: what metrics compare with the first target. */
  readonly prediction: Tensor | undefined;
  readonly loss: Tensor;
  /** The loss plus the L2 term: what is minimised. */
  readonly cost: Tensor;
  readonly layers: readonly Layer[];
  readonly calls: readonly ScopedCall[];
}

/** One iteration as one pure graph: (parameters, states, optimiser state, batch, random key, rate, step) → new ones. */
export interface Step extends Forward {
  readonly backward: BackwardPass;
  readonly parameters: ReadonlyMap<string, Parameter>;
  readonly gradients: ReadonlyMap<string, Tensor>;
  readonly learningRate: Tensor;
  /** 1 for the first update. */
  readonly count: Tensor;
  readonly optimizerState: readonly StateLeaf[];
  /** Leaf → its value after the iteration: parameters, states and optimiser state. */
  readonly assignments: ReadonlyMap<Tensor, Tensor>;
  /** All layers' figures in one vector; absent when there are no layers or none are wanted. */
  readonly statistics: Tensor | undefined;
  /**
   * Bool, one for each entry of {@link gradients}: whether all elements of the parameter's next value are finite. A finite loss
   * does not say so: the root's gradient at 0 is infinite. Absent when nothing is trained.
   */
  readonly finite: Tensor | undefined;
}

export interface StateLeaf {
  /** `momentum.hidden.weight`. */
  readonly name: string;
  readonly leaf: Tensor;
  readonly fill: number;
}

export interface TraceOptions {
  /** A number when it will run, the symbol N when it is only checked. */
  readonly batchSize: Dim;
  readonly training: boolean;
  /** Number of training examples, for the L2 term. */
  readonly examples: number;
  readonly keepNodes?: boolean;
  /** Told of each module call, so that layers are known even if a later one throws. */
  readonly onCall?: (call: ScopedCall) => void;
}

/** Builds the forward part: the model on a batch, and its cost. */
export function traceForward(
  training: Training,
  fields: Fields,
  options: TraceOptions,
  trace = newTrace(options),
): Forward {
  const calls: ScopedCall[] = [];
  trace.onModuleCall = (call) => {
    calls.push(call);
    options.onCall?.(call);
  };
  return withTrace(trace, () => {
    nameModel(training.model);
    const batch = {
      inputs: fields.inputs.map((field, i) =>
        batchLeaf(field, options.batchSize, field.name ?? numbered("input", i, fields.inputs)),
      ),
      targets: fields.targets.map((field, i) =>
        batchLeaf(field, options.batchSize, field.name ?? numbered("target", i, fields.targets)),
      ),
    };
    const output: unknown = withSite(moduleSite(training.model) ?? optionSite(training, "model"), () =>
      (training.model as unknown as (...inputs: readonly Tensor[]) => unknown)(...batch.inputs),
    );
    if (output instanceof Promise) {
      output.catch(() => undefined);
      throw new Error("the model's forward is async, but a graph is built at once; remove `async` and `await` from it");
    }
    const loss = withSite(optionSite(training, "loss"), () => training.loss(output as never, ...batch.targets));
    const cost = training.l2 > 0 ? add(loss, penalty(training, options.examples)) : loss;
    // So that gradients read dloss/dhidden.weight. What is no tensor, the check reports.
    if ((loss as unknown) instanceof Tensor && loss.name === undefined) nameTensor(loss, "loss");
    if (cost !== loss) nameTensor(cost, "cost");
    const [prediction] = tensorsIn(output);
    return { trace, batch, output, prediction, loss, cost, layers: layersOf(calls), calls };
  });
}

/** Builds a whole iteration: forward, backward, clipping and update. */
export function traceStep(
  training: Training,
  fields: Fields,
  options: TraceOptions & { readonly statistics?: boolean; readonly locals?: boolean },
): Step {
  const forward = traceForward(training, fields, options);
  const { trace } = forward;
  return withTrace(trace, () => {
    const parameters = new Map([...namedParameters(training.model)].filter(([, parameter]) => isTrained(parameter)));
    const learningRate = scalarLeaf("learning rate");
    const count = scalarLeaf("step");
    const pass = backward(forward.cost, [...parameters.values()], undefined, { locals: options.locals ?? false });
    const raw = new Map<string, Tensor>();
    for (const [name, parameter] of parameters) {
      const gradient = pass.adjoints.get(parameter)?.gradient;
      if (gradient) raw.set(name, gradient);
    }
    trace.phase = "update";
    let gradients: ReadonlyMap<string, Tensor> = raw;
    if (training.clip.value !== undefined) gradients = clipByValue(gradients, training.clip.value);
    if (training.clip.norm !== undefined) gradients = clipByNorm(gradients, training.clip.norm).gradients;
    const optimizerState: StateLeaf[] = [];
    const assignments = new Map<Tensor, Tensor>(trace.updates);
    const updated = new Map<Tensor, Tensor>();
    for (const [name, gradient] of gradients) {
      const parameter = parameters.get(name) as Parameter;
      trace.backward = { of: parameter, via: undefined };
      const leaves = training.optimizer.state.map(({ name: kind, fill }) => {
        const leaf = apply("input", [], { shape: parameter.shape, dtype: "float32" }, `${kind}.${name}`);
        optimizerState.push({ name: `${kind}.${name}`, leaf, fill });
        return leaf;
      });
      const next = training.optimizer.update({ name, parameter, gradient, state: leaves, learningRate, step: count });
      assignments.set(parameter, next.parameter);
      updated.set(parameter, next.parameter);
      leaves.forEach((leaf, i) => assignments.set(leaf, next.state[i]));
    }
    trace.backward = undefined;
    const statistics =
      options.statistics === false
        ? undefined
        : statisticsVector({
            layers: forward.layers,
            forward: forward.layers.length === 0 ? [] : forwardNodes(forward),
            backward: pass,
            gradients: new Map([...gradients].map(([name, gradient]) => [parameters.get(name) as Tensor, gradient])),
            updated,
          });
    const finite = updated.size === 0 ? undefined : stack([...updated.values()].map(isAllFinite));
    trace.phase = "forward";
    return {
      ...forward,
      backward: pass,
      parameters,
      gradients,
      learningRate,
      count,
      optimizerState,
      assignments,
      statistics,
      finite,
    };
  });
}

function newTrace(options: TraceOptions): Trace {
  const trace = new Trace(options.keepNodes ?? false);
  trace.training = options.training;
  return trace;
}

function forwardNodes(forward: Forward): Tensor[] {
  return reachable([forward.cost]);
}

function batchLeaf(field: FieldSpec, batchSize: Dim, name: string): Tensor {
  return apply("input", [], { shape: [batchSize, ...field.shape], dtype: field.dtype }, name);
}

function numbered(name: string, i: number, fields: readonly FieldSpec[]): string {
  return fields.length === 1 ? name : `${name}${i}`;
}

function scalarLeaf(name: string): Tensor {
  return apply("input", [], { shape: [], dtype: "float32" }, name);
}

/** The L2 term over what is trained; frozen weights do not change, so they would only shift the cost. */
function penalty(training: Training, examples: number): Tensor {
  return l2([...namedParameters(training.model).values()].filter(isTrained), training.l2, examples);
}

/** A NaN is the largest of all it is among; so is an infinity without its sign. */
function isAllFinite(next: Tensor): Tensor {
  return isFinite(next.shape.includes(0) ? 0 : max(abs(next)));
}
