/** Values on demand: what is kept stays within its bound, and what was forgotten comes back as it was. */
import assert from "node:assert/strict";
import type { NdArray } from "../../engine/graph/array";
import { createBudget, createValues } from "../../engine/debug/values";
import type { Tensor } from "../../engine/graph/tensor";
import { evaluateNode } from "../../engine/plan/evaluate";
import { leaf, valueOf } from "../support/graph";

/** Bytes of the constants beside them, at most. */
const SCALARS = 160;

/** y = ((x + 1) · 2 + 1) · 2 … , a value of 800 bytes at each of its steps. */
function chain(length: number): { nodes: Tensor[]; x: NdArray; source: Tensor } {
  const source = leaf([100]);
  const nodes: Tensor[] = [];
  for (let i = 0; i < length; i++) {
    const before = nodes.at(-1) ?? source;
    nodes.push(i % 2 === 0 ? before.add(1) : before.mul(2));
  }
  return {
    nodes,
    source,
    x: { shape: [100], dtype: "float32", data: Float64Array.from({ length: 100 }, (_, i) => i / 7) },
  };
}

describe("values of an episode", () => {
  it("are the plain evaluator's, in whatever order they are asked for", () => {
    const { nodes, source, x } = chain(20);
    const values = createValues((at) => (at === source ? x : undefined));
    for (const at of [19, 3, 11, 0, 19]) {
      assert.deepEqual(values.of(nodes[at]), valueOf(nodes[at], new Map([[source, x]])));
    }
  });

  it("keep within a bound that several episodes share, and come back to the same bits", () => {
    const budget = createBudget(5 * 800);
    const chains = [chain(30), chain(30)];
    const all = chains.map(({ source, x }) => createValues((at) => (at === source ? x : undefined), budget));
    const wanted = chains.map(({ nodes, source, x }) => valueOf(nodes[29], new Map([[source, x]])));
    for (const round of [0, 1, 2]) {
      all.forEach((values, i) => {
        assert.deepEqual(values.of(chains[i].nodes[29]), wanted[i], `round ${round}`);
        // Its newest value is held whatever the others take.
        assert.ok(budget.used <= budget.bound + 800, `${budget.used} bytes`);
      });
    }
    for (const values of all) values.forget();
    assert.equal(budget.used, 0);
  });

  it("give up what is soon computed again before what took long, and what episodes before hold before both", () => {
    const { nodes, source, x } = chain(8);
    const other = chain(2);
    // Each takes as many milliseconds as it has in this table.
    const milliseconds = [50, 1, 1, 50, 1, 1, 50, 1];
    let clock = 0;
    const computed: number[] = [];
    const budget = createBudget(5 * 800 + SCALARS);
    const before = createValues((at) => (at === other.source ? other.x : undefined), budget);
    before.of(other.nodes[1]);
    const values = createValues(
      (at) => (at === source ? x : undefined),
      budget,
      (node, inputs) => {
        const index = nodes.indexOf(node);
        // Constants take none.
        if (index >= 0) computed.push(index);
        clock += milliseconds[index] ?? 0;
        return evaluateNode(node, new Map(node.inputs.map((input, i) => [input, inputs[i]])), () => undefined);
      },
      () => clock,
    );
    for (const node of nodes) values.of(node);
    assert.ok(before.bytes < 800);
    assert.ok(values.bytes <= 5 * 800 + SCALARS);
    assert.deepEqual(computed, [0, 1, 2, 3, 4, 5, 6, 7]);
    assert.deepEqual(
      nodes
        .map((node) => values.known(node) !== undefined)
        .map((known, i) => (known ? i : -1))
        .filter((i) => i >= 0),
      [0, 3, 5, 6, 7],
    );
  });

  it("are computed anew where they follow from a value that was put there, and only there", () => {
    const source = leaf([2]);
    const a = source.add(1);
    const b = a.mul(3);
    const other = source.mul(5);
    const values = createValues((at) =>
      at === source ? { shape: [2], dtype: "float32", data: Float64Array.of(1, 2) } : undefined,
    );
    const before = values.of(other);
    assert.deepEqual([...values.of(b).data], [6, 9]);
    values.put(a, { shape: [2], dtype: "float32", data: Float64Array.of(10, -1) });
    assert.deepEqual([...values.of(b).data], [30, -3]);
    assert.deepEqual([...values.of(a).data], [10, -1]);
    assert.equal(values.of(other), before);
    values.put(source, { shape: [2], dtype: "float32", data: Float64Array.of(0, 0) });
    // What was put in the middle stands, whatever it was made of.
    assert.deepEqual([...values.of(b).data], [30, -3]);
    assert.deepEqual([...values.of(other).data], [0, 0]);
  });
});
