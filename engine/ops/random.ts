import { decodeDim } from "../graph/dim";
import { sizeOf, isConcrete } from "../graph/shape";
import type { Shape } from "../graph/shape";
import type { Tensor } from "../graph/tensor";
import { currentTrace } from "../graph/trace";
import { type Distribution, fillRandom, randomPermutation } from "../kernel/random";
import { apply } from "./apply";
import { add, cast, lt, mul } from "./functions";
import { define, none } from "./operation";

const DRAWN = "random numbers depend on no input";

interface RandomAttributes {
  readonly distribution: Distribution;
  readonly shape: Shape;
  /** Which of the iteration's independent streams; given in order of the calls. */
  readonly stream: number;
}

define<RandomAttributes>({
  name: "random",
  infer: ({ attributes }) => ({ shape: attributes.shape, dtype: "float32" }),
  evaluate: ({ inputs: [key], attributes, shape, dtype }) => {
    const data = new Float64Array(sizeOf(shape));
    fillRandom(data, attributes.distribution, { seed: key.data[0], iteration: key.data[1] }, attributes.stream);
    return { shape, dtype, data };
  },
  grad: none(DRAWN),
  lower: ({ attributes: { distribution, stream }, shape }) => ({
    kind: "kernel",
    kernel: { kind: "random", distribution, stream, size: sizeOf(shape) },
  }),
});

define<{ size: number; stream: number }>({
  name: "permutation",
  infer: ({ attributes }) => ({ shape: [attributes.size], dtype: "int32" }),
  evaluate: ({ inputs: [key], attributes, shape, dtype }) => ({
    shape,
    dtype,
    data: Float64Array.from(
      randomPermutation(shape[0], { seed: key.data[0], iteration: key.data[1] }, attributes.stream),
    ),
  }),
  grad: none(DRAWN),
  lower: ({ attributes: { stream }, shape }) => ({
    kind: "kernel",
    kernel: { kind: "permutation", size: shape[0], stream },
  }),
});

/** The node that holds the current iteration's [seed, iteration]; one per trace. */
export function randomKey(): Tensor {
  const trace = currentTrace();
  trace.randomKey ??= apply("randomKey", [], { shape: [2], dtype: "int32" }, "random key");
  return trace.randomKey;
}

function draw(distribution: Distribution, shape: readonly number[]): Tensor {
  return apply("random", [randomKey()], {
    distribution,
    shape: shape.map(decodeDim),
    stream: currentTrace().randomStreams++,
  });
}

/** Uniform random numbers in [low, high), new ones each iteration. */
export function randomUniform(shape: readonly number[], low = 0, high = 1): Tensor {
  const unit = draw("uniform", shape);
  return low === 0 && high === 1 ? unit : add(mul(unit, high - low), low);
}

/** Normal random numbers, new ones each iteration. */
export function randomNormal(shape: readonly number[], mean = 0, std = 1): Tensor {
  const unit = draw("normal", shape);
  return mean === 0 && std === 1 ? unit : add(mul(unit, std), mean);
}

/** 1 with probability `p`, else 0 (float32): 1 where a uniform number is below p. */
export function randomBernoulli(shape: readonly number[], p: number): Tensor {
  if (!(p >= 0 && p <= 1)) throw new Error(`randomBernoulli: the probability must be between 0 and 1, got ${p}`);
  return cast(lt(draw("uniform", shape), p), "float32");
}

/** The numbers 0…n−1 in random order, int32. */
export function permutation(n: number): Tensor {
  if (!isConcrete([n]) || !Number.isInteger(n) || n < 0) {
    throw new Error(`permutation: the number of elements must be a whole number ≥ 0, got ${String(n)}`);
  }
  return apply("permutation", [randomKey()], { size: n, stream: currentTrace().randomStreams++ });
}
