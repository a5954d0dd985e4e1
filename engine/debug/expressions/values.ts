import type { NdArray } from "../../graph/array";
import { type DType, formatShape } from "../../graph/shape";
import type { Tensor } from "../../graph/tensor";
import type { CompletionRecord } from "../requests";

/** What expressions give and are made of, and where their names come from. */

export type Value = TensorValue | NumberValue | BooleanValue | TextValue | NullValue | ListValue | RecordValue;

export interface TensorValue {
  readonly kind: "tensor";
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** May be a getter that computes when asked: shape and dtype are asked for more often. */
  readonly array: NdArray;
  /** The node whose value it is; null for what an expression computed. */
  readonly node: Tensor | null;
}

export interface NumberValue {
  readonly kind: "number";
  readonly value: number;
}

export interface BooleanValue {
  readonly kind: "boolean";
  readonly value: boolean;
}

export interface TextValue {
  readonly kind: "text";
  readonly value: string;
}

export interface NullValue {
  readonly kind: "null";
}

export interface ListValue {
  readonly kind: "list";
  readonly items: readonly Value[];
}

/** Something with named members that are computed when asked for: a module, `batch`, `optimizer`. */
export interface RecordValue {
  readonly kind: "record";
  /** `module`, `batch`, `optimizer`, … */
  readonly type: string;
  /** One line for the user: `Linear(784 → 128)`. */
  readonly text: string;
  readonly members: () => readonly NameRecord[];
  readonly member: (name: string) => Value | undefined;
  /** What `hidden(x)` gives, where calling it has a meaning. */
  readonly call?: (given: readonly Value[]) => Value;
}

/** A name as completions show it. */
export interface NameRecord {
  readonly name: string;
  readonly kind: CompletionRecord["kind"];
  /** `[64, 128] float32`, `Linear`. */
  readonly detail: string;
}

/**
 * What stands in scope. An error thrown by any of these, with words for the user, becomes the expression's error at the
 * place that asked.
 */
export interface Names {
  /**
   * A name of the user's code (`h`, `this`), of the training (`iteration`), a path (`layers.0.weight`, asked only where its
   * first part alone is unknown), or a gradient as it is written (`∂loss/∂h`).
   */
  readonly lookup: (name: string) => Value | undefined;
  readonly list: () => readonly NameRecord[];
  /** ∂of/∂tensor; `of` is `loss` for `.grad`. @throws in words where no gradient reaches it or it is not computed yet. */
  readonly gradientOf: (tensor: TensorValue, of: string) => Value;
  /** Compares the gradient with central differences. */
  readonly gradcheck: (tensor: TensorValue) => Value;
}

/** A part of an expression's text, from 0; the end is exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** The one error of expressions: what is wrong in words for the user, and where. */
export class ExpressionError extends Error {
  constructor(
    message: string,
    /** Null until the part of the expression at fault is known. */
    readonly span: Span | null = null,
  ) {
    super(message);
    this.name = "ExpressionError";
  }
}

/** Runs a part of an expression: whatever is thrown becomes an error in words at this place, unless it knows a nearer one. */
export function within<T>(span: Span, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof ExpressionError) throw error.span ? error : new ExpressionError(error.message, span);
    throw new ExpressionError(messageOf(error), span);
  }
}

/** Operations and names throw plain Errors in words; any other kind is a fault of ours. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return `internal: ${String(error)}`;
  const faults = [TypeError, RangeError, ReferenceError, SyntaxError];
  return faults.some((kind) => error instanceof kind) ? `internal: ${error.message}` : error.message;
}

export function tensorValue(array: NdArray, node: Tensor | null = null): TensorValue {
  return { kind: "tensor", shape: array.shape, dtype: array.dtype, array, node };
}

export function numberValue(value: number): NumberValue {
  return { kind: "number", value };
}

export function booleanValue(value: boolean): BooleanValue {
  return { kind: "boolean", value };
}

export function textValue(value: string): TextValue {
  return { kind: "text", value };
}

export function listValue(items: readonly Value[]): ListValue {
  return { kind: "list", items };
}

/** `the tensor [64, 128]`, `the text "abc"`: for errors. */
export function describe(value: Value): string {
  switch (value.kind) {
    case "tensor":
      return `the tensor ${formatShape(value.shape)} ${value.dtype}`;
    case "number":
    case "boolean":
      return `${value.kind === "number" ? "the number" : ""} ${String(value.value)}`.trim();
    case "text":
      return `the text ${JSON.stringify(value.value)}`;
    case "null":
      return "null";
    case "list":
      return `a list of ${value.items.length}`;
    case "record":
      return `the ${value.type} ${value.text}`.trim();
    default:
      return value satisfies never;
  }
}

/** The number that a value stands for: itself, a truth value as 0 or 1, a tensor's only element. */
export function asNumber(value: Value): number | undefined {
  if (value.kind === "number") return value.value;
  if (value.kind === "boolean") return Number(value.value);
  if (value.kind === "tensor" && value.array.data.length === 1) return value.array.data[0];
  return undefined;
}

/** @throws where it stands for no whole number */
export function asWhole(value: Value, what: string): number {
  const number = value.kind === "boolean" ? undefined : asNumber(value);
  if (number === undefined) throw new ExpressionError(`${what} is a whole number; got ${describe(value)}`);
  if (!Number.isSafeInteger(number)) throw new ExpressionError(`${what} is a whole number; got ${number}`);
  return number;
}

/** Whether a condition holds. A tensor of one element counts as its number. @throws for one of more elements */
export function isTrue(value: Value): boolean {
  switch (value.kind) {
    case "tensor": {
      const { data, shape } = value.array;
      if (data.length === 1) return data[0] !== 0;
      throw new ExpressionError(
        `a condition is one truth value, and this is a tensor ${formatShape(shape)}; ` +
          `say .any() or .all() of it, and logicalAnd, logicalOr, logicalNot for element by element`,
      );
    }
    case "number":
      return value.value !== 0 && !Number.isNaN(value.value);
    case "boolean":
      return value.value;
    case "text":
      return value.value !== "";
    case "null":
      return false;
    case "list":
      throw new ExpressionError(`a condition is one truth value, and this is ${describe(value)}`);
    case "record":
      return true;
    default:
      return value satisfies never;
  }
}
