import { type Dim, dimsEqual } from "../graph/dim";
import { type Shape, formatShape } from "../graph/shape";
import type { Tensor } from "../graph/tensor";

/** Formulas as they are written by hand: terms that know when they need brackets, and one operation as a term of its inputs. */
export interface Term {
  readonly text: string;
  /** How tightly it holds together: see {@link BINDING}. */
  readonly binding: number;
}

/** `a + b` < `Σ a` < `a · b` < `−a` < `aᵀ`, `da/db` < `f(a)`, `a`. */
export const BINDING = { sum: 0, sigma: 1, product: 2, prefix: 3, power: 4, atom: 5 } as const;

export function atom(text: string): Term {
  return { text, binding: BINDING.atom };
}

export function call(name: string, ...given: readonly (Term | string)[]): Term {
  return atom(`${name}(${given.map((each) => (typeof each === "string" ? each : each.text)).join(", ")})`);
}

/** A number as people write it: `0.1`, `−1e−8`, six significant digits. */
export function number(value: number): Term {
  const text = String(Math.abs(value) === Infinity ? "∞" : Math.abs(Number(value.toPrecision(6)))).replace("-", "−");
  return value < 0 ? { text: `−${text}`, binding: BINDING.prefix } : atom(text);
}

export function plus(a: Term, b: Term): Term {
  if (b.text.startsWith("−") && b.binding >= BINDING.product) return minus(a, { ...b, text: b.text.slice(1) });
  return { text: `${a.text} + ${b.text}`, binding: BINDING.sum };
}

export function minus(a: Term, b: Term): Term {
  return { text: `${a.text} − ${tighter(b, BINDING.sigma, true)}`, binding: BINDING.sum };
}

/** @param sign `·` for numbers and matrices, `∘` element by element, `/` */
export function product(a: Term, sign: "·" | "∘" | "/", b: Term): Term {
  return {
    text: `${tighter(a, BINDING.product)} ${sign} ${tighter(b, BINDING.prefix, true)}`,
    binding: BINDING.product,
  };
}

export function negated(a: Term): Term {
  if (a.text.startsWith("−") && a.binding >= BINDING.product) return { ...a, text: a.text.slice(1) };
  return {
    text: `−${tighter(a, BINDING.product)}`,
    binding: a.binding === BINDING.product ? a.binding : BINDING.prefix,
  };
}

/** `a²`, `a^3`. */
export function raised(a: Term, exponent: Term): Term {
  const base = tighter(a, BINDING.atom);
  return {
    text: exponent.text === "2" ? `${base}²` : `${base}^${tighter(exponent, BINDING.power, true)}`,
    binding: BINDING.power,
  };
}

/** `Aᵀ`, and A again of that, whichever of several transposes it is. */
export function transposed(a: Term): Term {
  const inner = /^(.*)ᵀ[₀-₉]*$/.exec(a.text)?.[1];
  if (inner === undefined) return { text: `${tighter(a, BINDING.atom)}ᵀ`, binding: BINDING.atom };
  return inner.startsWith("(d") ? { text: inner.slice(1, -1), binding: BINDING.power } : atom(inner);
}

/** `Σ a` over everything, `Σ₀ a` over axis 0. */
export function summed(a: Term, axes: readonly number[], rank: number, sign = "Σ"): Term {
  const which = axes.length === rank ? "" : axes.map(subscript).join("");
  return { text: `${sign}${which} ${tighter(a, BINDING.power)}`, binding: BINDING.sigma };
}

/** 1 where a condition holds, else 0. */
export function bracket(condition: string): Term {
  return atom(`[${condition}]`);
}

export function subscript(value: number): string {
  return String(value).replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[Number(digit)]);
}

/** The text, in brackets unless it holds together at least so tightly. */
export function tighter(term: Term, least: number, inside = false): string {
  return term.binding >= least && !(inside && term.text.startsWith("−")) ? term.text : `(${term.text})`;
}

/** The sign of a product of two tensors element by element. */
export function timesOf(a: Tensor, b: Tensor): "·" | "∘" {
  return a.knownShape?.length === 0 || b.knownShape?.length === 0 ? "·" : "∘";
}

/** The number that a constant (a size, a field of one number) is, if it is one. */
export function constantOf(node: Tensor): Term | undefined {
  if (node.op === "size") return atom(String(node.attributes.dim));
  if (node.op !== "constant") return undefined;
  const data = node.attributes.data as Float64Array;
  return data.length === 1 ? number(data[0]) : undefined;
}

/**
 * One operation as a formula of its inputs' terms.
 *
 * @param within in a longer formula, in which what only repeats elements or adds axes of size 1 needs no mention
 */
export function notate(node: Tensor, terms: readonly Term[], within = false): Term {
  const [a, b] = terms;
  const { attributes, inputs, op } = node;
  if (within && isSilent(node)) return a;
  switch (op) {
    case "add":
      return plus(a, b);
    case "subtract":
      return minus(a, b);
    case "multiply":
      return product(a, within ? timesOf(beneath(inputs[0]), beneath(inputs[1])) : timesOf(inputs[0], inputs[1]), b);
    case "divide":
      return product(a, "/", b);
    case "negate":
      return negated(a);
    case "power":
      return raised(a, b);
    case "sqrt":
      return { text: `√${tighter(a, BINDING.atom)}`, binding: BINDING.power };
    case "abs":
      return atom(`|${a.text}|`);
    case "sigmoid":
      return call("σ", a);
    case "maximum":
      return call("max", a, b);
    case "minimum":
      return call("min", a, b);
    case "clip":
      return call("clip", a, number(attributes.low as number), number(attributes.high as number));
    case "matmul":
      return product(a, "·", b);
    case "permute":
      return swapsLast(node) ? transposed(a) : call("permute", a, listed(attributes.order as readonly number[]));
    case "reshape":
      return call("reshape", a, formatShape(node.knownShape));
    case "expand":
      return call("expand", a, formatShape(node.knownShape));
    case "slice":
      return { text: `${tighter(a, BINDING.atom)}${ranges(node)}`, binding: BINDING.atom };
    case "sum":
      return summed(a, attributes.axes as readonly number[], rankOf(inputs[0]));
    case "product":
      return summed(a, attributes.axes as readonly number[], rankOf(inputs[0]), "Π");
    case "maximumOf":
    case "minimumOf": {
      const axes = attributes.axes as readonly number[];
      return call(`${op.slice(0, 3)}${axes.length === rankOf(inputs[0]) ? "" : axes.map(subscript).join("")}`, a);
    }
    case "cast":
      if (isOneHot(inputs[0])) return call("onehot", terms[0]);
      return inputs[0].dtype === "bool" ? bracket(a.text) : within ? a : call("cast", a, attributes.dtype as string);
    case "withGradient":
      return call(attributes.name as string, ...terms.slice(1));
    default:
      break;
  }
  const comparison = COMPARISONS[op];
  if (comparison === undefined) return call(op, ...terms);
  return { text: `${tighter(a, BINDING.sum)} ${comparison} ${tighter(b, BINDING.sum)}`, binding: BINDING.sum };
}

const COMPARISONS: Readonly<Partial<Record<string, string>>> = {
  less: "<",
  lessEqual: "≤",
  greater: ">",
  greaterEqual: "≥",
  equal: "=",
  notEqual: "≠",
  logicalAnd: "and",
  logicalOr: "or",
};

/**
 * A formula of many operations: from a node back to what has a term of its own.
 *
 * @param stop terms of what the formula is made of; a node's own is not asked for
 * @returns undefined where it would be too long to read
 */
export function write(node: Tensor, stop: (node: Tensor) => Term | undefined): Term | undefined {
  let left = LONGEST;
  const term = (at: Tensor): Term => {
    if (left-- <= 0) return atom("…");
    // Comparing places with looked-up labels is how class indices become rows; as a formula it says nothing.
    if (at.op === "cast" && isOneHot(at.inputs[0])) return notate(at, [known(labelsOf(at.inputs[0]) as Tensor)], true);
    // 1 − βᵗ is calculated as −expm1(t·ln β), of which more digits are left.
    const decay = at.op === "negate" && at.inputs[0].op === "expm1" ? at.inputs[0].inputs[0] : undefined;
    const logarithm = decay?.op === "multiply" ? decay.inputs[1] : undefined;
    if (decay && logarithm?.op === "constant" && logarithm.knownShape?.length === 0) {
      const [base] = logarithm.attributes.data as Float64Array;
      return minus(number(1), raised(number(Math.exp(base)), known(decay.inputs[0])));
    }
    const inputs = at.op === "withGradient" ? [atom(""), ...at.inputs.slice(1).map(known)] : at.inputs.map(known);
    return notate(at, inputs, true);
  };
  const known = (at: Tensor): Term => stop(at) ?? constantOf(at) ?? term(at);
  const result = term(node);
  return left < 0 ? undefined : result;
}

/** Operations of the longest formula. */
const LONGEST = 160;

/** Repeats elements, or adds and drops axes of size 1. */
function isSilent(node: Tensor): boolean {
  if (node.op === "identity" || node.op === "expand") return true;
  if (node.op !== "reshape") return false;
  const [from, to] = [node.inputs[0].knownShape, node.knownShape].map((shape) => shape && withoutOnes(shape));
  return !!from && !!to && from.length === to.length && from.every((dim, i) => dimsEqual(dim, to[i]));
}

function withoutOnes(shape: Shape): Dim[] {
  return shape.filter((dim) => dim !== 1);
}

/** Whether class positions are compared with looked-up labels: true at each label's class. */
function isOneHot(node: Tensor): boolean {
  return labelsOf(node) !== undefined;
}

function labelsOf(node: Tensor): Tensor | undefined {
  if (node.op !== "equal") return undefined;
  const [labels, positions] = node.inputs.map(beneath);
  if (!isPositions(positions)) return undefined;
  if (labels.op === "take" && isPositions(beneath(labels.inputs[0]))) return beneath(labels.inputs[1]);
  return labels.dtype === "int32" && (labels.op === "input" || labels.op === "constant") ? labels : undefined;
}

function beneath(node: Tensor): Tensor {
  let at = node;
  while (isSilent(at)) [at] = at.inputs;
  return at;
}

/** 0, 1, 2, …, as `arange` makes it. */
function isPositions(node: Tensor): boolean {
  if (node.op === "iota") return true;
  return (
    (node.op === "add" || node.op === "multiply") &&
    isPositions(beneath(node.inputs[0])) &&
    constantOf(node.inputs[1]) !== undefined
  );
}

/** A permutation that exchanges the last two axes: a matrix's transpose. */
export function swapsLast({ attributes }: Tensor): boolean {
  const order = attributes.order as readonly number[];
  const last = order.length - 1;
  return last >= 1 && order.every((axis, i) => axis === (i === last ? last - 1 : i === last - 1 ? last : i));
}

/** `[:, 3:6]` of a slice's or a placing's attributes. */
export function ranges(node: Tensor, of: Tensor = node, from: Tensor = node.inputs[0]): string {
  const start = node.attributes.start as readonly Dim[];
  const step = node.attributes.step as readonly number[];
  const size = of.knownShape ?? [];
  const whole = from.knownShape ?? [];
  const parts = size.map((dim, axis) => {
    const first = start[axis];
    if (first === 0 && step[axis] === 1 && whole[axis] !== undefined && dimsEqual(dim, whole[axis])) return ":";
    if (typeof first !== "number" || typeof dim !== "number") return `${String(first)}…`;
    const end = first + dim * step[axis];
    return `${first}:${end < 0 ? "" : end}${step[axis] === 1 ? "" : `:${String(step[axis])}`}`;
  });
  return `[${parts.join(", ")}]`;
}

function listed(values: readonly number[]): string {
  return `[${values.join(", ")}]`;
}

export function rankOf(node: Tensor): number {
  return node.knownShape?.length ?? 0;
}
