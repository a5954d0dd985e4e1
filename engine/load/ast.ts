/** Walking the syntax tree. */
import type { Node } from "@babel/types";

export type { Node } from "@babel/types";

/** A node with its offsets, which the parser always sets although its types do not say so. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export function span(node: Node): Span {
  if (typeof node.start !== "number" || typeof node.end !== "number")
    throw new Error(`internal: ${node.type} without a position`);
  return { start: node.start, end: node.end };
}

/** Calls `visit` for each direct child in source order, as far as the parser's field order goes. */
export function forEachChild(node: Node, visit: (child: Node, key: string) => void): void {
  const fields = node as unknown as Readonly<Record<string, unknown>>;
  for (const key in fields) {
    if (NO_CHILDREN.has(key)) continue;
    const value = fields[key];
    if (Array.isArray(value)) {
      for (const item of value as readonly unknown[]) if (isNode(item)) visit(item, key);
    } else if (isNode(value)) {
      visit(value, key);
    }
  }
}

/** Strips parentheses, `as`, `satisfies` and `!`, and, where `awaits` is set, `await`. */
export function unwrap(node: Node, awaits = false): Node {
  switch (node.type) {
    case "ParenthesizedExpression":
    case "TSAsExpression":
    case "TSSatisfiesExpression":
    case "TSNonNullExpression":
    case "TSInstantiationExpression":
      return unwrap(node.expression, awaits);
    case "AwaitExpression":
      return awaits ? unwrap(node.argument, awaits) : node;
    default:
      return node;
  }
}

/** The identifiers that a binding pattern declares, in order. */
export function boundNames(pattern: Node): (Span & { readonly name: string })[] {
  switch (pattern.type) {
    case "Identifier": {
      const { start } = span(pattern);
      return [{ name: pattern.name, start, end: start + pattern.name.length }];
    }
    case "ObjectPattern":
      return pattern.properties.flatMap((property) =>
        boundNames(property.type === "RestElement" ? property.argument : property.value),
      );
    case "ArrayPattern":
      return pattern.elements.flatMap((element) => (element ? boundNames(element) : []));
    case "AssignmentPattern":
      return boundNames(pattern.left);
    case "RestElement":
      return boundNames(pattern.argument);
    default:
      return [];
  }
}

/** Fields that hold no nodes, left out because reading them costs time on large files. */
const NO_CHILDREN: ReadonlySet<string> = new Set(["type", "start", "end", "loc", "extra", "errors", "comments"]);

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string";
}
