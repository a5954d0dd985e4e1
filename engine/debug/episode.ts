import type { Batch } from "../data/loader";
import type { Tensor } from "../graph/tensor";
import type { Module } from "../nn/module";
import type { DebugGraph } from "./graph";
import type { Level, NumberedStep } from "./levels";
import type { Position } from "./position";
import type { Values } from "./values";

/** One iteration, or one free program: what is done, in order, and its values. */
export interface Episode {
  readonly graph: DebugGraph;
  readonly values: Values;
  /** From 0: updates done before it. */
  readonly iteration: number;
  /** From 0. */
  readonly epoch: number;
  /** null where nothing is updated. */
  readonly learningRate: number | null;
  /** Of a training. */
  readonly batch: Batch | undefined;
  readonly model: Module | undefined;
  /** Losses of the iterations before, as far as they are known. */
  readonly lossBefore: number | undefined;
  /** Of a training: does a part of its own iteration before its time. @returns whether something is left */
  readonly ahead?: () => boolean;
}

/** An episode at a moment: what lies behind has a value, what lies ahead has none yet. */
export interface Scene {
  readonly episode: Episode;
  readonly position: Position;
}

/** The step that comes next; undefined at the end. */
export function nextStep({ episode, position }: Scene): NumberedStep | undefined {
  return episode.graph.steps[position.index];
}

/** Whether a node has its value by now. */
export function isDone({ episode: { graph }, position }: Scene, node: Tensor): boolean {
  const index = graph.indexOf.get(node);
  return index === undefined || index < position.index;
}

/** The node that holds a parameter's or state's value by now: once the update has given it another, that one. */
export function currentOf(scene: Scene, node: Tensor): Tensor {
  const next = scene.episode.graph.training?.assignments.get(node);
  return next && isDone(scene, next) ? next : node;
}

/** ∂output/∂node as far as it has arrived: the sum of the contributions that lie behind. */
export function gradientSoFar(scene: Scene, node: Tensor): Tensor | undefined {
  const adjoint = scene.episode.graph.adjoints.get(node);
  if (!adjoint) return undefined;
  if (adjoint.contributions.length === 0)
    return adjoint.gradient && isDone(scene, adjoint.gradient) ? adjoint.gradient : undefined;
  return adjoint.contributions.findLast(({ sum }) => isDone(scene, sum))?.sum;
}

/** The operation that a position stands at, or in: the innermost level of that kind of the next step. */
export function operationAt(scene: Scene): Level | undefined {
  return nextStep(scene)?.levels.findLast(({ kind }) => kind === "operation");
}
