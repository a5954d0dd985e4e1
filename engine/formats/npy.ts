/**
 * NPY, NumPy's format for one array, versions 1.0, 2.0 and 3.0 read, 1.0 or 2.0 written
 * (NumPy Enhancement Proposal 1 and the docstring of `numpy.lib.format`).
 */

import { fetchAgain, FormatError } from "./error";
import { checkClaim, checkShape, decodeElements, encodeElements, itemSize } from "./plain";
import type { PlainArray, PlainDtype } from "./plain";

/** NumPy's kind and item size of each dtype. */
const kinds = {
  float32: "f4",
  float64: "f8",
  int8: "i1",
  int16: "i2",
  int32: "i4",
  int64: "i8",
  uint8: "u1",
  bool: "b1",
} as const satisfies Record<PlainDtype, string>;

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]; // \x93NUMPY

/** Headers are one short line; NumPy itself refuses longer ones than 10,000 characters. */
const maximumHeader = 65_536;

/** NumPy's own limit on the number of dimensions. */
const maximumRank = 64;

export interface NpyWriteOptions {
  /** Store the first index fastest (column-major). The array given stays row-major. */
  readonly fortranOrder?: boolean;
  readonly bigEndian?: boolean;
}

/**
 * Reads an NPY file into row-major order.
 * @param file name for messages
 * @throws FormatError when the file is no NPY file, truncated, too long, or of a dtype that is not read
 * (objects, structures, text, complex, unsigned beyond 8 bits, float16).
 */
export function readNpy(bytes: Uint8Array, file = "data.npy"): PlainArray {
  const { text, textStart, dataStart } = readHeader(bytes, file);
  const header = parseHeader(text, textStart, file);
  const { dtype, littleEndian } = parseDescription(header.description, textStart, file);
  checkClaim(header.shape, itemSize[dtype], bytes.length - dataStart, file, { byte: textStart });
  if (!header.fortranOrder) return decodeElements(bytes, dataStart, header.shape, dtype, littleEndian, file);
  const reversed = decodeElements(bytes, dataStart, [...header.shape].reverse(), dtype, littleEndian, file);
  return transposed(reversed);
}

/**
 * Writes an NPY file, version 1.0, or 2.0 where the header needs it, little-endian and row-major unless asked otherwise.
 * @throws RangeError when data and shape disagree.
 */
export function writeNpy(array: PlainArray, options: NpyWriteOptions = {}): Uint8Array {
  checkShape(array);
  const { fortranOrder = false, bigEndian = false } = options;
  const order = itemSize[array.dtype] === 1 ? "|" : bigEndian ? ">" : "<";
  // Python writes a tuple of one with a trailing comma.
  const shape = array.shape.length === 1 ? `(${array.shape[0]},)` : `(${array.shape.join(", ")})`;
  const header = `{'descr': '${order}${kinds[array.dtype]}', 'fortran_order': ${fortranOrder ? "True" : "False"}, 'shape': ${shape}, }`;
  const elements = encodeElements(fortranOrder ? transposed(array) : array, !bigEndian);
  // Magic, version and header together end on a multiple of 64, so that the data can be mapped aligned.
  const version = header.length + 75 > 0xffff ? 2 : 1;
  const prefix = version === 1 ? 10 : 12;
  const dataStart = Math.ceil((prefix + header.length + 1) / 64) * 64;
  const bytes = new Uint8Array(dataStart + elements.length);
  bytes.set(magic);
  bytes[6] = version;
  const lengthField = new DataView(bytes.buffer);
  if (version === 1) lengthField.setUint16(8, dataStart - prefix, true);
  else lengthField.setUint32(8, dataStart - prefix, true);
  const text = `${header.padEnd(dataStart - prefix - 1)}\n`;
  for (let index = 0; index < text.length; index++) bytes[prefix + index] = text.charCodeAt(index);
  bytes.set(elements, dataStart);
  return bytes;
}

interface HeaderText {
  readonly text: string;
  readonly textStart: number;
  readonly dataStart: number;
}

function readHeader(bytes: Uint8Array, file: string): HeaderText {
  if (!magic.every((byte, index) => bytes[index] === byte)) {
    throw new FormatError(
      file,
      { byte: 0 },
      "this is no NPY file: it does not begin with \\x93NUMPY",
      "Write one with numpy.save (an .npz archive must be unpacked first)",
    );
  }
  const version = bytes[6];
  const textStart = version === 1 ? 10 : 12;
  if (bytes.length < textStart)
    throw new FormatError(file, { byte: bytes.length }, "the file ends inside its header", fetchAgain);
  if (version < 1 || version > 3 || bytes[7] !== 0) {
    throw new FormatError(
      file,
      { byte: 6 },
      `NPY version ${version}.${bytes[7]} is unknown`,
      "Write version 1.0, 2.0 or 3.0",
    );
  }
  const field = new DataView(bytes.buffer, bytes.byteOffset, textStart);
  const length = version === 1 ? field.getUint16(8, true) : field.getUint32(8, true);
  const dataStart = textStart + length;
  if (length > maximumHeader || dataStart > bytes.length) {
    throw new FormatError(
      file,
      { byte: 8 },
      `the header claims to be ${length} bytes long, but ${bytes.length - textStart} bytes follow`,
      fetchAgain,
    );
  }
  // Latin-1 in versions 1 and 2; the keys and dtypes read here are ASCII in version 3 as well.
  const text = Array.from(bytes.subarray(textStart, dataStart), (byte) => String.fromCharCode(byte)).join("");
  return { text, textStart, dataStart };
}

interface Header {
  readonly description: string;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
}

/** Parses the Python dictionary of exactly the keys descr, fortran_order and shape, in any order. */
function parseHeader(text: string, textStart: number, file: string): Header {
  let position = 0;
  const fail = (expected: string): FormatError =>
    new FormatError(
      file,
      { byte: textStart + position },
      `the header should have ${expected} here, but reads ${JSON.stringify(text.slice(position, position + 20))}`,
      "Write the file with numpy.save, a plain dtype and allow_pickle=False",
    );
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = position;
    const match = pattern.exec(text);
    if (match === null) return undefined;
    position = pattern.lastIndex;
    return match[1] ?? match[0];
  };
  const must = (pattern: RegExp, expected: string): string => {
    const found = take(pattern);
    if (found === undefined) throw fail(expected);
    return found;
  };

  let description: string | undefined;
  let fortranOrder: boolean | undefined;
  let shape: number[] | undefined;
  must(/\s*\{\s*/y, "an opening brace");
  for (let first = true; take(/\s*\}\s*/y) === undefined; first = false) {
    if (!first) must(/\s*,\s*/y, "a comma or a closing brace");
    if (!first && take(/\s*\}\s*/y) !== undefined) break;
    const key = must(/(?:'(\w+)'|"\w+")/y, "a quoted key").replaceAll('"', "");
    must(/\s*:\s*/y, "a colon");
    if (key === "descr" && description === undefined) {
      description = must(/['"][^'"]*['"]/y, "a dtype in quotes (structured dtypes are not read)").slice(1, -1);
    } else if (key === "fortran_order" && fortranOrder === undefined) {
      fortranOrder = must(/True|False/y, "True or False") === "True";
    } else if (key === "shape" && shape === undefined) {
      const inner = must(/\(([\s\d,L]*)\)/y, "a tuple of whole numbers");
      shape = parseTuple(inner);
      if (shape === undefined) throw fail(`a tuple of at most ${maximumRank} sizes`);
    } else {
      throw fail("each of descr, fortran_order and shape once");
    }
  }
  if (description === undefined || fortranOrder === undefined || shape === undefined || position !== text.length) {
    throw fail("descr, fortran_order and shape, and nothing more");
  }
  return { description, fortranOrder, shape };
}

function parseTuple(inner: string): number[] | undefined {
  const parts = inner.split(",").map((part) => part.trim());
  // "(3,)" and "()" leave an empty last part; anywhere else an empty part is a mistake.
  if (parts.at(-1) === "") parts.pop();
  const shape = parts.map((part) => (/^\d{1,16}L?$/.test(part) ? Number.parseInt(part, 10) : Number.NaN));
  return shape.length <= maximumRank && shape.every(Number.isSafeInteger) ? shape : undefined;
}

function parseDescription(
  description: string,
  textStart: number,
  file: string,
): { dtype: PlainDtype; littleEndian: boolean } {
  const [order, kind] = [description.slice(0, 1), description.slice(1)];
  const dtype = (Object.keys(kinds) as PlainDtype[]).find((name) => kinds[name] === kind);
  const knownOrder = order === "<" || order === ">" || (order === "|" && dtype !== undefined && itemSize[dtype] === 1);
  if (dtype === undefined || !knownOrder) {
    throw new FormatError(
      file,
      { byte: textStart },
      `dtype ${JSON.stringify(description)} is not read (${Object.values(kinds).join(", ")} are)`,
      "Convert the array first, for example with array.astype('float32')",
    );
  }
  return { dtype, littleEndian: order !== ">" };
}

/** Reverses the axes: the row-major values of the transpose. */
function transposed(array: PlainArray): PlainArray {
  const shape = [...array.shape].reverse();
  const data = array.data.slice();
  const from: ArrayLike<unknown> = array.data;
  const to: { [index: number]: unknown } = data;
  // Steps in the result and in the source for one step along each axis of the result.
  const strides = rowMajorStrides(shape);
  const steps = rowMajorStrides(array.shape).reverse();
  for (let index = 0; index < data.length; index++) {
    let source = 0;
    for (let axis = 0, rest = index; axis < shape.length; axis++) {
      source += Math.floor(rest / strides[axis]) * steps[axis];
      rest %= strides[axis];
    }
    to[index] = from[source];
  }
  return { shape, dtype: array.dtype, data } as PlainArray;
}

function rowMajorStrides(shape: readonly number[]): number[] {
  return shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
}
