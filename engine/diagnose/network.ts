import { reachable } from "../graph/order";
import { concreteShape } from "../graph/shape";
import type { Site } from "../graph/site";
import type { Tensor } from "../graph/tensor";
import type { Dropout } from "../nn";
import { moduleSite, namedModules, namedParameters } from "../nn/module";
import { type Parameter, isTrained } from "../nn/parameter";
import { fans } from "../nn/initializers";
import type { RunAccess } from "../train/run-access";
import { activationOf, type Layer, tensorsIn } from "../train/statistics";

/** What the graph and the configuration say before any number is known. */
export interface Network {
  readonly layers: readonly LayerFacts[];
  /** The loss function of this package that makes the cost, if it is one. */
  readonly loss: string | undefined;
  /** What the loss is given in place of a prediction: the last function before it. */
  readonly ending: Ending;
  /** Pairs of layers between which every operation is linear, so that both could be one. */
  readonly linearPairs: readonly (readonly [before: number, after: number])[];
  /** Whether anything nonlinear comes before the last layer with weights. */
  readonly nonlinear: boolean;
  /** Trainable parameters that the cost depends on but no gradient reaches. */
  readonly cut: readonly {
    readonly name: string;
    readonly layer: number | undefined;
    readonly barrier: Site | undefined;
  }[];
  /** Parameters kept as they are by `freeze`. */
  readonly frozen: readonly { readonly name: string; readonly layer: number | undefined }[];
  readonly dropouts: readonly {
    readonly rate: number;
    readonly layer: string | undefined;
    readonly site: Site | undefined;
  }[];
  /** Whether the inputs pass a normalisation before the first weights. */
  readonly normalisesInput: boolean;
  /** The layer that the first target's prediction comes from. */
  readonly last: number | undefined;
}

export interface LayerFacts {
  readonly name: string;
  readonly type: string;
  readonly site: Site | undefined;
  /** Trained parameters by name. */
  readonly trained: readonly string[];
  readonly weight: { readonly name: string; readonly fanIn: number } | undefined;
  readonly activation: string | undefined;
}

export interface Ending {
  readonly kind: "softmax" | "logSoftmax" | "sigmoid" | "tanh" | "relu" | "other";
  /** Outputs of one example. */
  readonly width: number;
  /** Of a softmax: whether it runs over the examples of the batch. */
  readonly overBatch: boolean;
  readonly site: Site | undefined;
}

const LOSSES = new Set([
  "crossEntropy",
  "binaryCrossEntropy",
  "binaryCrossEntropyWithLogits",
  "nll",
  "mse",
  "mae",
  "rmse",
  "huber",
  "hinge",
  "perceptronLoss",
  "sumSquaredError",
  "halfSquaredError",
  "klDivergence",
  "multiMarginLoss",
]);

/** Operations that keep what they are given linear, whatever else they do. */
const LINEAR = new Set([
  "add",
  "subtract",
  "negate",
  "reshape",
  "permute",
  "expand",
  "slice",
  "place",
  "concat",
  "identity",
  "sum",
  "cast",
  "averagePool2d",
]);
const MOVING = new Set(["reshape", "permute", "expand", "slice", "identity", "cast"]);
const DENSE = new Set(["Linear", "FoldedLinear", "Conv1d", "Conv2d", "ConvTranspose2d"]);
const NORMALISING = new Set(["BatchNorm1d", "BatchNorm2d", "LayerNorm", "RMSNorm", "GroupNorm", "standardize"]);

/** The graph with what is asked of its nodes time and again. */
interface Graph {
  /** In the order of execution. */
  readonly nodes: readonly Tensor[];
  /** Those that differ from example to example. */
  readonly varying: ReadonlySet<Tensor>;
  /** Those that depend on a parameter. */
  readonly learnt: ReadonlySet<Tensor>;
}

function graphOf(cost: Tensor, inputs: readonly Tensor[]): Graph {
  const nodes = reachable([cost]);
  const varying = new Set<Tensor>(inputs);
  const learnt = new Set<Tensor>();
  for (const node of nodes) {
    if (node.op === "parameter" || node.inputs.some((input) => learnt.has(input))) learnt.add(node);
    if (node.inputs.some((input) => varying.has(input))) varying.add(node);
  }
  return { nodes, varying, learnt };
}

export function networkOf({ step, training }: RunAccess): Network {
  const graph = graphOf(step.cost, [...step.batch.inputs, ...step.batch.targets]);
  const { nodes } = graph;
  const parameters = namedParameters(training.model);
  const last = step.prediction && lastLayer(step.prediction, step.layers);
  const ownerOf = new Map<Tensor, number>();
  step.layers.forEach(({ module }, i) => {
    for (const parameter of namedParameters(module).values()) if (!ownerOf.has(parameter)) ownerOf.set(parameter, i);
  });
  const reached = new Set(nodes);
  const named = [...parameters].map(([name, parameter]) => ({ name, parameter, layer: ownerOf.get(parameter) }));
  return {
    layers: step.layers.map((layer) => layerFacts(layer, nodes, parameters)),
    loss: lossName(step.loss),
    ending: endingOf(step.prediction, graph),
    linearPairs: linearPairs(step.layers, graph),
    nonlinear:
      last === undefined ||
      reachable(tensorsIn(step.layers[last].call.inputs)).some((node) => isNonlinear(node, graph)),
    cut: named
      .filter(({ name, parameter }) => isTrained(parameter) && reached.has(parameter) && !step.gradients.has(name))
      .map(({ name, parameter, layer }) => ({ name, layer, barrier: barrierAfter(parameter, nodes) })),
    frozen: named
      .filter(({ parameter }) => parameter.trainable && !isTrained(parameter) && reached.has(parameter))
      .map(({ name, layer }) => ({ name, layer })),
    dropouts: dropoutsOf(training.model, nodes),
    normalisesInput: normalisesInput(step.batch.inputs, nodes),
    last,
  };
}

function layerFacts(
  { name, type, site, module, outputs }: Layer,
  nodes: readonly Tensor[],
  all: ReadonlyMap<string, Parameter>,
): LayerFacts {
  const own = new Set(namedParameters(module).values());
  const trained = [...all].filter(([, parameter]) => own.has(parameter) && isTrained(parameter));
  const weight = trained.find(([, parameter]) => parameter.shape.length >= 2);
  const [output] = outputs;
  return {
    name,
    type,
    site,
    trained: trained.map(([path]) => path),
    weight: weight && DENSE.has(type) ? { name: weight[0], fanIn: fans(weight[1].shape).fanIn } : undefined,
    activation: output && activationOf(output, nodes)?.op,
  };
}

function scopesOf(node: Tensor): string[] {
  const names: string[] = [];
  for (let { scope } = node; scope; scope = scope.parent) if (scope.kind === "composite") names.push(scope.name);
  return names;
}

function isLossPart(node: Tensor): boolean {
  return scopesOf(node).some((name) => LOSSES.has(name));
}

function lossName(loss: Tensor): string | undefined {
  for (const node of reachable([loss]).reverse()) {
    const found = scopesOf(node).find((name) => LOSSES.has(name));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What enters the loss and depends on the model: not its targets. */
function endingOf(prediction: Tensor | undefined, { nodes, learnt }: Graph): Ending {
  const entering = new Set<Tensor>();
  for (const node of nodes) {
    if (!isLossPart(node)) continue;
    for (const input of node.inputs) if (learnt.has(input) && !isLossPart(input)) entering.add(input);
  }
  const behind = (node: Tensor): Tensor =>
    MOVING.has(node.op) && node.inputs.length > 0 ? behind(node.inputs[0]) : node;
  const sources = [...entering].map(behind);
  const node = sources[0] ?? (prediction && behind(prediction));
  const width = prediction
    ? concreteShape(prediction.knownShape)
        .slice(1)
        .reduce((size, dim) => size * dim, 1)
    : 1;
  if (!node) return { kind: "other", width, overBatch: false, site: undefined };
  const [inner] = scopesOf(node);
  const kind =
    inner === "softmax" || inner === "logSoftmax"
      ? inner
      : node.op === "sigmoid" || node.op === "tanh" || node.op === "relu"
        ? node.op
        : "other";
  return { kind, width, overBatch: kind === "softmax" && sumsOverBatch(node), site: node.site };
}

/** Whether the sum that a softmax divides by runs over the batch axis. */
function sumsOverBatch(node: Tensor): boolean {
  const { scope } = node;
  return reachable([node]).some((other) => {
    if (other.scope !== scope || other.op !== "sum") return false;
    const axes = other.attributes.axes as readonly number[] | undefined;
    return axes?.includes(0) ?? false;
  });
}

/**
 * From the input of each layer back to the outputs of others, through linear operations alone. What has a nonlinear function
 * beside the linear way, as a residual block, is none.
 */
function linearPairs(layers: readonly Layer[], graph: Graph): [number, number][] {
  const used = new Set(graph.nodes);
  const outputOf = new Map<Tensor, number>();
  layers.forEach((layer, i) => {
    if (DENSE.has(layer.type)) for (const output of layer.outputs) outputOf.set(output, i);
  });
  return layers.flatMap((layer, after): [number, number][] => {
    const [input] = layer.call.inputs as readonly (Tensor | undefined)[];
    if (!DENSE.has(layer.type) || !input || !layer.outputs.some((output) => used.has(output))) return [];
    const found = new Set<number>();
    const open = [input];
    const seen = new Set(open);
    for (let node = open.pop(); node; node = open.pop()) {
      const before = outputOf.get(node);
      if (before !== undefined) {
        found.add(before);
        continue;
      }
      const inputs = linearInputs(node, graph);
      // Where ways meet, one of them is the way around a block: what the others hold is not looked for.
      if (inputs?.length !== 1) return [];
      const [next] = inputs;
      if (seen.has(next)) continue;
      seen.add(next);
      open.push(next);
    }
    return [...found].map((before) => [before, after]);
  });
}

/** The inputs that a linear operation passes on; undefined where it is none, or where the way began elsewhere. */
function linearInputs(node: Tensor, { varying: all }: Graph): readonly Tensor[] | undefined {
  const [inner] = scopesOf(node);
  if (inner === "dropout" || inner === "batchNorm" || inner === "mean") {
    const varying = node.inputs.filter((input) => input.dtype === "float32" && all.has(input));
    return inner === "batchNorm" ? varying.slice(0, 1) : varying;
  }
  if (LINEAR.has(node.op)) {
    return node.inputs.filter((input) => input.dtype === "float32" && all.has(input));
  }
  if (node.op === "multiply" || node.op === "divide") {
    const varying = node.inputs.filter((input) => all.has(input));
    return varying.length === 1 && (node.op === "multiply" || varying[0] === node.inputs[0]) ? varying : undefined;
  }
  return undefined;
}

const NONLINEAR = new Set([
  "relu",
  "sigmoid",
  "tanh",
  "gelu",
  "silu",
  "softplus",
  "elu",
  "leakyRelu",
  "maximum",
  "minimum",
  "clip",
  "abs",
  "maxPool2d",
  "max",
  "min",
  "exp",
  "log",
  "sin",
  "cos",
  "sqrt",
  "power",
  "erf",
  "greater",
  "less",
  "where",
  "take",
]);

function isNonlinear(node: Tensor, { varying }: Graph): boolean {
  // Normalising by the batch scales and shifts; so does dropout.
  if (scopesOf(node).some((name) => name === "batchNorm" || name === "dropout")) return false;
  if (!NONLINEAR.has(node.op))
    return node.op === "multiply" && node.inputs.length === 2 && node.inputs.every((input) => varying.has(input));
  return node.inputs.some((input) => varying.has(input));
}

/** The first stopped gradient on the way from a parameter to the cost. */
function barrierAfter(parameter: Tensor, nodes: readonly Tensor[]): Site | undefined {
  const influenced = new Set<Tensor>([parameter]);
  for (const node of nodes) {
    if (!node.inputs.some((input) => influenced.has(input))) continue;
    influenced.add(node);
    if (node.op === "stopGradient") return node.site;
  }
  return undefined;
}

function dropoutsOf(
  model: RunAccess["training"]["model"],
  nodes: readonly Tensor[],
): { rate: number; layer: string | undefined; site: Site | undefined }[] {
  const modules = [...namedModules(model)].flatMap(([path, module]) => {
    const { rate } = module as unknown as Partial<Dropout>;
    return module.constructor.name === "Dropout" && typeof rate === "number"
      ? [{ rate, layer: path, site: moduleSite(module) }]
      : [];
  });
  if (modules.length > 0) return modules;
  // Dropout by the function alone: the share that is kept is the number that random ones are compared with.
  return nodes.flatMap((node) => {
    if (node.op !== "less" || scopesOf(node)[0] !== "dropout") return [];
    const bound = node.inputs[1].attributes.data as ArrayLike<number> | undefined;
    return bound ? [{ rate: 1 - bound[0], layer: undefined, site: node.site }] : [];
  });
}

function normalisesInput(inputs: readonly Tensor[], nodes: readonly Tensor[]): boolean {
  const varying = new Set<Tensor>(inputs);
  for (const node of nodes) {
    if (!node.inputs.some((input) => varying.has(input))) continue;
    for (let { scope } = node; scope; scope = scope.parent) if (NORMALISING.has(scope.type)) return true;
    if (node.op === "matmul" || node.op === "conv2d" || node.op === "take") return false;
    varying.add(node);
  }
  return false;
}

function lastLayer(prediction: Tensor, layers: readonly Layer[]): number | undefined {
  const before = new Set(reachable([prediction]));
  for (let i = layers.length - 1; i >= 0; i--) {
    if (DENSE.has(layers[i].type) && layers[i].outputs.some((output) => before.has(output))) return i;
  }
  return undefined;
}
