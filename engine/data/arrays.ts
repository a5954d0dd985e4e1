/** Data sets from values that the program holds: {@link fromArrays}, {@link custom}, and the store behind the readers. */
import { fromNested, type NdArray, type Nested } from "../graph/array";
import { checkColumn, checkExample, type Role, roles } from "./check";
import {
  defineDataset,
  elementsOf,
  type Dataset,
  type Example,
  type ExampleContext,
  type FieldData,
  type Fields,
  type FieldSpec,
  type LoadedDataset,
} from "./dataset";
import { DataError, requireWhole } from "./error";

/** Rows as user code holds them: nested lists, or a list of typed arrays. */
export type Rows = Nested | readonly (Float32Array | Float64Array | Int32Array | Uint8Array)[];

export interface FromArraysOptions {
  /** One entry for each example: a list of features, a nested list, or one number (which becomes one feature). */
  readonly inputs: Rows;
  /** One entry for each example: a number (a regression target of shape `[1]`, or with `classes` a label), or a list. */
  readonly targets: Rows;
  /** The number of classes, or their names: targets are then labels 0…classes−1. */
  readonly classes?: number | readonly string[];
  readonly name?: string;
  /** How many examples at the end are for validation only. */
  readonly heldOut?: number;
}

/**
 * A data set from lists: `fromArrays({ inputs: [[0, 1], [1, 1]], targets: [0, 1], classes: 2 })`.
 * @throws DataError for unequal lengths, no examples, NaN, infinity, or labels outside 0…classes−1.
 */
export function fromArrays(options: FromArraysOptions): Dataset {
  const name = options.name ?? "fromArrays";
  const inputs = readRows(name, "inputs", options.inputs);
  const targets = readRows(name, "targets", options.targets);
  if (inputs.shape[0] !== targets.shape[0]) throw unequalLengths(name, inputs.shape[0], targets.shape[0]);
  const input: FieldSpec = { shape: featureShape(inputs.shape), dtype: "float32" };
  const { classes } = options;
  const target: FieldSpec =
    classes === undefined
      ? { shape: featureShape(targets.shape), dtype: "float32" }
      : { shape: targets.shape.slice(1), dtype: "int32", ...classFields(classes) };
  return inMemory({
    name,
    fields: { inputs: [input], targets: [target] },
    inputs: [Float32Array.from(inputs.data)],
    targets: [target.dtype === "int32" ? wholeNumbers(name, targets.data, target) : Float32Array.from(targets.data)],
    heldOut: options.heldOut ?? 0,
  });
}

/** A field's values as user code gives them, flat in row-major order. */
export type FieldValue = number | ArrayLike<number>;

/** One value for a field declared alone, a list of values for a list of fields. */
export type FieldValues<S> = S extends readonly FieldSpec[] ? readonly FieldValue[] : FieldValue;

export interface CustomOptions<I extends FieldSpec | readonly FieldSpec[], T extends FieldSpec | readonly FieldSpec[]> {
  readonly length: number;
  readonly inputs: I;
  readonly targets: T;
  readonly name?: string;
  readonly heldOut?: number;
  /** Example `index` of 0…length−1; the same index and context must give the same values. */
  get(index: number, context: ExampleContext): { readonly inputs: FieldValues<I>; readonly targets: FieldValues<T> };
}

/**
 * A data set of one's own, after the habit of `Dataset.__len__` and `__getitem__`: examples are made when asked for.
 * Each is checked for length, NaN and label range.
 */
export function custom<
  const I extends FieldSpec | readonly FieldSpec[],
  const T extends FieldSpec | readonly FieldSpec[],
>(options: CustomOptions<I, T>): Dataset {
  const name = options.name ?? "custom";
  const length = requireWhole(name, "length", options.length, 1);
  const fields: Fields = { inputs: specList(options.inputs), targets: specList(options.targets) };
  const heldOut = checkHeldOut(name, options.heldOut ?? 0, length);
  const loaded: LoadedDataset = {
    name,
    fields,
    length,
    heldOut,
    get(index, context) {
      const values = options.get(index, context);
      const example: Example = {
        inputs: toFields(name, "input", options.inputs, values.inputs, index),
        targets: toFields(name, "target", options.targets, values.targets, index),
      };
      checkExample(name, fields, example, index);
      return example;
    },
  };
  return defineDataset({ name, fields, length, heldOut, read: () => loaded });
}

export interface InMemoryOptions {
  readonly name: string;
  readonly fields: Fields;
  /** One array for each field: all examples, one after the other. */
  readonly inputs: readonly FieldData[];
  readonly targets: readonly FieldData[];
  readonly heldOut?: number;
  readonly allowMissing?: boolean;
  /** Where example `index` stands in its file, for messages. */
  readonly place?: (index: number) => string;
}

/** A data set of arrays that are there already. @throws DataError as {@link loadedArrays} */
export function inMemory(options: InMemoryOptions): Dataset {
  const loaded = loadedArrays(options);
  const { name, fields, length, heldOut } = loaded;
  return defineDataset({ name, fields, length, heldOut, read: () => loaded });
}

/**
 * Examples as views of whole arrays.
 * @throws DataError where lengths differ, there is no example, or a value is NaN, infinite or no label.
 */
export function loadedArrays(options: InMemoryOptions): LoadedDataset {
  const { name, fields, inputs, targets } = options;
  const length = countExamples(options);
  for (const [role, specs] of roles(fields)) {
    const all = role === "input" ? inputs : targets;
    specs.forEach((spec, at) => {
      const missing = role === "input" && options.allowMissing === true;
      checkColumn(name, role, spec, all[at], { allowMissing: missing, place: options.place });
    });
  }
  const widths = { inputs: fields.inputs.map(elementsOf), targets: fields.targets.map(elementsOf) };
  const rows = (all: readonly FieldData[], sizes: readonly number[], index: number): FieldData[] =>
    all.map((data, at) => data.subarray(index * sizes[at], (index + 1) * sizes[at]));
  return {
    name,
    fields,
    length,
    heldOut: checkHeldOut(name, options.heldOut ?? 0, length),
    get(index) {
      return { inputs: rows(inputs, widths.inputs, index), targets: rows(targets, widths.targets, index) };
    },
  };
}

/** The part of a label's specification that the option `classes` (a number or the names) stands for. */
export function classFields(classes: number | readonly string[]): { classes: number; classNames?: readonly string[] } {
  return typeof classes === "number" ? { classes } : { classes: classes.length, classNames: classes };
}

/** Labels as int32. @throws DataError for a fraction or NaN, naming the example. */
export function wholeNumbers(
  source: string,
  data: ArrayLike<number>,
  spec: FieldSpec,
  place: (index: number) => string = (index) => `example ${index}`,
): Int32Array {
  return Int32Array.from(data, (value, at) => {
    if ((value | 0) === value) return value;
    throw new DataError(
      source,
      `${place(Math.floor(at / Math.max(1, elementsOf(spec))))}, target`,
      `label ${value} is no whole number`,
      "Class labels are whole numbers from 0; leave out `classes` where the targets are quantities",
    );
  });
}

export function unequalLengths(source: string, inputs: number, targets: number): DataError {
  const more = inputs > targets ? "inputs" : "targets";
  return new DataError(
    source,
    undefined,
    `${inputs} inputs, but ${targets} targets`,
    `Give one target for each input: remove the extra ${more}, or add what is missing`,
  );
}

function countExamples({ name, fields, inputs, targets }: InMemoryOptions): number {
  const count = (data: FieldData, spec: FieldSpec): number => data.length / Math.max(1, elementsOf(spec));
  const lengthOf = (all: readonly FieldData[], specs: readonly FieldSpec[]): number =>
    all.length === 0 ? 0 : count(all[0], specs[0]);
  const length = lengthOf(inputs, fields.inputs);
  const labels = lengthOf(targets, fields.targets);
  if (length !== labels) throw unequalLengths(name, length, labels);
  if (length === 0) throw new DataError(name, undefined, "there are no examples", "Give at least one example");
  return length;
}

function checkHeldOut(source: string, heldOut: number, length: number): number {
  requireWhole(source, "heldOut", heldOut, 0);
  if (heldOut < length) return heldOut;
  throw new DataError(
    source,
    undefined,
    `heldOut is ${heldOut}, but there are ${length} examples`,
    "Leave at least one example for training",
  );
}

/** An example that is a single number has one feature. */
function featureShape(shape: readonly number[]): readonly number[] {
  return shape.length === 1 ? [1] : shape.slice(1);
}

function readRows(source: string, option: string, rows: Rows): NdArray {
  let array: NdArray;
  try {
    const plain = Array.isArray(rows)
      ? (rows as readonly unknown[]).map((row) => (ArrayBuffer.isView(row) ? Array.from(row as never) : row))
      : rows;
    array = fromNested(plain as Nested);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new DataError(source, option, reason, "Give one list of equal length for each example");
  }
  if (array.shape.length === 0) {
    throw new DataError(source, option, "a single number is no list of examples", "Give one entry for each example");
  }
  if (array.shape[0] === 0) throw new DataError(source, option, "there are no examples", "Give at least one example");
  return array;
}

function specList(specs: FieldSpec | readonly FieldSpec[]): readonly FieldSpec[] {
  return isList(specs) ? specs : [specs];
}

function isList<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value);
}

function toFields(
  source: string,
  role: Role,
  specs: FieldSpec | readonly FieldSpec[],
  values: FieldValue | readonly FieldValue[],
  index: number,
): FieldData[] {
  const list = isList(specs) ? (values as readonly FieldValue[]) : [values as FieldValue];
  return list.map((value, at) => {
    const spec = isList(specs) ? specs[at] : specs;
    if (spec?.dtype === "int32") {
      if (value instanceof Int32Array) return value;
      return wholeNumbers(source, typeof value === "number" ? [value] : value, spec, () => `example ${index}`);
    }
    if (value instanceof Float32Array) return value;
    if (typeof value !== "number" && typeof value?.length !== "number") {
      throw new DataError(source, `example ${index}, ${role}`, `get gave ${typeof value}`, "Return a number or a list");
    }
    return typeof value === "number" ? Float32Array.of(value) : Float32Array.from(value);
  });
}
