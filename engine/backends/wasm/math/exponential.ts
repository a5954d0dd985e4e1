import type { FunctionWriter, Local } from "../assembler/function";
import type { Target } from "../code";
import { ROUND_32, multiplyAdd, polynomial, takeSign } from "./arithmetic";

/** eˣ. */
export function writeExp(f: FunctionWriter, target: Target): void {
  // Beyond these the result is 0 and ∞ already. pmin and pmax, unlike min and max, are one machine instruction each, and
  // hand on a NaN in the first place.
  f.f32x4(-104).op("f32x4.pmax").f32x4(89).op("f32x4.pmin");
  // 2ⁿ is multiplied in two parts, 2ⁿ = 2^(a−127)·2^(b−127) with a + b = n + 254: so the first product is never subnormal
  // and never ∞, and only the second one rounds.
  const { r, bits } = reduce(f, target, 254);
  polynomial(f, target, r, [1, 1, ...EXP_TAIL]);
  const half = f.local("v128");
  f.get(bits).i32(1).op("i32x4.shr_u").tee(half).i32(23).op("i32x4.shl", "f32x4.mul");
  f.get(bits).get(half).op("i32x4.sub").i32(23).op("i32x4.shl", "f32x4.mul");
  f.release(r, bits, half);
}

/** eˣ − 1. */
export function writeExpm1(f: FunctionWriter, target: Target): void {
  const x = f.local("v128");
  f.f32x4(-18).op("f32x4.pmax").f32x4(89).op("f32x4.pmin").tee(x);
  halfExpm1(f, target);
  f.f32x4(2).op("f32x4.mul");
  takeSign(f, x);
  f.release(x);
}

/** tanh x: |x| = t gives h / (h + 1) with h = (e^(2t) − 1) / 2, and below 0.3125, for precision, t + t³·P(t²). */
export function writeTanh(f: FunctionWriter, target: Target): void {
  const [x, t, square, h] = [f.local("v128"), f.local("v128"), f.local("v128"), f.local("v128")];
  // At 10 the quotient is 1 already.
  f.tee(x).op("f32x4.abs").f32x4(10).op("f32x4.pmin").tee(t).get(t).op("f32x4.mul").set(square);
  polynomial(f, target, square, TANH_NEAR);
  multiplyAdd(f.get(square).get(t).op("f32x4.mul"), target, () => f.get(t));
  f.get(t).get(t).op("f32x4.add");
  halfExpm1(f, target);
  f.tee(h).get(h).f32x4(1).op("f32x4.add", "f32x4.div");
  f.get(t).f32x4(0.3125).op("f32x4.lt", "v128.bitselect");
  takeSign(f, x);
  f.release(x, t, square, h);
}

/**
 * erf x = 2/√π ∫₀ˣ e^(−t²) dt. Below 0.93 it is x + x·P(x²), above 1 − e^(−t − t·Q(t)), the form of which is N. Juffa's
 * (https://stackoverflow.com/q/35148198); the coefficients are fitted here.
 */
export function writeErf(f: FunctionWriter, target: Target): void {
  const x = f.local("v128");
  const t = f.local("v128");
  const square = f.local("v128");
  // At 3.93 it is 1 already.
  f.tee(x).op("f32x4.abs").f32x4(3.93).op("f32x4.pmin").tee(t).get(t).op("f32x4.mul").set(square);
  polynomial(f, target, square, ERF_NEAR);
  multiplyAdd(f.get(t), target, () => f.get(t));
  polynomial(f, target, t, ERF_FAR);
  const far = f.local("v128");
  multiplyAdd(f.get(t), target, () => f.get(t));
  f.op("f32x4.neg");
  // 383 = 127 + 256: the exponent's bias, and a sign, so that the scale is −2ⁿ.
  const { r, bits } = reduce(f, target, 383);
  polynomial(f, target, r, [1, 1, ...EXP_TAIL]);
  multiplyAdd(f.get(bits).i32(23).op("i32x4.shl"), target, () => f.f32x4(1));
  f.set(far).get(far).get(t).f32x4(0.93).op("f32x4.lt", "v128.bitselect");
  takeSign(f, x);
  f.release(x, t, square, far, r, bits);
}

/** Takes x, −18 ≤ x ≤ 89 or NaN, from the stack and leaves (eˣ − 1) / 2: half, since 2ⁿ is ∞ at the upper end. */
function halfExpm1(f: FunctionWriter, target: Target): void {
  const { r, bits } = reduce(f, target, 126);
  const scale = f.local("v128");
  polynomial(f, target, r, EXP_TAIL);
  multiplyAdd(f.get(r).get(r).op("f32x4.mul"), target, () => f.get(r));
  f.get(bits).i32(23).op("i32x4.shl").tee(scale);
  multiplyAdd(f, target, () => f.get(scale).f32x4(0.5).op("f32x4.sub"));
  f.release(r, bits, scale);
}

/**
 * Takes x from the stack: x = n·ln 2 + r with an integer n.
 *
 * @returns locals with r, |r| ≤ 0.347, and an integer whose lowest 9 bits are those of n + `bias`
 */
function reduce(f: FunctionWriter, target: Target, bias: number): { readonly r: Local; readonly bits: Local } {
  const r = f.local("v128");
  const bits = f.local("v128");
  const n = f.local("v128");
  const magic = ROUND_32 + bias;
  multiplyAdd(f.tee(r).f32x4(Math.LOG2E), target, () => f.f32x4(magic));
  f.tee(bits).f32x4(magic).op("f32x4.sub").tee(n).f32x4(-LN2_HIGH);
  multiplyAdd(f, target, () => f.get(r));
  f.set(r);
  multiplyAdd(f.get(n).f32x4(-LN2_LOW), target, () => f.get(r));
  f.set(r).release(n);
  return { r, bits };
}

/** ln 2 in two parts; the first has 9 bits, so that its products with exponents are exact. */
export const LN2_HIGH = 0.693359375;
export const LN2_LOW = Math.LN2 - LN2_HIGH;

/** (eʳ − 1 − r)/r² for |r| ≤ 0.3468: minimax of eʳ − 1 (Remez), relative error 2^−26.1. */
const EXP_TAIL = [0.49999997, 0.16666539, 0.04166775, 0.008367088, 0.0013837875];

/** erf(x)/x − 1 by x² for |x| ≤ 0.93: minimax of erf, relative error 2^−30. */
const ERF_NEAR = [0.12837917, -0.3761263, 0.11283626, -0.026855731, 0.005192405, -0.00080497697, 0.0000799665];

/** (−ln(1 − erf t) − t)/t for 0.92 ≤ t ≤ 3.93: minimax of erf, relative error 2^−28.2. */
const ERF_FAR = [0.12851436, 0.6357183, 0.1052619, -0.022890009, 0.0032149747, -0.0002139886];

/** (tanh t − t)/t³ by t² for |t| ≤ 0.3125: minimax of tanh, relative error 2^−25.8. */
const TANH_NEAR = [-0.3333299, 0.13311706, -0.05007825];
