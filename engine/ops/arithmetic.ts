import type { DType } from "../graph/shape";
import { Tensor } from "../graph/tensor";
import { type TensorLike, apply, asTensor } from "./apply";

/** The elementwise operations as functions; inputs broadcast. */

function unary(name: string): (x: TensorLike) => Tensor {
  return (x) => apply(name, [asTensor(x)]);
}

function binary(name: string): (a: TensorLike, b: TensorLike) => Tensor {
  return (a, b) => {
    const left = asTensor(a, b instanceof Tensor ? b.dtype : undefined);
    return apply(name, [left, asTensor(b, left.dtype)]);
  };
}

export const neg = unary("negate");
export const exp = unary("exp");
export const expm1 = unary("expm1");
/** Natural logarithm. */
export const log = unary("log");
export const log1p = unary("log1p");
export const sqrt = unary("sqrt");
export const rsqrt = unary("rsqrt");
export const abs = unary("abs");
/** −1 or 1; sign(0) = 1. */
export const sign = unary("sign");
/** 1 for x ≥ 0, else 0. */
export const hardThreshold = unary("hardThreshold");
/** 1 for x > 0, else 0: the perceptron's step. */
export const step = unary("step");
export const sin = unary("sin");
export const cos = unary("cos");
export const tan = unary("tan");
export const tanh = unary("tanh");
export const sigmoid = unary("sigmoid");
/** max(x, 0), derivative 0 at 0. */
export const relu = unary("relu");
/** x·Φ(x), with the exact normal distribution function. */
export const gelu = unary("gelu");
/** x·sigmoid(x), also called swish. */
export const silu = unary("silu");
export const softplus = unary("softplus");
export const erf = unary("erf");
export const floor = unary("floor");
export const ceil = unary("ceil");
/** Nearest whole number, halves to the even one. */
export const round = unary("round");
export const logicalNot = unary("logicalNot");
export const isFinite = unary("isFinite");
/** The same value; no gradient flows back through it. */
export const stopGradient = unary("stopGradient");

export const add = binary("add");
export const sub = binary("subtract");
export const mul = binary("multiply");
export const div = binary("divide");
export const pow = binary("power");
/** a − ⌊a/b⌋·b, with the sign of b. */
export const remainder = binary("remainder");
export const maximum = binary("maximum");
export const minimum = binary("minimum");
export const lt = binary("less");
export const le = binary("lessEqual");
export const gt = binary("greater");
export const ge = binary("greaterEqual");
export const eq = binary("equal");
export const ne = binary("notEqual");
export const logicalAnd = binary("logicalAnd");
export const logicalOr = binary("logicalOr");
export const logicalXor = binary("logicalXor");

export function square(x: TensorLike): Tensor {
  const t = asTensor(x);
  return mul(t, t);
}

export function reciprocal(x: TensorLike): Tensor {
  return div(1, x);
}

/** x for x > 0, else slope·x. */
export function leakyRelu(x: TensorLike, slope = 0.01): Tensor {
  return apply("leakyRelu", [asTensor(x)], { slope });
}

/** x for x > 0, else alpha·(eˣ − 1). */
export function elu(x: TensorLike, alpha = 1): Tensor {
  return apply("elu", [asTensor(x)], { alpha });
}

/** x limited to [low, high]. */
export function clip(x: TensorLike, low: number, high: number): Tensor {
  if (!(low <= high)) throw new Error(`clip: the lower bound ${low} must not exceed the upper bound ${high}`);
  return apply("clip", [asTensor(x)], { low, high });
}

/** `yes` where the condition holds, `no` elsewhere. */
export function where(condition: TensorLike, yes: TensorLike, no: TensorLike): Tensor {
  const a = asTensor(yes, no instanceof Tensor ? no.dtype : undefined);
  return apply("where", [asTensor(condition), a, asTensor(no, a.dtype)]);
}

export function cast(x: TensorLike, dtype: DType): Tensor {
  const t = asTensor(x);
  return t.dtype === dtype ? t : apply("cast", [t], { dtype });
}
