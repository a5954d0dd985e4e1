/**
 * Safetensors, the format of PyTorch users' checkpoints: a little-endian 64-bit header length, a JSON header of
 * `name → { dtype, shape, data_offsets }` plus text `__metadata__`, then the tensors' bytes without gap or overlap
 * (Hugging Face, safetensors, "Format").
 */

import { fetchAgain, FormatError } from "./error";
import { checkShape, decodeElements, elementCount, encodeElements, formatShape, itemSize } from "./plain";
import type { PlainArray, PlainDtype } from "./plain";

/** Named arrays, in the file's order of their data, and free text about them. */
export interface Safetensors {
  readonly tensors: ReadonlyMap<string, PlainArray>;
  readonly metadata: ReadonlyMap<string, string>;
}

const codes = {
  float32: "F32",
  float64: "F64",
  int8: "I8",
  int16: "I16",
  int32: "I32",
  int64: "I64",
  uint8: "U8",
  bool: "BOOL",
} as const satisfies Record<PlainDtype, string>;

/** 16-bit floats are read, widened to float32 (which holds each of them exactly), and never written. */
type HalfCode = "F16" | "BF16";

/** The reference implementation's limit. */
const maximumHeader = 100_000_000;

const metadataKey = "__metadata__";

/**
 * Reads a safetensors file. F16 and BF16 become float32, exactly.
 * @param file name for messages
 * @throws FormatError when the header is malformed, an offset or length disagrees with a shape, tensors overlap or leave
 * gaps, the data end early or late, or a dtype is not read.
 */
export function readSafetensors(bytes: Uint8Array, file = "model.safetensors"): Safetensors {
  const { header, dataStart } = readHeader(bytes, file);
  const metadata = new Map<string, string>();
  const entries: Entry[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === metadataKey) readMetadata(value, metadata, file);
    else entries.push(readEntry(name, value, file));
  }
  // An empty tensor sorts before the one that starts where it ends.
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let end = 0;
  for (const entry of entries) {
    if (entry.begin !== end) {
      const problem =
        entry.begin < end ? "overlaps the tensor before it" : `leaves a gap after byte ${end} of the data`;
      throw new FormatError(
        file,
        { tensor: entry.name },
        `it begins at byte ${entry.begin} of the data and ${problem}`,
        fetchAgain,
      );
    }
    end = entry.end;
  }
  if (dataStart + end !== bytes.length) {
    throw new FormatError(
      file,
      { byte: bytes.length },
      `the header promises ${end} bytes of data, but ${bytes.length - dataStart} follow it`,
      fetchAgain,
    );
  }
  const tensors = new Map<string, PlainArray>();
  for (const entry of entries) {
    const start = dataStart + entry.begin;
    const { shape, dtype } = entry;
    const array =
      dtype === "F16" || dtype === "BF16"
        ? widen(bytes, start, shape, dtype, file)
        : decodeElements(bytes, start, shape, dtype, true, file);
    tensors.set(entry.name, array);
  }
  return { tensors, metadata };
}

/**
 * Writes a safetensors file. Tensors are ordered by falling element size and then by name, as the reference
 * implementation does, so that each one lies aligned; equal input gives equal bytes.
 * @throws FormatError for the reserved name `__metadata__`; RangeError when data and shape disagree.
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, PlainArray>,
  metadata: ReadonlyMap<string, string> = new Map(),
  file = "model.safetensors",
): Uint8Array {
  if (tensors.has(metadataKey)) {
    throw new FormatError(file, { tensor: metadataKey }, "the name is reserved for the metadata", "Rename the tensor");
  }
  const ordered = [...tensors].sort(
    ([nameA, a], [nameB, b]) => itemSize[b.dtype] - itemSize[a.dtype] || (nameA < nameB ? -1 : 1),
  );
  const fields: string[] = [];
  if (metadata.size > 0) {
    const pairs = [...metadata].map(([key, text]) => `${JSON.stringify(key)}:${JSON.stringify(text)}`);
    fields.push(`"${metadataKey}":{${pairs.join(",")}}`);
  }
  let end = 0;
  for (const [name, array] of ordered) {
    checkShape(array);
    const begin = end;
    end += array.data.byteLength;
    const entry = { dtype: codes[array.dtype], shape: array.shape, data_offsets: [begin, end] };
    fields.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`);
  }
  const text = new TextEncoder().encode(`{${fields.join(",")}}`);
  const dataStart = 8 + Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(dataStart + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(dataStart - 8), true);
  bytes.fill(0x20, 8, dataStart);
  bytes.set(text, 8);
  let position = dataStart;
  for (const [, array] of ordered) {
    bytes.set(encodeElements(array, true), position);
    position += array.data.byteLength;
  }
  return bytes;
}

interface Entry {
  readonly name: string;
  readonly dtype: PlainDtype | HalfCode;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

function readHeader(bytes: Uint8Array, file: string): { header: Record<string, unknown>; dataStart: number } {
  if (bytes.length < 8) {
    throw new FormatError(file, { byte: bytes.length }, "the file ends inside the header's length", fetchAgain);
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(maximumHeader) || length > BigInt(bytes.length - 8)) {
    throw new FormatError(
      file,
      { byte: 0 },
      `the header claims to be ${length} bytes long, but ${bytes.length - 8} bytes follow`,
      "Check that this is a safetensors file, and that all of it was downloaded",
    );
  }
  const dataStart = 8 + Number(length);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, dataStart)));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new FormatError(file, { byte: 8 }, `the header is no JSON (${reason})`, fetchAgain);
  }
  if (!isRecord(header)) {
    throw new FormatError(file, { byte: 8 }, "the header is JSON, but no object of named tensors", fetchAgain);
  }
  return { header, dataStart };
}

function readMetadata(value: unknown, metadata: Map<string, string>, file: string): void {
  const pairs = isRecord(value) ? Object.entries(value) : [["", undefined] as const];
  for (const [key, text] of pairs) {
    if (typeof text !== "string") {
      throw new FormatError(
        file,
        { tensor: metadataKey },
        "the metadata are no object of texts",
        "Store every metadata value as a string (numbers too)",
      );
    }
    metadata.set(key, text);
  }
}

function readEntry(name: string, value: unknown, file: string): Entry {
  const fail = (problem: string, remedy = fetchAgain): FormatError =>
    new FormatError(file, { tensor: name }, problem, remedy);
  if (!isRecord(value)) throw fail("its header entry is no object");
  const { dtype: code, shape, data_offsets: offsets } = value;
  const dtype = dtypeOf(code);
  if (dtype === undefined) {
    const known = [...Object.values(codes), "F16", "BF16"].join(", ");
    throw fail(
      `dtype ${JSON.stringify(code)} is not read (${known} are)`,
      "Convert the tensor, for example with .float()",
    );
  }
  if (!isSizes(shape)) throw fail("its shape is no list of whole numbers from 0");
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) {
    throw fail("its data_offsets are no pair [begin, end] of whole numbers with begin ≤ end");
  }
  const [begin, end] = offsets;
  const size = dtype === "F16" || dtype === "BF16" ? 2 : itemSize[dtype];
  const count = elementCount(shape);
  if (count === undefined || count * size !== end - begin) {
    throw fail(
      `shape ${formatShape(shape)} of ${String(code)} does not fill the ${end - begin} bytes of its data_offsets`,
    );
  }
  return { name, dtype, shape, begin, end };
}

function dtypeOf(code: unknown): PlainDtype | HalfCode | undefined {
  if (code === "F16" || code === "BF16") return code;
  return (Object.keys(codes) as PlainDtype[]).find((dtype) => codes[dtype] === code);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function widen(bytes: Uint8Array, start: number, shape: readonly number[], code: HalfCode, file: string): PlainArray {
  const { data } = decodeElements(bytes, start, shape, "int16", true, file);
  const toNumber = code === "F16" ? float16 : bfloat16;
  return { shape, dtype: "float32", data: Float32Array.from(data as Int16Array, toNumber) };
}

/** IEEE 754 binary16: 1 sign, 5 exponent and 10 fraction bits. */
function float16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const bits32 = new DataView(new ArrayBuffer(4));

/** bfloat16 is the upper half of a float32. */
function bfloat16(bits: number): number {
  bits32.setInt32(0, bits << 16);
  return bits32.getFloat32(0);
}
