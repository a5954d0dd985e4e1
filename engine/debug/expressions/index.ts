/** The expression language of the debugger: what conditions, watches, log messages and assignments are written in. */
export { complete } from "./complete";
export { evaluateCondition, evaluateExpression } from "./evaluate";
export { clipboardText, formatElement, formatNumber, formatTensor, formatValue, statisticsOf, typeOf } from "./format";
export { formatMessage, messageParts, messageProblem, type MessagePart } from "./message";
export { parseAssignment, parseExpression } from "./parse";
export type { Expression } from "./syntax";
export { type Target, parseTarget, writeTarget } from "./target";
export {
  ExpressionError,
  type ListValue,
  type NameRecord,
  type Names,
  type RecordValue,
  type Span,
  type TensorValue,
  type Value,
  asNumber,
  booleanValue,
  isTrue,
  listValue,
  numberValue,
  tensorValue,
  textValue,
} from "./values";
