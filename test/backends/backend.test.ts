import assert from "node:assert/strict";
import { createJsBackend } from "../../engine/backends/js/index";
import { createWasmBackend } from "../../engine/backends/wasm/index";
import type { Distribution } from "../../engine/kernel/random";
import { int, PRODUCTS, runKernel } from "./support";

const backend = createJsBackend();

describe("createWasmBackend", () => {
  it("gives nothing where WebAssembly is missing, and says why where it refuses to compile", () => {
    const original = Object.getOwnPropertyDescriptor(globalThis, "WebAssembly");
    const refusing = {
      validate: () => true,
      Module: class {
        constructor() {
          throw new EvalError("Wasm code generation disallowed by embedder");
        }
      },
    };
    try {
      for (const value of [undefined, { validate: () => false }]) {
        Object.defineProperty(globalThis, "WebAssembly", { value, configurable: true });
        assert.equal(createWasmBackend(), undefined);
      }
      Object.defineProperty(globalThis, "WebAssembly", { value: refusing, configurable: true });
      assert.throws(() => createWasmBackend(), /disallowed by embedder/);
    } finally {
      if (original) Object.defineProperty(globalThis, "WebAssembly", original);
    }
  });
});

for (const { name, backend: b } of PRODUCTS) {
  describe(`buffers, ${name}`, () => {
    it("hold what was written, in their type, and keep it to themselves", async () => {
      for (const { type, data, expected } of [
        { type: "float32", data: [0.1, NaN], expected: Float32Array.of(0.1, NaN) },
        { type: "int32", data: [2.9, -7], expected: Int32Array.of(2, -7) },
        { type: "bool", data: [0.5, 0], expected: Uint8Array.of(1, 0) },
      ] as const) {
        const buffer = b.allocate(type, 2);
        b.write(buffer, data);
        const other = b.allocate(type, 2);
        b.copy(buffer, other);
        const before = await b.read(buffer);
        b.write(buffer, [0, 0]);
        assert.deepEqual(before, expected);
        assert.deepEqual(await b.read(other), expected);
      }
    });

    it("refuse another number of values, and buffers of another backend", () => {
      const buffer = b.allocate("float32", 2);
      assert.throws(() => b.write(buffer, [1, 2, 3]), /^Error: internal: 3 values do not fit a buffer of 2$/);
      assert.throws(() => b.write({ type: "float32", size: 1 }, [1]), /^Error: internal: a buffer of another backend/);
    });
  });
}

describe("random", () => {
  const draw = async (
    distribution: Distribution,
    key: readonly number[],
    stream: number,
    size = 20000,
  ): Promise<number[]> => [
    ...(await runKernel(backend, { kind: "random", distribution, size, stream }, [int(key)], {
      type: "float32",
      size,
    })),
  ];

  it("depends on seed, iteration and stream only", async () => {
    const first = await draw("uniform", [1, 2], 3, 10);
    assert.deepEqual(await draw("uniform", [1, 2], 3, 10), first);
    assert.deepEqual((await draw("uniform", [1, 2], 3, 20)).slice(0, 10), first);
    for (const [key, stream] of [
      [[2, 2], 3],
      [[1, 3], 3],
      [[1, 2], 4],
    ] as const) {
      assert.notDeepEqual(await draw("uniform", key, stream, 10), first);
    }
  });

  // Salmon et al.'s known answers for Threefry-2x32-20: key and counter 0 give 6b200159 99ba4efe.
  it("uniform numbers are the upper 24 bits of Threefry's first word", async () => {
    assert.deepEqual(await draw("uniform", [0, 0], 0, 1), [0x6b2001 / 2 ** 24]);
  });

  it("has the moments of its distribution", async () => {
    for (const [distribution, mean, variance] of [
      ["uniform", 1 / 2, 1 / 12],
      ["normal", 0, 1],
    ] as const) {
      const x = await draw(distribution, [5, 0], 9);
      const average = x.reduce((sum, v) => sum + v, 0) / x.length;
      const spread = x.reduce((sum, v) => sum + (v - average) ** 2, 0) / x.length;
      // Five standard errors.
      assert.ok(Math.abs(average - mean) < 5 * Math.sqrt(variance / x.length), `${distribution} mean ${average}`);
      assert.ok(Math.abs(spread / variance - 1) < 5 * Math.sqrt(2 / x.length), `${distribution} variance ${spread}`);
    }
  });

  it("a permutation holds each position once, and changes with the key", async () => {
    const shuffle = async (seed: number): Promise<number[]> => [
      ...(await runKernel(backend, { kind: "permutation", size: 1000, stream: 1 }, [int([seed, 0])], {
        type: "int32",
        size: 1000,
      })),
    ];
    const order = await shuffle(1);
    assert.deepEqual(
      [...order].sort((a, b) => a - b),
      Array.from({ length: 1000 }, (_, i) => i),
    );
    assert.notDeepEqual(await shuffle(2), order);
    assert.deepEqual(await shuffle(1), order);
  });
});
