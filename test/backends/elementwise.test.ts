import assert from "node:assert/strict";
import { createJsBackend } from "../../engine/backends/js/index";
import {
  type BinaryFunction,
  type Expression,
  type UnaryFunction,
  BINARY_FUNCTIONS,
  UNARY_FUNCTIONS,
  binary,
  constant,
  index,
  input,
  select,
  unary,
} from "../../engine/kernel/expression";
import type { Combine, View } from "../../engine/kernel/kernel";
import { Dice, MODES, bool, denseStrides, float, indicesOf, int, offsetOf, runKernel, sizeOf } from "./support";

const { NaN: nan, Infinity: inf } = { NaN, Infinity };

/** A view that reads an array of `length` elements: axes permuted, reversed, stepped over or broadcast. */
function randomView(dice: Dice, shape: readonly number[]): { view: View; length: number } {
  const order = shape.map((_, axis) => axis);
  if (dice.whole(0, 2) === 0) order.sort(() => dice.uniform() - 0.5);
  const strides = shape.map(() => 0);
  let offset = dice.whole(0, 3);
  let reach = 1;
  for (const axis of order.reverse()) {
    if (dice.whole(0, 4) === 0) continue;
    const step = dice.whole(0, 5) === 0 ? 2 : 1;
    strides[axis] = reach * step;
    reach *= Math.max(1, shape[axis]) * step;
    if (dice.whole(0, 4) === 0 && shape[axis] > 0) {
      offset += strides[axis] * (shape[axis] - 1);
      strides[axis] *= -1;
    }
  }
  const corners = strides.reduce((sum, stride, axis) => sum + Math.max(0, stride * (shape[axis] - 1)), offset);
  return { view: { strides, offset }, length: corners + 1 };
}

const BODIES: readonly { body: Expression; apply: (x: readonly number[], at: readonly number[]) => number }[] = [
  { body: input(0), apply: ([a]) => a },
  { body: constant(-0.5), apply: () => -0.5 },
  { body: binary("subtract", input(0), input(1)), apply: ([a, b]) => a - b },
  {
    // Used twice, and a square.
    body: binary("add", binary("power", unary("negate", input(1)), 2), binary("multiply", input(1), input(0))),
    apply: ([a, b]) => b * b + b * a,
  },
  {
    body: select(binary("less", input(0), input(1)), binary("maximum", input(0), -1), input(2)),
    apply: ([a, b, c]) => (a < b ? Math.max(a, -1) : c),
  },
  {
    body: select(unary("not", select(binary("equal", input(2), 0), 0, input(0))), 7, unary("abs", input(1))),
    apply: ([a, b, c]) => ((c === 0 ? 0 : a) === 0 ? 7 : Math.abs(b)),
  },
];

const EDGES = [0, -0, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 1, -1, 3.25, -7, 1e-8, 88, inf, -inf, nan];

/** Published meaning of each function, written without the engine's help. */
const UNARY: Record<Exclude<UnaryFunction, "erf" | "round">, (x: number) => number> = {
  negate: (x) => -x,
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  sqrt: Math.sqrt,
  abs: Math.abs,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  tanh: Math.tanh,
  floor: Math.floor,
  ceil: Math.ceil,
  truncate: Math.trunc,
  not: (x) => (x === 0 ? 1 : 0),
};
const propagate = (f: (a: number, b: number) => number) => (a: number, b: number) =>
  Number.isNaN(a) || Number.isNaN(b) ? NaN : f(a, b);
const BINARY: Record<BinaryFunction, (a: number, b: number) => number> = {
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
  divide: (a, b) => a / b,
  power: (a, b) => a ** b,
  remainder: (a, b) => a - Math.floor(a / b) * b,
  maximum: propagate((a, b) => (a > b ? a : b)),
  minimum: propagate((a, b) => (a < b ? a : b)),
  less: (a, b) => (a < b ? 1 : 0),
  lessEqual: (a, b) => (a <= b ? 1 : 0),
  equal: (a, b) => (a === b ? 1 : 0),
  notEqual: (a, b) => (a !== b ? 1 : 0),
};

/** As float32, and 0 for −0: the sign of zero is of no concern here. */
const plain = (values: ArrayLike<number>): number[] => Array.from(values, (x) => Math.fround(x) + 0);

/** Float32 numbers counted from 0 on, so that neighbours differ by 1. */
function order(x: number): number {
  const [bits] = new Int32Array(Float32Array.of(x).buffer);
  return bits < 0 ? -(bits & 0x7fffffff) : bits;
}

function assertNear(got: readonly number[], expected: readonly number[], ulps: number, what: string): void {
  assert.equal(got.length, expected.length);
  expected.forEach((x, i) => {
    const same = Object.is(got[i], x) || (Number.isFinite(x) && Math.abs(order(got[i]) - order(x)) <= ulps);
    assert.ok(same, `${what}, element ${i}: ${got[i]} in place of ${x}`);
  });
}

for (const { name, backend, ulps } of MODES) {
  describe(`map and reduce, ${name}`, () => {
    it("every unary function, on ordinary and on extreme values", async () => {
      const out = { type: "float32", size: EDGES.length } as const;
      const apply = async (fn: UnaryFunction): Promise<number[]> =>
        plain(await runKernel(backend, map([EDGES.length], unary(fn, input(0)), 1), [float(EDGES)], out));
      for (const fn of UNARY_FUNCTIONS) {
        if (fn === "erf" || fn === "round") continue;
        const expected = plain(Array.from(new Float32Array(EDGES), UNARY[fn]));
        assertNear(await apply(fn), expected, ulps, fn);
      }
      // IEEE 754 roundTiesToEven.
      assert.deepEqual(await apply("round"), plain([0, 0, 0, 2, 2, 0, -2, -2, 1, -1, 3, -7, 0, 88, inf, -inf, nan]));
      // Abramowitz & Stegun, table 7.1.
      const erf = await runKernel(backend, map([5], unary("erf", input(0)), 1), [float([0, 0.5, -1, 2, inf])], {
        type: "float32",
        size: 5,
      });
      assertNear(plain(erf), plain([0, 0.5204998778, -0.8427007929, 0.995322265, 1]), ulps, "erf");
    });

    it("every binary function, on all pairs of ordinary and extreme values", async () => {
      const n = EDGES.length;
      const rows = new Float32Array(EDGES);
      for (const fn of BINARY_FUNCTIONS) {
        const kernel = {
          kind: "map",
          shape: [n, n],
          views: [
            { strides: [1, 0], offset: 0 },
            { strides: [0, 1], offset: 0 },
          ],
          body: binary(fn, input(0), input(1)),
        } as const;
        const got = await runKernel(backend, kernel, [float(rows), float(rows)], { type: "float32", size: n * n });
        const expected = indicesOf([n, n]).map(([i, j]) => BINARY[fn](rows[i], rows[j]));
        assertNear(plain(got), plain(expected), ulps, fn);
      }
    });

    it("power with the constant exponent 2 squares", async () => {
      const got = await runKernel(backend, map([4], binary("power", input(0), 2), 1), [float([-3, 0.5, nan, -inf])], {
        type: "float32",
        size: 4,
      });
      assert.deepEqual([...got], [9, 0.25, nan, inf]);
    });

    it("select counts every number but 0 as true, NaN too", async () => {
      const got = await runKernel(backend, map([4], select(input(0), 1, 2), 1), [float([0, 3, -0, nan])], {
        type: "float32",
        size: 4,
      });
      assert.deepEqual([...got], [2, 1, 2, 1]);
    });

    it("int32 truncates, bool is 0 or 1, and both are read as numbers", async () => {
      const data = [2.9, -2.9, 0, nan];
      const whole = await runKernel(backend, map([4], input(0), 1), [float(data)], { type: "int32", size: 4 });
      assert.deepEqual(whole, Int32Array.of(2, -2, 0, 0));
      const truth = await runKernel(backend, map([4], input(0), 1), [float(data)], { type: "bool", size: 4 });
      assert.deepEqual(truth, Uint8Array.of(1, 1, 0, 1));
      const sum = await runKernel(
        backend,
        map([3], binary("add", input(0), input(1)), 2),
        [bool([1, 0, 1]), int([5, -6, 7])],
        { type: "int32", size: 3 },
      );
      assert.deepEqual(sum, Int32Array.of(6, -6, 8));
    });

    it("bodies that share parts and positions along axes, over 300 random shapes and views", async () => {
      const dice = new Dice(1);
      for (let round = 0; round < 300; round++) {
        const shape = Array.from({ length: dice.whole(0, 4) }, () => dice.pick([1, 2, 3, 4, 5, dice.whole(0, 1)]));
        const views = [0, 1, 2].map(() => randomView(dice, shape));
        const data = views.map(({ length }) => dice.values(length));
        const asked = shape.length > 0 && dice.whole(0, 1) === 0 ? dice.whole(0, shape.length - 1) : undefined;
        const { body, apply } = dice.pick(BODIES);
        const kernel = {
          kind: "map",
          shape,
          views: views.map(({ view }) => view),
          body: asked === undefined ? body : binary("add", body, binary("multiply", index(asked), 10)),
        } as const;
        const expected = indicesOf(shape).map((at) => {
          const x = data.map((values, i) => values[offsetOf(at, views[i].view.strides, views[i].view.offset)]);
          return apply(x, at) + (asked === undefined ? 0 : at[asked] * 10);
        });
        const got = await runKernel(backend, kernel, data.map(float), { type: "float32", size: sizeOf(shape) });
        assert.deepEqual(plain(got), plain(expected), JSON.stringify(kernel));
      }
    });

    it("reductions over 300 random shapes, axes and views", async () => {
      const dice = new Dice(2);
      const steps: Record<Combine, { start: number; step: (a: number, b: number) => number }> = {
        sum: { start: 0, step: (a, b) => a + b },
        product: { start: 1, step: (a, b) => a * b },
        maximum: { start: -inf, step: (a, b) => (a > b ? a : b) },
        minimum: { start: inf, step: (a, b) => (a < b ? a : b) },
      };
      for (let round = 0; round < 300; round++) {
        const shape = Array.from({ length: dice.whole(0, 4) }, () => dice.pick([1, 2, 3, 5, 9, dice.whole(0, 1)]));
        const axes = shape.map((_, axis) => axis).filter(() => dice.whole(0, 1) === 0);
        const kept = shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
        const views = [0, 1, 2].map(() => randomView(dice, shape));
        const combine = dice.pick(["sum", "product", "maximum", "minimum"] as const);
        const data = views.map(({ length }) => dice.values(length));
        // Powers of two keep long products exact.
        if (combine === "product") data.forEach((values) => values.forEach((x, i) => (values[i] = x > 0 ? 1 : -2)));
        const { body, apply } = dice.pick(BODIES.slice(0, combine === "product" ? 1 : undefined));
        const kernel = { kind: "reduce", shape, axes, views: views.map(({ view }) => view), body, combine } as const;

        const outShape = kept.map((axis) => shape[axis]);
        const expected = new Array<number>(sizeOf(outShape)).fill(steps[combine].start);
        for (const at of indicesOf(shape)) {
          const to = offsetOf(
            kept.map((axis) => at[axis]),
            denseStrides(outShape),
          );
          const x = data.map((values, i) => values[offsetOf(at, views[i].view.strides, views[i].view.offset)]);
          expected[to] = steps[combine].step(expected[to], apply(x, at));
        }
        const got = await runKernel(backend, kernel, data.map(float), { type: "float32", size: sizeOf(outShape) });
        assert.deepEqual(plain(got), plain(expected), JSON.stringify(kernel));
      }
    });

    it("a reduction along rows with a body that asks for its position", async () => {
      // Σᵢ i·x[i, j] for 20 rows of 12 columns of ones: 0 + 1 + … + 19 = 190.
      const kernel = {
        kind: "reduce",
        shape: [20, 12],
        axes: [0],
        views: [{ strides: [12, 1], offset: 0 }],
        body: binary("multiply", input(0), index(0)),
        combine: "sum",
      } as const;
      const got = await runKernel(backend, kernel, [float(new Float32Array(240).fill(1))], {
        type: "float32",
        size: 12,
      });
      assert.deepEqual([...got], new Array(12).fill(190));
    });

    it("sums in double precision: a million tenths", async () => {
      const tenth = Math.fround(0.1);
      const kernel = {
        kind: "reduce",
        shape: [1000000],
        axes: [0],
        views: [{ strides: [0], offset: 0 }],
        body: input(0),
        combine: "sum",
      } as const;
      const got = await runKernel(backend, kernel, [float([tenth])], { type: "float32", size: 1 });
      assert.equal(got[0], Math.fround(tenth * 1e6));
    });

    it("maximum and minimum propagate NaN", async () => {
      for (const combine of ["maximum", "minimum"] as const) {
        const kernel = {
          kind: "reduce",
          shape: [2, 3],
          axes: [1],
          views: [dense([2, 3])],
          body: input(0),
          combine,
        } as const;
        const got = await runKernel(backend, kernel, [float([1, nan, 2, 4, 4, 4])], { type: "float32", size: 2 });
        assert.deepEqual([...got], [nan, 4]);
      }
    });

    it("over no elements: the neutral element, within the output's type", async () => {
      const expected = {
        sum: [0, 0, 0],
        product: [1, 1, 1],
        maximum: [-inf, -(2 ** 31), 0],
        minimum: [inf, 2 ** 31 - 1, 1],
      };
      for (const combine of ["sum", "product", "maximum", "minimum"] as const) {
        for (const [i, type] of (["float32", "int32", "bool"] as const).entries()) {
          const kernel = {
            kind: "reduce",
            shape: [2, 0],
            axes: [1],
            views: [dense([2, 0])],
            body: input(0),
            combine,
          } as const;
          const got = await runKernel(backend, kernel, [{ type, data: [] }], { type, size: 2 });
          assert.deepEqual([...got], [expected[combine][i], expected[combine][i]], `${combine} ${type}`);
        }
      }
    });

    it("any and all of booleans", async () => {
      const run = async (combine: Combine): Promise<number[]> => {
        const kernel = {
          kind: "reduce",
          shape: [3, 2],
          axes: [1],
          views: [dense([3, 2])],
          body: input(0),
          combine,
        } as const;
        return [...(await runKernel(backend, kernel, [bool([0, 0, 0, 1, 1, 1])], { type: "bool", size: 3 }))];
      };
      assert.deepEqual(await run("maximum"), [0, 1, 1]);
      assert.deepEqual(await run("minimum"), [0, 0, 1]);
    });
  });
}

describe("generated and interpreted code", () => {
  it("agree to the last bit on transcendental bodies and on long sums", async () => {
    const dice = new Dice(3);
    const data = Float32Array.from({ length: 3000 }, () => dice.uniform() * 4);
    const body = binary(
      "divide",
      unary("tanh", input(0)),
      binary("add", unary("exp", unary("erf", input(0))), unary("log1p", input(0))),
    );
    const kernels = [
      { kernel: map([3000], body, 1), size: 3000 },
      {
        kernel: {
          kind: "reduce",
          shape: [30, 100],
          axes: [0],
          views: [dense([30, 100])],
          body,
          combine: "sum",
        } as const,
        size: 100,
      },
      {
        kernel: {
          kind: "reduce",
          shape: [30, 100],
          axes: [1],
          views: [dense([30, 100])],
          body,
          combine: "sum",
        } as const,
        size: 30,
      },
    ];
    for (const { kernel, size } of kernels) {
      const [a, b] = await Promise.all(
        MODES.map(({ backend }) => runKernel(backend, kernel, [float(data)], { type: "float32", size })),
      );
      assert.deepEqual(a, b);
    }
  });

  it("share parts of an expression that would be exponentially large if written out", async () => {
    let body = input(0);
    for (let i = 0; i < 60; i++) body = binary("multiply", binary("add", body, body), 0.5);
    for (const { backend } of MODES) {
      assert.deepEqual(
        [...(await runKernel(backend, map([2], body, 1), [float([3, -5])], { type: "float32", size: 2 }))],
        [3, -5],
      );
    }
  });

  it("without leave to run text as code the backend interprets", async () => {
    const original = globalThis.Function;
    const forbidden = function (): never {
      throw new EvalError("Code generation from strings disallowed for this context");
    };
    globalThis.Function = forbidden as unknown as FunctionConstructor;
    try {
      const backend = createJsBackend();
      assert.deepEqual(
        [
          ...(await runKernel(backend, map([2], unary("negate", input(0)), 1), [float([1, 2])], {
            type: "float32",
            size: 2,
          })),
        ],
        [-1, -2],
      );
    } finally {
      globalThis.Function = original;
    }
  });
});

function dense(shape: readonly number[]): View {
  return { strides: denseStrides(shape), offset: 0 };
}

function map(shape: readonly number[], body: Expression, inputs: number) {
  return { kind: "map", shape, views: Array.from({ length: inputs }, () => dense(shape)), body } as const;
}
