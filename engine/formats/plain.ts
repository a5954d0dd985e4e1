/**
 * Plain arrays: what every file format reads into and writes from.
 *
 * A plain array knows its shape, its dtype and its values in row-major (C) order, and nothing of graphs or tensors.
 */

import { fetchAgain, FormatError } from "./error";
import type { Place } from "./error";

/** The typed array that holds each dtype. `bool` holds 0 and 1 in bytes; `int64` holds bigints. */
export interface PlainData {
  readonly float32: Float32Array;
  readonly float64: Float64Array;
  readonly int8: Int8Array;
  readonly int16: Int16Array;
  readonly int32: Int32Array;
  readonly int64: BigInt64Array;
  readonly uint8: Uint8Array;
  readonly bool: Uint8Array;
}

export type PlainDtype = keyof PlainData;

/** An array of one dtype; `data.length` is the product of `shape` (1 for the scalar shape `[]`). */
export type PlainArray<D extends PlainDtype = PlainDtype> = {
  readonly [K in D]: { readonly shape: readonly number[]; readonly dtype: K; readonly data: PlainData[K] };
}[D];

/** Bytes of one element. */
export const itemSize = {
  float32: 4,
  float64: 8,
  int8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  uint8: 1,
  bool: 1,
} as const satisfies Record<PlainDtype, number>;

/**
 * Builds a plain array and checks that the data fit the shape.
 * @throws RangeError when a dimension is no whole number from 0, or the data's length is not the shape's product.
 */
export function plainArray<D extends PlainDtype>(
  shape: readonly number[],
  dtype: D,
  data: PlainData[D],
): PlainArray<D> {
  checkShape({ shape, data });
  return { shape, dtype, data };
}

/** The number of elements of a shape, or `undefined` when it is no shape or exceeds 2^53 − 1. */
export function elementCount(shape: readonly number[]): number | undefined {
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0)) return undefined;
  // A zero anywhere makes the product zero, however large the other factors are.
  if (shape.includes(0)) return 0;
  let count = 1;
  for (const size of shape) {
    count *= size;
    if (count > Number.MAX_SAFE_INTEGER) return undefined;
  }
  return count;
}

/** The shape as messages show it: `[60000, 28, 28]`. */
export function formatShape(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}

/** The values as 64-bit floats. An int64 beyond ±2^53 would lose digits and is refused. */
export function toFloat64(array: PlainArray, file = "array"): Float64Array {
  if (array.dtype !== "int64") return Float64Array.from(array.data);
  return Float64Array.from(array.data, (value, index) => {
    const number = Number(value);
    if (Number.isSafeInteger(number)) return number;
    throw new FormatError(
      file,
      undefined,
      `element ${index} is ${value}, which a 64-bit float cannot hold exactly`,
      "Keep int64 values within ±(2^53 − 1)",
    );
  });
}

/** The values as 32-bit floats, rounded to the nearest. A finite value beyond float32's range is refused. */
export function toFloat32(array: PlainArray, file = "array"): Float32Array {
  if (array.dtype === "float32") return array.data;
  const wide = toFloat64(array, file);
  return Float32Array.from(wide, (value, index) => {
    if (!Number.isFinite(value) || Number.isFinite(Math.fround(value))) return value;
    throw new FormatError(
      file,
      undefined,
      `element ${index} is ${value}, beyond float32's largest value 3.4e38`,
      "Scale the values, or read them as float64",
    );
  });
}

/** The values as 32-bit integers. A fraction, NaN or a value beyond int32 is refused. */
export function toInt32(array: PlainArray, file = "array"): Int32Array {
  if (array.dtype === "int32") return array.data;
  return Int32Array.from(array.data as ArrayLike<number | bigint>, (value, index) => {
    const number = Number(value);
    if ((number | 0) === number) return number;
    throw new FormatError(
      file,
      undefined,
      `element ${index} is ${value}, which is no 32-bit integer`,
      "Class labels must be whole numbers: check which file or column holds them",
    );
  });
}

/**
 * Decodes `count` elements that start at byte `start`. The caller has checked that they are there.
 * @throws FormatError for a bool that is neither 0 nor 1.
 */
export function decodeElements(
  bytes: Uint8Array,
  start: number,
  shape: readonly number[],
  dtype: PlainDtype,
  littleEndian: boolean,
  file: string,
): PlainArray {
  const count = elementCount(shape);
  if (count === undefined || start + count * itemSize[dtype] > bytes.length) {
    throw new Error(`internal: decodeElements was asked for ${formatShape(shape)} beyond the end of ${file}`);
  }
  // A copy, so that the result keeps neither the file's memory nor its alignment. (Not slice(): Node's Buffer shares.)
  const raw = new Uint8Array(count * itemSize[dtype]);
  raw.set(bytes.subarray(start, start + raw.length));
  if (littleEndian !== hostIsLittleEndian) swapBytes(raw, itemSize[dtype]);
  if (dtype === "bool") {
    const odd = raw.findIndex((byte) => byte > 1);
    if (odd >= 0) {
      throw new FormatError(file, { byte: start + odd }, `a bool is stored as ${raw[odd]}, not as 0 or 1`, fetchAgain);
    }
  }
  return { shape, dtype, data: view(raw, dtype) } as PlainArray;
}

/** The elements' bytes in the given byte order, row-major. */
export function encodeElements(array: PlainArray, littleEndian: boolean): Uint8Array {
  const { buffer, byteOffset, byteLength } = array.data;
  const bytes = Uint8Array.from(new Uint8Array(buffer, byteOffset, byteLength));
  if (littleEndian !== hostIsLittleEndian) swapBytes(bytes, itemSize[array.dtype]);
  return bytes;
}

/** Checks an array that a caller wants written. @throws RangeError, see {@link plainArray}. */
export function checkShape(array: Pick<PlainArray, "shape" | "data">): void {
  const count = elementCount(array.shape);
  if (count === undefined) {
    throw new RangeError(
      `shape ${formatShape(array.shape)} is no shape: every dimension must be a whole number from 0, their product under 2^53`,
    );
  }
  if (count !== array.data.length) {
    throw new RangeError(
      `shape ${formatShape(array.shape)} takes ${count} elements, but the data hold ${array.data.length}: give as many as the shape takes`,
    );
  }
}

/**
 * Checks that a header's claim agrees with the bytes that follow, before anything is allocated.
 * Returns the number of elements.
 */
export function checkClaim(
  shape: readonly number[],
  size: number,
  available: number,
  file: string,
  place: Place,
): number {
  const count = elementCount(shape);
  const claimed = count === undefined ? undefined : count * size;
  if (count === undefined || claimed === undefined || claimed !== available) {
    const promise = claimed === undefined ? "more than 2^53 bytes" : `${claimed} bytes`;
    throw new FormatError(
      file,
      place,
      `the header promises shape ${formatShape(shape)}, ${promise}, but ${available} bytes follow`,
      fetchAgain,
    );
  }
  return count;
}

const hostIsLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

function swapBytes(bytes: Uint8Array, size: number): void {
  if (size === 1) return;
  for (let start = 0; start < bytes.length; start += size) {
    for (let low = start, high = start + size - 1; low < high; low++, high--) {
      const byte = bytes[low];
      bytes[low] = bytes[high];
      bytes[high] = byte;
    }
  }
}

/** `bytes` must start at its buffer's byte 0, as a fresh slice does: typed arrays want alignment. */
function view(bytes: Uint8Array, dtype: PlainDtype): PlainData[PlainDtype] {
  const { buffer } = bytes;
  switch (dtype) {
    case "float32":
      return new Float32Array(buffer);
    case "float64":
      return new Float64Array(buffer);
    case "int8":
      return new Int8Array(buffer);
    case "int16":
      return new Int16Array(buffer);
    case "int32":
      return new Int32Array(buffer);
    case "int64":
      return new BigInt64Array(buffer);
    case "uint8":
    case "bool":
      return bytes;
    default:
      return dtype satisfies never;
  }
}
