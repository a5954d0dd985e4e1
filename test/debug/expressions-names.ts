import type { Nested } from "../../engine/graph/array";
import { fromNested } from "../../engine/graph/array";
import type { DType } from "../../engine/graph/shape";
import {
  type NameRecord,
  type Names,
  type RecordValue,
  type TensorValue,
  type Value,
  numberValue,
  tensorValue,
  textValue,
} from "../../engine/debug/expressions";

/** A small program that stands still: what its names are. Numbers are chosen so that results can be derived by hand. */

export function tensor(value: Nested, dtype?: DType): TensorValue {
  const array = fromNested(value);
  return tensorValue({ ...array, dtype: dtype ?? array.dtype });
}

export function record(type: string, text: string, members: Readonly<Record<string, Value>>): RecordValue {
  return {
    kind: "record",
    type,
    text,
    members: () =>
      Object.entries(members).map(([name, value]): NameRecord => ({ name, kind: "property", detail: value.kind })),
    member: (name) => (Object.hasOwn(members, name) ? members[name] : undefined),
  };
}

const weight = tensor([
  [1, 2],
  [3, 4],
]);
const bias = tensor([0.5, -0.5]);
const hidden: RecordValue = {
  ...record("module", "Linear(2 → 2)", { weight, bias }),
  // x · Wᵀ for a single example and bias of its own: enough to see that it is called.
  call: ([x]) => tensor(x.kind === "tensor" ? x.array.data.length : -1),
};

export const VALUES: Readonly<Record<string, Value>> = {
  h: tensor([
    [3, 0, -4],
    [0, 0, 12],
  ]),
  W: weight,
  v: tensor([10, 20, 30, 40, 50]),
  big: tensor(Array.from({ length: 64 }, (_, row) => Array.from({ length: 128 }, (__, column) => row * 128 + column))),
  images: tensor([
    [
      [
        [1, 2],
        [3, 4],
      ],
      [
        [0, 0],
        [0, 0],
      ],
    ],
  ]),
  labels: tensor([2, 0, 1], "int32"),
  odd: tensor([1, NaN, Infinity, 0]),
  flags: tensor([true, false, true]),
  loss: tensor(0.25),
  hidden,
  layers: record("module", "Sequential(2)", { "0": hidden, "1": record("module", "ReLU", {}) }),
  iteration: numberValue(40),
  learningRate: numberValue(0.01),
  optimizer: record("optimizer", "SGD", { name: textValue("SGD") }),
  nothing: { kind: "null" },
};

const gradients = new Map<Value, Value>([
  [
    weight,
    tensor([
      [3, 0],
      [0, 4],
    ]),
  ],
  [
    VALUES.h,
    tensor([
      [1, 1, 1],
      [2, 2, 2],
    ]),
  ],
]);

export const NAMES: Names = {
  lookup: (name) => {
    if (name === "encoder.0.weight") return weight;
    return Object.hasOwn(VALUES, name) ? VALUES[name] : undefined;
  },
  list: () =>
    Object.entries(VALUES).map(([name, { kind }]): NameRecord => ({
      name,
      kind: kind === "record" ? "module" : "variable",
      detail: kind,
    })),
  gradientOf: (of, loss) => {
    const gradient = gradients.get(of);
    if (!gradient) throw new Error(`no gradient of ${loss} reaches this tensor`);
    return gradient;
  },
  gradcheck: (of) => record("gradcheck", `checked ${of.array.data.length} elements`, {}),
};
