/** Reading the adapter's answer: a picture with its numbers as numbers, or the reason why it is none. */
import type { TensorPicture, TensorStatistics } from "./protocol";

/** The picture in the body of an answer; null where it is of another form than `protocol.ts` says. */
export function readPicture(body: unknown): TensorPicture | null {
  if (!isRecord(body)) return null;
  const { expression, dtype, title } = body;
  const shape = readIndices(body.shape);
  const [rows, columns] = [readAxis(body.rows), readAxis(body.columns)];
  const values = readValues(body.values);
  const statistics = readStatistics(body.statistics);
  if (typeof expression !== "string" || typeof dtype !== "string" || typeof title !== "string") return null;
  if (!shape || !rows || !columns || !values || !statistics || !isRecord(body.histogram)) return null;
  if (values.length !== rows.count * columns.count) return null;
  const { counts } = body.histogram;
  return {
    expression,
    dtype,
    title,
    shape,
    slice: readIndices(body.slice) ?? [],
    rows,
    columns,
    values,
    statistics,
    histogram: {
      least: readNumber(body.histogram.least) ?? 0,
      most: readNumber(body.histogram.most) ?? 0,
      counts: readIndices(counts) ?? [],
    },
    note: typeof body.note === "string" ? body.note : null,
    place: readPlace(body.place),
    pixels: body.pixels === true,
  };
}

/** Float64 numbers from base64 of their little-endian bytes; also from a plain list of numbers. Null for what is neither. */
export function readValues(value: unknown): Float64Array | null {
  if (Array.isArray(value)) {
    const numbers = value.map(readNumber);
    return numbers.every((number) => number !== null) ? Float64Array.from(numbers) : null;
  }
  if (typeof value !== "string") return null;
  let text: string;
  try {
    text = atob(value);
  } catch {
    return null;
  }
  if (text.length % 8 !== 0) return null;
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  return Float64Array.from({ length: bytes.length / 8 }, (_, i) => view.getFloat64(8 * i, true));
}

function readNumber(value: unknown): number | null {
  if (typeof value === "number") return value;
  // What JSON.stringify makes of any number that is none.
  if (value === "NaN" || value === null) return NaN;
  if (value === "Infinity") return Infinity;
  return value === "-Infinity" ? -Infinity : null;
}

function readStatistics(value: unknown): TensorStatistics | null {
  if (!isRecord(value)) return null;
  const read = (name: keyof TensorStatistics): number => readNumber(value[name]) ?? NaN;
  const [size, zeros, notFinite] = [read("size"), read("zeros"), read("notFinite")];
  if (![size, zeros, notFinite].every(Number.isInteger)) return null;
  const [least, most, mean] = [read("least"), read("most"), read("mean")];
  return { size, zeros, notFinite, least, most, mean, deviation: read("deviation"), norm: read("norm") };
}

function readAxis(value: unknown): TensorPicture["rows"] | null {
  if (!isRecord(value)) return null;
  const { axis, size, first, count } = value;
  if (axis !== null && !isCount(axis)) return null;
  return isCount(size) && isCount(first) && isCount(count) ? { axis, size, first, count } : null;
}

function readIndices(value: unknown): readonly number[] | null {
  return Array.isArray(value) && value.every(isCount) ? value : null;
}

function readPlace(value: unknown): TensorPicture["place"] {
  if (!isRecord(value) || typeof value.file !== "string" || !isCount(value.line)) return null;
  return { file: value.file, line: value.line };
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
