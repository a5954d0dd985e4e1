import { buildArray } from "../graph/array";
import { type DType, type Shape, broadcastShapes, formatShape, rowMajorStrides } from "../graph/shape";
import type { Attributes, Tensor } from "../graph/tensor";
import { type Expression, input } from "../kernel/expression";
import { type EvaluateContext, type InferContext, type Inferred, type NoGradient, define } from "./operation";

/**
 * What all elementwise operations share: broadcasting. Gradients are in the broadcast shape when they leave a
 * rule's formula; `sumTo` then brings them back to the input's own shape.
 */

type Derivative<A> = (c: {
  readonly g: Tensor;
  readonly inputs: readonly Tensor[];
  readonly node: Tensor;
  readonly attributes: A;
}) => Tensor;

interface Elementwise<A extends object> {
  /** The value from the inputs' values. */
  readonly value: (values: readonly number[], attributes: A) => number;
  /** The same in the kernel language. */
  readonly body: (inputs: readonly Expression[], attributes: A) => Expression;
  /** Upstream gradient × local derivative, for each input; `null` for conditions. */
  readonly derivatives: readonly (Derivative<A> | null)[] | NoGradient;
  /** Result dtype from the inputs'; by default the widest of them. */
  readonly dtype?: (dtypes: readonly DType[], attributes: A) => DType;
  /** dtypes that the inputs may have; by default any. */
  readonly accepts?: readonly DType[];
}

const names = new Set<string>();

/** Names of the operations that work element by element. */
export function elementwiseOperations(): ReadonlySet<string> {
  return names;
}

export function elementwise<A extends object = Attributes>(name: string, arity: number, e: Elementwise<A>): void {
  names.add(name);
  define<A>({
    name,
    infer: (context) => inferElementwise(name, e, context),
    evaluate: ({ inputs, attributes, shape, dtype }: EvaluateContext<A>) => {
      const strides = inputs.map((array) => broadcastStrides(array.shape, shape));
      const values = new Array<number>(arity);
      return buildArray(shape, dtype, (position) => {
        for (let i = 0; i < arity; i++) {
          let at = 0;
          for (let axis = 0; axis < shape.length; axis++) at += position[axis] * strides[i][axis];
          values[i] = inputs[i].data[at];
        }
        return e.value(values, attributes);
      });
    },
    grad:
      "none" in e.derivatives
        ? e.derivatives
        : ({ g, inputs, node, attributes }) =>
            (e.derivatives as readonly (Derivative<A> | null)[]).map((derivative, i) =>
              derivative ? () => derivative({ g, inputs, node, attributes }).sumTo(inputs[i].shape) : null,
            ),
    lower: ({ attributes }) => ({
      kind: "elementwise",
      body: e.body(
        Array.from({ length: arity }, (_, i) => input(i)),
        attributes,
      ),
    }),
  });
}

/** Strides that read an array of `from` as if it had the shape `to`: 0 along broadcast axes. */
export function broadcastStrides(from: readonly number[], to: readonly number[]): number[] {
  const dense = rowMajorStrides(from);
  const lead = to.length - from.length;
  return to.map((_, axis) => (axis < lead || from[axis - lead] === 1 ? 0 : dense[axis - lead]));
}

const WIDTH: Record<DType, number> = { bool: 0, int32: 1, float32: 2 };

export function widest(dtypes: readonly DType[]): DType {
  return dtypes.reduce((a, b) => (WIDTH[a] >= WIDTH[b] ? a : b));
}

/** As {@link widest}, for arithmetic whose results leave {0, 1}: flags count as whole numbers. */
export function widestNumber(dtypes: readonly DType[]): DType {
  const dtype = widest(dtypes);
  return dtype === "bool" ? "int32" : dtype;
}

function inferElementwise<A extends object>(name: string, e: Elementwise<A>, c: InferContext<A>): Inferred {
  const dtypes = c.inputs.map((tensor) => tensor.dtype);
  const dtype = e.dtype ? e.dtype(dtypes, c.attributes) : widest(dtypes);
  const wrong = e.accepts && dtypes.find((d) => !e.accepts?.includes(d));
  if (wrong) {
    c.report(
      "dtype",
      `${name} works on ${e.accepts?.join(" or ")}, got ${wrong}; convert with cast(x, "${e.accepts?.[0]}")`,
    );
  }
  if (c.shapes.length === 0) return { shape: c.inputs.length === 0 ? [] : null, dtype };
  const { shape, clashes } = broadcastShapes(c.shapes);
  if (clashes.length > 0) c.report("broadcast", broadcastMessage(name, c.shapes, shape.length, clashes));
  return { shape, dtype };
}

function broadcastMessage(name: string, shapes: readonly Shape[], rank: number, clashes: readonly number[]): string {
  const texts = shapes.map(formatShape).join(" and ");
  const axes = clashes.map((axis) => {
    const sizes = shapes
      .map((shape) => shape[axis - rank + shape.length])
      .filter((dim) => dim !== undefined && dim !== 1)
      .map(String);
    return `axis ${axis - rank} has sizes ${sizes.join(" and ")}`;
  });
  return `${name}: shapes ${texts} do not broadcast: ${axes.join("; ")}. ${broadcastAdvice(shapes)}`;
}

function broadcastAdvice(shapes: readonly Shape[]): string {
  const [a, b] = shapes;
  if (b && a.length === b.length && a.length >= 2) {
    const swapped = [...b];
    swapped.splice(-2, 2, b[b.length - 1], b[b.length - 2]);
    if (broadcastShapes([a, swapped]).clashes.length === 0) return "transpose() of the second would fit";
  }
  if (b && a.length !== b.length) {
    const [long, short] = a.length > b.length ? [a, b] : [b, a];
    if (broadcastShapes([long, [...short, 1]]).clashes.length === 0) {
      return "unsqueeze(-1) of the smaller one would fit";
    }
  }
  return "make both sizes equal, or one of them 1";
}

export const FLOAT = { accepts: ["float32", "int32", "bool"] as const, dtype: (): DType => "float32" };
export const BOOLEAN = { dtype: (): DType => "bool" };

/** Unary function on floats: value, kernel function or body, and derivative·g from x and y. */
export function float(
  name: string,
  value: (x: number) => number,
  body: (x: Expression) => Expression,
  derivative: ((g: Tensor, x: Tensor, y: Tensor) => Tensor) | NoGradient,
): void {
  elementwise(name, 1, {
    ...FLOAT,
    value: ([x]) => value(x),
    body: ([x]) => body(x),
    derivatives:
      typeof derivative === "function" ? [({ g, inputs, node }) => derivative(g, inputs[0], node)] : derivative,
  });
}
