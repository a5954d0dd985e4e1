import type { FunctionWriter, Local } from "../assembler/function";
import type { Target } from "../code";
import { ROUND_64, SIGN, multiplyAdd, narrow, polynomial, widen } from "./arithmetic";

/**
 * aᵇ = ± 2^(b·log₂|a|) in double precision, with Math.pow's results where that is not a number: 1 for b = 0; NaN for NaN,
 * for |a| = 1 and b = ±∞ (unlike C), and for finite a < 0 and b not an integer.
 */
export function writePower(f: FunctionWriter, target: Target): void {
  const [a, b, result] = [f.local("v128"), f.local("v128"), f.local("v128")];
  const bases = [f.local("v128"), f.local("v128")] as const;
  const exponents = [f.local("v128"), f.local("v128")] as const;
  f.tee(b);
  widen(f, ...exponents);
  f.tee(a).op("f32x4.abs");
  widen(f, ...bases);
  for (const at of [0, 1]) {
    log2(f, target, bases[at]);
    f.get(exponents[at]).op("f64x2.mul");
    exp2(f, target);
  }
  narrow(f);
  f.release(...bases, ...exponents);

  const whole = f.local("v128");
  f.get(b).op("f32x4.trunc").get(b).op("f32x4.eq").set(whole);
  // Negative for a negative base (−0 too) and an odd exponent: a whole number, and its half is none.
  f.get(b).f32x4(0.5).op("f32x4.mul").tee(result).op("f32x4.trunc").get(result).op("f32x4.ne");
  f.get(whole).op("v128.and").get(a).op("v128.and").i32x4(SIGN).op("v128.and", "v128.xor");
  // All bits set are a NaN.
  f.get(a).f32x4(0).op("f32x4.lt").get(a).f32x4(-Infinity).op("f32x4.gt", "v128.and");
  f.get(whole).op("v128.andnot", "v128.or").set(result);
  f.f32x4(1).get(result).get(b).f32x4(0).op("f32x4.eq", "v128.bitselect");
  f.release(a, b, result, whole);
}

/** Leaves log₂ x on the stack, for x ≥ 0 that were float32: none is subnormal here. x = m·2ⁿ with 2/3 ≤ m < 4/3. */
function log2(f: FunctionWriter, target: Target, x: Local): void {
  const [m, n, s, square] = [f.local("v128"), f.local("v128"), f.local("v128"), f.local("v128")];
  // In the exponent's place: n + 1024, which is positive.
  f.get(x)
    .i32x4(...TWO_THIRDS_LESS_1024)
    .op("i64x2.sub")
    .tee(m)
    .i32(52)
    .op("i64x2.shr_u");
  // As the low bits of 2⁵² it becomes a floating-point number.
  f.f64x2(2 ** 52)
    .op("v128.or")
    .f64x2(2 ** 52 + 1024)
    .op("f64x2.sub")
    .set(n);
  f.get(m)
    .i32x4(-1, 0x000fffff, -1, 0x000fffff)
    .op("v128.and")
    .i32x4(...TWO_THIRDS)
    .op("i64x2.add")
    .tee(m);
  // log₂ m = 2/ln 2·artanh s with s = (m − 1)/(m + 1).
  f.f64x2(1).op("f64x2.sub").get(m).f64x2(1).op("f64x2.add", "f64x2.div").tee(s);
  f.get(s).op("f64x2.mul").set(square);
  polynomial(f, target, square, LOG2_BY_S, "f64x2");
  multiplyAdd(f.get(s), target, () => f.get(n), "f64x2");
  f.get(x).get(x).f64x2(Infinity).op("f64x2.lt", "v128.bitselect").set(n);
  f.f64x2(-Infinity).get(n).get(x).f64x2(0).op("f64x2.eq", "v128.bitselect");
  f.release(m, n, s, square);
}

/** Takes y from the stack and leaves 2^y, within what float32 can tell from 0 and ∞. */
function exp2(f: FunctionWriter, target: Target): void {
  const [y, bits] = [f.local("v128"), f.local("v128")];
  const magic = ROUND_64 + 1023;
  f.f64x2(-200).op("f64x2.pmax").f64x2(200).op("f64x2.pmin").tee(y);
  f.get(y).f64x2(magic).op("f64x2.add").tee(bits).f64x2(magic).op("f64x2.sub", "f64x2.sub").set(y);
  polynomial(f, target, y, EXP2, "f64x2");
  f.get(bits).i32(52).op("i64x2.shl", "f64x2.mul").release(y, bits);
}

/** The bits of float64 2/3 = 0x3fe55555_00000000 (lower ones are of no use); and less 1024 in the exponent. */
const TWO_THIRDS = [0, 0x3fe55555, 0, 0x3fe55555] as const;
const TWO_THIRDS_LESS_1024 = [0, 0x3fe55555 - 0x40000000, 0, 0x3fe55555 - 0x40000000] as const;

/** 2/ln 2·artanh(s)/s by s², for |s| ≤ 0.2: minimax (Remez), relative error 2^−40.8; times 150 that is 2^−33.6 in the power. */
const LOG2_BY_S = [
  2.8853900817774205, 0.9617966948317915, 0.5770777541017614, 0.4122262932258014, 0.31928117668891054,
  0.2908742553840589,
];

/** 2^y for |y| ≤ 1/2: minimax, relative error 2^−29. */
const EXP2 = [
  1.0000000005541592, 0.6931472057373105, 0.24022646890652918, 0.05550328776914606, 0.00961848895529676,
  0.0013399931223279558, 0.0001534581243969695,
];
