import assert from "node:assert/strict";
import { createJsBackend } from "../../engine/backends/js/index";
import { Dice, bool, denseStrides, float, indicesOf, int, offsetOf, runKernel, sizeOf } from "./support";

const backend = createJsBackend();

/** Position of (o, j, i) in an array [outer, length, inner]. */
const at = (o: number, j: number, i: number, length: number, inner: number): number => (o * length + j) * inner + i;

/** Random sizes with zeros and ones among them, and runs long enough to be copied whole. */
const sizes = (dice: Dice): [outer: number, length: number, inner: number] => [
  dice.whole(0, 3),
  dice.whole(1, 5),
  dice.pick([0, 1, 2, 5, 100]),
];

describe("argument", () => {
  it("the first largest and smallest along an axis, over random arrays with ties", async () => {
    const dice = new Dice(21);
    for (let round = 0; round < 60; round++) {
      const [outer, length, inner] = sizes(dice);
      const x = Float32Array.from({ length: outer * length * inner }, () => dice.whole(-2, 2));
      for (const which of ["maximum", "minimum"] as const) {
        const got = await runKernel(backend, { kind: "argument", which, outer, length, inner }, [float(x)], {
          type: "int32",
          size: outer * inner,
        });
        const expected = indicesOf([outer, inner]).map(([o, i]) => {
          const line = Array.from({ length }, (_, j) => x[at(o, j, i, length, inner)]);
          return line.indexOf(which === "maximum" ? Math.max(...line) : Math.min(...line));
        });
        assert.deepEqual(got, Int32Array.from(expected));
      }
    }
  });

  it("the first NaN is both", async () => {
    for (const which of ["maximum", "minimum"] as const) {
      const got = await runKernel(
        backend,
        { kind: "argument", which, outer: 1, length: 5, inner: 1 },
        [float([3, -1, NaN, NaN, 9])],
        { type: "int32", size: 1 },
      );
      assert.deepEqual([...got], [2]);
    }
  });
});

describe("cumulativeSum", () => {
  it("from either end, over random arrays", async () => {
    const dice = new Dice(22);
    for (let round = 0; round < 40; round++) {
      const [outer, length, inner] = sizes(dice);
      const x = dice.values(outer * length * inner);
      for (const reverse of [false, true]) {
        const got = await runKernel(backend, { kind: "cumulativeSum", outer, length, inner, reverse }, [float(x)], {
          type: "float32",
          size: x.length,
        });
        const expected = indicesOf([outer, length, inner]).map(([o, j, i]) => {
          let sum = 0;
          for (let from = 0; from < length; from++)
            if (reverse ? from >= j : from <= j) sum += x[at(o, from, i, length, inner)];
          return sum;
        });
        assert.deepEqual([...got], expected);
      }
    }
  });
});

describe("concat", () => {
  it("joins along the middle, over random arrays", async () => {
    const dice = new Dice(23);
    for (let round = 0; round < 60; round++) {
      const [outer, , inner] = sizes(dice);
      const lengths = Array.from({ length: dice.whole(1, 4) }, () => dice.whole(0, 4));
      const parts = lengths.map((length) => dice.values(outer * length * inner));
      const total = lengths.reduce((sum, length) => sum + length, 0);
      const expected: number[] = [];
      for (let o = 0; o < outer; o++) {
        parts.forEach((part, p) => expected.push(...part.slice(o * lengths[p] * inner, (o + 1) * lengths[p] * inner)));
      }
      const got = await runKernel(backend, { kind: "concat", outer, lengths, inner }, parts.map(float), {
        type: "float32",
        size: outer * total * inner,
      });
      assert.deepEqual([...got], expected);
    }
  });

  it("converts inputs of other types", async () => {
    const got = await runKernel(
      backend,
      { kind: "concat", outer: 1, lengths: [1, 2, 1], inner: 1 },
      [float([0.5]), int([-7, 9]), bool([1])],
      { type: "float32", size: 4 },
    );
    assert.deepEqual([...got], [0.5, -7, 9, 1]);
  });
});

describe("place", () => {
  it("scatters into a constant, over random shapes, starts and steps", async () => {
    const dice = new Dice(24);
    for (let round = 0; round < 150; round++) {
      const inputShape = Array.from({ length: dice.whole(0, 3) }, () => dice.whole(0, 4));
      const step = inputShape.map(() => dice.pick([1, 1, 2, 3, -1, -2]));
      // Some of it falls outside: negative padding crops.
      const start = inputShape.map(
        (size, axis) => (step[axis] < 0 ? -step[axis] * Math.max(0, size - 1) : 0) + dice.whole(-1, 2),
      );
      const shape = inputShape.map((size, axis) => Math.abs(step[axis]) * size + dice.whole(0, 3));
      const value = dice.pick([0, -1.5, -Infinity]);
      const x = dice.values(sizeOf(inputShape));
      const expected = new Array<number>(sizeOf(shape)).fill(value);
      for (const [flat, index] of indicesOf(inputShape).entries()) {
        const to = index.map((i, axis) => start[axis] + step[axis] * i);
        if (to.every((position, axis) => position >= 0 && position < shape[axis]))
          expected[offsetOf(to, denseStrides(shape))] = x[flat];
      }
      const got = await runKernel(backend, { kind: "place", inputShape, start, step, shape, value }, [float(x)], {
        type: "float32",
        size: expected.length,
      });
      assert.deepEqual([...got], expected);
    }
  });
});

describe("gather and scatterAdd", () => {
  it("pick sub-arrays by index, and add them back, over random arrays", async () => {
    const dice = new Dice(25);
    for (let round = 0; round < 60; round++) {
      const [outer, length, inner] = sizes(dice);
      const count = dice.whole(0, 7);
      const indices = Int32Array.from({ length: count }, () => dice.whole(0, length - 1));
      const data = dice.values(outer * length * inner);
      const source = dice.values(outer * count * inner);
      const picked = indicesOf([outer, count, inner]).map(([o, j, i]) => data[at(o, indices[j], i, length, inner)]);
      const added = new Float64Array(data.length);
      indicesOf([outer, count, inner]).forEach(
        ([o, j, i], flat) => (added[at(o, indices[j], i, length, inner)] += source[flat]),
      );

      const gather = { kind: "gather", outer, length, inner, count } as const;
      assert.deepEqual(
        [...(await runKernel(backend, gather, [float(data), int(indices)], { type: "float32", size: picked.length }))],
        picked,
      );
      const scatterAdd = { kind: "scatterAdd", outer, length, inner, count } as const;
      assert.deepEqual(
        [
          ...(await runKernel(backend, scatterAdd, [int(indices), float(source)], {
            type: "float32",
            size: added.length,
          })),
        ],
        [...added],
      );
    }
  });

  it("an index outside the axis is an error that names the range", async () => {
    const sizes = { outer: 1, length: 10, inner: 1, count: 1 };
    const error = { message: "index 12 is out of range for an axis of size 10; indices run from 0 to 9" };
    await assert.rejects(
      runKernel(backend, { kind: "gather", ...sizes }, [float(new Array(10).fill(0)), int([12])], {
        type: "float32",
        size: 1,
      }),
      error,
    );
    await assert.rejects(
      runKernel(backend, { kind: "scatterAdd", ...sizes }, [int([12]), float([1])], { type: "float32", size: 10 }),
      error,
    );
    await assert.rejects(
      runKernel(backend, { kind: "gather", ...sizes }, [float(new Array(10).fill(0)), int([-1])], {
        type: "float32",
        size: 1,
      }),
      /^Error: index -1 is out of range/,
    );
  });
});
