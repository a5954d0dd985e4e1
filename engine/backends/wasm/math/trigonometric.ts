import type { FunctionWriter, Local } from "../assembler/function";
import type { Target } from "../code";
import { ROUND_64, SIGN, multiplyAdd, narrow, polynomial, takeSign, widen } from "./arithmetic";

/** sin x. */
export function writeSin(f: FunctionWriter, target: Target): void {
  const reduced = reduce(f, target);
  sine(f, target, reduced);
}

/** cos x = sin(x + π/2). */
export function writeCos(f: FunctionWriter, target: Target): void {
  const reduced = reduce(f, target);
  f.get(reduced.quarters).i32x4(1).op("i32x4.add").set(reduced.quarters);
  sine(f, target, reduced);
}

/** tan x, in double precision: it is needed rarely, and a float32 r would lose more than a quotient of two may. */
export function writeTan(f: FunctionWriter, target: Target): void {
  const { r, quarters } = reduce(f, target);
  const [square, tangent, odd] = [f.local("v128"), f.local("v128"), f.local("v128")];
  f.get(quarters).i32(31).op("i32x4.shl").i32(31).op("i32x4.shr_s").set(quarters);
  r.forEach((half, at) => {
    f.get(half).get(half).op("f64x2.mul").set(square);
    polynomial(f, target, square, TAN_TAIL, "f64x2");
    multiplyAdd(f.get(square).get(half).op("f64x2.mul"), target, () => f.get(half), "f64x2");
    f.set(tangent);
    // tan(r + π/2) = −1/tan r.
    f.get(quarters)
      .get(quarters)
      .shuffle32(at === 0 ? [0, 0, 1, 1] : [2, 2, 3, 3])
      .set(odd);
    f.f64x2(-1).get(tangent).get(odd).op("v128.bitselect");
    f.get(tangent).f64x2(1).get(odd).op("v128.bitselect", "f64x2.div");
  });
  narrow(f);
  f.release(...r, quarters, square, tangent, odd);
}

/** x = r + quarters·π/2 with |r| ≤ π/4: r in double precision in two locals, the quarters as integers modulo 2³². */
interface Reduced {
  readonly r: readonly [Local, Local];
  readonly quarters: Local;
}

/** Leaves sin r, cos r, −sin r, −cos r on the stack, by the quarter. */
function sine(f: FunctionWriter, target: Target, { r: [low, high], quarters }: Reduced): void {
  const [r, square, sin] = [f.local("v128"), f.local("v128"), f.local("v128")];
  f.get(low).get(high);
  narrow(f);
  f.tee(r).get(r).op("f32x4.mul").set(square);
  polynomial(f, target, square, SIN_TAIL);
  multiplyAdd(f.get(square).get(r).op("f32x4.mul"), target, () => f.get(r));
  takeSign(f, r);
  f.set(sin);
  polynomial(f, target, square, COS_TAIL);
  const cosTail = f.local("v128");
  // The sum of the two first terms is rounded once; it stands on the stack below the rest.
  f.get(square).get(square).op("f32x4.mul", "f32x4.mul").set(cosTail);
  multiplyAdd(f.get(square).f32x4(-0.5), target, () => f.f32x4(1));
  f.get(cosTail).op("f32x4.add").get(sin);
  f.get(quarters).i32(31).op("i32x4.shl").i32(31).op("i32x4.shr_s", "v128.bitselect");
  f.get(quarters).i32(30).op("i32x4.shl").i32x4(SIGN).op("v128.and", "v128.xor");
  f.release(low, high, quarters, r, square, sin, cosTail);
}

/** Takes four float32 from the stack. */
function reduce(f: FunctionWriter, target: Target): Reduced {
  const x = f.local("v128");
  const angles = [f.local("v128"), f.local("v128")] as const;
  const r = [f.local("v128"), f.local("v128")] as const;
  const counts = [f.local("v128"), f.local("v128")] as const;
  f.tee(x);
  widen(f, ...angles);
  angles.forEach((angle, at) => reduceModerate(f, target, angle, r[at], counts[at]));
  f.get(x)
    .op("f32x4.abs")
    .f32x4(MODERATE)
    .op("f32x4.gt", "v128.any_true")
    .if(() => {
      const rounds = f.local("i32");
      f.repeat(rounds, 2, () => {
        reduceAny(f, angles[0], r[0], counts[0]);
        // The other half comes to the first place, and in the second round back.
        for (const [a, b] of [angles, r, counts]) f.get(a).get(b).set(a).set(b);
      }).release(rounds);
    });
  f.get(counts[0]).get(counts[1]).shuffle32([0, 2, 4, 6]).set(x);
  f.release(...angles, ...counts);
  return { r, quarters: x };
}

/** For |x| ≤ 10⁶, by Cody and Waite: n·π/2 in two parts, of which the first is exact. The lowest bits of `count` are n's. */
function reduceModerate(f: FunctionWriter, target: Target, angle: Local, r: Local, count: Local): void {
  const n = f.local("v128");
  multiplyAdd(f.get(angle).f64x2(2 / Math.PI), target, () => f.f64x2(ROUND_64), "f64x2");
  f.tee(count).f64x2(ROUND_64).op("f64x2.sub").tee(n).f64x2(-HALF_PI_HIGH);
  multiplyAdd(f, target, () => f.get(angle), "f64x2");
  f.set(r);
  multiplyAdd(f.get(n).f64x2(-HALF_PI_LOW), target, () => f.get(r), "f64x2");
  f.set(r).release(n);
}

/**
 * Replaces `r` and `count` where |x| > 10⁶, after Payne and Hanek: x·2/π modulo 4, with 2/π in pieces of 24 bits, so that the
 * products are exact, and so are their remainders (0 for those that are whole turns). Added from the largest on, with the
 * quarters taken out each time, they lose nothing that matters: sums below 1 are exact to 2^−53, later ones
 * are smaller, and no float32 but 0 comes nearer to a multiple of π/2 than 2^−30.
 */
function reduceAny(f: FunctionWriter, angle: Local, r: Local, count: Local): void {
  const [product, sum, quarters, whole] = [f.local("v128"), f.local("v128"), f.local("v128"), f.local("v128")];
  f.f64x2(0).set(sum).f64x2(ROUND_64).set(quarters);
  TWO_OVER_PI.forEach((bits, at) => {
    f.get(angle)
      .f64x2(bits * 2 ** (-24 * (at + 1)))
      .op("f64x2.mul")
      .tee(product);
    f.get(product).f64x2(0.25).op("f64x2.mul", "f64x2.nearest").f64x2(4).op("f64x2.mul", "f64x2.sub");
    f.get(sum).op("f64x2.add").tee(sum).op("f64x2.nearest").set(whole);
    f.get(sum).get(whole).op("f64x2.sub").set(sum);
    f.get(quarters).get(whole).op("f64x2.add").set(quarters);
  });
  // Lane by lane: what the other lanes hold changes no result.
  f.get(angle).op("f64x2.abs").f64x2(MODERATE).op("f64x2.gt").set(whole);
  f.get(sum)
    .f64x2(Math.PI / 2)
    .op("f64x2.mul")
    .get(r)
    .get(whole)
    .op("v128.bitselect")
    .set(r);
  f.get(quarters).get(count).get(whole).op("v128.bitselect").set(count);
  f.release(product, sum, quarters, whole);
}

const MODERATE = 1e6;

/** π/2 in two parts; the first has 33 bits, so that its products with integers up to 2²⁰ are exact. */
const HALF_PI_HIGH = 1.5707963267341256;
const HALF_PI_LOW = 6.077100506506192e-11;

/** The first 192 bits of 2/π behind the point. */
const TWO_OVER_PI = [10680707, 7228996, 1387004, 2578385, 16069853, 12639074, 9804092, 4427841];

/** By r², for |r| ≤ π/4, minimax (Remez): (sin r − r)/r³, relative error of the sine 2^−27.9. */
const SIN_TAIL = [-0.16666655, 0.008332189, -0.00019518283];

/** (cos r − 1 + r²/2)/r⁴, relative error of the cosine 2^−33. */
const COS_TAIL = [0.041666646, -0.001388731, 2.4432327e-5];

/** (tan r − r)/r³, relative error of the tangent 2^−29.6. */
const TAN_TAIL = [
  0.3333334979182036, 0.13332662031248016, 0.054060068878442974, 0.0212813784375709, 0.010837965145294904,
  8.674012434068319e-5, 0.004377686569049488,
];
