/** What a data set holds: statistics of columns, and the summary for people. */
import { type Role, roles } from "./check";
import { elementsOf, plainContext, type FieldData, type FieldSpec, type LoadedDataset } from "./dataset";
import { DataError } from "./error";

/** Statistics over examples; missing values (NaN) are left out. Without any value: NaN. */
export interface Statistics {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  /** Population standard deviation √(Σ(x − mean)²/n). */
  readonly std: number;
  readonly missing: number;
}

export interface FieldSummary extends Statistics {
  readonly role: Role;
  readonly spec: FieldSpec;
  /** One entry for each element of an example, in row-major order. */
  readonly columns: readonly Statistics[];
  /** Elements that never vary; a network can learn nothing from them. */
  readonly constantColumns: readonly number[];
  /** For labels: how many examples each class has. */
  readonly classCounts: readonly number[] | null;
}

export interface DatasetSummary {
  readonly name: string;
  readonly length: number;
  readonly heldOut: number;
  readonly fields: readonly FieldSummary[];
}

/** Describes all examples of a data set, none augmented. */
export function summary(loaded: LoadedDataset): DatasetSummary {
  const { name, length, heldOut } = loaded;
  const fields = roles(loaded.fields).flatMap(([role, specs]) =>
    specs.map((spec, at): FieldSummary => {
      const columns = columnStatistics(loaded, role, at);
      const { classes } = spec;
      return {
        ...publicStatistics(pooled(columns)),
        role,
        spec,
        columns: columns.map(publicStatistics),
        constantColumns: columns.flatMap((column, index) => (column.min === column.max ? [index] : [])),
        classCounts: spec.dtype === "int32" && classes !== undefined ? classCounts(loaded, role, at, classes) : null,
      };
    }),
  );
  return { name, length, heldOut, fields };
}

/** Statistics that can be joined: `squares` is Σ(x − mean)² over the `count` values. */
export interface Moments {
  readonly count: number;
  readonly missing: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly squares: number;
}

/** Moments of each element of a field over examples 0…`end`−1, by Welford's recurrence in float64. */
export function columnStatistics(loaded: LoadedDataset, role: Role, at: number, end = loaded.length): Moments[] {
  const specs = role === "input" ? loaded.fields.inputs : loaded.fields.targets;
  const width = elementsOf(specs[at]);
  const [count, mean, squares] = [new Float64Array(width), new Float64Array(width), new Float64Array(width)];
  const min = new Float64Array(width).fill(Infinity);
  const max = new Float64Array(width).fill(-Infinity);
  for (let index = 0; index < end; index++) {
    const values = fieldOf(loaded, role, at, index);
    for (let column = 0; column < width; column++) {
      const value = values[column];
      if (Number.isNaN(value)) continue;
      const delta = value - mean[column];
      mean[column] += delta / ++count[column];
      squares[column] += delta * (value - mean[column]);
      if (value < min[column]) min[column] = value;
      if (value > max[column]) max[column] = value;
    }
  }
  return Array.from({ length: width }, (_, column) => ({
    count: count[column],
    missing: end - count[column],
    min: min[column],
    max: max[column],
    mean: mean[column],
    squares: squares[column],
  }));
}

/** Moments of several columns taken as one. */
export function pooled(columns: readonly Moments[]): Moments {
  let [count, missing, min, max, sum] = [0, 0, Infinity, -Infinity, 0];
  for (const column of columns) {
    count += column.count;
    missing += column.missing;
    min = Math.min(min, column.min);
    max = Math.max(max, column.max);
    sum += column.count * column.mean;
  }
  const mean = count === 0 ? 0 : sum / count;
  let squares = 0;
  for (const column of columns) squares += column.squares + column.count * (column.mean - mean) ** 2;
  return { count, missing, min, max, mean, squares };
}

export function deviationOf({ count, squares }: Moments): number {
  return Math.sqrt(squares / count);
}

/** The label of every example. @throws DataError when the first target is no int32 label of shape `[]`. */
export function labelsOf(loaded: LoadedDataset, purpose: string): { labels: Int32Array; classes: number } {
  const spec = loaded.fields.targets.at(0);
  if (spec?.dtype !== "int32" || spec.classes === undefined || elementsOf(spec) !== 1) {
    throw new DataError(
      loaded.name,
      undefined,
      `${purpose} needs class labels, but the target is no int32 field with classes`,
      "Give the data set labels and their number of classes",
    );
  }
  const labels = Int32Array.from({ length: loaded.length }, (_, i) => fieldOf(loaded, "target", 0, i)[0]);
  return { labels, classes: spec.classes };
}

function classCounts(loaded: LoadedDataset, role: Role, at: number, classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (let index = 0; index < loaded.length; index++) {
    for (const label of fieldOf(loaded, role, at, index)) counts[label]++;
  }
  return counts;
}

function fieldOf(loaded: LoadedDataset, role: Role, at: number, index: number): FieldData {
  const example = loaded.get(index, plainContext);
  return (role === "input" ? example.inputs : example.targets)[at];
}

function publicStatistics(moments: Moments): Statistics {
  const { count, missing, min, max, mean } = moments;
  if (count === 0) return { min: NaN, max: NaN, mean: NaN, std: NaN, missing };
  return { min, max, mean, std: deviationOf(moments), missing };
}
