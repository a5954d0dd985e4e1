import assert from "node:assert/strict";
import { type Nested, buildArray, fromNested, toNested } from "../../engine/graph/array";

describe("nested lists", () => {
  const cases: [Nested, shape: number[], dtype: string, data: number[]][] = [
    [3, [], "float32", [3]],
    [true, [], "bool", [1]],
    [[1, 2, 3], [3], "float32", [1, 2, 3]],
    [
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
      [3, 2],
      "float32",
      [1, 2, 3, 4, 5, 6],
    ],
    [[[true], [false]], [2, 1], "bool", [1, 0]],
    [[], [0], "float32", []],
    [[[], []], [2, 0], "float32", []],
  ];
  for (const [nested, shape, dtype, data] of cases) {
    it(JSON.stringify(nested), () => {
      const array = fromNested(nested);
      assert.deepEqual([array.shape, array.dtype, [...array.data]], [shape, dtype, data]);
      assert.deepEqual(toNested(array.data, array.shape, array.dtype === "bool" ? Boolean : undefined), nested);
    });
  }

  it("are numbers when flags and numbers mix", () => {
    assert.deepEqual(fromNested([true, 2]), { shape: [2], dtype: "float32", data: Float64Array.of(1, 2) });
  });

  const wrong: [unknown, RegExp][] = [
    [[[1, 2], [3]], /equal lengths: expected 2 at value\[1\], got a list of 1/],
    [[1, [2]], /expected a number at value\[1\], got a list of 1/],
    [[[1], 2], /expected a list at value\[1\]/],
    [["a"], /expected a number at value\[0\], got string/],
    [[null], /expected a number at value\[0\], got null/],
  ];
  for (const [nested, message] of wrong) {
    it(`refuses ${JSON.stringify(nested)}`, () => assert.throws(() => fromNested(nested as Nested), message));
  }

  it("are filled in row-major order", () => {
    const { data } = buildArray([2, 0, 3], "float32", () => 1);
    assert.equal(data.length, 0);
    assert.deepEqual(
      [...buildArray([2, 3], "int32", ([i, j], flat) => 100 * i + 10 * j + flat).data],
      [0, 11, 22, 103, 114, 125],
    );
  });
});
