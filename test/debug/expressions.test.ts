import assert from "node:assert/strict";
import * as operations from "../../engine/api/operations";
import { toNested } from "../../engine/graph/array";
import { ExpressionError, type Value, evaluateCondition, evaluateExpression } from "../../engine/debug/expressions";
import { OPERATIONS } from "../../engine/debug/expressions/signatures";
import { NAMES } from "./expressions-names";

/** A value as plain data: lists for tensors, so that shapes show. */
function plain(value: Value): unknown {
  switch (value.kind) {
    case "tensor":
      return toNested(value.array.data, value.shape, (x) => (value.dtype === "bool" ? x !== 0 : x));
    case "list":
      return value.items.map(plain);
    case "record":
      return value.text;
    case "null":
      return null;
    default:
      return value.value;
  }
}

/** Expression and what it is by hand. Names: expressions-names.ts. */
const RESULTS: readonly (readonly [string, unknown])[] = [
  // numbers
  ["1 + 2 * 3", 7],
  ["(1 + 2) * 3", 9],
  ["2 ** 3 ** 2", 512],
  ["-2 ** 2", -4],
  ["2 ** -1", 0.5],
  ["7 - 2 - 1", 4],
  ["-1 % 10", 9],
  ["1e-3 + .5", 0.501],
  ["0x1F", 31],
  ["iteration == 40", true],
  ["iteration % 10 === 0", true],
  ["iteration != 40", false],
  ["iteration > 3 && iteration < 50", true],
  ["iteration < 3 || iteration", 40],
  ["!iteration", false],
  ["nothing ?? 3", 3],
  ["iteration >= 40 ? 'late' : \"early\"", "late"],
  ["(1 < 2) == true", true],
  ["1 < 2 == true ? 1 : 2".replace("1 < 2 ==", "(1 < 2) =="), 1],
  ["NaN == NaN", false],
  ["-Infinity", -Infinity],
  ["pi", Math.PI],
  ["'a\\'b'", "a'b"],
  ["optimizer.name == 'SGD'", true],
  ["optimizer.name != null", true],
  ["null == null", true],
  // names, paths and members
  [
    "this.hidden.weight",
    [
      [1, 2],
      [3, 4],
    ],
  ],
  ["layers.0.weight[1]", [3, 4]],
  ["layers[0].bias", [0.5, -0.5]],
  ["layers['0'].bias[0]", 0.5],
  ["encoder.0.weight[0, 1]", 2],
  ["encoder.0.weight.sum()", 10],
  ["hidden", "Linear(2 → 2)"],
  ["hidden(v)", 5],
  ["this.hidden(v)", 5],
  ["layers[0](v)".replace("[0]", ".0"), 5],
  ["h.shape", [2, 3]],
  ["h.shape[0]", 2],
  ["h.shape.length", 2],
  ["h.shape[-1:]", [3]],
  ["h.rank", 2],
  ["h.size", 6],
  ["labels.dtype", "int32"],
  [
    "W.T",
    [
      [1, 3],
      [2, 4],
    ],
  ],
  ["v.T", [10, 20, 30, 40, 50]],
  // √(9 + 16 + 144)
  ["h.norm()", 13],
  ["h.norm", 13],
  ["h.norm(1)", [5, 12]],
  ["h.norm() > 10", true],
  ["h.norm(null, { p: 1 })", 19],
  ["h.sum(0)", [3, 0, 8]],
  ["h.sum(0, { keepDims: true })", [[3, 0, 8]]],
  ["h.mean()", 11 / 6],
  ["v.std({})".replace("{}", "0, { correction: 0 }"), Math.sqrt(200)],
  ["h.max", 12],
  ["h.min()", -4],
  ["h.argmax()", 5],
  [
    "h.abs()",
    [
      [3, 0, 4],
      [0, 0, 12],
    ],
  ],
  ["h.zeros()", 0.5],
  // Of the columns [3, 0], [0, 0], [−4, 12] the second is 0 for both examples.
  ["h.dead()", 1 / 3],
  ["images.dead()", 0.5],
  ["odd.hasNaN()", true],
  ["h.hasNaN", false],
  ["odd.hasInfinity()", true],
  ["odd.isFinite()", [true, false, false, true]],
  ["odd.isFinite().all()", false],
  ["(h > 100).any()", false],
  ["loss.item()", 0.25],
  ["flags.list()[0]", 1],
  ["iteration.sqrt() ** 2 > 39.99", true],
  // gradients
  [
    "W.grad",
    [
      [3, 0],
      [0, 4],
    ],
  ],
  ["hidden.weight.grad.norm()", 5],
  [
    "∂loss/∂h",
    [
      [1, 1, 1],
      [2, 2, 2],
    ],
  ],
  [
    "∂loss/∂hidden.weight",
    [
      [3, 0],
      [0, 4],
    ],
  ],
  ["∂loss/∂hidden.weight.norm() + 1", 6],
  ["∂loss/∂h[1]", [2, 2, 2]],
  ["gradcheck(hidden.weight)", "checked 4 elements"],
  ["hidden.weight.gradcheck()", "checked 4 elements"],
  // parts
  ["W[0]", [1, 2]],
  ["W[0][1]", 2],
  ["W[-1, -1]", 4],
  ["W[:, 0]", [1, 3]],
  ["W[..., 1]", [2, 4]],
  ["v[1:3]", [20, 30]],
  ["v[:-3]", [10, 20]],
  ["v[::-2]", [50, 30, 10]],
  ["v[3:99]", [40, 50]],
  ["v[4:1]", []],
  ["v[[0, -1]]", [10, 50]],
  ["v[labels]", [30, 10, 20]],
  ["v[iteration == 40 ? 1 : 0]", 20],
  ["v[v > 25]", [30, 40, 50]],
  ["images[0, 0, 1:]", [[3, 4]]],
  ["big[1:3, 5]", [133, 261]],
  // arithmetic of tensors
  [
    "W + 1",
    [
      [2, 3],
      [4, 5],
    ],
  ],
  [
    "W * [10, 100]",
    [
      [10, 200],
      [30, 400],
    ],
  ],
  [
    "-W",
    [
      [-1, -2],
      [-3, -4],
    ],
  ],
  [
    "W @ W",
    [
      [7, 10],
      [15, 22],
    ],
  ],
  [
    "W @ W.T == W.T @ W",
    [
      [false, false],
      [false, false],
    ],
  ],
  [
    "W ** 2",
    [
      [1, 4],
      [9, 16],
    ],
  ],
  ["1 / W[0]", [1, 0.5]],
  ["labels + 1", [3, 1, 2]],
  ["v % 20", [10, 0, 10, 0, 10]],
  [
    "W == 2",
    [
      [false, true],
      [false, false],
    ],
  ],
  ["[1, 2] + [3, 4]", [4, 6]],
  ["[loss, 1]", [0.25, 1]],
  ["[loss, 1] * 4", [1, 4]],
  // operations
  ["softmax([0, 0])[0]", 0.5],
  [
    "softmax(W * 0, 0)",
    [
      [0.5, 0.5],
      [0.5, 0.5],
    ],
  ],
  [
    "relu(h)",
    [
      [3, 0, 0],
      [0, 0, 12],
    ],
  ],
  [
    "h.relu()",
    [
      [3, 0, 0],
      [0, 0, 12],
    ],
  ],
  ["matmul(W, [1, 1])", [3, 7]],
  ["concat([v[0:1], v[4:]])", [10, 50]],
  ["stack([v[0], v[1]])", [10, 20]],
  [
    "where(h > 0, 1, -1)",
    [
      [1, -1, -1],
      [-1, -1, 1],
    ],
  ],
  [
    "h.clip(-1, 1)",
    [
      [1, 0, -1],
      [0, 0, 1],
    ],
  ],
  ["oneHot(labels, 3)[0]", [0, 0, 1]],
  ["split(v[:4], 2)[1]", [30, 40]],
  ["einsum('ij,ij->', W, W)", 30],
  ["cast(v[:2] / 4, 'int32')", [2, 5]],
  ["pad(v[:1], [[1, 2]], -1)", [-1, 10, -1, -1]],
  ["slice(v, [0, null, 2])", [10, 30, 50]],
  [
    "reshape(v[:4], [2, -1])",
    [
      [10, 20],
      [30, 40],
    ],
  ],
  ["zeros([2])", [0, 0]],
  ["arange(3)", [0, 1, 2]],
  ["maxPool2d(images, 2)", [[[[4]], [[0]]]]],
  ["abs(-3)", 3],
  ["max([1, 5, 2])", 5],
  ["layerNorm([1, -1], [2], null, [1, 1])[0] > 1.9", true],
];

/** Expression, and what its error says. The part of the text that it points at stands third. */
const ERRORS: readonly (readonly [string, RegExp, string?])[] = [
  ["h2", /^there is no h2 here; did you mean h\? \(known: h, W, v, .*…\)$/, "h2"],
  ["1 + xyzzy", /^there is no xyzzy here \(known: h, /, "xyzzy"],
  ["nan", /did you mean NaN\?/],
  ["this.hiden.weight", /^there is no hiden here; did you mean hidden\?/, "hiden"],
  ["h.nrm()", /^h has no member nrm; did you mean norm\?$/, "nrm"],
  ["hidden.wieght", /^hidden has no member wieght; did you mean weight\?$/, "wieght"],
  ["hidden.gamma", /^hidden has no member gamma; it has weight, bias$/],
  ["sofmax(h)", /^there is no operation sofmax; did you mean softmax\?$/, "sofmax"],
  ["softmax", /^softmax is an operation and needs its operands: softmax\(x: tensor, axis\?: integer\)$/],
  ["h.relu", /^relu is a method and needs brackets: relu\(\)$/],
  ["h.shape()", /^shape is no method/],
  ["h[0, 1, 2]", /^h \[2, 3\] has 2 axes, 3 indices given$/],
  ["v[0][1]", /^v\[0\] is a single number: it has no axes to index$/],
  ["big[0, 200]", /^index 200 is out of range for axis 1 \(128\)$/],
  ["big[-65]", /^index -65 is out of range for axis 0 \(64\)$/],
  ["v[0.5]", /^an index is a whole number; got 0\.5$/, "0.5"],
  ["v['a']", /^an index is a whole number; got the text "a"$/],
  ["v[::0]", /step of a range must not be 0/],
  ["v[flags]", /^a mask needs the shape of v \[5\]; this one is \[3\]$/],
  ["iteration[0]", /^iteration is the number 40: it has no axes to index$/],
  ["hidden[0]", /^hidden has no member 0$/],
  ["h + v", /\[2, 3\].*\[5\]/],
  ["h @ W", /matmul.*\[2, 3\].*\[2, 2\]/],
  ["2 @ 3", /^@ multiplies matrices; of two numbers write \*$/],
  ["h + 'a'", /^\+ is for numbers and tensors; got the text "a"$/],
  ["hidden * 2", /^\* is for numbers and tensors; got the module Linear/],
  ["softmax(h, 5)", /^softmax: axis 5 does not exist in \[2, 3\]; axes are -2 to 1$/],
  ["softmax(h, 'a')", /^softmax: axis is a whole number; got the text "a"$/],
  ["softmax()", /^softmax\(x: tensor, axis\?: integer\) was given 0 values$/],
  ["relu(1, 2)", /^relu\(x: tensor\) was given 2 values$/],
  ["relu(hidden)", /^relu: x is a tensor or a number; got the module/],
  ["relu([v, v])", /join tensors by stack/],
  ["concat(v)", /^concat: tensors is a list of tensors, as in \[a, b\]/],
  ["cast(v, 'float64')", /^cast: dtype is one of "float32", "int32", "bool"; got the text "float64"$/],
  ["sum(v, 0, { keepdim: true })", /^sum: options: there is no keepdim; known are keepDims$/],
  ["einsum('ij', v)", /einsum/],
  ["v.list(1)", /^list takes nothing in its brackets$/],
  ["v.item()", /^item\(\) is of one element; this tensor has 5$/],
  ["v.grad", /^no gradient of loss reaches this tensor$/, "grad"],
  ["∂loss/∂iteration", /iteration is the number 40, which has no gradient$/],
  ["∂los/∂h", /there is no los here; did you mean loss\?/],
  ["∂loss", /^a gradient is written as ∂loss\/∂h$/],
  ["gradcheck(3)", /^gradcheck takes one tensor of the program/],
  ["v(1)", /^v is the tensor \[5\] float32, which cannot be called$/],
  ["v && 1", /^a condition is one truth value, and this is a tensor \[5\]; say \.any\(\) or \.all\(\)/, "v"],
  ["!h", /a condition is one truth value/],
  ["zeros([100000, 100000])", /needs more than an expression may compute/],
  ["arange(1e12)", /^arange: startOrStop is a number from -7000000 to 7000000; got 1000000000000$/],
  ["zeros([15485863])", /^zeros: shape\[0\] is a number from -7000000 to 7000000; got 15485863$/],
  ["arange(0, 1, 1e-300)", /^arange/],
  ["split(v, 1e9)", /^split: parts is a whole number from 1 to 10000/],
  // syntax
  ["", /^there is no expression here$/],
  ["   ", /^there is no expression here$/],
  ["1 +", /^the expression ends where a value should stand$/],
  ["(1", /^the \( at column 1 needs a \); the expression ends before it$/],
  ["v[1", /^the \[ at column 2 needs a \]/],
  ["v[]", /^an index is missing at column 3$/],
  ["h.", /^the name of a member is missing after the \. at column 2$/],
  ["1 2", /^unexpected 2 at column 3$/, "2"],
  ["2h", /^unexpected h at column 2; write 2 \* h$/],
  ["h and v", /^unexpected and at column 3; write &&$/],
  ["h = 2", /^= at column 3 assigns, which cannot be done here; to compare write ==$/, "="],
  ["h += 2", /^\+= at column 3 assigns/],
  ["1:3", /^: at column 2 is for ranges within \[ \]/],
  ["1 < 2 < 3", /^comparisons have two sides: < at column 7 is a second one; join them by &&$/],
  ["1 < (2) < 3", /^comparisons have two sides/],
  ["'abc", /^the text that begins here is not ended: 'abc$/],
  ["a & b", /^& has no meaning in an expression; write && for and/, "&"],
  ["h; v", /one expression at a time/],
  ["h^2", /write \*\* for powers/],
  ["(h)(1)", /^h is the tensor/],
  ["[1](2)", /^only operations, methods and modules can be called, by their names$/],
  ["h.constructor", /^h has no member constructor/],
  ["h.__proto__", /^h has no member __proto__/],
  ["hasOwnProperty", /^there is no hasOwnProperty here/],
  ["constructor('return 1')", /^there is no operation constructor/],
  ["customFunction(1)", /^there is no operation customFunction/],
  [`${"(".repeat(5000)}1${")".repeat(4000)}`, /^this expression is nested too deeply; at most 200 levels are read$/],
  ["-".repeat(3000) + "1", /nested too deeply/],
  [Array.from({ length: 3000 }, () => "1").join("+"), /nested too deeply/],
  [`v${".T".repeat(2000)}`, /nested too deeply/],
  ["1 ? ".repeat(1000) + "1", /nested too deeply/],
  ["1".repeat(10_001), /^this expression has 10001 characters; at most 10000 are read$/],
];

const CONDITIONS: readonly (readonly [string, boolean])[] = [
  ["h.norm() > 10", true],
  ["h.norm() > 13", false],
  ["iteration == 40", true],
  ["loss", true],
  ["loss - 0.25", false],
  ["NaN", false],
  ["odd.hasNaN() && iteration > 3", true],
  ["null", false],
];

function errorOf(text: string): ExpressionError {
  try {
    evaluateExpression(text, NAMES);
  } catch (error) {
    assert.ok(error instanceof ExpressionError, `${text}: ${String(error)}`);
    return error;
  }
  assert.fail(`${text} has a value`);
}

describe("expressions of the debugger", () => {
  for (const [text, expected] of RESULTS) {
    it(text, () => assert.deepEqual(plain(evaluateExpression(text, NAMES)), expected));
  }

  for (const [text, message, part] of ERRORS) {
    it(`error: ${text.slice(0, 60)}`, () => {
      const error = errorOf(text);
      assert.match(error.message, message);
      if (part === undefined) return;
      assert.equal(error.span && text.slice(error.span.start, error.span.end), part);
    });
  }

  for (const [text, expected] of CONDITIONS) {
    it(`condition ${text}`, () => assert.equal(evaluateCondition(text, NAMES), expected));
  }

  it("a condition that is a larger tensor is an error", () => {
    assert.throws(() => evaluateCondition("h > 0", NAMES), /say \.any\(\) or \.all\(\)/);
  });

  it("the user's own names come before constants, and do not hide operations", () => {
    const names = {
      ...NAMES,
      lookup: (name: string) => (name === "e" || name === "max" ? NAMES.lookup("v") : NAMES.lookup(name)),
    };
    assert.deepEqual(plain(evaluateExpression("e[0]", names)), 10);
    assert.deepEqual(plain(evaluateExpression("max(max)", names)), 50);
  });

  it("random numbers are the same each time one looks", () => {
    const draw = (): unknown => plain(evaluateExpression("randomNormal([4])", NAMES));
    assert.deepEqual(draw(), draw());
  });

  it("faults of ours are said to be such", () => {
    const names = {
      ...NAMES,
      lookup: () => {
        throw new TypeError("x is not a function");
      },
    };
    assert.throws(() => evaluateExpression("1 + h", names), {
      name: "ExpressionError",
      message: "internal: x is not a function",
    });
  });

  it("knows every operation that users know, except those that take functions", () => {
    const users = Object.keys(operations).filter((name) => name !== "customFunction" && name !== "input");
    assert.deepEqual(Object.keys(OPERATIONS).sort(), users.sort());
  });
});
