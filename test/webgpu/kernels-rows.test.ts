/** Rows on the GPU, in all shapes of code that adapters get, against loops in double precision. */
import { binary, index, input, select, unary } from "../../engine/kernel/expression";
import type { ElementType, RowsKernel, RowsResult } from "../../engine/kernel/kernel";
import { bool, float, int, sizeOf } from "../backends/support";
import { gpuBackend } from "./device";
import {
  type Run,
  TARGETS,
  add,
  all,
  assertRun,
  dice,
  div,
  element,
  flags,
  isAbove,
  mul,
  once,
  perColumn,
  perRow,
  row,
  rows,
  sub,
  uniform,
  whole,
} from "./support";

interface RowsCase {
  readonly name: string;
  /** `x` for each element, `r` for each row, `c` for each column, `label` for each row, an int32; `flag` for each element. */
  readonly inputs: readonly ("x" | "r" | "c" | "label" | "flag")[];
  readonly results: (size: number, along: number) => readonly RowsResult[];
  readonly outputs?: readonly (ElementType | undefined)[];
  /** A kept result, and the input in whose place it may stand. */
  readonly place?: readonly [kept: number, input: number];
}

const ROWS: readonly RowsCase[] = [
  {
    name: "softmax",
    inputs: ["x"],
    results: () => [
      row("maximum", mul(input(0), 3)),
      element(unary("exp", sub(mul(input(0), 3), input(1))), false),
      row("sum", input(2)),
      element(div(input(2), input(3))),
    ],
    place: [0, 0],
  },
  {
    name: "layer normalisation with what its gradient needs",
    inputs: ["x", "x", "c", "c"],
    results: (size) => [
      element(add(input(0), add(input(1), input(2)))),
      row("sum", input(4)),
      once(div(input(5), size), true),
      element(sub(input(4), input(6)), false),
      row("sum", mul(input(7), input(7))),
      once(div(1, unary("sqrt", add(div(input(8), size), 1e-3))), true),
      element(add(mul(mul(input(7), input(9)), input(2)), input(3))),
      all("sum", mul(input(10), input(10))),
    ],
    place: [0, 1],
  },
  {
    name: "cross-entropy of classes with its gradient",
    inputs: ["x", "c", "label"],
    results: (size, along) => [
      element(add(input(0), input(1))),
      row("maximum", input(3)),
      element(sub(input(3), input(4)), false),
      element(unary("exp", input(5)), false),
      row("sum", input(6)),
      once(unary("log", input(7))),
      element(binary("equal", index(along), input(2)), false),
      row("sum", select(input(9), sub(input(5), input(8)), 0)),
      rows("sum", unary("negate", input(10))),
      element(div(sub(div(input(6), input(7)), input(9)), size)),
      all("maximum", unary("abs", input(12))),
      rows("minimum", input(10)),
    ],
    place: [0, 0],
  },
  {
    name: "flags and positions",
    inputs: ["x", "flag", "r"],
    results: (_, along) => [
      row("minimum", input(0), true),
      element(binary("lessEqual", input(0), add(input(3), 0.5))),
      row("product", select(input(4), add(1, mul(input(0), 0.01)), 1), true),
      element(add(mul(input(4), index(along)), mul(index(0), input(2)))),
      row("maximum", select(input(1), input(0), -2), true),
      once(binary("less", input(2), 0), true),
      all("minimum", input(6)),
      element(add(input(2), input(7))),
      rows("maximum", isAbove(input(3), 0.2)),
      row("maximum", isAbove(input(0), 0.9), true),
    ],
    outputs: [undefined, "bool", undefined, undefined, undefined, "bool", undefined, undefined, "bool", "bool"],
    place: [1, 1],
  },
];

const ROW_SHAPES: readonly (readonly number[])[] = [
  [3, 1],
  [7, 3],
  [90, 10],
  [130, 32],
  [3, 2, 130],
  [5, 516],
  [2, 5000],
];

function rowsRun({ inputs, results, outputs }: RowsCase, shape: readonly number[]): Run {
  const along = shape.length - 1;
  const [size, count] = [sizeOf(shape), sizeOf(shape.slice(0, -1))];
  const views = { x: whole, flag: whole, c: perColumn, r: perRow, label: perRow };
  const values = {
    x: () => float(uniform(size)),
    flag: () => bool(flags(size)),
    c: () => float(uniform(shape[along])),
    r: () => float(uniform(count)),
    label: () => int(Array.from({ length: count }, () => dice.whole(0, shape[along] - 1))),
  };
  return {
    kernel: {
      kind: "rows",
      shape,
      views: inputs.map((kind) => views[kind](shape)),
      results: results(shape[along], along),
    },
    inputs: inputs.map((kind) => values[kind]()),
    outputs,
  };
}

for (const { name, target } of TARGETS)
  describe(`rows on the GPU, ${name}`, function () {
    // Adapters in software take their time to compile.
    this.timeout(120_000);

    for (const each of ROWS)
      it(`of ${each.name}, in place, too`, async () => {
        const backend = await gpuBackend(target);
        for (const shape of ROW_SHAPES) {
          const run = rowsRun(each, shape);
          await assertRun(backend, `[${shape.join()}]`, run);
          if (each.place)
            await assertRun(backend, `[${shape.join()}], in place`, { ...run, places: new Map([each.place]) });
        }
      });

    it("many rows go through vectors and keep a number each", async () => {
      const backend = await gpuBackend(target);
      for (const shape of [
        [4098, 8],
        [4100, 132],
      ]) {
        const results = [
          row("maximum", input(0), true),
          row("sum", unary("exp", sub(input(0), input(1))), true),
          element(add(input(0), unary("log", input(2)))),
          all("sum", input(3)),
          once(isAbove(input(1), 0.9), true),
          rows("sum", input(2)),
        ];
        const kernel: RowsKernel = { kind: "rows", shape, views: [whole(shape)], results };
        const outputs = [undefined, undefined, undefined, undefined, "bool"] as const;
        await assertRun(backend, `[${shape.join()}]`, { kernel, inputs: [float(uniform(sizeOf(shape)))], outputs });
      }
    });
  });
