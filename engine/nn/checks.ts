import { type Dim, dimsAgree } from "../graph/dim";
import { type DType, type Shape, formatShape } from "../graph/shape";
import { Tensor } from "../graph/tensor";
import { currentTrace } from "../graph/trace";
import { apply, reportIssue } from "../ops";
import { Module, inputsOfCall, modulePath, moduleType, operandsOfCall } from "./module";

/** `hidden (Linear)`: how messages name a layer. */
export function describe(module: Module): string {
  const path = modulePath(module);
  return path === "" ? moduleType(module) : `${path} (${moduleType(module)})`;
}

/** Records what is wrong with a layer's input: the layer's name, the problem with its shapes, and the remedy. */
export function reportLayer(module: Module, code: string, problem: string, fix: string): void {
  reportIssue(code, `${describe(module)}: ${problem}. To fix: ${fix}`, "error", inputsOfCall(), module);
}

/**
 * A tensor of a shape that is known although the input was wrong: what follows is checked on its own merits.
 *
 * @param from what the wrong call was given; of a module's forward, which knows that itself, by default
 */
export function recovered(shape: Shape, dtype: DType = "float32", from: readonly Tensor[] = operandsOfCall()): Tensor {
  const known = from.filter(({ knownShape }) => knownShape !== null);
  return apply("recovered", known, { shape, dtype });
}

/** The shape with another size on one axis: a wrong one replaced by the right one, or by one that nothing contradicts. */
export function withSize(shape: Shape, axis: number, size: Dim): Dim[] {
  return shape.map((dim, i) => (i === axis ? size : dim));
}

/** Whether the last axes have these sizes, or sizes that are not known. */
export function endsWith(shape: Shape, sizes: Shape): boolean {
  const lead = shape.length - sizes.length;
  return lead >= 0 && sizes.every((size, i) => dimsAgree(shape[lead + i], size));
}

/** `[N, 8, 3]`, or `[N, 8, 3] int32` for what is no float32: shapes in messages. */
export function formatTensor(t: Tensor): string {
  return t.dtype === "float32" ? formatShape(t.knownShape) : `${formatShape(t.knownShape)} ${t.dtype}`;
}

/** Runs an operation of a layer; the issues it reports name the layer instead of the operation. */
export function reportedAs<T>(module: Module, operation: string, build: () => T): T {
  const trace = currentTrace();
  const before = trace.issues.length;
  const result = build();
  const prefix = `${operation}: `;
  for (const issue of trace.issues.splice(before)) {
    const { message } = issue;
    trace.report({
      ...issue,
      message: message.startsWith(prefix) ? `${describe(module)}: ${message.slice(prefix.length)}` : message,
    });
  }
  return result;
}

/** @throws when a layer is called with something that is no tensor, naming what it got. */
export function checkInput(module: Module, x: unknown, what = "input"): asserts x is Tensor {
  if (x instanceof Tensor) return;
  throw new Error(`${describe(module)}: expected a tensor as ${what}, got ${nameOf(x)}`);
}

/** What a value is, in words, for messages about one that is no tensor. */
export function nameOf(x: unknown): string {
  if (x instanceof Module) return `the module ${moduleType(x)} itself (call it with its input)`;
  if (x === undefined) return "nothing";
  if (x === null) return "null";
  if (Array.isArray(x)) return "a list (make it a tensor with tensor([…]))";
  if (typeof x === "object") {
    const tensors = Object.keys(x).filter((key) => (x as Record<string, unknown>)[key] instanceof Tensor);
    return tensors.length > 0
      ? `a record with ${tensors.join(", ")} (take one of them, as in result.${tensors[0]})`
      : "an object";
  }
  return `a ${typeof x}`;
}

/** @throws when a size is no positive whole number. */
export function checkSize(layer: string, what: string, value: unknown): void {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 1) {
    throw new Error(
      `${layer}: ${what} must be a whole number ≥ 1, got ${typeof value === "string" ? JSON.stringify(value) : String(value)}`,
    );
  }
}

/** @throws when a rate, such as dropout's, is not at least 0 and below 1. */
export function checkRate(layer: string, what: string, value: unknown): void {
  if (typeof value !== "number" || !(value >= 0 && value < 1)) {
    throw new Error(
      `${layer}: ${what} must be a number from 0 to below 1, got ${typeof value === "string" ? JSON.stringify(value) : String(value)}`,
    );
  }
}

/** @throws when a number that must be positive (an epsilon, a scale) is not. */
export function checkPositive(layer: string, what: string, value: unknown): void {
  if (typeof value !== "number" || !(value > 0) || !Number.isFinite(value)) {
    throw new Error(
      `${layer}: ${what} must be a number above 0, got ${typeof value === "string" ? JSON.stringify(value) : String(value)}`,
    );
  }
}
