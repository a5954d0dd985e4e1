import { type Batch, collate } from "../data/loader";
import { type FieldSpec, type LoadedDataset, elementsOf, plainContext } from "../data/dataset";
import { scoreOf } from "./score";

/** Some examples of a data set, spread evenly over it, without augmentation. */
export function sampleOf(data: LoadedDataset, most: number): Batch {
  const count = Math.min(most, data.length);
  const indices = Int32Array.from({ length: count }, (_, i) => Math.floor(((i + 0.5) * data.length) / count));
  return collate(data, { iteration: 0, indices, context: plainContext });
}

/** What the inputs and targets look like. */
export interface DataFacts {
  readonly inputs: readonly InputFacts[];
  /** Of the first target field. */
  readonly target: TargetFacts | undefined;
  /** Share of examples that follow one of their own class; 0 where there are no classes. */
  readonly sorted: number;
}

export interface InputFacts {
  /** Root mean square of all numbers. */
  readonly scale: number;
  readonly mean: number;
  readonly std: number;
  /** Largest and median standard deviation among the features that vary; equal for images and sequences. */
  readonly widest: number;
  readonly usual: number;
  /** Share of zeros. */
  readonly zeros: number;
}

export interface TargetFacts {
  readonly spec: FieldSpec;
  /** Examples of each class; empty for numbers. */
  readonly counts: readonly number[];
  readonly low: number;
  readonly high: number;
  readonly mean: number;
  readonly std: number;
  /** Share of numbers below −0.05, and above 1.05. */
  readonly negative: number;
  readonly above: number;
}

/** Examples whose labels are counted. */
const COUNTED = 4000;

export function dataFacts(sample: Batch, data: LoadedDataset): DataFacts {
  return {
    inputs: sample.inputs.flatMap((field, i) =>
      field.dtype === "float32" ? [inputFacts(field.data, data.fields.inputs[i])] : [],
    ),
    target: sample.targets[0] && targetFacts(sample.targets[0].data, data.fields.targets[0], labelCounts(data)),
    sorted: sortedShare(data),
  };
}

function sortedShare(data: LoadedDataset): number {
  const [spec] = data.fields.targets;
  if (spec?.classes === undefined || elementsOf(spec) !== 1 || data.length < 3) return 0;
  const count = Math.min(200, data.length - 1);
  const label = (i: number): number => data.get(i, plainContext).targets[0][0];
  let same = 0;
  for (let k = 0; k < count; k++) {
    const i = Math.floor((k * (data.length - 1)) / count);
    if (label(i) === label(i + 1)) same++;
  }
  return same / count;
}

/** Of many examples, since a rare class is easily missing among few. */
function labelCounts(data: LoadedDataset): number[] {
  const [spec] = data.fields.targets;
  if (!spec || elementsOf(spec) !== 1) return [];
  const counts: number[] = new Array<number>(spec.classes ?? 0).fill(0);
  const step = Math.max(1, data.length / COUNTED);
  for (let i = 0; Math.floor(i) < data.length; i += step) {
    const label = data.get(Math.floor(i), plainContext).targets[0][0];
    const at = spec.dtype === "int32" ? label : label === -1 ? 0 : label;
    // Numbers that stand for no class.
    if (at !== 0 && at !== 1 && spec.dtype !== "int32") return [];
    counts[at] = (counts[at] ?? 0) + 1;
  }
  return Array.from(counts, (n) => n ?? 0);
}

function inputFacts(values: ArrayLike<number>, spec: FieldSpec): InputFacts {
  const all = momentsOf(values, 0, 1);
  let zeros = 0;
  for (let i = 0; i < values.length; i++) if (values[i] === 0) zeros++;
  // The numbers of an image or a sequence share one meaning; those of a row may each have their own.
  const width = spec.shape.length === 1 ? elementsOf(spec) : 1;
  const stds = Array.from({ length: width }, (_, column) => momentsOf(values, column, width).std)
    .filter((std) => std > 0)
    .sort((a, b) => a - b);
  return {
    ...all,
    scale: Math.hypot(all.mean, all.std),
    widest: stds.at(-1) ?? 0,
    usual: stds.length === 0 ? 0 : stds[Math.floor((stds.length - 1) / 2)],
    zeros: values.length === 0 ? 0 : zeros / values.length,
  };
}

function targetFacts(values: ArrayLike<number>, spec: FieldSpec, counts: readonly number[]): TargetFacts {
  let [low, high] = [Infinity, -Infinity];
  let [negative, above] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    low = Math.min(low, values[i]);
    high = Math.max(high, values[i]);
    if (values[i] < -0.05) negative++;
    if (values[i] > 1.05) above++;
  }
  const total = Math.max(1, values.length);
  return { spec, counts, low, high, negative: negative / total, above: above / total, ...momentsOf(values, 0, 1) };
}

function momentsOf(values: ArrayLike<number>, start: number, stride: number): { mean: number; std: number } {
  let [count, mean, squares] = [0, 0, 0];
  for (let i = start; i < values.length; i += stride) {
    count++;
    const delta = values[i] - mean;
    mean += delta / count;
    squares += delta * (values[i] - mean);
  }
  return { mean, std: count === 0 ? 0 : Math.sqrt(squares / count) };
}

/** Numbers multiplied by comparing each pair of examples, and numbers of all features together, at most. */
const MOST_WORK = 8e7;
const MOST_FEATURES = 5e6;
const MOST_ROWS = 1000;
const MOST_TESTS = 200;
const NEIGHBOURS = 5;
/** Whole numbers below this are counted. */
const VOCABULARY = 5000;

/**
 * How well the targets can be told from the nearest other examples: whether there is anything to learn, whatever the model. Neighbours
 * among the training examples vote on examples of `of`, which may be the same data.
 */
export function neighbourSkill(train: LoadedDataset, of: LoadedDataset): number | undefined {
  const spec = train.fields.targets.at(0);
  const [input] = train.fields.inputs;
  if (!spec || !input) return undefined;
  const width = input.dtype === "int32" ? VOCABULARY / 4 : elementsOf(input);
  const rows = sampleOf(train, Math.min(MOST_ROWS, Math.floor(MOST_FEATURES / width)));
  if (rows.size < 10) return undefined;
  const tests = sampleOf(of, Math.max(60, Math.min(MOST_TESTS, Math.floor(MOST_WORK / (rows.size * width)))));
  const features = featuresOf(rows, tests);
  const classes = spec.dtype === "int32" ? spec.classes : undefined;
  const size = elementsOf(spec);
  if (!features || (classes !== undefined && size !== 1)) return undefined;
  const target = rows.targets[0].data;
  const outputs = classes ?? size;
  const prediction = new Float64Array(tests.size * outputs);
  const near = new Float64Array(NEIGHBOURS);
  const nearest = new Int32Array(NEIGHBOURS);
  for (let test = 0; test < tests.size; test++) {
    near.fill(Infinity);
    for (let row = 0; row < rows.size; row++) {
      if (train === of && rows.indices[row] === tests.indices[test]) continue;
      insert(near, nearest, features.distance(row, test), row);
    }
    for (const neighbour of nearest) {
      if (classes !== undefined) prediction[test * classes + target[neighbour]] += 1;
      else for (let i = 0; i < size; i++) prediction[test * size + i] += target[neighbour * size + i] / NEIGHBOURS;
    }
  }
  return scoreOf({
    count: tests.size,
    prediction,
    shape: [outputs],
    target: tests.targets[0].data,
    spec,
    threshold: 0.5,
  })?.skill;
}

function insert(near: Float64Array, nearest: Int32Array, value: number, row: number): void {
  let at = near.length - 1;
  if (!(value < near[at])) return;
  for (; at > 0 && near[at - 1] > value; at--) {
    near[at] = near[at - 1];
    nearest[at] = nearest[at - 1];
  }
  near[at] = value;
  nearest[at] = row;
}

/** Rows of numbers of one spread per column, as the training examples have it; of whole numbers how often each occurs. */
function featuresOf(rows: Batch, tests: Batch): { distance: (row: number, test: number) => number } | undefined {
  const [a, b] = [rows.inputs[0], tests.inputs[0]];
  const width = a.data.length / rows.size;
  if (a.dtype === "int32") {
    const counts = (data: ArrayLike<number>, size: number): Float64Array => {
      const values = new Float64Array(size * VOCABULARY);
      for (let i = 0; i < data.length; i++) values[Math.floor(i / width) * VOCABULARY + (data[i] % VOCABULARY)]++;
      return values;
    };
    return { distance: distances(counts(a.data, rows.size), counts(b.data, tests.size), VOCABULARY) };
  }
  const [from, to] = [Float64Array.from(a.data), Float64Array.from(b.data)];
  const overall = momentsOf(from, 0, 1).std || 1;
  for (let column = 0; column < width; column++) {
    const { mean, std } = momentsOf(from, column, width);
    // What hardly varies in a picture says little: it is not blown up to the size of the rest.
    const divisor = a.shape.length === 2 && width <= 32 ? std || 1 : Math.max(std, overall);
    for (const values of [from, to]) {
      for (let i = column; i < values.length; i += width) values[i] = (values[i] - mean) / divisor;
    }
  }
  return { distance: distances(from, to, width) };
}

function distances(from: Float64Array, to: Float64Array, width: number): (row: number, test: number) => number {
  return (row, test) => {
    let sum = 0;
    for (let k = 0, i = row * width, j = test * width; k < width; k++, i++, j++) {
      const difference = from[i] - to[j];
      sum += difference * difference;
    }
    return sum;
  };
}
