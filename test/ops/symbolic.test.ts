import assert from "node:assert/strict";
import { type Dim, evaluateDim, symbol } from "../../engine/graph/dim";
import { formatShape } from "../../engine/graph/shape";
import type { Tensor } from "../../engine/graph/tensor";
import * as ops from "../../engine/ops";
import { leaf, problemsOf, traced } from "../support/graph";

/** What user code gets as the size of the batch. */
const N = symbol("N");

/** Calls on x [N, 3, 4], written for any batch; the shape expected. */
const calls: [text: string, call: (x: Tensor) => Tensor, shape: string][] = [
  ["reshape([-1, 12])", (x) => x.reshape([-1, 12]), "[N, 12]"],
  ["reshape([x.shape[0], -1])", (x) => x.reshape([x.shape[0], -1]), "[N, 12]"],
  ["reshape([x.shape[0] * 3, 4])", (x) => x.reshape([x.shape[0] * 3, 4]), "[3*N, 4]"],
  ["reshape([-1])", (x) => x.reshape([-1]), "[12*N]"],
  ["reshape([2, -1])", (x) => x.reshape([2, -1]), "[2, 6*N]"],
  ["flatten()", (x) => x.flatten(), "[N, 12]"],
  ["flatten(0)", (x) => x.flatten(0), "[12*N]"],
  ["flatten(0, 1)", (x) => x.flatten(0, 1), "[3*N, 4]"],
  ["transpose(0, 1)", (x) => x.transpose(0, 1), "[3, N, 4]"],
  ["permute([2, 0, 1])", (x) => x.permute([2, 0, 1]), "[4, N, 3]"],
  ["sum(0)", (x) => x.sum(0), "[3, 4]"],
  ["mean(-1)", (x) => x.mean(-1), "[N, 3]"],
  ["mean()", (x) => x.mean(), "[]"],
  ["variance(0, keepDims)", (x) => x.variance(0, { keepDims: true }), "[1, 3, 4]"],
  ["argmax(-1)", (x) => x.argmax(-1), "[N, 3]"],
  ["concat with itself", (x) => ops.concat([x, x]), "[2*N, 3, 4]"],
  ["concat with one more", (x) => ops.concat([x, ops.zeros([1, 3, 4])]), "[N+1, 3, 4]"],
  [
    "flatten of a concat, and back by the size of the concat",
    (x) => {
      const more = ops.concat([x, ops.zeros([3, 3, 4])]);
      return more.reshape([-1]).reshape([more.shape[0], -1]);
    },
    "[N+3, 12]",
  ],
  ["concat along features", (x) => ops.concat([x, x], -1), "[N, 3, 8]"],
  ["stack", (x) => ops.stack([x, x]), "[2, N, 3, 4]"],
  ["split of the features", (x) => x.split(2, 2)[1], "[N, 3, 2]"],
  ["slice(null, 1)", (x) => x.slice(null, 1), "[N, 4]"],
  ["slice(0)", (x) => x.slice(0), "[3, 4]"],
  ["slice(-1)", (x) => x.slice(-1), "[3, 4]"],
  ["slice([1, null])", (x) => x.slice([1, null]), "[N-1, 3, 4]"],
  ["slice([0, -1])", (x) => x.slice([0, -1]), "[N-1, 3, 4]"],
  ["slice([0, 1])", (x) => x.slice([0, 1]), "[1, 3, 4]"],
  ["slice([null, null, 2])", (x) => x.slice([null, null, 2]), "[floor((N+1)/2), 3, 4]"],
  ["slice([null, null, -1])", (x) => x.slice([null, null, -1]), "[N, 3, 4]"],
  ["difference of neighbours", (x) => x.slice([1, null]).sub(x.slice([0, -1])), "[N-1, 3, 4]"],
  ["flip(0)", (x) => x.flip(0), "[N, 3, 4]"],
  [
    "pad of the batch",
    (x) =>
      x.pad([
        [1, 2],
        [0, 0],
        [0, 0],
      ]),
    "[N+3, 3, 4]",
  ],
  ["tile([2, 1, 1])", (x) => x.tile([2, 1, 1]), "[2*N, 3, 4]"],
  ["unsqueeze and squeeze", (x) => x.unsqueeze(1).squeeze(1), "[N, 3, 4]"],
  ["expand by the batch", (x) => ops.zeros([1, 4]).expand([x.shape[0], 4]), "[N, 4]"],
  ["zeros of the batch", (x) => ops.zeros([x.shape[0], 2 * x.shape[0] + 1]), "[N, 2*N+1]"],
  ["arange of the batch", (x) => ops.arange(x.shape[0]), "[N]"],
  ["arange of twice the batch", (x) => ops.arange(x.shape[0] * 2), "[2*N]"],
  ["arange with a step", (x) => ops.arange(1, x.shape[0] + 1, 3), "[floor((N+2)/3)]"],
  ["eye of the batch", (x) => ops.eye(x.shape[0]), "[N, N]"],
  ["oneHot", (x) => x.argmax(-1).oneHot(5), "[N, 3, 5]"],
  ["take of the batch", (x) => x.take([0, 0, 0]), "[3, 3, 4]"],
  ["gather", (x) => x.gather(2, x.argmax(-1).unsqueeze(-1)), "[N, 3, 1]"],
  ["cumsum(0)", (x) => x.cumsum(0), "[N, 3, 4]"],
  ["matmul", (x) => x.matmul(ops.zeros([4, 2])), "[N, 3, 2]"],
  ["attention", (x) => x.matmul(x.transpose()).softmax().matmul(x), "[N, 3, 4]"],
  ["einsum", (x) => ops.einsum("nij,kj->nik", x, ops.zeros([5, 4])), "[N, 3, 5]"],
  ["einsum over the batch", (x) => ops.einsum("nij,nik->jk", x, x), "[4, 4]"],
  ["layerNorm", (x) => ops.layerNorm(x, [3, 4]), "[N, 3, 4]"],
  ["groupNorm", (x) => ops.groupNorm(x, 3), "[N, 3, 4]"],
  ["random numbers of the batch", (x) => ops.randomNormal([x.shape[0] * 2, 4]), "[2*N, 4]"],
  ["dropout", (x) => ops.dropout(x, 0.5), "[N, 3, 4]"],
  ["conv1d", (x) => ops.conv1d(x, ops.zeros([2, 3, 3])), "[N, 2, 2]"],
];

describe("operations on a batch of unknown size", () => {
  for (const [text, call, shape] of calls) {
    it(`${text} → ${shape}`, () => {
      const { result, issues } = traced(() => call(leaf([N, 3, 4])));
      assert.deepEqual(issues, []);
      assert.equal(formatShape(result.knownShape), shape);
      assert.deepEqual(problemsOf([result]), []);
      // For every size of the batch, the shape is the one that the same calls give for that size.
      for (const n of [2, 3, 8]) {
        const concrete = traced(() => call(leaf([n, 3, 4])));
        assert.deepEqual(concrete.issues, []);
        assert.deepEqual(
          result.knownShape?.map((dim: Dim) => evaluateDim(dim, () => n)),
          concrete.result.knownShape,
        );
      }
    });
  }

  it("refuses to divide a batch evenly, saying which size", () => {
    const { issues } = traced(() => leaf([N, 3]).split(2));
    assert.match(issues[0].message, /split: axis 0 of \[N, 3\] has size N, which 2 equal parts do not divide/);
  });

  it("refuses an arange of fractions up to the batch", () => {
    assert.throws(
      () => ops.arange(0, leaf([N]).shape[0], 0.5),
      /up to the size N it counts in whole numbers; .*step 0.5/,
    );
  });
});
