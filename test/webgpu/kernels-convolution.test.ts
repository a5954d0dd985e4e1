/** Convolutions and pooling on the GPU, in all shapes of code that adapters get, against loops in double precision. */
import assert from "node:assert/strict";
import type { Values } from "../../engine/backends/backend";
import type { GpuTarget } from "../../engine/backends/webgpu/code";
import { binary, index, input, unary } from "../../engine/kernel/expression";
import {
  type ConvolutionGeometry,
  type ConvolutionKernel,
  type ElementType,
  type Epilogue,
  type Kernel,
  type PoolGeometry,
  type PoolKernel,
  partsOfEpilogue,
  productShape,
} from "../../engine/kernel/kernel";
import { Dice, denseStrides, sizeOf } from "../backends/support";
import { gpuBackend } from "./device";
import { truthOf } from "./truth";
import { eachProduct, windowsOf } from "../support/windows";

type Which = ConvolutionKernel["which"];

const WHICH: readonly Which[] = ["forward", "input", "weight"];
/** Code for graphics cards and for processors: the adapter runs both. */
const TARGETS: readonly (Partial<GpuTarget> & { readonly software: boolean })[] = [
  { software: true },
  { software: false },
];

interface Factors {
  readonly a: Float32Array;
  readonly b: Float32Array;
  readonly expected: Float64Array;
}

function factorsOf(which: Which, geometry: ConvolutionGeometry, dice: Dice): Factors {
  const size = (other: Which): number => sizeOf(productShape({ kind: "convolution", which: other, geometry }));
  const values = (count: number): Float32Array => Float32Array.from({ length: count }, () => 2 * dice.uniform() - 1);
  const [x, w, y] = [size("input"), size("weight"), size("forward")];
  const a = values(which === "input" ? y : x);
  const b = values(which === "weight" ? y : w);
  const expected = new Float64Array(size(which));
  eachProduct(geometry, (atX, atW, atY) => {
    if (which === "forward") expected[atY] += a[atX] * b[atW];
    else if (which === "input") expected[atX] += a[atY] * b[atW];
    else expected[atW] += a[atX] * b[atY];
  });
  return { a, b, expected };
}

function geometry(changes: Partial<ConvolutionGeometry>): ConvolutionGeometry {
  const given = {
    batch: 1,
    inputChannels: 1,
    outputChannels: 1,
    groups: 1,
    input: [9, 9] as const,
    kernel: [3, 3] as const,
    stride: [1, 1] as const,
    dilation: [1, 1] as const,
    padding: [0, 0] as const,
    ...changes,
  };
  const output = [0, 1].map((axis) => {
    const room = given.input[axis] + 2 * given.padding[axis] - (given.kernel[axis] - 1) * given.dilation[axis] - 1;
    return Math.max(0, Math.floor(room / given.stride[axis]) + 1);
  });
  return { output: [output[0], output[1]], ...given };
}

function randomGeometry(dice: Dice): ConvolutionGeometry {
  const groups = dice.pick([1, 1, 1, 2, 3]);
  const pair = (low: number, high: number): [number, number] => [dice.whole(low, high), dice.whole(low, high)];
  return geometry({
    batch: dice.whole(0, 4),
    inputChannels: groups * dice.whole(1, 5),
    outputChannels: groups * dice.whole(1, 9),
    groups,
    input: pair(1, dice.pick([5, 9, 14])),
    kernel: dice.whole(0, 3) === 0 ? [1, 1] : pair(1, 4),
    stride: pair(1, 3),
    dilation: pair(1, 2),
    padding: pair(-1, 2),
  });
}

const backends = new Map<boolean | undefined, ReturnType<typeof gpuBackend>>();

/** All tests of one target have one backend. */
function backendFor(target: Partial<GpuTarget>): ReturnType<typeof gpuBackend> {
  const backend = backends.get(target.software) ?? gpuBackend(target);
  backends.set(target.software, backend);
  return backend;
}

/** The results of a kernel that was run twice on memory that held something else before. */
async function results(
  target: Partial<GpuTarget>,
  kernel: Kernel,
  inputs: readonly Float32Array[],
  outputs: readonly { readonly type: ElementType; readonly size: number }[],
): Promise<Values[]> {
  const backend = await backendFor(target);
  const given = inputs.map((data) => {
    const buffer = backend.allocate("float32", data.length);
    backend.write(buffer, data);
    return buffer;
  });
  const made = outputs.map(({ type, size }) => backend.allocate(type, size));
  for (const buffer of made) backend.write(buffer, new Array<number>(buffer.size).fill(1));
  const prepared = backend.prepare([{ kernel, inputs: given, outputs: made }]);
  prepared.run(0, 1);
  const once = await Promise.all(made.map((buffer) => backend.read(buffer)));
  prepared.run(0, 1);
  const twice = await Promise.all(made.map((buffer) => backend.read(buffer)));
  assert.deepEqual(twice, once, "the same work has another result");
  prepared.dispose();
  for (const buffer of [...given, ...made]) backend.release(buffer);
  return twice;
}

function assertNear(got: ArrayLike<number>, expected: ArrayLike<number>, message: string, tolerance = 1e-5): void {
  assert.equal(got.length, expected.length, message);
  // What is summed is of about this size.
  let largest = 1;
  for (let i = 0; i < expected.length; i++) largest = Math.max(largest, Math.abs(expected[i]));
  for (let i = 0; i < expected.length; i++)
    assert.ok(
      got[i] === expected[i] || Math.abs(got[i] - expected[i]) <= tolerance * largest,
      `${message}: [${i}] ${got[i]}, not ${expected[i]}`,
    );
}

async function checkConvolution(
  target: Partial<GpuTarget>,
  which: Which,
  g: ConvolutionGeometry,
  dice: Dice,
): Promise<void> {
  const { a, b, expected } = factorsOf(which, g, dice);
  const kernel: Kernel = { kind: "convolution", which, geometry: g };
  const [got] = await results(target, kernel, [a, b], [{ type: "float32", size: expected.length }]);
  assertNear(got, expected, `${which} ${JSON.stringify(g)}`);
}

const CASES: readonly { readonly name: string; readonly geometry: ConvolutionGeometry }[] = [
  {
    name: "LeNet-5's first layer",
    geometry: geometry({ batch: 3, outputChannels: 6, input: [28, 28], kernel: [5, 5], padding: [2, 2] }),
  },
  {
    name: "LeNet-5's second layer",
    geometry: geometry({ batch: 4, inputChannels: 6, outputChannels: 16, input: [14, 14], kernel: [5, 5] }),
  },
  {
    name: "a block of a residual network",
    geometry: geometry({ batch: 2, inputChannels: 32, outputChannels: 32, input: [8, 8], padding: [1, 1] }),
  },
  {
    name: "a stride of two",
    geometry: geometry({
      batch: 2,
      inputChannels: 8,
      outputChannels: 16,
      input: [15, 16],
      stride: [2, 2],
      padding: [1, 1],
    }),
  },
  {
    name: "one tap with a stride: inputs that no tap meets",
    geometry: geometry({ batch: 2, inputChannels: 8, outputChannels: 12, kernel: [1, 1], stride: [2, 3] }),
  },
  {
    name: "a stride and dilation with a common divisor",
    geometry: geometry({
      batch: 2,
      inputChannels: 4,
      outputChannels: 8,
      input: [13, 14],
      stride: [2, 4],
      dilation: [2, 2],
      padding: [3, 1],
    }),
  },
  {
    name: "one channel at a time",
    geometry: geometry({
      batch: 3,
      inputChannels: 10,
      outputChannels: 10,
      groups: 10,
      input: [12, 11],
      padding: [1, 1],
    }),
  },
  {
    name: "groups with two results a channel",
    geometry: geometry({
      batch: 2,
      inputChannels: 6,
      outputChannels: 12,
      groups: 6,
      input: [7, 7],
      padding: [2, 2],
      dilation: [2, 2],
    }),
  },
  {
    name: "one tap: a product of matrices",
    geometry: geometry({ batch: 2, inputChannels: 24, outputChannels: 40, input: [6, 7], kernel: [1, 1] }),
  },
  {
    name: "one dimension",
    geometry: geometry({
      batch: 5,
      inputChannels: 12,
      outputChannels: 9,
      input: [1, 60],
      kernel: [1, 7],
      dilation: [1, 2],
      padding: [0, 3],
    }),
  },
  {
    name: "a window as large as the image",
    geometry: geometry({ batch: 9, inputChannels: 16, outputChannels: 30, input: [5, 5], kernel: [5, 5] }),
  },
  {
    name: "cropped images",
    geometry: geometry({ batch: 2, inputChannels: 3, outputChannels: 5, input: [10, 10], padding: [-2, -1] }),
  },
];

const x = input(0);
const biased = binary("add", x, input(1));

const EPILOGUES: readonly {
  readonly name: string;
  readonly results: Epilogue["results"];
  readonly types: readonly ElementType[];
}[] = [
  {
    name: "bias, relu and what they add up to",
    results: [
      { body: binary("maximum", biased, 0), combine: undefined },
      { body: binary("multiply", biased, biased), combine: "sum" },
      { body: unary("negate", unary("abs", biased)), combine: "maximum" },
      { body: biased, combine: "minimum" },
    ],
    types: ["float32", "float32", "float32", "float32"],
  },
  {
    name: "what is added up elsewhere, and positions",
    results: [
      { body: binary("add", x, binary("multiply", input(2), index(3))), combine: undefined },
      { body: binary("add", index(1), index(0)), combine: undefined },
      { body: binary("less", x, input(2)), combine: "sum" },
    ],
    types: ["float32", "int32", "int32"],
  },
  {
    name: "flags, which are four to a word",
    results: [
      { body: binary("less", 0, biased), combine: undefined },
      { body: biased, combine: undefined },
    ],
    types: ["bool", "float32"],
  },
];

for (const target of TARGETS) {
  const name = target.software ? "code for processors" : "code for graphics cards";
  describe(`webgpu: convolution, ${name}`, function () {
    this.timeout(600_000);

    for (const { name: title, geometry: each } of CASES)
      it(title, async () => {
        for (const which of WHICH) await checkConvolution(target, which, each, new Dice(5));
      });

    it("random geometries", async () => {
      const dice = new Dice(17);
      for (let round = 0; round < (target.software ? 24 : 12); round++)
        await checkConvolution(target, dice.pick(WHICH), randomGeometry(dice), dice);
    });

    for (const { name: title, results: each, types } of EPILOGUES)
      it(`an epilogue: ${title}`, async () => {
        const dice = new Dice(29);
        const g = geometry({
          batch: 3,
          inputChannels: 4,
          outputChannels: 10,
          input: [10, 9],
          stride: [1, 2],
          padding: [1, 1],
        });
        for (const which of WHICH) {
          const { a, b, expected } = factorsOf(which, g, dice);
          const shape = productShape({ kind: "convolution", which, geometry: g });
          // A number for each channel.
          const bias = Float32Array.from({ length: shape[1] }, () => dice.uniform() - 0.5);
          const other = Float32Array.from({ length: expected.length + 3 }, () => 2 * dice.uniform() - 1);
          const views = [
            { strides: [0, 1, 0, 0], offset: 0 },
            { strides: denseStrides(shape), offset: 3 },
          ];
          const epilogue: Epilogue = { views, results: each };
          const outputs = types.map((type, i) => ({ type, size: each[i].combine ? 1 : expected.length }));
          const kernel: ConvolutionKernel = { kind: "convolution", which, geometry: g, epilogue };
          const got = await results(target, kernel, [a, b, bias, other], outputs);
          const parts = partsOfEpilogue(kernel);
          assert.ok(parts);
          const truths = truthOf(parts.sweep, [expected, bias, other]);
          truths.forEach((truth, i) => {
            assertNear(got[i], truth, `${which}, result ${i}`);
          });
        }
      });
  });
}

interface Pooled {
  readonly inputs: readonly Float32Array[];
  readonly expected: ArrayLike<number>;
}

function pooledOf(which: PoolKernel["which"], g: PoolGeometry, x: Float32Array, dice: Dice): Pooled {
  const windows = windowsOf(g);
  const other = dice.values(x.length);
  const upstream = dice.values(windows.length);
  const best = windows.map((window) => {
    const largest = Math.max(...window.map((at) => x[at]));
    return window.find((at) => x[at] === largest);
  });
  const divisors = windows.map((window) => (g.countPadding ? sizeOf(g.window) : window.length));
  const gradient = new Float64Array(x.length);
  switch (which) {
    case "maximum":
      return { inputs: [x], expected: best.map((at) => (at === undefined ? -Infinity : x[at])) };
    case "maximumPick":
      return { inputs: [x, other], expected: best.map((at) => (at === undefined ? 0 : other[at])) };
    case "maximumGradient":
      best.forEach((at, i) => at !== undefined && (gradient[at] += upstream[i]));
      return { inputs: [x, upstream], expected: gradient };
    case "average": {
      const sums = windows.map((window) => window.reduce((sum, at) => sum + x[at], 0));
      return { inputs: [x], expected: sums.map((sum, i) => (windows[i].length === 0 ? 0 : sum / divisors[i])) };
    }
    case "averageGradient":
      windows.forEach((window, i) => {
        for (const at of window) gradient[at] += upstream[i] / divisors[i];
      });
      return { inputs: [upstream], expected: gradient };
    default:
      return which satisfies never;
  }
}

const POOLS: readonly PoolKernel["which"][] = [
  "maximum",
  "maximumGradient",
  "maximumPick",
  "average",
  "averageGradient",
];

describe("webgpu: pool", function () {
  this.timeout(600_000);

  for (const which of POOLS)
    it(which, async () => {
      const dice = new Dice(11);
      for (let round = 0; round < 24; round++) {
        const pair = (low: number, high: number): [number, number] => [dice.whole(low, high), dice.whole(low, high)];
        // Every third time windows that do not meet.
        const isApart = round % 3 === 0;
        const g: PoolGeometry = {
          planes: dice.whole(1, 3),
          input: isApart ? pair(4, 9) : pair(1, 8),
          window: isApart ? [2, 2] : pair(1, 3),
          output: isApart ? pair(2, 4) : pair(0, 6),
          stride: isApart ? pair(2, 3) : pair(1, 3),
          dilation: isApart ? [1, 1] : pair(1, 2),
          padding: isApart ? pair(0, 1) : pair(0, 2),
          countPadding: dice.whole(0, 1) === 0,
        };
        // Few different values, all negative: ties are common, and padding would win if it counted as 0.
        const image = Float32Array.from({ length: g.planes * sizeOf(g.input) }, () => -dice.whole(1, 4));
        const { inputs, expected } = pooledOf(which, g, image, dice);
        const kernel: Kernel = { kind: "pool", which, geometry: g };
        const [got] = await results({}, kernel, inputs, [{ type: "float32", size: expected.length }]);
        assertNear(got, expected, `${which} ${JSON.stringify(g)}`, which.startsWith("maximum") ? 0 : 1e-6);
      }
    });

  it("NaN wins, the first of several", async () => {
    const g: PoolGeometry = {
      planes: 1,
      input: [2, 4],
      window: [2, 2],
      output: [1, 2],
      stride: [2, 2],
      dilation: [1, 1],
      padding: [0, 0],
      countPadding: true,
    };
    const image = Float32Array.of(9, NaN, 1, 2, NaN, 3, 4, 3);
    const pooled = async (which: PoolKernel["which"], size: number, ...others: Float32Array[]): Promise<number[]> => {
      const [got] = await results(
        {},
        { kind: "pool", which, geometry: g },
        [image, ...others],
        [{ type: "float32", size }],
      );
      return Array.from(got);
    };
    assert.deepEqual(await pooled("maximum", 2), [NaN, 4]);
    assert.deepEqual(await pooled("maximumPick", 2, Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7)), [1, 6]);
    assert.deepEqual(await pooled("maximumGradient", 8, Float32Array.of(5, 6)), [0, 5, 0, 0, 0, 0, 6, 0]);
  });
});
