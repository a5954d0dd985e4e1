import { reachable } from "../graph/order";
import type { Tensor } from "../graph/tensor";
import type { DebugGraph } from "./graph";

/** What nothing else is made of, such as the local derivatives beside the contributions: computed when somebody looks at it. */
export function isOnlyLookedAt(graph: DebugGraph, node: Tensor): boolean {
  return node.phase === "backward" && !neededOf(graph).has(node);
}

const known = new WeakMap<DebugGraph, ReadonlySet<Tensor>>();

function neededOf(graph: DebugGraph): ReadonlySet<Tensor> {
  const found = known.get(graph);
  if (found) return found;
  const gradients = [...graph.adjoints.values()].flatMap(({ gradient, contributions }) => [
    ...(gradient ? [gradient] : []),
    ...contributions.map(({ sum }) => sum),
  ]);
  const needed = new Set(reachable([graph.output, ...gradients, ...(graph.training?.assignments.values() ?? [])]));
  known.set(graph, needed);
  return needed;
}
