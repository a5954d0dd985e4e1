import assert from "node:assert/strict";
import { toNested } from "../../engine/graph/array";
import {
  ExpressionError,
  evaluateExpression,
  parseAssignment,
  parseTarget,
  writeTarget,
} from "../../engine/debug/expressions";
import { sourceOf } from "../../engine/debug/expressions/parse";
import { NAMES, VALUES } from "./expressions-names";

const TARGETS: readonly (readonly [text: string, path: string[], root: string, indices: number])[] = [
  ["h", ["h"], "h", 0],
  ["learningRate", ["learningRate"], "learningRate", 0],
  ["hidden.weight[0][3]", ["hidden", "weight"], "hidden.weight", 2],
  ["this.layers[0].weight[1:3, 0]", ["this", "layers", "0", "weight"], "this.layers[0].weight", 1],
  ["layers.0.bias", ["layers", "0", "bias"], "layers.0.bias", 0],
];

const NO_TARGETS: readonly (readonly [string, RegExp])[] = [
  ["1", /^only names and parts of tensors can be assigned/],
  ["h + 1", /^only names/],
  ["h.norm()", /^only names/],
  ["∂loss/∂h", /^only names/],
  ["h[", /^an index is missing at column 3$/],
  ["layers[iteration].weight", /^only names/],
];

/** Target, value, and the whole tensor afterwards. */
const WRITES: readonly (readonly [string, string, unknown])[] = [
  [
    "W",
    "0",
    [
      [0, 0],
      [0, 0],
    ],
  ],
  [
    "W",
    "[5, 6]",
    [
      [5, 6],
      [5, 6],
    ],
  ],
  [
    "W[0][1]",
    "9",
    [
      [1, 9],
      [3, 4],
    ],
  ],
  [
    "W[-1, -1]",
    "loss",
    [
      [1, 2],
      [3, 0.25],
    ],
  ],
  [
    "W[:, 0]",
    "[7, 8]",
    [
      [7, 2],
      [8, 4],
    ],
  ],
  [
    "W[0]",
    "W[1] * 10",
    [
      [30, 40],
      [3, 4],
    ],
  ],
  [
    "W[0][:][1]",
    "NaN",
    [
      [1, NaN],
      [3, 4],
    ],
  ],
  ["v[1:3]", "0", [10, 0, 0, 40, 50]],
  ["v[::2][1]", "0", [10, 20, 0, 40, 50]],
  ["v[::-1]", "[1, 2, 3, 4, 5]", [5, 4, 3, 2, 1]],
  ["v[[0, 4]]", "[1, 2]", [1, 20, 30, 40, 2]],
  ["v[iteration - 40]", "true", [1, 20, 30, 40, 50]],
  ["v[3:3]", "1", [10, 20, 30, 40, 50]],
  [
    "images[0, 1]",
    "[[1], [2]]",
    [
      [
        [
          [1, 2],
          [3, 4],
        ],
        [
          [1, 1],
          [2, 2],
        ],
      ],
    ],
  ],
  ["labels[0]", "7", [7, 0, 1]],
  ["flags[1]", "5", [1, 1, 1]],
];

const BAD_WRITES: readonly (readonly [string, string, RegExp])[] = [
  ["W[5]", "0", /^index 5 is out of range for axis 0 \(2\)$/],
  ["W[0][0][0]", "0", /single number/],
  ["W[0]", "[1, 2, 3]", /^a value of shape \[3\] does not fit into W\[0\] \[2\]$/],
  ["W[0]", "W", /^a value of shape \[2, 2\] does not fit into W\[0\] \[2\]$/],
  ["W[0]", "'a'", /^a number or a tensor can be assigned here; got the text "a"$/],
  ["W[0]", "hidden", /^a number or a tensor can be assigned here; got the module/],
  ["labels[0]", "0.5", /^labels\[0\] is int32, which holds whole numbers below 2³¹; got 0\.5$/],
];

describe("assignments of the debugger", () => {
  for (const [text, path, root, indices] of TARGETS) {
    it(`target ${text}`, () => {
      const target = parseTarget(text);
      assert.deepEqual([target.path, target.root, target.indices.length], [path, root, indices]);
    });
  }

  for (const [text, message] of NO_TARGETS) {
    it(`no target: ${text}`, () => assert.throws(() => parseTarget(text), { name: "ExpressionError", message }));
  }

  for (const [text, value, expected] of WRITES) {
    it(`${text} = ${value}`, () => {
      const target = parseTarget(text);
      const before = VALUES[target.path[0]];
      assert.ok(before.kind === "tensor");
      const kept = Array.from(before.array.data);
      const { data, shape, dtype } = writeTarget(target, before.array, evaluateExpression(value, NAMES), NAMES);
      assert.deepEqual(toNested(data, shape), expected);
      assert.equal(dtype, before.dtype);
      assert.deepEqual(Array.from(before.array.data), kept, "the array itself is left as it is");
    });
  }

  for (const [text, value, message] of BAD_WRITES) {
    it(`refuses ${text} = ${value}`, () => {
      const target = parseTarget(text);
      const before = VALUES[target.path[0]];
      assert.ok(before.kind === "tensor");
      const array = before.array;
      assert.throws(() => writeTarget(target, array, evaluateExpression(value, NAMES), NAMES), {
        name: "ExpressionError",
        message,
      });
    });
  }

  it("cuts assignments in two", () => {
    const cut = parseAssignment("hidden.bias[0] = 1 + 2");
    assert.ok(cut);
    assert.equal(sourceOf(cut.value, cut.value.root), "1 + 2");
    const target = parseTarget(cut.target);
    assert.deepEqual([target.path, target.root, target.indices.length], [["hidden", "bias"], "hidden.bias", 1]);
    assert.deepEqual(evaluateExpression(cut.value, NAMES), { kind: "number", value: 3 });
  });

  it("counts += and the like from what is there", () => {
    const cut = parseAssignment("learningRate *= 2 + 1");
    assert.ok(cut);
    assert.deepEqual(evaluateExpression(cut.value, NAMES), { kind: "number", value: 0.03 });
  });

  it("leaves expressions that assign nothing", () => {
    assert.equal(parseAssignment("learningRate == 2"), null);
    assert.throws(() => parseAssignment("a = b = c"), ExpressionError);
    assert.throws(() => parseAssignment("a ="), ExpressionError);
  });
});
