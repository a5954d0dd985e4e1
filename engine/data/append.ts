/** Data sets that grow by augmented examples: a fixed share of normal and of augmented ones. */
import { augmentation, type Augmentation, type AugmentOptions } from "./augment";
import { type Dataset, defineDataset, type LoadedDataset } from "./dataset";
import { DataError, requireNumber } from "./error";
import { apportion, shuffled } from "./split";
import { labelsOf } from "./statistics";

export interface AppendOptions extends AugmentOptions {
  /** Share of normal examples in the result; default 0.7. */
  readonly normal?: number;
  /**
   * `"grow"` (default) keeps every normal example and appends augmented ones up to round(n / normal); `"keep"` keeps the
   * size n: round(n · normal) examples stay normal, the others appear augmented.
   */
  readonly total?: "grow" | "keep";
  /** How often each class is augmented, relative to the others: see {@link weightsFromConfusion}. Default: all alike. */
  readonly classWeights?: readonly number[];
}

/**
 * The training examples with augmented ones after them, by a table of source indices. Examples that the data set holds
 * out follow untouched. Augmented examples change from epoch to epoch; outside of training they are their sources.
 */
export function withAugmented(data: Dataset, changes: readonly Augmentation[], options: AppendOptions = {}): Dataset {
  const name = `withAugmented(${data.name})`;
  const { heldOut } = data;
  const { total = "grow", classWeights } = options;
  const normal = requireNumber(name, "normal", options.normal ?? 0.7, 0.01, 1);
  const sizes = (length: number): { train: number; normals: number; size: number } => {
    const train = length - heldOut;
    const grow = total === "grow";
    return {
      train,
      normals: grow ? train : Math.round(train * normal),
      size: grow ? Math.round(train / normal) : train,
    };
  };
  if (data.fields !== null) augmentation(name, changes, options, data.fields);
  return defineDataset({
    name,
    fields: data.fields,
    length: data.length === null ? null : sizes(data.length).size + heldOut,
    heldOut,
    fitted: data.fitted,
    async read(files) {
      const loaded = await data.load(files);
      const change = augmentation(name, changes, options, loaded.fields);
      const { train, normals, size } = sizes(loaded.length);
      const order = shuffled(train, options.seed ?? 0, "data.withAugmented");
      const augmented =
        classWeights === undefined
          ? cycled(total === "grow" ? order : order.subarray(normals), size - normals)
          : weighted(name, loaded, order, size - normals, classWeights);
      const kept = order.slice(0, normals).sort();
      const tail = Array.from({ length: heldOut }, (_, i) => train + i);
      const sources = Int32Array.from([...kept, ...augmented, ...tail]);
      return {
        name,
        fields: loaded.fields,
        length: sources.length,
        heldOut,
        get(index, context) {
          const example = loaded.get(sources[index], context);
          return index >= normals && index < size ? change(example, index, context) : example;
        },
      };
    },
  });
}

/**
 * Class weights for {@link withAugmented} from a confusion matrix (rows = label, columns = prediction): each class's
 * share of all mistakes. Without mistakes all classes are alike.
 */
export function weightsFromConfusion(matrix: readonly (readonly number[])[]): number[] {
  const mistakes = matrix.map((row, label) => row.reduce((sum, count, at) => sum + (at === label ? 0 : count), 0));
  const total = mistakes.reduce((sum, count) => sum + count, 0);
  return mistakes.map((count) => (total === 0 ? 1 / mistakes.length : count / total));
}

function cycled(order: ArrayLike<number>, count: number): number[] {
  return Array.from({ length: order.length === 0 ? 0 : count }, (_, i) => order[i % order.length]);
}

function weighted(
  name: string,
  loaded: LoadedDataset,
  order: Int32Array,
  count: number,
  weights: readonly number[],
): number[] {
  const { labels, classes } = labelsOf(loaded, "classWeights");
  if (weights.length !== classes || weights.some((weight) => !(weight >= 0 && weight < Infinity))) {
    throw new DataError(
      name,
      undefined,
      `classWeights is [${weights.join(", ")}]`,
      `Give ${classes} numbers that are not negative, one for each class`,
    );
  }
  const members = weights.map((_, label) => Array.from(order).filter((index) => labels[index] === label));
  // A class without examples has nothing to augment; the others share its part.
  const effective = weights.map((weight, label) => (members[label].length > 0 ? weight : 0));
  if (!effective.some((weight) => weight > 0)) {
    throw new DataError(name, undefined, "classWeights are all 0", "Give at least one class a weight above 0");
  }
  return apportion(count, effective).flatMap((quota, label) => cycled(members[label], quota));
}
