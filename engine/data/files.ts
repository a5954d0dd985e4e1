/** Data sets that are read from files: the bundled ones, IDX, NPY and CSV. */
import { type ColumnKey, type CsvTable, readCsv } from "../formats/csv";
import { FormatError } from "../formats/error";
import { readIdx } from "../formats/idx";
import { readNpy } from "../formats/npy";
import { type PlainArray, toFloat32, toInt32 } from "../formats/plain";
import { classFields, loadedArrays, unequalLengths } from "./arrays";
import { type Dataset, defineDataset, elementsOf, type Fields, type FieldSpec, type LoadedDataset } from "./dataset";
import { DataError } from "./error";

/**
 * 10,000 handwritten digits of MNIST, bundled: pixels from 0 (background) to 1 (ink), labels 0…9. The first 8,000 are
 * for training, the last 2,000 held out for validation.
 * @param options.shape of one image, 784 elements: `[784]` by default, `[1, 28, 28]` for a convolution.
 */
export function digits(options: { readonly shape?: readonly number[] } = {}): Dataset {
  const shape = options.shape ?? [784];
  const input: FieldSpec = { shape, dtype: "float32", name: "pixels" };
  if (elementsOf(input) !== 784) throw wrongImageShape("digits", shape, [28, 28]);
  const fields: Fields = {
    inputs: [input],
    targets: [{ shape: [], dtype: "int32", classes: 10, name: "digit" }],
  };
  return defineDataset({
    name: "digits",
    fields,
    length: 10_000,
    heldOut: 2_000,
    async read(files) {
      const [images, labels] = await Promise.all([
        files.asset("digits-images.idx.gz"),
        files.asset("digits-labels.idx.gz"),
      ]);
      const pixels = toPixels(readIdx(images, "digits-images.idx.gz"), "digits-images.idx.gz");
      const indices = toInt32(readIdx(labels, "digits-labels.idx.gz"), "digits-labels.idx.gz");
      return loadedArrays({ name: "digits", fields, inputs: [pixels], targets: [indices], heldOut: 2_000 });
    },
  });
}

/** Fisher's irises, bundled: 150 flowers, inputs `[4]` (sepal and petal length and width in cm), targets three species. */
export function iris(): Dataset {
  const columns = ["sepal_length", "sepal_width", "petal_length", "petal_width"];
  const species = ["setosa", "versicolor", "virginica"];
  const fields: Fields = {
    inputs: [{ shape: [4], dtype: "float32" }],
    targets: [{ shape: [], dtype: "int32", ...classFields(species), name: "species" }],
  };
  return defineDataset({
    name: "iris",
    fields,
    length: 150,
    async read(files) {
      const labels = [{ column: "species", categories: species }];
      const table = readCsv(await files.asset("iris.csv"), { features: columns, labels }, "iris.csv");
      return loadedArrays({
        name: "iris",
        fields,
        inputs: [toFloat32(table.features)],
        targets: [table.labels[0].indices.data],
      });
    },
  });
}

export interface IdxDatasetOptions {
  /** Path of the images, gzip-compressed or not; uint8 pixels become 0…1. */
  readonly images: string;
  /** Path of the labels. */
  readonly labels: string;
  /** Number or names of the classes; default: the largest label + 1. */
  readonly classes?: number | readonly string[];
  /** Shape of one image; default: as in the file, `[28, 28]` for MNIST. */
  readonly shape?: readonly number[];
  /** How many images at the end are for validation only. */
  readonly heldOut?: number;
}

/** Images and labels in the format of the MNIST files. With `shape` and `classes` a check needs no data. */
export function idx(options: IdxDatasetOptions): Dataset {
  const { images, labels, shape, classes } = options;
  const name = `idx(${JSON.stringify(images)})`;
  const fieldsOf = (size: readonly number[], of: number | readonly string[]): Fields => ({
    inputs: [{ shape: size, dtype: "float32" }],
    targets: [{ shape: [], dtype: "int32", ...classFields(of) }],
  });
  return defineDataset({
    name,
    fields: shape !== undefined && classes !== undefined ? fieldsOf(shape, classes) : null,
    length: null,
    heldOut: options.heldOut,
    async read(files) {
      const [imageBytes, labelBytes] = await Promise.all([files.read(images), files.read(labels)]);
      const array = readIdx(imageBytes, images);
      const indices = toInt32(readIdx(labelBytes, labels), labels);
      const [count = 1, ...size] = array.shape;
      if (count !== indices.length) throw unequalLengths(name, count, indices.length);
      const fields = fieldsOf(shape ?? size, classes ?? largest(indices) + 1);
      if (elementsOf(fields.inputs[0]) * count !== array.data.length) throw wrongImageShape(name, shape ?? [], size);
      const inputs = [toPixels(array, images)];
      return loadedArrays({ name, fields, inputs, targets: [indices], heldOut: options.heldOut });
    },
  });
}

export interface NpyDatasetOptions {
  /** Path of the inputs, first axis the examples. */
  readonly inputs: string;
  /** Path of the targets, first axis the examples. */
  readonly targets: string;
  /** Number or names of the classes: targets are then labels 0…classes−1, otherwise float32 quantities. */
  readonly classes?: number | readonly string[];
  readonly heldOut?: number;
}

/** Arrays that `numpy.save` wrote. Their shapes are known when they are read. */
export function npy(options: NpyDatasetOptions): Dataset {
  const name = `npy(${JSON.stringify(options.inputs)})`;
  return defineDataset({
    name,
    fields: null,
    length: null,
    heldOut: options.heldOut,
    async read(files) {
      const paths = [options.inputs, options.targets];
      const [inputs, targets] = (await Promise.all(paths.map((path) => files.read(path)))).map((bytes, at) =>
        readNpy(bytes, paths[at]),
      );
      for (const [at, array] of [inputs, targets].entries()) {
        if (array.shape.length === 0) {
          throw new DataError(name, paths[at], "the array is a single number", "Give an array with one entry each");
        }
      }
      if (inputs.shape[0] !== targets.shape[0]) throw unequalLengths(name, inputs.shape[0], targets.shape[0]);
      const labels = options.classes !== undefined;
      const rest = (array: PlainArray): readonly number[] => (array.shape.length === 1 ? [1] : array.shape.slice(1));
      const target: FieldSpec = labels
        ? { shape: targets.shape.slice(1), dtype: "int32", ...classFields(options.classes) }
        : { shape: rest(targets), dtype: "float32" };
      return loadedArrays({
        name,
        fields: { inputs: [{ shape: rest(inputs), dtype: "float32" }], targets: [target] },
        inputs: [toFloat32(inputs, options.inputs)],
        targets: [labels ? toInt32(targets, options.targets) : toFloat32(targets, options.targets)],
        heldOut: options.heldOut,
      });
    },
  });
}

export interface CsvDatasetOptions {
  /** The column (or columns) to predict: a name from the header, or an index from 0 (−1 is the last). */
  readonly target: ColumnKey | readonly ColumnKey[];
  /** The numeric columns to predict from, in this order; default: all that are neither target nor categorical. */
  readonly inputs?: readonly ColumnKey[];
  /** Columns of text to predict from: each becomes one 0/1 input per category, sorted, after the numeric inputs. */
  readonly categorical?: readonly ColumnKey[];
  /**
   * What the target is. A list: the names of its classes, in order. A number: the cells are labels 0…classes−1.
   * Default: classes (sorted) where a cell is no number, otherwise a quantity.
   */
  readonly classes?: number | readonly string[];
  /** Default: the first row is a header when none of its cells is a number. */
  readonly header?: boolean;
  readonly delimiter?: string;
  readonly comment?: string;
  /** `"drop"` leaves out rows with an empty cell, `"keep"` reads empty inputs as NaN (see `fillMissing`). Default `"error"`. */
  readonly missing?: "error" | "drop" | "keep";
  readonly heldOut?: number;
}

/**
 * A table: inputs `[columns]` float32; a target of classes is int32 of shape `[]`, quantities are float32 `[columns]`.
 * With `inputs` and `classes` (and nothing categorical) a check needs no data.
 */
export function csv(path: string, options: CsvDatasetOptions): Dataset {
  const name = `csv(${JSON.stringify(path)})`;
  const { classes, heldOut, inputs, categorical = [], missing = "error" } = options;
  const keys = Array.isArray(options.target) ? (options.target as readonly ColumnKey[]) : [options.target as ColumnKey];
  if (keys.length === 0) throw new DataError(name, undefined, "target names no column", "Name the column to predict");
  if (classes !== undefined && keys.length > 1) {
    throw new DataError(name, undefined, "classes stands beside several targets", "Name one target column of classes");
  }
  const staticClasses = classes !== undefined && inputs !== undefined && categorical.length === 0;
  return defineDataset({
    name,
    fields: staticClasses ? tableFields(inputs.length, keys, classFields(classes)) : null,
    length: null,
    heldOut,
    async read(files) {
      const labels = keys.map((column) => ({
        column,
        categories: typeof classes === "object" ? classes : undefined,
        as: typeof classes === "number" ? ("index" as const) : ("category" as const),
      }));
      const { header, delimiter, comment } = options;
      const bytes = await files.read(path);
      const table = readTable(path, () =>
        readCsv(
          bytes,
          {
            header,
            delimiter,
            comment,
            features: inputs,
            labels: [...labels, ...categorical],
            missing: missing === "error" ? "error" : "keep",
          },
          path,
        ),
      );
      return fromTable(name, table, keys, { classes, heldOut, missing });
    },
  });
}

/** The reader speaks of `labels`; here the option for a column of text is `categorical`. */
function readTable(path: string, read: () => CsvTable): CsvTable {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new FormatError(path, error.place, error.problem, error.remedy.replace("into labels", "into categorical"));
  }
}

function fromTable(
  name: string,
  table: CsvTable,
  keys: readonly ColumnKey[],
  options: Pick<CsvDatasetOptions, "classes" | "heldOut"> & { readonly missing: "error" | "drop" | "keep" },
): LoadedDataset {
  const targets = table.labels.slice(0, keys.length);
  const categorical = table.labels.slice(keys.length);
  const rows = Array.from({ length: table.rows }, (_, row) => row).filter(
    (row) => options.missing !== "drop" || !isIncomplete(table, row),
  );
  const untold = rows.find((row) => targets.some((target) => target.indices.data[row] < 0));
  if (untold !== undefined) {
    throw new DataError(name, `row ${untold + 1}, target`, "the cell is empty", 'Fill it, or say missing: "drop"');
  }
  const width = table.featureNames.length;
  const oneHots = categorical.reduce((sum, column) => sum + column.categories.length, 0);
  const data = new Float32Array(rows.length * (width + oneHots));
  rows.forEach((row, at) => {
    let position = at * (width + oneHots);
    for (let column = 0; column < width; column++) data[position++] = table.features.data[row * width + column];
    for (const { indices, categories } of categorical) {
      if (indices.data[row] >= 0) data[position + indices.data[row]] = 1;
      else data.fill(NaN, position, position + categories.length);
      position += categories.length;
    }
  });
  const asClasses =
    options.classes !== undefined ||
    (targets.length === 1 && targets[0].categories.some((text) => text.trim() === "" || Number.isNaN(Number(text))));
  const classes = options.classes ?? targets[0].categories;
  const cells = rows.flatMap((row) =>
    targets.map(({ indices, categories, name: column }) => {
      const index = indices.data[row];
      if (asClasses) return index;
      const value = Number(categories[index]);
      if (!Number.isNaN(value)) return value;
      throw new DataError(
        name,
        `row ${row + 1}, target ${JSON.stringify(column)}`,
        `${JSON.stringify(categories[index])} is no number`,
        "Several targets must all be quantities: name one target column, or give numbers",
      );
    }),
  );
  return loadedArrays({
    name,
    fields: tableFields(width + oneHots, keys, asClasses ? classFields(classes) : null),
    inputs: [data],
    targets: [asClasses ? Int32Array.from(cells) : Float32Array.from(cells)],
    heldOut: options.heldOut,
    allowMissing: options.missing === "keep",
    place: (index) => `row ${rows[index] + 1}`,
  });
}

function tableFields(
  width: number,
  keys: readonly ColumnKey[],
  classes: ReturnType<typeof classFields> | null,
): Fields {
  const named = keys.length === 1 && typeof keys[0] === "string" ? { name: keys[0] } : {};
  const target: FieldSpec =
    classes === null
      ? { shape: [keys.length], dtype: "float32", ...named }
      : { shape: [], dtype: "int32", ...classes, ...named };
  return { inputs: [{ shape: [width], dtype: "float32" }], targets: [target] };
}

function isIncomplete(table: CsvTable, row: number): boolean {
  const width = table.featureNames.length;
  for (let column = 0; column < width; column++) {
    if (Number.isNaN(table.features.data[row * width + column])) return true;
  }
  return table.labels.some(({ indices }) => indices.data[row] < 0);
}

/** Bytes as 0…1; other numbers as they are. */
function toPixels(array: PlainArray, file: string): Float32Array {
  if (array.dtype !== "uint8") return toFloat32(array, file);
  const levels = Float32Array.from({ length: 256 }, (_, level) => level / 255);
  const pixels = new Float32Array(array.data.length);
  for (let at = 0; at < pixels.length; at++) pixels[at] = levels[array.data[at]];
  return pixels;
}

function largest(values: Int32Array): number {
  let result = 0;
  for (const value of values) if (value > result) result = value;
  return result;
}

function wrongImageShape(source: string, shape: readonly number[], actual: readonly number[]): DataError {
  const size = actual.reduce((product, dim) => product * dim, 1);
  return new DataError(
    source,
    undefined,
    `shape [${shape.join(", ")}] takes ${shape.reduce((product, dim) => product * dim, 1)} values, but an image has ${size}`,
    `Give a shape of ${size} elements: [${size}] or [1, ${actual.join(", ")}]`,
  );
}
