import { type NdArray, toNested } from "../../graph/array";
import { sizeOf } from "../../graph/shape";
import type { CompletionRecord } from "../requests";
import { type Allowance, isOperation, operate } from "./operations";
import { OPERATIONS, methodSignatureOf } from "./signatures";
import {
  ExpressionError,
  type NameRecord,
  type Names,
  type TensorValue,
  type Value,
  asNumber,
  booleanValue,
  describe,
  listValue,
  numberValue,
  textValue,
} from "./values";

/** What stands after the dot of a tensor: properties, figures, and the engine's operations as methods. */

export interface Context {
  readonly names: Names;
  readonly allowance: Allowance;
}

interface Member {
  readonly kind: CompletionRecord["kind"];
  readonly detail: string;
  /** A method is called with what is in its brackets; a property only read. */
  readonly get: (tensor: TensorValue, context: Context, given: readonly Value[]) => Value;
}

const PROPERTIES: Readonly<Record<string, Member>> = {
  shape: property("sizes of all axes", ({ shape }) => listValue(shape.map(numberValue))),
  dtype: property("float32, int32 or bool", ({ dtype }) => textValue(dtype)),
  rank: property("number of axes", ({ shape }) => numberValue(shape.length)),
  size: property("number of elements", ({ shape }) => numberValue(sizeOf(shape))),
  T: property("the last two axes swapped", (tensor, { allowance }) =>
    tensor.shape.length < 2 ? tensor : operate("transpose", [tensor], allowance),
  ),
  grad: property("∂loss/∂ of it", (tensor, { names }) => names.gradientOf(tensor, "loss")),
};

const METHODS: Readonly<Record<string, Member>> = {
  item: method("item(): its only element", ({ array, shape }) => {
    const number = asNumber({ kind: "tensor", array, shape, dtype: array.dtype, node: null });
    if (number === undefined) {
      throw new ExpressionError(`item() is of one element; this tensor has ${array.data.length}`);
    }
    return array.dtype === "bool" ? booleanValue(number !== 0) : numberValue(number);
  }),
  list: method("list(): its elements as a list", ({ array }) => {
    if (array.data.length > LONGEST_LIST) {
      throw new ExpressionError(
        `a list of ${array.data.length} elements is too long; at most ${LONGEST_LIST}: take a part, as in x[0:10]`,
      );
    }
    return valueOfNested(toNested(array.data, array.shape));
  }),
  hasNaN: method("hasNaN(): whether any element is NaN", ({ array }) => booleanValue(array.data.some(Number.isNaN))),
  hasInfinity: method("hasInfinity(): whether any element is infinite", ({ array }) =>
    booleanValue(array.data.some((x) => x === Infinity || x === -Infinity)),
  ),
  zeros: method("zeros(): fraction of elements that are 0", ({ array }) =>
    numberValue(fraction(array.data, (x) => x === 0)),
  ),
  dead: method("dead(): fraction of units that are 0 for every example", ({ array }) =>
    numberValue(deadFraction(array)),
  ),
  gradcheck: method("gradcheck(): its gradient beside central differences", (tensor, { names }) =>
    names.gradcheck(tensor),
  ),
};

/** Also without brackets: `h.norm` is `h.norm()`. */
const FIGURES = new Set([
  ..."mean std variance min max sum prod norm argmax argmin any all".split(" "),
  ..."item hasNaN hasInfinity zeros dead".split(" "),
]);

const LONGEST_LIST = 10_000;

/** A member that is read, not called. @param given null where it stands without brackets */
export function tensorMember(
  tensor: TensorValue,
  name: string,
  given: readonly Value[] | null,
  context: Context,
): Value | undefined {
  const own = (table: Readonly<Record<string, Member>>): Member | undefined =>
    Object.hasOwn(table, name) ? table[name] : undefined;
  const known = own(PROPERTIES);
  if (known) {
    if (given !== null) throw new ExpressionError(`${name} is no method; write it without brackets`);
    return known.get(tensor, context, []);
  }
  const made = own(METHODS);
  const signature = made?.detail ?? (isOperation(name) ? methodSignatureOf(name) : undefined);
  if (signature === undefined) return undefined;
  if (given === null && !FIGURES.has(name)) {
    throw new ExpressionError(`${name} is a method and needs brackets: ${signature}`);
  }
  if (made) {
    if (given && given.length > 0) throw new ExpressionError(`${name} takes nothing in its brackets`);
    return made.get(tensor, context, []);
  }
  return isOperation(name) ? operate(name, [tensor, ...(given ?? [])], context.allowance) : undefined;
}

export function tensorMembers(): NameRecord[] {
  const table = (members: Readonly<Record<string, Member>>): NameRecord[] =>
    Object.entries(members).map(([name, { kind, detail }]) => ({ name, kind, detail }));
  const operations = Object.keys(OPERATIONS).flatMap((name): NameRecord[] => {
    const detail = isOperation(name) && !Object.hasOwn(METHODS, name) ? methodSignatureOf(name) : undefined;
    return detail === undefined ? [] : [{ name, kind: "method", detail }];
  });
  return [...table(PROPERTIES), ...table(METHODS), ...operations];
}

/** What a call makes of a tensor without being a member of the engine's operations: `gradcheck(hidden.weight)`. */
export const CALLBACKS: Readonly<Record<string, { readonly detail: string; readonly call: Callback }>> = {
  gradcheck: {
    detail: "gradcheck(x: tensor): its gradient beside central differences",
    call: (given, { names }) => {
      const [tensor] = given;
      if (given.length !== 1 || tensor.kind !== "tensor") {
        throw new ExpressionError(
          `gradcheck takes one tensor of the program, as in gradcheck(hidden.weight); got ${given.map(describe).join(", ") || "nothing"}`,
        );
      }
      return names.gradcheck(tensor);
    },
  },
};

type Callback = (given: readonly Value[], context: Context) => Value;

function property(detail: string, get: Member["get"]): Member {
  return { kind: "property", detail, get };
}

function method(detail: string, get: Member["get"]): Member {
  return { kind: "method", detail, get };
}

function fraction(data: Float64Array, holds: (x: number) => boolean): number {
  let count = 0;
  for (const x of data) if (holds(x)) count++;
  return data.length === 0 ? 0 : count / data.length;
}

/** Units are features of [N, …, F] or channels of [N, C, H, W], as in the training's own figure. */
function deadFraction({ data, shape }: NdArray): number {
  if (shape.length === 0) return Number(data[0] === 0);
  const unit = shape.length === 4 ? 1 : shape.length - 1;
  const units = shape[unit];
  const inner = sizeOf(shape.slice(unit + 1));
  const alive = new Uint8Array(units);
  data.forEach((x, at) => {
    if (x !== 0) alive[Math.floor(at / inner) % units] = 1;
  });
  return data.length === 0 ? 0 : alive.reduce((dead, one) => dead + (1 - one), 0) / units;
}

function valueOfNested(nested: ReturnType<typeof toNested>): Value {
  if (typeof nested === "number") return numberValue(nested);
  return typeof nested === "boolean" ? booleanValue(nested) : listValue(nested.map(valueOfNested));
}
