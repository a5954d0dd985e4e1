import assert from "node:assert/strict";
import { type Distribution, fillRandom, randomPermutation, threefry } from "../../../engine/kernel/random";
import type { Target } from "../../../engine/backends/wasm/code";
import { Dice, int } from "../support";
import { runPieces } from "./pieces";

/** Around what vectors, rounds of the loop and pieces take. */
const SIZES = [1, 2, 3, 4, 5, 7, 8, 9, 31, 64, 1023, 1024, 1025, 5000] as const;

const PLAIN: Target = { fused: false, wide: false };
/** Where neighbouring operations may be joined, the code is another. */
const TARGETS = [PLAIN, { fused: true, wide: true }] as const;

interface Draw {
  readonly distribution: Distribution;
  readonly size: number;
  readonly stream: number;
  readonly key: readonly [seed: number, iteration: number];
}

function draw({ distribution, size, stream, key }: Draw, target = PLAIN): Float32Array {
  const kernel = { kind: "random", distribution, size, stream } as const;
  const { values } = runPieces(kernel, [int(key)], { type: "float32", size }, new Dice(size), target);
  return values as Float32Array;
}

/** The definition in float64, rounded where it is stored. */
function defined({ distribution, size, stream, key: [seed, iteration] }: Draw): Float32Array {
  const out = new Float64Array(size);
  fillRandom(out, distribution, { seed, iteration }, stream);
  return Float32Array.from(out);
}

describe("random in WebAssembly", () => {
  it("Threefry-2x32-20's known answer is what uniform numbers are made of", () => {
    // From the authors' Random123 (kat_vectors): key 0 0, counter 0 0 gives 6b200159 99ba4efe.
    const words = new Uint32Array(2);
    threefry(words, 0, 0, 0, 0);
    assert.deepEqual([...words], [0x6b200159, 0x99ba4efe]);
    const [value] = draw({ distribution: "uniform", size: 1, stream: 0, key: [0, 0] });
    assert.equal(value, 0x6b2001 / 0x1000000);
  });

  it("uniform numbers are the definition's bits, for any key, stream and size", () => {
    const dice = new Dice(51);
    for (const size of SIZES) {
      const word = (): number => dice.whole(-0x80000000, 0x7fffffff);
      const given = { distribution: "uniform", size, stream: word() >>> 0, key: [word(), word()] } as const;
      for (const target of TARGETS) assert.deepEqual(draw(given, target), defined(given));
    }
  });

  it("normal numbers are the definition's, rounded to float32", () => {
    const dice = new Dice(52);
    for (const size of [...SIZES, 200_000]) {
      const given = {
        distribution: "normal",
        size,
        stream: dice.whole(0, 1 << 30),
        key: [dice.whole(0, 99), 7],
      } as const;
      const [got, expected] = [draw(given), defined(given)];
      // Both are within about one unit of float64's last place, which moves a float32 about once in 2²⁸ numbers.
      for (let i = 0; i < size; i++) assert.ok(Math.abs(got[i] - expected[i]) <= 1.2e-7 * Math.abs(expected[i]));
    }
  });

  it("normal numbers have the moments and the tails of the standard normal distribution", () => {
    const values = draw({ distribution: "normal", size: 400_000, stream: 3, key: [1, 2] });
    const mean = (of: (x: number) => number): number => values.reduce((sum, x) => sum + of(x), 0) / values.length;
    // Four standard errors each.
    assert.ok(Math.abs(mean((x) => x)) < 4 / Math.sqrt(400_000));
    assert.ok(Math.abs(mean((x) => x ** 2) - 1) < 4 * Math.sqrt(2 / 400_000));
    assert.ok(Math.abs(mean((x) => x ** 4) - 3) < 4 * Math.sqrt(96 / 400_000));
    // P(|x| > 2) = 0.0455003.
    assert.ok(Math.abs(mean((x) => Number(Math.abs(x) > 2)) - 0.0455003) < 4 * Math.sqrt(0.0455 / 400_000));
  });
});

describe("permutation in WebAssembly", () => {
  function permute(size: number, stream: number, key: readonly [number, number], target = PLAIN): Int32Array {
    const kernel = { kind: "permutation", size, stream } as const;
    return runPieces(kernel, [int(key)], { type: "int32", size }, new Dice(size), target).values as Int32Array;
  }

  it("the definition's order, for any key and size", () => {
    const dice = new Dice(53);
    for (const size of [...SIZES, 20_000]) {
      const [seed, iteration, stream] = [dice.whole(-1e9, 1e9), dice.whole(0, 1e9), dice.whole(0, 1e9)];
      const expected = randomPermutation(size, { seed, iteration }, stream);
      for (const target of TARGETS) assert.deepEqual(permute(size, stream, [seed, iteration], target), expected);
    }
  });

  it("elements whose first words are equal are in the order of their second ones", () => {
    const size = 300_000;
    const words = new Uint32Array(2);
    const seconds = new Map<number, number[]>();
    const firsts = new Uint32Array(size);
    for (let element = 0; element < size; element++) {
      threefry(words, 5, 6, element, 7);
      firsts[element] = words[0];
      seconds.set(words[0], [...(seconds.get(words[0]) ?? []), words[1] >>> 11]);
    }
    const swapped = [...seconds.values()].filter(([a, b]) => a > b);
    assert.ok(swapped.length > 0, "some pairs are not in the order of their elements");
    const order = permute(size, 6, [5, 7]);
    const place = new Int32Array(size);
    order.forEach((element, at) => (place[element] = at));
    for (let at = 1; at < size; at++) {
      const [before, element] = [order[at - 1], order[at]];
      assert.ok(firsts[before] <= firsts[element]);
      if (firsts[before] !== firsts[element]) continue;
      const second = (of: number): number => {
        threefry(words, 5, 6, of, 7);
        return words[1] >>> 11;
      };
      assert.ok(second(before) <= second(element));
    }
    assert.ok(
      place.every((at, element) => order[at] === element),
      "each element stands once",
    );
  });
});
