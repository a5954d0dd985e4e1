/** Products whose elements become something else before they are stored, against loops in double precision. */
import assert from "node:assert/strict";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { Backend, Values } from "../../../engine/backends/backend";
import { createWasmBackend } from "../../../engine/backends/wasm";
import { codeOf } from "../../../engine/backends/wasm/kernels";
import { type Expression, binary, constant, input, select, unary } from "../../../engine/kernel/expression";
import {
  type Combine,
  type ElementType,
  type Epilogue,
  type ProductKernel,
  type SweepResult,
  type View,
  printKernel,
  productShape,
} from "../../../engine/kernel/kernel";
import { BACKENDS } from "../../support/run";
import { Dice } from "../support";

const x = input(0);
const y = input(1);
const z = input(2);
const biased = binary("add", x, y);

const map = (body: Expression): SweepResult => ({ body, combine: undefined });
const combined = (combine: Combine, body: Expression): SweepResult => ({ body, combine });

/** Results with how many inputs they read and which type they have. */
const RESULTS: readonly {
  readonly name: string;
  readonly inputs: number;
  readonly results: readonly SweepResult[];
  readonly types: readonly ElementType[];
}[] = [
  { name: "bias", inputs: 1, results: [map(biased)], types: ["float32"] },
  {
    name: "bias, relu and its statistics",
    inputs: 1,
    results: [map(biased), combined("sum", binary("multiply", biased, biased)), map(binary("maximum", biased, 0))],
    types: ["float32", "float32", "float32"],
  },
  {
    name: "the product too, with what it adds up to",
    inputs: 0,
    results: [map(x), combined("sum", x), combined("maximum", unary("abs", x)), combined("minimum", x)],
    types: ["float32", "float32", "float32", "float32"],
  },
  {
    name: "only statistics",
    inputs: 1,
    results: [combined("maximum", biased), combined("sum", binary("multiply", x, y))],
    types: ["float32", "float32"],
  },
  { name: "flags", inputs: 1, results: [map(binary("less", x, y))], types: ["bool"] },
  {
    name: "flags and a function",
    inputs: 2,
    results: [map(binary("less", 0, x)), map(unary("tanh", binary("add", biased, z)))],
    types: ["bool", "float32"],
  },
  {
    name: "a choice of three",
    inputs: 2,
    results: [map(select(binary("lessEqual", x, y), z, binary("multiply", x, 2)))],
    types: ["float32"],
  },
  { name: "nothing of it", inputs: 0, results: [map(constant(3))], types: ["float32"] },
];

interface Case {
  readonly kernel: ProductKernel;
  readonly a: Float32Array;
  readonly b: Float32Array;
  readonly extra: readonly Float32Array[];
  readonly types: readonly ElementType[];
}

/** An input's view over the shape, with how many elements it needs: by rows, by columns, whole, one number, turned, every other. */
function viewOf(shape: readonly number[], dice: Dice): { readonly view: View; readonly size: number } {
  const whole = shape.map((_, axis) => shape.slice(axis + 1).reduce((size, dim) => size * dim, 1));
  const kept = dice.pick<readonly boolean[]>([
    shape.map(() => true),
    shape.map((_, axis) => axis === shape.length - 1),
    shape.map((_, axis) => axis === 1),
    shape.map((_, axis) => axis === 0),
    shape.map(() => false),
    shape.map((_, axis) => axis > 0),
  ]);
  const order = shape.map((_, axis) => axis).filter((axis) => kept[axis]);
  // Now and then axes are in another order, or elements apart.
  if (dice.whole(0, 5) === 0) order.reverse();
  const apart = dice.whole(0, 5) === 0 ? 2 : 1;
  const strides = shape.map((_, axis) => {
    const at = order.indexOf(axis);
    return at < 0 ? 0 : apart * order.slice(at + 1).reduce((size, other) => size * shape[other], 1);
  });
  const offset = dice.whole(0, 3);
  const last = shape.reduce((sum, dim, axis) => sum + strides[axis] * Math.max(0, dim - 1), offset);
  return { view: { strides: whole.length === 0 ? [] : strides, offset }, size: last + 1 };
}

function caseOf(
  product: ProductKernel,
  sizes: readonly [number, number],
  { inputs, results, types }: (typeof RESULTS)[number],
  dice: Dice,
): Case {
  const shape = productShape(product);
  const chosen = Array.from({ length: inputs }, () => viewOf(shape, dice));
  const epilogue: Epilogue = { views: chosen.map(({ view }) => view), results };
  const values = (size: number): Float32Array => Float32Array.from({ length: size }, () => 2 * dice.uniform() - 1);
  return {
    kernel: { ...product, epilogue },
    a: values(sizes[0]),
    b: values(sizes[1]),
    extra: chosen.map(({ size }) => values(size)),
    types,
  };
}

function randomMatmul(dice: Dice, sizes: readonly number[], depths: readonly number[]): Parameters<typeof caseOf> {
  const [m, n] = [dice.pick(sizes), dice.pick(sizes)];
  const [k, count] = [dice.pick(depths), dice.pick([1, 1, 2, 3])];
  const isShared = dice.whole(0, 1) === 0;
  const batch = Array.from({ length: count }, (_, i) => ({ a: i * m * k, b: isShared ? 0 : i * k * n }));
  const kernel: ProductKernel = {
    kind: "matmul",
    ...{ m, n, k, batch },
    strideA: dice.whole(0, 1) === 0 ? [k, 1] : [1, m],
    strideB: dice.whole(0, 1) === 0 ? [n, 1] : [1, k],
  };
  return [kernel, [count * m * k, count * k * n], dice.pick(RESULTS), dice];
}

function randomConvolution(dice: Dice): Parameters<typeof caseOf> {
  const groups = dice.pick([1, 1, 1, 2]);
  const [batch, inputChannels, outputChannels] = [
    dice.whole(1, 6),
    groups * dice.whole(1, 4),
    groups * dice.whole(1, 9),
  ];
  const kernel = [dice.whole(1, 4), dice.whole(1, 4)] as const;
  const stride = [dice.pick([1, 1, 2]), dice.pick([1, 1, 2])] as const;
  const padding = [dice.whole(0, kernel[0] - 1), dice.whole(0, kernel[1] - 1)] as const;
  const size = [dice.whole(4, 17), dice.whole(4, 17)] as const;
  const output = [0, 1].map((i) => Math.floor((size[i] + 2 * padding[i] - kernel[i]) / stride[i]) + 1);
  const geometry = {
    ...{ batch, inputChannels, outputChannels, groups, kernel, stride, padding },
    input: size,
    output: [output[0], output[1]] as const,
    dilation: [1, 1] as const,
  };
  const images = batch * inputChannels * size[0] * size[1];
  const weights = (outputChannels * inputChannels * kernel[0] * kernel[1]) / groups;
  const results = batch * outputChannels * output[0] * output[1];
  const which = dice.pick(["forward", "forward", "input", "weight"] as const);
  const factors = { forward: [images, weights], input: [results, weights], weight: [images, results] } as const;
  return [{ kind: "convolution", which, geometry }, factors[which], dice.pick(RESULTS), dice];
}

/** The product by its definition. */
function productOf({ kernel, a, b }: Case): Float64Array {
  const out = new Float64Array(productShape(kernel).reduce((size, dim) => size * dim, 1));
  if (kernel.kind === "matmul") {
    const { m, n, k, batch, strideA, strideB } = kernel;
    batch.forEach((offset, i) => {
      for (let row = 0; row < m; row++)
        for (let column = 0; column < n; column++)
          for (let p = 0; p < k; p++)
            out[(i * m + row) * n + column] +=
              a[offset.a + row * strideA[0] + p * strideA[1]] * b[offset.b + p * strideB[0] + column * strideB[1]];
    });
    return out;
  }
  const { geometry, which } = kernel;
  const { batch, inputChannels, outputChannels, groups, input: image, output, stride, padding } = geometry;
  const [height, width] = geometry.kernel;
  const [channels, outputs] = [inputChannels / groups, outputChannels / groups];
  for (let i = 0; i < batch; i++)
    for (let o = 0; o < outputChannels; o++)
      for (let c = 0; c < channels; c++)
        for (let oy = 0; oy < output[0]; oy++)
          for (let ox = 0; ox < output[1]; ox++)
            for (let ky = 0; ky < height; ky++)
              for (let kx = 0; kx < width; kx++) {
                const [iy, ix] = [oy * stride[0] + ky - padding[0], ox * stride[1] + kx - padding[1]];
                if (iy < 0 || ix < 0 || iy >= image[0] || ix >= image[1]) continue;
                const channel = Math.floor(o / outputs) * channels + c;
                const atX = ((i * inputChannels + channel) * image[0] + iy) * image[1] + ix;
                const atW = ((o * channels + c) * height + ky) * width + kx;
                const atY = ((i * outputChannels + o) * output[0] + oy) * output[1] + ox;
                if (which === "forward") out[atY] += a[atX] * b[atW];
                else if (which === "input") out[atX] += a[atY] * b[atW];
                else out[atW] += a[atX] * b[atY];
              }
  return out;
}

function valueOf(e: Expression, inputs: readonly number[]): number {
  switch (e.kind) {
    case "input":
      return inputs[e.index];
    case "constant":
      return e.value;
    case "unary":
      return e.fn === "tanh" ? Math.tanh(valueOf(e.a, inputs)) : Math.abs(valueOf(e.a, inputs));
    case "select":
      return valueOf(e.test, inputs) !== 0 ? valueOf(e.yes, inputs) : valueOf(e.no, inputs);
    case "binary": {
      const [a, b] = [valueOf(e.a, inputs), valueOf(e.b, inputs)];
      switch (e.fn) {
        case "add":
          return a + b;
        case "multiply":
          return a * b;
        case "maximum":
          return Math.max(a, b);
        case "less":
          return Number(a < b);
        case "lessEqual":
          return Number(a <= b);
        default:
          throw new Error(`the test has no ${e.fn}`);
      }
    }
    default:
      throw new Error(`the test has no ${e.kind}`);
  }
}

const COMBINE: Readonly<Record<Combine, (a: number, b: number) => number>> = {
  sum: (a, b) => a + b,
  product: (a, b) => a * b,
  maximum: Math.max,
  minimum: Math.min,
};

/** What the epilogue's definition says. @param inputs the product and the others, by index of the product's elements */
function expectedOf({ kernel, extra }: Case, product: ArrayLike<number>): Float64Array[] {
  const shape = productShape(kernel);
  const { views, results } = kernel.epilogue ?? { views: [], results: [] };
  const rows = Array.from({ length: product.length }, (_, at) => {
    let rest = at;
    const index = shape.map(() => 0);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = rest % shape[axis];
      rest = Math.floor(rest / shape[axis]);
    }
    const others = views.map(
      ({ strides, offset }, i) => extra[i][index.reduce((sum, each, axis) => sum + each * strides[axis], offset)],
    );
    return [product[at], ...others];
  });
  return results.map(({ body, combine }) => {
    const values = rows.map((row) => valueOf(body, row));
    return Float64Array.from(
      combine === undefined ? values : [values.reduce((sum, value) => COMBINE[combine](sum, value))],
    );
  });
}

/** Twice, on buffers that hold rubbish. */
async function run(backend: Backend, { kernel, a, b, extra, types }: Case): Promise<Values[]> {
  const inputs = [a, b, ...extra].map((data) => {
    const buffer = backend.allocate("float32", data.length);
    backend.write(buffer, data);
    return buffer;
  });
  const size = productShape(kernel).reduce((all, dim) => all * dim, 1);
  const outputs = (kernel.epilogue?.results ?? []).map(({ combine }, i) =>
    backend.allocate(types[i], combine === undefined ? size : 1),
  );
  for (const output of outputs) backend.write(output, new Array<number>(output.size).fill(NaN));
  const prepared = backend.prepare([{ kernel, inputs, outputs }]);
  prepared.run(0, 1);
  prepared.run(0, 1);
  const results = await Promise.all(outputs.map((output) => backend.read(output)));
  prepared.dispose();
  for (const buffer of [...inputs, ...outputs]) backend.release(buffer);
  return results;
}

async function check(backend: Backend, each: Case): Promise<void> {
  const actual = await run(backend, each);
  const product = productOf(each);
  const expected = expectedOf(each, product);
  const name = printKernel(each.kernel);
  // Of a sum, the more the more there is to add.
  const depth = product.length;
  expected.forEach((values, i) => {
    const isSum = each.kernel.epilogue?.results[i].combine === "sum";
    const tolerance = isSum ? 1e-5 * (1 + depth) : 5e-5;
    assert.equal(actual[i].length, values.length, name);
    values.forEach((value, at) => {
      const got = actual[i][at];
      // Where a flag turns on a difference that rounding can make, both are right.
      if (each.types[i] === "bool" || Math.abs(got - value) <= tolerance * (1 + Math.abs(value))) return;
      assert.fail(`${name}: result ${i} is ${got} at ${at}, not ${value}`);
    });
  });
  const flags = each.types.indexOf("bool");
  if (flags < 0) return;
  const others = expected[flags].reduce((count, value, at) => count + Number(actual[flags][at] !== value), 0);
  assert.ok(others <= 1 + product.length / 1000, `${name}: ${others} flags are others`);
}

describe("epilogues of products", () => {
  for (const { name, backend } of BACKENDS) {
    describe(name, () => {
      for (const result of RESULTS) {
        it(`of matrix products: ${result.name}`, async () => {
          const dice = new Dice(result.name.length);
          for (let i = 0; i < 25; i++) {
            const [kernel, sizes] = randomMatmul(dice, [1, 2, 3, 4, 5, 7, 10, 13, 16, 33], [1, 3, 8, 21]);
            await check(backend, caseOf(kernel, sizes, result, dice));
          }
        });
        it(`of convolutions: ${result.name}`, async () => {
          const dice = new Dice(result.name.length + 100);
          for (let i = 0; i < 25; i++) {
            const [kernel, sizes] = randomConvolution(dice);
            await check(backend, caseOf(kernel, sizes, result, dice));
          }
        });
      }

      it("of matrices with many pieces, and with more steps than are done at a time", async () => {
        const dice = new Dice(7);
        for (let i = 0; i < 12; i++)
          await check(backend, caseOf(...randomMatmul(dice, [65, 128, 190], [70, 259, 600])));
      });

      it("of no steps, which are zeros", async () => {
        const dice = new Dice(8);
        const kernel = { kind: "matmul", m: 5, n: 7, k: 0, batch: [{ a: 0, b: 0 }], strideA: [0, 1], strideB: [7, 1] };
        await check(backend, caseOf(kernel as unknown as ProductKernel, [1, 1], RESULTS[1], dice));
      });

      it("with a NaN, which no statistic loses", async () => {
        const kernel: ProductKernel = {
          kind: "matmul",
          ...{ m: 6, n: 9, k: 4, batch: [{ a: 0, b: 0 }] },
          strideA: [4, 1],
          strideB: [9, 1],
        };
        const each = caseOf(kernel, [24, 36], RESULTS[2], new Dice(9));
        each.a[9] = NaN;
        const [product, sum, maximum, minimum] = await run(backend, each);
        for (let i = 0; i < 54; i++) assert.equal(Number.isNaN(product[i]), i >= 18 && i < 27);
        for (const [value] of [sum, maximum, minimum]) assert.ok(Number.isNaN(value));
      });
    });
  }
});

describe("an epilogue in WebAssembly", () => {
  const kernel = (results: readonly SweepResult[]): ProductKernel => ({
    kind: "matmul",
    ...{ m: 20, n: 30, k: 40, batch: [{ a: 0, b: 0 }] },
    strideA: [40, 1],
    strideB: [30, 1],
    epilogue: { views: [{ strides: [0, 0, 1], offset: 0 }], results },
  });
  const phases = (results: readonly SweepResult[]): number | undefined => {
    const outputs = results.map((): ElementType => "float32");
    const typed = { kernel: kernel(results), inputs: ["float32", "float32", "float32"] as const, outputs };
    return codeOf(typed, { fused: false, wide: false })?.phases.length;
  };

  it("is done in registers, if it is light", () => {
    assert.equal(phases([map(biased), map(binary("maximum", biased, 0))]), 1);
  });

  it("is a sweep afterwards, if it is heavy or combines", () => {
    assert.equal(phases([map(unary("tanh", biased))]), 2);
    assert.equal(phases([map(biased), combined("sum", biased)]), 3);
  });
});

describe("epilogues on several threads", () => {
  const workers: Worker[] = [];
  after(async () => {
    await Promise.all(workers.map((worker) => worker.terminate()));
  });

  it("come to the same bits", async function () {
    this.timeout(20_000);
    const alone = createWasmBackend({});
    const together = createWasmBackend({
      threads: {
        others: 1,
        now: () => performance.now(),
        start: (ready) => {
          const worker = new Worker(resolve("dist", "thread.mjs"));
          workers.push(worker);
          worker.once("message", ready);
          return {
            post: (message) => {
              worker.postMessage(message);
            },
          };
        },
      },
    });
    assert.ok(alone && together);
    while (together.threads < 2) await sleep(5);
    const dice = new Dice(10);
    for (let i = 0; i < 8; i++) {
      const [kernel, sizes] =
        i % 2 === 0 ? randomMatmul(dice, [130, 190], [130, 300]) : ([...randomConvolution(dice)] as const);
      const each = caseOf(kernel, sizes, dice.pick(RESULTS), dice);
      assert.deepEqual(await run(together, each), await run(alone, each), printKernel(each.kernel));
    }
  });
});
