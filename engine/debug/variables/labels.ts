import type { Scope, Tensor } from "../../graph/tensor";
import { Parameter } from "../../nn/parameter";
import { tensorsIn } from "../../train/statistics";
import { atom, constantOf, swapsLast, transposed } from "../notation";
import type { Scene } from "../episode";
import { callsOf } from "./frames";

/** A scene in which tensors are called as the text of one frame calls them: an argument `x` of what is `h` outside. */
export interface SceneOfFrame extends Scene {
  readonly own?: ReadonlyMap<Tensor, string>;
}

/** What a tensor is called where people read of it: by its name, a constant by its number, what a layer makes by the layer (`hidden.z`), else by its operation. */
export function labelOf(scene: SceneOfFrame, node: Tensor): string {
  const own = scene.own?.get(node);
  if (own !== undefined) return own;
  const { graph } = scene.episode;
  if (node.name !== undefined) return node.name;
  if (node === graph.output) return costLabel(scene);
  if (node === graph.training?.loss) return "loss";
  if (node === graph.training?.step?.prediction) return "prediction";
  const constant = constantOf(node.op === "expand" ? node.inputs[0] : node);
  if (constant) return constant.text;
  if (node.op === "permute" && swapsLast(node)) return transposed(atom(labelOf(scene, node.inputs[0]))).text;
  const part = operationName(node);
  const layer = layerOf(node.scope);
  if (layer === undefined) return node instanceof Parameter ? `%${node.id}` : `${part}(…)`;
  return `${layer}.${layerResults(scene).has(node) ? "z" : part}`;
}

/** `loss`, `cost`, `J`: what is differentiated. */
export function costLabel(scene: Scene): string {
  return scene.episode.graph.output.name ?? (scene.episode.graph.training ? "loss" : "result");
}

/** `∂loss/∂h`. */
export function gradientLabel(scene: Scene, node: Tensor): string {
  return `∂${costLabel(scene)}/∂${labelOf(scene, node)}`;
}

/** The operation as the user wrote it: a composite with a gradient of its own by its name. */
export function operationName(node: Tensor): string {
  return node.op === "withGradient" ? compositeName(node) : node.op;
}

function compositeName(node: Tensor): string {
  const { name } = node.attributes;
  return typeof name === "string" ? name : node.op;
}

const results = new WeakMap<object, ReadonlySet<Tensor>>();

/** What calls of modules gave: `hidden.z`. */
function layerResults({ episode: { graph } }: Scene): ReadonlySet<Tensor> {
  let found = results.get(graph);
  if (!found) {
    found = new Set(callsOf(graph).flatMap(({ output }) => tensorsIn(output)));
    results.set(graph, found);
  }
  return found;
}

/** The path of the layer around a node; the model itself has none. */
function layerOf(scope: Scope | undefined): string | undefined {
  let at = scope;
  while (at && at.kind !== "module") at = at.parent;
  return at?.name || undefined;
}
