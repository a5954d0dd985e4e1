/** Numbers as colours, and what a value of the plane of two inputs means. */
import assert from "node:assert/strict";
import type { BoundaryResult, Image } from "../../webview/protocol";
import { extremes, nearestValue, readCell, strays } from "../../webview/views/boundary-plane";
import { pixelsOf, rangeOf, type Palette } from "../../webview/views/look-pixels";

/** Tells which scale was asked for which share, in thousandths. */
const palette: Palette = {
  diverging: (share) => 10_000 + Math.round(share * 1000),
  sequential: (share) => 20_000 + Math.round(share * 1000),
};

function image(values: readonly number[], channels: 1 | 3 = 1): Image {
  return { width: values.length / channels, height: 1, channels, values: Float32Array.from(values), caption: "" };
}

describe("pixels of an image", () => {
  const cases: Readonly<Record<string, readonly [values: number[], pixels: number[]]>> = {
    "numbers of both signs around 0": [
      [-2, 0, 1],
      [9000, 10_000, 10_500],
    ],
    "positive numbers from the least": [
      [1, 2, 3],
      [20_000, 20_500, 21_000],
    ],
    "negative numbers below 0": [
      [-4, -1],
      [9000, 9750],
    ],
    "equal numbers": [
      [5, 5],
      [20_000, 20_000],
    ],
    "no number stays transparent": [
      [0, NaN, 2],
      [20_000, 0, 21_000],
    ],
  };
  for (const [what, [values, pixels]] of Object.entries(cases)) {
    it(what, () => {
      const own = image(values);
      assert.deepEqual([...pixelsOf(own, rangeOf([own]), palette)], pixels);
    });
  }

  it("colours of a photograph as they are, packed as ABGR", () => {
    const photograph = image([1, 0, 0, 0, 0.2, 1], 3);
    assert.deepEqual(
      [...pixelsOf(photograph, rangeOf([photograph]), palette)].map((pixel) => pixel.toString(16)),
      ["ff0000ff", "ffff3300"],
    );
  });

  it("filters of three channels stretched over what there is", () => {
    const filter = image([-1, 0, 1], 3);
    assert.deepEqual(
      [...pixelsOf(filter, rangeOf([filter]), palette)].map((pixel) => pixel.toString(16)),
      ["ffff8000"],
    );
  });

  it("one range over several", () => {
    assert.deepEqual(rangeOf([image([1, NaN]), image([-3, 2])]), { least: -3, most: 2 });
    assert.deepEqual(rangeOf([image([NaN])]), { least: 0, most: 0 });
  });
});

describe("the plane of two inputs", () => {
  const plane: BoundaryResult = {
    kind: "boundary",
    x: [0, 2],
    y: [0, 1],
    resolution: 2,
    classes: 2,
    // The left half is class 0, the right one class 1; half sure above.
    values: Float32Array.from([0.9, 1.9, 0.5, 1.5]),
    points: [
      { x: 0.4, y: 0.1, target: 0 },
      { x: 1.6, y: 0.1, target: 0 },
      { x: 1.9, y: 0.9, target: 1 },
    ],
    classNames: ["a", "b"],
  };

  it("is read at the nearest grid point", () => {
    const at = (x: number, y: number): number => Math.round(nearestValue(plane, { x, y }) * 10) / 10;
    assert.deepEqual([at(0, 0), at(2, 0), at(0.9, 0.9), at(1.1, 0.9), at(-5, 9)], [0.9, 1.9, 0.5, 1.5, 0.5]);
  });

  it("tells class and certainty from a value", () => {
    assert.deepEqual(readCell(plane, 1.25, [0, 0]), { class: 1, share: 0.25 });
    assert.deepEqual(readCell(plane, 1, [0, 0]), { class: 1, share: 0 });
    assert.equal(readCell(plane, NaN, [0, 0]), null);
    assert.deepEqual(readCell({ ...plane, classes: 0 }, 3, [1, 5]), { class: -1, share: 0.5 });
    assert.deepEqual(readCell({ ...plane, classes: 0 }, 3, [3, 3]), { class: -1, share: 0.5 });
  });

  it("finds examples in the region of another class", () => {
    assert.deepEqual(strays(plane), [false, true, false]);
    assert.deepEqual(strays({ ...plane, classes: 0 }), [false, false, false]);
  });

  it("spans what is finite", () => {
    assert.deepEqual(extremes([3, NaN, -1, Infinity]), [-1, 3]);
    assert.deepEqual(extremes([]), [0, 0]);
  });
});
