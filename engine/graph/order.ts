import type { Tensor } from "./tensor";

/** The nodes that `outputs` depend on, themselves included, each after its inputs: the order of their making. */
export function reachable(outputs: readonly Tensor[]): Tensor[] {
  const seen = new Set<Tensor>(outputs);
  const open = [...seen];
  for (let node = open.pop(); node; node = open.pop()) {
    for (const input of node.inputs) {
      if (!seen.has(input)) {
        seen.add(input);
        open.push(input);
      }
    }
  }
  return [...seen].sort((a, b) => a.id - b.id);
}
