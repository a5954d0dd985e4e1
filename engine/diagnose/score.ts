import type { FieldSpec } from "../data/dataset";

/**
 * How good predictions are, on one scale for all tasks: 0 is what one gets without looking at the inputs, 1 is perfect.
 * Loss functions differ in scale and in their least value, so that a judgement cannot rest on them alone.
 */
export interface Score {
  readonly task: "classes" | "labels" | "numbers";
  readonly skill: number;
  /** Share of right answers; for numbers R². */
  readonly accuracy: number;
  /** Share of the examples of each class that are recognised; NaN for classes without examples. Empty for numbers. */
  readonly recalls: readonly number[];
  /** Examples of each class. */
  readonly counts: readonly number[];
  /** Rows: the class; columns: what was predicted. Only where there are few classes. */
  readonly confusion: readonly (readonly number[])[];
  readonly examples: number;
}

export interface Answers {
  readonly count: number;
  readonly prediction: ArrayLike<number>;
  /** Of one prediction, without the batch axis. */
  readonly shape: readonly number[];
  readonly target: ArrayLike<number>;
  readonly spec: FieldSpec;
  /** A single output above it means class 1. */
  readonly threshold: number;
}

/** The score, or undefined where predictions and targets cannot be compared. */
export function scoreOf(answers: Answers): Score | undefined {
  const { count, prediction, target, spec } = answers;
  if (count === 0 || prediction.length === 0) return undefined;
  if (spec.dtype === "int32") return spec.classes === undefined ? undefined : ofIndices(answers, spec.classes);
  if (prediction.length !== target.length) return undefined;
  const width = target.length / count;
  const values = new Set<number>();
  for (let i = 0; i < target.length && values.size < 3; i++) values.add(target[i]);
  const twoValued = values.size <= 2 && [...values].every((value) => value === 0 || value === 1 || value === -1);
  if (!twoValued) return ofNumbers(answers, width);
  if (width > 1 && isOneHot(target, count, width)) {
    return ofClasses(
      count,
      width,
      (i) => largestOf(target, i * width, width, 1),
      (i) => largestOf(prediction, i * width, width, 1),
    );
  }
  return ofLabels(answers, width, values.has(-1) ? 0 : answers.threshold);
}

/** The class of each place: the largest of several outputs, or 1 where a single output is above the threshold. */
function ofIndices({ count, prediction, shape, target, spec, threshold }: Answers, classes: number): Score | undefined {
  const places = spec.shape.reduce((size, dim) => size * dim, 1);
  const across = prediction.length / count / places;
  if (!Number.isInteger(across)) return undefined;
  const total = count * places;
  if (across === 1) {
    return ofClasses(
      total,
      Math.max(2, classes),
      (i) => target[i],
      (i) => Number(prediction[i] > threshold),
    );
  }
  const last = places === 1 || shape[shape.length - 1] === classes;
  return ofClasses(
    total,
    Math.max(classes, across),
    (i) => target[i],
    (i) => {
      const [row, place] = [Math.floor(i / places), i % places];
      const start = row * places * across + place * (last ? across : 1);
      return largestOf(prediction, start, across, last ? 1 : places);
    },
  );
}

function ofClasses(
  total: number,
  classes: number,
  targetOf: (i: number) => number,
  predictedOf: (i: number) => number,
): Score {
  const counts = new Array<number>(classes).fill(0);
  const right = new Array<number>(classes).fill(0);
  const confusion = classes <= 50 ? counts.map(() => new Array<number>(classes).fill(0)) : [];
  let hits = 0;
  for (let i = 0; i < total; i++) {
    const [target, predicted] = [targetOf(i), predictedOf(i)];
    counts[target]++;
    if (confusion.length > 0) confusion[target][predicted]++;
    if (target !== predicted) continue;
    right[target]++;
    hits++;
  }
  const recalls = counts.map((n, c) => (n === 0 ? NaN : right[c] / n));
  return {
    task: "classes",
    ...skillOf(counts, recalls, hits / total),
    accuracy: hits / total,
    recalls,
    counts,
    confusion,
    examples: total,
  };
}

/** Above always naming the most frequent class, or above naming classes at random: what speaks better for the model. */
function skillOf(counts: readonly number[], recalls: readonly number[], accuracy: number): { skill: number } {
  const total = counts.reduce((sum, n) => sum + n, 0);
  const present = recalls.filter((recall) => !Number.isNaN(recall));
  if (present.length < 2) return { skill: accuracy };
  const majority = Math.max(...counts) / total;
  const balanced = present.reduce((sum, recall) => sum + recall, 0) / present.length;
  const overMajority = (accuracy - majority) / (1 - majority);
  const overRandom = (balanced - 1 / present.length) / (1 - 1 / present.length);
  return { skill: Math.max(overMajority, overRandom) };
}

/** Independent yes-or-no answers: each label has its own majority. */
function ofLabels({ count, prediction, target }: Answers, width: number, threshold: number): Score {
  let skill = 0;
  let hits = 0;
  const totals = [0, 0];
  const rights = [0, 0];
  for (let label = 0; label < width; label++) {
    const counts = [0, 0];
    const right = [0, 0];
    for (let i = label; i < target.length; i += width) {
      const yes = Number(target[i] > 0);
      counts[yes]++;
      if (Number(prediction[i] > threshold) === yes) right[yes]++;
    }
    hits += right[0] + right[1];
    for (const side of [0, 1]) {
      totals[side] += counts[side];
      rights[side] += right[side];
    }
    const recalls = counts.map((n, c) => (n === 0 ? NaN : right[c] / n));
    skill += skillOf(counts, recalls, (right[0] + right[1]) / count).skill / width;
  }
  return {
    task: width === 1 ? "classes" : "labels",
    skill,
    accuracy: hits / target.length,
    recalls: totals.map((n, side) => (n === 0 ? NaN : rights[side] / n)),
    counts: totals,
    confusion: [
      [rights[0], totals[0] - rights[0]],
      [totals[1] - rights[1], rights[1]],
    ],
    examples: count,
  };
}

/** R² over all outputs, each against its own mean. */
function ofNumbers({ count, prediction, target }: Answers, width: number): Score {
  let residual = 0;
  let total = 0;
  for (let column = 0; column < width; column++) {
    let mean = 0;
    for (let i = column; i < target.length; i += width) mean += target[i] / count;
    for (let i = column; i < target.length; i += width) {
      residual += (target[i] - prediction[i]) ** 2;
      total += (target[i] - mean) ** 2;
    }
  }
  const explained = total === 0 ? (residual === 0 ? 1 : 0) : 1 - residual / total;
  const skill = Number.isNaN(explained) ? -Infinity : explained;
  return { task: "numbers", skill, accuracy: skill, recalls: [], counts: [], confusion: [], examples: count };
}

function isOneHot(target: ArrayLike<number>, count: number, width: number): boolean {
  for (let row = 0; row < count; row++) {
    let sum = 0;
    for (let i = 0; i < width; i++) sum += Math.max(0, target[row * width + i]);
    if (sum !== 1) return false;
  }
  return true;
}

function largestOf(values: ArrayLike<number>, start: number, count: number, stride: number): number {
  let best = 0;
  for (let i = 1; i < count; i++) if (values[start + i * stride] > values[start + best * stride]) best = i;
  return best;
}
