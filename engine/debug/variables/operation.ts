import type { Contribution } from "../../autodiff/gradients";
import { type Tensor, writtenAt } from "../../graph/tensor";
import { type Scene, isDone, nextStep, operationAt } from "../episode";
import { localFormula, productFormula, valueFormula } from "./formulas";
import { pendingCallItems } from "./calls";
import { type FrameView, seenFrom } from "./frames";
import { type Item, textItem } from "./items";
import { gradientLabel, labelOf, operationName } from "./labels";
import { expressionOf } from "./resolve";
import { gradientItem, tensorItem } from "./tensors";

const NEXT = "next";

/**
 * What happens at the operation that comes next, its result included: going forward inputs and output, going back for each
 * input upstream × local = contribution, and how that changes the sum.
 */
export function operationItems(at: Scene, frame: FrameView): Item[] {
  const scene = seenFrom(at, frame);
  const step = nextStep(scene);
  if (!step) return [];
  const call = frame.depth === scene.position.depth ? pendingCallItems(scene, frame) : undefined;
  if (call) return call;
  if (step.direction === "update") return updateItems(scene, frame, step.node);
  if (step.kind === "arrived") return arrivedItems(scene, frame, step.node);
  const operation = operationAt(scene)?.node;
  if (!operation) return [];
  if (step.direction === "forward") return forwardItems(scene, frame, operation);
  // At a line of the user's backward, what the line does comes first.
  return writtenAt(step.node) && frame.depth === step.levels.length - 1
    ? [...forwardItems(scene, frame, step.node), ...contributionItems(scene, operation)]
    : backwardItems(scene, operation);
}

/** The operation's name and place, for the head of the scope. */
function head(node: Tensor, formula: string): Item[] {
  const site = writtenAt(node) ?? node.site;
  return [
    textItem("operation", operationName(node) + (site ? `, line ${site.line}` : ""), { node }),
    textItem("formula", formula),
  ];
}

function forwardItems(scene: Scene, frame: FrameView, node: Tensor): Item[] {
  if (node.inputs.length === 0) return [...head(node, labelOf(scene, node)), outputItem(scene, frame, node)];
  return [
    ...head(node, valueFormula(scene, node)),
    ...inputItems(scene, frame, node),
    ...settings(node),
    outputItem(scene, frame, node),
  ];
}

function inputItems(scene: Scene, frame: FrameView, node: Tensor): Item[] {
  // The value that a composite passes on was made by its own operations; what it was given comes after.
  const from = node.op === "withGradient" ? 1 : 0;
  const seen = new Set<string>();
  return node.inputs.slice(from).map((input, i) => {
    const label = labelOf(scene, input);
    const name = seen.has(label) ? `${label} (input ${i + 1})` : label;
    seen.add(label);
    return tensorItem(scene, name, input, { evaluateName: expressionOf(scene, frame, input) });
  });
}

function outputItem(scene: Scene, frame: FrameView, node: Tensor): Item {
  const done = isDone(scene, node);
  const name = `output ${node.name ?? ""}`.trim();
  return tensorItem(scene, name, node, {
    ahead: true,
    note: done ? undefined : NEXT,
    evaluateName: done ? expressionOf(scene, frame, node) : "value",
    settable: done,
  });
}

/** Plain options of an operation, such as axes and strides. */
function settings(node: Tensor): Item[] {
  return Object.entries(node.attributes).flatMap(([name, value]) => {
    const isPlain = (part: unknown): boolean =>
      ["number", "string", "boolean"].includes(typeof part) || (Array.isArray(part) && part.every(isPlain));
    return isPlain(value) && name !== "name" ? [textItem(name, JSON.stringify(value), { type: "setting" })] : [];
  });
}

function backwardItems(scene: Scene, via: Tensor): Item[] {
  return [...head(via, valueFormula(scene, via)), ...contributionItems(scene, via)];
}

function contributionItems(scene: Scene, via: Tensor): Item[] {
  const { graph } = scene.episode;
  const upstream = graph.adjoints.get(via)?.gradient;
  const items: Item[] = [];
  if (upstream) {
    const line = { ahead: true, evaluateName: "upstream", note: isDone(scene, upstream) ? undefined : NEXT };
    items.push(tensorItem(scene, `upstream ${gradientLabel(scene, via)}`, upstream, line));
  }
  const uses = contributionsOf(scene, via);
  const current = currentUse(scene, uses);
  for (const use of uses) items.push(...useItems(scene, via, use, use === current));
  if (uses.length === 0) items.push(textItem("contributions", "none: no gradient goes to any input of this operation"));
  return items;
}

/** A use of a tensor by the operation at hand, and what its adjoint was before. */
export interface Use {
  readonly to: Tensor;
  readonly contribution: Contribution;
  readonly before: Tensor | undefined;
  /** From 1, among the contributions to the tensor. */
  readonly number: number;
  readonly of: number;
}

/** What an operation gives back to each of its inputs, in order of the inputs. */
export function contributionsOf(scene: Scene, via: Tensor): Use[] {
  const uses: Use[] = [];
  for (const to of new Set(via.inputs)) {
    const contributions = scene.episode.graph.adjoints.get(to)?.contributions ?? [];
    contributions.forEach((contribution, i) => {
      if (contribution.via !== via) return;
      const before = i > 0 ? contributions[i - 1].sum : undefined;
      uses.push({ to, contribution, before, number: i + 1, of: contributions.length });
    });
  }
  return uses.sort((a, b) => a.contribution.inputIndex - b.contribution.inputIndex);
}

/** The use that the next node works on: the first one whose sum is not there. */
export function currentUse(scene: Scene, uses: readonly Use[]): Use | undefined {
  const node = nextStep(scene)?.node;
  return (
    uses.find(({ contribution: { local, value, sum } }) => node === local || node === value || node === sum) ??
    uses.find(({ contribution: { sum } }) => !isDone(scene, sum)) ??
    uses.at(-1)
  );
}

/** `∂u/∂t`. */
export function localLabel(scene: Scene, { to, contribution: { via } }: Use): string {
  return `∂${labelOf(scene, via)}/∂${labelOf(scene, to)}`;
}

function useItems(scene: Scene, via: Tensor, use: Use, isCurrent: boolean): Item[] {
  const { to, contribution, before, number, of } = use;
  const { local, value, sum, inputIndex } = contribution;
  const gradient = gradientLabel(scene, to);
  // An operation may use one input twice, as in x·x.
  const again = via.inputs.indexOf(to) < inputIndex ? ` (as input ${inputIndex + 1})` : "";
  const line = (name: string, node: Tensor, word: string | null, formula?: string): Item =>
    tensorItem(scene, name, node, {
      ahead: true,
      evaluateName: isCurrent ? word : null,
      note: [formula, isDone(scene, node) ? undefined : NEXT].filter(Boolean).join(" · ") || undefined,
    });
  const items: Item[] = [];
  if (local) {
    const formula = localFormula(scene, contribution);
    const name = `× local ${localLabel(scene, use)}${again}`;
    items.push(line(name, local, "local", formula && `= ${formula}`));
  } else {
    const formula = productFormula(scene, contribution);
    items.push(
      textItem(
        `product for ${labelOf(scene, to)}${again}`,
        `${gradient} ${of > 1 ? "+=" : "="} ${formula}, g = ${gradientLabel(scene, via)}`,
      ),
    );
  }
  items.push(line(`= contribution to ${gradient}${again}`, value, "contribution"));
  const count = of > 1 ? ` (${number} of ${of})` : "";
  items.push(
    before
      ? line(`${gradient} before${again}`, before, null)
      : textItem(`${gradient} before${again}`, "0", { type: "gradient" }),
    line(`${gradient} += contribution${count}${again}`, sum, null),
  );
  return items;
}

/** All of the gradient of a free program's variable is there. */
function arrivedItems(scene: Scene, frame: FrameView, leaf: Tensor): Item[] {
  const name = gradientLabel(scene, leaf);
  const count = scene.episode.graph.adjoints.get(leaf)?.contributions.length ?? 0;
  return [
    textItem("operation", `${name} is complete: ${count} contribution${count === 1 ? "" : "s"}`, { node: leaf }),
    tensorItem(scene, labelOf(scene, leaf), leaf, { evaluateName: expressionOf(scene, frame, leaf) }),
    gradientItem(scene, leaf, name, `${labelOf(scene, leaf)}.grad`),
  ];
}

function updateItems(scene: Scene, frame: FrameView, node: Tensor): Item[] {
  const { training } = scene.episode.graph;
  const target = node.of;
  const items = head(node, valueFormula(scene, node));
  if (target) items.splice(1, 0, textItem("parameter", labelOf(scene, target), { node: target }));
  const assigned = [...(training?.assignments ?? [])].find(([, next]) => next === node)?.[0];
  const name = assigned ? `output: new ${labelOf(scene, assigned)}` : "output";
  items.push(...inputItems(scene, frame, node));
  items.push(
    tensorItem(scene, name, node, { ahead: true, note: isDone(scene, node) ? undefined : NEXT, evaluateName: "value" }),
  );
  return items;
}
