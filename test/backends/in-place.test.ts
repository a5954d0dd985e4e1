/** Results in the place of inputs, buffers on parts of others, and memory that is given back. */
import assert from "node:assert/strict";
import type { Backend, Buffer } from "../../engine/backends/backend";
import { createJsBackend } from "../../engine/backends/js";
import { createWasmBackend } from "../../engine/backends/wasm";
import { rowMajorStrides, sizeOf } from "../../engine/graph/shape";
import { type Expression, binary, constant, index, input, select, unary } from "../../engine/kernel/expression";
import type { ElementType, Kernel, View } from "../../engine/kernel/kernel";
import { seeded } from "../support/fixtures";

function backends(): Map<string, Backend> {
  const targets = { plain: { fused: false, wide: false }, wide: { fused: false, wide: true } };
  const wasm = Object.entries(targets).map(([name, target]) => {
    const backend = createWasmBackend({ target });
    assert.ok(backend, "WebAssembly with vectors should exist on this platform");
    return [`wasm, ${name}`, backend] as const;
  });
  return new Map<string, Backend>([
    ["js", createJsBackend()],
    ["js, interpreted", createJsBackend({ mode: "interpret" })],
    ...wasm,
  ]);
}

const shapes = [[], [1], [3], [4], [5], [64], [1023], [8195], [16, 16], [33, 7], [5, 1030], [3, 1, 5, 2]];

const whole = (shape: readonly number[]): View => ({ strides: rowMajorStrides(shape), offset: 0 });
/** The same numbers for each index along the last axis. */
const row = (shape: readonly number[]): View => ({
  strides: shape.map((_, axis) => (axis === shape.length - 1 ? 1 : 0)),
  offset: 0,
});

function filled(backend: Backend, type: ElementType, data: ArrayLike<number>): Buffer {
  const buffer = backend.allocate(type, data.length);
  backend.write(buffer, data);
  return buffer;
}

async function assertResults(
  name: string,
  backend: Backend,
  buffers: readonly Buffer[],
  expected: readonly ArrayLike<number>[],
): Promise<void> {
  for (const [which, buffer] of buffers.entries()) {
    const got = await backend.read(buffer);
    const truth = expected[which];
    assert.equal(got.length, truth.length);
    for (let i = 0; i < got.length; i++)
      assert.ok(
        Math.abs(got[i] - truth[i]) <= 1e-5 * Math.max(1, Math.abs(truth[i])),
        `${name}, result ${which}, element ${i}: ${got[i]} in place of ${truth[i]}`,
      );
  }
}

describe("a result in the place of an input", () => {
  it("of a map is what it would be elsewhere", async () => {
    const body: Expression = binary("add", binary("multiply", input(0), input(0)), input(1));
    for (const [name, backend] of backends())
      for (const shape of shapes) {
        const x = seeded(shape, 3).data.map(Math.fround);
        const bias = seeded(shape.slice(-1), 4).data.map(Math.fround);
        const width = shape.at(-1) ?? 1;
        const a = filled(backend, "float32", x);
        const b = filled(backend, "float32", bias);
        const kernel: Kernel = { kind: "map", shape, views: [whole(shape), row(shape)], body };
        backend.prepare([{ kernel, inputs: [a, b], outputs: [a] }]).run(0, 1);
        const expected = x.map((value, i) => value * value + bias[i % width]);
        await assertResults(`${name} [${shape.join()}]`, backend, [a, b], [expected, bias]);
      }
  });

  it("of a map of whole numbers or flags, too", async () => {
    for (const [name, backend] of backends())
      for (const shape of shapes) {
        const numbers = Array.from({ length: sizeOf(shape) }, (_, i) => ((i * 7919) % 1000) - 500);
        const flags = numbers.map((value) => Number(value % 3 === 0));
        const [a, b] = [filled(backend, "int32", numbers), filled(backend, "bool", flags)];
        const views = [whole(shape)];
        const kernels: Kernel[] = [
          { kind: "map", shape, views, body: binary("multiply", input(0), constant(3)) },
          { kind: "map", shape, views, body: unary("not", input(0)) },
        ];
        const steps = [a, b].map((buffer, i) => ({ kernel: kernels[i], inputs: [buffer], outputs: [buffer] }));
        backend.prepare(steps).run(0, 2);
        const expected = [numbers.map((value) => value * 3), flags.map((value) => 1 - value)];
        await assertResults(`${name} [${shape.join()}]`, backend, [a, b], expected);
      }
  });

  it("of a sweep of several, each from all inputs as they were", async () => {
    const [p, g, m, rate] = [0, 1, 2, 3].map(input);
    const momentum = binary("add", binary("multiply", m, constant(0.5)), g);
    const results = [
      { body: momentum, combine: undefined },
      { body: binary("multiply", p, p), combine: "sum" as const },
      { body: binary("subtract", p, binary("multiply", momentum, rate)), combine: undefined },
      { body: unary("abs", g), combine: "maximum" as const },
      { body: select(binary("less", p, m), g, p), combine: undefined },
      { body: binary("add", g, binary("multiply", p, m)), combine: undefined },
    ];
    for (const [name, backend] of backends())
      for (const shape of shapes) {
        const [ps, gs, ms] = [5, 6, 7].map((seed) => seeded(shape, seed).data.map(Math.fround));
        const [a, b, c] = [ps, gs, ms].map((data) => filled(backend, "float32", data));
        const d = filled(backend, "float32", [0.25]);
        const [square, most] = [backend.allocate("float32", 1), backend.allocate("float32", 1)];
        const elsewhere = backend.allocate("float32", ps.length);
        const scalar: View = { strides: shape.map(() => 0), offset: 0 };
        const views = [whole(shape), whole(shape), whole(shape), scalar];
        const kernel: Kernel = { kind: "sweep", shape, views, results };
        // The momentum in its own place, the parameter in its own, and the last in the gradient's.
        backend.prepare([{ kernel, inputs: [a, b, c, d], outputs: [c, square, a, most, elsewhere, b] }]).run(0, 1);
        const next = ms.map((value, i) => value * 0.5 + gs[i]);
        const expected = [
          ps.map((value, i) => value - next[i] * 0.25),
          gs.map((value, i) => value + ps[i] * ms[i]),
          next,
          [ps.reduce((sum, value) => sum + value * value, 0)],
          [gs.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0)],
          ps.map((value, i) => (value < ms[i] ? gs[i] : value)),
        ];
        await assertResults(`${name} [${shape.join()}]`, backend, [a, b, c, square, most, elsewhere], expected);
      }
  });

  it("of bodies that know where they are", async () => {
    for (const [name, backend] of backends()) {
      const shape = [6, 13];
      const x = seeded(shape, 8).data.map(Math.fround);
      const a = filled(backend, "float32", x);
      const body = binary("add", binary("multiply", input(0), index(1)), index(0));
      backend
        .prepare([{ kernel: { kind: "map", shape, views: [whole(shape)], body }, inputs: [a], outputs: [a] }])
        .run(0, 1);
      const expected = x.map((value, i) => value * (i % 13) + Math.floor(i / 13));
      await assertResults(name, backend, [a], [expected]);
    }
  });
});

describe("a part of a buffer", () => {
  it("is memory of the whole, of any type, and ends with it", async () => {
    for (const [name, backend] of backends()) {
      const all = backend.allocate("bool", 64 * 5);
      const floats = backend.part(all, 64, "float32", 20);
      const numbers = backend.part(all, 192, "int32", 3);
      const flags = backend.part(all, 256, "bool", 7);
      backend.write(
        floats,
        Array.from({ length: 20 }, (_, i) => i + 0.5),
      );
      backend.write(numbers, [-1, 2 ** 30, 7]);
      backend.write(flags, [0, 1, 2, 0, 1, 0, 9]);
      assert.deepEqual(
        [...(await backend.read(floats))],
        Array.from({ length: 20 }, (_, i) => i + 0.5),
        name,
      );
      assert.deepEqual([...(await backend.read(numbers))], [-1, 2 ** 30, 7], name);
      assert.deepEqual([...(await backend.read(flags))], [0, 1, 1, 0, 1, 0, 1], name);
      const again = backend.part(all, 192, "int32", 1);
      assert.deepEqual([...(await backend.read(again))], [-1], name);
    }
  });

  it("gives nothing back, and a buffer gives its memory back once", () => {
    const backend = createWasmBackend();
    assert.ok(backend);
    const before = backend.bytes;
    const a = backend.allocate("float32", 100);
    const held = backend.bytes;
    assert.equal(held - before, 448);
    const part = backend.part(a, 64, "float32", 16);
    backend.release(part);
    assert.equal(backend.bytes, held);
    backend.release(a);
    assert.equal(backend.bytes, before);
    const b = backend.allocate("float32", 100);
    backend.release(a);
    backend.release(part);
    assert.equal(backend.bytes, held);
    const c = backend.allocate("float32", 100);
    backend.write(b, new Float32Array(100).fill(1));
    backend.write(c, new Float32Array(100).fill(2));
    backend.release(b);
    backend.release(c);
    assert.equal(backend.bytes, before);
  });

  it("so does a program, with all that it took", () => {
    const backend = createWasmBackend();
    assert.ok(backend);
    const before = backend.bytes;
    const x = backend.allocate("float32", 64 * 64);
    const out = backend.allocate("float32", 64 * 64);
    const kernel: Kernel = {
      kind: "matmul",
      m: 64,
      n: 64,
      k: 64,
      batch: [{ a: 0, b: 0 }],
      strideA: [64, 1],
      strideB: [64, 1],
    };
    const held = backend.bytes;
    const prepared = backend.prepare([{ kernel, inputs: [x, x], outputs: [out] }]);
    prepared.dispose();
    prepared.dispose();
    assert.equal(backend.bytes, held);
    backend.release(x);
    backend.release(out);
    assert.equal(backend.bytes, before);
  });
});
