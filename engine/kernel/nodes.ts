import type { BinaryFunction, Expression, UnaryFunction } from "./expression";

/** One distinct subexpression; operands are positions in the list of nodes, and come before it. */
export type Node =
  | { readonly kind: "input"; readonly index: number }
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "index"; readonly axis: number }
  | { readonly kind: "unary"; readonly fn: UnaryFunction; readonly a: number }
  | { readonly kind: "binary"; readonly fn: BinaryFunction; readonly a: number; readonly b: number }
  | { readonly kind: "select"; readonly test: number; readonly yes: number; readonly no: number };

/** The distinct subexpressions of `body`, operands first; the last one is the body itself. */
export function shareSubexpressions(body: Expression): readonly Node[] {
  return shareAll([body]).nodes;
}

/** The same of several bodies together, with the position of each. */
export function shareAll(bodies: readonly Expression[]): {
  readonly nodes: readonly Node[];
  readonly roots: readonly number[];
} {
  const nodes: Node[] = [];
  const byText = new Map<string, number>();
  // Expressions are trees on paper but often share objects, which must not be walked again and again.
  const byObject = new Map<Expression, number>();

  function add(node: Node): number {
    const text = Object.values(node)
      .map((field) => (Object.is(field, -0) ? "-0" : String(field)))
      .join(" ");
    let at = byText.get(text);
    if (at === undefined) {
      at = nodes.push(node) - 1;
      byText.set(text, at);
    }
    return at;
  }

  function visit(e: Expression): number {
    const known = byObject.get(e);
    if (known !== undefined) return known;
    const at = add(withOperands(e, visit));
    byObject.set(e, at);
    return at;
  }

  return { roots: bodies.map(visit), nodes };
}

export function operandsOf(node: Node): readonly number[] {
  switch (node.kind) {
    case "input":
    case "constant":
    case "index":
      return [];
    case "unary":
      return [node.a];
    case "binary":
      return [node.a, node.b];
    case "select":
      return [node.test, node.yes, node.no];
    default:
      return node satisfies never;
  }
}

function withOperands(e: Expression, visit: (operand: Expression) => number): Node {
  switch (e.kind) {
    case "input":
      return { kind: "input", index: e.index };
    case "constant":
      return { kind: "constant", value: e.value };
    case "index":
      return { kind: "index", axis: e.axis };
    case "unary":
      return { kind: "unary", fn: e.fn, a: visit(e.a) };
    case "binary":
      return { kind: "binary", fn: e.fn, a: visit(e.a), b: visit(e.b) };
    case "select":
      return { kind: "select", test: visit(e.test), yes: visit(e.yes), no: visit(e.no) };
    default:
      return e satisfies never;
  }
}
