import * as ops from "../../../engine/ops";
import type { Tensor } from "../../../engine/graph/tensor";
import { type Call, type CaseTable, kink, once } from "./case";

type Reduce = (x: Tensor, axis?: ops.Axes, options?: ops.ReduceOptions) => Tensor;

function family(name: string, reduce: Reduce): CaseTable {
  return {
    [name]: (x) => reduce(x),
    [`${name} axis 0`]: (x) => reduce(x, 0),
    [`${name} axis -1`]: (x) => reduce(x, -1),
    [`${name} axes 0 2`]: (x) => reduce(x, [0, 2]),
    [`${name} axes -1 -2`]: (x) => reduce(x, [-1, -2]),
    [`${name} axis 1`]: (x) => reduce(x, 1),
    [`${name} axis 1 keep`]: (x) => reduce(x, 1, { keepDims: true }),
    [`${name} keep`]: (x) => reduce(x, undefined, { keepDims: true }),
  };
}

function edges(name: string, reduce: Reduce): CaseTable {
  return {
    [`${name} of nothing`]: (x) => reduce(x, 0),
    [`${name} of nothing, none left`]: (x) => reduce(x, 2),
    [`${name} of a scalar`]: (x) => reduce(x),
    [`${name} of one`]: (x) => reduce(x),
  };
}

function flags(name: string, reduce: Reduce): CaseTable {
  return {
    [name]: (x) => reduce(x),
    [`${name} axis 1`]: (x) => reduce(x, 1),
    [`${name} axis 0 keep`]: (x) => reduce(x, 0, { keepDims: true }),
    [`${name} of nothing`]: (x) => reduce(x.gt(0), 1),
  };
}

function norms(p: number): CaseTable {
  const name = p === Infinity ? "norm p inf" : `norm p ${p}`;
  return {
    [name]: (x) => x.norm(1, { p }),
    [`${name} at 0`]: kink("kink", (x) => x.norm(1, { p })),
    [`${name} all keep`]: (x) => x.norm([0, 1], { p, keepDims: true }),
  };
}

function corrections(correction: number): [string, Call][] {
  return [
    [`variance correction ${correction}`, (x) => x.variance(1, { correction })],
    [`std correction ${correction}`, (x) => x.std(1, { correction })],
  ];
}

export const reduce: CaseTable = {
  ...family("sum", ops.sum),
  ...family("mean", ops.mean),
  ...family("max", ops.max),
  ...family("min", ops.min),
  ...family("prod", ops.prod),
  ...family("variance", ops.variance),
  ...family("std", ops.std),
  ...family("norm", ops.norm),
  ...family("logSumExp", ops.logSumExp),

  ...Object.fromEntries([0, 1, 2].flatMap(corrections)),
  "variance all correction 0": (x) => x.variance(undefined, { correction: 0 }),
  "std of equal numbers": kink("kink", (x) => x.std(1, { correction: 0 })),
  "variance of one, correction 0": (x) => x.variance(undefined, { correction: 0 }),
  ...norms(1),
  ...norms(1.5),
  ...norms(2),
  ...norms(3),
  ...norms(Infinity),
  "norm infinity ties": kink("kink", (x) => x.norm(1, { p: Infinity })),

  "prod one zero": (x) => x.prod(),
  "prod two zeros": once("second derivatives of a product with two zeros are given as 0", (x) => x.prod()),
  "prod zeros by row": once("second derivatives of a product with two zeros are given as 0", (x) => x.prod(1)),
  "max ties": kink("kink", (x) => x.max(1)),
  "min ties": kink("kink", (x) => x.min(1)),
  "max ties all": kink("kink", (x) => x.max()),
  "max of int32": (x) => x.max(1),
  "sum of bool": (x) => x.sum(1),

  argmax: (x) => x.argmax(),
  "argmax axis 0": (x) => x.argmax(0),
  "argmax axis -1": (x) => x.argmax(-1),
  "argmin axis 1": (x) => x.argmin(1),
  argmin: (x) => x.argmin(),
  "argmax ties": kink("jump", (x) => x.argmax(1)),
  "argmin ties": kink("jump", (x) => x.argmin(1)),

  "logSumExp large": (x) => x.logSumExp(1),
  "logSumExp with -inf": kink("infinite", (x) => x.logSumExp(1)),
  "logSumExp of -inf": kink("infinite", (x) => x.logSumExp(1)),
  "logSumExp of inf": kink("infinite", (x) => x.logSumExp(1)),

  "cumsum axis 0": (x) => x.cumsum(0),
  "cumsum axis -1": (x) => x.cumsum(-1),
  "cumsum middle": (x) => x.cumsum(1),
  "cumsum reverse": (x) => x.cumsum(1, { reverse: true }),
  "cumsum of bool": (x) => x.cumsum(0),

  ...flags("any", ops.any),
  ...flags("all", ops.all),
  "any of numbers": kink("jump", (x) => x.any(1)),

  ...edges("sum", ops.sum),
  ...edges("prod", ops.prod),
  ...edges("mean", ops.mean),
  "max of a scalar": (x) => x.max(),
  "max beside an empty axis": (x) => x.max(1),
  "norm of a scalar": (x) => x.norm(),
  "logSumExp of a scalar": (x) => x.logSumExp(),
};
