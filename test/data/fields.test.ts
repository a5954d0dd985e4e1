import assert from "node:assert/strict";
import { fromArrays } from "../../engine/data";
import type { FieldSpec, Fields } from "../../engine/data/dataset";
import { item, minimize, value } from "../../engine/train/execute";

const data = fromArrays({ inputs: [[1]], targets: [[2]] });

/** What is easily written where types are not checked. */
const WRONG: readonly (readonly [what: string, fields: unknown, says: RegExp])[] = [
  [
    "one field for a list",
    { targets: { shape: [1], dtype: "float32" } },
    /targets.*list of fields.*targets: \[\{ shape/,
  ],
  ["a field without shape", { inputs: [{ dtype: "float32" }] }, /input.*the shape is undefined.*list of sizes/],
  ["a field without whole sizes", { inputs: [{ shape: [1.5], dtype: "float32" }] }, /\[1\.5\] is no shape/],
];

describe("fields of a mapped data set", () => {
  for (const [what, fields, says] of WRONG) {
    it(`refuse ${what}`, () => assert.throws(() => data.map((example) => example, fields as Partial<Fields>), says));
  }

  it("take what is right", () => {
    const spec: FieldSpec = { shape: [2], dtype: "float32" };
    assert.deepEqual(data.map((example) => example, { inputs: [spec] }).fields?.inputs, [spec]);
  });
});

describe("what runs", () => {
  for (const [name, given, says] of [
    ["item", 3, /item: needs a tensor, got a number/],
    ["value", null, /value: needs a tensor, got null/],
    ["minimize", Promise.resolve(), /minimize: needs a tensor, got a promise \(write `await` in front of it\)/],
  ] as const) {
    it(`refuses what is none in ${name}`, async () => {
      const run = { item, value, minimize }[name] as (tensor: unknown, optimizer?: unknown) => Promise<unknown>;
      await assert.rejects(() => run(given), says);
    });
  }
});
