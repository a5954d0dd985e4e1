import type { FunctionWriter, Local } from "../assembler/function";
import type { Words } from "./threefry";

/**
 * Leaves four standard normal numbers of four pairs of random words: Box–Muller, √(−2·ln u)·cos(2π·v) with u and v of 24 bits
 * each, in double precision.
 */
export function writeNormal(f: FunctionWriter, { first, second }: Words): void {
  // 24 bits of each word: of the first from 1 to 2²⁴.
  f.get(first).i32(8).op("i32x4.shr_u").i32x4(1).op("i32x4.add").set(first);
  f.get(second).i32(8).op("i32x4.shr_u").set(second);
  twoNormals(f, first, second);
  f.get(first).get(first).shuffle32([2, 3, 2, 3]).set(first);
  f.get(second).get(second).shuffle32([2, 3, 2, 3]).set(second);
  twoNormals(f, first, second);
  f.shuffle32([0, 1, 4, 5]);
}

/** Leaves two numbers in the lower half of a vector of floats, from the lower halves of two of integers. */
function twoNormals(f: FunctionWriter, first: Local, second: Local): void {
  const [u, angle] = [f.local("v128"), f.local("v128")];
  f.get(first)
    .op("f64x2.convert_low_i32x4_s")
    .f64x2(1 / 0x1000000)
    .op("f64x2.mul")
    .set(u);
  // The definition's order: 2π·v is rounded before it is divided, which is exact.
  f.get(second)
    .op("f64x2.convert_low_i32x4_s")
    .f64x2(2 * Math.PI)
    .op("f64x2.mul")
    .f64x2(1 / 0x1000000)
    .op("f64x2.mul")
    .set(angle);
  logarithm(f, u);
  f.f64x2(-2).op("f64x2.mul", "f64x2.sqrt");
  cosine(f, angle);
  f.op("f64x2.mul", "f32x4.demote_f64x2_zero");
  f.release(u, angle);
}

/** ln 2 in two parts: the first has so few bits that its small multiples are exact. */
const LN2_HIGH = 6.9314718036912381649e-1;
const LN2_LOW = 1.90821492927058770002e-10;

/**
 * Leaves ln x for two normal doubles above 0 with an error of less than one unit of the last place: x = 2ᵏ·(1 + f) with 1 + f
 * between √½ and √2, ln(1 + f) = f − (f²/2 − s·(f²/2 + R(s²))), s = f/(2 + f). Source: FreeBSD's e_log.c (fdlibm), with
 * its coefficients.
 */
function logarithm(f: FunctionWriter, x: Local): void {
  const [exponent, fraction, s, z, half] = Array.from({ length: 5 }, () => f.local("v128"));
  // Bits of √½ are taken away, so that what is left of the exponent is k; k + 1.5·2⁵² in the bits of a double converts it.
  const [sqrtHalf, magic] = [bitsOf(Math.SQRT1_2), bitsOf(1.5 * 2 ** 52)];
  f.get(x).i64(sqrtHalf).op("i64x2.splat", "i64x2.sub").i32(52).op("i64x2.shr_s").set(exponent);
  f.get(x).get(exponent).i32(52).op("i64x2.shl", "i64x2.sub").f64x2(1).op("f64x2.sub").set(fraction);
  f.get(exponent)
    .i64(magic)
    .op("i64x2.splat", "i64x2.add")
    .f64x2(1.5 * 2 ** 52)
    .op("f64x2.sub")
    .set(exponent);
  f.get(fraction).get(fraction).f64x2(2).op("f64x2.add", "f64x2.div").tee(s).get(s).op("f64x2.mul").set(z);
  f.get(fraction).get(fraction).op("f64x2.mul").f64x2(0.5).op("f64x2.mul").set(half);
  f.get(exponent).f64x2(LN2_HIGH).op("f64x2.mul").get(half);
  f.get(s).get(half);
  polynomial(
    f,
    z,
    [
      6.66666666666673513e-1, 3.999999999940941908e-1, 2.857142874366239149e-1, 2.222219843214978396e-1,
      1.818357216161805012e-1, 1.531383769920937332e-1, 1.479819860511658591e-1,
    ],
  );
  f.get(z).op("f64x2.mul", "f64x2.add", "f64x2.mul").get(exponent).f64x2(LN2_LOW).op("f64x2.mul", "f64x2.add");
  f.op("f64x2.sub").get(fraction).op("f64x2.sub", "f64x2.sub");
  f.release(exponent, fraction, s, z, half);
}

/** π/2 in two parts: the first has 33 bits. */
const HALF_PI_HIGH = 1.57079632673412561417;
const HALF_PI_LOW = 6.07710050650619224932e-11;

/**
 * Leaves cos x for two doubles from 0 to 2π: with r what x is beyond the nearest multiple of π/2, it is ±cos r or ±sin r.
 * Source: FreeBSD's k_cos.c and k_sin.c (fdlibm), with their coefficients.
 */
function cosine(f: FunctionWriter, x: Local): void {
  const [quarter, r, z, odd] = Array.from({ length: 4 }, () => f.local("v128"));
  f.get(x)
    .f64x2(2 / Math.PI)
    .op("f64x2.mul", "f64x2.nearest")
    .set(quarter);
  f.get(x).get(quarter).f64x2(HALF_PI_HIGH).op("f64x2.mul", "f64x2.sub");
  f.get(quarter).f64x2(HALF_PI_LOW).op("f64x2.mul", "f64x2.sub").tee(r).get(r).op("f64x2.mul").set(z);
  // The low bits of quarter + 1.5·2⁵² are quarter's: bit 0 says sine, and bit 1 of quarter + 1 the sign.
  f.get(quarter)
    .f64x2(1.5 * 2 ** 52)
    .op("f64x2.add")
    .set(quarter);
  f.i32x4(0).get(quarter).i64(1n).op("i64x2.splat", "v128.and", "i64x2.sub").set(odd);
  // r + r³·S(r²)
  f.get(r).get(r).get(z).op("f64x2.mul");
  polynomial(
    f,
    z,
    [
      -1.66666666666666324348e-1, 8.33333333332248946124e-3, -1.98412698298579493134e-4, 2.75573137070700676789e-6,
      -2.50507602534068634195e-8, 1.58969099521155010221e-10,
    ],
  );
  f.op("f64x2.mul", "f64x2.add");
  // 1 − (r²/2 − r⁴·C(r²))
  f.f64x2(1).get(z).f64x2(0.5).op("f64x2.mul").get(z).get(z).op("f64x2.mul");
  polynomial(
    f,
    z,
    [
      4.16666666666666019037e-2, -1.38888888888741095749e-3, 2.48015872894767294178e-5, -2.75573143513906633035e-7,
      2.0875723212981748279e-9, -1.13596475577881948265e-11,
    ],
  );
  f.op("f64x2.mul", "f64x2.sub", "f64x2.sub");
  f.get(odd).op("v128.bitselect");
  f.get(quarter).i64(1n).op("i64x2.splat", "i64x2.add").i64(2n).op("i64x2.splat", "v128.and");
  f.i32(62).op("i64x2.shl", "v128.xor");
  f.release(quarter, r, z, odd);
}

/** Leaves c₀ + c₁·x + c₂·x² + … */
function polynomial(f: FunctionWriter, x: Local, coefficients: readonly number[]): void {
  f.f64x2(coefficients.at(-1) ?? 0);
  for (const c of coefficients.slice(0, -1).reverse()) f.get(x).op("f64x2.mul").f64x2(c).op("f64x2.add");
}

function bitsOf(value: number): bigint {
  return new BigInt64Array(Float64Array.of(value).buffer)[0];
}
