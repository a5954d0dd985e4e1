/** Tensors and Jacobians as pictures: the parts by counting, the partial derivatives by derivation by hand. */
import assert from "node:assert/strict";
import type { DebugGraph } from "../../engine/debug/graph";
import { type Layout, jacobianOf } from "../../engine/debug/jacobians";
import { type Part, changeOf, holdsImages, jacobianPicture, pictureOf } from "../../engine/debug/pictures";
import { type NdArray, buildArray } from "../../engine/graph/array";
import { reachable } from "../../engine/graph/order";
import type { Tensor } from "../../engine/graph/tensor";
import { Trace, withTrace } from "../../engine/graph/trace";
import * as ops from "../../engine/ops";
import { seeded } from "../support/fixtures";
import { leaf, valueOf } from "../support/graph";
import { assertClose } from "../support/numbers";

const look = (part: Partial<Part> = {}): Part => ({ expression: "t", slice: [], most: 100, ...part });
const caption = { title: "t" };
/** Each element tells its index: 123 at [1, 2, 3]. */
const counted = (...shape: number[]): NdArray =>
  buildArray(shape, "float32", (index) => index.reduce((sum, at) => sum * 10 + at, 0));
const rowsOf = ({ values, columns }: { values: Float64Array; columns: { count: number } }): number[][] =>
  Array.from({ length: values.length / columns.count }, (_, row) => [
    ...values.slice(row * columns.count, (row + 1) * columns.count),
  ]);

describe("pictures of tensors", () => {
  const cases: readonly (readonly [name: string, shape: number[], part: Partial<Part>, expected: number[][]])[] = [
    ["a scalar", [], {}, [[0]]],
    ["a vector lies in a row", [3], {}, [[0, 1, 2]]],
    ["a vector upright", [3], { rows: 0 }, [[0], [1], [2]]],
    [
      "a matrix",
      [2, 3],
      {},
      [
        [0, 1, 2],
        [10, 11, 12],
      ],
    ],
    [
      "a matrix, transposed",
      [2, 3],
      { rows: 1, columns: 0 },
      [
        [0, 10],
        [1, 11],
        [2, 12],
      ],
    ],
    [
      "only the columns' axis named",
      [2, 3],
      { columns: 0 },
      [
        [0, 10],
        [1, 11],
        [2, 12],
      ],
    ],
    [
      "the first of a cube",
      [2, 2, 2],
      {},
      [
        [0, 1],
        [10, 11],
      ],
    ],
    [
      "the second of a cube",
      [2, 2, 2],
      { slice: [1] },
      [
        [100, 101],
        [110, 111],
      ],
    ],
    [
      "a cube from the side",
      [2, 2, 3],
      { rows: 0, columns: 1, slice: [2] },
      [
        [2, 12],
        [102, 112],
      ],
    ],
    [
      "rank 4",
      [2, 2, 2, 2],
      { slice: [1, 0] },
      [
        [1000, 1001],
        [1010, 1011],
      ],
    ],
    [
      "the corner of a large one",
      [5, 5],
      { most: 2 },
      [
        [0, 1],
        [10, 11],
      ],
    ],
    ["a part of a large one", [5, 5], { most: 2, from: [2, 4] }, [[24], [34]]],
    ["from beyond its end", [5, 5], { most: 2, from: [9, 9] }, [[44]]],
    ["no elements", [0, 3], {}, []],
  ];
  for (const [name, shape, part, expected] of cases) {
    it(name, () => {
      const picture = pictureOf(counted(...shape), look(part), caption);
      assert.deepEqual(rowsOf(picture), expected);
      assert.equal(picture.values.length, picture.rows.count * picture.columns.count);
      assert.deepEqual(picture.shape, shape);
    });
  }

  it("says what is cut off, and figures of the whole", () => {
    const picture = pictureOf(counted(3, 5), look({ most: 2, from: [1, 3] }), {
      ...caption,
      note: "why",
      pixels: true,
    });
    assert.deepEqual(picture.rows, { axis: 0, size: 3, first: 1, count: 2 });
    assert.deepEqual(picture.columns, { axis: 1, size: 5, first: 3, count: 2 });
    assert.equal(picture.statistics.size, 15);
    assert.equal(picture.statistics.most, 24);
    assert.equal(picture.statistics.mean, 12);
    assert.equal(
      picture.histogram.counts.reduce((sum, count) => sum + count, 0),
      15,
    );
    assert.deepEqual([picture.histogram.least, picture.histogram.most], [0, 24]);
    assert.deepEqual([picture.note, picture.pixels], ["why", true]);
    // Lying the other way it is a table, no picture.
    assert.equal(pictureOf(counted(3, 5), look({ rows: 1 }), { ...caption, pixels: true }).pixels, false);
  });

  const wrong: readonly (readonly [Partial<Part>, RegExp])[] = [
    [{ slice: [2] }, /^axis 0 of \[2, 3, 4\] has the indices 0 to 1, not 2$/],
    [{ rows: 1, columns: 1 }, /^rows and columns are two axes, but both are axis 1/],
    [{ rows: 3 }, /^\[2, 3, 4\] has the axes 0 to 2, not 3$/],
  ];
  for (const [part, message] of wrong)
    it(`refuses ${JSON.stringify(part)}`, () =>
      assert.throws(() => pictureOf(counted(2, 3, 4), look(part), caption), { message }));

  it("subtracts what was before", () => {
    const now = counted(2, 2);
    assert.deepEqual([...changeOf({ ...now, data: Float64Array.of(1, 1, 1, 1) }, now).data], [-1, 0, 9, 10]);
    assert.throws(() => changeOf(undefined, now), /no value at the previous stop/);
    assert.throws(() => changeOf(counted(4, 2), now), /was \[4, 2\].*is \[2, 2\]/);
    // As many elements, but not the same ones.
    assert.throws(() => changeOf(counted(4), now), /was \[4\].*is \[2, 2\]/);
  });

  it("knows filters, maps and images from matrices", () => {
    const [x, w, v, table] = [leaf([2, 1, 6, 6]), leaf([3, 1, 3, 3]), leaf([5, 48]), leaf([2, 3, 4])];
    const [maps, active, flat, scores] = withTrace(new Trace(), () => {
      const made = ops.conv2d(x, w);
      const bent = ops.relu(made);
      const row = bent.flatten();
      return [made, bent, row, ops.matmul(row, v.transpose())];
    });
    const graph: Pick<DebugGraph, "nodes"> = { nodes: reachable([scores, table]) };
    const holds = [x, w, maps, active, flat, v, table].map((node) => holdsImages(graph, node));
    assert.deepEqual(holds, [true, true, true, true, false, false, false]);
  });
});

/** ∂(node)/∂(its input): the matrix that is shown. */
function partials(
  node: Tensor,
  inputIndex: number,
  layout: Layout,
  values: ReadonlyMap<Tensor, NdArray>,
  part: Partial<Part> = {},
): ReturnType<typeof jacobianPicture> {
  const jacobian = jacobianOf(node, inputIndex, layout, (at) => values.get(at) ?? valueOf(at, values));
  return jacobianPicture(jacobian, look(part), caption);
}

function built(
  shapes: readonly (readonly number[])[],
  build: (...x: Tensor[]) => Tensor,
): {
  node: Tensor;
  values: Map<Tensor, NdArray>;
  data: Float64Array[];
} {
  const leaves = shapes.map((shape) => leaf(shape));
  const values = new Map(leaves.map((each, i) => [each, seeded(shapes[i], i + 3)]));
  const node = withTrace(new Trace(), () => build(...leaves));
  return { node, values, data: [...values.values()].map(({ data }) => data) };
}

describe("Jacobians", () => {
  it("of softmax: aᵢ(δᵢⱼ − aⱼ), the same in both layouts", () => {
    const { node, values } = built([[4]], (x) => ops.softmax(x));
    const a = valueOf(node, values).data;
    const expected = Array.from({ length: 16 }, (_, k) => {
      const [i, j] = [Math.floor(k / 4), k % 4];
      return a[i] * (Number(i === j) - a[j]);
    });
    for (const layout of ["numerator", "denominator"] as const) {
      const picture = partials(node, 1, layout, values);
      assert.deepEqual(picture.shape, [4, 4]);
      assertClose(picture.values, expected, 1e-15, layout);
      assert.equal(picture.note, null);
    }
  });

  it("of softmax on a batch: the shown example's block, 0 between two examples", () => {
    const { node, values } = built([[3, 4]], (x) => ops.softmax(x));
    const a = valueOf(node, values).data.slice(8, 12);
    const picture = partials(node, 1, "numerator", values, { slice: [2] });
    assert.deepEqual(
      [picture.shape, picture.slice],
      [
        [3, 4, 3, 4],
        [2, 2],
      ],
    );
    const expected = Array.from(
      { length: 16 },
      (_, k) => a[Math.floor(k / 4)] * (Number(Math.floor(k / 4) === k % 4) - a[k % 4]),
    );
    assertClose(picture.values, expected, 1e-15, "example 2 by example 2");
    assert.match(picture.note ?? "", /figures are those of the part/);
    const between = partials(node, 1, "numerator", values, { slice: [2, 0] });
    assert.ok(between.values.every((x) => x === 0));
  });

  it("of y = W·x by x is W in numerator layout, Wᵀ in denominator layout", () => {
    const { node, values, data } = built(
      [
        [2, 3],
        [3, 1],
      ],
      (w, x) => ops.matmul(w, x),
    );
    const [w] = data;
    // y is [2, 1] and x [3, 1]: numerator [2, 1, 3, 1], denominator [3, 1, 2, 1].
    const numerator = partials(node, 1, "numerator", values, { rows: 0, columns: 2 });
    assert.deepEqual(numerator.shape, [2, 1, 3, 1]);
    assert.deepEqual(rowsOf(numerator), [[...w.slice(0, 3)], [...w.slice(3, 6)]]);
    const denominator = partials(node, 1, "denominator", values, { rows: 0, columns: 2 });
    assert.deepEqual(denominator.shape, [3, 1, 2, 1]);
    assert.deepEqual(
      rowsOf(denominator),
      [0, 1, 2].map((j) => [w[j], w[3 + j]]),
    );
  });

  it("of Z = A·B by B: ∂Zᵢⱼ/∂Bₖₗ = Aᵢₖ δⱼₗ", () => {
    const { node, values, data } = built(
      [
        [2, 3],
        [3, 4],
      ],
      (a, b) => ops.matmul(a, b),
    );
    const picture = partials(node, 1, "numerator", values, { rows: 1, columns: 3, slice: [1, 2] });
    const a = data[0][1 * 3 + 2];
    assertClose(
      picture.values,
      Array.from({ length: 16 }, (_, k) => (Math.floor(k / 4) === k % 4 ? a : 0)),
      1e-15,
      "Z₁ⱼ by B₂ₗ",
    );
  });

  it("of an element-wise function: its derivative on the diagonal", () => {
    const { node, values, data } = built([[5]], (x) => ops.tanh(x));
    const expected = Array.from({ length: 25 }, (_, k) => (k % 6 === 0 ? 1 - Math.tanh(data[0][k / 6]) ** 2 : 0));
    assertClose(partials(node, 0, "numerator", values).values, expected, 1e-15, "1 − tanh²");
  });

  it("of a scalar: a gradient of the input's shape; by a scalar: one of the result's", () => {
    const sum = built([[2, 3]], (x) => ops.mul(x, x).sum());
    const sumPicture = partials(sum.node, 0, "denominator", sum.values);
    assert.deepEqual(
      [sumPicture.shape, [...sumPicture.values]],
      [
        [2, 3],
        [1, 1, 1, 1, 1, 1],
      ],
    );
    const scaled = built([[], [2, 3]], (s, x) => ops.mul(s, x));
    const scaledPicture = partials(scaled.node, 0, "numerator", scaled.values);
    assert.deepEqual(scaledPicture.shape, [2, 3]);
    assertClose(scaledPicture.values, scaled.data[1], 1e-15, "∂(s·x)/∂s = x");
  });

  it("layouts are each other's transposes, whichever side is smaller", () => {
    for (const [columns, rows] of [
      [2, 6],
      [6, 2],
    ]) {
      const { node, values } = built([[columns], [rows, columns]], (x, w) => ops.sin(ops.matmul(w, x)));
      const product = node.inputs[0];
      const at = product.op === "reshape" ? product.inputs[0] : product;
      const numerator = partials(at, 1, "numerator", values, { rows: 0, columns: 2 });
      const denominator = partials(at, 1, "denominator", values, { rows: 0, columns: 2 });
      const turned = rowsOf(numerator)[0].map((_, j) => rowsOf(numerator).map((row) => row[j]));
      assert.deepEqual(rowsOf(denominator), turned);
      assert.ok(numerator.values.some((x) => x !== 0));
    }
  });

  it("shows at most 64 × 64, from where it is asked to", () => {
    const { node, values, data } = built([[200]], (x) => ops.mul(x, x));
    const picture = partials(node, 0, "numerator", values, { most: 1000, from: [100, 90] });
    assert.deepEqual(picture.rows, { axis: 0, size: 200, first: 100, count: 64 });
    assert.deepEqual(picture.columns, { axis: 1, size: 200, first: 90, count: 64 });
    assert.match(picture.note ?? "", /At most 64 × 64/);
    // x·x uses x twice; each input has one x as its partial derivative.
    assert.equal(picture.values[0 * 64 + 10], data[0][100]);
    assert.equal(picture.values[0 * 64 + 11], 0);
  });

  it("says what has no derivative, and why", () => {
    const { node, values } = built([[3]], (x) => ops.step(x));
    assert.throws(
      () => partials(node, 0, "numerator", values),
      /^Error: step has no derivative: it is constant between its jumps/,
    );
    const choice = built([[3], [3]], (a, b) => ops.where(ops.gt(a, b), a, b));
    assert.throws(
      () => partials(choice.node, 0, "numerator", choice.values),
      /where has no derivative by its input 0, which is bool/,
    );
  });
});
