/**
 * Data sets: what they promise without being read (the shapes of an example's fields), and what they give once read.
 *
 * A {@link Dataset} is a lazy, immutable description, so that a check of a model needs no data. `load` reads it through
 * the host's files and gives a {@link LoadedDataset}, whose `get` is synchronous. Transforms and splits wrap either form
 * and never change their source.
 */
import { checkExample, checkFields } from "./check";

/** One field of an example, without the batch axis: pixels `{ shape: [784], dtype: "float32" }`, a label `{ shape: [], dtype: "int32", classes: 10 }`. */
export interface FieldSpec {
  readonly shape: readonly number[];
  readonly dtype: "float32" | "int32";
  /** For an int32 field of class indices: values are 0…classes−1. */
  readonly classes?: number;
  /** One name for each class. */
  readonly classNames?: readonly string[];
  readonly name?: string;
}

export interface Fields {
  readonly inputs: readonly FieldSpec[];
  readonly targets: readonly FieldSpec[];
}

/** Values of one field in row-major order, as long as the product of its shape. */
export type FieldData = Float32Array | Int32Array;

/** One example; one array for each field. The arrays may be views of the data set's own: read them only. */
export interface Example {
  readonly inputs: readonly FieldData[];
  readonly targets: readonly FieldData[];
}

/** What an example may depend on beside its index. The same index and context give the same bits. */
export interface ExampleContext {
  readonly seed: number;
  readonly epoch: number;
  /** Augmentation happens where this is true only. */
  readonly training: boolean;
}

/** For looking at data as they are: nothing augmented. */
export const plainContext: ExampleContext = { seed: 0, epoch: 0, training: false };

/** How a data set reaches bytes; the host gives it. */
export interface DataFiles {
  /** A file by the path that the user wrote; the host resolves it against the model file's folder. */
  read(path: string): Promise<Uint8Array>;
  /** A file that ships with the engine, such as `digits-images.idx.gz`. */
  asset(name: string): Promise<Uint8Array>;
}

export interface Dataset {
  readonly name: string;
  /** The fields, or null where only reading can tell (a csv file whose columns are not named). */
  readonly fields: Fields | null;
  /** The number of examples, or null where only reading can tell. */
  readonly length: number | null;
  /** How many examples at the end the data set itself sets aside for validation; 0 for none. */
  readonly heldOut: number;
  /** Whether values rest on statistics of all training examples, so that splitting comes too late. */
  readonly fitted: boolean;
  /** Reads and prepares; a second call with the same files costs nothing. @throws DataError, FormatError */
  load(files: DataFiles): Promise<LoadedDataset>;
  /**
   * A data set whose examples are `transform(example)`, calculated each time an example is asked for.
   * Where the transform changes shapes or dtypes, `fields` says how they are afterwards.
   */
  map(transform: ExampleTransform, fields?: Partial<Fields>): Dataset;
}

export type ExampleTransform = (example: Example, index: number, context: ExampleContext) => Example;

export interface LoadedDataset {
  readonly name: string;
  readonly fields: Fields;
  readonly length: number;
  readonly heldOut: number;
  get(index: number, context: ExampleContext): Example;
}

/** What {@link defineDataset} makes a data set of. */
export interface DatasetDefinition {
  readonly name: string;
  readonly fields: Fields | null;
  readonly length: number | null;
  readonly heldOut?: number;
  readonly fitted?: boolean;
  read(files: DataFiles): LoadedDataset | Promise<LoadedDataset>;
}

export function defineDataset(definition: DatasetDefinition): Dataset {
  const { name, fields, length, heldOut = 0, fitted = false } = definition;
  if (fields !== null) checkFields(name, fields);
  const loaded = new WeakMap<DataFiles, Promise<LoadedDataset>>();
  const dataset: Dataset = {
    name,
    fields,
    length,
    heldOut,
    fitted,
    load(files) {
      const known = loaded.get(files);
      if (known !== undefined) return known;
      const reading = (async () => definition.read(files))();
      loaded.set(files, reading);
      // A file that was missing may be there at the next attempt.
      reading.catch(() => loaded.delete(files));
      return reading;
    },
    map(transform, changed = {}) {
      return transformed(dataset, {
        name: `${name}.map`,
        fields: (before) => ({ ...before, ...changed }),
        prepare: (_source, after) => (example, index, context) => {
          const result = transform(example, index, context);
          checkExample(`${name}.map`, after, result, index);
          return result;
        },
      });
    },
  };
  return dataset;
}

/** A data set of the same length whose examples are calculated from the source's, one by one. */
export interface TransformDefinition {
  readonly name: string;
  readonly fitted?: boolean;
  /** The fields afterwards. @throws DataError where the transform does not fit the source's fields. */
  fields(before: Fields): Fields;
  /** Called once after reading; may calculate statistics. */
  prepare(source: LoadedDataset, after: Fields, files: DataFiles): ExampleTransform | Promise<ExampleTransform>;
}

export function transformed(source: Dataset, definition: TransformDefinition): Dataset {
  return defineDataset({
    name: definition.name,
    fields: source.fields === null ? null : definition.fields(source.fields),
    length: source.length,
    heldOut: source.heldOut,
    fitted: source.fitted || (definition.fitted ?? false),
    async read(files) {
      const loaded = await source.load(files);
      const fields = definition.fields(loaded.fields);
      checkFields(definition.name, fields);
      const transform = await definition.prepare(loaded, fields, files);
      return {
        name: definition.name,
        fields,
        length: loaded.length,
        heldOut: loaded.heldOut,
        get: (index, context) => transform(loaded.get(index, context), index, context),
      };
    },
  });
}

/**
 * Some examples of a data set, in the given order. `select` sees the loaded source and returns indices into it;
 * what is random in the source goes on by the source's indices.
 */
export function selected(
  source: Dataset,
  definition: {
    readonly name: string;
    readonly length: number | null;
    select(loaded: LoadedDataset): Int32Array;
  },
): Dataset {
  return defineDataset({
    name: definition.name,
    fields: source.fields,
    length: definition.length,
    fitted: source.fitted,
    async read(files) {
      const loaded = await source.load(files);
      return subset(loaded, definition.select(loaded), definition.name);
    },
  });
}

/** The examples of a loaded data set at `indices`, in that order. */
export function subset(loaded: LoadedDataset, indices: Int32Array, name = loaded.name): LoadedDataset {
  return {
    name,
    fields: loaded.fields,
    length: indices.length,
    heldOut: 0,
    get: (index, context) => loaded.get(indices[index], context),
  };
}

export function elementsOf(spec: FieldSpec): number {
  return spec.shape.reduce((size, dim) => size * dim, 1);
}
