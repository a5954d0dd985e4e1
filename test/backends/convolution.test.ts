import assert from "node:assert/strict";
import type { ConvolutionGeometry } from "../../engine/kernel/kernel";
import { Dice, PRODUCTS, float, runKernel, sizeOf } from "./support";
import { eachProduct } from "../support/windows";

function geometry(changes: Partial<ConvolutionGeometry>): ConvolutionGeometry {
  return {
    batch: 1,
    inputChannels: 1,
    outputChannels: 1,
    groups: 1,
    input: [3, 3],
    kernel: [2, 2],
    output: [2, 2],
    stride: [1, 1],
    dilation: [1, 1],
    padding: [0, 0],
    ...changes,
  };
}

function randomGeometry(dice: Dice): ConvolutionGeometry {
  const groups = dice.pick([1, 1, 1, 2, 3]);
  const pair = (low: number, high: number): [number, number] => [dice.whole(low, high), dice.whole(low, high)];
  const kernel = dice.whole(0, 3) === 0 ? ([1, 1] as const) : pair(1, 4);
  const pointwise = dice.whole(0, 5) === 0;
  const input = pair(1, dice.pick([5, 9, 20]));
  const stride = pointwise ? ([1, 1] as const) : pair(1, 3);
  const dilation = pair(1, 2);
  const padding = pointwise ? ([0, 0] as const) : pair(-1, 2);
  // Padding at the end from −2 (cropped: the last inputs reach no window) to 2.
  const output = [0, 1].map((axis) => {
    const room =
      input[axis] + padding[axis] + (pointwise ? 0 : dice.whole(-2, 2)) - (kernel[axis] - 1) * dilation[axis] - 1;
    return Math.max(0, Math.floor(room / stride[axis]) + 1);
  });
  return geometry({
    batch: dice.whole(0, 4),
    inputChannels: groups * dice.whole(1, 3),
    outputChannels: groups * dice.whole(1, 4),
    groups,
    input,
    kernel,
    output: [output[0], output[1]],
    stride,
    dilation,
    padding,
  });
}

const CASES: readonly { name: string; geometry: ConvolutionGeometry }[] = [
  {
    name: "LeNet-5's first layer",
    geometry: geometry({
      batch: 2,
      outputChannels: 6,
      input: [28, 28],
      kernel: [5, 5],
      output: [28, 28],
      padding: [2, 2],
    }),
  },
  {
    name: "a window over the whole image, many images",
    geometry: geometry({
      batch: 300,
      inputChannels: 2,
      outputChannels: 3,
      input: [3, 3],
      kernel: [3, 3],
      output: [1, 1],
    }),
  },
  {
    name: "pointwise on big images",
    geometry: geometry({
      batch: 2,
      inputChannels: 5,
      outputChannels: 3,
      input: [17, 19],
      kernel: [1, 1],
      output: [17, 19],
    }),
  },
  {
    name: "pointwise on small images, joined",
    geometry: geometry({
      batch: 9,
      inputChannels: 5,
      outputChannels: 3,
      input: [4, 4],
      kernel: [1, 1],
      output: [4, 4],
    }),
  },
  {
    name: "pointwise, small images that do not fill the last product",
    geometry: geometry({
      batch: 5,
      inputChannels: 5,
      outputChannels: 3,
      input: [8, 8],
      kernel: [1, 1],
      output: [8, 8],
    }),
  },
  {
    name: "depthwise with two outputs a channel",
    geometry: geometry({
      batch: 2,
      inputChannels: 3,
      outputChannels: 6,
      groups: 3,
      input: [7, 8],
      kernel: [3, 3],
      output: [4, 4],
      stride: [2, 2],
      padding: [1, 1],
    }),
  },
  {
    name: "cropped left, bottom and right",
    geometry: geometry({ input: [6, 6], kernel: [2, 2], output: [3, 2], padding: [-1, -2] }),
  },
  {
    name: "a stride wider than the kernel",
    geometry: geometry({ input: [9, 9], kernel: [2, 2], output: [3, 3], stride: [3, 3] }),
  },
  {
    name: "a kernel element that meets only padding",
    geometry: geometry({ input: [2, 2], kernel: [3, 3], output: [4, 4], padding: [2, 2], dilation: [2, 2] }),
  },
];

for (const { name, backend } of PRODUCTS) {
  describe(`convolution, ${name}`, () => {
    // Small multiples of 1/8 keep every sum exact in float32, so that results must be equal.
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
        const kernel = { kind: "convolution", which, geometry: g } as const;
        const got = await runKernel(backend, kernel, inputs.map(float), { type: "float32", size: expected.length });
        assert.deepEqual(
          Array.from(got, (v) => v + 0),
          Array.from(expected, (v) => v + 0),
          `${which} ${JSON.stringify(g)}`,
        );
      }
    }

    // Lecture example: cross-correlation of 1…9 with the identity kernel, [[1 + 5, 2 + 6], [4 + 8, 5 + 9]].
    it("does not flip the kernel", async () => {
      const kernel = { kind: "convolution", which: "forward", geometry: geometry({}) } as const;
      const got = await runKernel(backend, kernel, [float([1, 2, 3, 4, 5, 6, 7, 8, 9]), float([1, 0, 0, 1])], {
        type: "float32",
        size: 4,
      });
      assert.deepEqual([...got], [6, 8, 12, 14]);
    });

    for (const [i, { name: title, geometry: g }] of CASES.entries()) {
      it(`forward and both gradients: ${title}`, () => check(g, new Dice(100 + i)));
    }

    it("forward and both gradients over 150 random geometries", async () => {
      const dice = new Dice(7);
      for (let round = 0; round < 150; round++) await check(randomGeometry(dice), dice);
    });
  });
}
