import type { DType } from "../graph/shape";
import { type Expression, binary, constant, select, unary } from "../kernel/expression";
import { erf, roundHalfEven } from "../kernel/special";
import { BOOLEAN, FLOAT, elementwise, float, widest, widestNumber } from "./broadcasting";
import { none } from "./operation";

export { broadcastStrides, widest } from "./broadcasting";

/** The elementwise operations, each with its value, kernel body and derivative. */

// ---- arithmetic -------------------------------------------------------------------------------

elementwise("negate", 1, {
  dtype: widestNumber,
  value: ([x]) => -x,
  body: ([x]) => unary("negate", x),
  derivatives: [({ g }) => g.neg()],
});
elementwise("add", 2, {
  dtype: widestNumber,
  value: ([a, b]) => a + b,
  body: ([a, b]) => binary("add", a, b),
  derivatives: [({ g }) => g, ({ g }) => g],
});
elementwise("subtract", 2, {
  dtype: widestNumber,
  value: ([a, b]) => a - b,
  body: ([a, b]) => binary("subtract", a, b),
  derivatives: [({ g }) => g, ({ g }) => g.neg()],
});
elementwise("multiply", 2, {
  value: ([a, b]) => a * b,
  body: ([a, b]) => binary("multiply", a, b),
  derivatives: [({ g, inputs: [, b] }) => g.mul(b), ({ g, inputs: [a] }) => g.mul(a)],
});
elementwise("divide", 2, {
  ...FLOAT,
  value: ([a, b]) => a / b,
  body: ([a, b]) => binary("divide", a, b),
  derivatives: [({ g, inputs: [, b] }) => g.div(b), ({ g, inputs: [, b], node }) => g.mul(node).div(b).neg()],
});
elementwise("power", 2, {
  ...FLOAT,
  value: ([a, b]) => Math.pow(a, b),
  body: ([a, b]) => (b.kind === "constant" && b.value === 2 ? binary("multiply", a, a) : binary("power", a, b)),
  derivatives: [
    // b·a^(b−1); where b is 0 the power is constant, and 0·0^(−1) must not become NaN, nor its derivative.
    ({ g, inputs: [a, b] }) => {
      const exponent = b.op === "constant" && b.rank === 0 ? (b.attributes.data as Float64Array)[0] : undefined;
      if (exponent === 0) return a.zerosLike();
      if (exponent === 1) return g;
      if (exponent !== undefined) return g.mul((exponent === 2 ? a : a.pow(exponent - 1)).mul(exponent));
      const flat = b.eq(0);
      return g.mul(flat.where(0, b.mul(a.pow(flat.where(1, b.sub(1))))));
    },
    // a^b·ln a; at a = 0 the power does not change with b ≥ 0, so its derivative is 0 there.
    ({ g, inputs: [a, b], node }) => {
      const flat = a.eq(0).logicalAnd(b.ge(0));
      return g.mul(flat.where(0, node.mul(flat.where(1, a).log())));
    },
  ],
});
elementwise("remainder", 2, {
  value: ([a, b]) => a - Math.floor(a / b) * b,
  body: ([a, b]) => binary("remainder", a, b),
  derivatives: [({ g }) => g, ({ g, inputs: [a, b] }) => g.mul(a.div(b).floor().neg())],
});

// Ties share the gradient equally, as PyTorch's maximum and minimum do.
elementwise("maximum", 2, {
  value: ([a, b]) => (Number.isNaN(a) || Number.isNaN(b) ? NaN : Math.max(a, b)),
  body: ([a, b]) => binary("maximum", a, b),
  derivatives: [
    ({ g, inputs: [a, b] }) => g.mul(a.gt(b).where(1, a.eq(b).where(0.5, 0))),
    ({ g, inputs: [a, b] }) => g.mul(b.gt(a).where(1, a.eq(b).where(0.5, 0))),
  ],
});
elementwise("minimum", 2, {
  value: ([a, b]) => (Number.isNaN(a) || Number.isNaN(b) ? NaN : Math.min(a, b)),
  body: ([a, b]) => binary("minimum", a, b),
  derivatives: [
    ({ g, inputs: [a, b] }) => g.mul(a.lt(b).where(1, a.eq(b).where(0.5, 0))),
    ({ g, inputs: [a, b] }) => g.mul(b.lt(a).where(1, a.eq(b).where(0.5, 0))),
  ],
});
elementwise<{ low: number; high: number }>("clip", 1, {
  value: ([x], { low, high }) => (Number.isNaN(x) ? x : Math.min(Math.max(x, low), high)),
  body: ([x], { low, high }) => binary("minimum", binary("maximum", x, low), high),
  // 1 inside the bounds and on them, as PyTorch's clamp.
  derivatives: [
    ({ g, inputs: [x], attributes: { low, high } }) => g.mul(x.ge(low).logicalAnd(x.le(high)).cast("float32")),
  ],
});

// ---- exponentials, roots, trigonometry --------------------------------------------------------

float(
  "exp",
  Math.exp,
  (x) => unary("exp", x),
  (g, _, y) => g.mul(y),
);
float(
  "expm1",
  Math.expm1,
  (x) => unary("expm1", x),
  (g, _, y) => g.mul(y.add(1)),
);
float(
  "log",
  Math.log,
  (x) => unary("log", x),
  (g, x) => g.div(x),
);
float(
  "log1p",
  Math.log1p,
  (x) => unary("log1p", x),
  (g, x) => g.div(x.add(1)),
);
float(
  "sqrt",
  Math.sqrt,
  (x) => unary("sqrt", x),
  (g, _, y) => g.div(y.mul(2)),
);
float(
  "rsqrt",
  (x) => 1 / Math.sqrt(x),
  (x) => binary("divide", 1, unary("sqrt", x)),
  (g, x, y) => g.mul(y.div(x).mul(-0.5)),
);
float(
  "sin",
  Math.sin,
  (x) => unary("sin", x),
  (g, x) => g.mul(x.cos()),
);
float(
  "cos",
  Math.cos,
  (x) => unary("cos", x),
  (g, x) => g.mul(x.sin().neg()),
);
float(
  "tan",
  Math.tan,
  (x) => unary("tan", x),
  (g, _, y) => g.mul(y.mul(y).add(1)),
);
float(
  "tanh",
  Math.tanh,
  (x) => unary("tanh", x),
  (g, _, y) => g.mul(y.mul(y).neg().add(1)),
);
float(
  "erf",
  erf,
  (x) => unary("erf", x),
  (g, x) =>
    g.mul(
      x
        .mul(x)
        .neg()
        .exp()
        .mul(2 / Math.sqrt(Math.PI)),
    ),
);

// ---- activations ------------------------------------------------------------------------------

float(
  "sigmoid",
  (x) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x))),
  (x) => binary("divide", 1, binary("add", 1, unary("exp", unary("negate", x)))),
  (g, _, y) => g.mul(y.mul(y.neg().add(1))),
);
// relu′(0) = 0 (DOMAIN).
float(
  "relu",
  (x) => (x <= 0 ? 0 : x),
  (x) => binary("maximum", x, 0),
  (g, x) => g.mul(x.gt(0).cast("float32")),
);
elementwise<{ slope: number }>("leakyRelu", 1, {
  ...FLOAT,
  value: ([x], { slope }) => (x > 0 ? x : slope * x),
  body: ([x], { slope }) => select(binary("less", constant(0), x), x, binary("multiply", x, slope)),
  derivatives: [({ g, inputs: [x], attributes: { slope } }) => g.mul(x.gt(0).where(1, slope))],
});
elementwise<{ alpha: number }>("elu", 1, {
  ...FLOAT,
  value: ([x], { alpha }) => (x > 0 ? x : alpha * Math.expm1(x)),
  body: ([x], { alpha }) => select(binary("less", constant(0), x), x, binary("multiply", unary("expm1", x), alpha)),
  derivatives: [({ g, inputs: [x], node, attributes: { alpha } }) => g.mul(x.gt(0).where(1, node.add(alpha)))],
});
/** Exact GELU, x·Φ(x) (Hendrycks & Gimpel 2016). */
float(
  "gelu",
  (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  (x) =>
    binary("multiply", binary("multiply", x, 0.5), binary("add", unary("erf", binary("multiply", x, Math.SQRT1_2)), 1)),
  (g, x) => {
    const cumulative = x.mul(Math.SQRT1_2).erf().add(1).mul(0.5);
    const density = x
      .mul(x)
      .mul(-0.5)
      .exp()
      .mul(1 / Math.sqrt(2 * Math.PI));
    return g.mul(cumulative.add(x.mul(density)));
  },
);
float(
  "silu",
  (x) => x / (1 + Math.exp(-x)),
  (x) => binary("divide", x, binary("add", 1, unary("exp", unary("negate", x)))),
  (g, x) => {
    const s = x.sigmoid();
    return g.mul(s.mul(x.mul(s.neg().add(1)).add(1)));
  },
);
/** log(1 + eˣ), written so that neither side overflows. */
float(
  "softplus",
  (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  (x) => binary("add", binary("maximum", x, 0), unary("log1p", unary("exp", unary("negate", unary("abs", x))))),
  (g, x) => g.mul(x.sigmoid()),
);

// ---- steps and rounding -----------------------------------------------------------------------

const FLAT = "it is constant between its jumps, so its derivative is 0 wherever it exists";

elementwise("abs", 1, {
  value: ([x]) => Math.abs(x),
  body: ([x]) => unary("abs", x),
  derivatives: [({ g, inputs: [x] }) => g.mul(x.gt(0).where(1, x.lt(0).where(-1, 0)))],
});
// sign(0) = 1 and hardThreshold(0) = 1, step(0) = 0 (DOMAIN names them separately).
elementwise("sign", 1, {
  value: ([x]) => (Number.isNaN(x) ? x : x < 0 ? -1 : 1),
  body: ([x]) => select(binary("less", x, 0), -1, 1),
  derivatives: none(FLAT),
});
float(
  "hardThreshold",
  (x) => (x >= 0 ? 1 : 0),
  (x) => select(binary("lessEqual", 0, x), 1, 0),
  none(FLAT),
);
float(
  "step",
  (x) => (x > 0 ? 1 : 0),
  (x) => select(binary("less", 0, x), 1, 0),
  none(FLAT),
);
float("floor", Math.floor, (x) => unary("floor", x), none(FLAT));
float("ceil", Math.ceil, (x) => unary("ceil", x), none(FLAT));
float("round", roundHalfEven, (x) => unary("round", x), none(FLAT));

// ---- comparisons, logic, choice, conversion ----------------------------------------------------

const COMPARISON = "a comparison gives true or false, which do not change smoothly";

function comparison(
  name: string,
  holds: (a: number, b: number) => boolean,
  body: (a: Expression, b: Expression) => Expression,
): void {
  elementwise(name, 2, {
    ...BOOLEAN,
    value: ([a, b]) => Number(holds(a, b)),
    body: ([a, b]) => body(a, b),
    derivatives: none(COMPARISON),
  });
}
comparison(
  "less",
  (a, b) => a < b,
  (a, b) => binary("less", a, b),
);
comparison(
  "lessEqual",
  (a, b) => a <= b,
  (a, b) => binary("lessEqual", a, b),
);
comparison(
  "greater",
  (a, b) => a > b,
  (a, b) => binary("less", b, a),
);
comparison(
  "greaterEqual",
  (a, b) => a >= b,
  (a, b) => binary("lessEqual", b, a),
);
comparison(
  "equal",
  (a, b) => a === b,
  (a, b) => binary("equal", a, b),
);
comparison(
  "notEqual",
  (a, b) => a !== b,
  (a, b) => binary("notEqual", a, b),
);
comparison(
  "logicalAnd",
  (a, b) => a !== 0 && b !== 0,
  (a, b) => binary("multiply", binary("notEqual", a, 0), binary("notEqual", b, 0)),
);
comparison(
  "logicalOr",
  (a, b) => a !== 0 || b !== 0,
  (a, b) => binary("maximum", binary("notEqual", a, 0), binary("notEqual", b, 0)),
);
comparison(
  "logicalXor",
  (a, b) => (a !== 0) !== (b !== 0),
  (a, b) => binary("notEqual", binary("notEqual", a, 0), binary("notEqual", b, 0)),
);
elementwise("logicalNot", 1, {
  ...BOOLEAN,
  value: ([x]) => Number(x === 0),
  body: ([x]) => binary("equal", x, 0),
  derivatives: none(COMPARISON),
});
elementwise("isFinite", 1, {
  ...BOOLEAN,
  value: ([x]) => Number(Number.isFinite(x)),
  // x − x is 0 for finite numbers and NaN for infinities and NaN.
  body: ([x]) => binary("equal", binary("subtract", x, x), 0),
  derivatives: none(COMPARISON),
});
elementwise("where", 3, {
  dtype: ([, a, b]) => widest([a, b]),
  value: ([test, a, b]) => (test !== 0 ? a : b),
  body: ([test, a, b]) => select(test, a, b),
  derivatives: [null, ({ g, inputs: [test] }) => test.where(g, 0), ({ g, inputs: [test] }) => test.where(0, g)],
});
elementwise<{ dtype: DType }>("cast", 1, {
  dtype: (_, { dtype }) => dtype,
  value: ([x], { dtype }) => (dtype === "bool" ? Number(x !== 0) : dtype === "int32" ? Math.trunc(x) : x),
  body: ([x], { dtype }) =>
    dtype === "bool" ? binary("notEqual", x, 0) : dtype === "int32" ? unary("truncate", x) : x,
  derivatives: [({ g }) => g],
});

/** Same value, no gradient beyond: `stopGradient`. */
elementwise("stopGradient", 1, {
  value: ([x]) => x,
  body: ([x]) => x,
  derivatives: none("stopGradient asks for none"),
});
