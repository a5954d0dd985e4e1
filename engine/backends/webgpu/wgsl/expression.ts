import type { BinaryFunction } from "../../../kernel/expression";
import type { ElementType } from "../../../kernel/kernel";
import { type Node, operandsOf } from "../../../kernel/nodes";
import { KIND_OF, type Kind, type Width, typeName } from "./elements";
import { type MathTexts, floatText, mathOf } from "./math";

/** A value as WGSL text. */
export interface Value {
  readonly text: string;
  readonly kind: Kind;
}

export interface BodyContext {
  readonly width: Width;
  readonly math: MathTexts;
  /** Names begin so, to be told from those of other bodies. */
  readonly prefix?: string;
  input(index: number): Value;
  /** Position along an axis of the kernel's shape, an i32 (or four). */
  index(axis: number): string;
}

/** Statements that compute all nodes, and the value of each. */
export interface Body {
  readonly statements: readonly string[];
  readonly values: readonly Value[];
}

/**
 * Writes the nodes of a body. Whole numbers and flags stay what they are as long as they meet no float: sums of int32 wrap
 * around, and comparisons are exact.
 */
export function writeBody(nodes: readonly Node[], context: BodyContext): Body {
  const { width, prefix = "v" } = context;
  const statements: string[] = [];
  const values: Value[] = [];
  nodes.forEach((node, at) => {
    const value = valueOf(node, nodes, values, context);
    if (node.kind === "constant") {
      values.push(value);
      return;
    }
    statements.push(`let ${prefix}${at}: ${typeName(value.kind, width)} = ${value.text};`);
    values.push({ text: `${prefix}${at}`, kind: value.kind });
  });
  return { statements, values };
}

/** The value as one of another kind: flags count as 0 and 1; all numbers but 0 are true; fractions are cut off. */
export function converted({ text, kind }: Value, to: Kind, width: Width): string {
  if (kind === to) return text;
  const type = typeName(to, width);
  if (to === "bool")
    return kind === "float"
      ? // Compilers take != for false where there is a NaN.
        `!(${text} == ${splat("0.0f", "float", width)})`
      : `(${text} != ${splat("0i", "int", width)})`;
  return kind === "float" ? `whole${width}(${text})` : `${type}(${text})`;
}

/** The value of one of a body's nodes as what is written into elements of a type. */
export function stored(
  { nodes, values }: { readonly nodes: readonly Node[]; readonly values: readonly Value[] },
  root: number,
  type: ElementType,
  width: Width,
): string {
  const node = nodes[root];
  if (node.kind === "constant") return constantText(node.value, KIND_OF[type], width);
  return converted(values[root], KIND_OF[type], width);
}

function splat(text: string, kind: Kind, width: Width): string {
  return width === 1 ? text : `${typeName(kind, width)}(${text})`;
}

function valueOf(node: Node, nodes: readonly Node[], values: readonly Value[], context: BodyContext): Value {
  const { width, math } = context;
  /** A constant takes the kind of what it meets. */
  const as = (operand: number, kind: Kind): string => {
    const other = nodes[operand];
    if (other.kind === "constant") return constantText(other.value, kind, width);
    return converted(values[operand], kind, width);
  };
  const isWhole = (operand: number): boolean => {
    const other = nodes[operand];
    return other.kind === "constant" ? isInt(other.value) : values[operand].kind !== "float";
  };
  const areWhole = (...operands: readonly number[]): boolean =>
    operands.every(isWhole) && operands.some((operand) => nodes[operand].kind !== "constant");
  switch (node.kind) {
    case "input":
      return context.input(node.index);
    case "constant":
      return { text: constantText(node.value, "float", width), kind: "float" };
    case "index":
      return { text: context.index(node.axis), kind: "int" };
    case "unary": {
      const { fn, a } = node;
      if (fn === "not") return { text: `!(${as(a, "bool")})`, kind: "bool" };
      if (areWhole(a) && isKept(fn)) {
        const text = as(a, "int");
        return { text: fn === "negate" ? `-(${text})` : fn === "abs" ? `abs(${text})` : text, kind: "int" };
      }
      const name = mathOf(fn);
      const text = as(a, "float");
      if (name !== undefined) return { text: `${math.name(name, width)}(${text})`, kind: "float" };
      return { text: fn === "negate" ? `-(${text})` : `${UNARY[fn as keyof typeof UNARY]}(${text})`, kind: "float" };
    }
    case "binary": {
      const { fn, a, b } = node;
      const test = finiteTest(node, nodes);
      if (test) {
        const text = `${math.name(test.name, width)}(${as(test.of, "float")})`;
        return { text, kind: "bool" };
      }
      const kind = areWhole(a, b) && fn !== "divide" && fn !== "power" ? "int" : "float";
      const [left, right] = [as(a, kind), as(b, kind)];
      // Compilers take != for false where there is a NaN.
      if (fn === "notEqual") return { text: `!(${left} == ${right})`, kind: "bool" };
      if (isComparison(fn)) return { text: `(${left} ${COMPARISONS[fn]} ${right})`, kind: "bool" };
      return { text: arithmetic(node, kind, left, right, nodes, context), kind };
    }
    case "select": {
      const { test, yes, no } = node;
      const kind = areWhole(yes, no) ? "int" : "float";
      return { text: `select(${as(no, kind)}, ${as(yes, kind)}, ${as(test, "bool")})`, kind };
    }
    default:
      return node satisfies never;
  }
}

function arithmetic(
  { fn, a, b }: Extract<Node, { kind: "binary" }>,
  kind: "int" | "float",
  left: string,
  right: string,
  nodes: readonly Node[],
  { width, math }: BodyContext,
): string {
  const constantOf = (at: number): number | undefined => {
    const node = nodes[at];
    return node.kind === "constant" ? node.value : undefined;
  };
  switch (fn) {
    case "add":
    case "subtract":
    case "multiply":
    case "divide":
      return `(${left} ${SIGNS[fn]} ${right})`;
    case "maximum":
    case "minimum": {
      const name = fn === "maximum" ? "max" : "min";
      if (kind === "int") return `${name}(${left}, ${right})`;
      // Beside a number, a NaN is kept by what a comparison with it is: false.
      const number = [b, a].find((at) => constantOf(at) !== undefined && !Number.isNaN(constantOf(at)));
      if (number !== undefined) {
        const [other, limit] = number === b ? [left, right] : [right, left];
        return `select(${other}, ${limit}, ${other} ${fn === "maximum" ? "<" : ">"} ${limit})`;
      }
      return `${math.name(mathOf(fn) as string, width)}(${left}, ${right})`;
    }
    case "power": {
      const exponent = constantOf(b);
      if (exponent === 2) return `(${left} * ${left})`;
      if (exponent === 3) return `(${left} * ${left} * ${left})`;
      return `${math.name("powerOf", width)}(${left}, ${right})`;
    }
    case "remainder":
      if (kind === "float") return `${math.name("remainderOf", width)}(${left}, ${right})`;
      // That of WGSL has the sign of the first.
      return `((${left} % ${right}) + ${right}) % ${right}`;
    default:
      throw new Error(`internal: ${fn} is no arithmetic`);
  }
}

/** x − x = 0 and x ≠ x are questions about NaN and infinities, which a compiler may answer without looking. */
function finiteTest(
  node: Extract<Node, { kind: "binary" }>,
  nodes: readonly Node[],
): { readonly name: "isFinite" | "isNan"; readonly of: number } | undefined {
  if (node.fn === "notEqual" && node.a === node.b) return { name: "isNan", of: node.a };
  if (node.fn !== "equal") return undefined;
  for (const [difference, zero] of [
    [nodes[node.a], nodes[node.b]],
    [nodes[node.b], nodes[node.a]],
  ])
    if (
      difference.kind === "binary" &&
      difference.fn === "subtract" &&
      difference.a === difference.b &&
      zero.kind === "constant" &&
      zero.value === 0
    )
      return { name: "isFinite", of: difference.a };
  return undefined;
}

function constantText(value: number, kind: Kind, width: Width): string {
  if (kind === "bool") return splat(value === 0 ? "false" : "true", kind, width);
  if (kind === "int")
    return splat(value === -0x80000000 ? "i32(-0x7fffffff - 1)" : `${Math.trunc(value)}i`, kind, width);
  return splat(floatText(value), kind, width);
}

function isInt(value: number): boolean {
  return Number.isInteger(value) && Math.abs(value) <= 0x80000000 && value !== 0x80000000 && !Object.is(value, -0);
}

/** Functions of whole numbers whose values are whole. */
function isKept(fn: string): boolean {
  return ["negate", "abs", "floor", "ceil", "round", "truncate"].includes(fn);
}

const SIGNS = { add: "+", subtract: "-", multiply: "*", divide: "/" } as const;
const UNARY = { sqrt: "sqrt", abs: "abs", floor: "floor", ceil: "ceil", round: "round", truncate: "trunc" } as const;
const COMPARISONS = { less: "<", lessEqual: "<=", equal: "==" } as const;

function isComparison(fn: BinaryFunction): fn is keyof typeof COMPARISONS {
  return fn in COMPARISONS;
}

/** Nodes that a list of them needs, themselves included, in order. */
export function neededBy(nodes: readonly Node[], roots: readonly number[]): ReadonlySet<number> {
  const needed = new Set<number>(roots);
  for (let at = nodes.length - 1; at >= 0; at--)
    if (needed.has(at)) for (const operand of operandsOf(nodes[at])) needed.add(operand);
  return needed;
}
