/** Just enough of the WebAssembly binary format (core specification 2.0, chapter 5) for modules of one function. */

/** Byte codes, by their names in the specification. */
export const op = {
  loop: 0x03,
  end: 0x0b,
  brIf: 0x0d,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  i32Const: 0x41,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  i32Mul: 0x6c,
  simd: 0xfd,
} as const;

/** Vector instructions, which follow the prefix `op.simd`. */
export const simd = {
  load: 0x00,
  load32Splat: 0x09,
  load64Splat: 0x0a,
  store: 0x0b,
  const: 0x0c,
  f32x4Add: 0xe4,
  f32x4Mul: 0xe6,
  f64x2Add: 0xf0,
  f64x2Mul: 0xf2,
} as const;

const NO_RESULT = 0x40;
const FUNCTION_TYPE = 0x60;
const I32 = 0x7f;
const V128 = 0x7b;

export interface FunctionBody {
  /** Number of i32 parameters: locals 0, 1, … */
  readonly parameters: number;
  /** Further i32 locals, which follow the parameters. */
  readonly integers: number;
  /** v128 locals, which follow those. */
  readonly vectors: number;
  readonly code: readonly number[];
}

/** A module that exports one function as `run` and a memory of fixed size as `memory`. */
export function moduleBytes(body: FunctionBody, pages: number): Uint8Array<ArrayBuffer> {
  const functionType = [FUNCTION_TYPE, ...vector(new Array<number[]>(body.parameters).fill([I32])), ...vector([])];
  const locals = vector([
    [...unsigned(body.integers), I32],
    [...unsigned(body.vectors), V128],
  ]);
  const code = [...locals, ...body.code, op.end];
  return Uint8Array.of(
    ...[0x00, 0x61, 0x73, 0x6d],
    ...[0x01, 0x00, 0x00, 0x00],
    ...section(1, [functionType]),
    ...section(3, [[0]]),
    ...section(5, [[0x01, ...unsigned(pages), ...unsigned(pages)]]),
    ...section(7, [
      [...text("run"), 0x00, 0],
      [...text("memory"), 0x02, 0],
    ]),
    ...section(10, [[...unsigned(code.length), ...code]]),
  );
}

export const localGet = (local: number): number[] => [op.localGet, ...unsigned(local)];
export const localSet = (local: number): number[] => [op.localSet, ...unsigned(local)];
export const i32Const = (value: number): number[] => [op.i32Const, ...signed(value)];
export const vectorOp = (code: number): number[] => [op.simd, ...unsigned(code)];
/** A load or store at a constant distance from the address on the stack; addresses are multiples of 4 bytes. */
export const vectorMemory = (code: number, offset: number): number[] => [...vectorOp(code), 2, ...unsigned(offset)];
export const zeroVector = (): number[] => [...vectorOp(simd.const), ...new Array<number>(16).fill(0)];

/** Runs `body` until what it leaves on the stack is 0. */
export const repeatWhile = (body: readonly number[]): number[] => [op.loop, NO_RESULT, ...body, op.brIf, 0, op.end];

function section(id: number, items: readonly (readonly number[])[]): number[] {
  const content = vector(items);
  return [id, ...unsigned(content.length), ...content];
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function text(name: string): number[] {
  return vector(Array.from(name, (letter) => [letter.charCodeAt(0)]));
}

/** LEB128. */
function unsigned(value: number): number[] {
  const low = value & 0x7f;
  const rest = value >>> 7;
  return rest === 0 ? [low] : [low | 0x80, ...unsigned(rest)];
}

function signed(value: number): number[] {
  const low = value & 0x7f;
  const rest = value >> 7;
  // The last byte's bit 6 is the sign of all that follows.
  const done = low & 0x40 ? rest === -1 : rest === 0;
  return done ? [low] : [low | 0x80, ...signed(rest)];
}
