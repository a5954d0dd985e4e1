import assert from "node:assert/strict";
import fc from "fast-check";
import { symbol } from "../../engine/graph/dim";
import { formatShape } from "../../engine/graph/shape";
import * as ops from "../../engine/ops";
import { leaf, numbersOf, traced, valueOf } from "../support/graph";
import { runBoth } from "../support/run";

/** JavaScript's own list as NumPy's slice would cut it, element by element. */
function cut(list: number[], start: number | null, stop: number | null, step: number): number[] {
  const n = list.length;
  const place = (value: number): number => (value < 0 ? value + n : value);
  const from = start === null ? (step > 0 ? 0 : n - 1) : place(start);
  const to = stop === null ? (step > 0 ? n : -1) : place(stop);
  const result: number[] = [];
  if (step > 0) {
    for (let i = Math.max(from, 0); i < Math.min(to, n); i += step) result.push(list[i]);
  } else {
    for (let i = Math.min(from, n - 1); i > Math.max(to, -1); i += step) result.push(list[i]);
  }
  return result;
}

describe("slice", () => {
  it("cuts as NumPy does, whatever the bounds and the step", () => {
    const bound = fc.option(fc.integer({ min: -8, max: 8 }));
    const step = fc.integer({ min: -3, max: 3 }).filter((s) => s !== 0);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 6 }), bound, bound, step, (n, start, stop, by) => {
        const list = Array.from({ length: n }, (_, i) => 10 * i);
        const { result, issues } = traced(() => ops.tensor(list).slice([start, stop, by]));
        assert.deepEqual(issues, []);
        assert.deepEqual(numbersOf(result), cut(list, start, stop, by));
      }),
    );
  });
});

describe("gather and take", () => {
  it("refuse an index out of range instead of reading the next row", () => {
    const x = ops.tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    for (const index of [-1, 3]) {
      assert.throws(() => valueOf(x.gather(1, [[index], [0]])), /index -1 is out of range/);
      assert.throws(() => valueOf(x.take([index], 1)), /out of range for an axis of size 3; indices run from 0 to 2/);
      assert.throws(() => valueOf(x.scatterAdd(1, [[index], [0]], [[1], [1]])), /out of range/);
    }
  });

  it("refuse it on the backend, too", async () => {
    const x = ops.tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    await assert.rejects(runBoth([x.gather(1, [[3], [0]])]), /out of range/);
  });
});

describe("size", () => {
  it("is a number where it is known, and a node that counts the batch where it is not", () => {
    assert.equal(ops.sizeValue(3), 3);
    const { result } = traced(() => leaf([symbol("N"), 2]).mean());
    assert.equal(formatShape(result.knownShape), "[]");
    const counts = result.inputs.filter((input) => input.op === "size");
    assert.deepEqual(
      counts.map((node) => String(node.attributes.dim)),
      ["2*N"],
    );
    assert.deepEqual(numbersOf(ops.apply("size", [], { dim: 7 })), [7]);
    assert.throws(() => numbersOf(counts[0]), /internal: the size N is not bound/);
  });
});
