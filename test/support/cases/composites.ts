import * as ops from "../../../engine/ops";
import type { Tensor } from "../../../engine/graph/tensor";
import { type CaseTable, float64Only, kink } from "./case";

function softmaxes(name: string, along: (x: Tensor, axis?: number) => Tensor): CaseTable {
  return {
    [`${name} axis 0`]: (x) => along(x, 0),
    [`${name} axis 1`]: (x) => along(x, 1),
    [`${name} axis -1`]: (x) => along(x),
    [`${name} of a vector`]: (x) => along(x),
    [`${name} of one`]: (x) => along(x),
    [`${name} extremes`]: (x) => along(x),
    [`${name} with -inf`]: kink("infinite", (x) => along(x)),
    [`${name} of no rows`]: (x) => along(x),
  };
}

export const composites: CaseTable = {
  ...softmaxes("softmax", ops.softmax),
  ...softmaxes("logSoftmax", ops.logSoftmax),
  "softmax cross-entropy by hand": (x) => x.softmax().log().neg().slice(null, 1),
  layerNorm: (x) => ops.layerNorm(x, [4]),
  "layerNorm affine": (x, w, b) => ops.layerNorm(x, [4], w, b),
  "layerNorm two axes": (x, w, b) => ops.layerNorm(x, [2, 3], w, b),
  "layerNorm epsilon": (x) => ops.layerNorm(x, [4], undefined, undefined, 0.5),
  "layerNorm of equal numbers": {
    ...kink("it bends within √ε, too closely for differences", (x) => ops.layerNorm(x, [3])),
    float64Only: "the gradient is a difference of equal numbers times ε^(−1/2)",
  },
  "layerNorm of one number": (x) => ops.layerNorm(x, [1]),
  "layerNorm of large numbers": float64Only("the mean takes away ten of the 24 bits", (x) => ops.layerNorm(x, [4])),
  rmsNorm: (x) => ops.rmsNorm(x, [4]),
  "rmsNorm affine": (x, w) => ops.rmsNorm(x, [4], w),
  "rmsNorm two axes": (x, w) => ops.rmsNorm(x, [2, 3], w),
  groupNorm: (x) => ops.groupNorm(x, 2),
  "groupNorm affine": (x, w, b) => ops.groupNorm(x, 2, w, b),
  "groupNorm without space": float64Only("groups of two numbers: their gradient is a difference of equals", (x, w, b) =>
    ops.groupNorm(x, 2, w, b),
  ),
  "groupNorm one group": (x) => ops.groupNorm(x, 1),
  "groupNorm one channel each": (x) => ops.groupNorm(x, 3, undefined, undefined, 1e-3),
  attention: (q, k, v) => q.matmul(k.transpose()).div(Math.SQRT2).softmax().matmul(v),
};
