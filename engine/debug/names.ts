import type { Tensor } from "../graph/tensor";
import { type Module, isContainer, modulePath, namedModules } from "../nn/module";
import {
  type NameRecord,
  type Names,
  type RecordValue,
  type TensorValue,
  type Value,
  numberValue,
  textValue,
} from "./expressions";
import { type Scene, nextStep, operationAt } from "./episode";
import { arrivedGradient, notYet } from "./variables/arrivals";
import { type FrameView, callIn, innermost, localsOf, modelsOf, moduleOf } from "./variables/frames";
import { checkGradient } from "./variables/gradcheck";
import { costLabel, labelOf, operationName } from "./variables/labels";
import { detailOf, moduleText, moduleValue } from "./variables/modules";
import { contributionsOf, currentUse, localLabel } from "./variables/operation";
import { namesIn, resolveTensor, statePaths } from "./variables/resolve";
import { nodeValue } from "./variables/tensors";

/** What expressions can name at a stop, seen from a frame. */
export function namesAt(scene: Scene, frame: FrameView = innermost(scene)): Names {
  return {
    lookup: (name) => lookup(scene, frame, name),
    list: () => listNames(scene, frame),
    gradientOf: (tensor, of) => gradientOf(scene, frame, tensor, of),
    gradcheck: (tensor) => checkGradient(scene, nodeOf(tensor, "gradcheck")),
  };
}

function lookup(scene: Scene, frame: FrameView, name: string): Value | undefined {
  const gradient = GRADIENT.exec(name)?.groups;
  if (gradient) return gradientNamed(scene, frame, gradient.of, gradient.by);
  const found = resolveTensor(scene, frame, name);
  if (found?.done) return nodeValue(scene, found.node);
  const word = Object.hasOwn(WORDS, name) ? WORDS[name] : undefined;
  const value = word?.value(scene, frame) ?? fieldOrPath(scene, frame, name) ?? modelNamed(scene, name);
  if (value) return value;
  if (found) throw new Error(`${name} is ${notYet(found.node)}`);
  if (word) throw new Error(`${name} ${word.needs}`);
  const short = SHORT_GRADIENT.exec(name)?.groups;
  return short && isKnown(scene, frame, short.of) && isKnown(scene, frame, short.by)
    ? gradientNamed(scene, frame, short.of, short.by)
    : undefined;
}

/** `∂loss/∂h`, and `dloss/dh` as the backward listing may be read. */
const GRADIENT = /^∂(?<of>[^/]+)\/∂(?<by>.+)$/u;
const SHORT_GRADIENT = /^d(?<of>[^/]+)\/d(?<by>.+)$/u;

function isKnown(scene: Scene, frame: FrameView, name: string): boolean {
  return isCost(scene, name) || resolveTensor(scene, frame, name) !== undefined || namesIn(scene).has(name);
}

// ---- words of our own ------------------------------------------------------------------------------

interface Word {
  readonly kind: NameRecord["kind"];
  readonly detail: string;
  /** Undefined where it has no meaning. */
  readonly value: (scene: Scene, frame: FrameView) => Value | undefined;
  /** Why it has none: `has a meaning in the backward pass only`. */
  readonly needs: string;
}

const IN_TRAINING = "has a meaning in a training only";
const IN_BACKWARD = "has a meaning where the program stands at an operation of the backward pass";

const WORDS: Readonly<Record<string, Word>> = {
  this: {
    kind: "keyword",
    detail: "the module of this frame",
    value: (scene, frame) => {
      const module = ownModule(scene, frame) ?? scene.episode.model;
      return module && moduleValue(scene, module);
    },
    needs: "has a meaning where there is a model",
  },
  model: {
    kind: "module",
    detail: "the model",
    value: (scene) => scene.episode.model && moduleValue(scene, scene.episode.model),
    needs: IN_TRAINING,
  },
  input: {
    kind: "variable",
    detail: "the batch's input",
    value: (scene) => leafValue(scene, scene.episode.graph.training?.step?.batch.inputs[0]),
    needs: IN_TRAINING,
  },
  target: {
    kind: "variable",
    detail: "the batch's target",
    value: (scene) => leafValue(scene, scene.episode.graph.training?.step?.batch.targets[0]),
    needs: IN_TRAINING,
  },
  prediction: {
    kind: "variable",
    detail: "what the model gives",
    value: (scene) => leafValue(scene, scene.episode.graph.training?.step?.prediction),
    needs: IN_TRAINING,
  },
  loss: {
    kind: "variable",
    detail: "what is differentiated",
    value: (scene) => leafValue(scene, scene.episode.graph.training?.loss ?? scene.episode.graph.output),
    needs: "is not computed yet",
  },
  cost: {
    kind: "variable",
    detail: "the loss, penalties included",
    value: (scene) => leafValue(scene, scene.episode.graph.output),
    needs: "is not computed yet",
  },
  batch: { kind: "variable", detail: "the examples of this iteration", value: batchValue, needs: IN_TRAINING },
  iteration: {
    kind: "variable",
    detail: "updates done before this one",
    value: ({ episode }) => (episode.graph.training ? numberValue(episode.iteration) : undefined),
    needs: IN_TRAINING,
  },
  epoch: {
    kind: "variable",
    detail: "passes over the data done before this one",
    value: ({ episode }) => (episode.graph.training ? numberValue(episode.epoch) : undefined),
    needs: IN_TRAINING,
  },
  batchSize: {
    kind: "variable",
    detail: "examples of this iteration",
    value: ({ episode: { batch } }) => batch && numberValue(batch.size),
    needs: IN_TRAINING,
  },
  learningRate: {
    kind: "variable",
    detail: "η of this update",
    value: (scene) => {
      const leaf = scene.episode.graph.training?.learningRate;
      return leaf ? leafValue(scene, leaf) : undefined;
    },
    needs: "has a meaning where parameters are updated",
  },
  optimizer: { kind: "variable", detail: "the optimiser's state", value: optimizerValue, needs: IN_TRAINING },
  upstream: {
    kind: "variable",
    detail: "∂cost/∂ of the operation's result",
    value: upstreamValue,
    needs: IN_BACKWARD,
  },
  g: { kind: "variable", detail: "the same as upstream", value: upstreamValue, needs: IN_BACKWARD },
  local: {
    kind: "variable",
    detail: "∂ of the operation's result / ∂ its input",
    value: localValue,
    needs: IN_BACKWARD,
  },
  contribution: {
    kind: "variable",
    detail: "upstream × local: what is added to the input's gradient",
    value: (scene) => {
      const use = useAt(scene);
      return use && nodeValue(scene, use.contribution.value);
    },
    needs: IN_BACKWARD,
  },
  value: {
    kind: "variable",
    detail: "what the operation at hand gives",
    value: (scene) => {
      const step = nextStep(scene);
      if (!step) return undefined;
      const node = step.direction === "forward" ? operationAt(scene)?.node : step.node;
      return node && nodeValue(scene, node);
    },
    needs: "has a meaning before the end of the program",
  },
};

/** The value of a node that lies behind. */
function leafValue(scene: Scene, node: Tensor | undefined): TensorValue | undefined {
  if (!node) return undefined;
  const index = scene.episode.graph.indexOf.get(node);
  if (index !== undefined && index >= scene.position.index)
    throw new Error(`${labelOf(scene, node)} is ${notYet(node)}`);
  return nodeValue(scene, node);
}

function upstreamValue(scene: Scene): Value | undefined {
  const operation = backwardOperation(scene);
  const gradient = operation && scene.episode.graph.adjoints.get(operation)?.gradient;
  return gradient && nodeValue(scene, gradient);
}

function localValue(scene: Scene): Value | undefined {
  const use = useAt(scene);
  const local = use?.contribution.local;
  if (use && !local) {
    throw new Error(
      `${localLabel(scene, use)} has no local derivative element by element: ${operationName(use.contribution.via)} mixes the elements of its inputs; ` +
        `"This operation" says which product brings the gradient back`,
    );
  }
  return local && nodeValue(scene, local);
}

function useAt(scene: Scene): ReturnType<typeof currentUse> {
  const operation = backwardOperation(scene);
  return operation && currentUse(scene, contributionsOf(scene, operation));
}

function backwardOperation(scene: Scene): Tensor | undefined {
  const step = nextStep(scene);
  return step?.direction === "backward" && step.kind === "compute" ? operationAt(scene)?.node : undefined;
}

function batchValue(scene: Scene): RecordValue | undefined {
  const { batch, graph } = scene.episode;
  const leaves = graph.training?.step?.batch;
  if (!batch || !leaves) return undefined;
  const members = new Map<string, () => Value>();
  for (const leaf of [...leaves.inputs, ...leaves.targets])
    members.set(leaf.name ?? leaf.op, () => nodeValue(scene, leaf));
  members.set("size", () => numberValue(batch.size));
  members.set("indices", () => ({
    kind: "tensor",
    shape: [batch.indices.length],
    dtype: "int32",
    array: { shape: [batch.indices.length], dtype: "int32", data: Float64Array.from(batch.indices) },
    node: null,
  }));
  return recordOf("batch", `${batch.size} examples`, members);
}

function optimizerValue(scene: Scene): RecordValue | undefined {
  const { training } = scene.episode.graph;
  if (!training) return undefined;
  const paths = [...statePaths(scene)].map(([path, leaf]) => ({ path: path.split("."), leaf }));
  const build = (prefix: number, below: typeof paths): RecordValue => {
    const members = new Map<string, () => Value>();
    for (const part of new Set(below.map(({ path }) => path[prefix]))) {
      const inner = below.filter(({ path }) => path[prefix] === part);
      const [{ path, leaf }] = inner;
      members.set(part, () => (path.length === prefix + 1 ? nodeValue(scene, leaf) : build(prefix + 1, inner)));
    }
    const text = prefix === 0 ? training.optimizer : below[0].path.slice(0, prefix).join(".");
    if (prefix === 0) {
      members.set("name", () => textValue(training.optimizer));
      members.set("learningRate", () => nodeValue(scene, training.learningRate));
      members.set("step", () => nodeValue(scene, training.count));
    }
    return recordOf("optimizer", text, members);
  };
  return build(0, paths);
}

function recordOf(type: string, text: string, members: ReadonlyMap<string, () => Value>): RecordValue {
  return {
    kind: "record",
    type,
    text,
    members: () =>
      [...members].map(([name, value]): NameRecord => ({ name, kind: "property", detail: detailOf(value()) })),
    member: (name) => members.get(name)?.(),
  };
}

// ---- modules ---------------------------------------------------------------------------------------

function ownModule(scene: Scene, frame: FrameView): Module | undefined {
  return callIn(scene, moduleOf(scene, frame))?.module as Module | undefined;
}

/** A field of the frame's module or of the model, or a path from there: `layers.0.weight`. */
function fieldOrPath(scene: Scene, frame: FrameView, name: string): Value | undefined {
  const roots = [ownModule(scene, frame), scene.episode.model];
  for (const root of roots) {
    let at: Value | undefined = root && moduleValue(scene, root);
    for (const part of name.split(".")) at = at?.kind === "record" ? at.member(part) : undefined;
    if (at) return at;
  }
  return undefined;
}

/** A variable of a program without a training that holds a model. */
function modelNamed(scene: Scene, name: string): Value | undefined {
  const module = modelsOf(scene.episode.graph).get(name);
  return module && moduleValue(scene, module);
}

// ---- gradients -------------------------------------------------------------------------------------

function isCost(scene: Scene, name: string): boolean {
  return name === "loss" || name === costLabel(scene);
}

function gradientNamed(scene: Scene, frame: FrameView, of: string, by: string): Value | undefined {
  if (isCost(scene, by) && isCost(scene, of))
    return gradientOf(scene, frame, nodeValue(scene, scene.episode.graph.output), of);
  const found = resolveTensor(scene, frame, by)?.node ?? namesIn(scene).get(by)?.at(-1);
  return found && gradientOf(scene, frame, nodeValue(scene, found), of);
}

function gradientOf(scene: Scene, frame: FrameView, tensor: TensorValue, of: string): Value {
  const node = nodeOf(tensor, "a gradient");
  if (isCost(scene, of)) return nodeValue(scene, arrivedGradient(scene, node));
  const via = resolveTensor(scene, frame, of)?.node;
  const cost = costLabel(scene);
  if (!via)
    throw new Error(
      `there is no ${of} to differentiate; gradients here are of ${cost}: ∂${cost}/∂${labelOf(scene, node)}`,
    );
  const use = contributionsOf(scene, via).find(({ to }) => to === node);
  const label = `∂${of}/∂${labelOf(scene, node)}`;
  if (!use)
    throw new Error(
      `${label}: ${of} is not made of ${labelOf(scene, node)} in one operation; use ∂${cost}/∂${labelOf(scene, node)}`,
    );
  const { local } = use.contribution;
  if (!local)
    throw new Error(
      `${label} is no derivative element by element: ${operationName(via)} mixes the elements; look at its Jacobian in the tensor view`,
    );
  return nodeValue(scene, local);
}

function nodeOf({ node }: TensorValue, what: string): Tensor {
  if (!node)
    throw new Error(
      `${what} is of a tensor of the program, such as hidden.weight; this one an expression has computed`,
    );
  return node;
}

// ---- completions -----------------------------------------------------------------------------------

function listNames(scene: Scene, frame: FrameView): NameRecord[] {
  const records = new Map<string, NameRecord>();
  const add = (record: NameRecord): void => {
    if (!records.has(record.name)) records.set(record.name, record);
  };
  for (const { name, node, earlier } of localsOf(scene, frame))
    if (earlier === null) add({ name, kind: "variable", detail: detailOf(nodeValue(scene, node)) });
  for (const [name, nodes] of namesIn(scene)) {
    const last = nodes[nodes.length - 1];
    if (!name.includes(".") && resolveTensor(scene, frame, name)?.done)
      add({ name, kind: "variable", detail: detailOf(nodeValue(scene, last)) });
  }
  const { model } = scene.episode;
  for (const [path, module] of model ? namedModules(model) : []) {
    if (path !== "" && !path.includes(".") && !isContainer(module))
      add({ name: path, kind: "module", detail: modulePath(module) });
  }
  for (const [name, module] of modelsOf(scene.episode.graph)) add({ name, kind: "module", detail: moduleText(module) });
  const root = model && moduleValue(scene, model);
  for (const record of root?.members() ?? []) add(record);
  for (const [name, word] of Object.entries(WORDS)) {
    if (hasMeaning(scene, frame, word)) add({ name, kind: word.kind, detail: word.detail });
  }
  return [...records.values()];
}

function hasMeaning(scene: Scene, frame: FrameView, word: Word): boolean {
  try {
    return word.value(scene, frame) !== undefined;
  } catch {
    return false;
  }
}
