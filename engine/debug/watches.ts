import type { Tensor } from "../graph/tensor";
import { Parameter } from "../nn/parameter";
import type { Watched } from "./breakpoints";
import type { DebugGraph } from "./graph";

/**
 * The nodes in which a data breakpoint's value comes about: `hidden.weight` (its new value in the update), `h` (each tensor of that name),
 * `h.grad` or `hidden.weight.grad` (all of its gradient), `this.` in front counts for nothing.
 */
export function watchedNodes(graph: DebugGraph, dataId: string): Watched[] {
  const text = dataId
    .trim()
    .replace(/^this\./, "")
    .replace(/\[(\d+)\]/g, ".$1");
  const gradient = /^(?:(.+)\.grad|[∂d][\p{ID_Continue}$]+\/[∂d](.+))$/u.exec(text);
  const name = gradient?.[1] ?? gradient?.[2] ?? text;
  const nodes = named(graph, name);
  if (gradient) {
    return nodes.flatMap((node) => {
      const found = graph.adjoints.get(node)?.gradient;
      return found ? [{ node: found, before: undefined }] : [];
    });
  }
  return nodes.map((node) => {
    const next = graph.training?.assignments.get(node);
    return next ? { node: next, before: node } : { node, before: undefined };
  });
}

/** Why nothing of what was found is ever written. */
export function whyNeverWritten(text: string, found: readonly Watched[]): string {
  const [first] = found.map(({ node }) => node);
  if (first instanceof Parameter)
    return `${text} is changed by no update: it is frozen, or the loss does not depend on it`;
  return first ? `${text} is given: no step of this program computes it` : `${text} is not computed by this program`;
}

function named(graph: DebugGraph, name: string): Tensor[] {
  const parameter = graph.parameters.get(name);
  if (parameter) return [parameter];
  const leaves =
    graph.training?.optimizerState
      .filter((state) => state.name === name || `optimizer.${state.name}` === name)
      .map(({ leaf }) => leaf) ?? [];
  if (leaves.length > 0) return leaves;
  return graph.nodes.filter((node) => node.phase === "forward" && node.name === name);
}
