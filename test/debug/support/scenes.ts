import assert from "node:assert/strict";
import type { Fields } from "../../../engine/data/dataset";
import type { NdArray } from "../../../engine/graph/array";
import type { Tensor } from "../../../engine/graph/tensor";
import type { Scene } from "../../../engine/debug/episode";
import { type Value, evaluateExpression } from "../../../engine/debug/expressions";
import { namesAt } from "../../../engine/debug/names";
import { arriveAt } from "../../../engine/debug/position";
import type { Direction, ScopeRecord, VariableRecord } from "../../../engine/debug/requests";
import { createValues } from "../../../engine/debug/values";
import { innermost } from "../../../engine/debug/variables/frames";
import { References, variablesAt } from "../../../engine/debug/variables/items";
import { scopesAt } from "../../../engine/debug/variables/scopes";
import { leafValue } from "../../../engine/train/check-gradients";
import { debugProgram } from "./programs";

/** Where such a text stands; no file is read or written. */
export const FILE = "test/debug/variables.nn.ts";
const LEARNING_RATE = 0.5;

/** A program of the given text at its beginning. */
export async function sceneOf(text?: string, file = FILE): Promise<Scene> {
  const { graph, training } = await debugProgram(file, text);
  const fed = new Map<Tensor, NdArray>();
  const put = (leaf: Tensor, data: ArrayLike<number>): void => {
    fed.set(leaf, { shape: leaf.shape, dtype: leaf.dtype, data: Float64Array.from(data) });
  };
  if (training) {
    const { step, batch } = training;
    step.batch.inputs.forEach((leaf, i) => put(leaf, batch.inputs[i].data));
    step.batch.targets.forEach((leaf, i) => put(leaf, batch.targets[i].data));
    put(step.learningRate, [LEARNING_RATE]);
    put(step.count, [1]);
    for (const { leaf, fill } of step.optimizerState)
      put(leaf, new Float64Array(leaf.shape.reduce((a, b) => a * b, 1)).fill(fill));
  }
  const values = createValues((leaf) => leafValue(leaf, 0, (at) => fed.get(at)));
  return {
    episode: {
      graph,
      values,
      iteration: 0,
      epoch: 0,
      learningRate: training ? LEARNING_RATE : null,
      batch: training?.batch,
      model: training?.training.model,
      lossBefore: undefined,
    },
    position: arriveAt(graph.steps, 0),
  };
}

/** The scene before the first step of a direction that satisfies a condition. */
export function moved(
  { episode }: Scene,
  direction: Direction,
  when: (node: Tensor, scene: Scene) => boolean = () => true,
): Scene {
  const { steps } = episode.graph;
  const index = steps.findIndex((step, at) => step.direction === direction && when(step.node, at0(episode, at)));
  assert.ok(index >= 0, `there is such a step in the ${direction} pass`);
  return at0(episode, index);
}

function at0(episode: Scene["episode"], index: number): Scene {
  return { episode, position: arriveAt(episode.graph.steps, index) };
}

/** The scene at the end. */
export function ended({ episode }: Scene): Scene {
  return at0(episode, episode.graph.steps.length);
}

/** The scene before the node that the graph has for what is differentiated by `name` is given its sum. */
export function beforeContribution(scene: Scene, to: string, via: string): Scene {
  const { contributions } = scene.episode.graph;
  return moved(scene, "backward", (node) => {
    const found = contributions.get(node);
    return found?.to.name === to && (found.contribution.via.name ?? found.contribution.via.op) === via;
  });
}

export interface Looked {
  readonly references: References;
  readonly scopes: readonly ScopeRecord[];
  /** Name → value, in order, of a scope. */
  readonly of: (scope: string) => Record<string, string>;
  readonly records: (scope: string) => VariableRecord[];
  /** The records inside the child at a path. */
  readonly inside: (scope: string, ...path: readonly string[]) => VariableRecord[];
}

export function look(scene: Scene, frame = innermost(scene), fields?: Fields): Looked {
  const references = new References();
  const scopes = scopesAt(scene, frame, references, { fields });
  const records = (scope: string): VariableRecord[] => {
    const found = scopes.find(({ name }) => name === scope);
    assert.ok(found, `there is a scope ${scope} among ${scopes.map(({ name }) => name).join(", ")}`);
    return variablesAt(references, found.reference);
  };
  const inside = (scope: string, ...path: readonly string[]): VariableRecord[] => {
    let list = records(scope);
    for (const name of path) {
      const found = list.find((record) => record.name === name);
      assert.ok(found, `there is ${name} among ${list.map((record) => record.name).join(", ")}`);
      list = variablesAt(references, found.reference);
    }
    return list;
  };
  return { references, scopes, records, inside, of: (scope) => texts(records(scope)) };
}

export function texts(records: readonly VariableRecord[]): Record<string, string> {
  return Object.fromEntries(records.map(({ name, value }) => [name, value]));
}

export function evaluated(scene: Scene, expression: string): Value {
  return evaluateExpression(expression, namesAt(scene));
}

/** The numbers that an expression gives. */
export function numbers(scene: Scene, expression: string): number[] {
  const value = evaluated(scene, expression);
  if (value.kind === "tensor") return [...value.array.data];
  assert.equal(value.kind, "number", expression);
  return value.kind === "number" ? [value.value] : [];
}
