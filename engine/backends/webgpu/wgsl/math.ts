import type { BinaryFunction, UnaryFunction } from "../../../kernel/expression";
import { type Width, typeName } from "./elements";

/**
 * Functions of float32 in WGSL text, since its own ones promise little: sin is good to 2⁻¹¹, exp to 3 + 2|x| units in the last
 * place, and what becomes of NaN and infinities is left open. Tests for them look at the bits, which no compiler may argue away.
 */
export class MathTexts {
  private readonly texts = new Map<string, string>();

  /** The name of a function for a width; its text is taken along. */
  name(name: string, width: Width): string {
    const key = `${name}${width}`;
    if (!this.texts.has(key)) {
      const { text, needs = [], scalar = [] } = FUNCTIONS[name];
      // Keeps the order in which they were asked for, since that is of no matter in WGSL.
      this.texts.set(key, specialised(typeof text === "string" ? text : text(width), width));
      for (const other of needs) this.name(other, width);
      for (const other of scalar) this.name(other, 1);
    }
    return key;
  }

  toString(): string {
    return [...this.texts.values()].join("\n");
  }
}

/** Which function of {@link MathTexts} stands for one of the kernel language; undefined where WGSL has what is needed itself. */
export function mathOf(fn: UnaryFunction | BinaryFunction): string | undefined {
  return fn in MATH ? MATH[fn as keyof typeof MATH] : undefined;
}

const MATH = {
  exp: "expOf",
  expm1: "expm1Of",
  log: "logOf",
  log1p: "log1pOf",
  sin: "sinOf",
  cos: "cosOf",
  tan: "tanOf",
  tanh: "tanhOf",
  erf: "erfOf",
  power: "powerOf",
  remainder: "remainderOf",
  maximum: "maximumOf",
  minimum: "minimumOf",
} as const;

/** F, I, U and B are the types of float, signed, unsigned and bool; N is the width. */
function specialised(text: string, width: Width): string {
  const types = { F: typeName("float", width), I: typeName("int", width), B: typeName("bool", width) };
  return text
    .replace(/\b([FIB])\b/g, (_, name: "F" | "I" | "B") => types[name])
    .replace(/\bU\b/g, width === 1 ? "u32" : "vec4<u32>")
    .replace(/\b(\w+)N\b/g, (_, name: string) => `${name}${width}`);
}

interface MathFunction {
  readonly text: string | ((width: Width) => string);
  /** Of the same width. */
  readonly needs?: readonly string[];
  /** For single numbers. */
  readonly scalar?: readonly string[];
}

/** A float32 as WGSL, to the bit. */
export function floatText(value: number): string {
  const rounded = Math.fround(value);
  if (Number.isNaN(rounded)) return "nan()";
  if (!Number.isFinite(rounded)) return rounded > 0 ? "infinity()" : "(-infinity())";
  if (Number.isInteger(rounded) && Math.abs(rounded) < 1e6 && !Object.is(rounded, -0))
    return rounded < 0 ? `(${rounded}.0f)` : `${rounded}.0f`;
  const bits = new Uint32Array(new Float32Array([rounded]).buffer)[0];
  return `bitcast<f32>(0x${bits.toString(16)}u)`;
}

/** What is always there: numbers that may not stand in a constant expression. */
export const NUMBER_FUNCTIONS = `
fn infinity() -> f32 { var bits = 0x7f800000u; return bitcast<f32>(bits); }
fn nan() -> f32 { var bits = 0x7fc00000u; return bitcast<f32>(bits); }
`;

/** Σ coefficients[k]·xᵏ as text. */
function polynomial(x: string, coefficients: readonly number[]): string {
  return coefficients
    .toReversed()
    .reduce((text, c) => (text === "" ? `F(${floatText(c)})` : `fma(${text}, ${x}, F(${floatText(c)}))`), "");
}

const LN2_HIGH = 0.693359375;
const LN2_LOW = Math.LN2 - LN2_HIGH;
/** (eʳ − 1 − r)/r² for |r| ≤ 0.3468; see backends/wasm/math. */
const EXP_TAIL = [0.49999997, 0.16666539, 0.04166775, 0.008367088, 0.0013837875];
const ERF_NEAR = [0.12837917, -0.3761263, 0.11283626, -0.026855731, 0.005192405, -0.00080497697, 0.0000799665];
const ERF_FAR = [0.12851436, 0.6357183, 0.1052619, -0.022890009, 0.0032149747, -0.0002139886];
const TANH_NEAR = [-0.3333299, 0.13311706, -0.05007825];
const LOG_TAIL = [
  0.33333334, -0.24999811, 0.19999765, -0.16680086, 0.14298953, -0.12187939, 0.10822143, -0.12881705, 0.11728018,
];
const SIN_TAIL = [-0.16666655, 0.008332189, -0.00019518283];
const COS_TAIL = [0.041666646, -0.001388731, 2.4432327e-5];

const FUNCTIONS: Readonly<Record<string, MathFunction>> = {
  isNan: {
    text: `fn isNanN(x: F) -> B { return (bitcast<U>(x) & U(0x7fffffffu)) > U(0x7f800000u); }`,
  },
  isFinite: {
    text: `fn isFiniteN(x: F) -> B { return (bitcast<U>(x) & U(0x7f800000u)) != U(0x7f800000u); }`,
  },
  maximumOf: {
    text: `fn maximumOfN(a: F, b: F) -> F { return select(select(max(a, b), b, isNanN(b)), a, isNanN(a)); }`,
    needs: ["isNan"],
  },
  minimumOf: {
    text: `fn minimumOfN(a: F, b: F) -> F { return select(select(min(a, b), b, isNanN(b)), a, isNanN(a)); }`,
    needs: ["isNan"],
  },
  /** x·2ⁿ for −300 < n < 300, in three steps, so that none is beyond what a factor can be. */
  scale: {
    text: `fn scaleN(x: F, n: I) -> F {
  let third = n / I(3);
  let rest = n - third * I(2);
  let a = bitcast<F>((third + I(127)) << U(23u));
  return x * bitcast<F>((rest + I(127)) << U(23u)) * a * a;
}`,
  },
  /** eˣ = 2ⁿ·eʳ with |r| ≤ ln 2 / 2. */
  expOf: {
    text: `fn expOfN(given: F) -> F {
  let x = clamp(given, F(-104.0f), F(89.0f));
  let n = round(x * F(${floatText(Math.LOG2E)}));
  let r = fma(n, F(${floatText(-LN2_LOW)}), fma(n, F(${floatText(-LN2_HIGH)}), x));
  let p = ${polynomial("r", [1, 1, ...EXP_TAIL])};
  return select(scaleN(p, I(n)), given, isNanN(given));
}`,
    needs: ["isNan", "scale"],
  },
  /** (eˣ − 1)/2 for −18 ≤ x ≤ 89. */
  halfExpm1: {
    text: `fn halfExpm1N(x: F) -> F {
  let n = round(x * F(${floatText(Math.LOG2E)}));
  let r = fma(n, F(${floatText(-LN2_LOW)}), fma(n, F(${floatText(-LN2_HIGH)}), x));
  let p = fma(r * r, ${polynomial("r", EXP_TAIL)}, r);
  let half = bitcast<F>((I(n) + I(126)) << U(23u));
  return fma(half, p, half - F(0.5f));
}`,
  },
  expm1Of: {
    text: `fn expm1OfN(given: F) -> F {
  let value = halfExpm1N(clamp(given, F(-18.0f), F(89.0f))) * F(2.0f);
  let tiny = abs(given) < F(${floatText(2 ** -24)});
  return select(select(value, given, tiny), given, isNanN(given));
}`,
    needs: ["halfExpm1", "isNan"],
  },
  tanhOf: {
    text: `fn tanhOfN(x: F) -> F {
  let t = min(abs(x), F(10.0f));
  let square = t * t;
  let near = fma(square * t, ${polynomial("square", TANH_NEAR)}, t);
  let h = halfExpm1N(t + t);
  let size = select(h / (h + F(1.0f)), near, t < F(0.3125f));
  return select(withSignN(size, x), x, isNanN(x));
}`,
    needs: ["halfExpm1", "withSign", "isNan"],
  },
  withSign: {
    text: `fn withSignN(size: F, like: F) -> F {
  return bitcast<F>((bitcast<U>(size) & U(0x7fffffffu)) | (bitcast<U>(like) & U(0x80000000u)));
}`,
  },
  erfOf: {
    text: `fn erfOfN(x: F) -> F {
  let t = min(abs(x), F(3.93f));
  let square = t * t;
  let near = fma(t, ${polynomial("square", ERF_NEAR)}, t);
  let y = -fma(t, ${polynomial("t", ERF_FAR)}, t);
  let far = F(1.0f) - expOfN(y);
  return select(withSignN(select(far, near, t < F(0.93f)), x), x, isNanN(x));
}`,
    needs: ["expOf", "withSign", "isNan"],
  },
  /** exponent·ln 2 + ln(1 + r) for |r| ≤ 1/3. */
  logarithm: {
    text: `fn logarithmN(r: F, exponent: F) -> F {
  let square = r * r;
  let tail = fma(exponent, F(${floatText(LN2_LOW)}), r * square * (${polynomial("r", LOG_TAIL)}));
  return fma(exponent, F(${floatText(LN2_HIGH)}), r + fma(square, F(-0.5f), tail));
}`,
  },
  /** Subnormal numbers, which a device may take for 0, are counted in units of 2⁻¹⁴⁹. */
  logOf: {
    text: `fn logOfN(given: F) -> F {
  let raw = bitcast<U>(given);
  let isTiny = raw < U(0x800000u);
  let bits = bitcast<I>(select(given, F(raw), isTiny)) - I(0x3f2aaaab);
  let m = bitcast<F>((bits & I(0x7fffff)) + I(0x3f2aaaab));
  let exponent = F(bits >> U(23u)) - select(F(0.0f), F(149.0f), isTiny);
  let value = logarithmN(m - F(1.0f), exponent);
  let above = select(value, given, raw >= U(0x7f800000u));
  let below = select(above, F(nan()), (raw >> U(31u)) == U(1u));
  let isZero = (raw & U(0x7fffffffu)) == U(0u);
  return select(select(below, F(-infinity()), isZero), given, isNanN(given));
}`,
    needs: ["logarithm", "isNan"],
  },
  /** Near 0 by the series itself: 1 + x would lose what matters. */
  log1pOf: {
    text: `fn log1pOfN(x: F) -> F {
  let near = abs(x) < F(0.33f);
  return select(logOfN(F(1.0f) + x), logarithmN(select(F(0.0f), x, near), F(0.0f)), near);
}`,
    needs: ["logarithm", "logOf"],
  },
  /** sin of r + quarters·π/2, |r| ≤ π/4. */
  sine: {
    text: `fn sineN(r: F, quarters: I) -> F {
  let square = r * r;
  let sin = fma(square * r, ${polynomial("square", SIN_TAIL)}, r);
  let cos = fma(square * square, ${polynomial("square", COS_TAIL)}, fma(square, F(-0.5f), F(1.0f)));
  let value = select(sin, cos, (quarters & I(1)) == I(1));
  return select(value, -value, (quarters & I(2)) == I(2));
}`,
  },
  /** x = r + quarters·π/2 for |x| ≤ 8192, after Cody and Waite: r in x, the quarters in y. */
  reduceNear: {
    text: `fn reduceNearN(x: F, n: F) -> F {
  return fma(n, F(${floatText(-7.549789954891882e-8)}), fma(n, F(${floatText(-4.837512969970703e-4)}), fma(n, F(-1.5703125f), x)));
}`,
  },
  mulHigh: {
    text: `fn mulHighN(a: u32, b: u32) -> u32 {
  let low = (a & 0xffffu) * (b & 0xffffu);
  let first = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
  let second = (a & 0xffffu) * (b >> 16u) + (first & 0xffffu);
  return (a >> 16u) * (b >> 16u) + (first >> 16u) + (second >> 16u);
}`,
  },
  /** The same for any |x| ≥ 2, after Payne and Hanek: x = M·2ᵉ with an integer M; of the bits of 2/π, those count that make no whole turns. */
  reduceFar: {
    text: `fn reduceFarN(x: f32) -> vec2<f32> {
  var twoOverPi = array<u32, 9>(0u, ${[
    0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab, 0xdebbc561,
  ]
    .map((word) => `0x${word.toString(16)}u`)
    .join(", ")});
  let bits = bitcast<u32>(x);
  let mantissa = (bits & 0x7fffffu) | 0x800000u;
  let first = u32(i32((bits >> 23u) & 0xffu) - 150 + 30);
  let word = min(first >> 5u, 5u);
  let shift = first & 31u;
  var a = vec3<u32>(twoOverPi[word], twoOverPi[word + 1u], twoOverPi[word + 2u]);
  if (shift > 0u) {
    let next = vec3<u32>(twoOverPi[word + 1u], twoOverPi[word + 2u], twoOverPi[word + 3u]);
    a = (a << vec3<u32>(shift)) | (next >> vec3<u32>(32u - shift));
  }
  let low = a.z * mantissa;
  let middle = a.y * mantissa + mulHigh1(a.z, mantissa);
  let carry = select(0u, 1u, middle < a.y * mantissa);
  let high = a.x * mantissa + mulHigh1(a.y, mantissa) + carry;
  let fraction = (high << 2u) | (middle >> 30u);
  let rest = (middle << 2u) | (low >> 30u);
  let quarters = (high >> 30u) + (fraction >> 31u);
  let size = f32(bitcast<i32>(fraction)) * ${floatText(2 ** -32)} + f32(rest) * ${floatText(2 ** -64)};
  let r = size * ${floatText(Math.PI / 2)};
  let isNegative = (bits >> 31u) == 1u;
  return vec2<f32>(select(r, -r, isNegative), f32(select(quarters, (4u - (quarters & 3u)) & 3u, isNegative) & 3u));
}`,
    needs: ["mulHigh"],
  },
  farSine: {
    text: `fn farSineN(x: f32, shift: i32) -> f32 {
  let reduced = reduceFar1(x);
  return sine1(reduced.x, i32(reduced.y) + shift);
}`,
    needs: ["reduceFar", "sine"],
  },
  /** sin(x + shift·π/2). */
  circle: {
    text: (width) => `fn circleN(x: F, shift: i32) -> F {
  let n = round(x * F(${floatText(2 / Math.PI)}));
  let isFar = abs(x) > F(8192.0f);
  let near = select(x, F(0.0f), isFar);
  let quarters = select(n, F(0.0f), isFar);
  var value = sineN(reduceNearN(near, quarters), I(quarters) + I(shift));
  ${
    width === 1
      ? "if (isFar) { value = farSine1(x, shift); }"
      : "if (any(isFar)) { for (var i = 0u; i < 4u; i++) { if (isFar[i]) { value[i] = farSine1(x[i], shift); } } }"
  }
  return select(F(nan()), value, isFiniteN(x));
}`,
    needs: ["sine", "reduceNear", "isFinite"],
    scalar: ["farSine"],
  },
  sinOf: { text: `fn sinOfN(x: F) -> F { return circleN(x, 0); }`, needs: ["circle"] },
  cosOf: { text: `fn cosOfN(x: F) -> F { return circleN(x, 1); }`, needs: ["circle"] },
  tanOf: { text: `fn tanOfN(x: F) -> F { return circleN(x, 0) / circleN(x, 1); }`, needs: ["circle"] },
  /**
   * aᵇ = ± 2^(b·log₂|a|), the logarithm in two float32, with Math.pow's results where that is no number: 1 for b = 0; NaN for NaN, for
   * |a| = 1 and b = ±∞, and for finite a < 0 and b not an integer.
   */
  powerOf: {
    text: `fn powerOfN(a: F, b: F) -> F {
  let size = abs(a);
  let raw = bitcast<U>(size);
  let isTiny = raw < U(0x800000u);
  let bits = bitcast<I>(select(size, F(raw), isTiny)) - I(0x3f2aaaab);
  let m = bitcast<F>((bits & I(0x7fffff)) + I(0x3f2aaaab));
  let n = F(bits >> U(23u)) - select(F(0.0f), F(149.0f), isTiny);
  let above = m - F(1.0f);
  let below = m + F(1.0f);
  let lost = m - (below - F(1.0f));
  let s = above / below;
  let rest = (fma(-s, below, above) - s * lost) / below;
  let square = s * s;
  let tail = s * square * (${polynomial("square", [0.9617967, 0.5770776, 0.41222816, 0.3205989, 0.28])});
  let high = s * F(${floatText(2.8853900817779268)});
  let low = fma(s, F(${floatText(2.8853900817779268)}), -high) + fma(s, F(${floatText(2.8853900817779268 - Math.fround(2.8853900817779268))}), rest * F(${floatText(2.8853900817779268)}) + tail);
  let sum = n + high;
  let error = select((n - sum) + high, (high - sum) + n, abs(n) < abs(high)) + low;
  let y = clamp(b * sum, F(-400.0f), F(400.0f));
  let product = b * sum;
  let extra = select(fma(b, sum, -product) + b * error, F(0.0f), abs(product) > F(400.0f));
  let k = round(y);
  let f = (y - k) + extra;
  let p = ${polynomial("f", [1, 0.6931472057373105, 0.24022646890652918, 0.05550328776914606, 0.00961848895529676, 0.0013399931223279558, 0.0001534581243969695])};
  var value = scaleN(p, I(clamp(k, F(-290.0f), F(290.0f))));
  let isWhole = trunc(b) == b;
  let isOdd = isWhole & (trunc(b * F(0.5f)) != b * F(0.5f));
  // Zero and infinity.
  let isUp = (raw == U(0u)) == (b < F(0.0f));
  let isEdge = (raw == U(0u)) | (raw == U(0x7f800000u));
  value = select(value, select(F(0.0f), F(infinity()), isUp), isEdge);
  let isEndless = (bitcast<U>(b) & U(0x7fffffffu)) == U(0x7f800000u);
  let grows = (size > F(1.0f)) == (b > F(0.0f));
  value = select(value, select(select(F(0.0f), F(infinity()), grows), F(nan()), size == F(1.0f)), isEndless);
  value = select(value, -value, isOdd & ((bitcast<U>(a) >> U(31u)) == U(1u)));
  value = select(value, F(nan()), ((bitcast<U>(a) >> U(31u)) == U(1u)) & !isEdge & !isEndless & !isWhole);
  value = select(value, F(nan()), isNanN(a) | isNanN(b));
  return select(value, F(1.0f), b == F(0.0f));
}`,
    needs: ["scale", "isNan"],
  },
  /** a − ⌊a/b⌋·b; the quotient is rounded, so that it may be one too far. */
  remainderOf: {
    text: `fn remainderOfN(a: F, b: F) -> F {
  let r = fma(-floor(a / b), b, a);
  let isBelow = (r != F(0.0f)) & ((r < F(0.0f)) != (b < F(0.0f)));
  let isBeyond = abs(r) >= abs(b);
  return select(select(r, r - b, isBeyond), r + b, isBelow);
}`,
  },
};
