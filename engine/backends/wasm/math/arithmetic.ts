import type { FunctionWriter, Local } from "../assembler/function";
import type { Target } from "../code";

/** How many numbers of which precision a vector holds. */
export type Lanes = "f32x4" | "f64x2";

/** With a and b on the stack: a·b + c, where `c` writes what leaves c on the stack. One rounding where the target has it. */
export function multiplyAdd(f: FunctionWriter, target: Target, c: () => void, lanes: Lanes = "f32x4"): void {
  if (target.fused) {
    c();
    f.op(`${lanes}.relaxed_madd`);
  } else {
    f.op(`${lanes}.mul`);
    c();
    f.op(`${lanes}.add`);
  }
}

/** Leaves Σ coefficients[k]·xᵏ on the stack (Horner's scheme). */
export function polynomial(
  f: FunctionWriter,
  target: Target,
  x: Local,
  coefficients: readonly number[],
  lanes: Lanes = "f32x4",
): void {
  const constant = (value: number): FunctionWriter => (lanes === "f32x4" ? f.f32x4(value) : f.f64x2(value));
  coefficients.toReversed().forEach((coefficient, at) => {
    if (at === 0) constant(coefficient);
    else multiplyAdd(f.get(x), target, () => constant(coefficient), lanes);
  });
}

/** Gives what is on the stack the sign of `x`; it must be ≥ 0, or have that sign already but for zeros. */
export function takeSign(f: FunctionWriter, x: Local): void {
  f.get(x).i32x4(SIGN).op("v128.and", "v128.or");
}

/** Takes four float32 from the stack and sets two vectors to them, in double precision. */
export function widen(f: FunctionWriter, low: Local, high: Local): void {
  f.tee(low).get(low).get(low).shuffle32([2, 3, 2, 3]).op("f64x2.promote_low_f32x4").set(high);
  f.op("f64x2.promote_low_f32x4").set(low);
}

/** Takes two pairs of float64 from the stack, the first below, and leaves them as four float32. */
export function narrow(f: FunctionWriter): void {
  const high = f.local("v128");
  f.op("f32x4.demote_f64x2_zero").set(high);
  f.op("f32x4.demote_f64x2_zero").get(high).shuffle32([0, 1, 4, 5]).release(high);
}

/** The sign of a float32. */
export const SIGN = 0x80000000;

/**
 * Adding and subtracting it rounds a float32 below 2²² to an integer, which stands in the low bits of the sum; for a
 * float64 below 2⁵¹ {@link ROUND_64}. Cheaper than rounding and converting, and NaN stays NaN.
 */
export const ROUND_32 = 1.5 * 2 ** 23;
export const ROUND_64 = 1.5 * 2 ** 52;
