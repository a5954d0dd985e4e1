import type { ArgumentKernel, ElementType } from "../../../kernel/kernel";
import type { FunctionWriter, Local } from "../assembler/function";
import { BYTES } from "../code";
import { loadFour } from "./columns";

/** A row of neighbouring elements. */
export interface Row {
  /** Of its first element. */
  readonly address: Local;
  /** At least 4. */
  readonly length: number;
  readonly type: ElementType;
  readonly which: ArgumentKernel["which"];
}

/** Rows of up to so many elements are held in vectors: their places are the bits of one word. */
const HELD = 32;
/** Elements that a round of the loop over a longer row looks at. */
const ROUND = 16;

/**
 * Leaves the position of the first largest or smallest element, or of the first NaN: finds what it is, then where. Of the
 * row's last elements some may be looked at twice, which changes nothing.
 */
export function writeRow(f: FunctionWriter, row: Row): void {
  if (row.length <= HELD) writeHeldRow(f, row);
  else writeLongRow(f, row);
}

function writeHeldRow(f: FunctionWriter, { address, length, type, which }: Row): void {
  const starts = Array.from({ length: Math.ceil(length / 4) }, (_, i) => Math.min(4 * i, length - 4));
  const vectors = starts.map((start) => {
    const vector = f.local("v128");
    loadFour(f.get(address), type, start * BYTES[type]).set(vector);
    return vector;
  });
  const [extreme, nans, bits] = [f.local("v128"), f.local("v128"), f.local("i32")];
  vectors.forEach((vector, i) => {
    f.get(vector);
    if (i > 0) f.get(extreme).op(pick(type, which));
    f.set(extreme);
    if (type !== "float32") return;
    f.get(vector).get(vector).op("f32x4.ne");
    if (i > 0) f.get(nans).op("v128.or");
    f.set(nans);
  });
  spread(f, extreme, { type, which });
  const places = (test: Test): void => {
    vectors.forEach((vector, i) => {
      f.get(vector);
      test();
      f.op("i32x4.bitmask");
      if (i > 0) f.i32(starts[i]).op("i32.shl").get(bits).op("i32.or");
      f.set(bits);
    });
  };
  eitherTest(f, { type, extreme, nans }, places);
  f.get(bits).op("i32.ctz");
  f.release(...vectors, extreme, nans, bits);
}

function writeLongRow(f: FunctionWriter, { address, length, type, which }: Row): void {
  const bytes = BYTES[type];
  const whole = length - (length % ROUND);
  const lanes = [0, 4, 8, 12] as const;
  const [extreme, other, nans, value] = [f.local("v128"), f.local("v128"), f.local("v128"), f.local("v128")];
  const [at, left, position] = [f.local("i32"), f.local("i32"), f.local("i32")];
  loadFour(f.get(address), type).tee(extreme).set(other);
  f.i32x4(0).set(nans).get(address).set(at);
  const look = (): void => {
    for (const lane of lanes) {
      // Two of them, so that one need not wait for the other.
      const into = lane % 8 ? other : extreme;
      loadFour(f.get(at), type, lane * bytes).set(value);
      f.get(value).get(into).op(pick(type, which)).set(into);
      if (type === "float32") f.get(value).get(value).op("f32x4.ne").get(nans).op("v128.or").set(nans);
    }
  };
  f.repeat(left, whole / ROUND, () => {
    look();
    f.advance(at, ROUND * bytes);
  });
  if (whole < length) {
    f.advance(at, (length - whole - ROUND) * bytes);
    look();
  }
  f.get(extreme).get(other).op(pick(type, which)).set(extreme);
  spread(f, extreme, { type, which });
  const places = (test: Test): void => {
    f.get(address).set(at).i32(0).set(position);
    f.block((found) => {
      f.loop((again) => {
        for (const lane of lanes) {
          loadFour(f.get(at), type, lane * bytes);
          test();
          if (lane > 0) f.op("v128.or");
        }
        f.op("v128.any_true").leaveIf(found);
        f.advance(at, ROUND * bytes).advance(position, ROUND);
        f.get(position).i32(whole).op("i32.lt_u").leaveIf(again);
      });
      // It is among the last, whose round ends with the row.
      f.advance(at, (length - whole - ROUND) * bytes).advance(position, length - whole - ROUND);
    });
    for (const lane of lanes) {
      loadFour(f.get(at), type, lane * bytes);
      test();
      f.op("i32x4.bitmask");
      if (lane > 0) f.i32(lane).op("i32.shl", "i32.or");
    }
    f.op("i32.ctz").get(position).op("i32.add").set(position);
  };
  eitherTest(f, { type, extreme, nans }, places);
  f.get(position);
  f.release(extreme, other, nans, value, at, left, position);
}

/** Makes a mask of the vector on the stack: where what is looked for is. */
type Test = () => void;

interface Found {
  readonly type: ElementType;
  readonly extreme: Local;
  readonly nans: Local;
}

/** Where there are NaNs, they are looked for, and else the extreme. */
function eitherTest(f: FunctionWriter, { type, extreme, nans }: Found, places: (test: Test) => void): void {
  const equal = (): void => {
    places(() => f.get(extreme).op(type === "float32" ? "f32x4.eq" : "i32x4.eq"));
  };
  if (type !== "float32") {
    equal();
    return;
  }
  const value = f.local("v128");
  f.get(nans).op("v128.any_true");
  f.if(() => {
    places(() => f.tee(value).get(value).op("f32x4.ne"));
  }, equal);
  f.release(value);
}

/** The better of two: of floats by the instruction that is one of the machine's too, and takes either where one is NaN. */
function pick(
  type: ElementType,
  which: ArgumentKernel["which"],
): "f32x4.pmax" | "f32x4.pmin" | "i32x4.max_s" | "i32x4.min_s" {
  if (type === "float32") return which === "maximum" ? "f32x4.pmax" : "f32x4.pmin";
  return which === "maximum" ? "i32x4.max_s" : "i32x4.min_s";
}

/** The best of all lanes, in all lanes. */
function spread(
  f: FunctionWriter,
  extreme: Local,
  { type, which }: { readonly type: ElementType; readonly which: ArgumentKernel["which"] },
): void {
  for (const lanes of [[2, 3, 0, 1] as const, [1, 0, 3, 2] as const]) {
    f.get(extreme).get(extreme).get(extreme).shuffle32(lanes).op(pick(type, which)).set(extreme);
  }
}
