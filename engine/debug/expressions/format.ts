import { type NdArray, isFiniteFloat } from "../../graph/array";
import { formatShape, rowMajorStrides } from "../../graph/shape";
import type { NumberFormat, TensorStatistics } from "../requests";
import type { Value } from "./values";

/** The one place where values become text for the user of the debugger. */

/** Of these many elements all are shown. */
const SHORT = 8;
const DIGITS = 6;
/** Of figures about a large tensor, which are to be taken in at a glance. */
const FIGURE_DIGITS = 4;
/** So many significant digits give back every float32. */
const EXACT_DIGITS = 9;

/** One line: scalars as plain numbers, everything else with shape and dtype first. */
export function formatValue(value: Value, format: NumberFormat = {}): string {
  switch (value.kind) {
    case "tensor":
      return formatTensor(value.array, format);
    case "number":
      return formatNumber(value.value, format);
    case "boolean":
      return String(value.value);
    case "text":
      return JSON.stringify(value.value);
    case "null":
      return "null";
    case "list": {
      const shown = value.items.slice(0, SHORT).map((item) => formatValue(item, format));
      const more = value.items.length - shown.length;
      return `[${shown.join(", ")}${more > 0 ? `, … ${more} more` : ""}]`;
    }
    case "record":
      return value.text;
    default:
      return value satisfies never;
  }
}

/** `tensor`, `number`, `module`, …: the type that a variable shows. */
export function typeOf(value: Value): string {
  return value.kind === "record" ? value.type : value.kind;
}

/** `[3] float32 [0.1, -2, 3.5]`, `[64, 128] float32 · mean 0.12, std 0.98, min -3.1, max 2.9`; a scalar as its number. */
export function formatTensor(array: NdArray, format: NumberFormat = {}): string {
  if (array.shape.length === 0) return formatElement(array.data[0], array.dtype, format);
  const head = `${formatShape(array.shape)} ${array.dtype}`;
  if (array.data.length <= SHORT) return `${head} ${nestedText(array, format, Infinity).text}`;
  return `${head} · ${formatFigures(array, format)}`;
}

/** A number in significant digits, or the bits of its float32. Whole numbers keep all their digits. */
export function formatNumber(x: number, { hex = false, digits = DIGITS }: NumberFormat = {}): string {
  if (hex) return hexOfBits(new Uint32Array(Float32Array.of(x).buffer)[0]);
  if (!Number.isFinite(x)) return String(x);
  if (x === 0) return Object.is(x, -0) ? "-0" : "0";
  const size = Math.abs(x);
  if (Number.isInteger(x) && size < LARGE) return String(x);
  const rounded = Number(x.toPrecision(Math.min(Math.max(Math.round(digits) || 1, 1), 17)));
  const plain = plainText(rounded);
  if (size >= SMALL && size < LARGE) return plain;
  const exponent = rounded.toExponential().replace("e+", "e");
  return exponent.length < plain.length ? exponent : plain;
}

/** An element of a tensor: truth values in words, whole numbers as bits of an int32. */
export function formatElement(x: number, dtype: NdArray["dtype"], format: NumberFormat = {}): string {
  if (dtype === "bool") return String(x !== 0);
  return dtype === "int32" && format.hex ? hexOfBits(x >>> 0) : formatNumber(x, format);
}

/** Figures of all elements in one pass. Numbers that are none are counted, and left out of everything else. */
export function statisticsOf({ data }: NdArray): TensorStatistics {
  const known = statistics.get(data);
  if (known) return known;
  const found = countStatistics(data);
  statistics.set(data, found);
  return found;
}

/** At one stop many texts tell of the same tensor. */
const statistics = new WeakMap<Float64Array, TensorStatistics>();

function countStatistics(data: Float64Array): TensorStatistics {
  let least = Infinity;
  let most = -Infinity;
  let mean = 0;
  let squares = 0;
  let norm = 0;
  let sum = 0;
  let zeros = 0;
  let finite = 0;
  for (const x of data) {
    if (!isFiniteFloat(x)) continue;
    finite++;
    if (x === 0) zeros++;
    least = Math.min(least, x);
    most = Math.max(most, x);
    norm += x * x;
    sum += x;
    // Welford's way: sums of squares would lose the small spread of large numbers.
    const from = x - mean;
    mean += from / finite;
    squares += from * (x - mean);
  }
  const none = finite === 0;
  return {
    size: data.length,
    least: none ? NaN : least,
    most: none ? NaN : most,
    // As the operation of that name gives it.
    mean: none ? NaN : sum / finite,
    deviation: none ? NaN : Math.sqrt(squares / finite),
    norm: Math.sqrt(norm),
    zeros,
    notFinite: data.length - finite,
  };
}

/**
 * All elements as nested lists, for the clipboard: numbers exact to the float32.
 *
 * @param most elements beyond these are cut, and counted in a line of its own
 */
export function clipboardText(value: Value, format: NumberFormat = {}, most = 100_000): string {
  const exact = { digits: EXACT_DIGITS, ...format };
  if (value.kind === "list") return `[${value.items.map((item) => clipboardText(item, exact, most)).join(", ")}]`;
  if (value.kind === "text") return value.value;
  if (value.kind !== "tensor") return formatValue(value, exact);
  const { text, cut } = nestedText(value.array, exact, most);
  const size = value.array.data.length;
  return cut === 0 ? text : `${text}\n… ${cut} of ${size} elements of ${formatShape(value.shape)} were cut`;
}

const SMALL = 1e-4;
const LARGE = 1e9;

/** `mean 0.12, std 0.98, min -3.1, max 2.9, 3 NaN`; of truth values how many are which. */
function formatFigures(array: NdArray, format: NumberFormat): string {
  const { data, dtype } = array;
  if (dtype === "bool") {
    const yes = data.reduce((count, x) => count + Number(x !== 0), 0);
    return `${yes} true, ${data.length - yes} false`;
  }
  const { mean, deviation, least, most, notFinite } = statisticsOf(array);
  const figure = (x: number): string => formatNumber(x, { digits: format.digits ?? FIGURE_DIGITS });
  const parts =
    notFinite === data.length
      ? []
      : [
          `mean ${figure(mean)}`,
          `std ${figure(deviation)}`,
          `min ${formatElement(least, dtype, { ...format, digits: format.digits ?? FIGURE_DIGITS })}`,
          `max ${formatElement(most, dtype, { ...format, digits: format.digits ?? FIGURE_DIGITS })}`,
        ];
  if (notFinite > 0) parts.push(...badCounts(data));
  return parts.join(", ");
}

function badCounts(data: Float64Array): string[] {
  const count = (holds: (x: number) => boolean): number => data.reduce((sum, x) => sum + Number(holds(x)), 0);
  const counts: readonly (readonly [string, number])[] = [
    ["NaN", count(Number.isNaN)],
    ["Infinity", count((x) => x === Infinity)],
    ["-Infinity", count((x) => x === -Infinity)],
  ];
  return counts.filter(([, many]) => many > 0).map(([name, many]) => `${many} ${name}`);
}

/** Nested lists of the first elements, the rows of matrices on lines of their own where there are many. */
function nestedText(
  { shape, dtype, data }: NdArray,
  format: NumberFormat,
  most: number,
): { readonly text: string; readonly cut: number } {
  const shown = Math.min(data.length, Math.max(0, most));
  const strides = rowMajorStrides(shape);
  const write = (axis: number, offset: number): string => {
    if (axis === shape.length) return formatElement(data[offset], dtype, format);
    const items: string[] = [];
    for (let i = 0; i < shape[axis]; i++) {
      const at = offset + i * strides[axis];
      if (at >= shown && data.length > 0) {
        items.push("…");
        break;
      }
      items.push(write(axis + 1, at));
    }
    const apart = axis < shape.length - 1 && data.length > SHORT ? `,\n${" ".repeat(axis + 1)}` : ", ";
    return `[${items.join(apart)}]`;
  };
  return { text: write(0, 0), cut: data.length - shown };
}

/** Without an exponent: JavaScript itself writes one below 1e-6 and from 1e21. */
function plainText(x: number): string {
  const text = String(x);
  const match = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (!match) return text;
  const [, sign, first, rest = "", power] = match;
  const digits = first + rest;
  const point = 1 + Number(power);
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  return `${sign}${digits.padEnd(point, "0")}`;
}

function hexOfBits(bits: number): string {
  return `0x${bits.toString(16).padStart(8, "0")}`;
}
