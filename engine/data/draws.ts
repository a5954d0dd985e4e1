import { threefry } from "../kernel/random";

/**
 * A sequence of random numbers that belongs to one (seed, stream, index, epoch): the same on every run, in any order of
 * examples, on any worker. The four numbers are mixed to a key, and the key with a running counter gives the numbers.
 */
export class Draws {
  private readonly words = new Uint32Array(2);
  private key0 = 0;
  private key1 = 0;
  private count = 0;

  /** Starts the sequence of one example anew. */
  restart(seed: number, stream: number, index: number, epoch: number): this {
    threefry(this.words, seed, stream, index, epoch);
    [this.key0, this.key1] = this.words;
    this.count = 0;
    return this;
  }

  /** Uniform in [0, 1). */
  uniform(): number {
    this.next();
    return (this.words[0] >>> 8) / 0x1000000;
  }

  /** Uniform in [−limit, limit). */
  symmetric(limit: number): number {
    return (2 * this.uniform() - 1) * limit;
  }

  /** Standard normal (Box–Muller). */
  normal(): number {
    this.next();
    const radius = Math.sqrt(-2 * Math.log(((this.words[0] >>> 8) + 1) / 0x1000000));
    return radius * Math.cos((2 * Math.PI * (this.words[1] >>> 8)) / 0x1000000);
  }

  /** Two numbers uniform in [−1, 1) for the price of one, at `at` in both arrays. */
  pair(first: Float32Array, second: Float32Array, at: number): void {
    this.next();
    first[at] = (this.words[0] >>> 8) / 0x800000 - 1;
    second[at] = (this.words[1] >>> 8) / 0x800000 - 1;
  }

  private next(): void {
    threefry(this.words, this.key0, this.key1, this.count++, 0);
  }
}
