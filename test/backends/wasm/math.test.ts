import assert from "node:assert/strict";
import {
  type BinaryMath,
  type UnaryMath,
  costOf,
  writeBinary,
  writeUnary,
} from "../../../engine/backends/wasm/math/index";
import { BINARY_FUNCTIONS, UNARY_FUNCTIONS } from "../../../engine/kernel/expression";
import { Dice } from "../support";
import { TARGETS, mapVectors, ulps } from "./support";

/** In double precision, and the largest error in units of the last place: 0.5 is correct rounding. */
const UNARY: Record<UnaryMath, { readonly of: (x: number) => number; readonly bound: number }> = {
  negate: { of: (x) => -x, bound: 0 },
  abs: { of: Math.abs, bound: 0 },
  floor: { of: Math.floor, bound: 0 },
  ceil: { of: Math.ceil, bound: 0 },
  truncate: { of: Math.trunc, bound: 0 },
  round: { of: roundHalfEven, bound: 0 },
  sqrt: { of: Math.sqrt, bound: 0.5 },
  exp: { of: Math.exp, bound: 2 },
  expm1: { of: Math.expm1, bound: 2 },
  log: { of: Math.log, bound: 2 },
  log1p: { of: Math.log1p, bound: 2 },
  sin: { of: Math.sin, bound: 2 },
  cos: { of: Math.cos, bound: 2 },
  tan: { of: Math.tan, bound: 2 },
  tanh: { of: Math.tanh, bound: 2 },
  erf: { of: erf, bound: 2 },
};

const BINARY: Record<BinaryMath, { readonly of: (a: number, b: number) => number; readonly bound: number }> = {
  add: { of: (a, b) => a + b, bound: 0.5 },
  subtract: { of: (a, b) => a - b, bound: 0.5 },
  multiply: { of: (a, b) => a * b, bound: 0.5 },
  divide: { of: (a, b) => a / b, bound: 0.5 },
  maximum: { of: Math.max, bound: 0 },
  minimum: { of: Math.min, bound: 0 },
  remainder: { of: (a, b) => a - Math.floor(a / b) * b, bound: 0.5 },
  power: { of: Math.pow, bound: 2 },
};

/** Gauss and Legendre's rule of 5 points on 16 pieces: far below float32's precision for what is integrated here. */
function erf(x: number): number {
  if (Math.abs(x) > 5) return Math.sign(x);
  const inner = Math.sqrt(5 - 2 * Math.sqrt(10 / 7)) / 3;
  const outer = Math.sqrt(5 + 2 * Math.sqrt(10 / 7)) / 3;
  const [innerWeight, outerWeight] = [(322 + 13 * Math.sqrt(70)) / 900, (322 - 13 * Math.sqrt(70)) / 900];
  const half = x / 32;
  let sum = 0;
  for (let piece = 0; piece < 16; piece++) {
    const at = (node: number): number => Math.exp(-(((2 * piece + 1 + node) * half) ** 2));
    sum += (128 / 225) * at(0) + innerWeight * (at(-inner) + at(inner)) + outerWeight * (at(-outer) + at(outer));
  }
  return (2 / Math.sqrt(Math.PI)) * half * sum;
}

function roundHalfEven(x: number): number {
  const [low, high] = [Math.floor(x), Math.ceil(x)];
  if (x - low === high - x) return low % 2 === 0 ? low : high;
  return x - low < high - x ? low : high;
}

const SPECIAL = [
  0,
  1,
  Infinity,
  NaN,
  2 ** -149,
  3 * 2 ** -149,
  2 ** -127,
  2 ** -126,
  2 ** -24,
  2 ** 127 * (2 - 2 ** -23),
];

/** Where pieces of approximations meet, results overflow, vanish or saturate, roots and poles are near, or halves are. */
const CRITICAL = [
  ...[
    0.3125,
    0.93,
    0.3466,
    2 / 3,
    4 / 3,
    3.93,
    9.01,
    10,
    17.33,
    18,
    88,
    88.7228,
    88.72284,
    89,
    87.3366,
    103.97,
    103.98,
    104,
  ],
  ...[0.5, 1.5, 2.5, 8388607.5, 2 ** 22 + 0.5, 2 ** 23, 2 ** 24, 1e5, 1e6, 1e6 + 1, 2 ** 31, 2 ** 63, 1e30],
  ...Array.from({ length: 40 }, (_, k) => ((k + 1) * Math.PI) / 2),
  // The float32 nearest to a multiple of π/2 (J.-M. Muller, Elementary Functions, chapter 11).
  16367173 * 2 ** 72,
];

/** With their negatives and the next numbers on both sides. */
function around(values: readonly number[]): number[] {
  const number = new Float32Array(1);
  const bits = new Int32Array(number.buffer);
  return values.flatMap((value) =>
    [-1, 0, 1].flatMap((step) => {
      number[0] = value;
      bits[0] += step;
      return Number.isNaN(number[0]) ? [NaN] : [number[0], -number[0]];
    }),
  );
}

/** Numbers of each sign and exponent, all equally likely. */
function anyFloats(dice: Dice, count: number): Float32Array {
  const bits = Uint32Array.from({ length: count }, (_, at) => ((at % 512) << 23) | dice.whole(0, 0x7fffff));
  return new Float32Array(bits.buffer);
}

function uniform(dice: Dice, count: number, low: number, high: number): Float32Array {
  return Float32Array.from({ length: count }, () => low + (high - low) * dice.uniform());
}

function assertWithin(
  bound: number,
  actual: Float32Array,
  of: (at: number) => number,
  what: (at: number) => string,
): void {
  let [worst, where] = [0, 0];
  for (let at = 0; at < actual.length; at++) {
    const error = ulps(actual[at], of(at));
    if (error > worst) [worst, where] = [error, at];
  }
  assert.ok(worst <= bound, `${what(where)} should be ${of(where)}, is ${actual[where]}: ${worst} units off`);
}

for (const { name, target } of TARGETS) {
  describe(`Vector mathematics in WASM, ${name}`, () => {
    const unary = (fn: UnaryMath): ((x: Float32Array) => Float32Array) =>
      mapVectors(1, (f) => writeUnary(f, fn, target));
    const binary = (fn: BinaryMath): ((a: Float32Array, b: Float32Array) => Float32Array) =>
      mapVectors(2, (f) => writeBinary(f, fn, target));

    for (const [fn, { of, bound }] of Object.entries(UNARY) as [UnaryMath, (typeof UNARY)[UnaryMath]][]) {
      it(`${fn} is within ${bound} units in the last place`, () => {
        const run = unary(fn);
        const dice = new Dice(1);
        const inputs = [
          Float32Array.from(around([...SPECIAL, ...CRITICAL])),
          anyFloats(dice, 60_000),
          uniform(dice, 50_000, -5, 5),
          uniform(dice, 20_000, -110, 90),
          uniform(dice, 20_000, -1e5, 1e5),
        ];
        for (const x of inputs)
          assertWithin(
            bound,
            run(x),
            (at) => of(x[at]),
            (at) => `${fn}(${x[at]})`,
          );
      });
    }

    for (const [fn, { of, bound }] of Object.entries(BINARY) as [BinaryMath, (typeof BINARY)[BinaryMath]][]) {
      it(`${fn} is within ${bound} units in the last place`, () => {
        const run = binary(fn);
        const dice = new Dice(2);
        const edges = around([...SPECIAL, 0.5, 1.5, 2, 3, 4, 127, 128, 149, 150, 2 ** 23, 2 ** 24, 8388607.5, 1e10]);
        const pairs = edges.flatMap((a) => edges.map((b) => [a, b]));
        const bases = uniform(dice, 30_000, 0.01, 20);
        const inputs = [
          [Float32Array.from(pairs, ([a]) => a), Float32Array.from(pairs, ([, b]) => b)],
          [anyFloats(dice, 30_000), anyFloats(dice, 30_000).reverse()],
          // Powers between all that float32 can hold, and somewhat beyond.
          [bases, bases.map((a) => (dice.uniform() * 320 - 160) / Math.log2(a))],
          [uniform(dice, 30_000, -20, 20), Float32Array.from({ length: 30_000 }, () => dice.whole(-40, 40))],
          [uniform(dice, 30_000, 0.999, 1.001), uniform(dice, 30_000, -1e5, 1e5)],
        ];
        for (const [a, b] of inputs)
          assertWithin(
            bound,
            run(a, b),
            (at) => of(a[at], b[at]),
            (at) => `${fn}(${a[at]}, ${b[at]})`,
          );
      });
    }

    it("overflows and vanishes where float32 does", () => {
      // The largest x with eˣ below 2¹²⁸, the smallest above; the smallest with eˣ above 2⁻¹⁵⁰, and the largest below.
      const results = unary("exp")(Float32Array.of(88.72283, 88.72284, -103.97207, -103.972085));
      assert.deepEqual([...results].map(Number.isFinite), [true, false, true, true]);
      assert.deepEqual([...results.slice(1)], [Infinity, 2 ** -149, 0]);
      const powers = binary("power")(Float32Array.of(2, 2, 2, -2), Float32Array.of(127, 128, -149, -149));
      assert.deepEqual([...powers], [2 ** 127, Infinity, 2 ** -149, -(2 ** -149)]);
    });

    it("powers have Math.pow's special values, not C's", () => {
      const a = Float32Array.of(1, 1, -1, -1, NaN, -8, -0, -0, -Infinity, -Infinity, 0, -0);
      const b = Float32Array.of(NaN, Infinity, Infinity, -Infinity, 0, 1 / 3, 3, -3, 0.5, 3, -2, 0.5);
      const expected = [NaN, NaN, NaN, NaN, 1, NaN, -0, -Infinity, Infinity, -Infinity, Infinity, 0];
      assert.deepEqual([...binary("power")(a, b)], expected);
    });

    it("an element's result does not depend on its neighbours", () => {
      const dice = new Dice(3);
      const moderate = uniform(dice, 4000, -1e6, 1e6);
      for (const fn of ["sin", "cos", "tan"] as const) {
        const run = unary(fn);
        // Every other element takes another way.
        const mixed = moderate.map((x, at) => (at % 2 === 0 ? x : x * 1e20));
        const even = (values: Float32Array): number[] => [...values].filter((_, at) => at % 2 === 0);
        assert.deepEqual(even(run(mixed)), even(run(moderate)));
      }
    });
  });
}

describe("Costs of functions", () => {
  it("are positive, and grow with the work", () => {
    for (const fn of [...UNARY_FUNCTIONS, ...BINARY_FUNCTIONS]) assert.ok(costOf(fn) > 0);
    assert.ok(costOf("power") > costOf("exp") && costOf("exp") > costOf("add"));
  });
});
