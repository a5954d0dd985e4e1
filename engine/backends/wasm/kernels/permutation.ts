import type { PermutationKernel } from "../../../kernel/kernel";
import type { Callee, FunctionWriter, Local } from "../assembler/function";
import type { ModuleWriter } from "../assembler/module";
import { type Addresses, type KernelCode, type Target, type TypedKernel, aligned } from "../code";
import { type Words, setKeys, threefry } from "./threefry";

/** An element's random word above its number, as one integer of 64 bits. */
const ENTRY_BYTES = 8;
/** Entries are sorted by one byte of the word after the other. */
const DIGITS = [0, 8, 16, 24] as const;
const VALUES = 256;
const HISTOGRAM_BYTES = 4 * VALUES;
/** About how long an element takes. */
const NS_PER_ELEMENT = 12;

/**
 * Sorts by the first random word (LSD radix sort); the few neighbours whose words are equal are then put in the order of
 * their second words. One piece.
 */
export function permutationCode(
  { kernel, outputs }: TypedKernel<PermutationKernel>,
  target: Target,
): KernelCode | undefined {
  const { size, stream } = kernel;
  if (outputs[0] !== "int32") return undefined;
  if (size === 0) return { phases: [] };
  const listBytes = aligned(size * ENTRY_BYTES);
  return {
    shared: 2 * listBytes + DIGITS.length * HISTOGRAM_BYTES,
    phases: [
      {
        pieces: 1,
        work: NS_PER_ELEMENT * size,
        key: `permutation/${size}/${stream}`,
        write(f, at, module) {
          const [list, other, histograms] = [at.shared, f.local("i32"), f.local("i32")];
          f.get(list).i32(listBytes).op("i32.add").set(other);
          f.get(other).i32(listBytes).op("i32.add").set(histograms);
          writeEntries(f, at, kernel, target);
          count(f, { list, histograms, size });
          const pass = passFunction(module);
          DIGITS.forEach((shift, i) => {
            const [source, sorted] = i % 2 === 0 ? [list, other] : [other, list];
            f.get(source).get(sorted).get(histograms);
            f.i32(i * HISTOGRAM_BYTES).op("i32.add");
            f.i32(32 + shift)
              .i32(size)
              .call(pass);
          });
          untie(f, at, { size, stream, second: secondWord(module, target) });
          writeNumbers(f, at, size);
        },
      },
    ],
  };
}

/** The list of entries in the order of elements. */
function writeEntries(
  f: FunctionWriter,
  { inputs: [key], shared }: Addresses,
  { size, stream }: PermutationKernel,
  target: Target,
): void {
  const [numbers, entries, left, streamNumber] = [f.local("v128"), f.local("i32"), f.local("i32"), f.local("i32")];
  f.i32(stream).set(streamNumber);
  const keys = setKeys(f, key, streamNumber, target);
  const words: Words = { first: f.local("v128"), second: f.local("v128") };
  f.get(shared).set(entries).i32x4(0, 1, 2, 3).set(numbers);
  f.repeat(left, Math.ceil(size / 4), () => {
    f.get(numbers).set(words.first);
    threefry(f, [words], keys, "first");
    f.get(entries).get(numbers).get(words.first).shuffle32([0, 4, 1, 5]).memory("v128.store");
    f.get(entries).get(numbers).get(words.first).shuffle32([2, 6, 3, 7]).memory("v128.store", 16);
    f.get(numbers).i32x4(4).op("i32x4.add").set(numbers);
    f.advance(entries, 4 * ENTRY_BYTES);
  });
  f.release(numbers, entries, left, streamNumber, words.first, words.second);
}

interface Counting {
  readonly list: Local;
  readonly histograms: Local;
  readonly size: number;
}

/** How often each byte has each value. */
function count(f: FunctionWriter, { list, histograms, size }: Counting): void {
  const [at, left, slot] = [f.local("i32"), f.local("i32"), f.local("i32")];
  f.get(histograms)
    .i32(0)
    .i32(DIGITS.length * HISTOGRAM_BYTES)
    .fillMemory();
  f.get(list).set(at);
  f.repeat(left, size, () => {
    DIGITS.forEach((shift, i) => {
      f.get(histograms)
        .get(at)
        .memory("i32.load8_u", 4 + shift / 8);
      f.i32(4).op("i32.mul", "i32.add").tee(slot);
      f.get(slot)
        .memory("i32.load", i * HISTOGRAM_BYTES)
        .i32(1)
        .op("i32.add");
      f.memory("i32.store", i * HISTOGRAM_BYTES);
    });
    f.advance(at, ENTRY_BYTES);
  });
  f.release(at, left, slot);
}

/** A function (source, target, histogram, shift, size): a stable pass by eight bits of the entries; uses the histogram up. */
function passFunction(module: ModuleWriter): Callee {
  return module.once("radixPass", { parameters: ["i32", "i32", "i32", "i32", "i32"] }, (f) => {
    const [source, target, histogram, shift, size] = f.parameters;
    const [at, left, sum, next, entry] = [
      f.local("i32"),
      f.local("i32"),
      f.local("i32"),
      f.local("i32"),
      f.local("i64"),
    ];
    // From counts to where the first of each value goes.
    f.get(histogram).set(at).get(target).set(sum);
    f.repeat(left, VALUES, () => {
      f.get(at).memory("i32.load").i32(ENTRY_BYTES).op("i32.mul").get(sum).op("i32.add").set(next);
      f.get(at).get(sum).memory("i32.store");
      f.get(next).set(sum).advance(at, 4);
    });
    f.get(size).set(left);
    f.loop((again) => {
      f.get(histogram).get(source).memory("i64.load").tee(entry);
      f.get(shift)
        .op("i64.extend_i32_u", "i64.shr_u", "i32.wrap_i64")
        .i32(VALUES - 1);
      f.op("i32.and").i32(4).op("i32.mul", "i32.add").tee(at);
      f.get(at).memory("i32.load").tee(next).i32(ENTRY_BYTES).op("i32.add").memory("i32.store");
      f.get(next).get(entry).memory("i64.store").advance(source, ENTRY_BYTES);
      f.get(left).i32(1).op("i32.sub").tee(left).leaveIf(again);
    });
  });
}

/** A function (key's address, stream, element): the bits of the element's second word that count. */
function secondWord(module: ModuleWriter, target: Target): Callee {
  return module.once("secondWord", { parameters: ["i32", "i32", "i32"], results: ["i32"] }, (f) => {
    const [key, stream, element] = f.parameters;
    const keys = setKeys(f, key, stream, target);
    const words: Words = { first: f.local("v128"), second: f.local("v128") };
    f.get(element).op("i32x4.splat").set(words.first);
    threefry(f, [words], keys, "both");
    f.get(words.second).lane("i32x4.extract_lane", 0).i32(11).op("i32.shr_u");
  });
}

/** Moves entries back before those of the same first word whose second word is larger. */
function untie(
  f: FunctionWriter,
  { inputs: [key], shared }: Addresses,
  { size, stream, second }: { readonly size: number; readonly stream: number; readonly second: Callee },
): void {
  const [i, at] = [f.local("i32"), f.local("i32")];
  const entry = f.local("i64");
  f.forRange(
    i,
    () => f.i32(1),
    () => f.i32(size),
    1,
    () => {
      f.get(shared).get(i).i32(ENTRY_BYTES).op("i32.mul", "i32.add").set(at);
      f.block((done) => {
        f.loop((again) => {
          f.get(at).get(shared).op("i32.eq").leaveIf(done);
          f.get(at).i32(ENTRY_BYTES).op("i32.sub").memory("i32.load", 4).get(at).memory("i32.load", 4);
          f.op("i32.ne").leaveIf(done);
          f.get(key).i32(stream).get(at).i32(ENTRY_BYTES).op("i32.sub").memory("i32.load").call(second);
          f.get(key).i32(stream).get(at).memory("i32.load").call(second);
          f.op("i32.le_u").leaveIf(done);
          f.get(at).memory("i64.load").set(entry);
          f.get(at).get(at).i32(ENTRY_BYTES).op("i32.sub").tee(at).memory("i64.load").memory("i64.store");
          f.get(at).get(entry).memory("i64.store").leave(again);
        });
      });
    },
  );
  f.release(i, at, entry);
}

function writeNumbers(f: FunctionWriter, { outputs: [out], shared }: Addresses, size: number): void {
  const [source, target, left] = [f.local("i32"), f.local("i32"), f.local("i32")];
  f.get(shared).set(source).get(out).set(target);
  f.repeat(left, size, () => {
    f.get(target).get(source).memory("i32.load").memory("i32.store");
    f.advance(source, ENTRY_BYTES).advance(target, 4);
  });
  f.release(source, target, left);
}
