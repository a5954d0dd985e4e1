import type { NdArray } from "../graph/array";
import { concreteShape } from "../graph/shape";
import type { Tensor } from "../graph/tensor";
import { namedParameters } from "../nn/module";
import { Parameter } from "../nn/parameter";
import { leafValue } from "../train/check-gradients";
import type { Moment, Outcome } from "../train/probe";
import type { RunAccess } from "../train/run-access";
import type { StoredValues } from "../train/store";
import type { Training } from "../train/training";
import { type Episode, type Scene, currentOf } from "./episode";
import type { DebugGraph } from "./graph";

export interface TrainingValues {
  readonly graph: DebugGraph;
  readonly moment: Moment;
  readonly stored: ReadonlyMap<string, StoredValues>;
  readonly rate: number;
  readonly training: Training;
  /** Takes initial values as they were drawn, not as float32 holds them. */
  readonly exact: boolean;
}

/** Values of the leaves of one iteration: parameters, states and optimiser state as the run holds them, the batch, the random key. */
export function bindTraining({
  graph,
  moment,
  stored,
  rate,
  training,
  exact,
}: TrainingValues): (leaf: Tensor) => NdArray | undefined {
  const step = graph.training?.step;
  if (!step) throw new Error("internal: this graph is of no training");
  const fed = new Map<Tensor, ArrayLike<number>>([
    [step.learningRate, [rate]],
    [step.count, [moment.iteration + 1]],
  ]);
  step.batch.inputs.forEach((leaf, i) => fed.set(leaf, moment.batch.inputs[i].data));
  step.batch.targets.forEach((leaf, i) => fed.set(leaf, moment.batch.targets[i].data));
  const names = storedNames(graph, training);
  return (leaf) => {
    const name = names.get(leaf);
    const data =
      fed.get(leaf) ??
      (exact && leaf instanceof Parameter ? undefined : name !== undefined ? stored.get(name)?.data : undefined);
    if (data) return { shape: concreteShape(leaf.knownShape), dtype: leaf.dtype, data: Float64Array.from(data) };
    return leafValue(leaf, training.seed, undefined, moment.iteration);
  };
}

/** Names under which the run holds a graph's leaves. */
function storedNames({ training: of }: DebugGraph, { model }: Training): ReadonlyMap<Tensor, string> {
  const names = new Map<Tensor, string>([...namedParameters(model)].map(([name, parameter]) => [parameter, name]));
  for (const { name, leaf } of of?.optimizerState ?? []) names.set(leaf, `optimizer.${name}`);
  return names;
}

/** The name under which the run holds a parameter or state; undefined for what it does not hold. */
export function storedNameOf(node: Tensor, { training }: RunAccess): string | undefined {
  if (!(node instanceof Parameter)) return undefined;
  for (const [name, parameter] of namedParameters(training.model)) if (parameter === node) return name;
  return undefined;
}

/** The values that parameters and states have by now. */
export function weightsAt(scene: Scene): Map<string, StoredValues> {
  const { model, values } = scene.episode;
  const weights = [...(model ? namedParameters(model) : [])].map(([name, parameter]) => {
    const { shape, data } = values.of(currentOf(scene, parameter));
    return [name, { shape, data: Float32Array.from(data) }] as const;
  });
  return new Map(weights);
}

/** What an iteration comes to, by the episode's own values. */
export function outcomeOf({ graph, values, model }: Episode): Outcome {
  const { training } = graph;
  if (!training || !model) throw new Error("internal: this graph updates nothing");
  const names = new Map<Tensor, string>([...namedParameters(model)].map(([name, parameter]) => [parameter, name]));
  for (const { name, leaf } of training.optimizerState) names.set(leaf, `optimizer.${name}`);
  const outcome = new Map<string, StoredValues>();
  for (const [leaf, next] of training.assignments) {
    const name = names.get(leaf);
    if (name === undefined) continue;
    const { shape, data } = values.of(next);
    outcome.set(name, { shape, data: Float32Array.from(data) });
  }
  const { prediction, batch } = training.step ?? {};
  const [target] = batch?.targets ?? [];
  const measured =
    prediction && target
      ? { prediction: Float32Array.from(values.of(prediction).data), target: values.of(target).data }
      : undefined;
  return { kind: "outcome", loss: values.of(training.loss).data[0], values: outcome, measured };
}
