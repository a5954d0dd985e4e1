import type { Expression } from "../kernel/expression";

/** Whether the value depends on the position, not on inputs alone. */
export function usesIndex(e: Expression): boolean {
  switch (e.kind) {
    case "index":
      return true;
    case "input":
    case "constant":
      return false;
    case "unary":
      return usesIndex(e.a);
    case "binary":
      return usesIndex(e.a) || usesIndex(e.b);
    case "select":
      return usesIndex(e.test) || usesIndex(e.yes) || usesIndex(e.no);
    default:
      return e satisfies never;
  }
}

/** Operations and operands of an expression as it is written. */
export function weight(e: Expression): number {
  switch (e.kind) {
    case "input":
    case "constant":
    case "index":
      return 1;
    case "unary":
      return 1 + weight(e.a);
    case "binary":
      return 1 + weight(e.a) + weight(e.b);
    case "select":
      return 1 + weight(e.test) + weight(e.yes) + weight(e.no);
    default:
      return e satisfies never;
  }
}
