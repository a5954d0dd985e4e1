/** Parts of a data set for training, validation and test: disjoint, seeded, and the same on every run. */
import { randomPermutation, streamOf } from "../kernel/random";
import { type Dataset, plainContext, type FieldData, type LoadedDataset, selected } from "./dataset";
import { DataError, requireNumber, requireWhole } from "./error";

/** A training part with what belongs to it. */
export interface Parts {
  readonly train: Dataset;
  readonly validation: Dataset | null;
  readonly test?: Dataset | null;
}

export interface Split extends Parts {
  readonly validation: Dataset;
  /** Null unless `test` was asked for. Touch it once, at the end. */
  readonly test: Dataset | null;
}

export interface SplitOptions {
  /** Share of the examples, above 0 and below 1; default 0.2. */
  readonly validation?: number;
  /** Share of the examples; default 0. */
  readonly test?: number;
  readonly seed?: number;
  /** Gives each part every class in proportion, to within one or two examples. */
  readonly stratified?: boolean;
  /** false takes the parts from the end without shuffling: for series in time. Default true. */
  readonly shuffle?: boolean;
}

/**
 * Splits all examples at random into parts of round(n · share) examples; within a part they keep their order. What the
 * data set itself holds out is split like the rest. Model files know it as `splitData`: `split` is the tensor operation.
 * @throws DataError for shares that leave a part empty, or data normalised by statistics of all examples.
 */
export function split(data: Dataset, options: SplitOptions = {}): Split {
  const source = `splitData(${data.name})`;
  const validation = share(source, "validation", options.validation ?? 0.2);
  const test = options.test === undefined || options.test === 0 ? 0 : share(source, "test", options.test);
  if (validation + test >= 1) {
    throw new DataError(
      source,
      undefined,
      `validation ${validation} and test ${test} leave nothing for training`,
      "Give shares with a sum below 1",
    );
  }
  const { seed, stratified, shuffle } = orderOptions(source, data, options);
  const partOf = once((loaded: LoadedDataset) => {
    const counts = countsOf(source, loaded.length, validation, test);
    const order = shuffle ? shuffled(loaded.length, seed, "data.split") : ascending(loaded.length);
    const strataOfAll = stratified ? strata(loaded) : new Int32Array(loaded.length);
    return assignParts(order, strataOfAll, counts);
  });
  const lengths = data.length === null ? null : countsOf(source, data.length, validation, test);
  const part = (name: string, number: number): Dataset =>
    selected(data, {
      name: `${data.name}.${name}`,
      length: lengths?.[number] ?? null,
      select: (loaded) => positionsOf(partOf(loaded), (found) => found === number),
    });
  return { train: part("train", 0), validation: part("validation", 1), test: test > 0 ? part("test", 2) : null };
}

export interface Fold extends Parts {
  readonly validation: Dataset;
}

/**
 * The k folds of cross-validation: each example validates once and trains k − 1 times. The first n mod k folds validate
 * one example more.
 * @throws DataError for k below 2 or above the number of examples.
 */
export function kFold(data: Dataset, k: number, options: Omit<SplitOptions, "validation" | "test"> = {}): Fold[] {
  const source = `kFold(${data.name})`;
  requireWhole(source, "k", k, 2);
  const { seed, stratified, shuffle } = orderOptions(source, data, options);
  const checkLength = (length: number): number => {
    if (k <= length) return length;
    throw new DataError(source, undefined, `k is ${k}, but there are ${length} examples`, `Give a k up to ${length}`);
  };
  if (data.length !== null) checkLength(data.length);
  const foldOf = once((loaded: LoadedDataset) => {
    const length = checkLength(loaded.length);
    const order = shuffle ? shuffled(length, seed, "data.kFold") : ascending(length);
    const folds = new Int32Array(length);
    if (stratified) {
      // Dealt out class after class, so that classes and folds both come out even.
      const groups = strata(loaded);
      order.sort((a, b) => groups[a] - groups[b]).forEach((index, at) => (folds[index] = at % k));
    } else {
      let at = 0;
      for (let fold = 0; fold < k; fold++) {
        for (let n = foldSize(length, k, fold); n > 0; n--) folds[order[at++]] = fold;
      }
    }
    return folds;
  });
  return Array.from({ length: k }, (_, fold) => {
    const size = data.length === null ? null : foldSize(data.length, k, fold);
    return {
      train: selected(data, {
        name: `${data.name}.train${fold}`,
        length: size === null || data.length === null ? null : data.length - size,
        select: (loaded) => positionsOf(foldOf(loaded), (found) => found !== fold),
      }),
      validation: selected(data, {
        name: `${data.name}.validation${fold}`,
        length: size,
        select: (loaded) => positionsOf(foldOf(loaded), (found) => found === fold),
      }),
    };
  });
}

/** The parts that a data set names itself: all but the last `heldOut` examples train, those validate. */
export function ownParts(data: Dataset): Parts {
  const { heldOut, length } = data;
  if (heldOut === 0) return { train: data, validation: null };
  const range = (name: string, from: (n: number) => number, to: (n: number) => number): Dataset =>
    selected(data, {
      name: `${data.name}.${name}`,
      length: length === null ? null : to(length) - from(length),
      select: (loaded) => ascending(to(loaded.length) - from(loaded.length), from(loaded.length)),
    });
  // Statistics were taken from the training examples alone: these parts may be `fitted`.
  return {
    train: range(
      "train",
      () => 0,
      (n) => n - heldOut,
    ),
    validation: range(
      "validation",
      (n) => n - heldOut,
      (n) => n,
    ),
  };
}

export interface Leak {
  /** Index in the first data set. */
  readonly first: number;
  /** Index in the second data set. */
  readonly second: number;
  /** Whether the targets agree too; if not, one of them is likely wrong. */
  readonly sameTarget: boolean;
}

/** Examples of `second` whose inputs equal, bit for bit, those of an example of `first`: one entry for each of them. */
export function findLeaks(first: LoadedDataset, second: LoadedDataset): Leak[] {
  const seen = new Map<number, number[]>();
  for (let index = 0; index < first.length; index++) {
    const key = hash(first.get(index, plainContext).inputs);
    const bucket = seen.get(key);
    if (bucket === undefined) seen.set(key, [index]);
    else bucket.push(index);
  }
  const leaks: Leak[] = [];
  for (let index = 0; index < second.length; index++) {
    const example = second.get(index, plainContext);
    const twin = seen
      .get(hash(example.inputs))
      ?.find((candidate) => equal(first.get(candidate, plainContext).inputs, example.inputs));
    if (twin === undefined) continue;
    const sameTarget = equal(first.get(twin, plainContext).targets, example.targets);
    leaks.push({ first: twin, second: index, sameTarget });
  }
  return leaks;
}

/** Whole counts in proportion to `weights`, with the given sum: rounded down, the rest to the largest remainders. */
export function apportion(total: number, weights: readonly number[]): number[] {
  const sum = weights.reduce((a, b) => a + b, 0);
  const exact = weights.map((weight) => (sum === 0 ? 0 : (total * weight) / sum));
  const counts = exact.map(Math.floor);
  const rest = total - counts.reduce((a, b) => a + b, 0);
  const byRemainder = exact
    .map((value, at) => ({ at, remainder: value - counts[at] }))
    .sort((a, b) => b.remainder - a.remainder || a.at - b.at);
  for (const { at } of byRemainder.slice(0, rest)) counts[at]++;
  return counts;
}

export function shuffled(length: number, seed: number, stream: string): Int32Array {
  return randomPermutation(length, { seed, iteration: 0 }, streamOf(stream));
}

function share(source: string, option: string, value: number): number {
  requireNumber(source, option, value);
  if (value > 0 && value < 1) return value;
  throw new DataError(
    source,
    undefined,
    `${option} is ${value}`,
    "Give a share above 0 and below 1, such as 0.2 for a fifth of the examples",
  );
}

function orderOptions(
  source: string,
  data: Dataset,
  options: SplitOptions,
): { seed: number; stratified: boolean; shuffle: boolean } {
  if (data.fitted) {
    throw new DataError(
      source,
      undefined,
      "the data are normalised by statistics of all examples, which would leak into the training part",
      'Split first, then normalise the parts: normalize(splitData(data), "standard")',
    );
  }
  const { stratified = false, shuffle = true } = options;
  return { seed: requireWhole(source, "seed", options.seed ?? 0, 0), stratified, shuffle };
}

/** Sizes of train, validation and test. */
function countsOf(source: string, length: number, validation: number, test: number): [number, number, number] {
  const counts = [Math.round(length * validation), Math.round(length * test)] as const;
  const train = length - counts[0] - counts[1];
  if (train < 1 || counts[0] < 1 || (test > 0 && counts[1] < 1)) {
    throw new DataError(
      source,
      undefined,
      `${length} examples give ${train} for training, ${counts[0]} for validation${test > 0 ? `, ${counts[1]} for test` : ""}`,
      "Choose shares that leave at least one example in each part",
    );
  }
  return [train, ...counts];
}

/** The part (0 train, 1 validation, 2 test) of each example; parts are filled from the end of `order`, test last. */
function assignParts(order: Int32Array, groups: Int32Array, counts: readonly [number, number, number]): Int32Array {
  const members: number[][] = [];
  for (const index of order) (members[groups[index]] ??= []).push(index);
  const parts = new Int32Array(order.length);
  for (const part of [2, 1]) {
    const quotas = apportion(
      counts[part],
      members.map((group) => group.length),
    );
    members.forEach((group, at) => {
      for (const index of group.splice(group.length - quotas[at])) parts[index] = part;
    });
  }
  return parts;
}

/** Numbers of groups with equal targets, in order of first appearance. */
function strata(loaded: LoadedDataset): Int32Array {
  const numbers = new Map<string, number>();
  const groups = Int32Array.from({ length: loaded.length }, (_, index) => {
    const key = loaded
      .get(index, plainContext)
      .targets.map((target) => target.join(","))
      .join(";");
    const known = numbers.get(key) ?? numbers.size;
    numbers.set(key, known);
    return known;
  });
  if (numbers.size === 1 || numbers.size <= loaded.length / 2) return groups;
  throw new DataError(
    loaded.name,
    undefined,
    `stratified needs classes, but ${loaded.length} examples have ${numbers.size} different targets`,
    "Leave out stratified for regression",
  );
}

function foldSize(length: number, k: number, fold: number): number {
  return Math.floor(length / k) + (fold < length % k ? 1 : 0);
}

function ascending(length: number, from = 0): Int32Array {
  return Int32Array.from({ length }, (_, i) => from + i);
}

function positionsOf(values: Int32Array, wanted: (value: number) => boolean): Int32Array {
  const positions: number[] = [];
  values.forEach((value, position) => {
    if (wanted(value)) positions.push(position);
  });
  return Int32Array.from(positions);
}

/** All parts share one assignment for each loaded data set. */
function once<T>(calculate: (loaded: LoadedDataset) => T): (loaded: LoadedDataset) => T {
  const known = new WeakMap<LoadedDataset, { value: T }>();
  return (loaded) => {
    const entry = known.get(loaded) ?? { value: calculate(loaded) };
    known.set(loaded, entry);
    return entry.value;
  };
}

/** FNV-1a over the values' 32-bit patterns; 0 and −0 differ, as bits do. */
function hash(fields: readonly FieldData[]): number {
  let result = 0x811c9dc5;
  for (const field of fields) {
    for (const word of words(field)) result = Math.imul(result ^ word, 0x01000193);
  }
  return result;
}

function equal(a: readonly FieldData[], b: readonly FieldData[]): boolean {
  return a.every((field, at) => {
    const [left, right] = [words(field), words(b[at])];
    return left.length === right.length && left.every((word, i) => word === right[i]);
  });
}

function words(field: FieldData): Int32Array {
  return new Int32Array(field.buffer, field.byteOffset, field.length);
}
