/** Checks of fields and values, each with a message that names the example. */
import type { Example, FieldData, Fields, FieldSpec } from "./dataset";
import { DataError } from "./error";

/** @throws DataError where a specification contradicts itself. */
export function checkFields(source: string, fields: Fields): void {
  for (const [role, specs] of roles(fields)) {
    if (!Array.isArray(specs)) {
      const remedy = `Give a list, as in ${role}s: [{ shape: [2], dtype: "float32" }]`;
      throw new DataError(source, `${role}s`, "one field stands where a list of fields belongs", remedy);
    }
    specs.forEach((spec: FieldSpec, at) => {
      const place = fieldName(role, specs, at);
      if (!Array.isArray(spec.shape)) {
        throw new DataError(
          source,
          place,
          `the shape is ${String(spec.shape)}`,
          "Give a list of sizes, [] for a number",
        );
      }
      if (!spec.shape.every((dim) => Number.isSafeInteger(dim) && dim >= 0)) {
        throw new DataError(source, place, `the shape [${spec.shape.join(", ")}] is no shape`, "Give whole sizes");
      }
      if (spec.classes !== undefined && (!Number.isSafeInteger(spec.classes) || spec.classes < 1)) {
        throw new DataError(source, place, `classes is ${spec.classes}`, "Give a whole number of at least 1");
      }
      if (spec.classNames !== undefined && spec.classNames.length !== spec.classes) {
        throw new DataError(
          source,
          place,
          `there are ${spec.classNames.length} class names for ${spec.classes ?? "no"} classes`,
          "Give one name for each class",
        );
      }
    });
  }
}

/** @throws DataError where an example that user code made does not have the promised fields, or holds NaN or a wrong label. */
export function checkExample(source: string, fields: Fields, example: Example, index: number): void {
  for (const [role, specs] of roles(fields)) {
    const values = example[role === "input" ? "inputs" : "targets"];
    if (values.length !== specs.length) {
      throw new DataError(
        source,
        `example ${index}`,
        `${values.length} ${role} fields, where ${specs.length} are declared`,
        `Return one array for each ${role} field`,
      );
    }
    values.forEach((data, at) => {
      const wrong = problemOf(specs[at], data);
      if (wrong !== undefined) {
        throw new DataError(source, `example ${index}, ${fieldName(role, specs, at)}`, wrong.problem, wrong.remedy);
      }
    });
  }
}

/**
 * Checks all values of one field, `count` examples one after the other.
 * @param allowMissing NaN marks a missing value and may stay
 * @param place says where example `index` was read, for messages: `row 7`
 * @throws DataError at the first NaN, infinity, or label outside 0…classes−1.
 */
export function checkColumn(
  source: string,
  role: Role,
  spec: FieldSpec,
  data: FieldData,
  options: { readonly allowMissing?: boolean; readonly place?: (index: number) => string } = {},
): void {
  const at = firstBad(spec, data, options.allowMissing ?? false);
  if (at < 0) return;
  const width =
    data.length === 0
      ? 1
      : Math.max(
          1,
          spec.shape.reduce((size, dim) => size * dim, 1),
        );
  const index = Math.floor(at / width);
  const { problem, remedy } = badValue(spec, data[at], at % width, width);
  const place = options.place?.(index) ?? `example ${index}`;
  throw new DataError(source, `${place}, ${fieldName(role, [spec], 0)}`, problem, remedy);
}

export type Role = "input" | "target";

/** Both kinds of fields with the name that messages give them. */
export function roles(fields: Fields): (readonly [Role, readonly FieldSpec[]])[] {
  return [
    ["input", fields.inputs],
    ["target", fields.targets],
  ];
}

/** `input`, `target 2`, or the field's own name in quotes. */
export function fieldName(role: Role, specs: readonly FieldSpec[], at: number): string {
  const name = specs[at].name;
  if (name !== undefined) return `${role} "${name}"`;
  return specs.length === 1 ? role : `${role} ${at}`;
}

function problemOf(spec: FieldSpec, data: FieldData): { problem: string; remedy: string } | undefined {
  const width = spec.shape.reduce((size, dim) => size * dim, 1);
  if (data.length !== width) {
    return {
      problem: `${data.length} values, but the shape [${spec.shape.join(", ")}] takes ${width}`,
      remedy: "Return as many values as the field's shape takes, or declare the shape that is meant",
    };
  }
  const right = spec.dtype === "float32" ? data instanceof Float32Array : data instanceof Int32Array;
  if (!right) {
    const wanted = spec.dtype === "float32" ? "Float32Array" : "Int32Array";
    return { problem: `the values are no ${wanted}`, remedy: `Return a ${wanted} for a field of dtype ${spec.dtype}` };
  }
  const at = firstBad(spec, data, false);
  return at < 0 ? undefined : badValue(spec, data[at], at, width);
}

/** Position of the first value that the field may not hold, or −1. */
function firstBad(spec: FieldSpec, data: FieldData, allowMissing: boolean): number {
  if (data instanceof Float32Array) {
    for (let at = 0; at < data.length; at++) {
      // x − x is 0 for finite numbers and NaN for NaN and ±infinity.
      if (data[at] - data[at] !== 0 && !(allowMissing && Number.isNaN(data[at]))) return at;
    }
    return -1;
  }
  if (spec.classes === undefined) return -1;
  for (let at = 0; at < data.length; at++) if (data[at] < 0 || data[at] >= spec.classes) return at;
  return -1;
}

function badValue(
  spec: FieldSpec,
  value: number,
  position: number,
  width: number,
): { problem: string; remedy: string } {
  if (!Number.isFinite(value)) {
    return {
      problem: `${width > 1 ? `value ${position} is` : "the value is"} ${value}`,
      remedy: "Every value must be a finite number: correct the data, or leave the example out",
    };
  }
  return {
    problem: `label ${value} is outside 0…${(spec.classes ?? 0) - 1}`,
    remedy:
      value === spec.classes
        ? `Labels count from 0: subtract 1 from each, or declare ${value + 1} classes`
        : "Labels must be whole numbers from 0 to classes − 1: correct them, or declare the right number of classes",
  };
}
