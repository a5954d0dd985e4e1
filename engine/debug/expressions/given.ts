import type { NdArray, Nested } from "../../graph/array";
import type { Tensor } from "../../graph/tensor";
import { asTensor } from "../../ops";
import { type OperationName, type Parameter, signatureOf } from "./signatures";
import { ExpressionError, type Value, asNumber, asWhole, describe } from "./values";

/** Values as the engine's operations take them. */

/** Makes a node that stands for an array. */
type Leaf = (array: NdArray) => Tensor;

/**
 * Sizes and positions beyond this are mistakes: some operations count up to them while they build, and the engine takes
 * numbers from about twice as many for symbols (`graph/dim`).
 */
const LARGEST = 7_000_000;
const MOST_PARTS = 10_000;
const MOST_AXES = 32;
const DTYPES = ["float32", "int32", "bool"];

/** @throws ExpressionError that names the parameter that does not fit */
export function givenFor(
  name: OperationName,
  parameters: readonly Parameter[],
  given: readonly Value[],
  leaf: Leaf,
): unknown[] {
  const rest = parameters.at(-1)?.rest === true;
  const least = parameters.filter((parameter) => !parameter.optional && !parameter.rest).length;
  if (given.length < least || (!rest && given.length > parameters.length)) {
    const count = given.length === 1 ? "1 value" : `${given.length} values`;
    throw new ExpressionError(`${signatureOf(name)} was given ${count}`);
  }
  return given.map((value, i) => {
    const parameter = parameters[Math.min(i, parameters.length - 1)];
    if (value.kind === "null" && parameter.optional) return undefined;
    const converted = convert(parameter, value, `${name}: ${parameter.name}`, leaf);
    // Optional weights are nodes; numbers elsewhere take the dtype of their partner.
    const isNode = parameter.kind === "tensor" && parameter.optional;
    return isNode ? asTensor(converted as Nested) : converted;
  });
}

function convert(parameter: Pick<Parameter, "kind" | "options">, value: Value, what: string, leaf: Leaf): unknown {
  switch (parameter.kind) {
    case "tensor":
      return value.kind === "tensor" ? leaf(value.array) : nestedOf(value, what);
    case "tensors":
      if (value.kind !== "list")
        throw new ExpressionError(`${what} is a list of tensors, as in [a, b]; got ${describe(value)}`);
      return value.items.map((item, i) => convert({ kind: "tensor", options: [] }, item, `${what}[${i}]`, leaf));
    case "number":
      return numberOf(value, what);
    case "bound":
      return ofSize(numberOf(value, what), what);
    case "integer":
      return wholeOf(value, what);
    case "count":
      return countOf(value, what, LARGEST);
    case "integers":
      return value.kind === "list" ? wholesOf(value, what, MOST_AXES) : wholeOf(value, what);
    case "parts":
      return value.kind === "list" ? wholesOf(value, what, MOST_PARTS) : countOf(value, what, MOST_PARTS);
    case "shape":
      return wholesOf(value, what, MOST_AXES);
    case "pairs":
      return itemsOf(value, what, MOST_AXES).map((item, i) => {
        const pair = wholesOf(item, `${what}[${i}]`, 2);
        if (pair.length === 2) return pair;
        throw new ExpressionError(`${what}[${i}] is a pair [before, after]; got ${describe(item)}`);
      });
    case "dtype":
      if (value.kind === "text" && DTYPES.includes(value.value)) return value.value;
      throw new ExpressionError(
        `${what} is one of ${DTYPES.map((dtype) => `"${dtype}"`).join(", ")}; got ${describe(value)}`,
      );
    case "text":
      if (value.kind === "text") return value.value;
      throw new ExpressionError(`${what} is a text in quotes; got ${describe(value)}`);
    case "part":
      if (value.kind === "null") return null;
      if (value.kind !== "list") return wholeOf(value, what);
      return itemsOf(value, what, 3).map((item) => (item.kind === "null" ? null : wholeOf(item, what)));
    case "options":
      return optionsOf(value, what, parameter.options);
    default:
      return parameter.kind satisfies never;
  }
}

/** Numbers and lists of numbers, as deep as they are. */
export function nestedOf(value: Value, what: string): Nested {
  if (value.kind === "list") return value.items.map((item, i) => nestedOf(item, `${what}[${i}]`));
  if (value.kind === "boolean" || value.kind === "number") return value.value;
  const number = asNumber(value);
  if (number !== undefined && value.kind === "tensor" && value.shape.length === 0) {
    return value.dtype === "bool" ? number !== 0 : number;
  }
  const stacked = value.kind === "tensor" ? "; join tensors by stack([a, b]) or concat([a, b])" : "";
  throw new ExpressionError(`${what} is a tensor or a number; got ${describe(value)}${stacked}`);
}

function numberOf(value: Value, what: string): number {
  const number = asNumber(value);
  if (number === undefined) throw new ExpressionError(`${what} is a number; got ${describe(value)}`);
  return number;
}

function wholeOf(value: Value, what: string): number {
  return ofSize(asWhole(value, what), what);
}

function ofSize(size: number, what: string): number {
  if (Math.abs(size) <= LARGEST) return size;
  throw new ExpressionError(`${what} is a number from ${-LARGEST} to ${LARGEST}; got ${size}`);
}

function countOf(value: Value, what: string, most: number): number {
  const count = asWhole(value, what);
  if (count >= 1 && count <= most) return count;
  throw new ExpressionError(`${what} is a whole number from 1 to ${most}; got ${count}`);
}

function itemsOf(value: Value, what: string, most: number): readonly Value[] {
  const items =
    value.kind === "tensor" && value.shape.length === 1 && value.shape[0] <= most
      ? Array.from(value.array.data, (item): Value => ({ kind: "number", value: item }))
      : value.kind === "list"
        ? value.items
        : undefined;
  if (!items) throw new ExpressionError(`${what} is a list, as in [64, 128]; got ${describe(value)}`);
  if (items.length > most) throw new ExpressionError(`${what} is a list of at most ${most}; got ${items.length}`);
  return items;
}

function wholesOf(value: Value, what: string, most: number): number[] {
  return itemsOf(value, what, most).map((item, i) => wholeOf(item, `${what}[${i}]`));
}

/** Numbers, truth values, texts, and lists of numbers by name. */
function optionsOf(value: Value, what: string, known: readonly string[]): Record<string, unknown> {
  if (value.kind !== "record") {
    throw new ExpressionError(`${what} are written as { ${known.join(": …, ")}: … }; got ${describe(value)}`);
  }
  const options: Record<string, unknown> = {};
  for (const { name } of value.members()) {
    if (!known.includes(name)) throw new ExpressionError(`${what}: there is no ${name}; known are ${known.join(", ")}`);
    const option = value.member(name);
    if (option === undefined) continue;
    if (option.kind === "boolean" || option.kind === "text") options[name] = option.value;
    else if (option.kind === "list") options[name] = wholesOf(option, `${what}.${name}`, MOST_AXES);
    else options[name] = numberOf(option, `${what}.${name}`);
  }
  return options;
}
