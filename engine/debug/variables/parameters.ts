import type { NdArray } from "../../graph/array";
import type { Tensor } from "../../graph/tensor";
import { type Module, modulePath, moduleType, namedParameters } from "../../nn/module";
import { type Parameter, isTrained } from "../../nn/parameter";
import type { Layer } from "../../train/statistics";
import { formatNumber, statisticsOf, tensorValue } from "../expressions";
import { type Scene, isDone } from "../episode";
import { type FrameView, callsOf } from "./frames";
import { type Item, groupItem, insideOf, textItem } from "./items";
import { costLabel } from "./labels";
import { moduleText } from "./modules";
import { expressionOf, pathExpression, resolveTensor } from "./resolve";
import { arrayItem, gradientItem, tensorItem } from "./tensors";

/** Parameters as the model holds them: its modules as a tree, or the variables of a free program. */
export function parameterItems(scene: Scene, frame: FrameView): Item[] {
  const { model, graph } = scene.episode;
  if (!model) return [...graph.parameters].map(([name, node]) => parameterItem(scene, frame, name, node));
  return treeItems(scene, frame, model, "");
}

/** Modules with parameters in them, and the parameters, of one level of the tree. */
function treeItems(scene: Scene, frame: FrameView, model: Module, prefix: string): Item[] {
  const start = prefix === "" ? "" : `${prefix}.`;
  const below = [...namedParameters(model)].filter(([path]) => path.startsWith(start));
  const parts = new Map<string, [path: string, parameter: Parameter][]>();
  for (const entry of below) {
    const part = entry[0].slice(start.length).split(".")[0];
    parts.set(part, [...(parts.get(part) ?? []), entry]);
  }
  const items: Item[] = [];
  for (const [part, [[path, parameter]]] of parts) {
    const own = start + part;
    if (path === own) items.push(parameterItem(scene, frame, part, parameter));
    else {
      const module = moduleOfPath(scene, own);
      const text = module ? moduleText(module).replace(/^[^:]*: /, "") : `${parts.get(part)?.length ?? 0} parameters`;
      const children = (): Item[] => [...treeItems(scene, frame, model, own), ...deltaItems(scene, own)];
      const expression = resolveTensor(scene, frame, own.split(".")[0]) || /^\d/.test(own) ? null : pathExpression(own);
      items.push(groupItem(part, module ? moduleType(module) : "modules", text, children, expression));
    }
  }
  return prefix === "" ? [...items, ...deltaItems(scene, "")] : items;
}

function layersOf({ episode: { graph } }: Scene): readonly Layer[] {
  return graph.training?.step?.layers ?? [];
}

function moduleOfPath(scene: Scene, path: string): Module | undefined {
  return callsOf(scene.episode.graph).find(({ module }) => modulePath(module as Module) === path)?.module as
    Module | undefined;
}

/** δ = ∂cost/∂z of a layer, z being what the layer itself gives: an activation behind it is a layer of its own. */
function deltaItems(scene: Scene, path: string): Item[] {
  const outputs = layersOf(scene).filter(
    ({ module }) => modulePath(module) === path && namedParameters(module).size > 0,
  );
  const tensors = outputs.flatMap((layer) => layer.outputs.filter(({ dtype }) => dtype === "float32"));
  return tensors.map((node, i) => {
    const count = tensors.length > 1 ? ` (call ${i + 1})` : "";
    const name = `δ = ∂${costLabel(scene)}/∂z${count}`;
    return gradientItem(scene, node, name, null);
  });
}

function parameterItem(scene: Scene, frame: FrameView, name: string, node: Tensor): Item {
  const more = [...frozenItem(node), ...updateItems(scene, node)];
  return tensorItem(scene, name, node, { evaluateName: expressionOf(scene, frame, node), more });
}

function frozenItem(node: Tensor): Item[] {
  const parameter = node as Partial<Parameter>;
  if (parameter.trainable === undefined) return [];
  if (!parameter.trainable)
    return [textItem("trained", "no: a state, which the forward pass changes", { virtual: true })];
  return isTrained(node as Parameter) ? [] : [textItem("trained", "no: frozen", { virtual: true })];
}

/** What the update does to a parameter, once it has done it. */
function updateItems(scene: Scene, node: Tensor): Item[] {
  const { training } = scene.episode.graph;
  const next = training?.assignments.get(node);
  if (!next || !isDone(scene, next)) return [];
  const { values } = scene.episode;
  const items: Item[] = [];
  const clipped = training?.gradients.get(node.name ?? "");
  if (clipped && clipped !== scene.episode.graph.adjoints.get(node)?.gradient && isDone(scene, clipped))
    items.push(tensorItem(scene, "grad after clipping", clipped, { type: "gradient" }));
  const change = lazily(() => difference(values.of(next), values.of(node)));
  items.push({
    ...arrayItem("update", {
      ...tensorValue({ shape: node.shape, dtype: node.dtype, data: NOTHING }),
      get array() {
        return change();
      },
    }),
    type: "update",
  });
  items.push({
    name: "update/weight ratio",
    type: "number",
    value: (format) => formatNumber(statisticsOf(change()).norm / statisticsOf(values.of(node)).norm, format),
    virtual: true,
  });
  items.push(beforeItem(scene, node));
  return items;
}

/** What it was at the beginning of the iteration; its own line shows what it is by now. */
function beforeItem({ episode: { values } }: Scene, node: Tensor): Item {
  const value = tensorValue({ shape: node.shape, dtype: node.dtype, data: NOTHING });
  return arrayItem("before the update", {
    ...value,
    get array() {
      return values.of(node);
    },
  });
}

const NOTHING = new Float64Array(0);

function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

function difference(a: NdArray, b: NdArray): NdArray {
  return { shape: b.shape, dtype: b.dtype, data: b.data.map((x, i) => a.data[i] - x) };
}

/** The optimiser's own tensors by kind, then by parameter. */
export function optimizerItems(scene: Scene, frame: FrameView): Item[] {
  const { training } = scene.episode.graph;
  if (!training) return [];
  const kinds = new Map<string, Item[]>();
  for (const { name, leaf } of training.optimizerState) {
    const [kind] = name.split(".", 1);
    const next = training.assignments.get(leaf);
    const before = next && isDone(scene, next) ? [beforeItem(scene, leaf)] : [];
    const line = { type: "state", evaluateName: expressionOf(scene, frame, leaf), more: before };
    kinds.set(kind, [...(kinds.get(kind) ?? []), tensorItem(scene, name.slice(kind.length + 1), leaf, line)]);
  }
  return [...kinds].map(([kind, items]) => ({
    name: kind,
    type: "optimizer",
    value: () => `of ${items.length} parameter${items.length === 1 ? "" : "s"}`,
    inside: () => insideOf(items),
    evaluateName: `optimizer.${kind}`,
  }));
}
