import { type Dim, evaluateDim, isUnknownDim } from "../graph/dim";
import type { Shape } from "../graph/shape";
import type { Scope, Tensor } from "../graph/tensor";

/** What a forward pass costs for one example: multiply-adds and memory, node by node and by the calls around them. */

export interface Cost {
  /** Multiplications with an addition; null where a size is not known. */
  readonly multiplyAdds: number | null;
  /** Bytes of results. */
  readonly bytes: number | null;
}

export const noCost: Cost = { multiplyAdds: 0, bytes: 0 };

export function addCosts(a: Cost, b: Cost): Cost {
  const plus = (x: number | null, y: number | null): number | null => (x === null || y === null ? null : x + y);
  return { multiplyAdds: plus(a.multiplyAdds, b.multiplyAdds), bytes: plus(a.bytes, b.bytes) };
}

/** Results that need no memory of their own: other views of what is there. */
const VIEWS: ReadonlySet<string> = new Set(["reshape", "permute", "expand", "identity", "withGradient", "slice"]);
/** Products with a kernel: forward, and as a transposed convolution runs forward. */
const CONVOLUTIONS: ReadonlySet<string> = new Set(["conv2d", "conv2dInputGradient"]);
const LEAVES: ReadonlySet<string> = new Set(["parameter", "input", "constant", "randomKey", "size", "recovered"]);

/**
 * Of a node alone, with a batch of 1: matmul [..., m, k]·[..., k, n] takes m·n·k, a convolution one product for each element of the
 * result, channel of its group and element of the kernel; everything else is counted as memory only.
 */
export function costOf(node: Tensor): Cost {
  if (LEAVES.has(node.op)) return noCost;
  const elements = elementsOf(node.knownShape);
  return {
    multiplyAdds: multiplyAddsOf(node, elements),
    bytes: VIEWS.has(node.op) ? 0 : bytesOf(node),
  };
}

function multiplyAddsOf({ op, inputs }: Tensor, elements: number | null): number | null {
  if (op !== "matmul" && !CONVOLUTIONS.has(op)) return 0;
  const shape = inputs[op === "matmul" ? 0 : 1].knownShape;
  const each = shape && elementsOf(op === "matmul" ? shape.slice(-1) : shape.slice(1));
  // Transposed, each element of the input is spread over the kernel.
  const positions = op === "conv2dInputGradient" ? elementsOf(inputs[0].knownShape) : elements;
  return positions === null || each === null ? null : positions * each;
}

/** What a value takes with a batch of 1; null where a size is not known. */
export function bytesOf({ knownShape, dtype }: Tensor): number | null {
  const elements = elementsOf(knownShape);
  return elements === null ? null : elements * (dtype === "bool" ? 1 : 4);
}

/** Number of elements with a batch of 1; null where a size is not known. */
export function elementsOf(shape: Shape | null): number | null {
  if (shape === null || shape.some(isUnknownDim)) return null;
  return shape.reduce<number>((product, dim) => product * sizeAtOne(dim), 1);
}

function sizeAtOne(dim: Dim): number {
  return evaluateDim(dim, () => 1);
}

export function costOfAll(nodes: readonly Tensor[]): Cost {
  return nodes.reduce((sum, node) => addCosts(sum, costOf(node)), noCost);
}

/** The costs of each call with all that it calls. */
export function costsByScope(nodes: readonly Tensor[]): ReadonlyMap<Scope, Cost> {
  const costs = new Map<Scope, Cost>();
  for (const node of nodes) {
    const cost = costOf(node);
    for (let scope = node.scope; scope; scope = scope.parent) {
      costs.set(scope, addCosts(costs.get(scope) ?? noCost, cost));
    }
  }
  return costs;
}
