/**
 * The small language of fused kernels: what happens to one element.
 *
 * Operations lower to it, every backend turns it into code of its own (JavaScript, WASM, WGSL).
 * It knows numbers only; booleans are 0 and 1.
 */
export type Expression =
  | { readonly kind: "input"; readonly index: number }
  | { readonly kind: "constant"; readonly value: number }
  /** The element's position along one axis of the kernel's shape. */
  | { readonly kind: "index"; readonly axis: number }
  | { readonly kind: "unary"; readonly fn: UnaryFunction; readonly a: Expression }
  | { readonly kind: "binary"; readonly fn: BinaryFunction; readonly a: Expression; readonly b: Expression }
  | { readonly kind: "select"; readonly test: Expression; readonly yes: Expression; readonly no: Expression };

export const UNARY_FUNCTIONS = [
  "negate",
  "exp",
  "expm1",
  "log",
  "log1p",
  "sqrt",
  "abs",
  "sin",
  "cos",
  "tan",
  "tanh",
  "erf",
  "floor",
  "ceil",
  "round",
  "truncate",
  "not",
] as const;
export type UnaryFunction = (typeof UNARY_FUNCTIONS)[number];

export const BINARY_FUNCTIONS = [
  "add",
  "subtract",
  "multiply",
  "divide",
  "power",
  "remainder",
  "maximum",
  "minimum",
  "less",
  "lessEqual",
  "equal",
  "notEqual",
] as const;
export type BinaryFunction = (typeof BINARY_FUNCTIONS)[number];

export type Operand = Expression | number;

export const input = (index: number): Expression => ({ kind: "input", index });
export const constant = (value: number): Expression => ({ kind: "constant", value });
export const index = (axis: number): Expression => ({ kind: "index", axis });
export const unary = (fn: UnaryFunction, a: Operand): Expression => ({ kind: "unary", fn, a: expression(a) });
export const binary = (fn: BinaryFunction, a: Operand, b: Operand): Expression =>
  simplify({ kind: "binary", fn, a: expression(a), b: expression(b) });
export const select = (test: Expression, yes: Operand, no: Operand): Expression => ({
  kind: "select",
  test,
  yes: expression(yes),
  no: expression(no),
});

function expression(operand: Operand): Expression {
  return typeof operand === "number" ? constant(operand) : operand;
}

/** Drops arithmetic that changes no value (x+0 is kept: it turns -0 into 0). */
function simplify(e: Expression & { kind: "binary" }): Expression {
  if (e.b.kind === "constant" && e.b.value === 1 && (e.fn === "multiply" || e.fn === "divide")) return e.a;
  if (e.a.kind === "constant" && e.a.value === 1 && e.fn === "multiply") return e.b;
  return e;
}

/** Replaces each input by the expression given for it: how two kernels become one. */
export function substitute(e: Expression, inputs: (index: number) => Expression): Expression {
  switch (e.kind) {
    case "input":
      return inputs(e.index);
    case "constant":
    case "index":
      return e;
    case "unary":
      return { ...e, a: substitute(e.a, inputs) };
    case "binary":
      return binary(e.fn, substitute(e.a, inputs), substitute(e.b, inputs));
    case "select":
      return {
        ...e,
        test: substitute(e.test, inputs),
        yes: substitute(e.yes, inputs),
        no: substitute(e.no, inputs),
      };
    default:
      return e satisfies never;
  }
}

/** Stable text, e.g. `max(i0 * 2, 0)`. */
export function printExpression(e: Expression): string {
  switch (e.kind) {
    case "input":
      return `i${e.index}`;
    case "constant":
      return String(e.value);
    case "index":
      return `axis${e.axis}`;
    case "unary":
      return `${e.fn}(${printExpression(e.a)})`;
    case "binary":
      return `${e.fn}(${printExpression(e.a)}, ${printExpression(e.b)})`;
    case "select":
      return `select(${[e.test, e.yes, e.no].map(printExpression).join(", ")})`;
    default:
      return e satisfies never;
  }
}
