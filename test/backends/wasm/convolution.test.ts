import assert from "node:assert/strict";
import { createWasmBackend } from "../../../engine/backends/wasm/index";
import { codeOf } from "../../../engine/backends/wasm/kernels";
import type { ConvolutionGeometry, ConvolutionKernel } from "../../../engine/kernel/kernel";
import { Dice, float, runKernel, sizeOf } from "../support";
import { eachProduct } from "../../support/windows";

/** Without fused instructions, which not every platform that runs the tests has. */
const TARGETS = [
  { name: "vectors", target: { fused: false, wide: false } },
  { name: "pairs of vectors", target: { fused: false, wide: true } },
];

interface Shape {
  readonly batch?: number;
  readonly channels: readonly [input: number, output: number];
  readonly size: number | readonly [number, number];
  readonly kernel: number | readonly [number, number];
  readonly stride?: number;
  readonly padding?: number;
  readonly dilation?: number;
  readonly groups?: number;
}

function geometryOf(shape: Shape): ConvolutionGeometry {
  const { batch = 1, channels, stride = 1, padding = 0, dilation = 1, groups = 1 } = shape;
  const both = (value: number | readonly [number, number]): readonly [number, number] =>
    typeof value === "number" ? [value, value] : value;
  const [input, kernel] = [both(shape.size), both(shape.kernel)];
  const output = (axis: 0 | 1): number =>
    Math.floor((input[axis] + 2 * padding - (kernel[axis] - 1) * dilation - 1) / stride) + 1;
  return {
    batch,
    inputChannels: channels[0],
    outputChannels: channels[1],
    groups,
    input,
    kernel,
    output: [output(0), output(1)],
    stride: [stride, stride],
    dilation: [dilation, dilation],
    padding: [padding, padding],
  };
}

const CASES: readonly (Shape & { readonly name: string })[] = [
  { name: "LeNet-5's first layer", batch: 3, channels: [1, 6], size: 28, kernel: 5, padding: 2 },
  { name: "LeNet-5's second layer", batch: 6, channels: [6, 16], size: 14, kernel: 5 },
  { name: "3×3 padded", batch: 2, channels: [5, 7], size: 16, kernel: 3, padding: 1 },
  { name: "rows of 9 that fit no vectors", batch: 1, channels: [3, 4], size: 11, kernel: 3 },
  { name: "rows of 3, five images", batch: 5, channels: [3, 10], size: 3, kernel: 3, padding: 1 },
  { name: "images of 2×2, nine of them", batch: 9, channels: [9, 5], size: 2, kernel: 3, padding: 1 },
  { name: "images of 4×4, more padding than needed", batch: 8, channels: [4, 6], size: 4, kernel: 3, padding: 2 },
  { name: "one image of one pixel", batch: 1, channels: [7, 3], size: 1, kernel: 1 },
  { name: "7×7, stride 2", batch: 2, channels: [3, 5], size: 32, kernel: 7, stride: 2, padding: 3 },
  { name: "patches side by side", batch: 3, channels: [3, 8], size: 16, kernel: 4, stride: 4 },
  { name: "bigger patches side by side", batch: 3, channels: [2, 4], size: 25, kernel: 5, stride: 5 },
  { name: "1×1", batch: 3, channels: [9, 11], size: 7, kernel: 1 },
  { name: "1×1, stride 2", batch: 2, channels: [6, 5], size: 9, kernel: 1, stride: 2 },
  { name: "depthwise", batch: 2, channels: [6, 6], size: 12, kernel: 3, padding: 1, groups: 6 },
  { name: "dilated, in groups", batch: 2, channels: [4, 6], size: 15, kernel: 3, dilation: 2, padding: 2, groups: 2 },
  { name: "a row of 50", batch: 2, channels: [3, 5], size: [1, 50], kernel: [1, 9] },
  { name: "a column of 50", batch: 2, channels: [3, 5], size: [50, 1], kernel: [9, 1] },
  { name: "one image in bands of rows", batch: 1, channels: [16, 3], size: [130, 96], kernel: 3, padding: 1 },
  { name: "two images too big for the cache", batch: 2, channels: [20, 2], size: [140, 100], kernel: 3, padding: 1 },
  { name: "no images", batch: 0, channels: [2, 3], size: 5, kernel: 3 },
  { name: "no outputs", batch: 2, channels: [2, 3], size: 2, kernel: 3 },
];

for (const { name: targetName, target } of TARGETS) {
  const backend = createWasmBackend({ target });

  async function run(
    kernel: ConvolutionKernel,
    inputs: readonly ArrayLike<number>[],
    size: number,
  ): Promise<ArrayLike<number>> {
    assert.ok(backend);
    // Only the gradient through long strides is left to the JavaScript backend.
    const isForeign = kernel.which === "input" && sizeOf(kernel.geometry.stride) > 16;
    const code = codeOf({ kernel, inputs: inputs.map(() => "float32" as const), outputs: ["float32"] }, target);
    assert.equal(code === undefined, isForeign);
    return runKernel(backend, kernel, inputs.map(float), { type: "float32", size });
  }

  /** Small multiples of 1/8 keep every sum exact in float32, so that results must be equal. */
  async function check(g: ConvolutionGeometry, dice: Dice): Promise<void> {
    const xSize = g.batch * g.inputChannels * sizeOf(g.input);
    const wSize = g.outputChannels * (g.inputChannels / g.groups) * sizeOf(g.kernel);
    const ySize = g.batch * g.outputChannels * sizeOf(g.output);
    const [x, w, upstream] = [xSize, wSize, ySize].map((size) => dice.values(size));
    const forward = new Float64Array(ySize);
    const toInput = new Float64Array(xSize);
    const toWeight = new Float64Array(wSize);
    eachProduct(g, (atX, atW, atY) => {
      forward[atY] += x[atX] * w[atW];
      toInput[atX] += upstream[atY] * w[atW];
      toWeight[atW] += upstream[atY] * x[atX];
    });
    for (const { which, inputs, expected } of [
      { which: "forward", inputs: [x, w], expected: forward },
      { which: "input", inputs: [upstream, w], expected: toInput },
      { which: "weight", inputs: [x, upstream], expected: toWeight },
    ] as const) {
      const got = await run({ kind: "convolution", which, geometry: g }, inputs, expected.length);
      assert.equal(got.length, expected.length);
      const wrong = expected.findIndex((value, i) => got[i] !== value);
      assert.ok(wrong < 0, `${which} ${JSON.stringify(g)}: [${wrong}] is ${got[wrong]}, not ${expected[wrong]}`);
    }
  }

  describe(`convolution in WebAssembly, ${targetName}`, () => {
    for (const [i, shape] of CASES.entries()) {
      it(`forward and both gradients: ${shape.name}`, () => check(geometryOf(shape), new Dice(200 + i)));
    }

    it("forward and both gradients over 200 random geometries", async () => {
      const dice = new Dice(17);
      const pair = (low: number, high: number): [number, number] => [dice.whole(low, high), dice.whole(low, high)];
      for (let round = 0; round < 200; round++) {
        const groups = dice.pick([1, 1, 1, 2, 3]);
        const kernel = dice.whole(0, 3) === 0 ? ([1, 1] as const) : pair(1, 5);
        const input = pair(1, dice.pick([5, 9, 20]));
        const stride = dice.whole(0, 1) === 0 ? ([1, 1] as const) : pair(1, 3);
        const dilation = dice.whole(0, 1) === 0 ? ([1, 1] as const) : pair(1, 2);
        const padding = pair(-1, 3);
        // Padding at the end from −2 (cropped) to 3: it need not be as much as at the start.
        const output = ([0, 1] as const).map((axis) => {
          const room = input[axis] + padding[axis] + dice.whole(-2, 3) - (kernel[axis] - 1) * dilation[axis] - 1;
          return Math.max(0, Math.floor(room / stride[axis]) + 1);
        });
        const g = {
          batch: dice.pick([1, 2, 3, 4, 5, 9]),
          inputChannels: groups * dice.whole(1, 4),
          outputChannels: groups * dice.whole(1, 7),
          groups,
          input,
          kernel,
          output: [output[0], output[1]] as const,
          stride,
          dilation,
          padding,
        };
        await check(g, dice);
      }
    });

    // An element goes into the sums of what meets it, and into no others.
    it("infinity stays where it belongs", async () => {
      for (const shape of [CASES[0], CASES[3], CASES[4]]) {
        const g = geometryOf({ ...shape, padding: 0 });
        const dice = new Dice(31);
        const xSize = g.batch * g.inputChannels * sizeOf(g.input);
        const x = Float32Array.from({ length: xSize }, () => dice.whole(1, 8));
        x[xSize - 1] = Infinity;
        const upstream = new Float32Array(g.batch * g.outputChannels * sizeOf(g.output)).fill(1);
        const expected = new Float64Array(g.outputChannels * (g.inputChannels / g.groups) * sizeOf(g.kernel));
        eachProduct(g, (atX, atW, atY) => (expected[atW] += upstream[atY] * x[atX]));
        const kernel = { kind: "convolution", which: "weight", geometry: g } as const;
        assert.deepEqual(Array.from(await run(kernel, [x, upstream], expected.length)), Array.from(expected));
      }
    });
  });
}
