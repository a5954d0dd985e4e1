import type { FunctionWriter, Local } from "../assembler/function";
import type { Target } from "../code";
import { multiplyAdd, polynomial, takeSign } from "./arithmetic";
import { LN2_HIGH, LN2_LOW } from "./exponential";

/** Natural logarithm. */
export function writeLog(f: FunctionWriter, target: Target): void {
  const x = f.local("v128");
  const small = f.local("v128");
  f.tee(x)
    .f32x4(2 ** 23)
    .op("f32x4.mul");
  // Subnormal numbers are made normal.
  f.get(x)
    .get(x)
    .f32x4(2 ** -126)
    .op("f32x4.lt")
    .tee(small)
    .op("v128.bitselect");
  const { m, exponent } = split(f);
  f.get(m).f32x4(1).op("f32x4.sub").set(m);
  f.get(exponent).op("f32x4.convert_i32x4_s").get(small).f32x4(-23).op("v128.and", "f32x4.add").set(exponent);
  logarithm(f, target, m, exponent);
  special(f, x, 0);
  f.release(x, small, m, exponent);
}

/** ln(1 + x). */
export function writeLog1p(f: FunctionWriter, target: Target): void {
  const x = f.local("v128");
  const u = f.local("v128");
  const lost = f.local("v128");
  const near = f.local("v128");
  // u = 1 + x, rounded; what the rounding lost is exactly (1 − (u − b)) + (x − b) with b = u − 1 (Knuth's TwoSum).
  f.tee(x).f32x4(1).op("f32x4.add").tee(u).f32x4(1).op("f32x4.sub").set(near);
  f.f32x4(1).get(u).get(near).op("f32x4.sub", "f32x4.sub");
  f.get(x).get(near).op("f32x4.sub", "f32x4.add").set(lost);
  f.get(u);
  const { m, exponent } = split(f);
  // It joins the fraction, as a multiple of 2^−exponent: 0 from 127 on, where it does not matter.
  f.get(m).f32x4(1).op("f32x4.sub").get(lost);
  f.f32x4(1).get(exponent).i32x4(127).op("i32x4.min_s").i32(23).op("i32x4.shl", "i32x4.sub", "f32x4.mul", "f32x4.add");
  f.set(m).get(exponent).op("f32x4.convert_i32x4_s").set(exponent);
  logarithm(f, target, m, exponent);
  special(f, x, -1);
  takeSign(f, x);
  f.release(x, u, lost, near, m, exponent);
}

/** Takes a normal number from the stack: m·2^exponent with 2/3 ≤ m < 4/3. */
function split(f: FunctionWriter): { readonly m: Local; readonly exponent: Local } {
  const m = f.local("v128");
  const exponent = f.local("v128");
  f.i32x4(TWO_THIRDS).op("i32x4.sub").tee(m).i32(23).op("i32x4.shr_s").set(exponent);
  f.get(m).i32x4(0x7fffff).op("v128.and").i32x4(TWO_THIRDS).op("i32x4.add").set(m);
  return { m, exponent };
}

/** Leaves exponent·ln 2 + ln(1 + r) on the stack, for |r| ≤ 1/3 and an exponent in floating point. */
function logarithm(f: FunctionWriter, target: Target, r: Local, exponent: Local): void {
  const square = f.local("v128");
  f.get(r).get(r).op("f32x4.mul").set(square);
  polynomial(f, target, r, LOG_TAIL);
  const sum = f.local("v128");
  f.get(r).get(square).op("f32x4.mul", "f32x4.mul").set(sum);
  multiplyAdd(f.get(exponent).f32x4(LN2_LOW), target, () => f.get(sum));
  f.set(sum);
  multiplyAdd(f.get(square).f32x4(-0.5), target, () => f.get(sum));
  f.get(r).op("f32x4.add").set(sum);
  multiplyAdd(f.get(exponent).f32x4(LN2_HIGH), target, () => f.get(sum));
  f.release(square, sum);
}

/** The result on the stack, or: ∞ and NaN for themselves, −∞ at the pole, NaN left of it. */
function special(f: FunctionWriter, x: Local, pole: number): void {
  f.get(x).get(x).f32x4(Infinity).op("f32x4.lt", "v128.bitselect");
  // All bits set are a NaN; the upper nine of them, sign and exponent, are −∞, which is added.
  f.get(x).f32x4(pole).op("f32x4.eq").i32(23).op("i32x4.shl", "f32x4.add");
  f.get(x).f32x4(pole).op("f32x4.lt", "v128.or");
}

/** The bits of float32 2/3. */
const TWO_THIRDS = 0x3f2aaaab;

/** (ln(1 + r) − r + r²/2)/r³ for |r| ≤ 1/3: minimax of ln(1 + r) (Remez), relative error 2^−30. */
const LOG_TAIL = [
  0.33333334, -0.24999811, 0.19999765, -0.16680086, 0.14298953, -0.12187939, 0.10822143, -0.12881705, 0.11728018,
];
