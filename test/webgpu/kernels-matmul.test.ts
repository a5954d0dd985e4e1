/** Products of matrices on the GPU, in all shapes of code that adapters get, against loops in double precision. */
import assert from "node:assert/strict";
import type { Values } from "../../engine/backends/backend";
import type { GpuTarget } from "../../engine/backends/webgpu/code";
import { binary, input, unary } from "../../engine/kernel/expression";
import {
  type ElementType,
  type Epilogue,
  type MatmulKernel,
  type View,
  partsOfEpilogue,
  productShape,
} from "../../engine/kernel/kernel";
import { Dice, type Input, float, int, sizeOf } from "../backends/support";
import { gpuBackend } from "./device";
import { truthOf } from "./truth";

/** Code for graphics cards and for processors: the adapter runs both. */
const TARGETS: readonly { readonly name: string; readonly target: Partial<GpuTarget> }[] = [
  { name: "code for processors", target: { software: true } },
  { name: "code for graphics cards", target: { software: false } },
  { name: "code for graphics cards without subgroups", target: { software: false, subgroups: false } },
];

/** How a matrix lies in memory: by rows, by columns, by rows that are further apart than they are long, or every other element. */
type Layout = "rows" | "columns" | "spaced" | "odd";

interface Matrix {
  readonly strides: readonly [number, number];
  /** Elements of memory. */
  readonly size: number;
}

function matrixOf(layout: Layout, rows: number, columns: number): Matrix {
  switch (layout) {
    case "rows":
      return { strides: [columns, 1], size: rows * columns };
    case "columns":
      return { strides: [1, rows], size: rows * columns };
    case "spaced":
      return { strides: [columns + 4, 1], size: rows * (columns + 4) };
    case "odd":
      return { strides: [2 * columns + 1, 2], size: rows * (2 * columns + 1) };
    default:
      return layout satisfies never;
  }
}

interface Shape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly a?: Layout;
  readonly b?: Layout;
  /** Matrices of each factor; a factor that has fewer is gone through again and again. */
  readonly batch?: readonly [a: number, b: number];
}

interface Case {
  readonly kernel: MatmulKernel;
  readonly sizes: readonly [a: number, b: number];
}

function caseOf({ m, n, k, a = "rows", b = "rows", batch = [1, 1] }: Shape): Case {
  const [left, right] = [matrixOf(a, m, k), matrixOf(b, k, n)];
  const pairs = Array.from({ length: Math.max(...batch) }, (_, i) => ({
    a: (i % batch[0]) * left.size,
    b: (i % batch[1]) * right.size,
  }));
  return {
    kernel: { kind: "matmul", m, n, k, batch: pairs, strideA: left.strides, strideB: right.strides },
    sizes: [left.size * batch[0], right.size * batch[1]],
  };
}

function productOf({ m, n, k, batch, strideA, strideB }: MatmulKernel, a: Values, b: Values): Float64Array {
  const out = new Float64Array(batch.length * m * n);
  batch.forEach((offsets, which) => {
    for (let row = 0; row < m; row++)
      for (let column = 0; column < n; column++) {
        let sum = 0;
        for (let p = 0; p < k; p++)
          sum += a[offsets.a + row * strideA[0] + p * strideA[1]] * b[offsets.b + p * strideB[0] + column * strideB[1]];
        out[(which * m + row) * n + column] = sum;
      }
  });
  return out;
}

/** The results of a kernel that was run twice on memory that held something else before. */
async function results(
  target: Partial<GpuTarget>,
  kernel: MatmulKernel,
  inputs: readonly Input[],
  outputs: readonly { readonly type: ElementType; readonly size: number }[],
): Promise<Values[]> {
  const backend = await gpuBackend(target);
  const given = inputs.map(({ type, data }) => {
    const buffer = backend.allocate(type, data.length);
    backend.write(buffer, data);
    return buffer;
  });
  const made = outputs.map(({ type, size }) => backend.allocate(type, size));
  for (const buffer of made) backend.write(buffer, new Array<number>(buffer.size).fill(1));
  const prepared = backend.prepare([{ kernel, inputs: given, outputs: made }]);
  prepared.run(0, 1);
  const once = await Promise.all(made.map((buffer) => backend.read(buffer)));
  prepared.run(0, 1);
  const twice = await Promise.all(made.map((buffer) => backend.read(buffer)));
  assert.deepEqual(twice, once, "the same work has another result");
  prepared.dispose();
  for (const buffer of [...given, ...made]) backend.release(buffer);
  return twice;
}

function assertNear(got: ArrayLike<number>, expected: ArrayLike<number>, message: string): void {
  assert.equal(got.length, expected.length, message);
  let largest = 1;
  for (let i = 0; i < expected.length; i++) largest = Math.max(largest, Math.abs(expected[i]));
  for (let i = 0; i < expected.length; i++)
    assert.ok(
      got[i] === expected[i] || Math.abs(got[i] - expected[i]) <= 1e-5 * largest,
      `${message}: [${i}] ${got[i]}, not ${expected[i]}`,
    );
}

/** Numbers whose products are no whole ones. */
function values(size: number, dice: Dice): Float32Array {
  return Float32Array.from({ length: size }, () => 2 * dice.uniform() - 1);
}

async function check(target: Partial<GpuTarget>, shape: Shape, dice: Dice): Promise<void> {
  const { kernel, sizes } = caseOf(shape);
  const [a, b] = sizes.map((size) => values(size, dice));
  const expected = productOf(kernel, a, b);
  const [got] = await results(target, kernel, [float(a), float(b)], [{ type: "float32", size: expected.length }]);
  assertNear(got, expected, JSON.stringify(shape));
}

const CASES: readonly { readonly name: string; readonly shapes: readonly Shape[] }[] = [
  {
    name: "a layer of a network, and its gradients",
    shapes: [
      { m: 32, n: 64, k: 100 },
      { m: 32, n: 100, k: 64, b: "columns" },
      { m: 100, n: 64, k: 32, a: "columns" },
      { m: 64, n: 96, k: 72, a: "columns", b: "columns" },
    ],
  },
  {
    name: "sizes that are multiples of nothing",
    shapes: [
      { m: 37, n: 53, k: 29 },
      { m: 67, n: 3, k: 5, a: "columns" },
      { m: 5, n: 31, k: 66, b: "columns" },
      { m: 41, n: 36, k: 7 },
      { m: 41, n: 36, k: 7, a: "columns" },
      { m: 19, n: 20, k: 36, b: "columns" },
      { m: 70, n: 68, k: 44 },
    ],
  },
  {
    name: "one row, one column, one element",
    shapes: [
      { m: 1, n: 70, k: 90 },
      { m: 1, n: 70, k: 90, b: "columns" },
      { m: 90, n: 1, k: 70 },
      { m: 90, n: 1, k: 70, a: "columns" },
      { m: 300, n: 2, k: 300 },
      { m: 1, n: 1, k: 1500 },
      { m: 7, n: 9, k: 1 },
      { m: 1, n: 1, k: 1 },
    ],
  },
  {
    name: "few elements of long sums",
    shapes: [
      { m: 8, n: 12, k: 3000 },
      { m: 9, n: 4, k: 2048, a: "columns" },
      { m: 3, n: 5, k: 5001, b: "columns" },
      { m: 40, n: 44, k: 700, a: "columns" },
    ],
  },
  {
    name: "blocks of many registers",
    shapes: [
      { m: 258, n: 512, k: 264 },
      { m: 6, n: 512, k: 604, a: "columns" },
      { m: 64, n: 64, k: 16, batch: [128, 128] },
      { m: 2, n: 1000, k: 600, b: "columns" },
      { m: 4, n: 516, k: 612, a: "columns", b: "columns", batch: [1, 2] },
      { m: 4, n: 512, k: 601, a: "columns" },
    ],
  },
  {
    name: "batches, one factor for many of the other",
    shapes: [
      { m: 16, n: 24, k: 8, batch: [6, 6] },
      { m: 9, n: 5, k: 7, batch: [6, 1] },
      { m: 9, n: 8, k: 4, batch: [1, 5], b: "columns" },
      { m: 12, n: 12, k: 20, batch: [12, 3], a: "columns" },
      { m: 1, n: 40, k: 40, batch: [4, 4] },
    ],
  },
  {
    name: "rows that are apart, elements that are apart",
    shapes: [
      { m: 24, n: 32, k: 16, a: "spaced", b: "spaced" },
      { m: 24, n: 32, k: 16, a: "odd", b: "spaced" },
      { m: 11, n: 13, k: 17, a: "spaced", b: "odd", batch: [2, 2] },
    ],
  },
];

const product = input(0);
const biased = binary("add", product, input(1));

/** Of (product, something of n numbers, something of the product's shape). */
const EPILOGUES: readonly {
  readonly name: string;
  readonly results: Epilogue["results"];
  readonly types: readonly ElementType[];
}[] = [
  {
    name: "a bias and relu",
    results: [{ body: binary("maximum", biased, 0), combine: undefined }],
    types: ["float32"],
  },
  {
    name: "several elements and what they add up to",
    results: [
      { body: unary("tanh", biased), combine: undefined },
      { body: binary("multiply", biased, input(2)), combine: "sum" },
      { body: binary("subtract", biased, input(2)), combine: undefined },
      { body: unary("abs", biased), combine: "maximum" },
    ],
    types: ["float32", "float32", "float32", "float32"],
  },
  {
    name: "flags, which are four to a word",
    results: [
      { body: binary("less", 0, biased), combine: undefined },
      { body: binary("multiply", biased, biased), combine: "sum" },
    ],
    types: ["bool", "float32"],
  },
  {
    name: "sums alone",
    results: [{ body: binary("multiply", product, product), combine: "sum" }],
    types: ["float32"],
  },
];

const EPILOGUE_SHAPES: readonly Shape[] = [
  { m: 33, n: 48, k: 24 },
  { m: 10, n: 7, k: 9, batch: [3, 3] },
  { m: 8, n: 4, k: 1100, a: "columns" },
  { m: 1, n: 30, k: 600 },
  { m: 6, n: 512, k: 500 },
  { m: 6, n: 8, k: 0 },
  { m: 0, n: 8, k: 3 },
];

for (const { name: targetName, target } of TARGETS)
  describe(`webgpu: matmul, ${targetName}`, function () {
    this.timeout(600_000);

    for (const { name, results: each, types } of EPILOGUES)
      it(`an epilogue: ${name}`, async () => {
        const dice = new Dice(31);
        for (const shape of EPILOGUE_SHAPES) await checkEpilogue(target, shape, each, types, dice);
      });

    // Subgroups matter to what is added up of all elements.
    if (target.subgroups === false) return;

    for (const { name, shapes } of CASES)
      it(name, async () => {
        for (const shape of shapes) await check(target, shape, new Dice(5));
      });

    it("random shapes", async () => {
      const dice = new Dice(23);
      const layouts: readonly Layout[] = ["rows", "columns", "spaced", "odd"];
      for (let round = 0; round < 16; round++) {
        const four = dice.pick([1, 4]);
        const size = (): number => four * dice.whole(1, dice.pick([3, 12]));
        const batch = dice.whole(1, 3);
        const shape: Shape = {
          m: size(),
          n: size(),
          k: size(),
          a: dice.pick(layouts),
          b: dice.pick(layouts),
          batch: [batch, dice.pick([1, batch])],
        };
        await check(target, shape, dice);
      }
    });

    it("sums of nothing are zeros, and no elements are no work", async () => {
      for (const shape of [
        { m: 5, n: 6, k: 0 },
        { m: 0, n: 6, k: 3 },
        { m: 4, n: 0, k: 3 },
      ])
        await check(target, shape, new Dice(1));
    });

    it("whole numbers, whose sums wrap around", async () => {
      const { kernel, sizes } = caseOf({ m: 9, n: 6, k: 11, a: "columns", batch: [2, 1] });
      const dice = new Dice(3);
      const [a, b] = sizes.map((size) => Int32Array.from({ length: size }, () => dice.whole(-70000, 70000)));
      const expected = new Int32Array(2 * 9 * 6);
      kernel.batch.forEach((offsets, which) => {
        for (let at = 0; at < 54; at++)
          for (let p = 0; p < 11; p++)
            expected[which * 54 + at] += Math.imul(
              a[offsets.a + Math.floor(at / 6) + p * 9],
              b[offsets.b + p * 6 + (at % 6)],
            );
      });
      const [got] = await results(target, kernel, [int(a), int(b)], [{ type: "int32", size: 108 }]);
      assert.deepEqual(got, expected);
      const epilogue: Epilogue = {
        views: [],
        results: [{ body: binary("add", product, 1), combine: undefined }],
      };
      const [more] = await results(target, { ...kernel, epilogue }, [int(a), int(b)], [{ type: "int32", size: 108 }]);
      assert.deepEqual(
        more,
        expected.map((each) => each + 1),
      );
    });

    it("what is not a number stays in its row and column", async () => {
      for (const [m, n, k] of [
        [12, 16, 8],
        [9, 7, 5],
      ]) {
        const { kernel } = caseOf({ m, n, k });
        const [a, b] = [new Float32Array(m * k).fill(1), new Float32Array(k * n).fill(1)];
        a[3 * k + 2] = NaN;
        b[n + 4] = Infinity;
        const [got] = await results(target, kernel, [float(a), float(b)], [{ type: "float32", size: m * n }]);
        const expected = productOf(kernel, a, b);
        assert.deepEqual(Array.from(got), Array.from(expected));
      }
    });
  });

async function checkEpilogue(
  target: Partial<GpuTarget>,
  shape: Shape,
  each: Epilogue["results"],
  types: readonly ElementType[],
  dice: Dice,
): Promise<void> {
  const { kernel: plain, sizes } = caseOf(shape);
  const { m, n } = shape;
  const [a, b] = sizes.map((size) => values(size, dice));
  const views: readonly View[] = [
    { strides: [0, 0, 1], offset: 0 },
    { strides: [m * n, n, 1], offset: 0 },
  ];
  const kernel: MatmulKernel = { ...plain, epilogue: { views, results: each } };
  const size = sizeOf(productShape(kernel));
  const others = [values(n, dice), values(size, dice)];
  const outputs = types.map((type, i) => ({ type, size: each[i].combine ? 1 : size }));
  const got = await results(target, kernel, [a, b, ...others].map(float), outputs);
  const parts = partsOfEpilogue(kernel);
  assert.ok(parts);
  truthOf(parts.sweep, [productOf(kernel, a, b), ...others]).forEach((truth, i) => {
    assertNear(got[i], truth, `${JSON.stringify(shape)}, result ${i}`);
  });
}
