import type { BinaryFunction, UnaryFunction } from "../../kernel/expression";
import type { View } from "../../kernel/kernel";
import type { Loop } from "../../kernel/loops";
import { type Node, operandsOf } from "../../kernel/nodes";

/** JavaScript text of a body inside a nest of loops. */
export interface EmittedBody {
  /** Statements at the start of each level: 0 before all loops, d inside loop d. Loop d counts `i${d}`. */
  readonly statements: readonly (readonly string[])[];
  /** The element as a number, inside the innermost loop. */
  readonly value: string;
  /** The element as a JavaScript condition: whether it is not 0. */
  readonly test: string;
}

/**
 * Writes a body so that each part is computed in the outermost loop it depends on, and once.
 * What is used once stays inside its consumer's text, so a branch of `select` not taken costs nothing.
 * Inputs are named `a0, a1, …`; the text may call `erf` and `round`.
 */
export function emitBody(nodes: readonly Node[], views: readonly View[], loops: readonly Loop[]): EmittedBody {
  const statements: string[][] = Array.from({ length: loops.length + 1 }, () => []);
  const levels: number[] = [];
  nodes.forEach((node) => levels.push(levelOf(node, loops, levels)));
  const named = namedNodes(nodes, levels, loops.length);
  const pointers = emitPointers(nodes, views, loops, statements);

  const text = (at: number): string => (named.has(at) ? `v${at}` : inline(at));
  const test = (at: number): string => (named.has(at) ? `v${at} !== 0` : condition(at));

  function inline(at: number): string {
    const node = nodes[at];
    switch (node.kind) {
      case "input":
        return `a${node.index}[${pointers[node.index]}]`;
      case "constant":
        return numberText(node.value);
      case "index": {
        const depth = depthOfAxis(node.axis, loops);
        return depth === 0 ? "0" : `i${depth}`;
      }
      case "unary":
        return node.fn === "not" ? `(${condition(at)} ? 1 : 0)` : unaryText(node.fn, text(node.a));
      case "binary":
        if (isComparison(node.fn)) return `(${condition(at)} ? 1 : 0)`;
        return isSquare(node, nodes)
          ? `(${text(node.a)} * ${text(node.a)})`
          : binaryText(node.fn, text(node.a), text(node.b));
      case "select":
        return `(${test(node.test)} ? ${text(node.yes)} : ${text(node.no)})`;
      default:
        return node satisfies never;
    }
  }

  function condition(at: number): string {
    const node = nodes[at];
    if (node.kind === "unary" && node.fn === "not") return `${text(node.a)} === 0`;
    if (node.kind === "binary" && isComparison(node.fn))
      return `${text(node.a)} ${COMPARISONS[node.fn]} ${text(node.b)}`;
    return `${inline(at)} !== 0`;
  }

  nodes.forEach((_, at) => {
    if (named.has(at)) statements[levels[at]].push(`const v${at} = ${inline(at)};`);
  });
  const root = nodes.length - 1;
  return { statements, value: text(root), test: test(root) };
}

/** x² in place of the far slower Math.pow. */
export function isSquare(node: Node, nodes: readonly Node[]): boolean {
  if (node.kind !== "binary" || node.fn !== "power") return false;
  const exponent = nodes[node.b];
  return exponent.kind === "constant" && exponent.value === 2;
}

/** How many loops deep a node must stand, counting from the outermost. */
function levelOf(node: Node, loops: readonly Loop[], levels: readonly number[]): number {
  if (node.kind === "input") return loops.findLastIndex((loop) => loop.strides[node.index] !== 0) + 1;
  if (node.kind === "index") return depthOfAxis(node.axis, loops);
  return Math.max(0, ...operandsOf(node).map((operand) => levels[operand]));
}

/** 0 where the axis has size 1 and hence no loop. */
function depthOfAxis(axis: number, loops: readonly Loop[]): number {
  return loops.findIndex((loop) => loop.axis === axis) + 1;
}

/** Nodes worth a variable: used more than once, or computed further out than where they are used. */
function namedNodes(nodes: readonly Node[], levels: readonly number[], innermost: number): ReadonlySet<number> {
  const uses = nodes.map(() => 0);
  const named = new Set<number>();
  const use = (operand: number, level: number): void => {
    uses[operand]++;
    if (nodes[operand].kind === "constant" || nodes[operand].kind === "index") return;
    if (uses[operand] > 1 || levels[operand] < level) named.add(operand);
  };
  nodes.forEach((node, at) => {
    const operands = operandsOf(node);
    operands.forEach((operand) => use(operand, levels[at]));
    // These two mention an operand twice in their text.
    if (isSquare(node, nodes)) use(operands[0], levels[at]);
    if (node.kind === "binary" && node.fn === "remainder") operands.forEach((operand) => use(operand, levels[at]));
  });
  use(nodes.length - 1, innermost);
  return named;
}

/** Declares where each input stands at each level; returns its position in the innermost loop as text. */
function emitPointers(
  nodes: readonly Node[],
  views: readonly View[],
  loops: readonly Loop[],
  statements: string[][],
): string[] {
  const used = new Set(nodes.flatMap((node) => (node.kind === "input" ? [node.index] : [])));
  return views.map((view, i) => {
    if (!used.has(i)) return "";
    let position = String(view.offset);
    loops.forEach((loop, at) => {
      const stride = loop.strides[i];
      if (stride === 0) return;
      const depth = at + 1;
      const next = stride === 1 ? `${position} + i${depth}` : `${position} + i${depth} * ${stride}`;
      if (depth === loops.length) {
        position = next;
      } else {
        statements[depth].push(`const p${i}_${depth} = ${next};`);
        position = `p${i}_${depth}`;
      }
    });
    return position;
  });
}

const COMPARISONS = { less: "<", lessEqual: "<=", equal: "===", notEqual: "!==" } as const;

function isComparison(fn: BinaryFunction): fn is keyof typeof COMPARISONS {
  return fn in COMPARISONS;
}

/** Parenthesised where a sign would meet another operator. */
function numberText(value: number): string {
  if (Object.is(value, -0)) return "(-0)";
  return value < 0 ? `(${value})` : String(value);
}

function unaryText(fn: Exclude<UnaryFunction, "not">, a: string): string {
  switch (fn) {
    case "negate":
      return `(-${a})`;
    case "erf":
    case "round":
      return `${fn}(${a})`;
    case "truncate":
      return `Math.trunc(${a})`;
    case "exp":
    case "expm1":
    case "log":
    case "log1p":
    case "sqrt":
    case "abs":
    case "sin":
    case "cos":
    case "tan":
    case "tanh":
    case "floor":
    case "ceil":
      return `Math.${fn}(${a})`;
    default:
      return fn satisfies never;
  }
}

function binaryText(fn: Exclude<BinaryFunction, keyof typeof COMPARISONS>, a: string, b: string): string {
  switch (fn) {
    case "add":
      return `(${a} + ${b})`;
    case "subtract":
      return `(${a} - ${b})`;
    case "multiply":
      return `(${a} * ${b})`;
    case "divide":
      return `(${a} / ${b})`;
    case "power":
      return `Math.pow(${a}, ${b})`;
    case "remainder":
      return `(${a} - Math.floor(${a} / ${b}) * ${b})`;
    case "maximum":
      return `Math.max(${a}, ${b})`;
    case "minimum":
      return `Math.min(${a}, ${b})`;
    default:
      return fn satisfies never;
  }
}
