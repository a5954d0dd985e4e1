import { fillRandom, streamOf } from "../kernel/random";

/** Random numbers for initial values: reproducible from the seed and the parameter's name alone. */
export interface RandomSource {
  /** n numbers uniform in [0, 1). */
  uniform(n: number): Float64Array;
  /** n standard normal numbers. */
  normal(n: number): Float64Array;
}

/** Initial values use an iteration number that no training iteration has. */
const INITIALISATION = 0xffffffff;

/** So that adding a layer changes no other layer's initial values, each name has a stream of its own. */
export function randomSource(seed: number, name: string): RandomSource {
  let draws = 0;
  const draw = (distribution: "uniform" | "normal", n: number): Float64Array => {
    const out = new Float64Array(n);
    fillRandom(out, distribution, { seed, iteration: INITIALISATION }, streamOf(`${name}#${draws++}`));
    return out;
  };
  return { uniform: (n) => draw("uniform", n), normal: (n) => draw("normal", n) };
}
