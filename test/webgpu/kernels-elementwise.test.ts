/** Maps, reductions and sweeps on the GPU, in all shapes of code that adapters get, against loops in double precision. */
import { type Expression, index, input, select, unary } from "../../engine/kernel/expression";
import type { ElementType, SweepKernel } from "../../engine/kernel/kernel";
import { bool, denseStrides, float, int, sizeOf } from "../backends/support";
import { assertClose } from "../support/numbers";
import { gpuBackend } from "./device";
import {
  TARGETS,
  add,
  assertRun,
  dice,
  div,
  flags,
  isAbove,
  map,
  mul,
  perColumn,
  sub,
  total,
  uniform,
  whole,
} from "./support";

/** Along short and long rows, few and many, across columns, of middle axes, and of all. */
const REDUCTIONS: readonly (readonly [shape: readonly number[], axes: readonly number[]])[] = [
  [[5], [0]],
  [[1027], [0]],
  [[40_001], [0]],
  [[300, 8], [1]],
  [[7, 36], [1]],
  [[20, 516], [1]],
  [[3, 1001], [1]],
  [[1026, 64], [1]],
  [[50, 12], [0]],
  [[700, 3], [0]],
  [[9, 1030], [0]],
  [[70, 260], [0]],
  [
    [6, 5, 40],
    [0, 2],
  ],
  [
    [2, 3, 4, 12],
    [1, 3],
  ],
  [[12, 10, 9], [1]],
  [
    [4, 1, 6],
    [0, 1],
  ],
  [[6, 0], [1]],
  [[0, 3], [0]],
];

const SIZES = [1, 6, 64, 4099, 131_072];

for (const { name, target } of TARGETS)
  describe(`elementwise kernels on the GPU, ${name}`, function () {
    // Adapters in software take their time to compile.
    this.timeout(120_000);

    it("maps read through views and write floats, whole numbers and flags", async () => {
      const backend = await gpuBackend(target);
      for (const shape of [[3], [5, 8], [4, 6], [2, 3, 4], []]) {
        const size = sizeOf(shape);
        const views = [
          whole(shape, 4),
          { strides: denseStrides(shape), offset: 1 },
          { strides: shape.map(() => 0), offset: 2 },
        ];
        const inputs = [float(uniform(size + 4)), bool(flags(size + 1)), int([1, 2, -3])];
        const bodies: readonly (readonly [Expression, ElementType])[] = [
          [add(mul(input(0), 2), select(input(1), input(2), 0.5)), "float32"],
          [add(mul(input(1), input(2)), 3), "int32"],
          [isAbove(input(0), 0), "bool"],
        ];
        for (const [body, type] of bodies)
          await assertRun(backend, `[${shape.join()}] to ${type}`, {
            kernel: { kind: "map", shape, views, body },
            inputs,
            outputs: [type],
          });
      }
    });

    it("reductions of every form are those of the definition", async () => {
      const backend = await gpuBackend(target);
      for (const [shape, axes] of REDUCTIONS) {
        const columns = shape[shape.length - 1];
        const inputs = [float(uniform(sizeOf(shape))), float(uniform(columns))];
        for (const combine of ["sum", "maximum", "minimum", "product"] as const) {
          // Most factors are exact, so that long products are not far off.
          const factor = select(isAbove(input(0), 0.98), mul(input(0), 1.01), select(isAbove(input(0), 0), -1, 1));
          const body = combine === "product" ? factor : mul(input(0), add(input(1), 1.5));
          if (shape.includes(0) && combine !== "sum" && combine !== "product") continue;
          await assertRun(backend, `${combine} [${shape.join()}] along ${axes.join()}`, {
            kernel: { kind: "reduce", shape, axes, views: [whole(shape), perColumn(shape)], body, combine },
            inputs,
          });
        }
      }
    });

    it("reductions read transposed and reversed inputs", async () => {
      const backend = await gpuBackend(target);
      for (const shape of [
        [40, 70],
        [1030, 50],
        [6, 2000],
        [3, 4],
      ]) {
        const [m, n] = shape;
        const views = [
          { strides: [1, m], offset: 0 },
          { strides: [-n, -1], offset: m * n - 1 },
        ];
        const inputs = [float(uniform(m * n)), float(uniform(m * n))];
        for (const axes of [[0], [1], [0, 1]]) {
          const body = unary("abs", sub(input(0), mul(input(1), index(1))));
          const kernel = { kind: "reduce", shape, axes, views, body, combine: "sum" } as const;
          await assertRun(backend, `[${shape.join()}] along ${axes.join()}`, { kernel, inputs });
          await assertRun(backend, `[${shape.join()}] along ${axes.join()}, one`, {
            kernel: { ...kernel, views: [views[0]], body: input(0), combine: "maximum" },
            inputs: [inputs[0]],
          });
        }
      }
    });

    it("sweeps may have many totals", async () => {
      const backend = await gpuBackend(target);
      const size = 3000;
      const results = Array.from({ length: 16 }, (_, i) =>
        total(i % 3 === 0 ? "maximum" : "sum", unary("abs", add(input(0), i))),
      );
      const kernel: SweepKernel = { kind: "sweep", shape: [size], views: [whole([size])], results };
      await assertRun(backend, "16 totals", { kernel, inputs: [float(uniform(size))] });
    });

    it("reductions count in whole numbers, and find any and all of flags", async () => {
      const backend = await gpuBackend(target);
      for (const [shape, axes] of REDUCTIONS) {
        const size = sizeOf(shape);
        const common = { kind: "reduce", shape, axes, views: [whole(shape)], body: input(0) } as const;
        const wholes = int(Array.from({ length: size }, () => dice.whole(-1000, 1000)));
        const kept = sizeOf(shape.filter((_, axis) => !axes.includes(axis)));
        // Few, so that some numbers have none.
        const set = bool(Array.from({ length: size }, () => Number(dice.uniform() < (0.7 * kept) / Math.max(1, size))));
        const unset = bool(Array.from(set.data, (x) => 1 - x));
        const where = `[${shape.join()}] along ${axes.join()}`;
        await assertRun(backend, `sum ${where}`, {
          kernel: { ...common, combine: "sum" },
          inputs: [wholes],
          outputs: ["int32"],
        });
        if (size === 0) continue;
        await assertRun(backend, `any ${where}`, {
          kernel: { ...common, combine: "maximum" },
          inputs: [set],
          outputs: ["bool"],
        });
        await assertRun(backend, `all ${where}`, {
          kernel: { ...common, combine: "minimum" },
          inputs: [unset],
          outputs: ["bool"],
        });
      }
    });

    it("the largest and the smallest number of any form of reduction are NaN beside a NaN", async () => {
      const backend = await gpuBackend(target);
      for (const [shape, axes] of REDUCTIONS.filter(([each]) => sizeOf(each) > 100))
        for (const special of [NaN, Infinity, -Infinity, -NaN])
          for (const combine of ["maximum", "minimum"] as const) {
            const data = uniform(sizeOf(shape));
            for (let i = 3; i < data.length; i += 97) data[i] = special;
            const kernel = { kind: "reduce", shape, axes, views: [whole(shape)], body: input(0), combine } as const;
            const name = `${combine} of ${special}, [${shape.join()}] along ${axes.join()}`;
            await assertRun(backend, name, { kernel, inputs: [float(data)] });
          }
    });

    it("a million tenths are a hundred thousand", async () => {
      const backend = await gpuBackend(target);
      const tenths = new Float32Array(1_000_000).fill(0.1);
      const out = backend.allocate("float32", 1);
      const read = backend.allocate("float32", tenths.length);
      backend.write(read, tenths);
      const common = { shape: [tenths.length], views: [{ strides: [1], offset: 0 }] };
      const kernels = [
        { kind: "reduce", ...common, axes: [0], body: input(0), combine: "sum" },
        { kind: "sweep", ...common, results: [total("sum", input(0))] },
      ] as const;
      for (const kernel of kernels) {
        backend.prepare([{ kernel, inputs: [read], outputs: [out] }]).run(0, 1);
        assertClose(await backend.read(out), [100_000], 3e-6, kernel.kind);
      }
      for (const buffer of [read, out]) backend.release(buffer);
    });

    it("sweeps make maps and totals together, in place, too", async () => {
      const backend = await gpuBackend(target);
      for (const size of SIZES)
        for (const shape of size % 4 === 0 && size < 100_000 ? [[size], [4, size / 4]] : [[size]]) {
          const results = [
            map(add(mul(input(0), 0.9), mul(input(1), input(2)))),
            total("sum", mul(input(0), input(0))),
            map(sub(input(1), mul(input(0), 0.5))),
            total("maximum", unary("abs", input(1))),
            total("minimum", add(input(0), div(index(shape.length - 1), size))),
            total("maximum", isAbove(input(0), 2)),
          ];
          const views = [whole(shape), whole(shape), { strides: shape.map(() => 0), offset: 1 }];
          const inputs = [float(uniform(size)), float(uniform(size)), float([5, 0.25])];
          const outputs = [undefined, undefined, undefined, undefined, undefined, "bool"] as const;
          for (const places of [
            undefined,
            new Map([[0, 0]]),
            new Map([
              [0, 1],
              [2, 0],
            ]),
          ])
            await assertRun(backend, `[${shape.join()}], in place of ${[...(places?.values() ?? [])].join()}`, {
              kernel: { kind: "sweep", shape, views, results },
              inputs,
              outputs,
              places,
            });
        }
    });

    it("sweeps write flags and whole numbers, and total nothing", async () => {
      const backend = await gpuBackend(target);
      for (const size of [1, 7, 260, 5001]) {
        const results = [
          map(isAbove(input(0), 0)),
          map(add(input(1), 1)),
          total("sum", input(1)),
          total("sum", unary("abs", input(0))),
          map(unary("not", input(2))),
        ];
        const views = [1, 2, 3].map(() => whole([size]));
        const inputs = [
          float(uniform(size)),
          int(Array.from({ length: size }, () => dice.whole(-50, 50))),
          bool(flags(size)),
        ];
        const outputs = ["bool", "int32", "int32", "float32", "bool"] as const;
        for (const places of [
          undefined,
          new Map([
            [1, 1],
            [4, 2],
          ]),
        ])
          await assertRun(backend, `${size}`, {
            kernel: { kind: "sweep", shape: [size], views, results },
            inputs,
            outputs,
            places,
          });
      }
      const results = [map(input(0)), total("sum", input(0)), total("product", input(0))];
      const kernel: SweepKernel = { kind: "sweep", shape: [0], views: [whole([0])], results };
      await assertRun(backend, "none", { kernel, inputs: [float([])] });
    });
  });
