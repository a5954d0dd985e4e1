import assert from "node:assert/strict";
import type { DType } from "../../engine/graph/shape";
import type { Tensor } from "../../engine/graph/tensor";
import { erf } from "../../engine/kernel/special";
import * as ops from "../../engine/ops";
import { leaf, numbersOf } from "../support/graph";
import { relativeError } from "../support/numbers";

const of = (...values: (number | boolean)[]): Tensor => ops.tensor(values);

describe("conventions at 0", () => {
  // DOMAIN: sign(0) = hardThreshold(0) = 1, step(0) = 0, relu′(0) = 0.
  const cases: [name: string, call: (x: Tensor) => Tensor, expected: number[]][] = [
    ["sign", ops.sign, [-1, 1, 1, NaN]],
    ["hardThreshold", ops.hardThreshold, [0, 1, 1, 0]],
    ["step", ops.step, [0, 0, 1, 0]],
    ["relu", ops.relu, [0, 0, 2, NaN]],
  ];
  for (const [name, call, expected] of cases) {
    it(`${name} of −2, 0, 2, NaN`, () => assert.deepEqual(numbersOf(call(of(-2, 0, 2, NaN))), expected));
  }
});

describe("dtypes of results", () => {
  const [f, i, b] = (["float32", "int32", "bool"] as const).map((dtype) => leaf([2], dtype));
  const cases: [what: string, result: Tensor, dtype: DType][] = [
    ["int32 + int32", i.add(i), "int32"],
    ["int32 + float32", i.add(f), "float32"],
    ["int32 + a whole number", i.add(1), "int32"],
    ["int32 + a fraction", i.add(0.5), "float32"],
    ["a whole number − int32", ops.sub(1, i), "int32"],
    ["int32 / int32", i.div(i), "float32"],
    ["int32 to a power", i.pow(2), "float32"],
    ["bool + bool", b.add(b), "int32"],
    ["−bool", b.neg(), "int32"],
    ["bool · float32", b.mul(f), "float32"],
    ["bool · bool", b.mul(b), "bool"],
    ["max of bools", b.maximum(b), "bool"],
    ["sum of bools", b.sum(), "int32"],
    ["mean of bools", b.mean(), "float32"],
    ["cumsum of bools", b.cumsum(0), "int32"],
    ["exp of int32", i.exp(), "float32"],
    ["|int32|", i.abs(), "int32"],
    ["comparison", f.lt(i), "bool"],
    ["where of int32 and a number", b.where(i, 0), "int32"],
    ["where of a number and float32", b.where(0, f), "float32"],
    ["argmax", f.argmax(), "int32"],
    ["oneHot", i.oneHot(3), "float32"],
    ["concat of bool and int32", ops.concat([b, i]), "int32"],
    ["arange of whole numbers", ops.arange(3), "int32"],
    ["arange of fractions", ops.arange(0, 1, 0.5), "float32"],
  ];
  for (const [what, result, dtype] of cases) it(`${what}: ${dtype}`, () => assert.equal(result.dtype, dtype));

  it("bools add up as numbers", () => {
    assert.deepEqual(numbersOf(of(true, false).add(of(true, true))), [2, 1]);
    assert.deepEqual(numbersOf(of(true, false).sub(of(true, true))), [0, -1]);
  });
});

describe("tensor", () => {
  it("reads numbers, flags and nested lists", () => {
    assert.deepEqual([of(1, 2).dtype, of(true).dtype, ops.tensor([[1], [2]]).shape], ["float32", "bool", [2, 1]]);
  });

  it("converts to the dtype asked for, as cast does", () => {
    for (const dtype of ["int32", "bool"] as const) {
      const values = [-1.75, 0, 0.5, 3];
      const made = ops.tensor(values, dtype);
      assert.equal(made.dtype, dtype);
      assert.deepEqual(numbersOf(made), numbersOf(ops.cast(of(...values), dtype)));
    }
    assert.equal(ops.tensor(leaf([2]), "int32").op, "cast");
  });
});

describe("erf", () => {
  // erf(x) to 20 digits, Abramowitz & Stegun table 7.1 (0.5, 1, 1.5, 2) and DLMF's series for the others.
  const values: [x: number, expected: number][] = [
    [0, 0],
    [0.5, 0.5204998778130465],
    [1, 0.8427007929497149],
    [1.5, 0.9661051464753108],
    [2, 0.9953222650189527],
    [3, 0.9999779095030014],
    [5, 0.9999999999984626],
    [7, 1],
  ];
  for (const [x, expected] of values) {
    it(`erf(±${x})`, () => {
      assert.ok(Math.abs(erf(x) - expected) <= 2.3e-16, `${erf(x)}`);
      assert.equal(erf(-x) + 0, -erf(x) + 0);
    });
  }
  it("of infinities and NaN", () => assert.deepEqual([erf(Infinity), erf(-Infinity), erf(NaN)], [1, -1, NaN]));
});

describe("relativeError", () => {
  // The measure itself: what it lets pass, nothing else here would find.
  const cases: [actual: number[], expected: number[], error: number][] = [
    [[1, 2], [1, 2], 0],
    [[1.5, 4], [1, 4], 0.125],
    [[0.5], [0], 0.5],
    [[NaN, Infinity], [NaN, Infinity], 0],
    [[1], [NaN], Infinity],
    [[NaN], [1], Infinity],
    [[Infinity], [-Infinity], Infinity],
    [[1], [1, 2], Infinity],
  ];
  for (const [actual, expected, error] of cases) {
    it(`of ${actual.join()} for ${expected.join()} is ${error}`, () =>
      assert.equal(relativeError(actual, expected), error));
  }
});
