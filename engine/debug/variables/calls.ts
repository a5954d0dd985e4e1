import type { Scope, Tensor } from "../../graph/tensor";
import { namedParameters, type Module } from "../../nn/module";
import { tensorsIn } from "../../train/statistics";
import { type Scene, isDone, nextStep, operationAt } from "../episode";
import type { Level } from "../levels";
import { type Term, atom, write } from "../notation";
import { isPastForward } from "./arrivals";
import { type FrameView, callIn } from "./frames";
import { type Item, textItem } from "./items";
import { gradientLabel, labelOf } from "./labels";
import { expressionOf } from "./resolve";
import { soFar, tensorItem } from "./tensors";

/** A module, a composite or a parameter's update that comes next as a whole: what it is given and what it gives. */
export function pendingCallItems(scene: Scene, frame: FrameView): Item[] | undefined {
  const step = nextStep(scene);
  const level = step?.levels[scene.position.depth];
  if (!step || !level) return undefined;
  switch (level.kind) {
    case "module":
    case "composite":
      return step.direction === "update" ? undefined : callItems(scene, frame, level);
    case "update":
    case "parameter":
      return step.node.of ? parameterUpdate(scene, frame, level, step.node.of) : undefined;
    default:
      return undefined;
  }
}

function callItems(scene: Scene, frame: FrameView, level: Level): Item[] | undefined {
  const scope = level.call as Scope;
  // A composite with a gradient of its own goes back in one operation, which says more.
  if (isPastForward(scene) && isOwnGradient(operationAt(scene)?.node, scope)) return undefined;
  const call = callIn(scene, scope);
  const outputs = call ? tensorsIn(call.output) : lastOf(scene, scope);
  const output = outputs.at(-1);
  if (!output) return undefined;
  const operands = call
    ? [...new Set([...call.inputs.flatMap(tensorsIn), ...namedParameters(call.module as Module).values()])]
    : givenTo(output, scope);
  const name = level.kind === "module" && level.name !== "" ? `${level.name}: ${level.type}` : level.type;
  const items = [textItem("operation", `${name}${level.site ? `, line ${level.site.line}` : ""}`, { node: output })];
  const formula = formulaOfCall(scene, output, operands);
  if (formula) items.push(textItem("formula", formula));
  if (isPastForward(scene)) return [...items, ...gradientsOfCall(scene, frame, outputs, operands)];
  const line = (node: Tensor): Item =>
    tensorItem(scene, labelOf(scene, node), node, { evaluateName: expressionOf(scene, frame, node) });
  return [
    ...items,
    ...operands.map(line),
    ...outputs.map((node) => ahead(scene, `output ${node.name ?? ""}`.trim(), node)),
  ];
}

function isOwnGradient(node: Tensor | undefined, scope: Scope): boolean {
  return node?.op === "withGradient" && node.scope === scope;
}

/** What comes back to a call and what it gives back, complete or as far as other uses have brought it. */
function gradientsOfCall(
  scene: Scene,
  frame: FrameView,
  outputs: readonly Tensor[],
  operands: readonly Tensor[],
): Item[] {
  const { adjoints } = scene.episode.graph;
  const line = (node: Tensor, gradient: Tensor, name: string, note?: string): Item => {
    const own = isDone(scene, gradient) ? expressionOf(scene, frame, node) : null;
    return ahead(scene, name, gradient, note, own === null ? null : `${own}.grad`);
  };
  const upstream = outputs.flatMap((node) => {
    const gradient = adjoints.get(node)?.gradient;
    return gradient ? [line(node, gradient, `upstream ${gradientLabel(scene, node)}`)] : [];
  });
  const given = operands.flatMap((node) => {
    const adjoint = adjoints.get(node);
    if (!adjoint?.gradient) return [];
    const count = adjoint.contributions.filter(({ sum }) => isDone(scene, sum)).length;
    const of = adjoint.contributions.length;
    const note = of > 1 && count < of ? soFar(count, of) : undefined;
    return [line(node, adjoint.gradient, gradientLabel(scene, node), note)];
  });
  return [...upstream, ...given];
}

function ahead(scene: Scene, name: string, node: Tensor, note?: string, evaluateName: string | null = null): Item {
  const notes = [isDone(scene, node) ? undefined : "next", note].filter((text) => text !== undefined);
  return tensorItem(scene, name, node, {
    ahead: true,
    settable: false,
    evaluateName,
    note: notes.length > 0 ? notes.join(" · ") : undefined,
  });
}

/** The last node that a composite makes: its result. */
function lastOf({ episode: { graph } }: Scene, scope: Scope): Tensor[] {
  const last = graph.nodes.findLast((node) => node.phase === "forward" && isWithin(node.scope, scope));
  return last ? [last] : [];
}

/** What comes from outside into the nodes of a composite, in order of making. */
function givenTo(output: Tensor, scope: Scope): Tensor[] {
  const given = new Set<Tensor>();
  const open = [output];
  const seen = new Set(open);
  for (let at = open.pop(); at; at = open.pop()) {
    for (const input of at.inputs) {
      if (seen.has(input)) continue;
      seen.add(input);
      if (isWithin(input.scope, scope)) open.push(input);
      else if (input.name !== undefined || input.inputs.length > 0) given.add(input);
    }
  }
  return [...given].sort((a, b) => a.id - b.id);
}

function isWithin(scope: Scope | undefined, outer: Scope): boolean {
  for (let at = scope; at; at = at.parent) if (at === outer) return true;
  return false;
}

/** `h = x · hidden.weightᵀ + hidden.bias`; undefined where it is too long to take in. */
function formulaOfCall(scene: Scene, output: Tensor, operands: readonly Tensor[]): string | undefined {
  const known = new Set(operands);
  const stop = (node: Tensor): Term | undefined =>
    known.has(node) || node.inputs.length === 0 ? atom(labelOf(scene, node)) : undefined;
  return shortFormula(output, stop);
}

function shortFormula(output: Tensor, stop: (node: Tensor) => Term | undefined): string | undefined {
  const right = write(output, stop)?.text;
  if (right === undefined || right.length > LONGEST) return undefined;
  return output.name === undefined ? right : `${output.name} = ${right}`;
}

const LONGEST = 120;

/** How the optimiser changes one parameter. */
function parameterUpdate(scene: Scene, frame: FrameView, level: Level, parameter: Tensor): Item[] | undefined {
  const { graph } = scene.episode;
  const { training } = graph;
  const next = training?.assignments.get(parameter);
  if (!training || !next) return undefined;
  const label = labelOf(scene, parameter);
  const gradient = training.gradients.get(label) ?? graph.adjoints.get(parameter)?.gradient;
  const states = training.optimizerState.filter(({ name }) => name.endsWith(`.${label}`));
  const stop = (node: Tensor): Term | undefined => {
    if (node === gradient) return atom(gradientLabel(scene, parameter));
    if (node === training.learningRate) return atom("η");
    return node.inputs.length === 0 ? atom(labelOf(scene, node)) : undefined;
  };
  const formula = shortFormula(next, stop);
  const line = (node: Tensor): Item =>
    tensorItem(scene, labelOf(scene, node), node, { evaluateName: expressionOf(scene, frame, node) });
  const items = [textItem("operation", `${training.optimizer} of ${label}`, { node: parameter })];
  if (formula) items.push(textItem("formula", `${label} ← ${formula}`));
  items.push(line(parameter));
  if (gradient) items.push(tensorItem(scene, gradientLabel(scene, parameter), gradient, { type: "gradient" }));
  items.push(...states.map(({ leaf }) => line(leaf)), line(training.learningRate));
  for (const { leaf } of states) {
    const after = training.assignments.get(leaf);
    if (after) items.push(ahead(scene, `new ${labelOf(scene, leaf)}`, after));
  }
  items.push(ahead(scene, `new ${label}`, next));
  return level.kind === "update" || level.node === parameter ? items : undefined;
}
