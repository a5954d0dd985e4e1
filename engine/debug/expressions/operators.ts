import { type Allowance, operate } from "./operations";
import type { OperationName } from "./signatures";
import type { BinaryOperator, UnaryOperator } from "./syntax";
import { ExpressionError, type Value, booleanValue, describe, isTrue, numberValue } from "./values";

/** Signs between values: of two numbers as plain arithmetic, else as the engine's operations. */

export function unary(operator: UnaryOperator, operand: Value, allowance: Allowance): Value {
  if (operator === "!") return booleanValue(!isTrue(operand));
  if (operand.kind === "number" || operand.kind === "boolean") {
    return numberValue(operator === "-" ? -Number(operand.value) : Number(operand.value));
  }
  const value = operandOf(operand, operator);
  return operator === "-" ? operate("neg", [value], allowance) : value;
}

export function arithmetic(operator: Arithmetic, left: Value, right: Value, allowance: Allowance): Value {
  const { operation, numbers } = ARITHMETIC[operator];
  const isEquality = operation === "eq" || operation === "ne";
  if (isEquality && (isPlain(left) || isPlain(right)))
    return booleanValue(isSame(left, right) === (operation === "eq"));
  const simple = (value: Value): number | undefined =>
    value.kind === "number" || value.kind === "boolean" ? Number(value.value) : undefined;
  const [a, b] = [simple(left), simple(right)];
  if (a !== undefined && b !== undefined) {
    if (operator === "@") throw new ExpressionError(`@ multiplies matrices; of two numbers write *`);
    const result = numbers(a, b);
    return typeof result === "boolean" ? booleanValue(result) : numberValue(result);
  }
  return operate(operation, [operandOf(left, operator), operandOf(right, operator)], allowance);
}

function operandOf(value: Value, operator: string): Value {
  if (value.kind === "tensor" || value.kind === "number" || value.kind === "boolean" || value.kind === "list")
    return value;
  throw new ExpressionError(`${operator} is for numbers and tensors; got ${describe(value)}`);
}

/** What is compared as a whole. */
function isPlain({ kind }: Value): boolean {
  return kind === "text" || kind === "null" || kind === "record";
}

function isSame(a: Value, b: Value): boolean {
  if (a.kind === "text" && b.kind === "text") return a.value === b.value;
  return a === b || (a.kind === "null" && b.kind === "null");
}

/** Signs whose operands are both always computed. */
type Arithmetic = Exclude<BinaryOperator, "&&" | "||" | "??">;

/** Of two numbers, and which operation it is where a tensor takes part. */
const ARITHMETIC: Readonly<
  Record<
    Arithmetic,
    { readonly operation: OperationName; readonly numbers: (a: number, b: number) => number | boolean }
  >
> = {
  "+": { operation: "add", numbers: (a, b) => a + b },
  "-": { operation: "sub", numbers: (a, b) => a - b },
  "*": { operation: "mul", numbers: (a, b) => a * b },
  "/": { operation: "div", numbers: (a, b) => a / b },
  // As the operation defines it: the sign is the divisor's.
  "%": { operation: "remainder", numbers: (a, b) => a - Math.floor(a / b) * b },
  "**": { operation: "pow", numbers: (a, b) => a ** b },
  "@": { operation: "matmul", numbers: () => NaN },
  "==": { operation: "eq", numbers: (a, b) => a === b },
  "===": { operation: "eq", numbers: (a, b) => a === b },
  "!=": { operation: "ne", numbers: (a, b) => a !== b },
  "!==": { operation: "ne", numbers: (a, b) => a !== b },
  "<": { operation: "lt", numbers: (a, b) => a < b },
  "<=": { operation: "le", numbers: (a, b) => a <= b },
  ">": { operation: "gt", numbers: (a, b) => a > b },
  ">=": { operation: "ge", numbers: (a, b) => a >= b },
};
