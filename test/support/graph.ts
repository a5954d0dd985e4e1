import type { NdArray } from "../../engine/graph/array";
import { type DType, type Shape, concreteShape } from "../../engine/graph/shape";
import type { Issue } from "../../engine/graph/issue";
import type { Tensor } from "../../engine/graph/tensor";
import { Trace, withTrace } from "../../engine/graph/trace";
import { verifyGraph } from "../../engine/graph/verify";
import { apply, constantTensor, operationOf, sum } from "../../engine/ops";
import { evaluate } from "../../engine/plan/evaluate";
import { weightsFor } from "./fixtures";

export type Values = ReadonlyMap<Tensor, NdArray>;

/** A leaf that asks for its value at execution. */
export function leaf(shape: Shape, dtype: DType = "float32", name?: string): Tensor {
  return apply("input", [], { shape, dtype }, name);
}

/** A leaf for each array, and the arrays by leaf. */
export function leavesOf(arrays: readonly NdArray[]): { leaves: Tensor[]; values: Map<Tensor, NdArray> } {
  const values = new Map(arrays.map((array, i) => [leaf(array.shape, array.dtype, `x${i}`), array]));
  return { leaves: [...values.keys()], values };
}

/** The plain evaluator's value of one node. */
export function valueOf(node: Tensor, values: Values = new Map()): NdArray {
  return evaluate([node], (at) => values.get(at))[0];
}

/** The numbers of one node, for short assertions. */
export function numbersOf(node: Tensor, values: Values = new Map()): number[] {
  return [...valueOf(node, values).data];
}

/** sum(output · weights): a scalar in which every element of the output counts differently. */
export function weighted(output: Tensor): Tensor {
  const { data, shape } = weightsFor(concreteShape(output.knownShape));
  return sum(output.mul(constantTensor(data, shape)));
}

/** Runs `build` in a trace of its own; what it returned and the issues it met. */
export function traced<T>(build: () => T): { result: T; issues: Issue[]; trace: Trace } {
  const trace = new Trace(true);
  const result = withTrace(trace, build);
  return { result, issues: trace.issues, trace };
}

/** {@link verifyGraph} with each operation's own inference. */
export function problemsOf(outputs: readonly Tensor[]): string[] {
  return verifyGraph(outputs, (node) =>
    operationOf(node.op).infer({
      inputs: node.inputs,
      shapes: node.inputs.map((input) => input.knownShape as Shape),
      attributes: node.attributes,
      report: () => undefined,
    }),
  );
}
