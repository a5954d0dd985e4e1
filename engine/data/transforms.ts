/** Transforms of whole fields; each gives a new data set. See also {@link Dataset.map} and `augment`. */
import {
  type Dataset,
  elementsOf,
  type FieldData,
  type Fields,
  type FieldSpec,
  type LoadedDataset,
  transformed,
} from "./dataset";
import { DataError, requireNumber, requireWhole } from "./error";
import type { Parts } from "./split";
import { columnStatistics, deviationOf, type Moments, pooled } from "./statistics";

export type NormalizeMode =
  "standard" | "minmax" | { readonly mean: number | readonly number[]; readonly std: number | readonly number[] };

export interface NormalizeOptions {
  /** What shares one mean and deviation. Default: `feature` for shape `[k]`, `channel` for `[C, H, W]`, else `all`. */
  readonly per?: "feature" | "channel" | "all";
  /** Which input field; default 0. */
  readonly field?: number;
}

/**
 * Normalises one input field: `"standard"` to (x − mean)/std, `"minmax"` to (x − min)/(max − min), or by given numbers.
 *
 * Statistics come from training examples alone: from the part `train` where parts are given, otherwise from all that the
 * data set does not hold out. So split first: `normalize(splitData(data, { validation: 0.2 }), "standard")`. What never
 * varies is only centred. The standard deviation is the population's.
 */
export function normalize<D extends Dataset | Parts>(
  data: D,
  how: NormalizeMode = "standard",
  options: NormalizeOptions = {},
): D {
  const at = options.field ?? 0;
  const fixed = typeof how === "object";
  return fittedTransform(data, {
    name: "normalize",
    at,
    fitted: !fixed,
    fit(loaded, end) {
      const spec = loaded.fields.inputs[at];
      const groups = groupsOf(spec, options.per);
      if (fixed) return perColumn(groups, givenAffine(how, groups.length));
      const columns = columnStatistics(loaded, "input", at, end);
      const moments = groups.map((group) => pooled(group.map((column) => columns[column])));
      return perColumn(
        groups,
        moments.map((one) => fittedAffine(one, how)),
      );
    },
    apply(values, { shift, factor }) {
      const out = new Float32Array(values.length);
      for (let column = 0; column < out.length; column++) {
        out[column] = (values[column] - shift[column]) * factor[column];
      }
      return out;
    },
  });
}

/** Multiplies one input field by `factor` and adds `offset`: pixels 0…255 become 0…1 by `scale(data, 1 / 255)`. */
export function scale(
  data: Dataset,
  factor: number,
  options: { readonly offset?: number; readonly field?: number } = {},
): Dataset {
  requireNumber("scale", "factor", factor);
  const offset = requireNumber("scale", "offset", options.offset ?? 0);
  return changeInput(
    data,
    "scale",
    options.field ?? 0,
    () => (values) => Float32Array.from(values, (value) => value * factor + offset),
  );
}

/**
 * Puts a number in the place of missing values (NaN) of one input field: a given one, or each column's mean over the
 * training examples (see {@link normalize} for which those are).
 */
export function fillMissing<D extends Dataset | Parts>(
  data: D,
  value: number | "mean",
  options: { readonly field?: number } = {},
): D {
  const at = options.field ?? 0;
  if (value !== "mean") requireNumber("fillMissing", "value", value);
  return fittedTransform(data, {
    name: "fillMissing",
    at,
    fitted: value === "mean",
    fit: (loaded, end) =>
      value === "mean" ? columnStatistics(loaded, "input", at, end).map(({ mean }) => mean) : null,
    apply: (values, means) =>
      Float32Array.from(values, (one, column) => (Number.isNaN(one) ? (means?.[column] ?? Number(value)) : one)),
  });
}

/** Turns int32 labels of shape `[]` into float32 vectors `[classes]` with a single 1. */
export function toOneHot(data: Dataset, options: { readonly field?: number } = {}): Dataset {
  const at = requireWhole("toOneHot", "field", options.field ?? 0, 0);
  const classesOf = (fields: Fields): number => {
    const spec = fields.targets.at(at);
    if (spec?.dtype === "int32" && spec.classes !== undefined && elementsOf(spec) === 1) return spec.classes;
    throw new DataError(
      "toOneHot",
      undefined,
      `target field ${at} of ${data.name} holds no labels`,
      "Use it on an int32 target with classes",
    );
  };
  return transformed(data, {
    name: `toOneHot(${data.name})`,
    fields: (before) => ({
      ...before,
      targets: before.targets.map((spec, i): FieldSpec => {
        if (i !== at) return spec;
        const name = spec.name === undefined ? {} : { name: spec.name };
        return { shape: [classesOf(before)], dtype: "float32", ...name };
      }),
    }),
    prepare(source) {
      const classes = classesOf(source.fields);
      return (example) => {
        const oneHot = new Float32Array(classes);
        oneHot[example.targets[at][0]] = 1;
        return { ...example, targets: example.targets.map((target, i) => (i === at ? oneHot : target)) };
      };
    },
  });
}

interface FittedTransform<S> {
  readonly name: string;
  readonly at: number;
  readonly fitted: boolean;
  /** Statistics of examples 0…`end`−1. */
  fit(loaded: LoadedDataset, end: number): S;
  apply(values: FieldData, statistics: S): Float32Array;
}

/** Applies a transform to a data set, or to all parts with the statistics of the part `train`. */
function fittedTransform<D extends Dataset | Parts, S>(data: D, transform: FittedTransform<S>): D {
  const { name, at, fitted } = transform;
  const one = (dataset: Dataset, train: Dataset): Dataset =>
    changeInput(
      dataset,
      name,
      at,
      async (_loaded, files) => {
        const training = await train.load(files);
        const statistics = transform.fit(training, training.length - training.heldOut);
        return (values) => transform.apply(values, statistics);
      },
      fitted,
    );
  if (!("train" in data)) return one(data, data) as D;
  const parts = Object.entries(data).map(([part, dataset]) => [
    part,
    dataset === null ? null : one(dataset as Dataset, data.train),
  ]);
  return Object.fromEntries(parts) as D;
}

type FieldTransform = (values: FieldData) => Float32Array;

function changeInput(
  data: Dataset,
  name: string,
  at: number,
  prepare: (loaded: LoadedDataset, files: Parameters<Dataset["load"]>[0]) => FieldTransform | Promise<FieldTransform>,
  fitted = false,
): Dataset {
  requireWhole(name, "field", at, 0);
  return transformed(data, {
    name: `${name}(${data.name})`,
    fitted,
    fields(before) {
      if (before.inputs.at(at)?.dtype === "float32") return before;
      throw new DataError(
        name,
        undefined,
        `${data.name} has no float32 input field ${at}`,
        `Its ${before.inputs.length} input fields count from 0`,
      );
    },
    async prepare(loaded, _after, files) {
      const change = await prepare(loaded, files);
      return (example) => ({
        ...example,
        inputs: example.inputs.map((input, i) => (i === at ? change(input) : input)),
      });
    },
  });
}

/** x ↦ (x − shift) · factor */
interface Affine {
  readonly shift: number;
  readonly factor: number;
}

function perColumn(
  groups: readonly number[][],
  affines: readonly Affine[],
): { shift: Float64Array; factor: Float64Array } {
  const size = groups.reduce((sum, group) => sum + group.length, 0);
  const [shift, factor] = [new Float64Array(size), new Float64Array(size)];
  groups.forEach((group, at) => {
    for (const column of group) {
      shift[column] = affines[at].shift;
      factor[column] = affines[at].factor;
    }
  });
  return { shift, factor };
}

/** The elements of a field that are normalised together. */
function groupsOf({ shape }: FieldSpec, per: NormalizeOptions["per"]): number[][] {
  const size = shape.reduce((product, dim) => product * dim, 1);
  const unit = per ?? (shape.length === 1 ? "feature" : shape.length === 3 ? "channel" : "all");
  if (unit === "channel" && shape.length !== 3) {
    throw new DataError(
      "normalize",
      undefined,
      `per is "channel", but the field has shape [${shape.join(", ")}]`,
      'Use it with shape [channels, height, width], or per: "all"',
    );
  }
  const count = unit === "feature" ? size : unit === "channel" ? shape[0] : 1;
  const width = size / Math.max(1, count);
  return Array.from({ length: count }, (_, group) => Array.from({ length: width }, (_, i) => group * width + i));
}

function givenAffine(how: Exclude<NormalizeMode, string>, count: number): Affine[] {
  const valueOf = (option: "mean" | "std", group: number): number => {
    const given = how[option];
    if (typeof given !== "number" && given.length !== count) {
      throw new DataError(
        "normalize",
        undefined,
        `${option} has ${given.length} entries`,
        `Give one number, or ${count}: one for each feature or channel`,
      );
    }
    return requireNumber("normalize", option, typeof given === "number" ? given : given[group]);
  };
  return Array.from({ length: count }, (_, group) => {
    const std = valueOf("std", group);
    if (std <= 0) throw new DataError("normalize", undefined, `std is ${std}`, "Give a number above 0");
    return { shift: valueOf("mean", group), factor: 1 / std };
  });
}

function fittedAffine(moments: Moments, how: "standard" | "minmax"): Affine {
  if (moments.count === 0) return { shift: 0, factor: 1 };
  const standard = how === "standard";
  const spread = standard ? deviationOf(moments) : moments.max - moments.min;
  return { shift: standard ? moments.mean : moments.min, factor: spread > 0 ? 1 / spread : 1 };
}
