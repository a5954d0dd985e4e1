/**
 * IDX, the format of the MNIST files: two zero bytes, a type code, the rank, one big-endian 32-bit size per dimension,
 * then the elements, big-endian and row-major (LeCun, "The MNIST database", file format).
 */

import { fetchAgain, FormatError } from "./error";
import { gunzip, gzip, isGzip } from "./gzip";
import { checkClaim, checkShape, decodeElements, encodeElements, itemSize } from "./plain";
import type { PlainArray, PlainDtype } from "./plain";

const typeCodes = {
  uint8: 0x08,
  int8: 0x09,
  int16: 0x0b,
  int32: 0x0c,
  float32: 0x0d,
  float64: 0x0e,
} as const satisfies Partial<Record<PlainDtype, number>>;

/** The dtypes that IDX can hold. */
export type IdxDtype = keyof typeof typeCodes;

/**
 * Reads an IDX file, gzip-compressed or not.
 * @param file name for messages
 * @throws FormatError when the file is no IDX file, truncated, too long or damaged.
 */
export function readIdx(bytes: Uint8Array, file = "data.idx"): PlainArray<IdxDtype> {
  if (isGzip(bytes)) return readIdx(gunzip(bytes, file), file);
  if (bytes.length < 4) {
    throw new FormatError(file, { byte: bytes.length }, "the file ends inside the IDX header", fetchAgain);
  }
  const dtype = dtypeOf(bytes[2]);
  if (bytes[0] !== 0 || bytes[1] !== 0 || dtype === undefined) {
    const begin = Array.from(bytes.subarray(0, 4), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
    throw new FormatError(
      file,
      { byte: 0 },
      `this is no IDX file: it begins with ${begin}, an IDX file with 00 00 and a type code (08, 09, 0b, 0c, 0d or 0e)`,
      "Check that the path names an IDX file such as train-images-idx3-ubyte",
    );
  }
  const rank = bytes[3];
  const start = 4 + 4 * rank;
  if (bytes.length < start) {
    throw new FormatError(
      file,
      { byte: bytes.length },
      `the file ends inside the ${rank} sizes of its header`,
      fetchAgain,
    );
  }
  const header = new DataView(bytes.buffer, bytes.byteOffset, start);
  const shape = Array.from({ length: rank }, (_, axis) => header.getUint32(4 + 4 * axis));
  checkClaim(shape, itemSize[dtype], bytes.length - start, file, { byte: 4 });
  return decodeElements(bytes, start, shape, dtype, false, file) as PlainArray<IdxDtype>;
}

/**
 * Writes an IDX file; with `compress` a gzip file around it.
 * @throws FormatError for a dtype (int64, bool) or a shape that IDX cannot hold; RangeError when data and shape disagree.
 */
export function writeIdx(
  array: PlainArray,
  options: { readonly compress?: boolean } = {},
  file = "data.idx",
): Uint8Array {
  checkShape(array);
  if (array.dtype === "int64" || array.dtype === "bool") {
    const remedy = array.dtype === "bool" ? "Write it as uint8" : "Write it as int32, or as .npy or .safetensors";
    throw new FormatError(file, undefined, `IDX cannot hold ${array.dtype}`, remedy);
  }
  if (array.shape.length > 255 || array.shape.some((size) => size > 0xffffffff)) {
    throw new FormatError(file, undefined, "IDX holds at most 255 dimensions under 2^32 each", "Reshape the array");
  }
  const elements = encodeElements(array, false);
  const bytes = new Uint8Array(4 + 4 * array.shape.length + elements.length);
  bytes[2] = typeCodes[array.dtype];
  bytes[3] = array.shape.length;
  const header = new DataView(bytes.buffer);
  array.shape.forEach((size, axis) => header.setUint32(4 + 4 * axis, size));
  bytes.set(elements, 4 + 4 * array.shape.length);
  return options.compress === true ? gzip(bytes) : bytes;
}

function dtypeOf(code: number): IdxDtype | undefined {
  return (Object.keys(typeCodes) as IdxDtype[]).find((dtype) => typeCodes[dtype] === code);
}
