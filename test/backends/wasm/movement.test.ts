import assert from "node:assert/strict";
import { DispatchError } from "../../../engine/backends/backend";
import { createJsBackend } from "../../../engine/backends/js/index";
import { createWasmBackend } from "../../../engine/backends/wasm/index";
import type { ElementType } from "../../../engine/kernel/kernel";
import { Dice, type Input, bool, denseStrides, float, indicesOf, int, offsetOf, runKernel, sizeOf } from "../support";
import { runPieces } from "./pieces";

const TYPES = ["float32", "int32", "bool"] as const;

/** Sizes around what vectors, groups of them, unrolled loops and pieces take. */
const LENGTHS = [1, 2, 3, 4, 5, 7, 8, 10, 13, 16, 17, 31, 32, 33, 48, 65, 130] as const;

/** Random elements of a type: floats and integers with ties and signs. */
function input(type: ElementType, size: number, dice: Dice): Input {
  if (type === "bool") return bool(Array.from({ length: size }, () => dice.whole(0, 1)));
  const data = Array.from({ length: size }, () => dice.whole(-9, 9));
  return type === "int32" ? int(data) : float(data.map((value) => value / 8));
}

/** Position of (o, j, i) in an array [outer, length, inner]. */
const at = (o: number, j: number, i: number, length: number, inner: number): number => (o * length + j) * inner + i;

describe("argument in WebAssembly", () => {
  /** The definition: the first NaN, or else the first of the best. */
  const expected = (
    which: "maximum" | "minimum",
    data: ArrayLike<number>,
    [outer, length, inner]: readonly number[],
  ): number[] =>
    indicesOf([outer, inner]).map(([o, i]) => {
      const line = Array.from({ length }, (_, j) => data[at(o, j, i, length, inner)]);
      const nan = line.findIndex(Number.isNaN);
      // −0 and 0 are equal, which indexOf knows.
      return nan >= 0 ? nan : line.indexOf(which === "maximum" ? Math.max(...line) : Math.min(...line));
    });

  for (const type of TYPES)
    it(`rows and columns of ${type} of every length`, () => {
      const dice = new Dice(31);
      for (const length of LENGTHS)
        for (const inner of [1, 2, 4, 7, 16, 23, 70]) {
          const sizes = [dice.whole(1, 5), length, inner] as const;
          const [outer] = sizes;
          const given = input(type, sizeOf(sizes), dice);
          for (const which of ["maximum", "minimum"] as const) {
            const kernel = { kind: "argument", which, outer, length, inner } as const;
            const { values } = runPieces(kernel, [given], { type: "int32", size: outer * inner }, dice);
            assert.deepEqual(Array.from(values), expected(which, given.data, sizes), `${which} of ${sizes.join()}`);
          }
        }
    });

  it("the first NaN is both the largest and the smallest, wherever it is", () => {
    const dice = new Dice(32);
    for (const length of LENGTHS)
      for (const inner of [1, 5, 18]) {
        const sizes = [6, length, inner] as const;
        const data = Array.from({ length: sizeOf(sizes) }, () =>
          dice.uniform() < 1 / length ? NaN : dice.pick([-Infinity, Infinity, -0, 0, 1]),
        );
        for (const which of ["maximum", "minimum"] as const) {
          const kernel = { kind: "argument", which, outer: 6, length, inner } as const;
          const { values } = runPieces(kernel, [float(data)], { type: "int32", size: 6 * inner }, dice);
          assert.deepEqual(Array.from(values), expected(which, data, sizes), `${which} of ${sizes.join()}`);
        }
      }
  });

  it("the ends of the range of integers", () => {
    const data = [0, -0x80000000, 0x7fffffff, -0x80000000, 0x7fffffff];
    for (const [which, position] of [
      ["maximum", 2],
      ["minimum", 1],
    ] as const) {
      const kernel = { kind: "argument", which, outer: 1, length: 5, inner: 1 } as const;
      assert.deepEqual([...runPieces(kernel, [int(data)], { type: "int32", size: 1 }, new Dice(1)).values], [position]);
    }
  });
});

describe("cumulativeSum in WebAssembly", () => {
  for (const type of TYPES)
    it(`sums of ${type} from either end`, () => {
      const dice = new Dice(33);
      for (const length of [1, 2, 5, 33])
        for (const inner of [1, 3, 4, 6, 16, 23, 70]) {
          const outer = dice.whole(1, 4);
          const given = input(type, outer * length * inner, dice);
          for (const reverse of [false, true]) {
            const kernel = { kind: "cumulativeSum", outer, length, inner, reverse } as const;
            const output = { type: type === "bool" ? "int32" : type, size: given.data.length } as const;
            const { values } = runPieces(kernel, [given], output, dice);
            const expected = indicesOf([outer, length, inner]).map(([o, j, i]) => {
              let sum = 0;
              for (let from = 0; from < length; from++)
                if (reverse ? from >= j : from <= j) sum += given.data[at(o, from, i, length, inner)];
              return sum;
            });
            assert.deepEqual(Array.from(values), expected);
          }
        }
    });

  it("keeps sums in double precision, and integers modulo 2³²", () => {
    for (const inner of [1, 4]) {
      const column = (values: readonly number[]): number[] =>
        values.flatMap((value) => new Array<number>(inner).fill(value));
      const kernel = { kind: "cumulativeSum", outer: 1, length: 3, inner, reverse: false } as const;
      const output = { size: 3 * inner } as const;
      const floats = runPieces(kernel, [float(column([1e10, 1, -1e10]))], { ...output, type: "float32" }, new Dice(2));
      assert.deepEqual(Array.from(floats.values), column([1e10, 1e10, 1]));
      const integers = runPieces(kernel, [int(column([0x7fffffff, 1, 1]))], { ...output, type: "int32" }, new Dice(2));
      assert.deepEqual(Array.from(integers.values), column([0x7fffffff, -0x80000000, -0x7fffffff]));
    }
  });
});

describe("concat in WebAssembly", () => {
  const join = (parts: readonly Input[], lengths: readonly number[], outer: number, inner: number): number[] => {
    const expected: number[] = [];
    for (let o = 0; o < outer; o++)
      parts.forEach(({ data }, p) => {
        const width = lengths[p] * inner;
        for (let k = 0; k < width; k++) expected.push(data[o * width + k]);
      });
    return expected;
  };

  it("joins runs of every length of every type, and makes narrower types wider", () => {
    const dice = new Dice(34);
    for (let round = 0; round < 150; round++) {
      const [outer, inner] = [dice.whole(1, 12), dice.pick([1, 1, 2, 3, 17, 64])];
      const lengths = Array.from({ length: dice.whole(1, 12) }, () => dice.pick([0, 1, 2, 3, 5, 9, 16, 40]));
      const widest = dice.whole(0, 2);
      const parts = lengths.map((length) => {
        // Of TYPES, the wider ones come first; flags become numbers only where there are numbers.
        const type = TYPES[widest === 2 ? 2 : dice.whole(widest, 2)];
        return input(type, outer * length * inner, dice);
      });
      const expected = join(parts, lengths, outer, inner);
      const output = { type: TYPES[widest], size: expected.length };
      const { values } = runPieces({ kind: "concat", outer, lengths, inner }, parts, output, dice);
      assert.deepEqual(Array.from(values), expected);
    }
  });

  it("joins long runs, which are divided between pieces", () => {
    const dice = new Dice(35);
    for (const [outer, lengths] of [
      [1, [50_001, 3, 70_000]],
      [2, [30_000, 20_007]],
      [9, [700, 301]],
    ] as const)
      for (const types of [
        ["float32", "float32", "float32"],
        ["float32", "bool", "int32"],
        ["bool", "bool", "bool"],
      ] as const) {
        const parts = lengths.map((length, p) => input(types[p], outer * length, dice));
        const expected = join(parts, lengths, outer, 1);
        const output = { type: types[0], size: expected.length };
        const { values } = runPieces({ kind: "concat", outer, lengths: [...lengths], inner: 1 }, parts, output, dice);
        assert.deepEqual(Array.from(values), expected);
      }
  });

  it("makes no flags of numbers: that is left to the JavaScript backend", async () => {
    const kernel = { kind: "concat", outer: 1, lengths: [2, 1], inner: 1 } as const;
    const inputs = [float([2.5, -1.5]), int([7])];
    assert.throws(() => runPieces(kernel, inputs, { type: "int32", size: 3 }, new Dice(1)), /has code of its own/);
    assert.deepEqual([...(await runKernel(createJsBackend(), kernel, inputs, { type: "int32", size: 3 }))], [2, -1, 7]);
  });
});

describe("place in WebAssembly", () => {
  interface Placing {
    readonly inputShape: readonly number[];
    readonly start: readonly number[];
    readonly step: readonly number[];
    readonly shape: readonly number[];
  }

  function check({ inputShape, start, step, shape }: Placing, type: ElementType, value: number, dice: Dice): void {
    const given = input(type, sizeOf(inputShape), dice);
    const expected = new Array<number>(sizeOf(shape)).fill(value);
    for (const [flat, index] of indicesOf(inputShape).entries()) {
      const to = index.map((i, axis) => start[axis] + step[axis] * i);
      if (to.every((position, axis) => position >= 0 && position < shape[axis]))
        expected[offsetOf(to, denseStrides(shape))] = given.data[flat];
    }
    const kernel = { kind: "place", inputShape, start, step, shape, value } as const;
    const { values } = runPieces(kernel, [given], { type, size: expected.length }, dice);
    assert.deepEqual(Array.from(values), expected, JSON.stringify(kernel));
  }

  it("random shapes, starts and steps, with cropping and axes that stay whole", () => {
    const dice = new Dice(36);
    for (let round = 0; round < 400; round++) {
      const inputShape = Array.from({ length: dice.whole(0, 4) }, () => dice.pick([0, 1, 1, 2, 3, 4, 5, 19]));
      const whole = inputShape.map(() => dice.uniform() < 0.5);
      const step = inputShape.map((_, axis) => (whole[axis] ? 1 : dice.pick([1, 1, 2, 3, -1, -2])));
      const start = inputShape.map((size, axis) =>
        whole[axis] ? 0 : (step[axis] < 0 ? -step[axis] * Math.max(0, size - 1) : 0) + dice.whole(-2, 3),
      );
      const shape = inputShape.map((size, axis) =>
        whole[axis] ? size : Math.abs(step[axis]) * size + dice.whole(0, 4),
      );
      const type = dice.pick(TYPES);
      const value = type === "bool" ? dice.whole(0, 1) : dice.pick(type === "int32" ? [0, -7] : [0, -1.5, -Infinity]);
      check({ inputShape, start, step, shape }, type, value, dice);
    }
  });

  it("long runs, of one axis and of several, filled with values whose bytes differ or not", () => {
    const dice = new Dice(37);
    for (const [type, value] of [
      ["float32", 0],
      ["float32", 2.5],
      ["int32", -1],
      ["bool", 1],
    ] as const) {
      check({ inputShape: [9000], start: [777], step: [1], shape: [20_011] }, type, value, dice);
      check({ inputShape: [30, 300], start: [2, 0], step: [1, 1], shape: [50, 300] }, type, value, dice);
      check({ inputShape: [5, 700], start: [1, 403], step: [2, 1], shape: [12, 1501] }, type, value, dice);
      check({ inputShape: [3, 8, 65], start: [0, 2, -3], step: [1, 1, 1], shape: [3, 12, 66] }, type, value, dice);
      check({ inputShape: [4, 600], start: [0, 1], step: [1, 2], shape: [4, 1300] }, type, value, dice);
    }
  });

  it("nothing lands", () => {
    const dice = new Dice(38);
    for (const start of [
      [9, 0],
      [-9, 0],
      [0, 9],
      [0, -9],
    ])
      check({ inputShape: [2, 3], start, step: [1, 1], shape: [4, 5] }, "float32", 1.5, dice);
  });
});

describe("gather and scatterAdd in WebAssembly", () => {
  const INNER = [1, 2, 3, 4, 5, 16, 33, 64, 130, 300] as const;

  it("pick sub-arrays by index, of every type and width", () => {
    const dice = new Dice(39);
    for (const inner of INNER)
      for (const type of TYPES) {
        const [outer, length] = [dice.pick([1, 1, 2, 9]), dice.whole(1, 40)];
        const count = dice.pick([1, 2, 6, 23, 1500 / inner + 7]) | 0;
        const data = input(type, outer * length * inner, dice);
        const indices = Array.from({ length: count }, () => dice.whole(0, length - 1));
        const expected = indicesOf([outer, count, inner]).map(
          ([o, j, i]) => data.data[at(o, indices[j], i, length, inner)],
        );
        const kernel = { kind: "gather", outer, length, inner, count } as const;
        const { values, failure } = runPieces(kernel, [data, int(indices)], { type, size: expected.length }, dice);
        assert.equal(failure, undefined);
        assert.deepEqual(Array.from(values), expected);
      }
  });

  it("add sub-arrays in the order of the indices", () => {
    const dice = new Dice(40);
    for (const inner of INNER)
      for (const outer of [1, 2, 9]) {
        const [length, count] = [dice.whole(1, 12), dice.whole(1, 40)];
        const indices = Array.from({ length: count }, () => dice.whole(0, length - 1));
        // Sums of such numbers depend on their order.
        const source = Float32Array.from(
          { length: outer * count * inner },
          () => (dice.uniform() - 0.5) * 10 ** dice.whole(-3, 3),
        );
        const expected = new Float32Array(outer * length * inner);
        for (const [o, j, i] of indicesOf([outer, count, inner]))
          expected[at(o, indices[j], i, length, inner)] += source[at(o, j, i, count, inner)];
        const kernel = { kind: "scatterAdd", outer, length, inner, count } as const;
        const output = { type: "float32", size: expected.length } as const;
        assert.deepEqual(runPieces(kernel, [int(indices), float(source)], output, dice).values, expected);
      }
  });

  it("integers are added modulo 2³², and nothing leaves zeros", () => {
    const dice = new Dice(41);
    const kernel = { kind: "scatterAdd", outer: 1, length: 3, inner: 1, count: 3 } as const;
    const output = { type: "int32", size: 3 } as const;
    const { values } = runPieces(kernel, [int([2, 2, 0]), int([0x7fffffff, 1, 5])], output, dice);
    assert.deepEqual([...values], [5, 0, -0x80000000]);
    const none = runPieces({ ...kernel, count: 0 }, [int([]), int([])], output, dice);
    assert.deepEqual([...none.values], [0, 0, 0]);
  });

  it("the first index that is out of range is named, whatever thread meets it; nothing is read or written there", () => {
    const dice = new Dice(42);
    for (const [bad, later] of [
      [12, -1],
      [-1, 12],
      [10, 99],
      [-0x80000000, 0x7fffffff],
    ])
      for (const inner of [1, 40])
        for (const place of [0, 5, 16]) {
          const indices = Array.from({ length: 19 }, () => dice.whole(0, 9));
          indices[place] = bad;
          indices[place + 2] = later;
          const sizes = { outer: 2, length: 10, inner, count: 19 } as const;
          const data = float(dice.values(20 * inner));
          const gathered = runPieces(
            { kind: "gather", ...sizes },
            [data, int(indices)],
            { type: "float32", size: 38 * inner },
            dice,
          );
          const message = `index ${bad} is out of range for an axis of size 10; indices run from 0 to 9`;
          assert.equal(gathered.failure, message);
          const source = float(dice.values(38 * inner));
          const added = runPieces(
            { kind: "scatterAdd", ...sizes },
            [int(indices), source],
            { type: "float32", size: 20 * inner },
            dice,
          );
          assert.equal(added.failure, message);
          assert.ok(added.values.every((value) => value === 0));
        }
  });

  it("of two kernels that fail, the first is named, and the next run starts anew", async () => {
    const backend = createWasmBackend();
    assert.ok(backend);
    const kernel = { kind: "gather", outer: 1, length: 2, inner: 1, count: 1 } as const;
    const [data, bad, good] = [
      backend.allocate("float32", 2),
      backend.allocate("int32", 1),
      backend.allocate("int32", 1),
    ];
    const [out, other] = [backend.allocate("float32", 1), backend.allocate("float32", 1)];
    backend.write(data, [5, 6]);
    backend.write(bad, [2]);
    backend.write(good, [1]);
    const prepared = backend.prepare([
      { kernel, inputs: [data, good], outputs: [out] },
      { kernel, inputs: [data, bad], outputs: [other] },
      { kernel, inputs: [data, bad], outputs: [other] },
    ]);
    const error = new DispatchError(1, "index 2 is out of range for an axis of size 2; indices run from 0 to 1");
    assert.throws(() => {
      prepared.run(0, 3);
    }, error);
    assert.deepEqual([...(await backend.read(out))], [6]);
    backend.write(bad, [0]);
    prepared.run(0, 3);
    assert.deepEqual([...(await backend.read(other))], [5]);
  });

  it("no index is one of an empty axis", () => {
    const kernel = { kind: "gather", outer: 1, length: 0, inner: 2, count: 4 } as const;
    const { failure } = runPieces(kernel, [float([]), int([0, 1, 2, 3])], { type: "float32", size: 8 }, new Dice(43));
    assert.equal(failure, "index 0 is out of range for an axis of size 0; the axis is empty");
  });
});

describe("empty arrays in WebAssembly", () => {
  it("are nothing to do", () => {
    const dice = new Dice(44);
    const none = float([]);
    for (const [outer, inner] of [
      [0, 1],
      [0, 40],
      [3, 0],
    ]) {
      const sizes = { outer, length: 4, inner } as const;
      for (const [kernel, inputs] of [
        [{ kind: "argument", which: "maximum", ...sizes }, [none]],
        [{ kind: "cumulativeSum", reverse: false, ...sizes }, [none]],
        [{ kind: "concat", outer, inner, lengths: [4, 1] }, [none, none]],
        [{ kind: "gather", count: 2, ...sizes }, [none, int([3, 0])]],
        [{ kind: "scatterAdd", count: 2, ...sizes }, [int([3, 0]), none]],
      ] as const) {
        const type = kernel.kind === "argument" ? "int32" : "float32";
        const { values, failure } = runPieces(kernel, inputs, { type, size: 0 }, dice);
        assert.deepEqual([values.length, failure], [0, undefined]);
      }
      const wrong = { kind: "gather", count: 2, ...sizes } as const;
      const { failure } = runPieces(wrong, [none, int([3, 4])], { type: "float32", size: 0 }, dice);
      assert.match(failure ?? "", /^index 4 is out of range/);
    }
  });

  it("the position in a row without elements is 0", () => {
    for (const inner of [1, 5]) {
      const kernel = { kind: "argument", which: "minimum", outer: 2, length: 0, inner } as const;
      const { values } = runPieces(kernel, [float([])], { type: "int32", size: 2 * inner }, new Dice(45));
      assert.ok(values.every((value) => value === 0));
    }
  });
});
