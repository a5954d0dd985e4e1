/**
 * Counter-based randomness: Threefry-2x32-20 (Salmon et al., "Parallel random numbers: as easy as
 * 1, 2, 3", SC 2011). The same key and counter give the same bits on every backend, in any order,
 * so a training step can be replayed exactly.
 *
 * Key: (seed, stream); counter: (element, iteration).
 */
const PARITY = 0x1bd11bda;

/** Writes two unsigned 32-bit words into `out`. */
export function threefry(out: Uint32Array, seed: number, stream: number, element: number, iteration: number): void {
  let k0 = seed | 0;
  let k1 = stream | 0;
  let k2 = PARITY ^ k0 ^ k1;
  let x0 = (element + k0) | 0;
  let x1 = (iteration + k1) | 0;
  for (let injection = 1; injection <= 5; injection++) {
    // Two sets of four rotations take turns; written out, since this runs for every random number.
    if (injection & 1) {
      x0 = (x0 + x1) | 0;
      x1 = ((x1 << 13) | (x1 >>> 19)) ^ x0;
      x0 = (x0 + x1) | 0;
      x1 = ((x1 << 15) | (x1 >>> 17)) ^ x0;
      x0 = (x0 + x1) | 0;
      x1 = ((x1 << 26) | (x1 >>> 6)) ^ x0;
      x0 = (x0 + x1) | 0;
      x1 = ((x1 << 6) | (x1 >>> 26)) ^ x0;
    } else {
      x0 = (x0 + x1) | 0;
      x1 = ((x1 << 17) | (x1 >>> 15)) ^ x0;
      x0 = (x0 + x1) | 0;
      x1 = ((x1 << 29) | (x1 >>> 3)) ^ x0;
      x0 = (x0 + x1) | 0;
      x1 = ((x1 << 16) | (x1 >>> 16)) ^ x0;
      x0 = (x0 + x1) | 0;
      x1 = ((x1 << 24) | (x1 >>> 8)) ^ x0;
    }
    const first = k0;
    k0 = k1;
    k1 = k2;
    k2 = first;
    x0 = (x0 + k0) | 0;
    x1 = (x1 + k1 + injection) | 0;
  }
  out[0] = x0;
  out[1] = x1;
}

export type Distribution = "uniform" | "normal";

export interface RandomKey {
  readonly seed: number;
  readonly iteration: number;
}

/** Fills `out`: uniform in [0, 1) with 24 bits, or standard normal (Box–Muller, one of the pair). */
export function fillRandom(
  out: Float32Array | Float64Array,
  distribution: Distribution,
  key: RandomKey,
  stream: number,
): void {
  const words = new Uint32Array(2);
  for (let element = 0; element < out.length; element++) {
    threefry(words, key.seed, stream, element, key.iteration);
    if (distribution === "uniform") {
      out[element] = (words[0] >>> 8) / 0x1000000;
    } else {
      const radius = Math.sqrt(-2 * Math.log(((words[0] >>> 8) + 1) / 0x1000000));
      out[element] = radius * Math.cos((2 * Math.PI * (words[1] >>> 8)) / 0x1000000);
    }
  }
}

/** A random order of 0…n−1: positions sorted by random words, ties by position. */
export function randomPermutation(n: number, key: RandomKey, stream: number): Int32Array {
  const words = new Uint32Array(2);
  const keys = new Float64Array(n);
  for (let element = 0; element < n; element++) {
    threefry(words, key.seed, stream, element, key.iteration);
    // 53 exact bits: ties are out of reach for any real size, and the sort is stable anyway.
    keys[element] = words[0] * 0x200000 + (words[1] >>> 11);
  }
  return Int32Array.from({ length: n }, (_, element) => element).sort((a, b) => keys[a] - keys[b]);
}

/** A stable 32-bit hash (FNV-1a) that turns a name into a stream number. */
export function streamOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
