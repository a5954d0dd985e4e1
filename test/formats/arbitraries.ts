import assert from "node:assert/strict";
import * as fc from "fast-check";
import { FormatError, type PlainArray, type PlainDtype, plainArray } from "../../engine/formats";

/** Arrays of up to three axes, empty ones and scalars included, of one of the given dtypes. */
export function arrays(dtypes: readonly PlainDtype[]): fc.Arbitrary<PlainArray> {
  return fc
    .tuple(fc.constantFrom(...dtypes), fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }))
    .chain(([dtype, shape]) => {
      const length = shape.reduce((product, size) => product * size, 1);
      const size = { minLength: length, maxLength: length };
      switch (dtype) {
        case "float32":
          return fc.float32Array(size).map((data): PlainArray => plainArray(shape, dtype, data));
        case "float64":
          return fc.float64Array(size).map((data): PlainArray => plainArray(shape, dtype, data));
        case "int8":
          return fc.int8Array(size).map((data): PlainArray => plainArray(shape, dtype, data));
        case "int16":
          return fc.int16Array(size).map((data): PlainArray => plainArray(shape, dtype, data));
        case "int32":
          return fc.int32Array(size).map((data): PlainArray => plainArray(shape, dtype, data));
        case "int64":
          return fc.bigInt64Array(size).map((data): PlainArray => plainArray(shape, dtype, data));
        case "uint8":
          return fc.uint8Array(size).map((data): PlainArray => plainArray(shape, dtype, data));
        case "bool":
          return fc.uint8Array({ ...size, max: 1 }).map((data): PlainArray => plainArray(shape, dtype, data));
        default:
          return dtype satisfies never;
      }
    });
}

/** What can happen to a file: bytes overwritten, cut off, inserted or appended. */
export interface Damage {
  readonly writes: readonly (readonly [position: number, byte: number])[];
  readonly keep: number;
  readonly insert: readonly [position: number, bytes: Uint8Array];
}

export const damages: fc.Arbitrary<Damage> = fc.record({
  writes: fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 0, max: 255 })), {
    maxLength: 6,
  }),
  keep: fc.oneof(fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true })),
  insert: fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.uint8Array({ maxLength: 9 })),
});

export function damaged(bytes: Uint8Array, { writes, keep, insert }: Damage): Uint8Array {
  const [at, inserted] = [Math.floor(insert[0] * bytes.length), insert[1]];
  const all = Uint8Array.from([...bytes.subarray(0, at), ...inserted, ...bytes.subarray(at)]);
  // The square draws the damage towards the header, where it says most.
  for (const [position, byte] of writes) all[Math.floor(position ** 2 * all.length)] = byte;
  return all.slice(0, Math.ceil(keep * all.length));
}

/** Runs a reader that may succeed or throw a FormatError that names the file; anything else is a failure. */
export function valueOrFormatError<T>(read: () => T, file: string): T | undefined {
  try {
    return read();
  } catch (error) {
    assert.ok(error instanceof FormatError, `not a FormatError: ${String(error)}`);
    assert.ok(error.message.startsWith(`${file}: `), error.message);
    return undefined;
  }
}

/** An array whose data have the length its shape asks for. */
export function assertConsistent(array: PlainArray): void {
  assert.equal(
    array.data.length,
    array.shape.reduce((product, size) => product * size, 1),
  );
}

export function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(Buffer.from(base64, "base64"));
}

/** Bytes from text in which every character is one byte. */
export function latin1(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, "latin1"));
}
