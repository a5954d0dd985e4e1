import { isFiniteFloat } from "../graph/array";
import type { Scope, Tensor } from "../graph/tensor";
import { type Scene } from "./episode";
import { notFiniteCause } from "./explain-causes";
import {
  type Evaluated,
  type Given,
  type Operand,
  type Operands,
  type Seen,
  figure,
  look,
  nameAt,
  operandsOf,
  operationText,
  siteOf,
} from "./explain-elements";
import { type ZeroReason, whyZero } from "./explain-zero";
import { flatOfIndex, indexOfFlat } from "./elements";
import type { Explanation, ExplanationStep } from "./requests";
import { gradientLabel, labelOf } from "./variables/labels";

export interface ExplainOptions {
  /** Which element; by default the first that is NaN (else infinite), or the first that is 0. */
  readonly index?: readonly number[];
  /** What the value is called where the user asked: `∂loss/∂h`. */
  readonly name?: string;
}

/**
 * Why an element is NaN, infinite or 0: back, element by element, to the first operation that made it so out of numbers that were not.
 * Walks through forward, backward and update alike; numbers beyond float32 count as infinite, as they are in training.
 */
export function explain(
  scene: Scene,
  node: Tensor,
  what: "not-finite" | "zero",
  { index, name }: ExplainOptions = {},
): Explanation {
  const { values: all, graph } = scene.episode;
  const values: Evaluated = {
    of: (each) => all.of(each),
    label: (each) => (each === node && name !== undefined ? name : nameOf(scene, each)),
    given: (each) => givenOf(scene, each),
  };
  const { data, shape } = all.of(node);
  const wanted = what === "zero" ? (x: number): boolean => x === 0 : (x: number): boolean => !isFiniteFloat(x);
  if (index && !isIndex(index, shape)) {
    const text = `[${index.join(", ")}] is no element of ${values.label(node)}, whose shape is [${shape.join(", ")}].`;
    return { summary: text, steps: [] };
  }
  const flat = index ? flatOfIndex(index, shape) : firstOf(data, what, wanted);
  if (flat < 0) {
    const nothing = what === "zero" ? "is 0" : "is NaN or infinite";
    return { summary: `No element of ${values.label(node)} ${nothing}.`, steps: [] };
  }
  const start = look(values, node, flat);
  const file = (siteOf(node) ?? graph.place)?.file;
  if (!wanted(start.value)) {
    const right = what === "zero" ? "which is not 0" : "which is finite";
    return {
      summary: `${nameAt(values, start)} is ${figure(start.value)}, ${right}.`,
      steps: [stepFor(values, start)],
    };
  }
  return what === "zero" ? explainZero(values, start, file) : explainNotFinite(values, start, file);
}

function explainNotFinite(values: Evaluated, start: Seen, file: string | undefined): Explanation {
  const path: { readonly seen: Seen; readonly operands: Operands }[] = [];
  /** The last NaN that was made of infinities: an infinity may be meant, as in a mask; what comes of it is not. */
  let made: number | undefined;
  for (let seen: Seen | undefined = start; seen;) {
    const operands: Operands = operandsOf(values, seen);
    const isNan = Number.isNaN(seen.value);
    if (isNan && !operands.nan && operands.infinite) made = path.length;
    path.push({ seen, operands });
    seen = (isNan ? operands.nan : undefined) ?? operands.infinite ?? operands.nan;
  }
  const last = path[path.length - 1];
  const isMeant = last.seen.node.op === "constant" && made !== undefined;
  const origin = isMeant ? path[made as number] : last;
  const { text, advice } = notFiniteCause(values, origin.seen, origin.operands, file);
  const asked = origin === path[0] ? "" : `${nameAt(values, start)} is ${figure(start.value)}: `;
  const via = isMeant || made === undefined || origin === path[made] ? "" : onTheWay(values, path[made].seen);
  return {
    summary: `${asked}${text}.${via} ${advice}`,
    steps: path.map(({ seen, operands }) => stepFor(values, seen, operands)),
  };
}

/** What became of an infinity. */
function onTheWay(values: Evaluated, seen: Seen): string {
  return ` From the infinity ${operationText(seen.node)} made NaN at ${nameAt(values, seen)}.`;
}

function explainZero(values: Evaluated, start: Seen, file: string | undefined): Explanation {
  const steps: ExplanationStep[] = [];
  const notes: string[] = [];
  let reason: ZeroReason = { next: { ...start, input: 0 } };
  while (reason.next) {
    const seen: Operand = reason.next;
    const operands = operandsOf(values, seen);
    steps.push(stepFor(values, seen, operands));
    reason = whyZero(values, seen, operands, file);
    if (reason.note !== undefined && notes.length === 0) notes.push(reason.note);
  }
  const { text = "", advice = "" } = reason;
  const sentences = [`${nameAt(values, start)} is 0: ${text}.`, ...notes.map((note) => `On the way, ${note}.`), advice];
  return { summary: sentences.filter((sentence) => sentence !== "").join(" "), steps };
}

function stepFor(values: Evaluated, seen: Seen, operands: Operands = operandsOf(values, seen)): ExplanationStep {
  const site = siteOf(seen.node);
  return {
    operation: [scopeText(seen.node), operationText(seen.node)].filter(Boolean).join(" › "),
    name: values.label(seen.node),
    direction: seen.node.phase,
    index: indexOfFlat(seen.flat, seen.shape),
    value: seen.value,
    inputs: operands.few.map((operand) => ({
      name: values.label(operand.node),
      index: indexOfFlat(operand.flat, operand.shape),
      value: operand.value,
    })),
    file: site?.file ?? null,
    line: site?.line ?? null,
    column: site?.column ?? null,
  };
}

/** `hidden: Linear` */
function scopeText(node: Tensor): string {
  const operation = node.phase === "backward" ? (node.via ?? node) : node;
  for (let at: Scope | undefined = operation.scope; at; at = at.parent)
    if (at.kind === "module") return at.name === "" ? "" : `${at.name}: ${at.type}`;
  return "";
}

function nameOf(scene: Scene, node: Tensor): string {
  const { graph } = scene.episode;
  if (node.phase === "update") {
    const [leaf] = [...(graph.training?.assignments ?? [])].find(([, value]) => value === node) ?? [];
    return leaf ? `new ${labelOf(scene, leaf)}` : labelOf(scene, node);
  }
  if (node.phase !== "backward" || !node.of) return labelOf(scene, node);
  const known = graph.contributions.get(node);
  if (graph.adjoints.get(node.of)?.gradient === node) return gradientLabel(scene, node.of);
  return known ? `${gradientLabel(scene, known.to)} via ${known.contribution.via.op}` : labelOf(scene, node);
}

function givenOf({ episode: { graph, iteration, values } }: Scene, node: Tensor): Given {
  const { training } = graph;
  const byHand = values.changed.has(node);
  if (node === training?.learningRate)
    return { kind: "rate", byHand, site: graph.steps.find(({ direction }) => direction === "update")?.levels[0].site };
  if (node === training?.count) return { kind: "count", byHand };
  if (training?.optimizerState.some(({ leaf }) => leaf === node))
    return { kind: "state", byHand, start: iteration === 0 };
  return { kind: "data", byHand };
}

function firstOf(data: Float64Array, what: "not-finite" | "zero", wanted: (x: number) => boolean): number {
  const nan = what === "zero" ? -1 : data.findIndex(Number.isNaN);
  return nan >= 0 ? nan : data.findIndex(wanted);
}

function isIndex(index: readonly number[], shape: readonly number[]): boolean {
  return (
    index.length === shape.length && index.every((at, axis) => Number.isInteger(at) && at >= 0 && at < shape[axis])
  );
}
