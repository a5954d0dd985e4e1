import { SymbolicDim } from "../graph/dim";
import { type Nested, fromNested } from "../graph/array";
import type { DType, Shape } from "../graph/shape";
import { type Attributes, Tensor } from "../graph/tensor";
import { currentTrace } from "../graph/trace";
import type { Severity } from "../graph/issue";
import { currentSite } from "../graph/site";
import { operationOf } from "./operation";

/** What operations accept: a tensor, a number, or nested lists of numbers. */
export type TensorLike = Tensor | Nested;

/** Builds the node of an operation: infers its shape, records issues, never runs anything. */
export function apply(name: string, inputs: readonly Tensor[], attributes: Attributes = {}, nodeName?: string): Tensor {
  const shapes = inputs.map((input) => input.knownShape);
  const record = operationOf(name);
  const known = shapes.every((shape) => shape !== null);
  const found: { readonly code: string; readonly message: string; readonly severity: Severity }[] = [];
  const inferred = record.infer({
    inputs,
    shapes: known ? shapes : [],
    attributes,
    report: (code, message, severity = "error") => found.push({ code, message, severity }),
  });
  // One call is one issue, however many of its axes are wrong.
  if (found.length > 0) {
    reportIssue(found[0].code, found.map(({ message }) => message).join(". Also "), found[0].severity, inputs);
  }
  return new Tensor({
    op: name,
    inputs,
    attributes,
    shape: known ? inferred.shape : null,
    dtype: inferred.dtype,
    name: nodeName,
  });
}

/**
 * Records an issue at the user's running call. Gradient rules report nothing: the forward pass has said it.
 *
 * @param tensors the operands at fault, in the order in which the user gave them, for whoever looks for their origin and a remedy
 */
export function reportIssue(
  code: string,
  message: string,
  severity: Severity = "error",
  tensors: readonly Tensor[] = [],
  layer?: object,
): void {
  const trace = currentTrace();
  if (trace.phase !== "forward") return;
  const site = currentSite();
  trace.report({ code, message, severity, range: site, subject: { tensors, site, layer } });
}

/** A tensor for anything a user may pass; plain numbers take the dtype of their partner where it can hold them. */
export function asTensor(value: TensorLike, partner?: DType): Tensor {
  if (value instanceof Tensor) return value;
  // User code sees a symbolic size, such as x.shape[0], as a number.
  if (value instanceof SymbolicDim) return apply("size", [], { dim: value });
  if ((typeof value === "object" && value !== null) || typeof value === "boolean" || typeof value === "number") {
    const array = fromNested(value);
    const whole = array.data.every(Number.isInteger);
    const dtype = array.dtype === "bool" ? "bool" : partner === "int32" && whole ? "int32" : "float32";
    return constantTensor(array.data, array.shape, dtype);
  }
  if (typeof value === "function") {
    throw new Error(
      `expected a tensor or numbers, got a function or a module: did you forget to call it with its input?`,
    );
  }
  throw new Error(`expected a tensor or numbers, got ${value === null ? "null" : typeof value}`);
}

/** A node that holds numbers known while the graph is built. */
export function constantTensor(data: ArrayLike<number>, shape: Shape, dtype: DType = "float32", name?: string): Tensor {
  const attributes: ConstantAttributes = { data: Float64Array.from(data), shape, dtype };
  return apply("constant", [], attributes as unknown as Attributes, name);
}

export interface ConstantAttributes {
  readonly data: Float64Array;
  readonly shape: Shape;
  readonly dtype: DType;
}
