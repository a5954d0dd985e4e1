import type { ElementType } from "./kernel";
import { type Node, operandsOf } from "./nodes";

/** The largest number up to which float32 has every whole number. */
const MOST = 2 ** 24;

/**
 * Whether a body over inputs of these types may count in float32: int32 inputs are only asked whether they are a position along an axis,
 * which they are or are not in float32, too, since all positions are exact in it.
 */
export function fitsPositions(
  nodes: readonly Node[],
  roots: readonly number[],
  inputs: readonly ElementType[],
  shape: readonly number[],
): boolean {
  const isInteger = (node: Node): boolean => node.kind === "input" && inputs[node.index] === "int32";
  const isPosition = (node: Node): boolean => node.kind === "index" && shape[node.axis] <= MOST;
  if (roots.some((root) => isInteger(nodes[root]))) return false;
  return nodes.every((node) => {
    const operands = operandsOf(node).map((at) => nodes[at]);
    if (!operands.some(isInteger)) return true;
    const isAsked = node.kind === "binary" && (node.fn === "equal" || node.fn === "notEqual");
    return isAsked && operands.some(isPosition);
  });
}
