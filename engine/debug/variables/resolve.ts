import type { Tensor } from "../../graph/tensor";
import { namedParameters } from "../../nn/module";
import type { Scene } from "../episode";
import { type FrameView, isMade, madeIn, moduleOf, namedAnywhere, textsAround } from "./frames";
import type { SceneOfFrame } from "./labels";

/** What a name of the user's text stands for in a frame; `done` says whether it has its value by now. */
export interface Resolved {
  readonly node: Tensor;
  readonly done: boolean;
}

/**
 * The tensor that a name stands for: in the text of the frame itself, of those around it, then anywhere in the forward
 * pass. The latest one that has its value by now; a name that the frame's own text is still to make hides those of others.
 */
export function resolveTensor(scene: Scene, frame: FrameView, name: string): Resolved | undefined {
  let pending: Tensor | undefined;
  for (const [i, text] of textsAround(scene, frame).entries()) {
    const made = madeIn(scene, text).filter((local) => local.name === name);
    const last = made.findLast(({ node }) => isMade(scene, node));
    if (last) return { node: last.node, done: true };
    pending ??= made[0]?.node;
    if (pending && i === 0 && moduleOf(scene, frame)) return { node: pending, done: false };
  }
  const others = namesIn(scene).get(name) ?? [];
  const last = others.findLast((node) => isMade(scene, node));
  if (last) return { node: last, done: true };
  pending ??= others[0];
  return pending && { node: pending, done: false };
}

/** All names of forward tensors, with the tensors of that name in order of making. */
export function namesIn(scene: Scene): ReadonlyMap<string, readonly Tensor[]> {
  const { graph, model } = scene.episode;
  let found = names.get(graph);
  if (found) return found;
  const made = new Map(namedAnywhere(scene));
  for (const [name, parameter] of model ? namedParameters(model) : []) if (!made.has(name)) made.set(name, [parameter]);
  for (const [name, parameter] of graph.parameters) if (!made.has(name)) made.set(name, [parameter]);
  found = made;
  names.set(graph, found);
  return found;
}

const names = new WeakMap<object, ReadonlyMap<string, readonly Tensor[]>>();

/** An expression that gives this node's value in the frame; null where no name stands for it. */
export function expressionOf(scene: SceneOfFrame, frame: FrameView, node: Tensor): string | null {
  const { training } = scene.episode.graph;
  if (node === training?.learningRate) return "learningRate";
  const name = scene.own?.get(node) ?? node.name;
  if (name === undefined) return null;
  if (training?.optimizerState.some(({ leaf }) => leaf === node)) return `optimizer.${pathExpression(name)}`;
  if (IDENTIFIER.test(name)) return resolveTensor(scene, frame, name)?.node === node ? name : null;
  if (node.op !== "parameter" || !PATH.test(name)) return null;
  const [first] = name.split(".");
  // A tensor of the same name as the layer hides it.
  const path = pathExpression(name);
  return resolveTensor(scene, frame, first) || /^\d/.test(first) ? `model${/^\d/.test(first) ? "" : "."}${path}` : path;
}

/** `layers[0].weight` for the path `layers.0.weight`. */
export function pathExpression(path: string): string {
  return path.replace(/(?:^|\.)(\d+)(?=\.|$)/g, "[$1]");
}

const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;
const PATH = /^[\p{ID_Continue}$]+(?:\.[\p{ID_Continue}$]+)*$/u;
