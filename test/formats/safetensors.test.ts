import assert from "node:assert/strict";
import * as fc from "fast-check";
import { type PlainArray, plainArray, readSafetensors, writeSafetensors } from "../../engine/formats";
import { arrays, assertConsistent, damaged, damages, latin1, valueOrFormatError } from "./arbitraries";

/** A file around any header text (one byte a character) and data. */
function file(header: string, data: readonly number[] = [], length = BigInt(header.length)): Uint8Array {
  const bytes = Uint8Array.from([...new Uint8Array(8), ...latin1(header), ...data]);
  new DataView(bytes.buffer).setBigUint64(0, length, true);
  return bytes;
}

const entry = (dtype: string, shape: string, begin: number, end: number): string =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":[${begin},${end}]}`;

/** Dtype, its bytes by hand (little-endian), what they mean, and the array's own dtype. */
const dtypes: [code: string, data: number[], value: number | bigint, dtype: string][] = [
  ["F64", [0, 0, 0, 0, 0, 0, 0xf8, 0xbf], -1.5, "float64"],
  ["F32", [0, 0, 0xc0, 0x3f], 1.5, "float32"],
  ["I64", [1, 0, 0, 0, 0, 0, 0x20, 0], 2n ** 53n + 1n, "int64"],
  ["I32", [0xfe, 0xff, 0xff, 0xff], -2, "int32"],
  ["I16", [0x02, 0x01], 258, "int16"],
  ["I8", [0x80], -128, "int8"],
  ["U8", [200], 200, "uint8"],
  ["BOOL", [1], 1, "bool"],
  // IEEE 754 binary16, Wikipedia's list of examples.
  ["F16", [0x00, 0x3c], 1, "float32"],
  ["F16", [0x55, 0x35], 0.333251953125, "float32"],
  ["F16", [0xff, 0x7b], 65504, "float32"],
  ["F16", [0x00, 0xc0], -2, "float32"],
  ["F16", [0x01, 0x00], 2 ** -24, "float32"],
  ["F16", [0x00, 0x80], -0, "float32"],
  ["F16", [0x00, 0xfc], -Infinity, "float32"],
  ["F16", [0x01, 0x7c], NaN, "float32"],
  // bfloat16, the same source.
  ["BF16", [0x80, 0x3f], 1, "float32"],
  ["BF16", [0x00, 0xc0], -2, "float32"],
  ["BF16", [0x49, 0x40], 3.140625, "float32"],
  ["BF16", [0x80, 0xff], -Infinity, "float32"],
];

describe("safetensors", () => {
  for (const [code, data, value, dtype] of dtypes) {
    it(`reads ${code} ${value}`, () => {
      const { tensors } = readSafetensors(file(`{"w":${entry(code, "[1]", 0, data.length)}}`, data));
      const array = tensors.get("w");
      assert.deepEqual([array?.dtype, array?.shape, [...(array?.data ?? [])]], [dtype, [1], [value]]);
    });
  }

  it("reads several tensors, scalars, empty ones, metadata and a padded header", () => {
    const header = `{"__metadata__":{"format":"pt"},"b":${entry("U8", "[2]", 4, 6)},"empty":${entry("F32", "[0,3]", 4, 4)},"a":${entry("F32", "[]", 0, 4)}}   `;
    const { tensors, metadata } = readSafetensors(file(header, [0, 0, 0, 0x40, 8, 9]));
    assert.deepEqual([...metadata], [["format", "pt"]]);
    assert.deepEqual([...tensors.keys()], ["a", "empty", "b"]);
    assert.deepEqual(tensors.get("a"), { shape: [], dtype: "float32", data: Float32Array.of(2) });
    assert.deepEqual(tensors.get("empty"), { shape: [0, 3], dtype: "float32", data: new Float32Array(0) });
    assert.deepEqual(tensors.get("b"), { shape: [2], dtype: "uint8", data: Uint8Array.of(8, 9) });
  });

  it("writes large elements first, then by name, on multiples of eight", () => {
    const tensors = new Map<string, PlainArray>([
      ["flag", plainArray([1], "bool", Uint8Array.of(1))],
      ["b", plainArray([1], "float32", Float32Array.of(1.5))],
      ["a", plainArray([1], "float32", Float32Array.of(-2))],
      ["wide", plainArray([1], "float64", Float64Array.of(1))],
    ]);
    const bytes = writeSafetensors(tensors, new Map([["epoch", "3"]]));
    const expected =
      `{"__metadata__":{"epoch":"3"},"wide":${entry("F64", "[1]", 0, 8)},"a":${entry("F32", "[1]", 8, 12)},` +
      `"b":${entry("F32", "[1]", 12, 16)},"flag":${entry("BOOL", "[1]", 16, 17)}}`;
    const padded = expected.padEnd(Math.ceil(expected.length / 8) * 8);
    const data = [0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0, 0, 0, 0xc0, 0, 0, 0xc0, 0x3f, 1];
    assert.deepEqual(bytes, file(padded, data));
  });

  it("keeps names that JavaScript objects treat apart", () => {
    const names = ["__proto__", "constructor", "10", "2", "größe", 'quote " and \\'];
    const tensors = new Map(names.map((name) => [name, plainArray([], "uint8", Uint8Array.of(1))]));
    assert.deepEqual([...readSafetensors(writeSafetensors(tensors)).tensors.keys()].sort(), [...names].sort());
  });

  const zero = [0, 0, 0, 0];
  const mistakes: [name: string, bytes: Uint8Array, message: RegExp][] = [
    ["nothing", new Uint8Array(0), /^m\.st: byte 0: the file ends inside the header's length/],
    ["a header cut off", file("{}", [], 3n), /byte 0: the header claims to be 3 bytes long, but 2 bytes follow/],
    ["a huge header", file("{}", [], 2n ** 64n - 1n), /claims to be 18446744073709551615 bytes long/],
    ["a header that is no JSON", file("{'a'}"), /byte 8: the header is no JSON/],
    ["a header that is no text", file("\xff\xfe"), /byte 8: the header is no JSON/],
    ["a header that is a list", file("[]"), /no object of named tensors/],
    [
      "metadata of numbers",
      file(`{"__metadata__":{"epoch":3}}`),
      /tensor "__metadata__": the metadata are no object of texts/,
    ],
    ["metadata that are a list", file(`{"__metadata__":["a"]}`), /metadata are no object/],
    ["an entry that is null", file(`{"w":null}`), /tensor "w": its header entry is no object/],
    [
      "an unknown dtype",
      file(`{"w":${entry("F8_E4M3", "[1]", 0, 1)}}`, [0]),
      /tensor "w": dtype "F8_E4M3" is not read/,
    ],
    ["a negative size", file(`{"w":${entry("F32", "[-1]", 0, 4)}}`, zero), /its shape is no list of whole numbers/],
    ["a size of 1e400", file(`{"w":${entry("F32", "[1e400]", 0, 4)}}`, zero), /its shape is no list/],
    ["offsets in reverse", file(`{"w":${entry("F32", "[1]", 4, 0)}}`, zero), /begin ≤ end/],
    [
      "offsets that lie",
      file(`{"w":${entry("F32", "[2]", 0, 4)}}`, zero),
      /shape \[2\] of F32 does not fill the 4 bytes/,
    ],
    ["a huge shape", file(`{"w":${entry("U8", "[1e15,1e15]", 0, 4)}}`, zero), /does not fill the 4 bytes/],
    [
      "an overlap",
      file(`{"a":${entry("U8", "[3]", 0, 3)},"b":${entry("U8", "[2]", 2, 4)}}`, zero),
      /tensor "b": it begins at byte 2 of the data and overlaps the tensor before it/,
    ],
    [
      "a gap",
      file(`{"a":${entry("U8", "[1]", 0, 1)},"b":${entry("U8", "[2]", 2, 4)}}`, zero),
      /tensor "b": it begins at byte 2 of the data and leaves a gap after byte 1/,
    ],
    ["data cut off", file(`{"w":${entry("F32", "[1]", 0, 4)}}`, [0]), /promises 4 bytes of data, but 1 follow/],
    ["a terabyte", file(`{"w":${entry("U8", "[1000000000000]", 0, 1e12)}}`, zero), /promises 1000000000000 bytes/],
    [
      "data too long",
      file(`{"w":${entry("F32", "[1]", 0, 4)}}`, [...zero, 0]),
      /promises 4 bytes of data, but 5 follow/,
    ],
  ];
  for (const [name, bytes, message] of mistakes) {
    it(`refuses ${name}`, () => {
      assert.throws(() => readSafetensors(bytes, "m.st"), { name: "FormatError", message });
    });
  }

  it("refuses to write a tensor named as the metadata", () => {
    const tensors = new Map([["__metadata__", plainArray([], "uint8", Uint8Array.of(1))]]);
    assert.throws(() => writeSafetensors(tensors), /the name is reserved/);
  });

  const all = arrays(["float32", "float64", "int32", "int64", "uint8", "bool", "int8", "int16"]);
  const maps = fc.array(fc.tuple(fc.string(), all), { maxLength: 5 }).map((pairs) => new Map(pairs));

  it("round trip", () => {
    const texts = fc.array(fc.tuple(fc.string(), fc.string()), { maxLength: 3 }).map((pairs) => new Map(pairs));
    fc.assert(
      fc.property(maps, texts, (tensors, metadata) => {
        const read = readSafetensors(writeSafetensors(tensors, metadata));
        assert.deepEqual(new Map(read.tensors), tensors);
        assert.deepEqual(new Map(read.metadata), metadata);
      }),
    );
  });

  it("damage gives a value or a FormatError", () => {
    fc.assert(
      fc.property(maps, damages, (tensors, damage) => {
        const bytes = damaged(writeSafetensors(tensors), damage);
        const read = valueOrFormatError(() => readSafetensors(bytes, "m.st"), "m.st");
        read?.tensors.forEach(assertConsistent);
      }),
      { numRuns: 500 },
    );
  });
});
