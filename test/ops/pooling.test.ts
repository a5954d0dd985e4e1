import assert from "node:assert/strict";
import { gradientsOf } from "../../engine/autodiff/gradients";
import { type NdArray, type Nested, fromNested, toNested } from "../../engine/graph/array";
import { symbol } from "../../engine/graph/dim";
import type { Issue } from "../../engine/graph/issue";
import { type Shape, formatShape } from "../../engine/graph/shape";
import type { Tensor } from "../../engine/graph/tensor";
import { Trace, withTrace } from "../../engine/graph/trace";
import {
  adaptiveAveragePool2d,
  apply,
  averagePool1d,
  averagePool2d,
  conv2d,
  globalAveragePool2d,
  globalMaxPool2d,
  maxPool1d,
  maxPool2d,
  mul,
  operationOf,
  sum,
  tensor,
} from "../../engine/ops";
import { evaluate } from "../../engine/plan/evaluate";

function leaf(shape: Shape): Tensor {
  return apply("parameter", [], { shape, dtype: "float32" });
}

function value(output: Tensor, bound: ReadonlyMap<Tensor, NdArray> = new Map()): Nested {
  const [result] = evaluate([output], (node) => bound.get(node));
  return toNested(result.data, result.shape);
}

/** Numbers without pattern or ties, the same on every run. */
function filled(shape: readonly number[], seed: number): NdArray {
  const size = shape.reduce((a, b) => a * b, 1);
  const data = Float64Array.from({ length: size }, (_, i) => Math.sin(12.9898 * (i + 1) + 78.233 * seed) * 2);
  return { shape, dtype: "float32", data };
}

function issuesOf(build: () => Tensor): { issues: Issue[]; shape: string } {
  const trace = new Trace();
  const result = withTrace(trace, build);
  return { issues: trace.issues, shape: formatShape(result.knownShape) };
}

function checkGradients(output: Tensor, x: Tensor, at: NdArray): void {
  const bound = (node: Tensor): NdArray | undefined => (node === x ? at : undefined);
  const cost = (): number => evaluate([output], bound)[0].data[0];
  const [gradient] = evaluate(gradientsOf(output, [x]), bound);
  assert.deepEqual(gradient.shape, at.shape);
  const h = 1e-5;
  at.data.forEach((center, k) => {
    at.data[k] = center + h;
    const above = cost();
    at.data[k] = center - h;
    const below = cost();
    at.data[k] = center;
    const expected = (above - below) / (2 * h);
    assert.ok(
      Math.abs(gradient.data[k] - expected) <= 1e-5 * (1 + Math.abs(expected)),
      `[${k}]: ${gradient.data[k]} ≠ ${expected}`,
    );
  });
}

/** A scalar that treats every element differently and is not linear in it. */
function cost(y: Tensor): Tensor {
  const weights = filled(y.shape, 9);
  return sum(mul(mul(y, y), tensor(toNested(weights.data, weights.shape))));
}

const square = [
  [
    [
      [1, 2, 3, 4],
      [5, 6, 7, 8],
      [9, 10, 11, 12],
      [13, 14, 15, 16],
    ],
  ],
];

describe("pooling: values by hand", () => {
  const table: [string, () => Tensor, Nested][] = [
    [
      "max 2",
      () => maxPool2d(square, 2),
      [
        [
          [
            [6, 8],
            [14, 16],
          ],
        ],
      ],
    ],
    [
      "average 2",
      () => averagePool2d(square, 2),
      [
        [
          [
            [3.5, 5.5],
            [11.5, 13.5],
          ],
        ],
      ],
    ],
    [
      "max [1, 2]",
      () => maxPool2d(square, [1, 2]),
      [
        [
          [
            [2, 4],
            [6, 8],
            [10, 12],
            [14, 16],
          ],
        ],
      ],
    ],
    [
      "max 3, stride 1",
      () => maxPool2d(square, 3, { stride: 1 }),
      [
        [
          [
            [11, 12],
            [15, 16],
          ],
        ],
      ],
    ],
    ["max 3, the last row and column uncovered", () => maxPool2d(square, 3), [[[[11]]]]],
    [
      "max 2, dilation 2, stride 1",
      () => maxPool2d(square, 2, { dilation: 2, stride: 1 }),
      [
        [
          [
            [11, 12],
            [15, 16],
          ],
        ],
      ],
    ],
    [
      "max 3, padding 1, stride 2",
      () => maxPool2d(square, 3, { padding: 1, stride: 2 }),
      [
        [
          [
            [6, 8],
            [14, 16],
          ],
        ],
      ],
    ],
    [
      "padding never wins",
      () =>
        maxPool2d(
          [
            [
              [
                [-5, -3],
                [-2, -4],
              ],
            ],
          ],
          2,
          { padding: 1 },
        ),
      [
        [
          [
            [-5, -3],
            [-2, -4],
          ],
        ],
      ],
    ],
    [
      "a NaN wins",
      () =>
        maxPool2d(
          [
            [
              [
                [1, NaN],
                [3, 4],
              ],
            ],
          ],
          2,
        ),
      [[[[NaN]]]],
    ],
    ["−∞ among itself", () => maxPool2d([[[[-Infinity, -Infinity]]]], [1, 2]), [[[[-Infinity]]]]],
    ["whole numbers", () => maxPool2d(tensor(square, "int32"), 4), [[[[16]]]]],
    // Corner windows hold one element of the image, the divisor stays 4.
    [
      "average, padding counted",
      () =>
        averagePool2d(
          [
            [
              [
                [4, 8],
                [12, 16],
              ],
            ],
          ],
          2,
          { padding: 1 },
        ),
      [
        [
          [
            [1, 2],
            [3, 4],
          ],
        ],
      ],
    ],
    [
      "average, padding not counted",
      () =>
        averagePool2d(
          [
            [
              [
                [4, 8],
                [12, 16],
              ],
            ],
          ],
          2,
          { padding: 1, countPadding: false },
        ),
      [
        [
          [
            [4, 8],
            [12, 16],
          ],
        ],
      ],
    ],
    // Rows {0, 1} and {1, 2, 3}: divisors 4 and 6 where padding does not count.
    [
      "average, border windows",
      () => averagePool2d(square, [3, 2], { stride: 2, padding: [1, 0], countPadding: false }),
      [
        [
          [
            [3.5, 5.5],
            [9.5, 11.5],
          ],
        ],
      ],
    ],
    [
      "max 1d",
      () =>
        maxPool1d(
          [
            [
              [1, 5, 2, 4],
              [-1, -2, -3, -4],
            ],
          ],
          2,
        ),
      [
        [
          [5, 4],
          [-1, -3],
        ],
      ],
    ],
    ["max 1d, options", () => maxPool1d([[[1, 5, 2, 4]]], 3, { stride: 1, padding: 1 }), [[[5, 5, 5, 4]]]],
    ["average 1d", () => averagePool1d([[[1, 5, 2, 4]]], 2), [[[3, 3]]]],
    [
      "average 1d, padding",
      () => averagePool1d([[[6, 3]]], 3, { stride: 1, padding: 1, countPadding: false }),
      [[[4.5, 4.5]]],
    ],
    [
      "global average",
      () =>
        globalAveragePool2d([
          [
            [
              [1, 2],
              [3, 4],
            ],
            [
              [10, 20],
              [30, 40],
            ],
          ],
        ]),
      [[2.5, 25]],
    ],
    [
      "global max",
      () =>
        globalMaxPool2d([
          [
            [
              [1, 2],
              [3, 4],
            ],
            [
              [10, 20],
              [30, -40],
            ],
          ],
        ]),
      [[4, 30]],
    ],
    [
      "adaptive 2",
      () => adaptiveAveragePool2d(square, 2),
      [
        [
          [
            [3.5, 5.5],
            [11.5, 13.5],
          ],
        ],
      ],
    ],
    ["adaptive 1", () => adaptiveAveragePool2d(square, 1), [[[[8.5]]]]],
    // PyTorch's windows: rows [0, 2), [1, 3), [2, 4); columns [0, 2), [2, 4).
    [
      "adaptive [3, 2] of 4",
      () => adaptiveAveragePool2d(square, [3, 2]),
      [
        [
          [
            [3.5, 5.5],
            [7.5, 9.5],
            [11.5, 13.5],
          ],
        ],
      ],
    ],
    ["adaptive, larger than the image", () => adaptiveAveragePool2d([[[[1, 3]]]], [1, 3]), [[[[1, 2, 3]]]]],
  ];
  for (const [name, build, expected] of table) {
    it(name, () => {
      const [actual, wanted] = [fromNested(value(build())), fromNested(expected)];
      assert.deepEqual(actual.shape, wanted.shape);
      actual.data.forEach((each, i) =>
        assert.ok(
          Object.is(each, wanted.data[i]) || Math.abs(each - wanted.data[i]) < 1e-12,
          `${i}: ${each} ≠ ${wanted.data[i]}`,
        ),
      );
    });
  }
});

describe("pooling: sizes", () => {
  for (const n of [4, 7, 28]) {
    for (const [f, s, p, d] of [
      [2, 2, 0, 1],
      [3, 2, 1, 1],
      [3, 1, 0, 1],
      [2, 3, 1, 1],
      [3, 2, 2, 2],
    ]) {
      const expected = Math.floor((n + 2 * p - d * (f - 1) - 1) / s) + 1;
      if (expected <= 0) continue;
      it(`n ${n}, f ${f}, s ${s}, p ${p}, d ${d} → ${expected}`, () => {
        const x = leaf([symbol("N"), 3, n, n]);
        assert.equal(
          formatShape(maxPool2d(x, f, { stride: s, padding: p, dilation: d }).knownShape),
          `[N, 3, ${expected}, ${expected}]`,
        );
        if (d === 1)
          assert.equal(
            formatShape(averagePool2d(x, f, { stride: s, padding: p }).knownShape),
            `[N, 3, ${expected}, ${expected}]`,
          );
      });
    }
  }

  const [N, H] = [symbol("N"), symbol("H")];
  const table: [string, () => Tensor, string][] = [
    ["symbolic height", () => maxPool2d(leaf([N, 3, H, 8]), 2), "[N, 3, floor(H/2), 4]"],
    ["max 1d", () => maxPool1d(leaf([N, 3, 9]), 3), "[N, 3, 3]"],
    ["average 1d", () => averagePool1d(leaf([N, 3, 9]), 3, { stride: 1 }), "[N, 3, 7]"],
    ["global average", () => globalAveragePool2d(leaf([N, 3, H, 8])), "[N, 3]"],
    ["global max", () => globalMaxPool2d(leaf([N, 3, 9, 8])), "[N, 3]"],
    ["adaptive", () => adaptiveAveragePool2d(leaf([N, 3, 9, 8]), [3, 2]), "[N, 3, 3, 2]"],
    ["adaptive, overlapping", () => adaptiveAveragePool2d(leaf([N, 3, 9, 8]), 7), "[N, 3, 7, 7]"],
    ["adaptive to 1 of a symbolic height", () => adaptiveAveragePool2d(leaf([N, 3, H, 8]), 1), "[N, 3, 1, 1]"],
  ];
  for (const [name, build, expected] of table) {
    it(`${name}: ${expected}`, () => {
      const found = issuesOf(build);
      assert.deepEqual(found.issues, []);
      assert.equal(found.shape, expected);
    });
  }
});

describe("pooling: gradients", () => {
  it("of the maximum goes to the first largest element in row-major order", () => {
    const x = leaf([1, 1, 2, 4]);
    const [dx] = gradientsOf(sum(maxPool2d(x, 2)), [x]);
    assert.deepEqual(
      value(
        dx,
        new Map([
          [
            x,
            fromNested([
              [
                [
                  [1, 7, 2, 2],
                  [7, 7, 2, 2],
                ],
              ],
            ]),
          ],
        ]),
      ),
      [
        [
          [
            [0, 1, 1, 0],
            [0, 0, 0, 0],
          ],
        ],
      ],
    );
  });

  it("of overlapping windows adds up", () => {
    const x = leaf([1, 1, 1, 4]);
    const [dx] = gradientsOf(sum(mul(maxPool2d(x, [1, 3], { stride: 1 }), tensor([[[[10, 1]]]]))), [x]);
    assert.deepEqual(value(dx, new Map([[x, fromNested([[[[0, 1, 9, 2]]]])]])), [[[[0, 0, 11, 0]]]]);
  });

  it("of the mean is shared by the window; uncovered elements get none", () => {
    const x = leaf([1, 1, 3, 2]);
    const [dx] = gradientsOf(sum(averagePool2d(x, 2)), [x]);
    assert.deepEqual(value(dx), [
      [
        [
          [0.25, 0.25],
          [0.25, 0.25],
          [0, 0],
        ],
      ],
    ]);
  });

  const cases: [string, readonly number[], (x: Tensor) => Tensor][] = [
    ["max 2", [2, 2, 4, 4], (x) => maxPool2d(x, 2)],
    ["max 3, stride 2, padding 1", [1, 2, 5, 6], (x) => maxPool2d(x, 3, { stride: 2, padding: 1 })],
    ["max 2, dilation 2, stride 1", [1, 1, 5, 4], (x) => maxPool2d(x, 2, { stride: 1, dilation: 2 })],
    ["average [2, 3], stride 1", [1, 2, 4, 5], (x) => averagePool2d(x, [2, 3], { stride: 1 })],
    ["average, padding", [1, 1, 5, 4], (x) => averagePool2d(x, 3, { stride: 2, padding: 1 })],
    [
      "average, padding not counted",
      [1, 1, 5, 4],
      (x) => averagePool2d(x, 3, { stride: 2, padding: 1, countPadding: false }),
    ],
    ["max 1d", [2, 1, 7], (x) => maxPool1d(x, 3, { stride: 2 })],
    ["average 1d", [2, 1, 7], (x) => averagePool1d(x, 3, { stride: 2, padding: 1 })],
    ["global average", [2, 3, 2, 3], globalAveragePool2d],
    ["global max", [2, 3, 2, 3], globalMaxPool2d],
    ["adaptive, overlapping", [1, 2, 5, 4], (x) => adaptiveAveragePool2d(x, 3)],
  ];
  for (const [name, shape, build] of cases) {
    it(`${name} against central differences`, () => {
      const x = leaf(shape);
      checkGradients(cost(build(x)), x, filled(shape, 1));
    });
    it(`${name}: gradients of gradients`, () => {
      const x = leaf(shape);
      const [dx] = gradientsOf(cost(build(x)), [x]);
      checkGradients(cost(dx), x, filled(shape, 2));
    });
    it(`${name}: third derivatives of a cube`, () => {
      const x = leaf(shape);
      const y = build(x);
      const [first] = gradientsOf(sum(mul(mul(y, y), y)), [x]);
      const [second] = gradientsOf(cost(first), [x]);
      checkGradients(cost(second), x, filled(shape, 3));
    });
  }
});

describe("pooling: issues", () => {
  const [N, H] = [symbol("N"), symbol("H")];
  const table: [name: string, build: () => Tensor, code: string, message: RegExp, shape: string][] = [
    [
      "no batch",
      () => maxPool2d(leaf([3, 28, 28]), 2),
      "pool-rank",
      /^maxPool2d: the input needs 4 axes \[N, C, H, W\], but \[3, 28, 28\] has 3; add the batch axis with unsqueeze\(0\)/,
      "[?, ?, 14, 14]",
    ],
    ["flat", () => averagePool2d(leaf([N, 784]), 2), "pool-rank", /^averagePool2d: .* has 2$/, "[?, ?, ?, ?]"],
    ["1d", () => maxPool1d(leaf([3, 28]), 2), "pool-rank", /needs 3 axes \[N, C, L\]/, "[?, ?, ?]"],
    ["global", () => globalAveragePool2d(leaf([3, 28, 28])), "pool-rank", /^globalAveragePool2d/, "[?, ?]"],
    ["global max", () => globalMaxPool2d(leaf([3, 28, 28])), "pool-rank", /^globalMaxPool2d/, "[?, ?]"],
    [
      "adaptive",
      () => adaptiveAveragePool2d(leaf([3, 28, 28]), 7),
      "pool-rank",
      /^adaptiveAveragePool2d/,
      "[?, ?, 7, 7]",
    ],
    [
      "size",
      () => maxPool2d(leaf([N, 8, 2, 1]), 2),
      "pool-size",
      /the window \[2, 2\] does not fit into \[N, 8, 2, 1\]: on axis 3 \(width\) it spans 2, but the input has 1 \+ 0/,
      "[N, 8, 1, ?]",
    ],
    [
      "size of 1d",
      () => averagePool1d(leaf([N, 8, 2]), 3),
      "pool-size",
      /the window \[3\] .*on axis 2 \(length\)/,
      "[N, 8, ?]",
    ],
    [
      "adaptive and a symbol",
      () => adaptiveAveragePool2d(leaf([N, 8, H, 4]), 2),
      "pool-size",
      /\[N, 8, H, 4\] has a height or width that is not known/,
      "[N, 8, 2, 2]",
    ],
  ];
  for (const [name, build, code, message, shape] of table) {
    it(`${name}: one ${code}, and what is certain of the shape`, () => {
      const { issues, shape: actual } = issuesOf(build);
      assert.deepEqual(
        issues.map((issue) => [issue.code, issue.severity]),
        [[code, "error"]],
      );
      assert.match(issues[0].message, message);
      assert.equal(actual, shape);
    });
  }

  const lost: [string, () => Tensor, RegExp | undefined][] = [
    [
      "both axes",
      () => maxPool2d(leaf([N, 8, 5, 5]), 2),
      /the last 1 row and 1 column of \[N, 8, 5, 5\] are never covered by the window \[2, 2\]: 5 \+ 0 − 2 = 3 is not a multiple of the stride 2/,
    ],
    [
      "two reasons",
      () => averagePool2d(leaf([N, 8, 8, 4]), 3),
      /the last 2 rows and 1 column .*: 8 \+ 0 − 3 = 5 is not a multiple of the stride 3, 4 \+ 0 − 3 = 1 is not/,
    ],
    [
      "1d",
      () => maxPool1d(leaf([N, 8, 5]), 3),
      /the last 2 elements of \[N, 8, 5\] are never covered by the window \[3\]/,
    ],
    ["less than a fifth of the axis", () => maxPool2d(leaf([N, 8, 7, 7]), 2), undefined],
    ["padding alone is no loss", () => maxPool2d(leaf([N, 8, 112, 112]), 3, { stride: 2, padding: 1 }), undefined],
    ["exact", () => maxPool2d(leaf([N, 8, 8, 8]), 2), undefined],
  ];
  for (const [name, build, message] of lost) {
    it(`pool-discards: ${name}`, () => {
      const { issues } = issuesOf(build);
      assert.deepEqual(
        issues.map(({ code, severity }) => [code, severity]),
        message ? [["pool-discards", "information"]] : [],
      );
      if (message) assert.match(issues[0].message, message);
    });
  }

  it("nothing follows from an unknown shape", () => {
    const { issues } = issuesOf(() => {
      const lost = maxPool2d(conv2d(leaf([N, 1, 4, 4]), leaf([8, 1, 5, 5])), 2);
      return globalMaxPool2d(adaptiveAveragePool2d(maxPool2d(lost, 3, { stride: 1 }), 2));
    });
    assert.deepEqual(
      issues.map((issue) => issue.code),
      ["conv-size"],
    );
  });

  it("a wholly unknown input stays unknown without another issue", () => {
    const unknown = apply("parameter", [], { shape: null, dtype: "float32" });
    for (const build of [maxPool2d, averagePool2d])
      assert.deepEqual(
        issuesOf(() => build(unknown, 2)),
        { issues: [], shape: "unknown" },
      );
    for (const build of [maxPool1d, averagePool1d])
      assert.deepEqual(
        issuesOf(() => build(unknown, 2)),
        { issues: [], shape: "unknown" },
      );
    for (const build of [globalAveragePool2d, globalMaxPool2d])
      assert.deepEqual(
        issuesOf(() => build(unknown)),
        { issues: [], shape: "unknown" },
      );
    assert.deepEqual(
      issuesOf(() => adaptiveAveragePool2d(unknown, 2)),
      { issues: [], shape: "unknown" },
    );
  });
});

describe("pooling: options that make no sense throw", () => {
  const x = leaf([1, 2, 8, 8]);
  const table: [string, () => Tensor, RegExp][] = [
    ["size 0", () => maxPool2d(x, 0), /maxPool2d: size must be a whole number ≥ 1.*got 0/],
    ["stride 0", () => averagePool2d(x, 2, { stride: 0 }), /averagePool2d: stride/],
    ["padding −1", () => maxPool2d(x, 2, { padding: -1 }), /padding must be a whole number ≥ 0/],
    [
      "padding over half",
      () => maxPool2d(x, 2, { padding: 2 }),
      /padding 2 is more than half of the window of 2.*at most 1/,
    ],
    ["dilation 0", () => maxPool2d(x, 2, { dilation: 0 }), /dilation/],
    ["1d size", () => maxPool1d(leaf([1, 2, 8]), 1.5), /maxPool1d: size must be a whole number ≥ 1; got 1.5/],
    ["adaptive 0", () => adaptiveAveragePool2d(x, 0), /outputSize must be a whole number ≥ 1/],
  ];
  for (const [name, build, message] of table) it(name, () => assert.throws(build, message));
});

describe("pooling: what a backend gets", () => {
  it("one geometry for an operation and its gradients", () => {
    const geometry = {
      planes: 6,
      input: [7, 8],
      window: [3, 2],
      output: [4, 7],
      stride: [2, 1],
      dilation: [1, 1],
      padding: [1, 0],
      countPadding: true,
    };
    const kernelOf = (node: Tensor): unknown => {
      const inputs = node.inputs.map((each) => ({ shape: each.shape, view: { strides: [], offset: 0 } }));
      const lowered = operationOf(node.op).lower({ inputs, attributes: node.attributes, shape: node.shape });
      return lowered.kind === "kernel" ? lowered.kernel : lowered;
    };
    const x = leaf([2, 3, 7, 8]);
    const options = { stride: [2, 1], padding: [1, 0] } as const;
    const y = maxPool2d(x, [3, 2], options);
    const [dx] = gradientsOf(sum(mul(y, y)), [x]);
    const [pick] = gradientsOf(sum(dx), [dx.inputs[1]]);
    assert.deepEqual(kernelOf(y), { kind: "pool", which: "maximum", geometry });
    assert.deepEqual(kernelOf(dx), { kind: "pool", which: "maximumGradient", geometry });
    assert.deepEqual(kernelOf(pick), { kind: "pool", which: "maximumPick", geometry });
    const mean = averagePool2d(x, [3, 2], { ...options, countPadding: false });
    const [dmean] = gradientsOf(sum(mean), [x]);
    const uncounted = { ...geometry, countPadding: false };
    assert.deepEqual(kernelOf(mean), { kind: "pool", which: "average", geometry: uncounted });
    assert.deepEqual(kernelOf(dmean), { kind: "pool", which: "averageGradient", geometry: uncounted });
  });
});
