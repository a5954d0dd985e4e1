import { reachable } from "../graph/order";
import { formatShape } from "../graph/shape";
import type { Dim } from "../graph/dim";
import type { Tensor } from "../graph/tensor";
import type { Parameter } from "../nn/parameter";
import { namedParameters } from "../nn/module";
import type { Forward } from "../train/step";
import { type Layer, tensorsIn } from "../train/statistics";
import type { ProblemAt } from "./computation-graph";
import type { DiagramColumn, DiagramLink, NetworkDiagram } from "./looks";

/** Values of parameters by name, as a run has them. */
export type WeightValues = ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: ArrayLike<number> }>;

/** Units on either side of a link up to which each weight is told. */
const MOST_UNITS = 16;

const ACTIVATIONS: ReadonlySet<string> = new Set([
  "relu",
  "leakyRelu",
  "elu",
  "gelu",
  "silu",
  "softplus",
  "sigmoid",
  "tanh",
  "softmax",
  "logSoftmax",
  "sign",
  "step",
  "hardThreshold",
]);

/**
 * The network diagram by the rules of DOMAIN C1: a column of units for the inputs and for each layer that has weights, joined by
 * those weights. Intercepts and losses have no unit; an activation belongs to the units it is applied to.
 */
export function networkDiagram(
  forward: Forward,
  layerOf: (node: Tensor) => number | null,
  values?: WeightValues,
  problemAt: ProblemAt = () => null,
): NetworkDiagram {
  const weighted = forward.layers.flatMap((layer, index) => {
    const output = layer.outputs.find(({ dtype }) => dtype === "float32");
    const weights = [...namedParameters(layer.module)].filter(([, each]) => each.trainable && each.rank >= 2);
    return output && weights.length > 0 ? [{ layer, index, output, weight: weights[0] }] : [];
  });
  const prediction = reachable(tensorsIn(forward.output));
  const numberOf = new Map(weighted.map(({ index }, i) => [index, forward.batch.inputs.length + i]));
  const columns: DiagramColumn[] = forward.batch.inputs.map((leaf) => ({
    name: leaf.name ?? "input",
    variable:
      leaf.name === undefined || /^input\d*$/.test(leaf.name) ? (leaf.name ?? "x").replace("input", "x") : leaf.name,
    type: null,
    units: unitsOf(leaf, null),
    shape: formatShape(leaf.knownShape),
    layer: null,
    activation: null,
    file: null,
    line: null,
    problem: null,
  }));
  const links: DiagramLink[] = [];
  const consumers = consumersOf(prediction);
  for (const { layer, index, output, weight } of weighted) {
    const column = numberOf.get(index) as number;
    const after = following(output, consumers, (node) => isColumn(node, numberOf, layerOf));
    columns.push({
      name: layer.name,
      variable: variableOf(output, after) ?? unnamed(layer, columns.length - forward.batch.inputs.length + 1),
      type: layer.type,
      units: unitsOf(output, layer),
      shape: formatShape(output.knownShape),
      layer: index,
      activation: activationIn(after),
      file: layer.site?.file ?? null,
      line: layer.site?.line ?? null,
      problem: problemAt(layer.site),
    });
    for (const from of sourcesOf(layer, forward, numberOf, layerOf)) {
      links.push({ from, to: column, weight: pathOf(weight[1], weight[0]), values: null });
    }
  }
  return {
    columns,
    links: links.map((link) => ({ ...link, values: weightsOf(link, columns, values) })),
  };
}

/** Features of [N, …, F], channels of [N, C, H, W] and of a convolution's [N, C, L]. */
function unitsOf({ knownShape }: Tensor, layer: Layer | null): number {
  if (knownShape === null || knownShape.length < 2) return 1;
  const channelsFirst = knownShape.length === 4 || (layer?.type.startsWith("Conv") ?? false);
  const units: Dim = knownShape[channelsFirst ? 1 : knownShape.length - 1];
  return typeof units === "number" ? units : 1;
}

function pathOf(parameter: Parameter, within: string): string {
  return parameter.name ?? within;
}

function isColumn(
  node: Tensor,
  columns: ReadonlyMap<number, number>,
  layerOf: (node: Tensor) => number | null,
): boolean {
  const layer = layerOf(node);
  return layer !== null && columns.has(layer);
}

/** The columns whose values reach a layer through anything but another column. */
function sourcesOf(
  layer: Layer,
  { batch }: Forward,
  columns: ReadonlyMap<number, number>,
  layerOf: (node: Tensor) => number | null,
): number[] {
  const found = new Set<number>();
  const seen = new Set<Tensor>();
  const open = tensorsIn(layer.call.inputs);
  for (let node = open.pop(); node; node = open.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    const input = batch.inputs.indexOf(node);
    const of = layerOf(node);
    const column = input >= 0 ? input : of === null || node.op === "parameter" ? undefined : columns.get(of);
    if (column === undefined) open.push(...node.inputs);
    else found.add(column);
  }
  return [...found].sort((a, b) => a - b);
}

function consumersOf(nodes: readonly Tensor[]): ReadonlyMap<Tensor, readonly Tensor[]> {
  const consumers = new Map<Tensor, Tensor[]>();
  for (const node of nodes) {
    for (const input of new Set(node.inputs)) {
      const list = consumers.get(input);
      if (list) list.push(node);
      else consumers.set(input, [node]);
    }
  }
  return consumers;
}

/** What the model makes of a layer's output before the next column, in order of execution. */
function following(
  output: Tensor,
  consumers: ReadonlyMap<Tensor, readonly Tensor[]>,
  stop: (node: Tensor) => boolean,
): Tensor[] {
  const found = new Set<Tensor>();
  const open = [output];
  for (let node = open.pop(); node; node = open.pop()) {
    for (const next of consumers.get(node) ?? []) {
      if (found.has(next) || stop(next)) continue;
      found.add(next);
      open.push(next);
    }
  }
  return [...found].sort((a, b) => a.id - b.id);
}

function activationIn(nodes: readonly Tensor[]): string | null {
  for (const node of nodes) {
    if (ACTIVATIONS.has(node.op)) return node.op;
    for (let scope = node.scope; scope; scope = scope.parent) {
      if (scope.kind === "composite" && ACTIVATIONS.has(scope.name)) return scope.name;
    }
  }
  return null;
}

/** The variable that the user gave the units: of the activated ones if there is one, as in `h = relu(this.hidden(x))`. */
function variableOf(output: Tensor, after: readonly Tensor[]): string | undefined {
  const activated = after.findIndex((node) => activationIn([node]) !== null);
  const candidates = activated < 0 ? [output, ...after] : [...after.slice(activated), output, ...after];
  return candidates.find(({ name, op }) => name !== undefined && op !== "parameter")?.name;
}

/** Units without a variable go by their layer's name; in a Sequential, where that is a number, by the a of the notes: `a²`. */
function unnamed({ name }: Layer, number: number): string {
  const own = name.slice(name.lastIndexOf(".") + 1);
  return /^\d+$/.test(own) ? `a${[...String(number)].map((digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(digit)]).join("")}` : own;
}

/** Rows of the weight matrix, where its rows and columns are the units on both sides. */
function weightsOf(
  link: DiagramLink,
  columns: readonly DiagramColumn[],
  values: WeightValues | undefined,
): number[][] | null {
  const stored = link.weight === null ? undefined : values?.get(link.weight);
  const [from, to] = [columns[link.from].units, columns[link.to].units];
  if (!stored || from > MOST_UNITS || to > MOST_UNITS) return null;
  const { shape, data } = stored;
  const folded = columns[link.to].type === "FoldedLinear" ? 1 : 0;
  if (shape.length !== 2 || shape[0] !== to || shape[1] !== from + folded) return null;
  return Array.from({ length: to }, (_, row) =>
    Array.from({ length: from }, (_, column) => data[row * shape[1] + folded + column]),
  );
}
