/**
 * Which elements of its inputs an element of a result is made of. The truth is the operations' own definitions: a NaN that is put into an
 * element comes out at exactly those elements of the result that are made of it.
 */
import assert from "node:assert/strict";
import { eachOperand, flatOfIndex, indexOfFlat } from "../../engine/debug/elements";
import type { NdArray } from "../../engine/graph/array";
import type { Tensor } from "../../engine/graph/tensor";
import { withTrace, Trace } from "../../engine/graph/trace";
import { apply, concat, conv2d, maxPool2d, averagePool2d, constantTensor, matmul, operationOf } from "../../engine/ops";
import { evaluateNode } from "../../engine/plan/evaluate";
import { seeded } from "../support/fixtures";
import { leaf } from "../support/graph";

/** Sizes of the inputs, and an operation on them. */
const cases: Readonly<Record<string, readonly [shapes: number[][], build: (...x: Tensor[]) => Tensor]>> = {
  "a sum that broadcasts": [[[2, 3], [3]], (a, b) => a.add(b)],
  "a product with a column": [
    [
      [2, 3],
      [2, 1],
    ],
    (a, b) => a.mul(b),
  ],
  sigmoid: [[[4]], (x) => x.sigmoid()],
  reshape: [[[2, 3]], (x) => x.reshape([3, 2])],
  permute: [[[2, 3, 4]], (x) => x.permute([2, 0, 1])],
  expand: [[[3, 1]], (x) => x.expand([2, 3, 4])],
  "a slice backwards": [[[4, 5]], (x) => x.slice([3, 0, -2], [1, 4])],
  "padding between": [[[2, 2]], (x) => apply("place", [x], { target: [5, 4], start: [1, 0], step: [2, 3], value: 0 })],
  concat: [
    [
      [2, 1],
      [2, 3],
      [2, 2],
    ],
    (...x) => concat(x, 1),
  ],
  take: [[[4, 2]], (x) => x.take([[3, 0, 3]], 0)],
  "take along the last axis": [[[2, 4]], (x) => x.take([1, 2], 1)],
  putAdd: [[[3, 2]], (x) => apply("putAdd", [constantTensor([1, 3, 1], [3], "int32"), x], { axis: 0, target: [4, 2] })],
  "putAdd along the last axis": [
    [[2, 3]],
    (x) => apply("putAdd", [constantTensor([1, 3, 1], [3], "int32"), x], { axis: 1, target: [2, 4] }),
  ],
  sum: [[[2, 3, 4]], (x) => x.sum([0, 2])],
  "the largest": [[[3, 4]], (x) => x.max(0)],
  cumsum: [[[2, 4]], (x) => x.cumsum(1)],
  "cumsum from the end": [[[4, 2]], (x) => x.cumsum(0, { reverse: true })],
  matmul: [
    [
      [2, 3],
      [3, 4],
    ],
    (a, b) => matmul(a, b),
  ],
  "matmul with leading axes that broadcast": [
    [
      [2, 1, 2, 3],
      [4, 3, 2],
    ],
    (a, b) => matmul(a, b),
  ],
  "conv2d with stride, padding and dilation": [
    [
      [2, 2, 6, 5],
      [4, 2, 2, 2],
    ],
    (x, w) => conv2d(x, w, null, { stride: [2, 1], padding: [1, 0], dilation: [1, 2] }),
  ],
  "conv2d in groups": [
    [
      [1, 4, 4, 4],
      [6, 2, 3, 3],
    ],
    (x, w) => conv2d(x, w, null, { groups: 2, padding: 1 }),
  ],
  "the gradient of conv2d by its image": [
    [
      [1, 4, 2, 2],
      [4, 1, 3, 3],
    ],
    (g, w) => apply("conv2dInputGradient", [g, w], { ...WINDOWS, groups: 2, target: [1, 2, 4, 4] }),
  ],
  "the gradient of conv2d by its kernel": [
    [
      [2, 2, 4, 4],
      [2, 4, 2, 2],
    ],
    (x, g) => apply("conv2dWeightGradient", [x, g], { ...WINDOWS, groups: 2, target: [4, 1, 3, 3] }),
  ],
  maxPool2d: [[[1, 2, 5, 5]], (x) => maxPool2d(x, [2, 3], { stride: 2, padding: [1, 1] })],
  averagePool2d: [[[2, 1, 4, 5]], (x) => averagePool2d(x, 2, { stride: [1, 2], padding: 1 })],
  "the gradient of averagePool2d": [
    [[1, 1, 2, 2]],
    (g) =>
      apply("averagePool2dGradient", [g], { ...WINDOWS, window: [3, 3], countPadding: true, target: [1, 1, 4, 4] }),
  ],
};

/** Stride 2, one row and column of padding before. */
const WINDOWS = {
  stride: [2, 2],
  dilation: [1, 1],
  padding: [
    [1, 0],
    [1, 0],
  ],
} as const;

function inputsOf(node: Tensor, values: ReadonlyMap<Tensor, NdArray>): NdArray[] {
  return node.inputs.map((input) => values.get(input) ?? evaluateNode(input, values, () => undefined));
}

function evaluated(node: Tensor, inputs: readonly NdArray[]): NdArray {
  const { attributes, dtype } = node;
  return operationOf(node.op).evaluate({ inputs, attributes, shape: node.shape, dtype });
}

describe("elements that an element is made of", () => {
  for (const [name, [shapes, build]] of Object.entries(cases)) {
    it(name, () => {
      const leaves = shapes.map((shape) => leaf(shape));
      const node = withTrace(new Trace(), () => build(...leaves));
      const values = new Map(leaves.map((each, i) => [each, seeded(shapes[i], i + 1, 1, 2)]));
      const inputs = inputsOf(node, values);
      const result = evaluated(node, inputs);
      const found = Array.from(result.data, (_, flat) => {
        const operands = new Set<string>();
        eachOperand(node, result.shape, flat, inputs, (input, at) => void operands.add(`${input}:${at}`));
        return operands;
      });
      let checked = 0;
      inputs.forEach((input, i) => {
        if (input.dtype !== "float32") return;
        for (let at = 0; at < input.data.length; at++) {
          const data = Float64Array.from(input.data);
          data[at] = NaN;
          const changed = evaluated(
            node,
            inputs.map((each, j) => (j === i ? { ...each, data } : each)),
          );
          changed.data.forEach((value, flat) =>
            assert.equal(found[flat].has(`${i}:${at}`), Number.isNaN(value), `input ${i} at ${at} → ${flat}`),
          );
          checked++;
        }
      });
      assert.ok(checked > 0);
    });
  }

  it("of a choice takes what was chosen, of a window's gradient the winner's", () => {
    const flag = leaf([2], "bool");
    const [a, b] = [leaf([2]), leaf([2])];
    const node = withTrace(new Trace(), () => flag.where(a, b));
    const numbers = (...data: number[]): NdArray => ({
      shape: [data.length],
      dtype: "float32",
      data: Float64Array.from(data),
    });
    const seen: string[] = [];
    for (const flat of [0, 1])
      eachOperand(
        node,
        [2],
        flat,
        [numbers(1, 0), numbers(5, 6), numbers(7, 8)],
        (input, at) => void seen.push(`${input}:${at}`),
      );
    assert.deepEqual(seen, ["1:0", "2:1"]);

    const x: NdArray = { shape: [1, 1, 1, 3], dtype: "float32", data: Float64Array.of(1, 3, 2) };
    const g: NdArray = { shape: [1, 1, 1, 2], dtype: "float32", data: Float64Array.of(10, 20) };
    const [image, upstream] = [leaf(x.shape), leaf(g.shape)];
    const attributes = {
      ...WINDOWS,
      stride: [1, 1],
      padding: [
        [0, 0],
        [0, 0],
      ],
      window: [1, 2],
      countPadding: true,
    };
    const gradient = withTrace(new Trace(), () => apply("maxPool2dGradient", [image, upstream], attributes));
    // Both windows, [1, 3] and [3, 2], are won by the 3.
    const from = [0, 1, 2].map((flat) => {
      const places: string[] = [];
      eachOperand(gradient, x.shape, flat, [x, g], (input, at) => void places.push(`${input}:${at}`));
      return places.sort();
    });
    assert.deepEqual(from, [[], ["1:0", "1:1"], []]);
  });

  it("counts places row by row", () => {
    const shape = [2, 3, 4];
    for (let flat = 0; flat < 24; flat++) assert.equal(flatOfIndex(indexOfFlat(flat, shape), shape), flat);
    assert.deepEqual(indexOfFlat(17, shape), [1, 1, 1]);
  });
});
