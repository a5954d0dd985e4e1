import { type NdArray, buildArray } from "../graph/array";
import { type DType, type Shape, formatShape, normalizeAxis, rowMajorStrides, sizeOf } from "../graph/shape";
import type { Tensor } from "../graph/tensor";
import { input } from "../kernel/expression";
import type { Combine } from "../kernel/kernel";
import { type GradientRule, type InferContext, type LowerContext, type NoGradient, define, none } from "./operation";

/** Axes from 0, sorted; the attribute of every reduction. The reduced axes leave the shape. */
export interface ReduceAttributes {
  readonly axes: readonly number[];
}

export function withoutAxes(shape: Shape, axes: readonly number[]): Shape {
  return shape.filter((_, axis) => !axes.includes(axis));
}

/** All axes by default; reports one out of range and drops it. */
export function resolveAxes(
  name: string,
  shape: Shape,
  axis: number | readonly number[] | undefined,
  report: (code: string, message: string) => void,
): number[] {
  if (axis === undefined) return shape.map((_, i) => i);
  const resolved = new Set<number>();
  for (const wanted of typeof axis === "number" ? [axis] : axis) {
    const found = normalizeAxis(wanted, shape.length);
    if (found !== undefined) resolved.add(found);
    else report("axis", axisMessage(name, wanted, shape));
  }
  return [...resolved].sort((a, b) => a - b);
}

export function axisMessage(name: string, axis: number, shape: Shape): string {
  const range = shape.length === 0 ? "a scalar has no axes" : `axes are ${-shape.length} to ${shape.length - 1}`;
  return `${name}: axis ${axis} does not exist in ${formatShape(shape)}; ${range}`;
}

interface Reduction {
  readonly combine: Combine;
  readonly start: number;
  readonly step: (sum: number, value: number) => number;
  readonly dtype: (input: DType) => DType;
  readonly grad: GradientRule<ReduceAttributes> | NoGradient;
  /** Whether a reduction of no elements has a value. */
  readonly hasEmpty: boolean;
}

function reduction(name: string, r: Reduction): void {
  define<ReduceAttributes>({
    name,
    infer: ({ inputs, shapes, attributes, report }: InferContext<ReduceAttributes>) => {
      const dtype = r.dtype(inputs[0].dtype);
      if (shapes.length === 0) return { shape: null, dtype };
      if (!r.hasEmpty && attributes.axes.some((axis) => shapes[0][axis] === 0)) {
        report("empty", `${name} of no elements has no value: ${formatShape(shapes[0])} has an axis of size 0`);
      }
      return { shape: withoutAxes(shapes[0], attributes.axes), dtype };
    },
    evaluate: ({ inputs: [x], attributes, shape, dtype }) => {
      const kept = x.shape.map((_, axis) => axis).filter((axis) => !attributes.axes.includes(axis));
      const strides = rowMajorStrides(shape);
      const data = new Float64Array(sizeOf(shape)).fill(r.start);
      buildArray(x.shape, x.dtype, (position, flat) => {
        let at = 0;
        kept.forEach((axis, i) => (at += position[axis] * strides[i]));
        data[at] = r.step(data[at], x.data[flat]);
        return 0;
      });
      return { shape, dtype, data };
    },
    grad: r.grad,
    lower: ({ inputs: [x], attributes }: LowerContext<ReduceAttributes>) => ({
      kind: "kernel",
      kernel: {
        kind: "reduce",
        shape: x.shape,
        axes: attributes.axes,
        views: [x.view],
        body: input(0),
        combine: r.combine,
      },
    }),
  });
}

/** Puts the reduced axes back with size 1, so that a result broadcasts against the input. */
function keep(t: Tensor, from: Tensor, axes: readonly number[]): Tensor {
  return t.reshape(from.shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim)));
}

const numeric = (dtype: DType): DType => (dtype === "bool" ? "int32" : dtype);
const same = (dtype: DType): DType => dtype;

reduction("sum", {
  combine: "sum",
  start: 0,
  step: (sum, x) => sum + x,
  dtype: numeric,
  hasEmpty: true,
  grad: ({ g, inputs: [x], attributes }) => [() => keep(g, x, attributes.axes).expand(x.shape)],
});

// Equal extremes share the gradient equally, as PyTorch's amax and amin do.
const extremeGradient: GradientRule<ReduceAttributes> = ({ g, node, inputs: [x], attributes: { axes } }) => [
  () => {
    const chosen = x.eq(keep(node, x, axes)).cast("float32");
    const ties = keep(chosen.sum(axes), x, axes);
    return chosen.div(ties).mul(keep(g, x, axes));
  },
];
reduction("maximumOf", {
  combine: "maximum",
  start: -Infinity,
  step: (max, x) => (Number.isNaN(x) || Number.isNaN(max) ? NaN : Math.max(max, x)),
  dtype: same,
  hasEmpty: false,
  grad: extremeGradient,
});
reduction("minimumOf", {
  combine: "minimum",
  start: Infinity,
  step: (min, x) => (Number.isNaN(x) || Number.isNaN(min) ? NaN : Math.min(min, x)),
  dtype: same,
  hasEmpty: false,
  grad: extremeGradient,
});
reduction("product", {
  combine: "product",
  start: 1,
  step: (product, x) => product * x,
  dtype: numeric,
  hasEmpty: true,
  // ∂Π/∂xᵢ is the product of the others: Π/xᵢ where xᵢ is not 0; for the only zero the product of the rest; for one of
  // several zeros 0 (whose own derivatives are then given as 0, too).
  grad: ({ g, node, inputs: [x], attributes: { axes } }) => [
    () => {
      const zero = x.eq(0);
      const zeros = keep(zero.cast("float32").sum(axes), x, axes);
      const rest = keep(zero.where(1, x).prod(axes), x, axes);
      const others = zero.where(zeros.eq(1).where(rest, 0), keep(node, x, axes).div(zero.where(1, x)));
      return others.mul(keep(g, x, axes));
    },
  ],
});

/** Attributes of operations along one axis (from 0). */
interface AxisAttributes {
  readonly axis: number;
}

function alongAxis(shape: readonly number[], axis: number): { outer: number; length: number; inner: number } {
  return { outer: sizeOf(shape.slice(0, axis)), length: shape[axis], inner: sizeOf(shape.slice(axis + 1)) };
}

function argument(name: string, which: "maximum" | "minimum", better: (a: number, b: number) => boolean): void {
  define<AxisAttributes>({
    name,
    infer: ({ shapes, attributes, report }) => {
      if (shapes.length === 0) return { shape: null, dtype: "int32" };
      if (shapes[0][attributes.axis] === 0) {
        report("empty", `${name} of no elements has no value: ${formatShape(shapes[0])} has an axis of size 0`);
      }
      return { shape: withoutAxes(shapes[0], [attributes.axis]), dtype: "int32" };
    },
    evaluate: ({ inputs: [x], attributes, shape }): NdArray => {
      const { outer, length, inner } = alongAxis(x.shape, attributes.axis);
      const data = new Float64Array(outer * inner);
      for (let o = 0; o < outer; o++) {
        for (let i = 0; i < inner; i++) {
          let best = 0;
          for (let j = 1; j < length; j++) {
            const value = x.data[(o * length + j) * inner + i];
            const champion = x.data[(o * length + best) * inner + i];
            // The first NaN wins, as in PyTorch.
            if (!Number.isNaN(champion) && (Number.isNaN(value) || better(value, champion))) best = j;
          }
          data[o * inner + i] = best;
        }
      }
      return { shape, dtype: "int32", data };
    },
    grad: none("a position is a whole number, which does not change smoothly"),
    lower: ({ inputs: [x], attributes }) => ({
      kind: "kernel",
      kernel: { kind: "argument", which, ...alongAxis(x.shape, attributes.axis) },
    }),
  });
}
argument("argmax", "maximum", (a, b) => a > b);
argument("argmin", "minimum", (a, b) => a < b);

define<AxisAttributes & { readonly reverse: boolean }>({
  name: "cumsum",
  infer: ({ inputs, shapes }) => ({ shape: shapes[0] ?? null, dtype: numeric(inputs[0].dtype) }),
  evaluate: ({ inputs: [x], attributes: { axis, reverse }, shape, dtype }) => {
    const { outer, length, inner } = alongAxis(x.shape, axis);
    const data = new Float64Array(x.data.length);
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < inner; i++) {
        let sum = 0;
        for (let step = 0; step < length; step++) {
          const at = (o * length + (reverse ? length - 1 - step : step)) * inner + i;
          sum += x.data[at];
          data[at] = sum;
        }
      }
    }
    return { shape, dtype, data };
  },
  grad: ({ g, attributes: { axis, reverse } }) => [() => g.cumsum(axis, { reverse: !reverse })],
  lower: ({ inputs: [x], attributes: { axis, reverse } }) => ({
    kind: "kernel",
    kernel: { kind: "cumulativeSum", reverse, ...alongAxis(x.shape, axis) },
  }),
});
