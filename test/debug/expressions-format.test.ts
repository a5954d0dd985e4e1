import assert from "node:assert/strict";
import type { NdArray, Nested } from "../../engine/graph/array";
import type { NumberFormat, TensorStatistics } from "../../engine/debug/requests";
import {
  clipboardText,
  evaluateExpression,
  formatMessage,
  formatNumber,
  formatTensor,
  formatValue,
  messageParts,
  statisticsOf,
  typeOf,
} from "../../engine/debug/expressions";
import { NAMES, tensor } from "./expressions-names";

const NUMBERS: readonly (readonly [number, string, NumberFormat?])[] = [
  [0, "0"],
  [-0, "-0"],
  [NaN, "NaN"],
  [Infinity, "Infinity"],
  [-Infinity, "-Infinity"],
  [0.1, "0.1"],
  [0.1 + 0.2, "0.3"],
  [Math.fround(0.1), "0.1"],
  [1 / 3, "0.333333"],
  [-2.5, "-2.5"],
  [1234.5678, "1234.57"],
  [1000, "1000"],
  [123456789, "123456789"],
  [1e9, "1e9"],
  [1.5e12, "1.5e12"],
  [0.0005, "0.0005"],
  [0.00001, "1e-5"],
  [0.0000123456, "1.23456e-5"],
  [-1e-7, "-1e-7"],
  [1 / 3, "0.33", { digits: 2 }],
  [1 / 3, "0.3333333333", { digits: 10 }],
  [1 / 3, "0.3", { digits: 0 }],
  // IEEE 754 binary32: sign, exponent + 127, fraction.
  [1, "0x3f800000", { hex: true }],
  [-2, "0xc0000000", { hex: true }],
  [0.1, "0x3dcccccd", { hex: true }],
  [-0, "0x80000000", { hex: true }],
  [Infinity, "0x7f800000", { hex: true }],
];

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

const TENSORS: readonly (readonly [Nested, string, NdArray["dtype"]?, NumberFormat?])[] = [
  [0.25, "0.25"],
  [3, "3", "int32"],
  [true, "true"],
  [[0.1, -2, 3.5], "[3] float32 [0.1, -2, 3.5]"],
  [[1, NaN, -Infinity], "[3] float32 [1, NaN, -Infinity]"],
  [[1, 0], "[2] bool [true, false]", "bool"],
  [[1, -1], "[2] int32 [0x00000001, 0xffffffff]", "int32", { hex: true }],
  [
    [
      [1, 2],
      [3, 4],
    ],
    "[2, 2] float32 [[1, 2], [3, 4]]",
  ],
  [[], "[0] float32 []"],
  // 0…8: mean 4, population deviation √(2·(1 + 4 + 9 + 16)/9) = √(20/3).
  [range(9), "[9] float32 · mean 4, std 2.582, min 0, max 8"],
  [range(9), "[9] float32 · mean 4, std 2.581989, min 0, max 8", "float32", { digits: 7 }],
  [[...range(9), NaN, NaN, Infinity], "[12] float32 · mean 4, std 2.582, min 0, max 8, 2 NaN, 1 Infinity"],
  [new Array<number>(9).fill(NaN), "[9] float32 · 9 NaN"],
  [[...range(9).map((i) => i % 3 === 0), true], "[10] bool · 4 true, 6 false"],
];

const STATISTICS: readonly (readonly [Nested, TensorStatistics])[] = [
  [
    [3, 0, -4],
    {
      size: 3,
      least: -4,
      most: 3,
      mean: -1 / 3,
      deviation: Math.sqrt(25 / 3 - 1 / 9),
      norm: 5,
      zeros: 1,
      notFinite: 0,
    },
  ],
  [
    [NaN, 2, Infinity, 4],
    { size: 4, least: 2, most: 4, mean: 3, deviation: 1, norm: Math.sqrt(20), zeros: 0, notFinite: 2 },
  ],
  [[], { size: 0, least: NaN, most: NaN, mean: NaN, deviation: NaN, norm: 0, zeros: 0, notFinite: 0 }],
  // Far from 0 with a small spread: E[x²] − E[x]² would give 0 or worse.
  [
    [1e9 + 1, 1e9 + 3],
    {
      size: 2,
      least: 1e9 + 1,
      most: 1e9 + 3,
      mean: 1e9 + 2,
      deviation: 1,
      norm: Math.hypot(1e9 + 1, 1e9 + 3),
      zeros: 0,
      notFinite: 0,
    },
  ],
];

const VALUES: readonly (readonly [string, string, string])[] = [
  ["iteration", "number", "40"],
  ["loss", "tensor", "0.25"],
  ["h.shape", "list", "[2, 3]"],
  ["v", "tensor", "[5] float32 [10, 20, 30, 40, 50]"],
  ["[v[:2], 1]", "list", "[[2] float32 [10, 20], 1]"],
  ["optimizer.name", "text", '"SGD"'],
  ["nothing", "null", "null"],
  ["1 < 2", "boolean", "true"],
  ["hidden", "module", "Linear(2 → 2)"],
  ["arange(20).list()", "list", "[0, 1, 2, 3, 4, 5, 6, 7, … 12 more]"],
];

const MESSAGES: readonly (readonly [string, string])[] = [
  ["loss is {loss}", "loss is 0.25"],
  ["h has norm {h.norm()} at {iteration}.", "h has norm 13 at 40."],
  ["{{literal}} {iteration}", "{literal} 40"],
  ["{h.sum(0, { keepDims: true })}", "[1, 3] float32 [[3, 0, 8]]"],
  ["{'}'}", "}"],
  ["not closed {iteration", "not closed {iteration"],
  ["alone } here", "alone } here"],
  [
    "{h2} and {iteration}",
    "{h2: there is no h2 here; did you mean h? (known: h, W, v, big, images, labels, odd, flags, loss, hidden, layers, iteration, …)} and 40",
  ],
  ["a {} b", "a {there is no expression here} b"],
  ["{1 +}", "{1 +: the expression ends where a value should stand}"],
  ["", ""],
];

describe("texts of the debugger's values", () => {
  for (const [x, expected, format] of NUMBERS) {
    it(`number ${expected}`, () => assert.equal(formatNumber(x, format), expected));
  }

  for (const [value, expected, dtype, format] of TENSORS) {
    it(expected, () => assert.equal(formatTensor(tensor(value, dtype).array, format), expected));
  }

  for (const [value, expected] of STATISTICS) {
    it(`statistics of ${JSON.stringify(value)}`, () => {
      const actual = statisticsOf(tensor(value).array);
      for (const [name, figure] of Object.entries(actual) as [keyof TensorStatistics, number][]) {
        const wanted = expected[name];
        const close = Object.is(figure, wanted) || Math.abs(figure - wanted) <= 1e-12 * Math.abs(wanted);
        assert.ok(close, `${name} is ${figure}, not ${wanted}`);
      }
    });
  }

  for (const [text, type, expected] of VALUES) {
    it(`value of ${text}`, () => {
      const value = evaluateExpression(text, NAMES);
      assert.deepEqual([typeOf(value), formatValue(value)], [type, expected]);
    });
  }

  for (const [template, expected] of MESSAGES) {
    it(`message ${template}`, () => assert.equal(formatMessage(template, NAMES), expected));
  }

  it("cuts messages into parts", () => {
    assert.deepEqual(messageParts("a{{ {b} }}"), [
      { kind: "text", text: "a{ " },
      { kind: "expression", text: "b", start: 5 },
      { kind: "text", text: " }" },
    ]);
  });

  it("copies all elements, rows on lines of their own", () => {
    assert.equal(
      clipboardText(
        tensor([
          [1, 2],
          [3, 4],
        ]),
      ),
      "[[1, 2], [3, 4]]",
    );
    assert.equal(clipboardText(tensor([range(5), range(5)])), "[[0, 1, 2, 3, 4],\n [0, 1, 2, 3, 4]]");
    assert.equal(
      clipboardText(
        tensor([
          [range(3), range(3)],
          [range(3), range(3)],
        ]),
      ),
      "[[[0, 1, 2],\n  [0, 1, 2]],\n [[0, 1, 2],\n  [0, 1, 2]]]",
    );
    assert.equal(clipboardText(tensor(1 / 3)), "0.333333333");
  });

  it("says how many elements it did not copy", () => {
    assert.equal(
      clipboardText(tensor([range(5), range(5)]), {}, 3),
      "[[0, 1, 2, …],\n …]\n… 7 of 10 elements of [2, 5] were cut",
    );
  });
});
