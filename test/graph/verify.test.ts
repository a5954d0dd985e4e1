import assert from "node:assert/strict";
import { gradientsOf } from "../../engine/autodiff/gradients";
import { Tensor, type NodeParts } from "../../engine/graph/tensor";
import { currentTrace } from "../../engine/graph/trace";
import { verifyGraph } from "../../engine/graph/verify";
import { tensor } from "../../engine/ops";
import { leaf, problemsOf, traced } from "../support/graph";

/** A node with parts that no operation would make. */
function forged(parts: Partial<NodeParts>, then: Record<string, unknown> = {}): Tensor {
  return Object.assign(new Tensor({ op: "exp", inputs: [], shape: [], dtype: "float32", ...parts }), then);
}

describe("verifyGraph", () => {
  it("finds nothing in a sound graph, its gradients and their gradients", () => {
    const { result } = traced(() => {
      const x = leaf([3, 2]);
      const [g] = gradientsOf(x.softmax().mul(x).sum(), [x]);
      return [...gradientsOf(g.square().sum(), [x]), g];
    });
    assert.deepEqual(problemsOf(result), []);
  });

  const x = tensor([1, 2]);
  const cases: [what: string, build: () => Tensor, problem: RegExp][] = [
    ["an id twice", () => x.add(forged({}, { id: x.id })), /has the id of another node/],
    ["an input made later", () => forged({ inputs: [tensor(1)] }, { id: 0 }), /^node 0 exp: is not after its input/],
    ["a size that is no size", () => forged({ shape: [2.5] }), /has the size 2.5/],
    ["a negative size", () => forged({ shape: [-1] }), /has the size -1/],
    ["a tensor among the attributes", () => forged({ attributes: { by: x } }), /has a tensor as attribute by/],
    ["a forward node of another", () => forged({}, { of: x }), /is a forward node, but belongs to another/],
    [
      "a backward node of none",
      () => forged({}, { phase: "backward", via: x }),
      /is a backward node of no forward node/,
    ],
    ["a backward node by way of none", () => forged({}, { phase: "backward", of: x }), /by way of no operation/],
    ["a wrong shape", () => forged({ inputs: [x], shape: [3] }), /has the shape \[3\], its record infers \[2\]/],
    ["a wrong dtype", () => forged({ inputs: [x], shape: [2], dtype: "bool" }), /is bool, its record infers float32/],
    [
      "a known shape from an unknown one",
      () => forged({ inputs: [forged({ inputs: [x], shape: null })], shape: [2] }),
      /has the shape \[2\] although an input's is unknown/,
    ],
  ];
  for (const [what, build, problem] of cases) {
    it(`finds ${what}`, () => {
      const problems = problemsOf([build()]);
      assert.ok(
        problems.some((each) => problem.test(each)),
        `no problem matches ${problem}: ${JSON.stringify(problems)}`,
      );
    });
  }

  it("checks no shapes without a way to infer them", () => {
    assert.deepEqual(verifyGraph([forged({ inputs: [x], shape: [3] })]), []);
    assert.equal(currentTrace().phase, "forward");
  });
});
