import assert from "node:assert/strict";
import { type BackwardPass, backward, blockedPaths, gradientsOf } from "../../engine/autodiff/gradients";
import { symbol } from "../../engine/graph/dim";
import { reachable } from "../../engine/graph/order";
import type { Tensor } from "../../engine/graph/tensor";
import { currentTrace } from "../../engine/graph/trace";
import * as ops from "../../engine/ops";
import { assertDifferences } from "../support/differences";
import { seeded } from "../support/fixtures";
import { leaf, leavesOf, numbersOf, problemsOf, traced, valueOf } from "../support/graph";
import { assertClose } from "../support/numbers";

const scalarAt = (x: number) => ({ shape: [], dtype: "float32" as const, data: Float64Array.of(x) });

function adjointOf(pass: BackwardPass, node: Tensor): NonNullable<ReturnType<BackwardPass["adjoints"]["get"]>> {
  const adjoint = pass.adjoints.get(node);
  assert.ok(adjoint);
  return adjoint;
}

describe("backward", () => {
  it("keeps every contribution to a sum, in the order of arrival, with the running sum", () => {
    // J = cos(u), u = u1 + u2, u1 = sin t, u2 = 3t, t = x²: t gets one contribution by way of u2, then one by way of u1.
    const { leaves, values } = leavesOf([scalarAt(2)]);
    const [x] = leaves;
    const { result } = traced(() => {
      const t = x.mul(x);
      const u1 = t.sin();
      const u2 = t.mul(3);
      const u = u1.add(u2);
      const J = u.cos();
      return { t, u1, u2, u, J, pass: backward(J, [x]) };
    });
    const { t, u1, u2, u, J, pass } = result;
    const number = (node: Tensor | undefined): number => (node ? numbersOf(node, values)[0] : NaN);

    const dJdu = -Math.sin(Math.sin(4) + 12);
    assert.equal(number(adjointOf(pass, J).gradient), 1);
    assertClose([number(adjointOf(pass, u).gradient)], [dJdu], 1e-15, "∂J/∂u");
    const ofT = adjointOf(pass, t);
    assert.deepEqual(
      ofT.contributions.map(({ via, inputIndex }) => [via, inputIndex]),
      [
        [u2, 0],
        [u1, 0],
      ],
    );
    assertClose(
      ofT.contributions.map(({ value }) => number(value)),
      [dJdu * 3, dJdu * Math.cos(4)],
      1e-15,
      "to ∂J/∂t",
    );
    assertClose(
      ofT.contributions.map(({ sum }) => number(sum)),
      [dJdu * 3, dJdu * (3 + Math.cos(4))],
      1e-15,
      "sums",
    );
    assert.equal(ofT.gradient, ofT.contributions[1].sum);

    // x enters the product twice, once by each operand.
    const ofX = adjointOf(pass, x);
    assert.deepEqual(
      ofX.contributions.map(({ via, inputIndex }) => [via, inputIndex]),
      [
        [t, 0],
        [t, 1],
      ],
    );
    assertClose([number(ofX.gradient)], [dJdu * (3 + Math.cos(4)) * 4], 1e-15, "∂J/∂x");
  });

  it("marks each node of the pass with its forward node and the operation by way of which it came", () => {
    const { result } = traced(() => {
      const x = leaf([3]);
      const y = x.exp();
      const z = y.mul(x);
      const pass = backward(z.sum(), [x]);
      return { x, y, z, pass };
    });
    const { x, y, z, pass } = result;
    const [byMul, byExp] = adjointOf(pass, x).contributions;
    assert.deepEqual([byMul.value.of, byMul.value.via, byMul.value.phase], [x, z, "backward"]);
    assert.deepEqual([byExp.value.of, byExp.value.via, byExp.sum.of, byExp.sum.via], [x, y, x, y]);
    assert.deepEqual(problemsOf([...pass.adjoints.values()].flatMap((adjoint) => adjoint.gradient ?? [])), []);
  });

  it("gives each adjoint and contribution the shape of its node", () => {
    const { result } = traced(() => {
      const x = leaf([symbol("N"), 1, 4]);
      const w = leaf([3, 1]);
      return backward(x.mul(w).softmax().sum(0).norm(), [x, w]);
    });
    const reached = [...result.adjoints.values()].filter(({ gradient }) => gradient !== undefined);
    assert.ok(reached.length >= 6);
    for (const { node, gradient, contributions } of reached) {
      for (const each of [gradient, ...contributions.flatMap(({ value, sum }) => [value, sum])]) {
        assert.deepEqual(each?.knownShape?.map(String), node.knownShape?.map(String));
      }
    }
  });

  it("visits only what lies between", () => {
    const { result } = traced(() => {
      const [x, data] = [leaf([3]), leaf([3])];
      const frozen = data.exp();
      const side = x.sin();
      const { adjoints } = backward(x.mul(frozen).sum(), [x]);
      return [adjoints.has(frozen), adjoints.has(data), adjoints.has(side), adjoints.size];
    });
    assert.deepEqual(result, [false, false, false, 3]);
  });

  it("starts from a seed in the output's shape", () => {
    const { leaves, values } = leavesOf([seeded([2, 2], 1)]);
    const [x] = leaves;
    const [g] = gradientsOf(
      x.mul(2),
      [x],
      ops.tensor([
        [1, 2],
        [3, 4],
      ]),
    );
    assert.deepEqual(numbersOf(g, values), [2, 4, 6, 8]);
    assert.throws(() => gradientsOf(x.mul(2), [x], ops.tensor([1, 2])), /has its shape \[2, 2\], got \[2\]/);
  });

  it("wants a scalar", () => {
    const { issues } = traced(() => {
      const x = leaf([symbol("N"), 3]);
      return gradientsOf(x.exp(), [x]);
    });
    assert.match(issues[0].message, /needs a scalar, but this is \[N, 3\]; take its mean\(\) or sum\(\)/);
  });

  it("gives zeros where no gradient flows, as nodes of the backward pass", () => {
    const { result } = traced(() => {
      const [x, y] = [leaf([2]), leaf([3], "float32")];
      return { y, gradients: gradientsOf(x.sum().add(y.stopGradient().sum()), [x, y]) };
    });
    assert.deepEqual(
      result.gradients.map((g) => numbersOf(g)),
      [
        [1, 1],
        [0, 0, 0],
      ],
    );
    assert.deepEqual(problemsOf(result.gradients), []);
    assert.equal(result.gradients[1].of, result.y);
  });

  it("is of the output itself, 1", () => {
    const x = leaf([]);
    assert.deepEqual(numbersOf(gradientsOf(x, [x])[0]), [1]);
  });

  it("leaves the trace as it was when a rule throws", () => {
    const { trace } = traced(() => {
      const bad = ops.customFunction({ name: "bad", forward: (x) => x.exp(), backward: () => [] });
      const x = leaf([]);
      assert.throws(() => gradientsOf(bad(x), [x]), /the backward of bad returned 0 gradients for 1 inputs/);
    });
    assert.deepEqual([trace.phase, trace.backward], ["forward", undefined]);
  });
});

describe("gradients of gradients", () => {
  it("of x⁴ give 12x², 24x and 24", () => {
    const { leaves, values } = leavesOf([scalarAt(1.5)]);
    const [x] = leaves;
    let y = x.pow(4);
    const found = [1, 2, 3, 4, 5].map(() => numbersOf(([y] = gradientsOf(y, [x]))[0], values)[0]);
    assertClose(found, [4 * 1.5 ** 3, 12 * 1.5 ** 2, 24 * 1.5, 24, 0], 1e-15, "derivatives");
  });

  it("of sin alternate", () => {
    const { leaves, values } = leavesOf([scalarAt(0.7)]);
    const [x] = leaves;
    let y = x.sin();
    const found = [1, 2, 3, 4].map(() => numbersOf(([y] = gradientsOf(y, [x]))[0], values)[0]);
    assertClose(found, [Math.cos(0.7), -Math.sin(0.7), -Math.cos(0.7), Math.sin(0.7)], 1e-15, "derivatives");
  });

  it("serve a gradient penalty: a cost that holds a gradient", () => {
    const { leaves, values } = leavesOf([seeded([2, 3], 5), seeded([3, 2], 6)]);
    const [x, w] = leaves;
    const score = x.matmul(w).tanh().sum();
    const [g] = gradientsOf(score, [x]);
    const cost = score.add(g.norm().sub(1).square());
    assertDifferences(cost, leaves, gradientsOf(cost, leaves), values, "penalty");
    assert.deepEqual(problemsOf(gradientsOf(cost, [w])), []);
  });

  it("serve a product of a Hessian with a vector: of xᵀAx it is (A + Aᵀ)v", () => {
    const [a, v] = [seeded([3, 3], 8), seeded([3], 9)];
    const { leaves, values } = leavesOf([a, seeded([3], 10), v]);
    const [A, x, direction] = leaves;
    const [g] = gradientsOf(x.dot(A.matmul(x)), [x]);
    const [product] = gradientsOf(g.dot(direction), [x]);
    const expected = [0, 1, 2].map((i) =>
      [0, 1, 2].reduce((sum, j) => sum + (a.data[3 * i + j] + a.data[3 * j + i]) * v.data[j], 0),
    );
    assertClose(valueOf(product, values).data, expected, 1e-14, "Hessian times vector");
  });
});

describe("custom functions", () => {
  const clippedExp = ops.customFunction({
    name: "clippedExp",
    forward: (x) => x.exp().minimum(10),
    backward: (g, _, y) => g.mul(y),
  });

  it("use their own backward formula", () => {
    const { leaves, values } = leavesOf([{ shape: [2], dtype: "float32", data: Float64Array.of(1, 5) }]);
    const [g] = gradientsOf(clippedExp(leaves[0]).sum(), leaves);
    assertClose(numbersOf(g, values), [Math.E, 10], 1e-15, "gradient");
  });

  it("may leave an input without gradient, and differentiate through what is not differentiable", () => {
    const straightThrough = ops.customFunction({
      name: "straightThrough",
      forward: (x, scale) => x.round().mul(scale),
      backward: (g) => [g, null],
    });
    const { leaves, values } = leavesOf([seeded([3], 1), seeded([3], 2)]);
    const output = straightThrough(...leaves).sum();
    assert.deepEqual(
      gradientsOf(output, leaves).map((g) => numbersOf(g, values)),
      [
        [1, 1, 1],
        [0, 0, 0],
      ],
    );
    assert.deepEqual(blockedPaths(output, leaves), []);
  });

  it("keep their name as the scope of what they are made of", () => {
    const nodes = reachable([clippedExp(leaf([]))]);
    assert.deepEqual(
      nodes.filter((node) => node.op === "exp").map((node) => node.scope?.name),
      ["clippedExp"],
    );
  });

  const wrong: [what: string, definition: Partial<ops.CustomFunction>, message: RegExp][] = [
    ["too many gradients", { backward: (g) => [g, g] }, /backward of f returned 2 gradients for 1 inputs/],
    ["a gradient of another shape", { backward: (g) => g.sum() }, /gradient of shape \[\] for input 0 of shape \[2\]/],
    ["no tensor", { forward: () => 3 as never }, /the forward of f must return a tensor, got number/],
  ];
  for (const [what, part, message] of wrong) {
    it(`say when they return ${what}`, () => {
      const f = ops.customFunction({ name: "f", forward: (x) => x.exp(), backward: (g) => g, ...part });
      const x = leaf([2]);
      assert.throws(() => gradientsOf(f(x).sum(), [x]), message);
    });
  }
});

describe("blockedPaths", () => {
  const blocked = (build: (x: Tensor) => Tensor): string[] => {
    const x = leaf([4]);
    return blockedPaths(build(x), [x]).map(({ node, reason }) => `${node.op}: ${reason}`);
  };

  it("names a flat operation on the way, with its reason", () => {
    assert.deepEqual(
      blocked((x) => x.sign().sum()),
      ["sign: it is constant between its jumps, so its derivative is 0 wherever it exists"],
    );
    assert.match(blocked((x) => x.step().mul(x).sum())[0], /^step: /);
    assert.match(blocked((x) => x.argmax().cast("float32"))[0], /^argmax: a position is a whole number/);
    assert.match(blocked((x) => x.gt(0).cast("float32").sum())[0], /^greater: a comparison/);
  });

  it("names a conversion to whole numbers", () => {
    assert.deepEqual(
      blocked((x) => x.cast("int32").cast("float32").sum()),
      ["cast: a gradient flows through float32 only, and this is int32"],
    );
  });

  it("builds no nodes", () => {
    const { trace } = traced(() => {
      const x = leaf([3, 3]);
      const cost = x.softmax().prod(0).pow(2).std().add(x.matmul(x).max());
      const before = currentTrace().nodes.length;
      blockedPaths(cost, [x]);
      assert.equal(currentTrace().nodes.length, before);
    });
    assert.ok(trace.nodes.length > 0);
  });

  it("says nothing of masks, indices and stopGradient", () => {
    assert.deepEqual(
      blocked((x) => x.gt(0).where(x, 0).sum()),
      [],
    );
    assert.deepEqual(
      blocked((x) => x.take(x.argmax())),
      [],
    );
    assert.deepEqual(
      blocked((x) => x.stopGradient().mul(x).sum()),
      [],
    );
    assert.deepEqual(
      blocked((x) => x.relu().softmax().norm()),
      [],
    );
    assert.deepEqual(
      blocked((x) => ops.dropout(x, 0.5).sum()),
      [],
    );
    assert.deepEqual(
      blocked((x) => ops.logSumExp(x)),
      [],
    );
  });
});
