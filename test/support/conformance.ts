import assert from "node:assert/strict";
import { gradientsOf } from "../../engine/autodiff/gradients";
import type { Tensor } from "../../engine/graph/tensor";
import type { Case, CaseTable } from "./cases/case";
import { composites } from "./cases/composites";
import { elementwise } from "./cases/elementwise";
import { matmul } from "./cases/matmul";
import { movement } from "./cases/movement";
import { reduce } from "./cases/reduce";
import { windows } from "./cases/windows";
import { type Fixture, fixtureInput, loadFixtures } from "./fixtures";
import { type Values, leavesOf, traced, weighted } from "./graph";

/** The calls by family; scripts/fixtures/FAMILY.py holds the same cases in torch's words. */
export const FAMILIES: Readonly<Record<string, CaseTable>> = {
  elementwise,
  reduce,
  movement,
  matmul,
  composites,
  windows,
};

/** A case with its graph: the output, sum(output · weights), and that scalar's gradients. */
export interface Built extends Case {
  readonly fixture: Fixture;
  /** The float inputs, in order. */
  readonly leaves: readonly Tensor[];
  readonly values: Values;
  readonly output: Tensor;
  readonly scalar: Tensor;
  /** By leaf. */
  readonly gradients: readonly Tensor[];
}

/** Declares one test per case of every family. */
export function describeCases(title: string, test: (built: Built) => void | Promise<void>): void {
  for (const [family, table] of Object.entries(FAMILIES)) {
    describe(`${family}: ${title}`, () => {
      const fixtures = loadFixtures(family);
      for (const [name, entry] of Object.entries(table)) {
        const fixture = fixtures[name];
        // A name without a fixture is a failure of the test that compares the two lists.
        if (fixture) it(name, () => test(build(typeof entry === "function" ? { call: entry } : entry, fixture)));
      }
    });
  }
}

function build(entry: Case, fixture: Fixture): Built {
  const { leaves: all, values } = leavesOf(fixture.inputs.map(fixtureInput));
  const { result, issues } = traced(() => {
    const output = entry.call(...all);
    const leaves = all.filter((leaf) => leaf.dtype === "float32");
    const scalar = weighted(output);
    return { ...entry, fixture, leaves, values, output, scalar, gradients: gradientsOf(scalar, leaves) };
  });
  assert.deepEqual(
    issues.filter(({ severity }) => severity === "error"),
    [],
  );
  return result;
}
