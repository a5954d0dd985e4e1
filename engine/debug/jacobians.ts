import type { NdArray } from "../graph/array";
import { concreteShape, sizeOf } from "../graph/shape";
import type { Tensor } from "../graph/tensor";
import { Trace, withTrace } from "../graph/trace";
import { backward, type BackwardPass } from "../autodiff/gradients";
import { apply, operationOf } from "../ops";
import { createQuickEvaluator } from "../plan/quick";
import { flatOfIndex } from "./elements";

/** What a Jacobian's layout puts first: `denominator` [in…, out…], as gradients have their parameter's shape; `numerator` [out…, in…]. */
export type Layout = "denominator" | "numerator";

/** ∂(an operation's result)/∂(one of its inputs), of which elements are computed when they are asked for. */
export interface Jacobian {
  readonly shape: readonly number[];
  /** The axes of the result within {@link shape}; all others are the input's. */
  readonly resultAxes: readonly number[];
  readonly inputAxes: readonly number[];
  /** The elements at all places, each an index of {@link shape}. */
  at(places: readonly (readonly number[])[]): Float64Array;
}

const quick = createQuickEvaluator();

/**
 * From the operation's own gradient rule: the upstream gradient that is 1 at one element of the result and 0 elsewhere gives all partial
 * derivatives of that element. Where fewer elements of the input are asked for than of the result, the rule is differentiated by that
 * upstream gradient instead, in which it is linear, and each pass gives all partial derivatives by one element of the input.
 *
 * @param valueOf values of the operation, its inputs and what its gradient is made of
 * @throws in words where there is no such derivative
 */
export function jacobianOf(
  node: Tensor,
  inputIndex: number,
  layout: Layout,
  valueOf: (node: Tensor) => NdArray,
): Jacobian {
  const input = node.inputs[inputIndex];
  const [result, from] = [concreteShape(node.knownShape), concreteShape(input.knownShape)];
  const rule = ruleOf(node, inputIndex);
  const [first, second] = layout === "numerator" ? [result, from] : [from, result];
  const leading = first.map((_, axis) => axis);
  const trailing = second.map((_, axis) => first.length + axis);
  const [resultAxes, inputAxes] = layout === "numerator" ? [leading, trailing] : [trailing, leading];
  return {
    shape: [...first, ...second],
    resultAxes,
    inputAxes,
    at(places) {
      const rows = places.map((place) =>
        flatOfIndex(
          resultAxes.map((axis) => place[axis]),
          result,
        ),
      );
      const columns = places.map((place) =>
        flatOfIndex(
          inputAxes.map((axis) => place[axis]),
          from,
        ),
      );
      // Of each pass all places are read that have its element.
      const byInput = rule.forward !== undefined && new Set(columns).size < new Set(rows).size;
      const [keys, others] = byInput ? [columns, rows] : [rows, columns];
      const groups = new Map<number, number[]>();
      keys.forEach((key, i) => groups.set(key, [...(groups.get(key) ?? []), i]));
      const values = new Float64Array(places.length);
      const evaluate = byInput
        ? evaluator(rule.forward, valueOf, [rule.upstream, rule.direction])
        : evaluator(rule.contribution, valueOf, [rule.upstream]);
      for (const [key, group] of groups) {
        const { data } = byInput ? evaluate([zeros(result), oneHot(from, key)]) : evaluate([oneHot(result, key)]);
        // 0 times a negative factor is −0, which nobody wants to read.
        for (const i of group) values[i] = data[others[i]] + 0;
      }
      return values;
    },
  };
}

interface Rule {
  readonly upstream: Tensor;
  /** Upstream gradient → ∂/∂input. */
  readonly contribution: Tensor;
  /** A change of the input. */
  readonly direction: Tensor;
  /** What {@link direction} changes in the result; undefined where the rule cannot be differentiated. */
  readonly forward: Tensor | undefined;
}

const rules = new WeakMap<Tensor, Map<number, Rule>>();

/** The nodes of a rule, which are made once and evaluated for one upstream gradient after the other. */
function ruleOf(node: Tensor, inputIndex: number): Rule {
  const known = rules.get(node) ?? new Map<number, Rule>();
  rules.set(node, known);
  const rule = known.get(inputIndex) ?? makeRule(node, inputIndex);
  known.set(inputIndex, rule);
  return rule;
}

function makeRule(node: Tensor, inputIndex: number): Rule {
  const { grad } = operationOf(node.op);
  if (typeof grad !== "function") throw new Error(`${node.op} has no derivative: ${grad.none}`);
  const input = node.inputs[inputIndex];
  if (input.dtype !== "float32")
    throw new Error(`${node.op} has no derivative by its input ${inputIndex}, which is ${input.dtype}`);
  const trace = new Trace();
  trace.phase = "backward";
  trace.backward = { of: input, via: node };
  return withTrace(trace, () => {
    const leaf = (like: Tensor): Tensor => apply("input", [], { shape: like.knownShape, dtype: "float32" });
    const upstream = leaf(node);
    const rule = grad({ node, inputs: node.inputs, attributes: node.attributes, g: upstream })[inputIndex];
    if (!rule) throw new Error(`no gradient flows from ${node.op} to its input ${inputIndex}, by its nature`);
    const contribution = rule();
    const direction = leaf(input);
    return { upstream, contribution, direction, forward: differentiated(contribution, direction, upstream) };
  });
}

/** ∂(contribution · direction)/∂upstream. Not all rules have a derivative: the other way serves as well. */
function differentiated(contribution: Tensor, direction: Tensor, upstream: Tensor): Tensor | undefined {
  let pass: BackwardPass;
  try {
    pass = backward(contribution, [upstream], direction);
  } catch {
    return undefined;
  }
  return pass.adjoints.get(upstream)?.gradient;
}

/** Evaluates again and again what depends on some leaves; all else once. */
function evaluator(
  target: Tensor,
  valueOf: (node: Tensor) => NdArray,
  leaves: readonly Tensor[],
): (values: readonly NdArray[]) => NdArray {
  // Nodes made after the first leaf belong to the rule; what came before has its value.
  const firstId = Math.min(...leaves.map(({ id }) => id));
  const own = new Set<Tensor>([target]);
  const open = [target];
  for (let node = open.pop(); node; node = open.pop())
    for (const input of node.inputs)
      if (input.id >= firstId && !own.has(input)) {
        own.add(input);
        open.push(input);
      }
  const order = [...own].filter(({ id }) => id >= firstId).sort((a, b) => a.id - b.id);
  const changing = new Set<Tensor>(leaves);
  for (const node of order) if (node.inputs.some((input) => changing.has(input))) changing.add(node);
  const fixed = new Map<Tensor, NdArray>();
  return (values) => {
    const current = new Map<Tensor, NdArray>(leaves.map((leaf, i) => [leaf, values[i]]));
    const of = (node: Tensor): NdArray =>
      current.get(node) ?? fixed.get(node) ?? (node.id < firstId ? valueOf(node) : compute(node));
    const compute = (node: Tensor): NdArray => {
      const value = quick.evaluate(
        node,
        node.inputs.map((input) => of(input)),
      );
      (changing.has(node) ? current : fixed).set(node, value);
      return value;
    };
    for (const node of order) of(node);
    return of(target);
  };
}

function zeros(shape: readonly number[]): NdArray {
  return { shape, dtype: "float32", data: new Float64Array(sizeOf(shape)) };
}

function oneHot(shape: readonly number[], at: number): NdArray {
  const array = zeros(shape);
  array.data[at] = 1;
  return array;
}
