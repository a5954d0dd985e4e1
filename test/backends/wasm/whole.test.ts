/** Maps with whole numbers: to the last bit what double loops give. */
import assert from "node:assert/strict";
import "./support";
import { codeOf } from "../../../engine/backends/wasm/kernels";
import { type Expression, binary, constant, index, input, select, unary } from "../../../engine/kernel/expression";
import type { ElementType, MapKernel } from "../../../engine/kernel/kernel";
import { Dice, type Input, bool, denseStrides, float, indicesOf, int, offsetOf, sizeOf } from "../support";
import { runPieces } from "./pieces";

/** One element in doubles, as bodies are defined. */
function evaluate(e: Expression, at: readonly number[], read: (input: number) => number): number {
  const of = (operand: Expression): number => evaluate(operand, at, read);
  switch (e.kind) {
    case "input":
      return read(e.index);
    case "constant":
      return e.value;
    case "index":
      return at[e.axis];
    case "select":
      return of(e.test) !== 0 ? of(e.yes) : of(e.no);
    case "unary": {
      const a = of(e.a);
      switch (e.fn) {
        case "negate":
          return -a;
        case "abs":
          return Math.abs(a);
        case "not":
          return Number(a === 0);
        case "floor":
          return Math.floor(a);
        default:
          return assert.fail(e.fn);
      }
    }
    case "binary": {
      const [a, b] = [of(e.a), of(e.b)];
      switch (e.fn) {
        case "add":
          return a + b;
        case "subtract":
          return a - b;
        case "multiply":
          return a * b;
        case "divide":
          return a / b;
        case "maximum":
          return Math.max(a, b);
        case "minimum":
          return Math.min(a, b);
        case "less":
          return Number(a < b);
        case "lessEqual":
          return Number(a <= b);
        case "equal":
          return Number(a === b);
        case "notEqual":
          return Number(a !== b);
        default:
          return assert.fail(e.fn);
      }
    }
    default:
      return e satisfies never;
  }
}

function expectedOf({ shape, views, body }: MapKernel, inputs: readonly Input[], output: ElementType) {
  const numbers = indicesOf(shape).map((at) =>
    evaluate(body, at, (i) => Number(inputs[i].data[offsetOf(at, views[i].strides, views[i].offset)])),
  );
  // Typed arrays take doubles as outputs do.
  if (output === "float32") return Float32Array.from(numbers);
  return output === "int32" ? Int32Array.from(numbers) : Uint8Array.from(numbers, (x) => Number(x !== 0));
}

const hasCode = (kernel: MapKernel, inputs: readonly Input[], output: ElementType): boolean =>
  codeOf({ kernel, inputs: inputs.map(({ type }) => type), outputs: [output] }, { fused: false, wide: false }) !==
  undefined;

function check(kernel: MapKernel, inputs: readonly Input[], output: ElementType, dice: Dice): void {
  const { values } = runPieces(kernel, inputs, { type: output, size: sizeOf(kernel.shape) }, dice);
  assert.deepEqual(values, expectedOf(kernel, inputs, output), JSON.stringify(kernel));
}

const EXTREMES = [0, 1, -1, 2 ** 31 - 1, -(2 ** 31), 2 ** 24, 2 ** 24 + 1, -(2 ** 24) - 1, 7];

describe("maps with whole numbers", () => {
  const dice = new Dice(6);
  const map = (shape: readonly number[], strides: readonly (readonly number[])[], body: Expression): MapKernel => ({
    kind: "map",
    shape,
    views: strides.map((each) => ({ strides: each, offset: 0 })),
    body,
  });

  it("compare labels with positions", () => {
    for (const [rows, columns] of [
      [64, 10],
      [7, 3],
      [1, 1],
      [5, 1000],
      [700, 5],
    ]) {
      const labels = int(Int32Array.from({ length: rows }, () => dice.whole(0, columns - 1)));
      const positions = int(Int32Array.from({ length: columns }, (_, i) => i));
      const oneHot = binary("equal", input(0), input(1));
      for (const output of ["bool", "float32", "int32"] as const)
        check(
          map(
            [rows, columns],
            [
              [1, 0],
              [0, 1],
            ],
            oneHot,
          ),
          [labels, positions],
          output,
          dice,
        );
      check(map([rows, columns], [[1, 0]], binary("equal", input(0), index(1))), [labels], "float32", dice);
    }
  });

  it("count", () => {
    for (const size of [1, 3, 4, 10, 17, 9000]) {
      check(map([size], [], binary("add", index(0), 0)), [], "int32", dice);
      check(map([size], [], binary("add", binary("multiply", index(0), 3), -5)), [], "int32", dice);
      check(map([3, size], [], binary("add", index(0), index(1))), [], "float32", dice);
    }
  });

  it("hold numbers that float32 does not, and go over the edge as doubles that become an int32 do", () => {
    const [a, b] = [EXTREMES.flatMap((x) => EXTREMES.map(() => x)), EXTREMES.flatMap(() => EXTREMES)];
    const [x, y] = [input(0), input(1)];
    const bodies: readonly Expression[] = [
      ...(["add", "subtract", "maximum", "minimum", "less", "lessEqual", "equal", "notEqual"] as const).map((fn) =>
        binary(fn, x, y),
      ),
      unary("negate", x),
      unary("abs", x),
      unary("not", x),
      unary("floor", binary("add", x, y)),
      binary("multiply", x, 1_000_003),
      binary("subtract", binary("multiply", x, -3), binary("multiply", y, 70_000)),
      select(binary("less", x, y), x, binary("add", y, 1)),
      select(x, y, 5),
    ];
    for (const body of bodies) {
      const kernel = map([a.length], [[1], [1]], body);
      assert.ok(hasCode(kernel, [int(a), int(b)], "int32"));
      check(kernel, [int(a), int(b)], "int32", dice);
    }
    // As a flag or a float32 only what is itself within 32 bits.
    for (const body of [x, binary("maximum", x, y), binary("less", x, y), unary("not", y)])
      for (const output of ["bool", "float32"] as const)
        check(map([a.length], [[1], [1]], body), [int(a), int(b)], output, dice);
  });

  it("reduce to what each label picks, and to counts", () => {
    for (const [rows, columns] of [
      [1, 1],
      [9, 3],
      [64, 10],
      [5, 1000],
      [900, 7],
    ]) {
      const labels = int(Int32Array.from({ length: rows }, () => dice.whole(0, columns - 1)));
      const positions = int(Int32Array.from({ length: columns }, (_, i) => i));
      const values = float(dice.values(rows * columns));
      const isLabel = binary("equal", input(0), input(1));
      const strides = [
        [1, 0],
        [0, 1],
        [columns, 1],
      ];
      const picked = select(isLabel, input(2), 0);
      const at = (i: number, j: number): number => (labels.data[i] === j ? values.data[i * columns + j] : 0);
      for (const axes of [[1], [0], [0, 1]]) {
        const size = axes.length === 2 ? 1 : axes[0] === 1 ? rows : columns;
        const sums = new Float32Array(size);
        const counts = new Float32Array(size);
        for (let i = 0; i < rows; i++)
          for (let j = 0; j < columns; j++) {
            const to = axes.length === 2 ? 0 : axes[0] === 1 ? i : j;
            // Multiples of an eighth: their sums are exact.
            sums[to] += at(i, j);
            counts[to] += Number(labels.data[i] === j);
          }
        for (const [body, expected] of [
          [picked, sums],
          [isLabel, counts],
        ] as const) {
          const kernel = { ...map([rows, columns], strides, body), kind: "reduce", axes, combine: "sum" } as const;
          const { values: actual } = runPieces(kernel, [labels, positions, values], { type: "float32", size }, dice);
          assert.deepEqual(actual, expected, JSON.stringify([rows, columns, axes]));
        }
      }
    }
  });

  it("leave to doubles what only they hold", () => {
    const [x, y] = [input(0), input(1)];
    const numbers = [int(EXTREMES), int(EXTREMES)];
    const cases: readonly [Expression, ElementType][] = [
      [binary("multiply", x, y), "int32"],
      [binary("divide", x, y), "int32"],
      [binary("divide", x, y), "float32"],
      [binary("less", binary("add", x, y), 3), "bool"],
      [binary("add", x, y), "float32"],
      [binary("add", x, y), "bool"],
      [unary("negate", x), "float32"],
      [binary("multiply", x, 0.5), "int32"],
      [binary("multiply", x, 0.5), "float32"],
      [unary("sqrt", x), "int32"],
    ];
    for (const [body, output] of cases)
      assert.equal(hasCode(map([EXTREMES.length], [[1], [1]], body), numbers, output), false, JSON.stringify(body));
  });

  it("give what double loops do for random bodies, types, shapes and strides", () => {
    let taken = 0;
    for (let round = 0; round < 600; round++) {
      const shape = Array.from({ length: dice.whole(1, 3) }, () => dice.pick([1, 2, 3, 5, 8, 13, 40]));
      const inputs: Input[] = [];
      const views = Array.from({ length: dice.whole(1, 3) }, (_, i) => {
        const kept = shape.map((size) => (dice.uniform() < 0.3 ? 1 : size));
        const dense = denseStrides(kept);
        const flipped = dice.uniform() < 0.2;
        const strides = dense.map((stride, axis) => (kept[axis] === 1 ? 0 : flipped ? -stride : stride));
        const size = sizeOf(kept);
        const offset = flipped ? size - 1 : 0;
        // One at least makes it a map with whole numbers.
        const type = i === 0 ? "int32" : dice.pick(["int32", "bool", "float32"] as const);
        if (type === "bool") inputs.push(bool(Array.from({ length: size }, () => dice.whole(0, 1))));
        else if (type === "int32")
          inputs.push(
            int(Array.from({ length: size }, () => (dice.uniform() < 0.2 ? dice.pick(EXTREMES) : dice.whole(-9, 9)))),
          );
        else inputs.push(float(dice.values(size)));
        return { strides, offset };
      });
      const leaf = (): Expression =>
        dice.pick([
          () => input(dice.whole(0, inputs.length - 1)),
          () => index(dice.whole(0, shape.length - 1)),
          () => constant(dice.whole(-3, 3)),
        ])();
      const grow = (depth: number): Expression => {
        if (depth === 0) return leaf();
        const next = (): Expression => grow(depth - 1);
        return dice.pick([
          leaf,
          () => unary(dice.pick(["negate", "abs", "not"] as const), next()),
          () => binary(dice.pick(["add", "subtract", "multiply"] as const), next(), next()),
          () => binary(dice.pick(["maximum", "minimum"] as const), next(), next()),
          () => binary(dice.pick(["less", "lessEqual", "equal", "notEqual"] as const), next(), next()),
          () => select(next(), next(), next()),
        ])();
      };
      const kernel: MapKernel = { kind: "map", shape, views, body: grow(dice.whole(1, 3)) };
      const output = dice.pick(["int32", "bool", "float32"] as const);
      if (!hasCode(kernel, inputs, output)) continue;
      taken++;
      check(kernel, inputs, output, dice);
    }
    assert.ok(taken > 200, `${taken}`);
  });
});
