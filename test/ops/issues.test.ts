import assert from "node:assert/strict";
import { symbol } from "../../engine/graph/dim";
import { formatShape } from "../../engine/graph/shape";
import type { Tensor } from "../../engine/graph/tensor";
import * as ops from "../../engine/ops";
import { leaf, traced } from "../support/graph";

const t = (...shape: number[]): Tensor => leaf(shape);
const batch = (...shape: number[]): Tensor => leaf([symbol("N"), ...shape]);

/** A mistake, the code and words of its only issue, and the shape that is known all the same. */
const mistakes: [what: string, call: () => Tensor, code: string, words: RegExp, shape: string][] = [
  [
    "add of shapes that do not broadcast",
    () => t(2, 3).add(t(4)),
    "broadcast",
    /^add: shapes \[2, 3\] and \[4\] do not broadcast: axis -1 has sizes 3 and 4\. make both/,
    "[2, ?]",
  ],
  [
    "mul that a transpose would mend",
    () => t(2, 3).mul(t(3, 2)),
    "broadcast",
    /axis -2 has sizes 2 and 3; axis -1 has sizes 3 and 2\. transpose\(\) of the second would fit/,
    "[?, ?]",
  ],
  [
    "sub that a new axis would mend",
    () => batch(5).sub(batch()),
    "broadcast",
    /sub.*\[N, 5\] and \[N\] .*axis -1 has sizes 5 and N\. unsqueeze\(-1\) of the smaller one would fit/,
    "[N, ?]",
  ],
  [
    "where of three shapes",
    () => ops.where(t(2).gt(0), t(3), t(1)),
    "broadcast",
    /^where: shapes \[2\] and \[3\] and \[1\] do not broadcast: axis -1 has sizes 2 and 3\./,
    "[?]",
  ],
  [
    "matmul with another inner size",
    () => batch(784).matmul(t(128, 10)),
    "matmul-inner",
    /^matmul: \[N, 784\] · \[128, 10\]: the last axis of the first \(784\) must equal the second-last .* \(128\); make/,
    "[N, 10]",
  ],
  [
    "matmul with the weight not transposed",
    () => batch(784).matmul(t(10, 784)),
    "matmul-inner",
    /transpose\(\) of the second would fit$/,
    "[N, ?]",
  ],
  [
    "matmul of batches",
    () => t(2, 3, 4).matmul(t(5, 4, 6)),
    "broadcast",
    /leading axes of \[2, 3, 4\] and \[5, 4, 6\]/,
    "[?, 3, 6]",
  ],
  ["matmul of a scalar", () => t().matmul(t(3, 2)), "rank", /needs matrices, got \[\] and \[3, 2\]/, "unknown"],
  [
    "dot of matrices",
    () => t(2, 3).dot(t(3)),
    "dot",
    /two vectors of equal length, got \[2, 3\] and \[3\]; use matmul/,
    "[]",
  ],
  [
    "reshape to another number",
    () => t(2, 3).reshape([4]),
    "reshape",
    /\[2, 3\] cannot become \[4\]: 6 elements do not fit 4/,
    "[4]",
  ],
  [
    "reshape of a batch",
    () => batch(784).reshape([-1, 100]),
    "reshape",
    /784\*N elements cannot be divided by 100/,
    "[?, 100]",
  ],
  ["reshape with two -1", () => t(2, 3).reshape([-1, -1]), "reshape", /only one size can be -1/, "unknown"],
  [
    "permute with an axis twice",
    () => t(2, 3).permute([0, 0]),
    "permute",
    /\[0, 0\] is no order of the 2 axes of \[2, 3\]/,
    "unknown",
  ],
  ["transpose of a vector", () => t(3).transpose(), "rank", /at least two axes, got \[3\]/, "[3]"],
  [
    "expand of another size",
    () => t(2, 3).expand([2, 6]),
    "expand",
    /axis 1 has size 3, only a size 1 can be expanded/,
    "[2, 6]",
  ],
  ["squeeze of a larger axis", () => t(2, 3).squeeze(0), "squeeze", /axis 0 of \[2, 3\] has size 2/, "unknown"],
  [
    "concat with another size",
    () => ops.concat([t(2, 3), t(2, 4)]),
    "concat",
    /^concat along axis 0: axis 1 differs: input 0 is \[2, 3\], input 1 is \[2, 4\]; all axes but 0/,
    "[4, ?]",
  ],
  [
    "concat with another rank",
    () => ops.concat([t(2, 3), t(2)]),
    "concat",
    /input 1 has 1 axes \[2\], input 0 has 2/,
    "[4, 3]",
  ],
  ["split into unequal parts", () => t(5).split(2)[0], "split", /size 5, which 2 equal parts do not divide/, "[?]"],
  ["split by sizes", () => t(5).split([2, 2])[0], "split", /sizes 2 \+ 2 do not add up to 5/, "[2]"],
  [
    "an axis too many",
    () => t(2, 3).sum(2),
    "axis",
    /^sum: axis 2 does not exist in \[2, 3\]; axes are -2 to 1/,
    "[2, 3]",
  ],
  ["an axis of a scalar", () => t().max(0), "axis", /axis 0 does not exist in \[\]; a scalar has no axes/, "[]"],
  ["softmax along no axis", () => t(2, 3).softmax(5), "axis", /^softmax: axis 5 does not exist/, "[2, 3]"],
  ["max of nothing", () => t(0, 3).max(0), "empty", /of no elements has no value: \[0, 3\]/, "[3]"],
  [
    "an index beyond the end",
    () => t(2, 3).slice(5),
    "index",
    /index 5 does not exist on axis 0 of \[2, 3\]; indices run from -2 to 1/,
    "[3]",
  ],
  ["too many slices", () => t(2).slice(null, null), "slice", /2 parts for the 1 axes of \[2\]/, "unknown"],
  [
    "too many pads",
    () =>
      t(2).pad([
        [1, 1],
        [1, 1],
      ]),
    "pad",
    /2 pairs for the 1 axes/,
    "unknown",
  ],
  ["too few tiles", () => t(2, 3).tile([2]), "tile", /1 counts for the 2 axes/, "unknown"],
  ["take by floats", () => t(2).take(t(1)), "dtype", /indices must be int32, got float32; convert with cast/, "[1]"],
  [
    "gather of another rank",
    () => t(2, 3).gather(1, leaf([2], "int32")),
    "rank",
    /gather: .*\[2\] and \[2, 3\]/,
    "unknown",
  ],
  ["tril of a vector", () => t(2).tril(), "rank", /need a matrix, got \[2\]/, "[2]"],
  [
    "outer of a matrix",
    () => t(2, 3).outer(t(2)),
    "rank",
    /outer: needs two vectors, got \[2, 3\] and \[2\]/,
    "[2, 3, 2]",
  ],
  [
    "einsum of another rank",
    () => ops.einsum("ij->i", t(2)),
    "einsum",
    /operand 0 has shape \[2\], but "ij" names 2 axes/,
    "unknown",
  ],
  [
    "layerNorm over other sizes",
    () => ops.layerNorm(batch(3), [4]),
    "layer-norm",
    /\[N, 3\] does not end with \[4\]/,
    "[N, 3]",
  ],
  [
    "groupNorm in uneven groups",
    () => ops.groupNorm(t(2, 3, 4), 2),
    "group-norm",
    /3 channels \(axis 1 of \[2, 3, 4\]\) .* 2 groups/,
    "[2, 3, 4]",
  ],
];

describe("issues of operations", () => {
  for (const [what, call, code, words, shape] of mistakes) {
    it(what, () => {
      const { result, issues } = traced(call);
      assert.deepEqual(
        issues.map((issue) => [issue.code, issue.severity]),
        [[code, "error"]],
      );
      assert.match(issues[0].message, words);
      assert.equal(formatShape(result.knownShape), shape);
    });
  }

  it("are one for one mistake, whatever follows from it", () => {
    const follow: ((x: Tensor) => Tensor)[] = [
      (x) => x.relu().add(1).matmul(t(7, 2)),
      (x) => x.sum(-1).softmax().mean(),
      (x) => x.reshape([-1, 5]).transpose().exp(),
      (x) => ops.concat([x, t(9)]),
      (x) => ops.concat([t(9), x]),
      (x) => ops.stack([x, x], 1).slice(0, [1, 2], null),
      (x) => x.flatten().unsqueeze(0).squeeze().expand([3, 3]),
      (x) =>
        x
          .split(2)[1]
          .pad([[1, 1]])
          .flip(0)
          .tile([2]),
      (x) => ops.einsum("ab,bc->ac", x, t(3, 3)).tril(),
      (x) => x.gather(0, x.argmax(0)).variance(0).norm(),
      (x) => ops.layerNorm(x, [3]).cumsum(1).logSumExp(2),
      (x) => ops.conv2d(x, t(1, 1, 2, 2)),
      (x) => ops.maxPool2d(x, 2).dot(t(3)),
    ];
    for (const unknown of [() => t(2, 3).reshape([-1, -1]), () => t(2, 3).permute([0])]) {
      for (const next of follow) {
        const { result, issues } = traced(() => next(unknown()));
        assert.equal(issues.length, 1, `${String(next)}: ${issues.map((issue) => issue.message).join(" | ")}`);
        assert.equal(typeof result.op, "string");
      }
    }
  });

  it("of unknown single sizes do not spread either", () => {
    const { issues, result } = traced(() => t(2, 3).add(t(2, 4)).matmul(t(7, 5)).add(t(2, 5)));
    assert.deepEqual(
      issues.map((issue) => issue.code),
      ["broadcast"],
    );
    assert.equal(formatShape(result.knownShape), "[2, 5]");
  });

  it("are recorded once for the same words at the same place, and all for different ones", () => {
    const { issues } = traced(() => {
      for (let i = 0; i < 3; i++) t(2).add(t(3));
      t(2).add(t(4));
    });
    assert.equal(issues.length, 2);
  });
});

describe("wrong options", () => {
  const wrong: [what: string, call: () => unknown, words: RegExp][] = [
    ["clip", () => t(2).clip(2, 1), /lower bound 2 must not exceed the upper bound 1/],
    ["norm", () => t(2).norm(0, { p: 0 }), /p must be positive, got 0/],
    ["arange", () => ops.arange(0, 5, 0), /step must not be 0/],
    ["slice step", () => t(2).slice([0, 2, 0]), /step must be a whole number other than 0, got 0/],
    ["slice bounds", () => t(2).slice([0.5, 2]), /positions and steps are whole numbers, got 0.5 for axis 0/],
    ["slice index", () => t(2).slice(NaN), /whole numbers, got NaN/],
    ["reshape", () => t(2).reshape(4 as never), /must be a list of sizes such as \[-1, 784\], got 4/],
    ["concat", () => ops.concat([]), /at least one tensor/],
    ["einsum text", () => ops.einsum("i->j", t(2)), /has the axis j, which no operand has/],
    ["einsum operands", () => ops.einsum("i,j", t(2)), /names 2 operands, got 1/],
    ["einsum repeated", () => ops.einsum("i->ii", t(2)), /has the axis i twice/],
    ["einsum ellipsis", () => ops.einsum("...i->i", t(2)), /cannot read "\.\.\.i->i"/],
    ["groupNorm", () => ops.groupNorm(t(2, 4), 0), /whole number ≥ 1, got 0/],
    ["a module for a tensor", () => ops.exp((() => 0) as never), /a function or a module: did you forget to call it/],
    ["null for a tensor", () => ops.exp(null as never), /expected a tensor or numbers, got null/],
    ["arithmetic on a tensor", () => Number(t(2)), /cannot be used in JavaScript arithmetic/],
  ];
  for (const [what, call, words] of wrong) it(what, () => assert.throws(call, words));
});
