/** Maps, reductions and sweeps over sizes where work is cut into pieces, vectors and rests. */
import assert from "node:assert/strict";
import type { Backend } from "../../../engine/backends/backend";
import { createWasmBackend } from "../../../engine/backends/wasm";
import type { Target } from "../../../engine/backends/wasm/code";
import { type Expression, binary, input, select, unary } from "../../../engine/kernel/expression";
import type { Combine, ElementType, Kernel, SweepKernel, SweepResult, View } from "../../../engine/kernel/kernel";
import { Dice, denseStrides, float, indicesOf, offsetOf, runKernel, sizeOf } from "../support";
import { TARGETS } from "./support";

const SHAPED_FOR: readonly { readonly name: string; readonly target: Target | undefined }[] = [
  ...TARGETS,
  { name: "pairs", target: { fused: true, wide: true } },
];

function backendFor(target?: Target): Backend {
  const backend = createWasmBackend(target && { target });
  if (!backend) throw new Error("WebAssembly with vectors should exist on this platform");
  return backend;
}

const backend = backendFor();

/** Of whole numbers, so that float32 and float64 agree whatever the order of sums. */
const BODIES: readonly { body: Expression; apply: (a: number, b: number) => number }[] = [
  { body: input(0), apply: (a) => a },
  { body: binary("add", input(0), input(1)), apply: (a, b) => a + b },
  {
    body: select(binary("less", input(0), input(1)), unary("negate", input(0)), binary("maximum", input(1), 0)),
    apply: (a, b) => (a < b ? -a : Math.max(b, 0)),
  },
];

type Apply = (typeof BODIES)[number]["apply"];
const SQUARE = binary("multiply", input(0), input(0));
const LESS = binary("less", input(0), input(1));

const COMBINES: Record<Combine, { start: number; step: (a: number, b: number) => number }> = {
  sum: { start: 0, step: (a, b) => a + b },
  product: { start: 1, step: (a, b) => a * b },
  maximum: { start: -Infinity, step: Math.max },
  minimum: { start: Infinity, step: Math.min },
};

/** Whole numbers from −3 to 3. */
function whole(dice: Dice, length: number): Float32Array {
  return Float32Array.from({ length }, () => dice.whole(-3, 3));
}

/** Dense, or with its last two axes in the other order, or the same for all of the first or last axis. */
function viewOf(dice: Dice, shape: readonly number[]): { view: View; length: number } {
  const strides = denseStrides(shape);
  const kind = dice.whole(0, 3);
  if (kind === 1 && shape.length > 1) {
    const swapped = denseStrides([...shape.slice(0, -2), ...shape.slice(-2).reverse()]);
    return {
      view: { strides: [...swapped.slice(0, -2), ...swapped.slice(-2).reverse()], offset: 0 },
      length: sizeOf(shape),
    };
  }
  if (kind === 2 && shape.length > 1) {
    const rest = denseStrides(shape.slice(1));
    return { view: { strides: [0, ...rest], offset: 0 }, length: sizeOf(shape.slice(1)) };
  }
  if (kind === 3 && shape.length > 1) {
    const rest = denseStrides(shape.slice(0, -1));
    return { view: { strides: [...rest, 0], offset: 0 }, length: sizeOf(shape.slice(0, -1)) };
  }
  return { view: { strides, offset: 0 }, length: sizeOf(shape) };
}

const SHAPES: readonly (readonly number[])[] = [
  [4095],
  [4097],
  [8192],
  [20_001],
  [100_003],
  [70_000, 1],
  [2, 40_001],
  [3, 30_000],
  [513, 129],
  [129, 513],
  [64, 6, 13, 13],
  [1024, 66],
  [40_000, 2],
  [33_000, 3],
  [7, 5, 2000],
];

describe("expressions in WebAssembly over many elements", () => {
  const dice = new Dice(11);
  for (const shape of SHAPES) {
    it(`maps and reductions over [${shape.join(", ")}]`, async () => {
      for (let round = 0; round < 4; round++) {
        const views = [viewOf(dice, shape), viewOf(dice, shape)];
        const data = views.map(({ length }) => whole(dice, length));
        const { body, apply } = dice.pick(BODIES);
        const elements = indicesOf(shape).map((at) => {
          const [a, b] = data.map((values, i) => values[offsetOf(at, views[i].view.strides)]);
          return { at, value: apply(a, b) };
        });
        const common = { shape, views: views.map(({ view }) => view), body };
        const type: ElementType = round % 2 === 0 ? "float32" : "bool";
        const mapped = await runKernel(backend, { kind: "map", ...common }, data.map(float), {
          type,
          size: sizeOf(shape),
        });
        elements.forEach(({ value }, i) => {
          const expected = type === "bool" ? Number(value !== 0) : value + 0;
          if (mapped[i] + 0 !== expected) assert.fail(`element ${i}: ${mapped[i]} in place of ${expected}`);
        });
        const axes = shape.map((_, axis) => axis).filter(() => dice.whole(0, 1) === 0);
        const kept = shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
        const outShape = kept.map((axis) => shape[axis]);
        const combine = dice.pick(["sum", "maximum", "minimum"] as const);
        const expected = new Array<number>(sizeOf(outShape)).fill(COMBINES[combine].start);
        for (const { at, value } of elements) {
          const to = offsetOf(
            kept.map((axis) => at[axis]),
            denseStrides(outShape),
          );
          expected[to] = COMBINES[combine].step(expected[to], value);
        }
        const kernel: Kernel = { kind: "reduce", ...common, axes, combine };
        const reduced = await runKernel(backend, kernel, data.map(float), { type: "float32", size: expected.length });
        assert.deepEqual(
          Array.from(reduced, (x) => x + 0),
          expected.map((x) => x + 0),
          JSON.stringify(kernel),
        );
      }
    });
  }

  it("products that neither overflow nor vanish on the way", async () => {
    const data = Float32Array.from({ length: 100_000 }, (_, i) => (Math.floor(i / 8) % 2 === 0 ? 1e20 : 1e-20));
    const kernel: Kernel = {
      kind: "reduce",
      shape: [100_000],
      axes: [0],
      views: [{ strides: [1], offset: 0 }],
      body: input(0),
      combine: "product",
    };
    const [got] = await runKernel(backend, kernel, [float(data)], { type: "float32", size: 1 });
    // (1e20 · 1e-20)^50,000 of numbers rounded to float32.
    const pair = Math.fround(1e20) * Math.fround(1e-20);
    assert.ok(Math.abs(got / pair ** 50_000 - 1) < 1e-6, String(got));
  });
});

/** Zeros of either sign are the same. */
function assertSame(got: readonly number[], expected: readonly number[], message = ""): void {
  assert.equal(got.length, expected.length);
  const at = got.findIndex((x, i) => !Object.is(x + 0, expected[i] + 0));
  if (at >= 0) assert.fail(`element ${at}: ${got[at]} in place of ${expected[at]} ${message}`);
}

const SWEPT: readonly (readonly number[])[] = [
  [3],
  [513],
  [4096],
  [8193],
  [100_001],
  [60, 700],
  [300, 33],
  [200, 16],
  [90, 7],
  [7, 11, 130],
  [2, 3, 5],
  [3, 6, 9, 9],
];

for (const { name, target } of SHAPED_FOR) {
  describe(`a sweep, ${name}`, () => {
    const dice = new Dice(12);
    const backend = backendFor(target);

    /** The values of each result, of the second of two runs. */
    const sweep = async (
      kernel: SweepKernel,
      data: readonly Float32Array[],
      types: readonly ElementType[],
    ): Promise<number[][]> => {
      const inputs = data.map((values) => {
        const buffer = backend.allocate("float32", values.length);
        backend.write(buffer, values);
        return buffer;
      });
      const size = sizeOf(kernel.shape);
      const outputs = kernel.results.map(({ combine }, i) => backend.allocate(types[i], combine ? 1 : size));
      const prepared = backend.prepare([{ kernel, inputs, outputs }]);
      prepared.run(0, 1);
      prepared.run(0, 1);
      const got = await Promise.all(outputs.map((buffer) => backend.read(buffer)));
      prepared.dispose();
      for (const buffer of [...inputs, ...outputs]) backend.release(buffer);
      return got.map((values) => [...values]);
    };

    for (const shape of SWEPT) {
      it(`gives each of its results over [${shape.join(", ")}]`, async () => {
        const results: { readonly result: SweepResult; readonly type: ElementType; readonly apply: Apply }[] = [
          { result: { body: BODIES[1].body, combine: undefined }, type: "float32", apply: BODIES[1].apply },
          { result: { body: SQUARE, combine: "sum" }, type: "float32", apply: (a) => a * a },
          { result: { body: LESS, combine: undefined }, type: "bool", apply: (a, b) => Number(a < b) },
          { result: { body: BODIES[2].body, combine: "maximum" }, type: "float32", apply: BODIES[2].apply },
          { result: { body: input(1), combine: "minimum" }, type: "float32", apply: (_, b) => b },
          { result: { body: SQUARE, combine: undefined }, type: "float32", apply: (a) => a * a },
          { result: { body: unary("abs", input(1)), combine: "sum" }, type: "float32", apply: (_, b) => Math.abs(b) },
          { result: { body: BODIES[1].body, combine: "product" }, type: "float32", apply: BODIES[1].apply },
        ];
        // All together, and some of them: how many are held in registers at once depends on it.
        for (const take of [results, results.slice(0, 3), results.slice(1, 2), results.slice(3, 5), results.slice(5)]) {
          const views = [viewOf(dice, shape), viewOf(dice, shape)];
          const data = views.map(({ length }) => whole(dice, length));
          const kernel: SweepKernel = {
            kind: "sweep",
            shape,
            views: views.map(({ view }) => view),
            results: take.map(({ result }) => result),
          };
          const types = take.map(({ type }) => type);
          const got = await sweep(kernel, data, types);
          const pairs = indicesOf(shape).map((at) =>
            data.map((values, i) => values[offsetOf(at, views[i].view.strides)]),
          );
          take.forEach(({ result: { combine }, apply }, i) => {
            const each = pairs.map(([a, b]) => apply(a, b));
            // Products of sums are 0 unless they are few.
            const expected = combine
              ? [each.reduce((a, b) => COMBINES[combine].step(a, b), COMBINES[combine].start)]
              : each;
            assertSame(
              got[i],
              expected.map((x) => Math.fround(x)),
              JSON.stringify(kernel.results[i]),
            );
          });
        }
      });
    }

    it("sums of any numbers are those of doubles, up to single precision", async () => {
      for (const shape of [[19], [8192], [50_021], [70, 301]]) {
        const data = [0, 1].map(() => Float32Array.from({ length: sizeOf(shape) }, () => dice.uniform() - 0.5));
        const view: View = { strides: denseStrides(shape), offset: 0 };
        const difference = binary("subtract", input(0), binary("multiply", input(1), 0.25));
        const results: SweepResult[] = [
          { body: SQUARE, combine: "sum" },
          { body: binary("multiply", difference, difference), combine: "sum" },
          { body: unary("abs", difference), combine: "maximum" },
          { body: binary("multiply", input(0), input(1)), combine: "sum" },
        ];
        const kernel: SweepKernel = { kind: "sweep", shape, views: [view, view], results };
        const got = await sweep(
          kernel,
          data,
          results.map(() => "float32"),
        );
        const terms = [...data[0]].map((a, i) => [a, data[1][i]] as const);
        const differences = terms.map(([a, b]) => a - b * 0.25);
        const total = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0);
        const products = terms.map(([a, b]) => a * b);
        const checks = [
          { expected: total(terms.map(([a]) => a * a)), scale: total(terms.map(([a]) => a * a)) },
          { expected: total(differences.map((x) => x * x)), scale: total(differences.map((x) => x * x)) },
          { expected: Math.max(...differences.map(Math.abs)), scale: 1 },
          { expected: total(products), scale: total(products.map(Math.abs)) },
        ];
        checks.forEach(({ expected, scale }, i) => {
          assert.ok(Math.abs(got[i][0] - expected) <= 1e-6 * scale, `${i}: ${got[i][0]} in place of ${expected}`);
        });
      }
    });

    it("products neither overflow nor vanish on the way", async () => {
      const data = Float32Array.from({ length: 4096 }, (_, i) => (Math.floor(i / 8) % 2 === 0 ? 1e10 : 1e-10));
      const view: View = { strides: [1], offset: 0 };
      const results: SweepResult[] = [
        { body: input(0), combine: "product" },
        { body: LESS, combine: undefined },
      ];
      const kernel: SweepKernel = { kind: "sweep", shape: [4096], views: [view, view], results };
      const [[got]] = await sweep(kernel, [data, data], ["float32", "bool"]);
      const pair = Math.fround(1e10) * Math.fround(1e-10);
      assert.ok(Math.abs(got / pair ** 2048 - 1) < 1e-6, String(got));
    });

    it("tells of what is not finite, wherever it stands", async () => {
      for (const shape of [[9000], [40, 37], [5, 6, 31]]) {
        const size = sizeOf(shape);
        const view: View = { strides: denseStrides(shape), offset: 0 };
        const results: SweepResult[] = [
          { body: unary("abs", input(0)), combine: "maximum" },
          { body: input(0), combine: "minimum" },
          { body: SQUARE, combine: "sum" },
          { body: binary("add", input(0), 1), combine: undefined },
          { body: binary("less", input(0), 0), combine: undefined },
        ];
        const kernel: SweepKernel = { kind: "sweep", shape, views: [view], results };
        const types: readonly ElementType[] = ["float32", "float32", "float32", "float32", "bool"];
        for (const special of [NaN, Infinity, -Infinity]) {
          for (const at of [0, 5, size - 1, dice.whole(0, size - 1), dice.whole(0, size - 1)]) {
            const data = whole(dice, size);
            data[at] = special;
            const got = await sweep(kernel, [data], types);
            const isNaN = Number.isNaN(special);
            assert.equal(got[0][0], isNaN ? NaN : Infinity);
            assert.equal(got[1][0], isNaN ? NaN : Math.min(...data));
            assert.equal(got[2][0], isNaN ? NaN : Infinity);
            assertSame(
              got[3],
              [...data].map((x) => x + 1),
            );
            assertSame(
              got[4],
              [...data].map((x) => Number(x < 0)),
            );
          }
        }
      }
    });

    it("largest and smallest along rows, with what is not finite among them", async () => {
      for (const shape of [
        [6, 300],
        [3, 5, 19, 29],
        [2, 70_001],
      ]) {
        const axes = shape.length === 2 ? [1] : [0, 2, 3];
        const kept = shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
        const size = sizeOf(kept.map((axis) => shape[axis]));
        for (const combine of ["maximum", "minimum"] as const) {
          const data = Float32Array.from({ length: sizeOf(shape) }, () => dice.uniform() - 0.5);
          for (const special of [NaN, Infinity, -Infinity]) data[dice.whole(0, data.length - 1)] = special;
          const expected = new Array<number>(size).fill(COMBINES[combine].start);
          indicesOf(shape).forEach((at, i) => {
            const to = offsetOf(
              kept.map((axis) => at[axis]),
              denseStrides(kept.map((axis) => shape[axis])),
            );
            expected[to] = COMBINES[combine].step(expected[to], data[i]);
          });
          const views: View[] = [{ strides: denseStrides(shape), offset: 0 }];
          const kernel: Kernel = { kind: "reduce", shape, axes, views, body: input(0), combine };
          assert.deepEqual([...(await runKernel(backend, kernel, [float(data)], { type: "float32", size }))], expected);
        }
      }
    });
  });
}
