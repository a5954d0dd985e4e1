import type { NdArray } from "../graph/array";
import type { DType, Shape } from "../graph/shape";
import type { Attributes, Tensor } from "../graph/tensor";
import type { Severity } from "../graph/issue";
import type { Kernel, View } from "../kernel/kernel";
import type { Expression } from "../kernel/expression";

/**
 * One record per primitive operation, everything about it in one place.
 *
 * `A` are its attributes. A new operation is one more record in a family's file; nothing else changes.
 */
export interface Operation<A extends object = Attributes> {
  readonly name: string;
  /** Shape and dtype of the result; reports issues instead of throwing. */
  readonly infer: (context: InferContext<A>) => Inferred;
  /** The definition: plain float64 loops, obviously right, slow. Backends are compared with it. */
  readonly evaluate: (context: EvaluateContext<A>) => NdArray;
  /** Per input, how the upstream gradient reaches it; or why there is no gradient. */
  readonly grad: GradientRule<A> | NoGradient;
  /** What a backend runs. */
  readonly lower: (context: LowerContext<A>) => Lowered;
}

export interface InferContext<A> {
  readonly inputs: readonly Tensor[];
  /** Known shapes of the inputs; operations whose input shape is unknown are not asked, they give unknown. */
  readonly shapes: readonly Shape[];
  readonly attributes: A;
  readonly report: (code: string, message: string, severity?: Severity) => void;
}

export interface Inferred {
  readonly shape: Shape | null;
  readonly dtype: DType;
}

export interface EvaluateContext<A> {
  readonly inputs: readonly NdArray[];
  readonly attributes: A;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/**
 * Builds the contribution to each input's gradient, in the input's own shape. `null`: no gradient
 * flows to this input by nature (indices, conditions). Only the needed ones are called; nodes that a
 * function builds belong to that input (`Tensor.of`).
 */
export type GradientRule<A> = (context: GradientContext<A>) => readonly (GradientOf | null)[];
export type GradientOf = () => Tensor;

export interface GradientContext<A> {
  /** The forward node. */
  readonly node: Tensor;
  readonly inputs: readonly Tensor[];
  readonly attributes: A;
  /** ∂cost/∂node, in the node's shape. */
  readonly g: Tensor;
}

export interface NoGradient {
  readonly none: string;
}

/** Says that an operation has no gradient, and why: users read the reason when it blocks a parameter. */
export function none(reason: string): NoGradient {
  return { none: reason };
}

export interface LowerContext<A> {
  readonly inputs: readonly LoweredInput[];
  readonly attributes: A;
  readonly shape: readonly number[];
}

export interface LoweredInput {
  readonly shape: readonly number[];
  readonly view: View;
}

export type Lowered =
  /** The body is applied to each element of the inputs, broadcast to the output's shape. */
  | { readonly kind: "elementwise"; readonly body: Expression }
  /** No work: the first input read through another view. */
  | { readonly kind: "view"; readonly view: View }
  /** As `view`, but only of a dense input: the same elements in the same order. */
  | { readonly kind: "reshape" }
  /** Work for a backend; inputs other than those of `map` and `reduce` are made dense first. */
  | { readonly kind: "kernel"; readonly kernel: Kernel }
  /** The value comes from outside: parameters, batch inputs, constants. */
  | { readonly kind: "source" };

const registry = new Map<string, Operation<never>>();

/** Enters a record into the table of all operations. */
export function define<A extends object>(operation: Operation<A>): Operation<A> {
  if (registry.has(operation.name)) throw new Error(`internal: operation ${operation.name} is defined twice`);
  registry.set(operation.name, operation);
  return operation;
}

/** The record of a node's operation. */
export function operationOf(name: string): Operation {
  const operation = registry.get(name);
  if (!operation) throw new Error(`internal: there is no operation ${name}`);
  return operation as unknown as Operation;
}

/** All primitive operations by name, for tests, listings and coverage checks. */
export function allOperations(): ReadonlyMap<string, Operation> {
  return registry as unknown as ReadonlyMap<string, Operation>;
}

export function isDifferentiable(name: string): boolean {
  return typeof operationOf(name).grad === "function";
}
