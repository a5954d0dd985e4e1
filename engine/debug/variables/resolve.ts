import type { Tensor } from "../../graph/tensor";
import { type Module, namedParameters } from "../../nn/module";
import type { Scene } from "../episode";
import type { DebugGraph } from "../graph";
import {
  type FrameView,
  callIn,
  isMade,
  madeIn,
  modelsOf,
  moduleOf,
  namedAnywhere,
  textAt,
  textsAround,
} from "./frames";
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
    if (pending && i === 0 && textAt(scene, frame)) return { node: pending, done: false };
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
  if (training?.optimizerState.some(({ leaf }) => leaf === node)) {
    const path = [...statePaths(scene)].find(([, leaf]) => leaf === node)?.[0];
    return path !== undefined && PATH.test(path) ? `optimizer.${pathExpression(path)}` : null;
  }
  if (IDENTIFIER.test(name)) return resolveTensor(scene, frame, name)?.node === node ? name : null;
  if (node.op !== "parameter" || !PATH.test(name)) return null;
  const { graph, model } = scene.episode;
  if (!model && graph.parameters.get(name) !== node) return inModel(graph, node, name);
  const [first] = name.split(".");
  // A field of the frame's own module hides that of the model.
  const own = callIn(scene, moduleOf(scene, frame))?.module;
  const isHidden =
    own !== undefined &&
    own !== model &&
    Object.hasOwn(own, first) &&
    namedParameters(own as Module).get(name) !== node;
  if (isHidden && !model) return inModel(graph, node, name);
  // A tensor of the same name as the layer hides it.
  const path = pathExpression(name);
  return isHidden || resolveTensor(scene, frame, first) || /^\d/.test(first)
    ? `model${/^\d/.test(first) ? "" : "."}${path}`
    : path;
}

/** Of two models with parameters of the same name, the one that a variable holds: `student.hidden.weight`. */
function inModel(graph: DebugGraph, node: Tensor, path: string): string | null {
  for (const [variable, module] of modelsOf(graph))
    if (namedParameters(module).get(path) === node) return `${variable}.${pathExpression(path)}`;
  return null;
}

/** The optimiser's tensors by path: `v.hidden.weight`. Of two with the same name the first. */
export function statePaths({ episode: { graph } }: Scene): ReadonlyMap<string, Tensor> {
  const paths = new Map<string, Tensor>();
  for (const { name, leaf } of graph.training?.optimizerState ?? []) if (!paths.has(name)) paths.set(name, leaf);
  return paths;
}

/** `layers[0].weight` for the path `layers.0.weight`. */
export function pathExpression(path: string): string {
  return path.replace(/(?:^|\.)(\d+)(?=\.|$)/g, "[$1]");
}

const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;
const PATH = /^[\p{ID_Continue}$]+(?:\.[\p{ID_Continue}$]+)*$/u;
