/** Views of memory under another shape: wherever there is one, it reads the same elements in the same order. */
import assert from "node:assert/strict";
import { rowMajorStrides, sizeOf } from "../../engine/graph/shape";
import type { View } from "../../engine/kernel/kernel";
import { isWhole, reshapedView } from "../../engine/plan/layout";
import { dice } from "../support/dice";

/** Positions in memory of all elements, in row-major order of the indices. */
function positions({ strides, offset }: View, shape: readonly number[]): number[] {
  let found = [offset];
  shape.forEach((size, axis) => {
    found = found.flatMap((at) => Array.from({ length: size }, (_, i) => at + i * strides[axis]));
  });
  return found;
}

const whole = (shape: readonly number[]): View => ({ strides: rowMajorStrides(shape), offset: 0 });

/** All ways to write a number as a product of `length` factors. */
function factorizations(size: number, length: number): number[][] {
  if (length === 0) return size === 1 ? [[]] : [];
  const found: number[][] = [];
  for (let first = 1; first <= size; first++)
    if (size % first === 0) found.push(...factorizations(size / first, length - 1).map((rest) => [first, ...rest]));
  return found;
}

describe("a view under another shape", () => {
  it("is there for every reshape of dense memory, wherever it begins", () => {
    for (const size of [1, 6, 12, 24, 30]) {
      const shapes = [0, 1, 2, 3, 4].flatMap((length) => factorizations(size, length));
      for (const from of shapes)
        for (const to of shapes) {
          const view = { ...whole(from), offset: 5 };
          const found = reshapedView(view, from, to);
          assert.ok(found, `[${from.join()}] as [${to.join()}]`);
          assert.deepEqual(positions(found, to), positions(view, from), `[${from.join()}] as [${to.join()}]`);
        }
    }
  });

  it("is there wherever one axis is split, whatever the others are like", () => {
    const roll = dice(11);
    for (let round = 0; round < 500; round++) {
      const from = Array.from({ length: 1 + roll(4) }, () => [1, 2, 3, 4, 6][roll(5)]);
      const view: View = { strides: from.map(() => roll(40) - 8), offset: 400 };
      const axis = roll(from.length);
      const parts = factorizations(from[axis], 1 + roll(3));
      const to = [...from.slice(0, axis), ...parts[roll(parts.length)], ...from.slice(axis + 1)];
      const found = reshapedView(view, from, to);
      assert.ok(found, `[${from.join()}] as [${to.join()}]`);
      assert.deepEqual(positions(found, to), positions(view, from));
    }
  });

  it("reads the same elements in the same order, of slices, permutations and broadcasts too", () => {
    const roll = dice(12);
    let [there, absent] = [0, 0];
    for (let round = 0; round < 4000; round++) {
      const base = Array.from({ length: roll(5) }, () => [1, 2, 3, 4][roll(4)]);
      let { strides, offset } = whole(base) as { strides: number[]; offset: number };
      let shape = [...base];
      for (let step = roll(3); step > 0 && shape.length > 0; step--) {
        const axis = roll(shape.length);
        switch (roll(4)) {
          case 0: {
            const order = shape.map((_, i) => i).toSorted(() => roll(3) - 1);
            [shape, strides] = [order.map((i) => shape[i]), order.map((i) => strides[i])];
            break;
          }
          case 1: {
            const start = roll(shape[axis]);
            const every = 1 + roll(2);
            offset += start * strides[axis];
            shape[axis] = Math.ceil((shape[axis] - start) / every);
            strides = strides.map((stride, i) => (i === axis ? stride * every : stride));
            break;
          }
          case 2:
            shape = shape.toSpliced(axis, 0, 1 + roll(3));
            strides = strides.toSpliced(axis, 0, 0);
            break;
          default:
            offset += (shape[axis] - 1) * strides[axis];
            strides = strides.map((stride, i) => (i === axis ? -stride : stride));
        }
      }
      const view: View = { strides, offset };
      const choices = factorizations(sizeOf(shape), 1 + roll(4));
      const to = choices[roll(choices.length)];
      const elements = positions(view, shape);
      const found = reshapedView(view, shape, to);
      if (found) assert.deepEqual(positions(found, to), elements, `[${shape.join()}] as [${to.join()}]`);
      if (found) there++;
      else {
        absent++;
        assert.ok(!hasView(elements, to), `[${shape.join()}]/[${strides.join()}] has a view as [${to.join()}]`);
      }
    }
    assert.ok(there > 500 && absent > 200, `${there} there, ${absent} absent`);
  });

  it("is not there for another number of elements", () => {
    for (const [from, to] of [
      [[4], [3]],
      [[2, 3], [7]],
      [[6], [2, 2]],
      [[], [2]],
      [[3], []],
    ])
      assert.equal(reshapedView(whole(from), from, to), undefined, `[${from.join()}] as [${to.join()}]`);
  });
});

/** Whether elements lie evenly along each axis of a shape: then strides describe them. */
function hasView(elements: readonly number[], shape: readonly number[]): boolean {
  const strides = shape.map((size, axis) => {
    const step = sizeOf(shape.slice(axis + 1));
    return size === 1 ? 0 : elements[step] - elements[0];
  });
  const evenly = positions({ strides, offset: elements[0] }, shape);
  return evenly.every((position, i) => position === elements[i]);
}

describe("a view of all", () => {
  it("is one that reads memory in order from its beginning", () => {
    const roll = dice(13);
    let [yes, no] = [0, 0];
    for (let round = 0; round < 3000; round++) {
      const shape = Array.from({ length: roll(4) }, () => 1 + roll(3));
      const right = rowMajorStrides(shape);
      // Along an axis of one element nobody walks.
      const strides = right.map((stride, axis) => (roll(4) === 0 || shape[axis] === 1 ? roll(7) - 1 : stride));
      const view: View = { strides, offset: roll(6) === 0 ? 1 + roll(3) : 0 };
      const inOrder = positions(view, shape).every((position, i) => position === i);
      assert.equal(isWhole(view, shape), inOrder, `[${shape.join()}]/[${strides.join()}] from ${view.offset}`);
      if (inOrder) yes++;
      else no++;
    }
    assert.ok(yes > 300 && no > 300, `${yes} whole, ${no} not`);
  });
});
