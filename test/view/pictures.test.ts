/** Weights and feature maps as pictures, pixel by pixel. */
import assert from "node:assert/strict";
import { custom, fromArrays } from "../../engine/data";
import type { Tensor } from "../../engine/graph/tensor";
import * as nn from "../../engine/nn";
import { answerLook } from "../../engine/view/answer";
import type { ImageResult } from "../../engine/view/looks";
import { picture, pictureShape } from "../../engine/view/pictures";
import { given, lookInto } from "./support";

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe("the picture of a field", () => {
  const cases: readonly [shape: number[], dtype: "float32" | "int32", expected: string | undefined][] = [
    [[784], "float32", "1 × 28 × 28"],
    [[28, 28], "float32", "1 × 28 × 28"],
    [[1, 20, 10], "float32", "1 × 20 × 10"],
    [[3, 32, 32], "float32", "3 × 32 × 32"],
    [[4], "float32", undefined],
    [[30], "float32", undefined],
    [[2, 8, 8], "float32", undefined],
    [[12, 1], "float32", undefined],
    [[784], "int32", undefined],
    [[], "float32", undefined],
  ];
  for (const [shape, dtype, expected] of cases) {
    it(`of [${shape.join(", ")}] ${dtype} is ${expected ?? "none"}`, () => {
      const found = pictureShape({ shape, dtype });
      assert.equal(found && `${found.channels} × ${found.height} × ${found.width}`, expected);
    });
  }

  it("puts the channels of a pixel side by side", () => {
    const image = picture([1, 2, 3, 4, 5, 6], 0, { channels: 3, height: 1, width: 2 }, "");
    assert.deepEqual([...image.values], [1, 3, 5, 2, 4, 6]);
  });

  it("averages blocks of a large one, so that no side is longer than 256", () => {
    // 2 × 2 blocks of row·1000 + column: the mean of a block at (r, c) is (2r + ½)·1000 + 2c + ½; 301 rows leave one of height 1.
    const [height, width] = [301, 300];
    const values = range(height * width).map((i) => Math.floor(i / width) * 1000 + (i % width));
    const image = picture(values, 0, { channels: 1, height, width }, "large");
    assert.deepEqual([image.width, image.height], [150, 151]);
    assert.equal(image.values[0], 500.5);
    assert.equal(image.values[3 * 150 + 5], 6500 + 10.5);
    assert.equal(image.values[150 * 150 + 149], 300_000 + 298.5);
  });
});

class Layered extends nn.Module {
  constructor(readonly layer: nn.Module) {
    super();
  }

  forward(x: Tensor) {
    return (this.layer as unknown as (x: Tensor) => Tensor)(x).flatten().mean(-1).unsqueeze(-1);
  }
}

/** One example of ones in the given shape. */
function ones(shape: readonly number[], count = 2) {
  const size = shape.reduce((a, b) => a * b, 1);
  return custom({
    name: "ones",
    length: count,
    inputs: { shape, dtype: "float32" },
    targets: { shape: [1], dtype: "float32" },
    get: (index) => ({ inputs: new Float32Array(size).fill(index + 1), targets: [index] }),
  });
}

async function look(layer: nn.Module, shape: readonly number[], kind: "weights" | "features", example = 0) {
  const options = { model: new Layered(layer), data: ones(shape), loss: nn.mse, batchSize: 1 };
  const access = await lookInto(options);
  return answerLook(access, kind === "weights" ? { kind, layer: 0 } : { kind, layer: 0, example });
}

describe("weights as pictures", () => {
  it("of units that see an image are images of its shape", async () => {
    const found = (await look(
      new nn.Linear(25, 2, { initializer: given(...range(50)) }),
      [25],
      "weights",
    )) as ImageResult;
    assert.equal(found.title, "layer.weight [2, 25]");
    assert.deepEqual(
      found.images.map(({ width, height, channels, caption }) => [width, height, channels, caption]),
      [
        [5, 5, 1, "unit 0"],
        [5, 5, 1, "unit 1"],
      ],
    );
    assert.deepEqual([...found.images[1].values], range(50).slice(25));
  });

  it("of a folded bias leave the bias out", async () => {
    const layer = new nn.FoldedLinear(25, 1, { initializer: given(...range(26)) });
    const found = (await look(layer, [25], "weights")) as ImageResult;
    assert.deepEqual([...found.images[0].values], range(26).slice(1));
  });

  it("of units that see a few features are one matrix", async () => {
    const found = (await look(new nn.Linear(3, 2, { initializer: given(...range(6)) }), [3], "weights")) as ImageResult;
    assert.deepEqual(
      found.images.map(({ width, height, values }) => [width, height, [...values]]),
      [[3, 2, range(6)]],
    );
  });

  it("of filters with one channel are their kernels, of three a colour picture, of others each channel", async () => {
    const cases: readonly [inputs: number, outputs: number, images: number, channels: number, caption: string][] = [
      [1, 3, 3, 1, "filter 2"],
      [3, 2, 2, 3, "filter 1"],
      [4, 5, 20, 1, "filter 4, channel 3"],
      [4, 20, 64, 1, "filter 15, channel 3"],
    ];
    for (const [inputs, outputs, images, channels, caption] of cases) {
      const numbers = range(outputs * inputs * 4);
      const layer = new nn.Conv2d(inputs, outputs, 2, { initializer: given(...numbers) });
      const found = (await look(layer, [inputs, 6, 6], "weights")) as ImageResult;
      assert.equal(found.images.length, images, caption);
      assert.equal(found.total, (outputs * inputs) / channels);
      const last = found.images[images - 1];
      assert.deepEqual([last.caption, last.channels, last.width, last.height], [caption, channels, 2, 2]);
      const flat = numbers.slice((images - 1) * channels * 4, images * channels * 4);
      // Channel by channel in the weight, pixel by pixel in the picture.
      const pixels = range(4).flatMap((pixel) => range(channels).map((channel) => flat[channel * 4 + pixel]));
      assert.deepEqual([...last.values], pixels);
    }
  });

  it("of a layer without a matrix are none", async () => {
    const found = await look(new nn.LayerNorm(3), [3], "weights");
    assert.ok(found.kind === "nothing" && found.reason.startsWith("layer (LayerNorm) has no weight matrix to draw"));
  });
});

describe("features of an example", () => {
  it("are a map for each channel", async () => {
    // Kernels of one: channel c is (c + 1)·x + 0.
    const layer = new nn.Conv2d(1, 3, 1, { initializer: given(1, 2, 3), biasInitializer: given(0, 0, 0) });
    const found = (await look(layer, [1, 6, 6], "features", 1)) as ImageResult;
    assert.deepEqual([found.total, found.examples, found.label], [3, 2, "1"]);
    assert.equal(found.title, "layer (Conv2d) for example 1 of the training data: [3, 6, 6]");
    assert.deepEqual(
      found.images.map(({ values, width, height }) => [width, height, new Set(values)]),
      [2, 4, 6].map((value) => [6, 6, new Set([value])]),
    );
    assert.deepEqual(found.input && [...found.input.values], new Array(36).fill(2));
  });

  it("are a strip for a vector, wrapped where it is long, with nothing after its end", async () => {
    const layer = new nn.Linear(1, 70, { initializer: given(...range(70)), bias: false });
    const found = (await look(layer, [1], "features")) as ImageResult;
    const [strip] = found.images;
    assert.deepEqual([strip.width, strip.height, found.input], [64, 2, null]);
    assert.deepEqual([...strip.values.subarray(0, 70)], range(70));
    assert.ok(strip.values.subarray(70).every(Number.isNaN));
  });

  it("are positions by features for a sequence", async () => {
    const layer = new nn.Linear(1, 2, { initializer: given(1, 10), bias: false });
    const found = (await look(layer, [3, 1], "features")) as ImageResult;
    assert.deepEqual(
      found.images.map(({ width, height, values }) => [width, height, [...values]]),
      [[2, 3, [1, 10, 1, 10, 1, 10]]],
    );
  });

  for (const example of [-1, 2, 0.5]) {
    it(`of example ${example} of two are none`, async () => {
      const found = await look(new nn.Linear(1, 1), [1], "features", example);
      assert.deepEqual(found, {
        kind: "nothing",
        reason: `There is no example ${example}; the training data has the examples 0 to 1.`,
      });
    });
  }

  it("name the class of the label", async () => {
    const data = fromArrays({ inputs: [[1], [2]], targets: [1, 0], classes: ["cat", "dog"] });
    const access = await lookInto({ model: new nn.Linear(1, 2), data, loss: nn.crossEntropy });
    const found = (await answerLook(access, { kind: "features", layer: 0, example: 0 })) as ImageResult;
    assert.equal(found.label, "dog");
  });
});
