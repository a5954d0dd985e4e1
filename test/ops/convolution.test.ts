import assert from "node:assert/strict";
import { gradientsOf } from "../../engine/autodiff/gradients";
import { type NdArray, type Nested, fromNested, toNested } from "../../engine/graph/array";
import { type Dim, symbol } from "../../engine/graph/dim";
import type { Issue } from "../../engine/graph/issue";
import { type Shape, formatShape } from "../../engine/graph/shape";
import type { Tensor } from "../../engine/graph/tensor";
import { Trace, withTrace } from "../../engine/graph/trace";
import {
  type ConvolutionOptions,
  apply,
  conv1d,
  conv2d,
  convTranspose2d,
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

/** Numbers without pattern, the same on every run. */
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

function close(actual: Nested, expected: Nested, tolerance = 1e-12): void {
  const [a, b] = [fromNested(actual), fromNested(expected)];
  assert.deepEqual(a.shape, b.shape);
  a.data.forEach((each, i) =>
    assert.ok(Math.abs(each - b.data[i]) <= tolerance * (1 + Math.abs(b.data[i])), `${i}: ${each} ≠ ${b.data[i]}`),
  );
}

/** Compares ∂(output)/∂leaf with central differences at the given values; `output` is a scalar. */
function checkGradients(output: Tensor, bound: Map<Tensor, NdArray>): void {
  const leaves = [...bound.keys()];
  const at = (): number => evaluate([output], (node) => bound.get(node))[0].data[0];
  const gradients = evaluate(gradientsOf(output, leaves), (node) => bound.get(node));
  const h = 1e-4;
  leaves.forEach((each, i) => {
    const { data, shape } = bound.get(each) as NdArray;
    assert.deepEqual(gradients[i].shape, shape);
    data.forEach((center, k) => {
      data[k] = center + h;
      const above = at();
      data[k] = center - h;
      const below = at();
      data[k] = center;
      const expected = (above - below) / (2 * h);
      const actual = gradients[i].data[k];
      assert.ok(
        Math.abs(actual - expected) <= 1e-5 * (1 + Math.abs(expected)),
        `leaf ${i}[${k}]: ${actual} ≠ ${expected}`,
      );
    });
  });
}

/** A scalar that treats every element differently and is not linear in it. */
function cost(y: Tensor): Tensor {
  const weights = filled(y.shape, 9);
  return sum(mul(mul(y, y), tensor(toNested(weights.data, weights.shape))));
}

describe("conv2d: values by hand", () => {
  const image = [
    [
      [
        [1, 2, 3],
        [4, 5, 6],
        [7, 8, 9],
      ],
    ],
  ];

  it("is cross-correlation: 2x2 on 3x3, the kernel is not flipped", () => {
    // 1·1 + 2·0 + 4·0 + 5·(−1) = −4 at every place; a flipped kernel would give +4.
    assert.deepEqual(
      value(
        conv2d(
          tensor(image),
          tensor([
            [
              [
                [1, 0],
                [0, -1],
              ],
            ],
          ]),
        ),
      ),
      [
        [
          [
            [-4, -4],
            [-4, -4],
          ],
        ],
      ],
    );
    // 1·1 + 2·2 + 4·3 + 5·4 = 37; 2+6+15... = 47; 67; 77.
    assert.deepEqual(
      value(
        conv2d(
          tensor(image),
          tensor([
            [
              [
                [1, 2],
                [3, 4],
              ],
            ],
          ]),
        ),
      ),
      [
        [
          [
            [37, 47],
            [67, 77],
          ],
        ],
      ],
    );
  });

  it("takes plain nested numbers, also whole ones of another dtype", () => {
    assert.deepEqual(
      value(
        conv2d(image, [
          [
            [
              [1, 1],
              [1, 1],
            ],
          ],
        ]),
      ),
      [
        [
          [
            [12, 16],
            [24, 28],
          ],
        ],
      ],
    );
    assert.deepEqual(
      value(
        conv2d(tensor(image, "int32"), [
          [
            [
              [1, 1],
              [1, 1],
            ],
          ],
        ]),
      ),
      [
        [
          [
            [12, 16],
            [24, 28],
          ],
        ],
      ],
    );
  });

  it("a vertical edge filter answers at the edge, its transpose does not", () => {
    const edge = [
      [
        [
          [0, 0, 1, 1],
          [0, 0, 1, 1],
          [0, 0, 1, 1],
        ],
      ],
    ];
    const vertical = [
      [-1, 0, 1],
      [-1, 0, 1],
      [-1, 0, 1],
    ];
    const horizontal = [
      [-1, -1, -1],
      [0, 0, 0],
      [1, 1, 1],
    ];
    assert.deepEqual(value(conv2d(edge, [[vertical], [horizontal]])), [[[[3, 3]], [[0, 0]]]]);
  });

  it("sums over input channels and adds one bias per output channel", () => {
    const x = [
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
    ];
    const w = [
      [[[1]], [[0.5]]],
      [[[0]], [[1]]],
    ];
    assert.deepEqual(value(conv2d(x, w, [1, -1])), [
      [
        [
          [7, 13],
          [19, 25],
        ],
        [
          [9, 19],
          [29, 39],
        ],
      ],
    ]);
  });

  const ones3 = [
    [
      [
        [1, 1, 1],
        [1, 1, 1],
        [1, 1, 1],
      ],
    ],
  ];
  const table: [string, ConvolutionOptions, number[][]][] = [
    ["no padding", {}, [[45]]],
    ["valid", { padding: "valid" }, [[45]]],
    [
      "padding 1",
      { padding: 1 },
      [
        [12, 21, 16],
        [27, 45, 33],
        [24, 39, 28],
      ],
    ],
    [
      "same",
      { padding: "same" },
      [
        [12, 21, 16],
        [27, 45, 33],
        [24, 39, 28],
      ],
    ],
    ["padding [1, 0]", { padding: [1, 0] }, [[21], [45], [39]]],
    ["padding [0, 1]", { padding: [0, 1] }, [[27, 45, 33]]],
    [
      "stride 2, padding 1",
      { stride: 2, padding: 1 },
      [
        [12, 16],
        [24, 28],
      ],
    ],
    [
      "stride [2, 1], padding 1",
      { stride: [2, 1], padding: 1 },
      [
        [12, 21, 16],
        [24, 39, 28],
      ],
    ],
    // Elements two apart around the centre: only the centre's row and column survive the border.
    [
      "dilation 2, padding 2",
      { dilation: 2, padding: 2 },
      [
        [20, 10, 20],
        [10, 5, 10],
        [20, 10, 20],
      ],
    ],
  ];
  for (const [name, options, expected] of table) {
    it(`3x3 of ones, ${name}`, () => assert.deepEqual(value(conv2d(image, ones3, null, options)), [[expected]]));
  }

  it(`"same" of an even kernel puts the odd row and column after, as PyTorch`, () => {
    assert.deepEqual(
      value(
        conv2d(
          image,
          [
            [
              [
                [1, 1],
                [1, 1],
              ],
            ],
          ],
          null,
          { padding: "same" },
        ),
      ),
      [
        [
          [
            [12, 16, 9],
            [24, 28, 15],
            [15, 17, 9],
          ],
        ],
      ],
    );
  });

  it("groups do not see each other's channels", () => {
    const x = [[[[1]], [[2]], [[3]], [[4]]]];
    // Group 0: channels 1, 2 · (1, 10); group 1: channels 3, 4 · (1, 10).
    assert.deepEqual(
      value(
        conv2d(
          x,
          [
            [[[1]], [[10]]],
            [[[1]], [[10]]],
          ],
          null,
          { groups: 2 },
        ),
      ),
      [[[[21]], [[43]]]],
    );
    // Depthwise: each channel its own factor.
    assert.deepEqual(value(conv2d(x, [[[[1]]], [[[2]]], [[[3]]], [[[4]]]], null, { groups: 4 })), [
      [[[1]], [[4]], [[9]], [[16]]],
    ]);
  });

  it("examples of a batch do not mix", () => {
    assert.deepEqual(value(conv2d([[[[1, 2]]], [[[3, 4]]]], [[[[1, -1]]]])), [[[[-1]]], [[[-1]]]]);
  });
});

describe("conv2d: sizes against ⌊(n + p − d(f−1) − 1)/s⌋ + 1", () => {
  for (const n of [5, 8, 13]) {
    for (const f of [1, 2, 3, 5]) {
      for (const [s, p, d] of [
        [1, 0, 1],
        [2, 0, 1],
        [2, 1, 1],
        [3, 2, 1],
        [1, 0, 2],
        [2, 3, 2],
      ]) {
        const expected = Math.floor((n + 2 * p - d * (f - 1) - 1) / s) + 1;
        if (expected <= 0) continue;
        it(`n ${n}, f ${f}, s ${s}, p ${p}, d ${d} → ${expected}`, () => {
          const y = conv2d(leaf([symbol("N"), 2, n, 9]), leaf([4, 2, f, 1]), null, {
            stride: [s, 1],
            padding: [p, 0],
            dilation: [d, 1],
          });
          assert.equal(formatShape(y.knownShape), `[N, 4, ${expected}, 9]`);
        });
      }
    }
  }

  const H = symbol("H");
  const symbolic: [Shape, ConvolutionOptions, string][] = [
    [[symbol("N"), 1, H, 28], { padding: 1 }, "[N, 4, H, 28]"],
    [[symbol("N"), 1, H, 28], {}, "[N, 4, H-2, 26]"],
    [[symbol("N"), 1, H, 28], { stride: 2, padding: 1 }, "[N, 4, floor((H+1)/2), 14]"],
    [[symbol("N"), 1, H, 28], { padding: "same", dilation: 2 }, "[N, 4, H, 28]"],
  ];
  for (const [shape, options, expected] of symbolic) {
    it(`${formatShape(shape)} ${JSON.stringify(options)} → ${expected}`, () =>
      assert.equal(formatShape(conv2d(leaf(shape), leaf([4, 1, 3, 3]), null, options).knownShape), expected));
  }
});

describe("conv1d", () => {
  it("by hand: padding, stride, bias", () => {
    assert.deepEqual(value(conv1d([[[1, 2, 3, 4]]], [[[1, 0, -1]]])), [[[-2, -2]]]);
    assert.deepEqual(value(conv1d([[[1, 2, 3, 4]]], [[[1, 0, -1]]], [10], { padding: 1, stride: 2 })), [[[8, 8]]]);
    assert.deepEqual(value(conv1d([[[1, 2, 3, 4]]], [[[1, 1]]], null, { padding: "same", dilation: 2 })), [
      [[2, 4, 6, 3]],
    ]);
    assert.deepEqual(value(conv1d([[[1], [2]]], [[[5]], [[7]]], null, { groups: 2 })), [[[5], [14]]]);
  });

  it("keeps a symbolic batch and length", () => {
    const y = conv1d(leaf([symbol("N"), 3, symbol("L")]), leaf([5, 3, 3]), leaf([5]), { padding: 1 });
    assert.equal(formatShape(y.knownShape), "[N, 5, L]");
  });
});

describe("convTranspose2d", () => {
  it("by hand: every element puts the kernel, times itself", () => {
    const x = [
      [
        [
          [1, 2],
          [3, 4],
        ],
      ],
    ];
    const w = [
      [
        [
          [1, 10],
          [100, 1000],
        ],
      ],
    ];
    assert.deepEqual(value(convTranspose2d(x, w)), [
      [
        [
          [1, 12, 20],
          [103, 1234, 2040],
          [300, 3400, 4000],
        ],
      ],
    ]);
    assert.deepEqual(value(convTranspose2d(x, w, [5], { padding: 1 })), [[[[1239]]]]);
    assert.deepEqual(value(convTranspose2d(x, w, null, { stride: 2 })), [
      [
        [
          [1, 10, 2, 20],
          [100, 1000, 200, 2000],
          [3, 30, 4, 40],
          [300, 3000, 400, 4000],
        ],
      ],
    ]);
    assert.deepEqual(value(convTranspose2d([[[[1, 2]]]], [[[[1]]]], null, { stride: 2, outputPadding: 1 })), [
      [
        [
          [1, 0, 2, 0],
          [0, 0, 0, 0],
        ],
      ],
    ]);
    assert.deepEqual(
      value(
        convTranspose2d(
          [[[[2]], [[3]]]],
          [
            [[[1]], [[10]]],
            [[[5]], [[7]]],
          ],
        ),
      ),
      [[[[17]], [[41]]]],
    );
  });

  it("is the adjoint of conv2d: ⟨conv(x, w), y⟩ = ⟨x, convᵀ(y, w)⟩", () => {
    const [x, w] = [leaf([2, 4, 7, 6]), leaf([6, 2, 3, 2])];
    const options = { stride: [2, 1], padding: [1, 0], dilation: [1, 2], groups: 2 } as const;
    const forward = conv2d(x, w, null, options);
    const y = leaf(forward.knownShape as Shape);
    const back = convTranspose2d(y, w, null, options);
    assert.deepEqual(back.shape, [2, 4, 7, 6]);
    const bound = new Map([
      [x, filled([2, 4, 7, 6], 1)],
      [w, filled([6, 2, 3, 2], 2)],
      [y, filled(y.shape, 3)],
    ]);
    close(value(sum(mul(forward, y)), bound), value(sum(mul(x, back)), bound));
  });

  const N: Dim = symbol("N");
  const table: [Shape, Shape, Parameters<typeof convTranspose2d>[3], string][] = [
    [[N, 8, 7, 7], [8, 4, 3, 3], { stride: 2, padding: 1, outputPadding: 1 }, "[N, 4, 14, 14]"],
    [[N, 8, 7, 7], [8, 4, 4, 4], { stride: 2, padding: 1 }, "[N, 4, 14, 14]"],
    [[N, 8, 5, 6], [8, 4, 3, 2], { dilation: 2 }, "[N, 4, 9, 8]"],
    [[N, 8, symbol("H"), 6], [8, 2, 2, 2], { stride: 2, groups: 4 }, "[N, 8, 2*H, 12]"],
  ];
  for (const [x, w, options, expected] of table) {
    it(`${formatShape(x)} ${JSON.stringify(options)} → ${expected}`, () =>
      assert.equal(formatShape(convTranspose2d(leaf(x), leaf(w), null, options).knownShape), expected));
  }
});

describe("convolution: gradients against central differences", () => {
  const cases: [string, readonly number[], readonly number[], ConvolutionOptions][] = [
    ["plain", [2, 2, 4, 3], [3, 2, 2, 2], {}],
    ["padding and stride with uncovered rows", [1, 1, 6, 5], [2, 1, 3, 2], { stride: [2, 3], padding: [1, 0] }],
    ["dilation", [1, 2, 5, 6], [1, 2, 2, 3], { dilation: 2, padding: 1 }],
    ["groups", [1, 4, 3, 3], [6, 2, 2, 2], { groups: 2 }],
    ["same with an even kernel", [1, 1, 3, 4], [1, 1, 2, 4], { padding: "same" }],
  ];
  for (const [name, xShape, wShape, options] of cases) {
    it(`conv2d, ${name}`, () => {
      const [x, w, b] = [leaf(xShape), leaf(wShape), leaf([wShape[0]])];
      const bound = new Map([
        [x, filled(xShape, 1)],
        [w, filled(wShape, 2)],
        [b, filled([wShape[0]], 3)],
      ]);
      checkGradients(cost(conv2d(x, w, b, options)), bound);
    });

    it(`conv2d, ${name}: gradients of gradients`, () => {
      const [x, w] = [leaf(xShape), leaf(wShape)];
      const [dx, dw] = gradientsOf(cost(conv2d(x, w, null, options)), [x, w]);
      const second = cost(dx).add(cost(dw));
      checkGradients(
        second,
        new Map([
          [x, filled(xShape, 4)],
          [w, filled(wShape, 5)],
        ]),
      );
    });
  }

  it("conv1d and convTranspose2d", () => {
    const [x, w, b] = [leaf([2, 2, 5]), leaf([2, 1, 3]), leaf([2])];
    checkGradients(
      cost(conv1d(x, w, b, { padding: 1, stride: 2, groups: 2 })),
      new Map([
        [x, filled([2, 2, 5], 1)],
        [w, filled([2, 1, 3], 2)],
        [b, filled([2], 3)],
      ]),
    );
    const [y, v, c] = [leaf([1, 2, 2, 3]), leaf([2, 2, 3, 2]), leaf([2])];
    checkGradients(
      cost(convTranspose2d(y, v, c, { stride: 2, padding: [1, 0], outputPadding: [1, 0] })),
      new Map([
        [y, filled([1, 2, 2, 3], 1)],
        [v, filled([2, 2, 3, 2], 2)],
        [c, filled([2], 3)],
      ]),
    );
  });

  it("by hand: ∂Σy/∂w is the sum of the pixels each weight meets, ∂Σy/∂x of the weights each pixel meets", () => {
    const [x, w] = [leaf([1, 1, 3, 3]), leaf([1, 1, 2, 2])];
    const [dx, dw] = gradientsOf(sum(conv2d(x, w)), [x, w]);
    const bound = new Map([
      [
        x,
        fromNested([
          [
            [
              [1, 2, 3],
              [4, 5, 6],
              [7, 8, 9],
            ],
          ],
        ]),
      ],
      [
        w,
        fromNested([
          [
            [
              [1, 2],
              [3, 4],
            ],
          ],
        ]),
      ],
    ]);
    assert.deepEqual(value(dw, bound), [
      [
        [
          [12, 16],
          [24, 28],
        ],
      ],
    ]);
    assert.deepEqual(value(dx, bound), [
      [
        [
          [1, 3, 2],
          [4, 10, 6],
          [3, 7, 4],
        ],
      ],
    ]);
  });
});

describe("convolution: issues", () => {
  const N = symbol("N");
  const table: [name: string, build: () => Tensor, code: string, message: RegExp, shape: string][] = [
    [
      "channels",
      () => conv2d(leaf([N, 3, 28, 28]), leaf([8, 1, 3, 3]), leaf([8])),
      "conv-channels",
      /^conv2d: the input \[N, 3, 28, 28\] has 3 channels on axis 1, but the weight \[8, 1, 3, 3\] reads 1; make the input channels of the layer 3, a weight of \[8, 3, 3, 3\]$/,
      "[N, 8, 26, 26]",
    ],
    [
      "channels last",
      () => conv2d(leaf([N, 28, 28, 3]), leaf([8, 3, 3, 3])),
      "conv-channels",
      /the channels seem to come last: permute\(\[0, 3, 1, 2\]\)/,
      "[N, 8, 26, 1]",
    ],
    [
      "channels of groups",
      () => conv2d(leaf([N, 4, 5, 5]), leaf([4, 4, 1, 1]), null, { groups: 2 }),
      "conv-channels",
      /reads 8 \(4 in each of 2 groups\)/,
      "[N, 4, 5, 5]",
    ],
    [
      "groups and input",
      () => conv2d(leaf([N, 3, 5, 5]), leaf([4, 1, 1, 1]), null, { groups: 2 }),
      "conv-groups",
      /3 input channels cannot be split into 2 groups/,
      "[N, 4, 5, 5]",
    ],
    [
      "groups and output",
      () => conv2d(leaf([N, 4, 5, 5]), leaf([3, 2, 1, 1]), null, { groups: 2 }),
      "conv-groups",
      /3 output channels cannot be split into 2 groups/,
      "[N, 3, 5, 5]",
    ],
    [
      "no batch",
      () => conv2d(leaf([3, 28, 28]), leaf([8, 3, 3, 3]), leaf([8])),
      "conv-rank",
      /input \[3, 28, 28\], weight \[8, 3, 3, 3\].*needs 4 axes \[N, C, H, W\].*unsqueeze\(0\)/,
      "[?, 8, 26, 26]",
    ],
    [
      "no channels",
      () => conv2d(leaf([N, 28, 28]), leaf([8, 1, 3, 3])),
      "conv-rank",
      /unsqueeze\(1\)/,
      "[?, 8, 26, 26]",
    ],
    ["flat", () => conv2d(leaf([N, 784]), leaf([8, 1, 3, 3])), "conv-rank", /has 2$/, "[?, 8, ?, ?]"],
    [
      "weight's rank",
      () => conv2d(leaf([N, 1, 28, 28]), leaf([8, 3, 3])),
      "conv-rank",
      /the weight needs 4 axes \[Cout, Cin\/groups, kh, kw\], it has 3/,
      "[N, 8, ?, ?]",
    ],
    [
      "size",
      () => conv2d(leaf([N, 1, 4, 9]), leaf([8, 1, 5, 5])),
      "conv-size",
      /the kernel \[5, 5\] of the weight \[8, 1, 5, 5\] does not fit into \[N, 1, 4, 9\]: on axis 2 \(height\) it spans 5, but the input has 4 \+ 0/,
      "[N, 8, ?, 5]",
    ],
    [
      "both sizes",
      () => conv2d(leaf([N, 1, 4, 3]), leaf([8, 1, 5, 5])),
      "conv-size",
      /has 4 \+ 0 of padding, and on axis 3 \(width\) it spans 5, but the input has 3/,
      "[N, 8, ?, ?]",
    ],
    [
      "dilated size",
      () => conv2d(leaf([N, 1, 9, 4]), leaf([8, 1, 3, 3]), null, { dilation: 3, padding: 1 }),
      "conv-size",
      /axis 3 \(width\) it spans 7 \(3 with dilation 3\), but the input has 4 \+ 2/,
      "[N, 8, 5, ?]",
    ],
    [
      "bias",
      () => conv2d(leaf([N, 1, 4, 4]), leaf([8, 1, 3, 3]), leaf([1])),
      "conv-bias",
      /bias \[1\] must have one number per output channel, \[8\]/,
      "[N, 8, 2, 2]",
    ],
    [
      "conv1d's rank",
      () => conv1d(leaf([3, 28]), leaf([8, 3, 3]), leaf([8])),
      "conv-rank",
      /conv1d: .*needs 3 axes \[N, C, L\].*unsqueeze\(0\)/,
      "[?, 8, ?]",
    ],
    [
      "conv1d's channels",
      () => conv1d(leaf([N, 3, 28]), leaf([8, 2, 3])),
      "conv-channels",
      /^conv1d: the input \[N, 3, 28\]/,
      "[N, 8, 26]",
    ],
    [
      "conv1d's size",
      () => conv1d(leaf([N, 3, 2]), leaf([8, 3, 3])),
      "conv-size",
      /^conv1d: the kernel \[3\].*axis 2 \(length\)/,
      "[N, 8, ?]",
    ],
    [
      "transposed channels",
      () => convTranspose2d(leaf([N, 3, 4, 4]), leaf([8, 2, 3, 3]), leaf([2])),
      "conv-channels",
      /reads 8 \(its axis 0\)/,
      "[N, 2, 6, 6]",
    ],
    [
      "transposed rank",
      () => convTranspose2d(leaf([8, 4, 4]), leaf([8, 2, 3, 3])),
      "conv-rank",
      /^convTranspose2d: .*\[N, C, H, W\].*unsqueeze\(0\)/,
      "[?, 2, 6, 6]",
    ],
    [
      "transposed groups",
      () => convTranspose2d(leaf([N, 3, 4, 4]), leaf([3, 2, 3, 3]), null, { groups: 2 }),
      "conv-groups",
      /3 input channels/,
      "[N, 4, 6, 6]",
    ],
    [
      "transposed size",
      () => convTranspose2d(leaf([N, 3, 1, 4]), leaf([3, 2, 3, 3]), null, { padding: 2 }),
      "conv-size",
      /axis 2 off: \(1 − 1\)·1 \+ 3 \+ 0 = 3 less 4 leaves -1/,
      "[N, 2, ?, 2]",
    ],
  ];
  for (const [name, build, code, message, shape] of table) {
    it(`${name}: one ${code}, and what is certain of the shape`, () => {
      const found = issuesOf(build);
      const errors = found.issues.filter((issue) => issue.severity === "error");
      assert.deepEqual(
        errors.map((issue) => issue.code),
        [code],
      );
      assert.match(errors[0].message, message);
      assert.equal(found.shape, shape);
    });
  }

  it("nothing follows from an unknown size or shape", () => {
    const found = issuesOf(() => {
      const lost = conv2d(leaf([N, 1, 4, 4]), leaf([8, 1, 5, 5]));
      return conv2d(lost, leaf([16, 8, 3, 3]), leaf([16]), { stride: 2 });
    });
    assert.deepEqual(
      found.issues.map((issue) => issue.code),
      ["conv-size"],
    );
    assert.equal(found.shape, "[N, 16, ?, ?]");
  });

  const lost: [string, () => Tensor, RegExp | undefined][] = [
    [
      "a row and a column",
      () => conv2d(leaf([N, 1, 8, 8]), leaf([8, 1, 3, 3]), null, { stride: 2 }),
      /the last 1 row and 1 column of \[N, 1, 8, 8\] are never covered by the kernel \[3, 3\]: 8 \+ 0 − 3 = 5 is not a multiple of the stride 2;/,
    ],
    [
      "columns only",
      () => conv2d(leaf([N, 1, 5, 7]), leaf([8, 1, 1, 2]), null, { stride: [2, 3] }),
      /the last 2 columns of .*: 7 \+ 0 − 2 = 5 is not a multiple of the stride 3/,
    ],
    [
      "conv1d",
      () => conv1d(leaf([N, 1, 6]), leaf([8, 1, 3]), null, { stride: 2 }),
      /the last 1 element of \[N, 1, 6\] is never covered/,
    ],
    [
      "exactly a tenth of the axis",
      () => conv1d(leaf([N, 1, 10]), leaf([8, 1, 3]), null, { stride: 2 }),
      /the last 1 element of \[N, 1, 10\] is never covered/,
    ],
    [
      "nothing for less than a tenth of the axis",
      () => conv2d(leaf([N, 1, 28, 28]), leaf([8, 1, 3, 3]), null, { stride: 2 }),
      undefined,
    ],
    [
      "nothing for a shortcut of 1×1 kernels",
      () => conv2d(leaf([N, 1, 8, 8]), leaf([8, 1, 1, 1]), null, { stride: 2 }),
      undefined,
    ],
    ["nothing at stride 1", () => conv2d(leaf([N, 1, 28, 28]), leaf([8, 1, 3, 3])), undefined],
    [
      "nothing where only padding stays uncovered",
      () => conv2d(leaf([N, 3, 224, 224]), leaf([8, 3, 7, 7]), null, { stride: 2, padding: 3 }),
      undefined,
    ],
    [
      "nothing for a symbolic height",
      () => conv2d(leaf([N, 1, symbol("H"), 9]), leaf([8, 1, 3, 3]), null, { stride: 2 }),
      undefined,
    ],
  ];
  for (const [name, build, message] of lost) {
    it(`conv-discards: ${name}`, () => {
      const { issues } = issuesOf(build);
      assert.deepEqual(
        issues.map(({ code, severity }) => [code, severity]),
        message ? [["conv-discards", "information"]] : [],
      );
      if (message) assert.match(issues[0].message, message);
    });
  }
});

describe("convolution: options that make no sense throw", () => {
  const [x, w] = [leaf([1, 2, 8, 8]), leaf([2, 2, 3, 3])];
  const [x1, w1] = [leaf([1, 2, 8]), leaf([2, 2, 3])];
  const table: [string, () => Tensor, RegExp][] = [
    ["stride 0", () => conv2d(x, w, null, { stride: 0 }), /conv2d: stride must be a whole number ≥ 1.*got 0/],
    ["stride [1, 0]", () => conv2d(x, w, null, { stride: [1, 0] }), /stride .*got \[1,0\]/],
    ["padding −1", () => conv2d(x, w, null, { padding: -1 }), /padding must be a whole number ≥ 0/],
    ["dilation 1.5", () => conv2d(x, w, null, { dilation: 1.5 }), /dilation must be a whole number ≥ 1/],
    [
      "three strides",
      () => conv2d(x, w, null, { stride: [1, 1, 1] as unknown as [number, number] }),
      /stride .*\[height, width\]/,
    ],
    ["groups 0", () => conv2d(x, w, null, { groups: 0 }), /groups must be a whole number ≥ 1/],
    [
      "full",
      () => conv2d(x, w, null, { padding: "full" as "same" }),
      /padding must be a number, "valid" or "same"; got "full"/,
    ],
    [
      "same at stride 2",
      () => conv2d(x, w, null, { padding: "same", stride: 2 }),
      /"same" keeps the size, which needs stride 1/,
    ],
    ["conv1d stride", () => conv1d(x1, w1, null, { stride: 0 }), /conv1d: stride must be a whole number ≥ 1; got 0/],
    ["conv1d padding", () => conv1d(x1, w1, null, { padding: 0.5 }), /conv1d: padding/],
    [
      "outputPadding",
      () => convTranspose2d(x, w, null, { outputPadding: 1 }),
      /outputPadding must be smaller than the stride/,
    ],
  ];
  for (const [name, build, message] of table) it(name, () => assert.throws(build, message));
});

describe("convolution: what a backend gets", () => {
  it("the same geometry for the three kernels", () => {
    const geometry = {
      batch: 2,
      inputChannels: 4,
      outputChannels: 6,
      groups: 2,
      input: [7, 8],
      kernel: [3, 2],
      output: [4, 6],
      stride: [2, 1],
      dilation: [1, 2],
      padding: [1, 0],
    };
    const [x, w] = [leaf([2, 4, 7, 8]), leaf([6, 2, 3, 2])];
    const y = conv2d(x, w, null, { stride: [2, 1], padding: [1, 0], dilation: [1, 2], groups: 2 });
    const [dx, dw] = gradientsOf(sum(y), [x, w]);
    for (const [node, which] of [
      [y, "forward"],
      [dx, "input"],
      [dw, "weight"],
    ] as const) {
      const inputs = node.inputs.map((each) => ({ shape: each.shape, view: { strides: [], offset: 0 } }));
      const lowered = operationOf(node.op).lower({ inputs, attributes: node.attributes, shape: node.shape });
      assert.deepEqual(lowered, { kind: "kernel", kernel: { kind: "convolution", which, geometry } });
    }
  });
});
