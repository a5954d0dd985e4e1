import { readFileSync } from "node:fs";
import type { NdArray } from "../../engine/graph/array";
import { type DType, sizeOf } from "../../engine/graph/shape";

/** What scripts/fixtures wrote for one case: how to make the inputs, and what PyTorch gives in float64. */
export interface Fixture {
  readonly inputs: readonly FixtureInput[];
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly value: readonly FixtureNumber[];
  /** Of sum(value · weights), for each float input; `null` for the others. Absent where torch has none. */
  readonly gradients?: readonly (readonly FixtureNumber[] | null)[];
}

export type FixtureInput =
  | { readonly shape: readonly number[]; readonly seed: number; readonly low: number; readonly high: number }
  | { readonly shape: readonly number[]; readonly data: readonly FixtureNumber[]; readonly dtype?: DType };

/** JSON has no infinities and no NaN. */
type FixtureNumber = number | "Infinity" | "-Infinity" | "NaN";

/** The cases of test/fixtures/torch/`family`.json by name. */
export function loadFixtures(family: string): Record<string, Fixture> {
  return JSON.parse(readFileSync(`test/fixtures/torch/${family}.json`, "utf8")) as Record<string, Fixture>;
}

export function fixtureNumbers(numbers: readonly FixtureNumber[]): Float64Array {
  return Float64Array.from(numbers, Number);
}

export function fixtureInput(input: FixtureInput): NdArray {
  if ("data" in input) {
    return { shape: input.shape, dtype: input.dtype ?? "float32", data: fixtureNumbers(input.data) };
  }
  return seeded(input.shape, input.seed, input.low, input.high);
}

/** The fixture scripts' random numbers: the top 16 bits of Numerical Recipes' linear congruential generator. */
export function seeded(shape: readonly number[], seed: number, low = -2, high = 2): NdArray {
  let x = seed;
  const data = Float64Array.from({ length: sizeOf(shape) }, () => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return low + (high - low) * ((x >>> 16) / 65536);
  });
  return { shape, dtype: "float32", data };
}

/** The weights by which the fixture scripts make a scalar of an output. */
export function weightsFor(shape: readonly number[]): NdArray {
  return seeded(shape, 7, -1, 1);
}
