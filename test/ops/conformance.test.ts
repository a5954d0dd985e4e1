import assert from "node:assert/strict";
import { gradientsOf } from "../../engine/autodiff/gradients";
import { reachable } from "../../engine/graph/order";
import { allOperations, isDifferentiable } from "../../engine/ops";
import { type Built, FAMILIES, describeCases } from "../support/conformance";
import { assertDifferences } from "../support/differences";
import { fixtureNumbers, loadFixtures } from "../support/fixtures";
import { problemsOf, valueOf, weighted } from "../support/graph";
import { assertClose } from "../support/numbers";

/** In float64, relative to the tensor's largest number; see relativeError. */
const BOUND = 1e-10;

/** Operations that have no case here: leaves, and what is tested in a file of its own. */
const LEAVES = ["parameter", "input", "constant", "size", "randomKey", "recovered"];
const ELSEWHERE = ["random", "permutation"];

/** Operations that some case reaches, forwards or in a gradient, and those whose gradient differences have confirmed. */
const reached = new Set<string>();
const confirmed = new Set<string>();

describeCases("as PyTorch, and as differences", (built) => {
  const { fixture, leaves, values, output, scalar, gradients } = built;
  assert.deepEqual(problemsOf([output, ...gradients]), []);
  for (const node of reachable([output, ...gradients])) reached.add(node.op);

  const value = valueOf(output, values);
  assert.deepEqual([output.dtype, value.dtype, value.shape], [fixture.dtype, fixture.dtype, fixture.shape]);
  assertClose(value.data, fixtureNumbers(fixture.value), BOUND, "value");

  const expected = fixture.gradients?.filter((gradient) => gradient !== null);
  expected?.forEach((gradient, i) => {
    const actual = valueOf(gradients[i], values);
    assert.deepEqual(actual.shape, leaves[i].knownShape);
    assertClose(actual.data, fixtureNumbers(gradient), BOUND, `gradient ${i}`);
  });

  if (built.kink !== undefined) return;
  assertDifferences(scalar, leaves, gradients, values, "gradient");
  for (const node of reachable([scalar])) confirmed.add(node.op);
  if (built.once === undefined && leaves.length > 0) checkSecond(built);
});

/** The gradient's own gradient: of the sum of weighted(∂scalar/∂leaf), by every leaf. */
function checkSecond({ leaves, values, gradients }: Built): void {
  const total = gradients.map(weighted).reduce((a, b) => a.add(b));
  const second = gradientsOf(total, leaves);
  assert.deepEqual(problemsOf(second), []);
  assertDifferences(total, leaves, second, values, "second gradient");
  for (const node of reachable([total])) confirmed.add(node.op);
  for (const node of reachable(second)) reached.add(node.op);
}

describe("the table of operations", () => {
  for (const [family, table] of Object.entries(FAMILIES)) {
    it(`has in ${family} a fixture for every call and a call for every fixture`, () => {
      assert.deepEqual(Object.keys(table).sort(), Object.keys(loadFixtures(family)).sort());
    });
  }

  it("has every operation in some case", () => {
    const exempt = new Set([...LEAVES, ...ELSEWHERE]);
    assert.deepEqual(
      [...allOperations().keys()].filter((name) => !reached.has(name) && !exempt.has(name)),
      [],
    );
  });

  it("has every gradient confirmed by differences", () => {
    const open = (name: string): boolean => isDifferentiable(name) && !confirmed.has(name) && !LEAVES.includes(name);
    assert.deepEqual([...allOperations().keys()].filter(open), []);
  });
});
