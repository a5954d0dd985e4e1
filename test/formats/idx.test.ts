import assert from "node:assert/strict";
import { gunzipSync, gzipSync } from "node:zlib";
import * as fc from "fast-check";
import { FormatError, gunzip, gzip, type IdxDtype, plainArray, readIdx, writeIdx } from "../../engine/formats";
import { arrays, assertConsistent, bytesOf, damaged, damages, latin1, valueOrFormatError } from "./arbitraries";

/** Bytes by hand after the format's description, and what they mean. */
const files: [name: string, bytes: number[], dtype: IdxDtype, shape: number[], values: number[]][] = [
  ["uint8", [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255], "uint8", [2, 3], [1, 2, 3, 4, 5, 255]],
  ["int8", [0, 0, 9, 1, 0, 0, 0, 2, 0xff, 0x80], "int8", [2], [-1, -128]],
  ["int16", [0, 0, 0x0b, 1, 0, 0, 0, 2, 0x01, 0x02, 0xff, 0xfe], "int16", [2], [258, -2]],
  ["int32", [0, 0, 0x0c, 1, 0, 0, 0, 1, 0, 1, 0, 2], "int32", [1], [65_538]],
  ["float32", [0, 0, 0x0d, 1, 0, 0, 0, 2, 0x3f, 0xc0, 0, 0, 0xc0, 0, 0, 0], "float32", [2], [1.5, -2]],
  ["float64", [0, 0, 0x0e, 1, 0, 0, 0, 1, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0], "float64", [1], [1]],
  ["a scalar", [0, 0, 8, 0, 7], "uint8", [], [7]],
  ["no rows", [0, 0, 8, 2, 0, 0, 0, 0, 0, 0, 0, 9], "uint8", [0, 9], []],
];

describe("IDX", () => {
  for (const [name, bytes, dtype, shape, values] of files) {
    it(`reads and writes ${name}`, () => {
      const array = readIdx(Uint8Array.from(bytes));
      assert.equal(array.dtype, dtype);
      assert.deepEqual(array.shape, shape);
      assert.deepEqual([...array.data], values);
      assert.deepEqual([...writeIdx(array)], bytes);
    });
  }

  it("reads what the gzip command packed", () => {
    const array = readIdx(bytesOf("H4sIAAAAAAACA2Ng4GBkYGBgZufgBACtmAq6CwAAAA=="));
    assert.deepEqual([...array.data], [7, 8, 9]);
  });

  it("reads from a view into a larger buffer, at any alignment, and copies", () => {
    const whole = Uint8Array.from([9, ...files[4][1], 9]);
    const array = readIdx(whole.subarray(1, -1));
    whole.fill(0);
    assert.deepEqual([...array.data], [1.5, -2]);
    assert.deepEqual([...readIdx(Buffer.from(files[4][1])).data], [1.5, -2]);
  });

  it("packs so that other tools unpack, and the same bytes each time", () => {
    const array = plainArray([300], "uint8", new Uint8Array(300).fill(5));
    const packed = writeIdx(array, { compress: true });
    assert.deepEqual(Uint8Array.from(gunzipSync(packed)), writeIdx(array));
    assert.deepEqual(packed, writeIdx(array, { compress: true }));
    assert.ok(packed.length < 100);
  });

  const mistakes: [name: string, bytes: Uint8Array, message: RegExp][] = [
    ["nothing", new Uint8Array(0), /^a\.idx: byte 0: the file ends inside the IDX header\. .*download/],
    ["a text", latin1("hello world"), /^a\.idx: byte 0: this is no IDX file: it begins with 68 65 6c 6c/],
    ["an unknown type", Uint8Array.from([0, 0, 7, 1, 0, 0, 0, 0]), /byte 0: this is no IDX file/],
    ["sizes cut off", Uint8Array.from([0, 0, 8, 3, 0, 0, 0, 1]), /byte 8: the file ends inside the 3 sizes/],
    [
      "data cut off",
      Uint8Array.from([0, 0, 8, 1, 0, 0, 0, 5, 1, 2]),
      /byte 4: the header promises shape \[5\], 5 bytes, but 2 bytes follow/,
    ],
    ["data too long", Uint8Array.from([0, 0, 8, 1, 0, 0, 0, 1, 1, 2]), /1 bytes, but 2 bytes follow/],
    [
      "a huge claim",
      Uint8Array.from([0, 0, 0x0e, 2, 255, 255, 255, 255, 255, 255, 255, 255, 0]),
      /promises shape \[4294967295, 4294967295\], more than 2\^53 bytes, but 1 bytes follow/,
    ],
    ["gzip cut off", gzip(writeIdx(plainArray([999], "uint8", new Uint8Array(999)))).slice(0, 15), /a\.idx: byte/],
    ["a gzip magic alone", Uint8Array.from([0x1f, 0x8b]), /byte 2: the file ends inside the gzip header or trailer/],
  ];
  for (const [name, bytes, message] of mistakes) {
    it(`refuses ${name}`, () => {
      assert.throws(() => readIdx(bytes, "a.idx"), { name: "FormatError", message });
    });
  }

  it("refuses to write what IDX cannot hold", () => {
    assert.throws(
      () => writeIdx(plainArray([1], "int64", BigInt64Array.of(1n))),
      /IDX cannot hold int64\. Write it as int32/,
    );
    assert.throws(() => writeIdx(plainArray([1], "bool", Uint8Array.of(1))), FormatError);
    assert.throws(() => writeIdx({ shape: [2], dtype: "uint8", data: Uint8Array.of(1) }), RangeError);
  });

  it("round trip", () => {
    const any = arrays(["uint8", "int8", "int16", "int32", "float32", "float64"]);
    fc.assert(
      fc.property(any, fc.boolean(), (array, compress) => {
        assert.deepEqual(readIdx(writeIdx(array, { compress })), array);
      }),
    );
  });

  it("damage gives a value or a FormatError", () => {
    const any = arrays(["uint8", "int16", "float64"]);
    fc.assert(
      fc.property(any, fc.boolean(), damages, (array, compress, damage) => {
        const bytes = damaged(writeIdx(array, { compress }), damage);
        const read = valueOrFormatError(() => readIdx(bytes, "a.idx"), "a.idx");
        if (read !== undefined) assertConsistent(read);
      }),
      { numRuns: 500 },
    );
  });
});

describe("gzip", () => {
  it("unpacks every level, optional header fields included", () => {
    const data = Uint8Array.from({ length: 5000 }, (_, index) => (index * index) % 251);
    for (const level of [0, 1, 6, 9]) assert.deepEqual(gunzip(gzipSync(data, { level })), data);
    // Flags 4, 8, 16 and 2: extra field of 3 bytes, name, comment, header checksum (which is not read).
    const plain = gzipSync(data);
    const fields = [3, 0, 1, 2, 3, ...latin1("name\0"), ...latin1("comment\0"), 0, 0];
    const rich = Uint8Array.from([
      ...plain.subarray(0, 3),
      30,
      ...plain.subarray(4, 10),
      ...fields,
      ...plain.subarray(10),
    ]);
    assert.deepEqual(gunzip(rich), data);
  });

  it("finds a changed checksum and a changed length", () => {
    const packed = gzip(latin1("backpropagation"));
    for (const fromEnd of [1, 4, 5, 8]) {
      const bytes = Uint8Array.from(packed);
      bytes[bytes.length - fromEnd] ^= 1;
      assert.throws(() => gunzip(bytes, "a.gz"), FormatError);
    }
  });

  it("refuses a promise beyond DEFLATE's best ratio before taking memory", () => {
    const bytes = gzip(latin1("abc"));
    bytes.set([0xff, 0xff, 0xff, 0x3f], bytes.length - 4);
    assert.throws(() => gunzip(bytes, "a.gz"), /promises 1073741823 bytes from 5 compressed ones/);
  });

  it("unpacks no further than it promises", () => {
    const bomb = gzipSync(new Uint8Array(50_000_000));
    new DataView(bomb.buffer, bomb.byteOffset).setUint32(bomb.length - 4, 1000, true);
    assert.throws(() => gunzip(bomb, "a.gz"), FormatError);
  });
});
