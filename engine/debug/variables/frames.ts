import { samePlace } from "../../graph/site";
import { type Scope, Tensor, isResult, writtenAt } from "../../graph/tensor";
import { type ScopedCall, moduleCallOf } from "../../graph/trace";
import { type Module, isBuiltIn, moduleSite } from "../../nn/module";
import { tensorsIn } from "../../train/statistics";
import { type Scene, isDone, nextStep } from "../episode";
import type { DebugGraph } from "../graph";
import { scopesOf } from "../levels";
import type { SceneOfFrame } from "./labels";
import { parameterNames } from "./parameter-names";

/** Where a frame stands: within the first `depth` levels of the step that comes next. */
export interface FrameView {
  readonly depth: number;
}

/** The innermost frame. */
export function innermost({ position }: Scene): FrameView {
  return { depth: position.depth };
}

/** A tensor under the name that the user's text gives it. */
export interface Local {
  readonly name: string;
  readonly node: Tensor;
  /** The name stands for a later value by now: this is its value of an earlier turn of a loop, counted from 1. */
  readonly earlier: number | null;
}

/**
 * The named tensors that the user's text of a frame has made so far, arguments first, in order of making. Of a name that was
 * assigned several times the last value comes first, then those before it.
 */
export function localsOf(scene: Scene, frame: FrameView): Local[] {
  return gather(madeIn(scene, textAt(scene, frame)).filter(({ node }) => isMade(scene, node)));
}

/** The scene with the names that the frame's own text has for tensors. */
export function seenFrom(scene: Scene, frame: FrameView): SceneOfFrame {
  const own = new Map<Tensor, string>();
  for (const { name, node } of madeIn(scene, textAt(scene, frame))) if (!own.has(node)) own.set(node, name);
  return { ...scene, own };
}

/** Whether the program has come by where a node is made. Constants are there from the beginning, but no earlier in the text than their line. */
export function isMade(scene: Scene, node: Tensor): boolean {
  if (!isDone(scene, node)) return false;
  const step = nextStep(scene);
  const waits = node.op === "constant" && !scene.episode.graph.indexOf.has(node);
  return !waits || step?.direction !== "forward" || node.id < step.node.id;
}

/**
 * A text of the user's that names tensors: of a module call, of the forward of a function with a gradient of its own (both by their scope), of the
 * backward of such a function (by its operation); undefined for the text outside of all of them.
 */
export type Text = Scope | Tensor | undefined;

/** All that bears a name in a text, whether it is made yet or not, in order of making. */
export function madeIn(scene: Scene, text: Text): NamedTensor[] {
  return namesByText(scene).get(text) ?? [];
}

export interface NamedTensor {
  readonly name: string;
  readonly node: Tensor;
}

/** A frame's own text and the module calls around it, innermost first; `undefined`, the text outside of all modules, is last. */
export function textsAround(scene: Scene, frame: FrameView): Text[] {
  const texts: Text[] = [];
  const own = textAt(scene, frame);
  for (let at = moduleOf(scene, frame); at; at = at.parent) if (at.kind === "module") texts.push(at);
  return [...(own && own !== texts[0] ? [own] : []), ...texts, undefined];
}

/** The text that a frame stands in. */
export function textAt(scene: Scene, { depth }: FrameView): Text {
  const levels = nextStep(scene)?.levels ?? [];
  for (let at = Math.min(depth, levels.length) - 1; at >= 0; at--) {
    const { kind, call, node } = levels[at];
    if (kind === "operation" && node && levels.at(at + 1)?.isOwnLine) return node;
    if (kind === "module" || (kind === "composite" && namesByText(scene).has(call as Scope))) return call as Scope;
  }
  return undefined;
}

/** The module call whose text a frame stands in. */
export function moduleOf(scene: Scene, { depth }: FrameView): Scope | undefined {
  const entered = nextStep(scene)?.levels.slice(0, depth);
  return entered?.findLast(({ kind }) => kind === "module")?.call as Scope | undefined;
}

/** Which call of a module has a scope. */
export function callIn(scene: Scene, scope: Scope | undefined): ScopedCall | undefined {
  return scope && callsOf(scene.episode.graph).find((call) => call.scope === scope);
}

const calls = new WeakMap<DebugGraph, readonly ScopedCall[]>();

/** All calls of modules: those that a training has noted, in a program of the user's those that its nodes tell of. */
export function callsOf(graph: DebugGraph): readonly ScopedCall[] {
  const known = graph.training?.step?.calls ?? calls.get(graph);
  if (known) return known;
  const scopes = new Set(graph.nodes.flatMap(({ scope, phase }) => (phase === "forward" ? scopesOf(scope) : [])));
  const found = [...scopes].flatMap((scope) => moduleCallOf(scope) ?? []);
  calls.set(graph, found);
  return found;
}

/** Models that a program calls without a training, by the variables that hold them. */
export function modelsOf(graph: DebugGraph): ReadonlyMap<string, Module> {
  const models = new Map<string, Module>();
  if (graph.training?.step) return models;
  for (const { module, scope } of callsOf(graph)) {
    const name = moduleSite(module as Module)?.variable;
    if (name !== undefined && scope && !outerModule(scope.parent)) models.set(name, module as Module);
  }
  return models;
}

/** Every name of the forward pass with its tensors in order of making; of several texts with the same name the outermost. */
export function namedAnywhere(scene: Scene): ReadonlyMap<string, readonly Tensor[]> {
  const depth = (scope: Scope | undefined): number => (scope ? 1 + depth(scope.parent) : 0);
  // What a backward of the user's own names is seen from there alone: its `g` is another for each call.
  const forward = [...namesByText(scene)].flatMap(([text, made]) =>
    text instanceof Tensor ? [] : [[text, made] as const],
  );
  const byDepth = forward.sort(([a], [b]) => depth(a) - depth(b));
  const names = new Map<string, Tensor[]>();
  for (const [, made] of byDepth) {
    const known = new Set(names.keys());
    for (const { name, node } of made) if (!known.has(name)) names.set(name, [...(names.get(name) ?? []), node]);
  }
  return names;
}

/** For each graph the named tensors by the text that names them: found once, as a graph never changes. */
const texts = new WeakMap<object, ReadonlyMap<Text, NamedTensor[]>>();

function namesByText(scene: Scene): ReadonlyMap<Text, NamedTensor[]> {
  const { graph } = scene.episode;
  let found = texts.get(graph);
  if (!found) texts.set(graph, (found = findNames(scene)));
  return found;
}

function findNames(scene: Scene): Map<Text, NamedTensor[]> {
  const { graph } = scene.episode;
  const byText = new Map<Text, NamedTensor[]>();
  const note = (text: Text, name: string, node: Tensor): void => {
    const list = byText.get(text) ?? [];
    byText.set(text, list);
    if (!list.some((other) => other.node === node && other.name === name)) list.push({ name, node });
  };
  const step = graph.training?.step;
  for (const leaf of [...(step?.batch.inputs ?? []), ...(step?.batch.targets ?? [])])
    note(undefined, leaf.name ?? leaf.op, leaf);
  for (const call of callsOf(graph)) noteArguments(call, note);
  const own = graph.nodes.filter(({ phase, attributes }) => phase === "forward" && attributes.written !== undefined);
  for (const node of own) noteOwnGradient(node, graph.adjoints.get(node)?.gradient, note);
  const named: { scope: Text; name: string; node: Tensor }[] = [];
  for (const node of graph.nodes) {
    if (node.name === undefined) continue;
    if (writtenAt(node)) named.push({ scope: node.via, name: node.name, node });
    else if (node.phase === "forward" && (isResult(node) || isVariable(node)))
      named.push({ scope: textOf(node, byText), name: node.name, node });
  }
  // A call of a module of the user's gives its result a name that the result does not know: it was made within.
  for (const { scope, output } of callsOf(graph)) {
    const name = scope?.site?.variable;
    const [node, ...more] = tensorsIn(output);
    if (scope && name !== undefined && output instanceof Tensor && node && more.length === 0)
      named.push({ scope: outerModule(scope.parent), name, node });
  }
  if (step?.prediction) named.push({ scope: undefined, name: "prediction", node: step.prediction });
  const cost = graph.output;
  if (step) {
    named.push({ scope: undefined, name: "loss", node: step.loss });
    if (step.cost !== step.loss) named.push({ scope: undefined, name: "cost", node: step.cost });
  } else if (cost.name === undefined) named.push({ scope: undefined, name: "result", node: cost });
  named.sort((a, b) => a.node.id - b.node.id);
  for (const { scope, name, node } of named) note(scope, name, node);
  return byText;
}

/** A leaf of a free program. */
function isVariable(node: Tensor): boolean {
  return node.op === "parameter" && node.site?.variable !== undefined && node.site.variable === node.name;
}

/** The module call whose text holds the call that gave a node: what was called there has a scope of its own, but the same place. */
function textOf(node: Tensor, texts: ReadonlyMap<Text, unknown>): Scope | undefined {
  let at = node.scope;
  while (at && (!(at.kind === "module" || texts.has(at)) || samePlace(at.site, node.site))) at = at.parent;
  return at;
}

function outerModule(scope: Scope | undefined): Scope | undefined {
  let at = scope;
  while (at && at.kind !== "module") at = at.parent;
  return at;
}

function noteArguments(
  { module, scope, inputs }: ScopedCall,
  note: (scope: Scope | undefined, name: string, node: Tensor) => void,
): void {
  const names = argumentNames(module as Module);
  inputs.forEach((input, i) => {
    const tensors = tensorsIn(input);
    const several = inputs.filter((other) => tensorsIn(other).length > 0).length > 1;
    tensors.forEach((node, j) => {
      const own = names[i] ?? (several ? `input${i}` : "input");
      if (input instanceof Tensor) note(scope, names[i] ?? node.name ?? own, node);
      else note(scope, `${own}[${j}]`, node);
    });
  });
}

/** What the two texts of a function with a gradient of its own call what they are given. */
function noteOwnGradient(
  node: Tensor,
  upstream: Tensor | undefined,
  note: (text: Text, name: string, node: Tensor) => void,
): void {
  const { forward, written } = node.attributes as Readonly<Record<string, (...given: never[]) => unknown>>;
  const sources = node.inputs.slice(1);
  parameterNames(forward).forEach((name, i) => {
    const source = sources.at(i);
    if (typeof name === "string" && source) note(node.scope, name, source);
  });
  const [g, inputs, output] = parameterNames(written);
  if (typeof g === "string" && upstream) note(node, g, upstream);
  sources.forEach((source, i) => {
    const name = typeof inputs === "string" ? `${inputs}[${i}]` : inputs?.[i];
    if (name !== undefined) note(node, name, source);
  });
  if (typeof output === "string") note(node, output, node);
}

/** What a user's `forward` calls its arguments; the text of built-in layers may be minified, and says nothing to the user. */
function argumentNames(module: Module): (string | undefined)[] {
  const forward = (module as { forward?: unknown }).forward;
  if (isBuiltIn(module) || typeof forward !== "function") return [];
  // Anything but plain names (patterns, defaults with calls) leaves the argument without a name.
  return parameterNames(forward as () => unknown).map((name) => (typeof name === "string" ? name : undefined));
}

function gather(named: readonly NamedTensor[]): Local[] {
  const values = new Map<string, Tensor[]>();
  for (const { name, node } of named) values.set(name, [...(values.get(name) ?? []), node]);
  return [...values].flatMap(([name, nodes]) => [
    { name, node: nodes[nodes.length - 1], earlier: null },
    ...nodes.slice(0, -1).map((node, i) => ({ name, node, earlier: i + 1 })),
  ]);
}
