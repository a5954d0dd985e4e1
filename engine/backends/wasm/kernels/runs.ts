import type { FunctionWriter, Local } from "../assembler/function";

/** An address: what the local holds and so many bytes more. */
export interface Place {
  readonly base: Local;
  readonly offset?: number;
}

/** Runs of up to so many bytes are copied and filled without a loop. */
const UNROLLED = 128;
/** Longer runs are worth the platform's own copying, which is a call out of the module. */
const CALLED = 1024;
/** Bytes per round of a loop. */
const ROUND = 64;

/** About how long it takes to read or to write a byte of a long run, from what is near the processor. */
export const NS_PER_BYTE = 0.01;

/** Copies so many bytes, exactly; the stretches do not overlap. Neither needs to be aligned. */
export function copyRun(f: FunctionWriter, to: Place, from: Place, bytes: number): void {
  if (bytes > CALLED) {
    address(f, to);
    address(f, from);
    f.i32(bytes).copyMemory();
    return;
  }
  rounds(f, [to, from], bytes, ([target, source], count) => {
    for (const { at, unit } of units(count)) {
      f.get(target.base).get(source.base);
      f.memory(LOADS[unit], (source.offset ?? 0) + at).memory(STORES[unit], (target.offset ?? 0) + at);
    }
  });
}

/** A value to fill memory with. */
export interface Filling {
  /** Its four bytes; of a one-byte value, four of it. */
  readonly word: number;
  /** The same in all lanes of a vector. */
  readonly vector: Local;
}

/** Fills so many bytes, a whole number of values. */
export function fillRun(f: FunctionWriter, to: Place, filling: Filling, bytes: number): void {
  if (bytes > CALLED && isUniform(filling.word)) {
    address(f, to);
    f.i32(filling.word & 0xff)
      .i32(bytes)
      .fillMemory();
    return;
  }
  rounds(f, [to], bytes, ([target], count) => {
    for (const { at, unit } of units(count)) {
      f.get(target.base);
      if (unit === 16) f.get(filling.vector);
      else if (unit === 8) f.i64((BigInt(filling.word >>> 0) << 32n) | BigInt(filling.word >>> 0));
      else f.i32(filling.word);
      f.memory(STORES[unit], (target.offset ?? 0) + at);
    }
  });
}

/** Whether all four bytes are equal. */
export function isUniform(word: number): boolean {
  return (word & 0xff) * 0x01010101 === word >>> 0;
}

type Unit = 1 | 4 | 8 | 16;
const LOADS = { 1: "i32.load8_u", 4: "i32.load", 8: "i64.load", 16: "v128.load" } as const;
const STORES = { 1: "i32.store8", 4: "i32.store", 8: "i64.store", 16: "v128.store" } as const;

/** Loads and stores that cover so many bytes; the last may overlap the one before. */
function units(bytes: number): { readonly at: number; readonly unit: Unit }[] {
  const unit = ([16, 8, 4] as const).find((each) => bytes >= each) ?? 1;
  const found: { at: number; unit: Unit }[] = [];
  for (let at = 0; at + unit <= bytes; at += unit) found.push({ at, unit });
  if (bytes % unit) found.push({ at: bytes - unit, unit });
  return found;
}

/** Does all at once where it is short, and else in rounds and a rest. */
function rounds(
  f: FunctionWriter,
  places: readonly Place[],
  bytes: number,
  body: (places: readonly Place[], bytes: number) => void,
): void {
  if (bytes <= UNROLLED) {
    body(places, bytes);
    return;
  }
  const moving = places.map((place) => {
    const base = f.local("i32");
    address(f, place);
    f.set(base);
    return { base };
  });
  const left = f.local("i32");
  f.repeat(left, Math.floor(bytes / ROUND), () => {
    body(moving, ROUND);
    for (const { base } of moving) f.advance(base, ROUND);
  });
  const rest = bytes % ROUND;
  // A rest that is shorter than a vector is covered by one that ends with it.
  const back = rest > 0 && rest < 16 ? 16 - rest : 0;
  if (back > 0) for (const { base } of moving) f.advance(base, -back);
  body(moving, rest + back);
  f.release(left, ...moving.map(({ base }) => base));
}

function address(f: FunctionWriter, { base, offset = 0 }: Place): void {
  f.get(base);
  if (offset !== 0) f.i32(offset).op("i32.add");
}
