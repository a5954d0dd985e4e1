import { type Range, rangeKey } from "../../graph/site";
import type { Tensor } from "../../graph/tensor";

/** What rules ask of nodes: where a value comes from, and within what it was made. */

/** Operations that hand values on as they are, in another shape or order. */
const MOVING: ReadonlySet<string> = new Set(["reshape", "permute", "expand", "cast", "identity"]);

/** The node whose values these are, behind reshapes and transposes. */
export function unmoved(node: Tensor): Tensor {
  return MOVING.has(node.op) ? unmoved(node.inputs[0]) : node;
}

/** The name of a composite operation whose result a node is: of `softmax(x)` the last node alone. */
export function compositeOf(node: Tensor): string | undefined {
  return node.op === "withGradient" ? String(node.attributes.name) : undefined;
}

/** What a composite operation was given. */
export function operandsOf(composite: Tensor): readonly Tensor[] {
  return composite.inputs.slice(1);
}

/** Whether a node is a part of a composite operation of this name. */
export function isWithin(node: Tensor, name: string): boolean {
  for (let scope = node.scope; scope; scope = scope.parent)
    if (scope.kind === "composite" && scope.name === name) return true;
  return false;
}

/** The places of nodes. */
export function placesOf(nodes: Iterable<Tensor>): Set<string> {
  const sites = new Set<Range>();
  for (const { site } of nodes) if (site) sites.add(site);
  return new Set([...sites].map(rangeKey));
}

/** Information on where something else is, for places that are known. */
export function relatedAt(message: string, range: Range | undefined): { message: string; range: Range }[] {
  return range ? [{ message, range }] : [];
}

/** Functions that give numbers between 0 and 1, or the logarithms of such. */
export type Squashing = "softmax" | "logSoftmax" | "sigmoid";

export function squashingOf(node: Tensor): Squashing | undefined {
  const name = compositeOf(node);
  if (name === "softmax" || name === "logSoftmax") return name;
  return node.op === "sigmoid" ? "sigmoid" : undefined;
}

/** What such a function was given. */
export function squashedBy(node: Tensor): Tensor {
  return node.op === "withGradient" ? operandsOf(node)[0] : node.inputs[0];
}
