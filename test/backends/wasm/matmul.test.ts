import assert from "node:assert/strict";
import type { FunctionWriter } from "../../../engine/backends/wasm/assembler/function";
import { ModuleWriter } from "../../../engine/backends/wasm/assembler/module";
import { type KernelCode, type Target, aligned } from "../../../engine/backends/wasm/code";
import { affineRuns } from "../../../engine/kernel/affine";
import { matmulCode } from "../../../engine/backends/wasm/kernels/matmul";
import { panelPieces, writePanels, writeProduct } from "../../../engine/backends/wasm/kernels/product";
import { type Product, planProduct } from "../../../engine/backends/wasm/kernels/product-plan";
import { PAGE_BYTES, wasmPlatform } from "../../../engine/backends/wasm/memory";
import type { MatmulKernel } from "../../../engine/kernel/kernel";
import { Dice } from "../support";
import { TARGETS } from "./support";

const GUARD = 1234.5;

/** Code shaped for pairs of vectors is right, if not fast, where the compiler does not join them. */
const MACHINES = TARGETS.flatMap(({ name, target }) => [
  { name, target },
  { name: `${name}, wide`, target: { ...target, wide: true } },
]);

/** C[i, j] = Σₚ A[i, p]·B[p, j] of each pair, in doubles, straight from the kernel's definition. */
function multiply(kernel: MatmulKernel, a: ArrayLike<number>, b: ArrayLike<number>): number[] {
  const { m, n, k, batch, strideA, strideB } = kernel;
  return batch.flatMap((offset) =>
    Array.from({ length: m * n }, (_, at) => {
      const [i, j] = [Math.floor(at / n), at % n];
      let sum = 0;
      for (let p = 0; p < k; p++)
        sum += a[offset.a + i * strideA[0] + p * strideA[1]] * b[offset.b + p * strideB[0] + j * strideB[1]];
      return sum;
    }),
  );
}

interface Run {
  readonly code: KernelCode;
  readonly a: ArrayLike<number>;
  readonly b: ArrayLike<number>;
  /** What C holds before. */
  readonly c: ArrayLike<number>;
  /** In how many calls the pieces of a phase are done, the last ones first, each with scratch full of rubbish. */
  readonly parts: number;
}

/** Runs a kernel's phases. A and B end where memory ends, so that nothing is read beyond their last 64 bytes, and C is watched. */
function run({ code, a, b, c, parts }: Run): Float32Array {
  const scratchBytes = Math.max(0, ...code.phases.map(({ scratch }) => scratch ?? 0));
  const places = [
    scratchBytes,
    code.shared ?? 0,
    4 * c.length + 64,
    4 * Math.max(a.length, 1),
    4 * Math.max(b.length, 1),
  ];
  const bytes = places.reduce((sum, size) => sum + aligned(size), 64);
  const pages = Math.ceil(bytes / PAGE_BYTES);
  let end = pages * PAGE_BYTES;
  const [atB, atA, atC, shared, scratch] = places.reverse().map((size) => (end -= aligned(size)));
  const module = new ModuleWriter({ pages, maximum: pages, shared: false });
  code.phases.forEach((phase, i) => {
    const writer = module.function({ parameters: new Array<"i32">(7).fill("i32") }, (f) => {
      const [left, right, out, shared, scratch, from, to] = f.parameters;
      phase.write(f, { inputs: [left, right], outputs: [out], shared, scratch, from, to }, module);
    });
    module.export(`phase${i}`, writer);
  });
  const platform = wasmPlatform();
  assert.ok(platform);
  const memory = new platform.Memory({ initial: pages, maximum: pages });
  const instance = new platform.Instance(new platform.Module(module.bytes()), { env: { memory } });
  const exports = instance.exports as Readonly<Record<string, (...values: number[]) => void>>;
  new Float32Array(memory.buffer).fill(GUARD);
  const view = (at: number, size: number): Float32Array => new Float32Array(memory.buffer, at, size);
  view(atA, a.length).set(Float32Array.from(a));
  view(atB, b.length).set(Float32Array.from(b));
  view(atC, c.length).set(Float32Array.from(c));
  code.phases.forEach(({ pieces }, i) => {
    for (let part = parts - 1; part >= 0; part--) {
      view(scratch, scratchBytes / 4).fill(NaN);
      const bounds = [part, part + 1].map((at) => Math.floor((pieces * at) / parts));
      exports[`phase${i}`](atA, atB, atC, shared, scratch, ...bounds);
    }
  });
  const after = view(atC + 4 * c.length, 16);
  assert.deepEqual([...after], new Array<number>(16).fill(GUARD), "what lies behind C has changed");
  return view(atC, c.length).slice();
}

function codeFor(kernel: MatmulKernel, target: Target): KernelCode {
  const code = matmulCode({ kernel, inputs: ["float32", "float32"], outputs: ["float32"] }, target);
  assert.ok(code);
  return code;
}

const resultOf = (kernel: MatmulKernel, target: Target, a: ArrayLike<number>, b: ArrayLike<number>, parts = 1) =>
  run({ code: codeFor(kernel, target), a, b, c: new Float32Array(kernel.batch.length * kernel.m * kernel.n), parts });

function kernelOf([m, n, k]: readonly number[], turnedA = false, turnedB = false, count = 1): MatmulKernel {
  return {
    kind: "matmul",
    m,
    n,
    k,
    batch: Array.from({ length: count }, (_, i) => ({ a: i * m * k, b: i * k * n })),
    strideA: turnedA ? [1, m] : [k, 1],
    strideB: turnedB ? [1, k] : [n, 1],
  };
}

/** The first difference, since a whole matrix is a long message. */
function assertSame(got: ArrayLike<number>, expected: ArrayLike<number>, what: string): void {
  assert.equal(got.length, expected.length, what);
  for (let i = 0; i < got.length; i++) {
    if (!Object.is(got[i], expected[i]) && !(got[i] === 0 && expected[i] === 0))
      assert.fail(`${what}: element ${i} is ${got[i]}, not ${expected[i]}`);
  }
}

for (const { name, target } of MACHINES) {
  describe(`matmul in WebAssembly, ${name}`, () => {
    // Multiples of 1/8 keep products and sums exact in float32, so that results must be equal, not near.
    const sizes = [
      [1, 1, 4099],
      [8, 8, 8],
      [4, 2, 8],
      [65, 33, 17],
      [1, 1030, 140],
      [2, 37, 29],
      [3, 50, 70],
      [300, 1, 9],
      [9, 19, 300],
      [7, 3, 600],
      [70, 10, 130],
      [13, 45, 1030],
      [100, 1024, 6],
      [9, 1024, 80],
      [1024, 70, 30],
      [800, 45, 300],
    ];
    for (const size of sizes) {
      it(`${size[0]}×${size[2]} · ${size[2]}×${size[1]}, each transposed or not, in any parts`, () => {
        const [m, n, k] = size;
        const dice = new Dice(m * 10000 + n * 100 + k);
        const [a, b] = [dice.values(m * k), dice.values(k * n)];
        for (const turnedA of [false, true]) {
          for (const turnedB of [false, true]) {
            const kernel = kernelOf(size, turnedA, turnedB);
            const expected = multiply(kernel, a, b);
            for (const parts of [1, 7]) {
              const got = resultOf(kernel, target, a, b, parts);
              assertSame(
                got,
                expected,
                `A ${turnedA ? "" : "not "}turned, B ${turnedB ? "" : "not "}turned, ${parts} parts`,
              );
            }
          }
        }
      });
    }

    it("every number of rows and columns up to some tiles", () => {
      const dice = new Dice(3);
      const [a, b] = [dice.values(30 * 5), dice.values(5 * 60)];
      for (let m = 1; m <= 15; m++) {
        for (let n = 1; n <= 52; n++) {
          const kernel = kernelOf([m, n, 5], false, (m + n) % 2 === 1);
          assertSame(resultOf(kernel, target, a, b.subarray(0, 5 * n)), multiply(kernel, a, b), `${m} × ${n}`);
        }
      }
    });

    it("the same bits whatever the parts", () => {
      const dice = new Dice(4);
      for (const size of [
        [250, 130, 700],
        [3, 700, 400],
        [1, 2050, 90],
        [900, 20, 33],
      ]) {
        const [m, n, k] = size;
        const a = Float32Array.from({ length: m * k }, () => dice.uniform() - 0.5);
        const b = Float32Array.from({ length: k * n }, () => dice.uniform() - 0.5);
        for (const turned of [false, true]) {
          const kernel = kernelOf(size, false, turned);
          const whole = resultOf(kernel, target, a, b);
          assertSame(resultOf(kernel, target, a, b, 5), whole, size.join());
          const expected = multiply(kernel, a, b);
          whole.forEach((value, i) => {
            assert.ok(Math.abs(value - expected[i]) < 2e-5 * Math.sqrt(k), `${value}, not ${expected[i]}`);
          });
        }
      }
    });

    it("batches: dense, shared, broadcast over two axes, and in no order", () => {
      const dice = new Dice(6);
      const [a, b] = [dice.values(4000), dice.values(4000)];
      const batches = [
        [0, 1, 2, 3, 4, 5].map((i) => ({ a: i * 63, b: i * 77 })),
        [0, 1, 2, 3, 4, 5].map((i) => ({ a: i * 63, b: 5 })),
        [0, 1, 2, 3, 4, 5].map((i) => ({ a: (i % 2) * 63, b: Math.floor(i / 2) * 77 })),
        [0, 1, 2, 3, 4, 5, 6, 7].map((i) => ({ a: 900 - (i >> 2) * 200 - (i & 1) * 63, b: ((i >> 1) & 1) * 77 })),
      ];
      for (const batch of batches) {
        const kernel = { ...kernelOf([9, 11, 7]), batch };
        for (const parts of [1, 3])
          assertSame(resultOf(kernel, target, a, b, parts), multiply(kernel, a, b), JSON.stringify(batch));
      }
    });

    it("strides of any sign, and 0", () => {
      const dice = new Dice(7);
      const [a, b] = [dice.values(9000), dice.values(9000)];
      for (let round = 0; round < 80; round++) {
        const size = [dice.whole(1, 20), dice.whole(1, 40), dice.whole(1, 30)];
        const [, n, k] = size;
        const kernel: MatmulKernel = {
          ...kernelOf(size),
          batch: Array.from({ length: dice.whole(1, 2) }, () => ({
            a: dice.whole(3000, 4000),
            b: dice.whole(3000, 4000),
          })),
          strideA: [dice.pick([0, 1, k, 2 * k, -k]), dice.pick([0, 1, 3, -1])],
          strideB: [dice.pick([0, 1, n, 2 * n, -n]), dice.pick([0, 1, 3, -1])],
        };
        assertSame(resultOf(kernel, target, a, b), multiply(kernel, a, b), JSON.stringify(kernel));
      }
    });

    it("a long row times a matrix that is read backwards, and every third row of one", () => {
      const dice = new Dice(10);
      const [a, b] = [dice.values(700), dice.values(220 * 610 * 3)];
      for (const [offset, step] of [
        [219 * 610, -610],
        [0, 3 * 610],
      ]) {
        const kernel: MatmulKernel = {
          ...kernelOf([1, 603, 220]),
          batch: [{ a: 20, b: offset }],
          strideA: [0, 3],
          strideB: [step, 1],
        };
        for (const parts of [1, 4])
          assertSame(resultOf(kernel, target, a, b, parts), multiply(kernel, a, b), `${step}`);
      }
    });

    it("NaN and infinity reach exactly the elements they belong to", () => {
      const dice = new Dice(8);
      for (const [m, n, k] of [
        [11, 21, 6],
        [1, 9, 6],
        [6, 1, 9],
      ]) {
        const [a, b] = [dice.values(m * k), dice.values(k * n)];
        a[(m - 1) * k + 2] = NaN;
        b[3 * n + n - 1] = Infinity;
        for (let i = 0; i < m; i++) a[i * k + 3] ||= 1;
        const kernel = kernelOf([m, n, k]);
        assertSame(resultOf(kernel, target, a, b), multiply(kernel, a, b), `${m} × ${n}`);
      }
    });

    it("a product inside of another kernel: added to what is there", () => {
      const dice = new Dice(9);
      for (const [m, n, k] of [
        [5, 21, 40],
        [30, 50, 1100],
        [800, 24, 300],
      ]) {
        const [a, b, before] = [dice.values(m * k), dice.values(k * n), dice.values(m * n)];
        const product: Product = {
          m,
          n,
          k,
          a: { row: 4 * k, step: 4 },
          b: { step: 4, column: 4 * k },
          cRow: 4 * n,
        };
        const plan = planProduct(product, target);
        const code: KernelCode = {
          shared: plan.panels,
          phases: [
            ...(plan.packB === "before"
              ? [
                  {
                    pieces: panelPieces(plan),
                    work: 1,
                    key: "panels",
                    write: (f, at, module) => {
                      eachPiece(f, at, (piece) => {
                        writePanels(f, module, plan, { b: at.inputs[1], panels: at.shared, piece });
                      });
                    },
                  } satisfies KernelCode["phases"][number],
                ]
              : []),
            {
              pieces: plan.rowBlocks * plan.columnBlocks,
              work: 1,
              scratch: plan.scratch,
              key: "product",
              write: (f, { inputs, outputs, shared, scratch, from, to }, module) => {
                eachPiece(f, { from, to }, (piece) => {
                  writeProduct(f, module, plan, {
                    a: inputs[0],
                    b: inputs[1],
                    c: outputs[0],
                    panels: shared,
                    scratch,
                    piece,
                    accumulate: true,
                  });
                });
              },
            },
          ],
        };
        const kernel = kernelOf([m, n, k], false, true);
        const expected = multiply(kernel, a, b).map((sum, at) => before[at] + sum);
        assertSame(run({ code, a, b, c: before, parts: 3 }), expected, `${m} × ${n}`);
      }
    });

    it("compiles to a few kilobytes", () => {
      for (const size of [
        [512, 512, 512],
        [64, 10, 128],
        [65, 33, 17],
        [1, 1000, 1000],
      ]) {
        const module = new ModuleWriter({ pages: 1, maximum: 1, shared: false });
        for (const phase of codeFor(kernelOf(size), target).phases)
          module.function({ parameters: new Array<"i32">(7).fill("i32") }, (f) => {
            const [left, right, out, shared, scratch, from, to] = f.parameters;
            phase.write(f, { inputs: [left, right], outputs: [out], shared, scratch, from, to }, module);
          });
        const { length } = module.bytes();
        assert.ok(length < 8000, `${size.join()} takes ${length} bytes`);
      }
    });
  });
}

function eachPiece(
  f: FunctionWriter,
  {
    from,
    to,
  }: { readonly from: FunctionWriter["parameters"][number]; readonly to: FunctionWriter["parameters"][number] },
  body: (piece: FunctionWriter["parameters"][number]) => void,
): void {
  const piece = f.local("i32");
  f.forRange(
    piece,
    () => f.get(from),
    () => f.get(to),
    1,
    () => {
      body(piece);
    },
  );
}

describe("matmul in WebAssembly", () => {
  it("leaves other types and batches without a pattern to the JavaScript kernel", () => {
    const [{ target }] = TARGETS;
    const kernel = kernelOf([2, 2, 2]);
    assert.equal(matmulCode({ kernel, inputs: ["int32", "int32"], outputs: ["int32"] }, target), undefined);
    const batch = [0, 8, 1, 5, 3].map((at) => ({ a: at, b: at }));
    const typed = { inputs: ["float32", "float32"], outputs: ["float32"] } as const;
    assert.equal(matmulCode({ kernel: { ...kernel, batch }, ...typed }, target), undefined);
  });

  it("finds the digits of offsets", () => {
    assert.deepEqual(affineRuns([7]), [{ period: 0, count: 1, step: 7 }]);
    assert.deepEqual(affineRuns([0, 0, 5, 5]), [
      { period: 0, count: 1, step: 0 },
      { period: 2, count: 0, step: 5 },
    ]);
    assert.equal(affineRuns([0, 1, 5]), undefined);
  });
});
