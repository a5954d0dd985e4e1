/** Maps, reductions and sweeps over sizes where work is cut into pieces, vectors and rests. */
import assert from "node:assert/strict";
import { createWasmBackend } from "../../../engine/backends/wasm";
import { type Expression, binary, input, select, unary } from "../../../engine/kernel/expression";
import type { Combine, ElementType, Kernel, SweepKernel, View } from "../../../engine/kernel/kernel";
import { Dice, denseStrides, float, indicesOf, offsetOf, runKernel, sizeOf } from "../support";

const backend = createWasmBackend();
if (!backend) throw new Error("WebAssembly with vectors should exist on this platform");

/** Of whole numbers, so that float32 and float64 agree whatever the order of sums. */
const BODIES: readonly { body: Expression; apply: (a: number, b: number) => number }[] = [
  { body: input(0), apply: (a) => a },
  { body: binary("add", input(0), input(1)), apply: (a, b) => a + b },
  {
    body: select(binary("less", input(0), input(1)), unary("negate", input(0)), binary("maximum", input(1), 0)),
    apply: (a, b) => (a < b ? -a : Math.max(b, 0)),
  },
];

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

describe("a sweep", () => {
  const dice = new Dice(12);
  for (const shape of [[3], [4096], [8193], [100_001], [60, 700], [300, 33], [7, 11, 130], [2, 3, 5]]) {
    it(`gives each of its results over [${shape.join(", ")}]`, async () => {
      const views = [viewOf(dice, shape), viewOf(dice, shape)];
      const data = views.map(({ length }) => whole(dice, length));
      const results: SweepKernel["results"] = [
        { body: BODIES[1].body, combine: undefined },
        { body: binary("multiply", input(0), input(0)), combine: "sum" },
        { body: binary("less", input(0), input(1)), combine: undefined },
        { body: BODIES[2].body, combine: "maximum" },
        { body: input(1), combine: "minimum" },
      ];
      const kernel: SweepKernel = { kind: "sweep", shape, views: views.map(({ view }) => view), results };
      const types: readonly ElementType[] = ["float32", "float32", "bool", "float32", "float32"];
      const inputs = data.map((values) => {
        const buffer = backend.allocate("float32", values.length);
        backend.write(buffer, values);
        return buffer;
      });
      const outputs = results.map(({ combine }, i) => backend.allocate(types[i], combine ? 1 : sizeOf(shape)));
      const prepared = backend.prepare([{ kernel, inputs, outputs }]);
      prepared.run(0, 1);
      prepared.run(0, 1);
      const got = await Promise.all(outputs.map((buffer) => backend.read(buffer)));
      const pairs = indicesOf(shape).map((at) => data.map((values, i) => values[offsetOf(at, views[i].view.strides)]));
      const largest = (list: readonly number[]): number => list.reduce((a, b) => Math.max(a, b), -Infinity);
      assert.deepEqual(
        [...got[0]],
        pairs.map(([a, b]) => a + b),
      );
      assert.deepEqual([...got[1]], [pairs.reduce((sum, [a]) => sum + a * a, 0)]);
      assert.deepEqual(
        [...got[2]],
        pairs.map(([a, b]) => Number(a < b)),
      );
      assert.equal(got[3][0] + 0, largest(pairs.map(([a, b]) => BODIES[2].apply(a, b))) + 0);
      assert.equal(got[4][0], -largest(pairs.map(([, b]) => -b)));
    });
  }

  it("tells of a NaN among the largest", async () => {
    const buffer = backend.allocate("float32", 9000);
    backend.write(
      buffer,
      Float32Array.from({ length: 9000 }, (_, i) => (i === 8500 ? NaN : i)),
    );
    const kernel: SweepKernel = {
      kind: "sweep",
      shape: [9000],
      views: [{ strides: [1], offset: 0 }],
      results: [
        { body: unary("abs", input(0)), combine: "maximum" },
        { body: input(0), combine: "sum" },
      ],
    };
    const outputs = [backend.allocate("float32", 1), backend.allocate("float32", 1)];
    backend.prepare([{ kernel, inputs: [buffer], outputs }]).run(0, 1);
    for (const output of outputs) assert.ok(Number.isNaN((await backend.read(output))[0]));
  });
});
