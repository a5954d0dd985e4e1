/** The batch size, a symbol in a check, where user code calculates with tensors. */
import assert from "node:assert/strict";
import { symbol } from "../../engine/graph/dim";
import { Trace, withTrace } from "../../engine/graph/trace";
import { apply, einsum, zeros } from "../../engine/ops";

describe("the symbolic batch size", () => {
  it("is a number to tensor arithmetic", () => {
    const trace = new Trace(true);
    withTrace(trace, () => {
      const x = apply("input", [], { shape: [symbol("N"), 3], dtype: "float32" });
      assert.deepEqual(x.sum().div(x.shape[0]).shape, []);
      assert.equal(String(x.mul(x.shape[0]).shape), "N,3");
    });
    assert.deepEqual(trace.issues, []);
  });

  it("einsum with axes that disagree is one issue", () => {
    const trace = new Trace(true);
    withTrace(trace, () => einsum("ij,jk->ik", zeros([2, 3]), zeros([2, 2])));
    assert.deepEqual(
      trace.issues.map(({ code }) => code),
      ["einsum"],
    );
  });
});
