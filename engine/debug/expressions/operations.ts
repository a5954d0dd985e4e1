import type { NdArray } from "../../graph/array";
import { reachable } from "../../graph/order";
import { formatShape, isConcrete } from "../../graph/shape";
import type { Tensor } from "../../graph/tensor";
import { Trace, withTrace } from "../../graph/trace";
import { costOf, elementsOf } from "../../check/costs";
import * as ops from "../../ops";
import { evaluate } from "../../plan/evaluate";
import { givenFor } from "./given";
import { OPERATIONS, type OperationName, parametersOf } from "./signatures";
import { ExpressionError, type Value, listValue, messageOf, tensorValue } from "./values";

/** What one expression may still compute: a console answers soon, and the host must not run out of memory. */
export interface Allowance {
  /** Numbers that are held. */
  elements: number;
  /** In multiplications: a few seconds of them. */
  work: number;
}

/** What an element costs that is computed by itself, in multiplications of a matrix product; a random one is worth many. */
const ELEMENT = 20;
const RANDOM = 20;

export function newAllowance(): Allowance {
  return { elements: 5e7, work: 3e9 };
}

/** Takes what a result needs from the allowance, before it is computed. @throws ExpressionError where it is used up */
export function charge(allowance: Allowance, elements: number, what: string, work = elements * ELEMENT): void {
  allowance.elements -= elements;
  allowance.work -= work;
  if (allowance.elements >= 0 && allowance.work >= 0) return;
  throw new ExpressionError(
    `${what} needs more than an expression may compute (${elements} elements here); take a smaller part first, as in x[0:10]`,
  );
}

export function isOperation(name: string): name is OperationName {
  return Object.hasOwn(OPERATIONS, name);
}

/**
 * Computes one of the engine's operations: its own function builds nodes over the values, and the plain evaluator runs them.
 * @throws ExpressionError with the operation's own words where the values do not fit it
 */
export function operate(name: OperationName, given: readonly Value[], allowance: Allowance): Value {
  const trace = new Trace();
  const arrays = new Map<Tensor, NdArray>();
  const leaf = (array: NdArray): Tensor => {
    const node = ops.apply("input", [], { shape: array.shape, dtype: array.dtype });
    arrays.set(node, array);
    return node;
  };
  const built = withTrace(trace, () => {
    const converted = givenFor(name, parametersOf(name), given, leaf);
    try {
      const build = ops[name] as (...given: unknown[]) => Tensor | Tensor[];
      return build(...converted);
    } catch (error) {
      // After an issue the rest of a function may stumble; the issue says what was wrong.
      throw issueOf(trace) ?? failure(name, error);
    }
  });
  const issue = issueOf(trace);
  if (issue) throw issue;
  const outputs = Array.isArray(built) ? built : [built];
  spend(name, outputs, arrays, allowance);
  // Expressions must give the same whenever they are looked at: their random numbers are always the first ones.
  if (trace.randomKey) arrays.set(trace.randomKey, { shape: [2], dtype: "int32", data: Float64Array.of(0, 0) });
  let values: readonly NdArray[];
  try {
    values = evaluate(outputs, (node) => arrays.get(node));
  } catch (error) {
    throw failure(name, error);
  }
  const results = values.map((array) => tensorValue(array));
  return Array.isArray(built) ? listValue(results) : results[0];
}

function issueOf(trace: Trace): ExpressionError | undefined {
  const issue = trace.issues.find(({ severity }) => severity === "error");
  return issue && new ExpressionError(issue.message);
}

function failure(name: string, error: unknown): ExpressionError {
  const message = messageOf(error);
  // What was given fits the signature; that the operation stumbles over it all the same needs its name to be understood.
  return new ExpressionError(
    message.startsWith("internal: ") ? `${name} cannot be computed of this: ${message}` : message,
  );
}

function spend(
  name: string,
  outputs: readonly Tensor[],
  given: ReadonlyMap<Tensor, NdArray>,
  allowance: Allowance,
): void {
  for (const node of reachable(outputs)) {
    if (given.has(node)) continue;
    // A product of sizes that happens to look like a symbol, far beyond what could be computed.
    const elements = isConcrete(node.knownShape) ? (elementsOf(node.knownShape) ?? 0) : Infinity;
    const work = (elements * windowOf(node) + inputSize(node)) * ELEMENT + (costOf(node).multiplyAdds ?? 0);
    charge(allowance, elements, `${name} ${formatShape(node.knownShape)}`, work);
  }
}

/** Pooling looks at a whole window for each element of its result. */
function windowOf(node: Tensor): number {
  if (node.op === "random" || node.op === "permutation") return RANDOM;
  const { window } = node.attributes;
  return Array.isArray(window) ? (window as readonly number[]).reduce((product, size) => product * size, 1) : 1;
}

function inputSize(node: Tensor): number {
  return node.inputs.reduce((sum, input) => sum + (elementsOf(input.knownShape) ?? 0), 0);
}
