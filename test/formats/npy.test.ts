import assert from "node:assert/strict";
import * as fc from "fast-check";
import { type PlainArray, plainArray, readNpy, toFloat32, toFloat64, toInt32, writeNpy } from "../../engine/formats";
import { arrays, assertConsistent, bytesOf, damaged, damages, latin1, valueOrFormatError } from "./arbitraries";

/** NumPy's padding of the header: three spaces are `ICAg` in base64. */
const blank = (count: number): string => "ICAg".repeat(count);

/** Files that NumPy 2.4.6 wrote, and what NumPy was given. */
const files: [name: string, base64: string, array: PlainArray][] = [
  [
    "<f4",
    `k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9${blank(19)}IAoAAMA/AAAAwAAAAAAAAFBAAACAf28Sgzo=`,
    plainArray([2, 3], "float32", Float32Array.of(1.5, -2, 0, 3.25, Infinity, 1e-3)),
  ],
  [
    ">f8 in Fortran order",
    `k05VTVBZAQB2AHsnZGVzY3InOiAnPmY4JywgJ2ZvcnRyYW5fb3JkZXInOiBUcnVlLCAnc2hhcGUnOiAoMiwgMyksIH0g${blank(19)}IAo/8AAAAAAAAEAQAAAAAAAAQAAAAAAAAABAFAAAAAAAAEAIAAAAAAAAQBoAAAAAAAA=`,
    plainArray([2, 3], "float64", Float64Array.of(1, 2, 3, 4, 5, 6.5)),
  ],
  [
    "<i4 scalar",
    `k05VTVBZAQB2AHsnZGVzY3InOiAnPGk0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKCksIH0g${blank(20)}IAr5////`,
    plainArray([], "int32", Int32Array.of(-7)),
  ],
  [
    "<i8 of version 2.0",
    `k05VTVBZAgB0AAAAeydkZXNjcic6ICc8aTgnLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoMiwpLCB9${blank(18)}ICAgIAoBAAAAAAAgAP//////////`,
    plainArray([2], "int64", BigInt64Array.of(2n ** 53n + 1n, -1n)),
  ],
  [
    "|u1 without elements",
    `k05VTVBZAQB2AHsnZGVzY3InOiAnfHUxJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDAsIDMpLCB9${blank(19)}IAo=`,
    plainArray([0, 3], "uint8", new Uint8Array(0)),
  ],
  [
    "|b1",
    `k05VTVBZAQB2AHsnZGVzY3InOiAnfGIxJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDMsKSwgfSAg${blank(19)}IAoBAAE=`,
    plainArray([3], "bool", Uint8Array.of(1, 0, 1)),
  ],
  [
    "<i2 of three axes in Fortran order",
    `k05VTVBZAQB2AHsnZGVzY3InOiAnPGkyJywgJ2ZvcnRyYW5fb3JkZXInOiBUcnVlLCAnc2hhcGUnOiAoMiwgMywgNCksIH0g${blank(18)}IAoAAAwABAAQAAgAFAABAA0ABQARAAkAFQACAA4ABgASAAoAFgADAA8ABwATAAsAFwA=`,
    plainArray(
      [2, 3, 4],
      "int16",
      Int16Array.from({ length: 24 }, (_, index) => index),
    ),
  ],
];

/** A version 1.0 file around any header text. */
function file(header: string, data = "", length = header.length): Uint8Array {
  return latin1(`\x93NUMPY\x01\x00${String.fromCharCode(length & 255, length >> 8)}${header}${data}`);
}

describe("NPY", () => {
  for (const [name, base64, expected] of files) {
    it(`reads NumPy's ${name}`, () => assert.deepEqual(readNpy(bytesOf(base64)), expected));
  }

  it("writes the bytes that NumPy writes", () => {
    const options = [{}, { fortranOrder: true, bigEndian: true }, {}, undefined, {}, {}, { fortranOrder: true }];
    for (const [index, [name, base64, array]] of files.entries()) {
      const option = options[index];
      if (option !== undefined) assert.deepEqual(writeNpy(array, option), bytesOf(base64), name);
    }
  });

  const headers: [name: string, header: string][] = [
    ["another order of keys and double quotes", `{"shape": (1,), "descr": "|u1", "fortran_order": False}`],
    ["no spaces", `{'descr':'|u1','fortran_order':False,'shape':(1,)}`],
    ["Python 2's long integers", `{'descr': '|u1', 'fortran_order': False, 'shape': (1L,), }\n`],
  ];
  for (const [name, header] of headers) {
    it(`reads a header with ${name}`, () => {
      assert.deepEqual(readNpy(file(header, "\x05")), plainArray([1], "uint8", Uint8Array.of(5)));
    });
  }

  const good = `{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }`;
  const mistakes: [name: string, bytes: Uint8Array, message: RegExp][] = [
    ["nothing", new Uint8Array(0), /^a\.npy: byte 0: this is no NPY file/],
    ["an npz archive", latin1("PK\x03\x04..."), /an \.npz archive must be unpacked first/],
    ["a magic alone", latin1("\x93NUMPY"), /byte 6: the file ends inside its header/],
    ["version 9", latin1("\x93NUMPY\x09\x00\x00\x00\x00\x00"), /byte 6: NPY version 9\.0 is unknown/],
    ["a header cut off", file(good, "", 500), /byte 8: the header claims to be 500 bytes long, but 57 bytes follow/],
    ["a 4 GB header", latin1("\x93NUMPY\x02\x00\xff\xff\xff\xffabc"), /claims to be 4294967295 bytes long/],
    ["data cut off", file(good, "\0\0"), /byte 10: the header promises shape \[1\], 4 bytes, but 2 bytes follow/],
    ["data too long", file(good, "\0\0\0\0\0"), /4 bytes, but 5 bytes follow/],
    ["objects", file(good.replace("<f4", "|O")), /dtype "\|O" is not read .*array\.astype/],
    ["float16", file(good.replace("<f4", "<f2"), "\0\0"), /dtype "<f2" is not read/],
    ["a structure", file(good.replace("'<f4'", "[('a', '<f4')]")), /structured dtypes are not read/],
    ["no byte order", file(good.replace("<f4", "|f4"), "\0\0\0\0"), /dtype "\|f4" is not read/],
    ["a huge shape", file(good.replace("(1,)", "(9007199254740991, 9007199254740991)")), /more than 2\^53 bytes/],
    ["a shape beyond 2^53", file(good.replace("(1,)", "(9999999999999999,)")), /a tuple of at most 64 sizes/],
    ["a negative size", file(good.replace("(1,)", "(-1,)")), /a tuple of whole numbers/],
    ["65 axes", file(good.replace("(1,)", `(${"1, ".repeat(65)})`)), /a tuple of at most 64 sizes/],
    ["a hole in the shape", file(good.replace("(1,)", "(1,,2)")), /a tuple of at most 64 sizes/],
    ["a missing key", file(`{'descr': '<f4', 'shape': (1,)}`), /descr, fortran_order and shape, and nothing more/],
    ["a key twice", file(good.replace("'shape'", "'descr'")), /each of descr, fortran_order and shape once|a dtype/],
    ["text after the header", file(`${good} x`), /and nothing more/],
    ["a bool of 2", file(good.replace("<f4", "|b1"), "\x02"), /byte 67: a bool is stored as 2/],
  ];
  for (const [name, bytes, message] of mistakes) {
    it(`refuses ${name}`, () => {
      assert.throws(() => readNpy(bytes, "a.npy"), { name: "FormatError", message });
    });
  }

  const all = arrays(["float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool"]);

  it("round trip, in either order of bytes and axes", () => {
    fc.assert(
      fc.property(all, fc.boolean(), fc.boolean(), (array, fortranOrder, bigEndian) => {
        assert.deepEqual(readNpy(writeNpy(array, { fortranOrder, bigEndian })), array);
      }),
    );
  });

  it("damage gives a value or a FormatError", () => {
    fc.assert(
      fc.property(all, damages, (array, damage) => {
        const read = valueOrFormatError(() => readNpy(damaged(writeNpy(array), damage), "a.npy"), "a.npy");
        if (read !== undefined) assertConsistent(read);
      }),
      { numRuns: 500 },
    );
  });
});

describe("plain arrays", () => {
  it("plainArray wants data that fill the shape", () => {
    assert.throws(
      () => plainArray([2, 2], "int32", Int32Array.of(1)),
      /shape \[2, 2\] takes 4 elements, but the data hold 1/,
    );
    assert.throws(() => plainArray([-1], "int32", Int32Array.of(1)), /shape \[-1\] is no shape/);
    assert.throws(() => plainArray([2 ** 40, 2 ** 40], "int32", Int32Array.of(1)), /is no shape/);
    assert.deepEqual(plainArray([0, 2 ** 50, 2 ** 50], "int32", new Int32Array(0)).shape, [0, 2 ** 50, 2 ** 50]);
  });

  it("conversions keep the values or refuse", () => {
    assert.deepEqual(toFloat64(plainArray([1], "int64", BigInt64Array.of(-5n))), Float64Array.of(-5));
    assert.throws(() => toFloat64(plainArray([1], "int64", BigInt64Array.of(2n ** 53n))), /cannot hold exactly/);
    assert.deepEqual(toFloat32(plainArray([2], "float64", Float64Array.of(0.1, NaN))), Float32Array.of(0.1, NaN));
    assert.throws(
      () => toFloat32(plainArray([1], "float64", Float64Array.of(1e39)), "x.npy"),
      /x\.npy: element 0 is 1e\+39/,
    );
    assert.deepEqual(toInt32(plainArray([1], "int64", BigInt64Array.of(7n))), Int32Array.of(7));
    for (const value of [0.5, NaN, 2 ** 31]) {
      assert.throws(() => toInt32(plainArray([1], "float64", Float64Array.of(value))), /no 32-bit integer/);
    }
  });
});
