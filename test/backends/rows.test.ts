/** Rows on every backend against float64 loops that follow the kernel's definition. */
import assert from "node:assert/strict";
import type { Backend, Buffer } from "../../engine/backends/backend";
import { rowMajorStrides, sizeOf } from "../../engine/graph/shape";
import { type Expression, binary, index, input, select, unary } from "../../engine/kernel/expression";
import type { Combine, ElementType, RowsKernel, RowsResult, View } from "../../engine/kernel/kernel";
import { inputsOverwritten } from "../../engine/plan/in-place";
import { dice } from "../support/dice";
import { seeded } from "../support/fixtures";
import { leaf } from "../support/graph";
import { BACKENDS } from "../support/run";

type Numbers = ArrayLike<number>;

const element = (body: Expression, kept = true): RowsResult => ({ body, combine: undefined, over: "element", kept });
const once = (body: Expression, kept = false): RowsResult => ({ body, combine: undefined, over: "row", kept });
const row = (combine: Combine, body: Expression, kept = false): RowsResult => ({ body, combine, over: "row", kept });
const all = (combine: Combine, body: Expression): RowsResult => ({ body, combine, over: "all", kept: true });
const rows = (combine: Combine, body: Expression): RowsResult => ({ body, combine, over: "rows", kept: true });

const whole = (shape: readonly number[]): View => ({ strides: rowMajorStrides(shape), offset: 0 });
const perRow = (shape: readonly number[]): View => ({
  strides: [...rowMajorStrides(shape.slice(0, -1)), 0],
  offset: 0,
});
const perColumn = (shape: readonly number[]): View => ({
  strides: shape.map((_, axis) => (axis === shape.length - 1 ? 1 : 0)),
  offset: 0,
});

const add = (a: Expression | number, b: Expression | number): Expression => binary("add", a, b);
const sub = (a: Expression, b: Expression | number): Expression => binary("subtract", a, b);
const mul = (a: Expression | number, b: Expression | number): Expression => binary("multiply", a, b);
const div = (a: Expression | number, b: Expression | number): Expression => binary("divide", a, b);

interface Case {
  readonly name: string;
  /** Of these inputs: `x` for each element, `r` for each row, `c` for each column; `label` for each row, an int32. */
  readonly inputs: readonly ("x" | "r" | "c" | "label" | "flag")[];
  readonly results: (size: number, lastAxis: number) => readonly RowsResult[];
  /** Results that are flags. */
  readonly bool?: readonly number[];
  /** Results that may stand in the place of an input. */
  readonly places?: readonly (readonly [result: number, input: number])[];
}

const CASES: readonly Case[] = [
  {
    name: "softmax",
    inputs: ["x"],
    results: () => [
      row("maximum", mul(input(0), 3)),
      element(unary("exp", sub(mul(input(0), 3), input(1))), false),
      row("sum", input(2)),
      element(div(input(2), input(3))),
    ],
    places: [[3, 0]],
  },
  {
    name: "softmax's gradient",
    inputs: ["x", "x"],
    results: () => [row("sum", mul(input(0), input(1))), element(mul(input(0), sub(input(1), input(2))))],
    places: [
      [1, 0],
      [1, 1],
    ],
  },
  {
    name: "layer normalisation",
    inputs: ["x", "x", "c", "c"],
    results: (size) => [
      element(add(input(0), add(input(1), input(2))), false),
      row("sum", input(4)),
      once(div(input(5), size)),
      element(sub(input(4), input(6))),
      row("sum", mul(input(7), input(7))),
      once(add(div(input(8), size), 1e-3), true),
      once(div(1, unary("sqrt", input(9))), true),
      element(mul(input(7), input(10))),
      element(add(mul(input(11), input(2)), input(3))),
      all("sum", mul(input(12), input(12))),
    ],
    places: [
      [3, 0],
      [3, 1],
    ],
  },
  {
    name: "layer normalisation's gradient",
    inputs: ["x", "x", "r", "c"],
    results: (size) => [
      element(mul(input(0), input(3)), false),
      row("sum", mul(input(4), input(1))),
      once(div(mul(input(5), input(2)), size)),
      element(add(mul(input(4), input(2)), mul(2, mul(input(6), input(1)))), false),
      row("sum", unary("negate", input(7))),
      once(div(input(8), size)),
      element(add(input(7), input(9))),
    ],
    places: [
      [6, 0],
      [6, 1],
    ],
  },
  {
    name: "cross-entropy of classes with its gradient",
    inputs: ["x", "c", "label"],
    results: (size, last) => [
      element(add(input(0), input(1))),
      row("maximum", input(3)),
      element(sub(input(3), input(4)), false),
      element(unary("exp", input(5)), false),
      row("sum", input(6)),
      once(unary("log", input(7))),
      element(binary("equal", index(last), input(2)), false),
      row("sum", select(input(9), sub(input(5), input(8)), 0)),
      rows("sum", unary("negate", input(10))),
      element(div(sub(div(input(6), input(7)), input(9)), size)),
      all("maximum", unary("abs", input(12))),
      rows("minimum", input(10)),
      rows("product", select(binary("less", input(4), 0.9), -1, 1)),
    ],
    places: [[0, 0]],
  },
  {
    name: "flags, products, positions and smallest numbers",
    inputs: ["x", "flag", "r"],
    results: (_, last) => [
      row("minimum", input(0), true),
      element(binary("lessEqual", input(0), add(input(3), 0.5))),
      row("product", select(input(4), add(1, mul(input(0), 0.01)), 1), true),
      element(add(mul(input(4), index(last)), mul(index(0), input(2)))),
      row("maximum", select(input(1), input(0), -2), true),
      once(binary("less", input(2), 0), true),
      all("minimum", input(6)),
      element(add(input(2), input(7))),
    ],
    bool: [1, 5],
  },
];

const SHAPES = [
  [3, 1],
  [5, 2],
  [7, 3],
  [4, 4],
  [9, 5],
  [6, 7],
  [3, 2, 8],
  [64, 10],
  [5, 13],
  [3, 16],
  [2, 2, 17],
  [4, 18],
  [3, 31],
  [2, 3, 5, 64],
  [9, 77],
  [3, 129],
  [2, 1030],
  [1, 5003],
  [900, 9],
];

/** Each result by a loop over rows and one over their elements, in double precision. */
function truth({ shape, views, results }: RowsKernel, inputs: readonly Numbers[]): Float64Array[] {
  const last = shape[shape.length - 1];
  const size = sizeOf(shape);
  const count = { element: size, row: size / last, rows: 1, all: 1 };
  const values: Float64Array[] = [];
  const start = { sum: 0, product: 1, maximum: -Infinity, minimum: Infinity };
  for (const { body, combine, over } of results) {
    const out = new Float64Array(count[over]).fill(combine ? start[combine] : 0);
    for (let flat = 0; flat < size; flat++) {
      const at = Math.floor(flat / last);
      // What is of a row is the same for each of its elements.
      if ((over === "rows" || (over === "row" && !combine)) && flat % last > 0) continue;
      const position = rowMajorStrides(shape).map((stride, axis) => Math.floor(flat / stride) % shape[axis]);
      const read = (i: number): number => {
        if (i < views.length)
          return inputs[i][position.reduce((sum, p, axis) => sum + p * views[i].strides[axis], views[i].offset)];
        const j = i - views.length;
        return values[j][results[j].over === "element" ? flat : at];
      };
      const value = evaluate(body, read, position);
      const to = { element: flat, row: at, rows: 0, all: 0 }[over];
      if (!combine) out[to] = value;
      else if (combine === "sum") out[to] += value;
      else if (combine === "product") out[to] *= value;
      else out[to] = combine === "maximum" ? Math.max(out[to], value) : Math.min(out[to], value);
    }
    values.push(out);
  }
  return values;
}

function evaluate(e: Expression, read: (i: number) => number, position: readonly number[]): number {
  const of = (each: Expression): number => evaluate(each, read, position);
  switch (e.kind) {
    case "input":
      return read(e.index);
    case "constant":
      return e.value;
    case "index":
      return position[e.axis];
    case "select":
      return of(e.test) !== 0 ? of(e.yes) : of(e.no);
    case "unary": {
      const a = of(e.a);
      const functions: Readonly<Record<string, (x: number) => number>> = {
        exp: Math.exp,
        log: Math.log,
        sqrt: Math.sqrt,
        abs: Math.abs,
        negate: (x) => -x,
        tanh: Math.tanh,
      };
      return functions[e.fn](a);
    }
    case "binary": {
      const [a, b] = [of(e.a), of(e.b)];
      const functions: Readonly<Record<string, (x: number, y: number) => number>> = {
        add: (x, y) => x + y,
        subtract: (x, y) => x - y,
        multiply: (x, y) => x * y,
        divide: (x, y) => x / y,
        equal: (x, y) => Number(x === y),
        less: (x, y) => Number(x < y),
        lessEqual: (x, y) => Number(x <= y),
        maximum: Math.max,
        minimum: Math.min,
      };
      return functions[e.fn](a, b);
    }
  }
}

function made(backend: Backend, type: ElementType, data: Numbers): Buffer {
  const buffer = backend.allocate(type, data.length);
  backend.write(buffer, data);
  return buffer;
}

interface Run {
  readonly kernel: RowsKernel;
  readonly inputs: readonly { readonly type: ElementType; readonly data: Numbers }[];
  /** Results that are flags. */
  readonly bool?: readonly number[];
  /** By result: the input in whose place it stands. */
  readonly places?: ReadonlyMap<number, number>;
}

async function assertRows(
  name: string,
  { kernel, inputs, bool = [], places = new Map<number, number>() }: Run,
  { backend, name: which }: (typeof BACKENDS)[number],
): Promise<void> {
  const expected = truth(
    kernel,
    inputs.map(({ data }) => data),
  );
  const kept = kernel.results.flatMap((result, j) => (result.kept ? [j] : []));
  const buffers = inputs.map(({ type, data }) => made(backend, type, data));
  const own: Buffer[] = [];
  const outputs = kept.map((j) => {
    const place = places.get(j);
    if (place !== undefined) return buffers[place];
    const buffer = made(backend, bool.includes(j) ? "bool" : "float32", new Float32Array(expected[j].length).fill(7));
    own.push(buffer);
    return buffer;
  });
  const prepared = backend.prepare([{ kernel, inputs: buffers, outputs }]);
  prepared.run(0, 1);
  const scale = Math.sqrt(kernel.shape[kernel.shape.length - 1]);
  for (const [k, j] of kept.entries()) {
    const got = await backend.read(outputs[k]);
    assert.equal(got.length, expected[j].length);
    const most = expected[j].reduce((m, x) => (Number.isFinite(x) ? Math.max(m, Math.abs(x)) : m), 1);
    for (let i = 0; i < got.length; i++) {
      const isSame = Object.is(got[i], expected[j][i]) || Math.abs(got[i] - expected[j][i]) <= 2e-6 * most * scale;
      assert.ok(isSame, `${name} on ${which}, result ${j}, element ${i}: ${got[i]} in place of ${expected[j][i]}`);
    }
  }
  // What nothing stands in the place of is as it was.
  for (const [i, { data }] of inputs.entries())
    if (![...places.values()].includes(i)) assert.deepEqual([...(await backend.read(buffers[i]))], Array.from(data));
  prepared.dispose();
  for (const buffer of [...buffers, ...own]) backend.release(buffer);
}

const rounded = (shape: readonly number[], seed: number): number[] => [...seeded(shape, seed).data].map(Math.fround);

/** A case's kernel over a shape with numbers for it. */
function caseOf({ inputs, results, bool }: Case, shape: readonly number[]): Run {
  const last = shape.length - 1;
  const count = {
    x: sizeOf(shape),
    flag: sizeOf(shape),
    c: shape[last],
    r: sizeOf(shape.slice(0, -1)),
    label: sizeOf(shape.slice(0, -1)),
  };
  const views = { x: whole, flag: whole, c: perColumn, r: perRow, label: perRow };
  return {
    kernel: {
      kind: "rows",
      shape,
      views: inputs.map((kind) => views[kind](shape)),
      results: results(shape[last], last),
    },
    inputs: inputs.map((kind, i) => {
      const data = rounded([count[kind]], i * 31 + shape[last]);
      if (kind === "label") return { type: "int32" as const, data: data.map((_, j) => (j * 7) % shape[last]) };
      if (kind === "flag") return { type: "bool" as const, data: data.map((x) => Number(x > 0)) };
      return { type: "float32" as const, data };
    }),
    bool,
  };
}

/** Results of what was there before, tame enough that float32 stays close to the truth. */
function randomResults(
  roll: (n: number) => number,
  size: number,
  views: number,
  along: readonly boolean[],
): RowsResult[] {
  const results: RowsResult[] = [];
  const varying = [...along];
  /** That may be read: not what is combined over all. */
  const readable = [...along.keys()];
  const operand = (): number => readable[roll(readable.length)];
  const count = 3 + roll(7);
  while (results.length < count) {
    const [a, b, c] = [operand(), operand(), operand()];
    const body = [
      () => add(mul(input(a), 0.5), mul(input(b), 0.25)),
      () => unary("tanh", add(input(a), input(b))),
      () => mul(unary("tanh", input(a)), unary("tanh", input(b))),
      () => unary("exp", unary("negate", unary("abs", sub(input(a), input(b))))),
      () => div(input(a), add(1.5, mul(input(b), input(b)))),
      () => select(binary("lessEqual", add(input(c), 1e3), 0), input(a), unary("sqrt", unary("abs", input(b)))),
    ][roll(6)]();
    const isVarying = [a, b, c].some((i) => varying[i]);
    const kept = roll(3) > 0;
    const kind = roll(isVarying ? 5 : 6);
    const combine = (["sum", "maximum", "minimum"] as const)[roll(3)];
    const result: RowsResult =
      kind < 3
        ? element(body, kept)
        : kind === 3
          ? row(combine, div(body, size), kept)
          : kind === 4
            ? all(combine, div(body, size))
            : once(body, kept);
    if (result.over !== "all") readable.push(views + results.length);
    varying.push(result.over === "element");
    results.push(result);
  }
  return results;
}

describe("rows", () => {
  for (const each of CASES)
    it(`of ${each.name} are those of the definition`, async () => {
      for (const on of BACKENDS)
        for (const shape of SHAPES) await assertRows(`[${shape.join()}]`, caseOf(each, shape), on);
    });

  for (const each of CASES.filter(({ places }) => places))
    it(`of ${each.name} may stand in the place of an input`, async () => {
      for (const on of BACKENDS)
        for (const shape of SHAPES)
          for (const [result, place] of each.places ?? [])
            await assertRows(
              `[${shape.join()}], ${result} in place of ${place}`,
              { ...caseOf(each, shape), places: new Map([[result, place]]) },
              on,
            );
    });

  it("of random expressions are those of the definition, in place where a plan would have them", async () => {
    const roll = dice(5);
    for (let round = 0; round < 120; round++) {
      const shape = [...[[3], [2, 2], [17]][roll(3)], [1, 3, 4, 6, 9, 16, 18, 33, 70, 300][roll(10)]];
      const kinds = ["x", "x", "c", "r"] as const;
      const views = 2 + roll(3);
      const each: Case = {
        name: "",
        inputs: kinds.slice(0, views),
        results: (size) => randomResults(roll, size, views, [true, true, true, false].slice(0, views)),
      };
      const run = caseOf(each, shape);
      const outputs = run.kernel.results.flatMap((result, j) => (result.kept ? [j] : []));
      const isElement = (j: number): boolean => run.kernel.results[j].over === "element";
      // As a plan asks it: slots of inputs are their numbers, those of outputs follow.
      const overwritten = inputsOverwritten(
        {
          kernel: run.kernel,
          inputs: run.inputs.map((_, i) => i),
          outputs: outputs.map((j) => 100 + j),
          node: leaf([1]),
        },
        (from, to) => isElement(to - 100) && run.inputs[from].data.length === sizeOf(shape),
      );
      const places = new Map(
        overwritten.flatMap((place, i) => (place === undefined ? [] : [[outputs[i], place] as const])),
      );
      for (const on of BACKENDS) {
        await assertRows(`round ${round}`, run, on);
        if (places.size > 0) await assertRows(`round ${round}, in place`, { ...run, places }, on);
      }
    }
  });

  it("hold what is not a number, and infinities, as the definition does", async () => {
    const special = [NaN, Infinity, -Infinity, -0, 3e38, 1e-40];
    for (const on of BACKENDS)
      for (const length of [3, 6, 16, 29, 140])
        for (const which of special) {
          const shape = [7, length];
          const x = rounded(shape, length);
          for (const at of [0, 2, length - 1]) x[(at % 7) * length + at] = which;
          const results = [
            row("maximum", input(0), true),
            row("minimum", input(0), true),
            element(sub(input(0), input(1))),
          ];
          const kernel: RowsKernel = { kind: "rows", shape, views: [whole(shape)], results };
          await assertRows(
            `${which} in ${length}`,
            { kernel, inputs: [{ type: "float32", data: x.map(Math.fround) }] },
            on,
          );
        }
  });

  it("keep whole numbers apart that float32 would not", async () => {
    const shape = [3, 5];
    const results = [element(sub(input(0), input(1))), row("minimum", input(2), true)];
    const kernel: RowsKernel = { kind: "rows", shape, views: [whole(shape), perRow(shape)], results };
    const data = new Float32Array(15).fill(20_000_000);
    const inputs = [
      { type: "float32" as const, data },
      { type: "int32" as const, data: [20_000_001, 19_999_999, 20_000_003] },
    ];
    for (const on of BACKENDS) await assertRows("differences", { kernel, inputs }, on);
  });

  it("may be few or long, and come in several pieces with one total", async () => {
    for (const on of BACKENDS)
      for (const shape of [
        [1, 40_000],
        [3000, 6],
        [40, 700],
      ]) {
        const results = [
          row("sum", input(0)),
          element(sub(input(0), div(input(1), shape[1]))),
          rows("sum", input(1)),
          all("maximum", input(2)),
          all("sum", unary("abs", input(2))),
        ];
        const kernel: RowsKernel = { kind: "rows", shape, views: [whole(shape)], results };
        await assertRows(`[${shape.join()}]`, { kernel, inputs: [{ type: "float32", data: rounded(shape, 3) }] }, on);
      }
  });
});
