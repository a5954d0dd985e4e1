import type { Shape } from "../graph/shape";
import { Tensor, userCall } from "../graph/tensor";
import * as composites from "./composites";
import * as functions from "./functions";
import * as linear from "./linear-algebra";

/**
 * Methods of tensors: `x.relu()` is `relu(x)`. One list, from which both the types and the methods come.
 * Gradient rules use them too, so that a family of operations needs no other family's builders.
 */
const METHODS = {
  neg: functions.neg,
  exp: functions.exp,
  expm1: functions.expm1,
  log: functions.log,
  log1p: functions.log1p,
  sqrt: functions.sqrt,
  rsqrt: functions.rsqrt,
  abs: functions.abs,
  sign: functions.sign,
  hardThreshold: functions.hardThreshold,
  step: functions.step,
  sin: functions.sin,
  cos: functions.cos,
  tan: functions.tan,
  tanh: functions.tanh,
  sigmoid: functions.sigmoid,
  relu: functions.relu,
  leakyRelu: functions.leakyRelu,
  elu: functions.elu,
  gelu: functions.gelu,
  silu: functions.silu,
  softplus: functions.softplus,
  erf: functions.erf,
  floor: functions.floor,
  ceil: functions.ceil,
  round: functions.round,
  square: functions.square,
  reciprocal: functions.reciprocal,
  logicalNot: functions.logicalNot,
  isFinite: functions.isFinite,
  stopGradient: functions.stopGradient,
  add: functions.add,
  sub: functions.sub,
  mul: functions.mul,
  div: functions.div,
  pow: functions.pow,
  remainder: functions.remainder,
  maximum: functions.maximum,
  minimum: functions.minimum,
  lt: functions.lt,
  le: functions.le,
  gt: functions.gt,
  ge: functions.ge,
  eq: functions.eq,
  ne: functions.ne,
  logicalAnd: functions.logicalAnd,
  logicalOr: functions.logicalOr,
  logicalXor: functions.logicalXor,
  clip: functions.clip,
  where: functions.where,
  cast: functions.cast,
  onesLike: functions.onesLike,
  zerosLike: functions.zerosLike,
  sum: functions.sum,
  prod: functions.prod,
  max: functions.max,
  min: functions.min,
  any: functions.any,
  all: functions.all,
  argmax: functions.argmax,
  argmin: functions.argmin,
  cumsum: functions.cumsum,
  mean: composites.mean,
  variance: composites.variance,
  std: composites.std,
  norm: composites.norm,
  logSumExp: composites.logSumExp,
  softmax: composites.softmax,
  logSoftmax: composites.logSoftmax,
  reshape: functions.reshape,
  flatten: functions.flatten,
  permute: functions.permute,
  transpose: functions.transpose,
  expand: functions.expand,
  squeeze: functions.squeeze,
  unsqueeze: functions.unsqueeze,
  split: functions.split,
  slice: functions.slice,
  flip: functions.flip,
  pad: functions.pad,
  tile: functions.tile,
  take: functions.take,
  gather: functions.gather,
  scatterAdd: functions.scatterAdd,
  oneHot: functions.oneHot,
  tril: functions.tril,
  triu: functions.triu,
  matmul: linear.matmul,
  dot: linear.dot,
  outer: linear.outer,
} as const;

type MethodOf<F> = F extends (first: never, ...rest: infer Rest) => infer Result ? (...rest: Rest) => Result : never;
type TensorMethods = { [Name in keyof typeof METHODS]: MethodOf<(typeof METHODS)[Name]> };

declare module "../graph/tensor" {
  interface Tensor extends TensorMethods {
    /** @internal sums broadcast axes away. */
    sumTo(shape: Shape): Tensor;
    /** @internal exact slice. */
    sliceAt(where: Parameters<typeof functions.sliceAt>[1]): Tensor;
    /** @internal the adjoint of a slice. */
    place(...rest: RestOf<typeof functions.place>): Tensor;
    /** @internal the adjoint of `take`. */
    putAdd(...rest: RestOf<typeof functions.putAdd>): Tensor;
  }
}

type RestOf<F> = F extends (first: never, ...rest: infer Rest) => unknown ? Rest : never;

const INTERNAL = {
  sumTo: functions.sumTo,
  sliceAt: functions.sliceAt,
  place: functions.place,
  putAdd: functions.putAdd,
};

for (const [name, fn] of Object.entries({ ...METHODS, ...INTERNAL })) {
  Object.defineProperty(Tensor.prototype, name, {
    value(this: Tensor, ...rest: unknown[]): unknown {
      const given = [this, ...rest];
      return userCall(() => (fn as (...given: unknown[]) => unknown)(...given), { name, given });
    },
    configurable: true,
    writable: true,
  });
}
