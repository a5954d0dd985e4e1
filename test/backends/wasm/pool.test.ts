import assert from "node:assert/strict";
import { createWasmBackend } from "../../../engine/backends/wasm/index";
import { codeOf } from "../../../engine/backends/wasm/kernels";
import type { PoolGeometry, PoolKernel } from "../../../engine/kernel/kernel";
import { Dice, float, runKernel, sizeOf } from "../support";
import { windowsOf } from "../../support/windows";

const PLAIN = { fused: false, wide: false };

/** Runs the kernel as code of this backend, not by the JavaScript backend. */
async function pool(
  which: PoolKernel["which"],
  geometry: PoolGeometry,
  inputs: readonly ArrayLike<number>[],
): Promise<number[]> {
  const backend = createWasmBackend({ target: PLAIN });
  assert.ok(backend);
  const kernel: PoolKernel = { kind: "pool", which, geometry };
  assert.ok(codeOf({ kernel, inputs: inputs.map(() => "float32" as const), outputs: ["float32"] }, PLAIN));
  const size = geometry.planes * sizeOf(which.endsWith("Gradient") ? geometry.input : geometry.output);
  return Array.from(await runKernel(backend, kernel, inputs.map(float), { type: "float32", size }));
}

/** The first largest element, the first NaN if there is one. */
function bestOf(window: readonly number[], x: ArrayLike<number>): number | undefined {
  const nan = window.find((at) => Number.isNaN(x[at]));
  if (nan !== undefined) return nan;
  const largest = Math.max(...window.map((at) => x[at]));
  return window.find((at) => x[at] === largest);
}

async function checkAll(g: PoolGeometry, x: Float32Array, dice: Dice): Promise<void> {
  const xSize = x.length;
  const found = windowsOf(g);
  const best = found.map((window) => bestOf(window, x));
  const other = dice.values(xSize);
  const upstream = dice.values(found.length);
  const divisors = found.map((window) => (g.countPadding ? sizeOf(g.window) : window.length));
  const maximumGradient = new Float64Array(xSize);
  const averageGradient = new Float64Array(xSize);
  found.forEach((window, i) => {
    const at = best[i];
    if (at !== undefined) maximumGradient[at] += upstream[i];
    for (const each of window) averageGradient[each] += upstream[i] / divisors[i];
  });
  const expected: readonly { which: PoolKernel["which"]; inputs: ArrayLike<number>[]; values: ArrayLike<number> }[] = [
    { which: "maximum", inputs: [x], values: best.map((at) => (at === undefined ? -Infinity : x[at])) },
    { which: "maximumPick", inputs: [x, other], values: best.map((at) => (at === undefined ? 0 : other[at])) },
    { which: "maximumGradient", inputs: [x, upstream], values: maximumGradient },
    {
      which: "average",
      inputs: [other],
      values: found.map((window, i) =>
        window.length === 0 ? 0 : window.reduce((sum, at) => sum + other[at], 0) / divisors[i],
      ),
    },
    { which: "averageGradient", inputs: [upstream], values: averageGradient },
  ];
  for (const { which, inputs, values } of expected) {
    const got = await pool(which, g, inputs);
    assert.equal(got.length, values.length);
    got.forEach((value, i) => {
      assert.ok(
        Object.is(value + 0, values[i] + 0) || Math.abs(value - values[i]) <= 1e-5,
        `${which} ${JSON.stringify(g)}: [${i}] is ${value}, not ${values[i]}`,
      );
    });
  }
}

const BASE: PoolGeometry = {
  planes: 3,
  input: [8, 8],
  window: [2, 2],
  output: [4, 4],
  stride: [2, 2],
  dilation: [1, 1],
  padding: [0, 0],
  countPadding: true,
};

const CASES: readonly { readonly name: string; readonly geometry: Partial<PoolGeometry> }[] = [
  { name: "LeNet-5's first", geometry: { planes: 12, input: [28, 28], output: [14, 14] } },
  { name: "LeNet-5's second", geometry: { planes: 32, input: [10, 10], output: [5, 5] } },
  { name: "2×2 on odd sizes", geometry: { input: [9, 13], output: [4, 6] } },
  { name: "2×2 with rows of three", geometry: { input: [6, 7], output: [3, 3] } },
  {
    name: "3×3, stride 2, padding 1",
    geometry: { input: [15, 16], window: [3, 3], output: [8, 8], padding: [1, 1], countPadding: false },
  },
  { name: "3×3, stride 1", geometry: { input: [9, 9], window: [3, 3], output: [7, 7], stride: [1, 1] } },
  { name: "5×5 by loops, stride 3", geometry: { input: [20, 21], window: [5, 5], output: [6, 6], stride: [3, 3] } },
  { name: "the whole image", geometry: { input: [7, 7], window: [7, 7], output: [1, 1], stride: [1, 1] } },
  { name: "cropped", geometry: { input: [8, 12], output: [2, 4], padding: [-1, -2] } },
  { name: "no outputs", geometry: { input: [1, 1], output: [0, 0] } },
  {
    name: "windows wholly in the padding",
    geometry: { input: [2, 2], window: [2, 2], output: [4, 5], padding: [3, 3], countPadding: false },
  },
];

describe("pool in WebAssembly", () => {
  for (const [i, { name, geometry }] of CASES.entries()) {
    it(`all kinds: ${name}`, async () => {
      const g = { ...BASE, ...geometry };
      const dice = new Dice(40 + i);
      // Few different values: ties are common.
      const x = Float32Array.from({ length: g.planes * sizeOf(g.input) }, () => -dice.whole(1, 4));
      await checkAll(g, x, dice);
    });
  }

  it("all kinds over 200 random geometries, with NaN and infinities among the elements", async () => {
    const dice = new Dice(3);
    for (let round = 0; round < 200; round++) {
      const pair = (low: number, high: number): [number, number] => [dice.whole(low, high), dice.whole(low, high)];
      const g: PoolGeometry = {
        planes: dice.whole(0, 3),
        input: pair(1, 12),
        window: pair(1, dice.pick([3, 5])),
        output: pair(0, 9),
        stride: pair(1, 3),
        dilation: pair(1, 2),
        padding: pair(-1, 2),
        countPadding: dice.whole(0, 1) === 0,
      };
      const special = [NaN, -Infinity, -Infinity, -Infinity, Infinity];
      const rare = dice.pick([0, 3, 12]);
      const x = Float32Array.from({ length: g.planes * sizeOf(g.input) }, () =>
        dice.whole(0, 12) < rare ? dice.pick(special) : -dice.whole(1, 4),
      );
      await checkAll(g, x, dice);
    }
  });

  it("2×2 windows side by side: NaN, −∞ and ties", async () => {
    const dice = new Dice(5);
    for (let round = 0; round < 20; round++) {
      const width = dice.whole(8, 15);
      const g = { ...BASE, input: [6, width] as const, output: [3, Math.floor(width / 2)] as const };
      const x = Float32Array.from({ length: g.planes * sizeOf(g.input) }, () =>
        dice.pick([NaN, -Infinity, -Infinity, 1, 1, 2]),
      );
      await checkAll(g, x, dice);
    }
  });
});
