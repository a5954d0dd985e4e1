import type { NdArray } from "../graph/array";
import { reachable } from "../graph/order";
import { concreteShape, sizeOf } from "../graph/shape";
import type { Attributes, Tensor } from "../graph/tensor";
import { operationOf } from "../ops";
import type { EvaluateContext } from "../ops/operation";

/** Values of leaves: parameters, inputs, the random key. Computed values are looked up here first, too. */
export type Bindings = (leaf: Tensor) => NdArray | undefined;

/**
 * The plain evaluator: each node by its operation's own definition, in float64, in the order of making.
 * It defines what is true; backends are compared with it and the debugger shows its values.
 */
export function evaluate(
  outputs: readonly Tensor[],
  bindings: Bindings,
  visit?: (node: Tensor, value: NdArray) => void,
): NdArray[] {
  const values = new Map<Tensor, NdArray>();
  for (const node of reachable(outputs)) {
    const value = evaluateNode(node, values, bindings);
    values.set(node, value);
    visit?.(node, value);
  }
  return outputs.map((output) => values.get(output) as NdArray);
}

/** One node from the values of its inputs. @throws with the node's operation and place when it cannot. */
export function evaluateNode(node: Tensor, values: ReadonlyMap<Tensor, NdArray>, bindings: Bindings): NdArray {
  const bound = bindings(node);
  if (bound) return bound;
  const inputs = node.inputs.map((input) => {
    const value = values.get(input);
    if (!value) throw new Error(`internal: ${input.op} has no value yet when ${node.op} needs it`);
    return value;
  });
  return evaluateOn(node, inputs, operationOf(node.op).evaluate);
}

/**
 * One node from values in the order of its inputs, by the given definition: its operation's own, or another way to the
 * same numbers. @throws with the node's place when it cannot.
 */
export function evaluateOn(
  node: Tensor,
  inputs: readonly NdArray[],
  definition: (context: EvaluateContext<Attributes>) => NdArray,
): NdArray {
  const shape = concreteShape(node.knownShape);
  try {
    const value = definition({ inputs, attributes: node.attributes, shape, dtype: node.dtype });
    if (value.data.length !== sizeOf(shape)) {
      throw new Error(`internal: ${node.op} gave ${value.data.length} elements for shape [${shape.join(", ")}]`);
    }
    return value;
  } catch (error) {
    throw located(error, node);
  }
}

/** Adds the user's place to an error that arose while running a node. */
export function located(error: unknown, node: Tensor): Error {
  const message = error instanceof Error ? error.message : String(error);
  if (!node.site || message.includes(node.site.file)) return error instanceof Error ? error : new Error(message);
  return new Error(`${node.site.file}:${node.site.line}:${node.site.column}: ${message}`);
}
