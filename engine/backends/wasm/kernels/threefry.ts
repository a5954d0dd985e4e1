import type { FunctionWriter, Local } from "../assembler/function";
import type { Target } from "../code";

/** Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011); engine/kernel/random.ts is the definition. */
const PARITY = 0x1bd11bda;
const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24] as const;
const ROUNDS = 20;

/** What is the same for all elements: set once by {@link setKeys}. */
export interface Keys {
  readonly target: Target;
  /** Iteration and second key together, the second word before the first round. */
  readonly start: Local;
  /** The same turned as the first round does. */
  readonly turned: Local;
  /** Added to the first word, before the first round and after every fourth. */
  readonly first: readonly Local[];
  /** Added to the second word after every fourth round. */
  readonly second: readonly Local[];
}

/** Sets the keys from the address of [seed, iteration] and the stream's number. */
export function setKeys(f: FunctionWriter, address: Local, stream: Local, target: Target): Keys {
  const [start, turned, k0, k1, k2] = Array.from({ length: 5 }, () => f.local("v128"));
  f.get(address).memory("v128.load32_splat").set(k0);
  f.get(stream).op("i32x4.splat").tee(k1).get(k0).op("v128.xor").i32x4(PARITY).op("v128.xor").set(k2);
  f.get(address).memory("v128.load32_splat", 4).get(k1).op("i32x4.add").set(start);
  rotate(f, start, ROTATIONS[0], target).set(turned);
  const first = [k0, k1, k2, k0, k1, k2];
  const second = first.slice(0, 5).map((_, i) => {
    const key = f.local("v128");
    f.get(first[(i + 2) % 3])
      .i32x4(i + 1)
      .op("i32x4.add")
      .set(key);
    return key;
  });
  return { target, start, turned, first, second };
}

/** Two words of four elements each. */
export interface Words {
  /** The elements' numbers at first; then the first words. */
  readonly first: Local;
  /** Set to the second words, if those are wanted. */
  readonly second: Local;
}

/**
 * Makes the random words of elements, of several groups side by side, so that none waits for itself.
 *
 * @param wanted where only the first words are wanted, the second are left unfinished
 */
export function threefry(f: FunctionWriter, groups: readonly Words[], keys: Keys, wanted: "first" | "both"): void {
  for (let round = 0; round < ROUNDS; round++) {
    const isLast = round === ROUNDS - 1;
    for (const { first, second } of groups) {
      if (round === 0) {
        f.get(first).get(keys.first[0]).op("i32x4.add").get(keys.start).op("i32x4.add").set(first);
        f.get(keys.turned).get(first).op("v128.xor").set(second);
      } else {
        f.get(first).get(second).op("i32x4.add").set(first);
        if (!isLast || wanted === "both") {
          rotate(f, second, ROTATIONS[round % ROTATIONS.length], keys.target);
          f.get(first).op("v128.xor").set(second);
        }
      }
      if (round % 4 !== 3) continue;
      const injection = (round + 1) / 4;
      f.get(first).get(keys.first[injection]).op("i32x4.add").set(first);
      if (isLast && wanted === "first") continue;
      f.get(second)
        .get(keys.second[injection - 1])
        .op("i32x4.add")
        .set(second);
    }
  }
}

/** Leaves the four words, turned to the left. */
function rotate(f: FunctionWriter, words: Local, by: number, { wide }: Target): FunctionWriter {
  f.get(words);
  // By whole bytes it is one instruction, which however is not joined with its neighbour's.
  if (by % 8 === 0 && !wide) {
    f.i32x4(byteOrder(by, 0), byteOrder(by, 1), byteOrder(by, 2), byteOrder(by, 3));
    return f.op("i8x16.swizzle");
  }
  return f
    .i32(by)
    .op("i32x4.shl")
    .get(words)
    .i32(32 - by)
    .op("i32x4.shr_u", "v128.or");
}

/** Which bytes of the vector a word's come from: byte i is what was byte (i − by/8) modulo 4. */
function byteOrder(by: number, word: number): number {
  return [0, 1, 2, 3].reduce((order, i) => order | ((4 * word + ((i + 4 - by / 8) % 4)) << (8 * i)), 0);
}
