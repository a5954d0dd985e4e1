import { type NdArray, buildArray } from "../graph/array";
import { type Dim, addDims, dimsAgree, dimsEqual, isUnknownDim, unknownDim } from "../graph/dim";
import { type Shape, formatShape, resolveReshape, rowMajorStrides, sizeOf } from "../graph/shape";
import { broadcastStrides, widest } from "./elementwise";
import { define } from "./operation";

/** Operations that move elements without calculating with them. */

define<{ target: readonly Dim[] }>({
  name: "reshape",
  infer: ({ inputs, shapes, attributes, report }) => {
    const dtype = inputs[0].dtype;
    if (shapes.length === 0) return { shape: null, dtype };
    const result = resolveReshape(shapes[0], attributes.target);
    if ("problem" in result) {
      report(
        "reshape",
        `reshape: ${formatShape(shapes[0])} cannot become ${formatShape(attributes.target)}: ${result.problem}. ` +
          `${reshapeAdvice(shapes[0])}`,
      );
    }
    return { shape: result.shape, dtype };
  },
  evaluate: ({ inputs: [x], shape, dtype }) => ({ shape, dtype, data: x.data }),
  grad: ({ g, inputs: [x] }) => [() => g.reshape(x.shape)],
  lower: () => ({ kind: "reshape" }),
});

function reshapeAdvice(from: Shape): string {
  if (from.length < 2) return "Give one size as -1 to have it computed";
  const rest = from.slice(1);
  const size = rest.every((dim) => typeof dim === "number") ? sizeOf(rest) : -1;
  return `Sizes after the first multiply to ${size === -1 ? "a symbolic size" : size}; give one size as -1 to have it computed`;
}

/** The same value as a node of its own: what a sum passes on to each of its terms. */
define({
  name: "identity",
  infer: ({ inputs: [x] }) => ({ shape: x.knownShape, dtype: x.dtype }),
  evaluate: ({ inputs: [x] }) => x,
  grad: ({ g }) => [() => g],
  lower: ({ inputs: [x] }) => ({ kind: "view", view: x.view }),
});

define<{ order: readonly number[] }>({
  name: "permute",
  infer: ({ inputs, shapes, attributes: { order }, report }) => {
    const dtype = inputs[0].dtype;
    if (shapes.length === 0) return { shape: null, dtype };
    const valid = order.length === shapes[0].length && shapes[0].every((_, axis) => order.includes(axis));
    if (!valid) {
      report(
        "permute",
        `permute: [${order.join(", ")}] is no order of the ${shapes[0].length} axes of ${formatShape(shapes[0])}; name each axis from 0 to ${shapes[0].length - 1} once`,
      );
      return { shape: null, dtype };
    }
    return { shape: order.map((axis) => shapes[0][axis]), dtype };
  },
  evaluate: ({ inputs: [x], attributes: { order }, shape, dtype }) => {
    const strides = rowMajorStrides(x.shape);
    return buildArray(shape, dtype, (position) => {
      let at = 0;
      for (let axis = 0; axis < order.length; axis++) at += position[axis] * strides[order[axis]];
      return x.data[at];
    });
  },
  grad: ({ g, attributes: { order } }) => [() => g.permute(order.map((_, axis) => order.indexOf(axis)))],
  lower: ({ inputs: [x], attributes: { order } }) => ({
    kind: "view",
    view: { offset: x.view.offset, strides: order.map((axis) => x.view.strides[axis]) },
  }),
});

define<{ target: Shape }>({
  name: "expand",
  infer: ({ inputs, shapes, attributes: { target }, report }) => {
    const dtype = inputs[0].dtype;
    if (shapes.length === 0) return { shape: target, dtype };
    const [from] = shapes;
    const lead = target.length - from.length;
    const clash = from.findIndex((dim, axis) => !dimsEqual(dim, 1) && !dimsAgree(dim, target[axis + lead] ?? -1));
    if (lead < 0 || clash >= 0) {
      const reason =
        lead < 0 ? "it has more axes" : `axis ${clash} has size ${String(from[clash])}, only a size 1 can be expanded`;
      report("expand", `expand: ${formatShape(from)} cannot expand to ${formatShape(target)}: ${reason}`);
    }
    return { shape: target, dtype };
  },
  evaluate: ({ inputs: [x], shape, dtype }) => {
    const strides = broadcastStrides(x.shape, shape);
    return buildArray(shape, dtype, (position) => {
      let at = 0;
      for (let axis = 0; axis < shape.length; axis++) at += position[axis] * strides[axis];
      return x.data[at];
    });
  },
  grad: ({ g, inputs: [x] }) => [() => g.sumTo(x.shape)],
  lower: ({ inputs: [x], shape }) => ({
    kind: "view",
    view: {
      offset: x.view.offset,
      strides: shape.map((dim, axis) => {
        const source = axis - shape.length + x.shape.length;
        return source < 0 || (x.shape[source] === 1 && dim !== 1) ? 0 : x.view.strides[source];
      }),
    },
  }),
});

/** Where a slice begins, how far it strides (negative: backwards) and how many elements it takes, per axis. */
export interface SliceAttributes {
  readonly start: readonly Dim[];
  readonly step: readonly number[];
  readonly size: readonly Dim[];
}

define<SliceAttributes>({
  name: "slice",
  infer: ({ inputs, attributes }) => ({ shape: attributes.size, dtype: inputs[0].dtype }),
  evaluate: ({ inputs: [x], attributes: { start, step }, shape, dtype }) => {
    const strides = rowMajorStrides(x.shape);
    return buildArray(shape, dtype, (position) => {
      let at = 0;
      for (let axis = 0; axis < shape.length; axis++) {
        at += (Number(start[axis]) + position[axis] * step[axis]) * strides[axis];
      }
      return x.data[at];
    });
  },
  grad: ({ g, inputs: [x], attributes: { start, step } }) => [() => g.place(x.shape, start, step)],
  lower: ({ inputs: [x], attributes: { start, step } }) => ({
    kind: "view",
    view: {
      offset: x.view.strides.reduce((at, stride, axis) => at + stride * Number(start[axis]), x.view.offset),
      strides: x.view.strides.map((stride, axis) => stride * step[axis]),
    },
  }),
});

/** Puts the input into a field of `value`: padding, and the gradient of `slice`. */
export interface PlaceAttributes {
  readonly target: Shape;
  readonly start: readonly Dim[];
  readonly step: readonly number[];
  readonly value: number;
}

define<PlaceAttributes>({
  name: "place",
  infer: ({ inputs, attributes }) => ({ shape: attributes.target, dtype: inputs[0].dtype }),
  evaluate: ({ inputs: [x], attributes: { start, step, value }, shape, dtype }): NdArray => {
    const data = new Float64Array(sizeOf(shape)).fill(value);
    const strides = rowMajorStrides(shape);
    buildArray(x.shape, dtype, (position, flat) => {
      let at = 0;
      for (let axis = 0; axis < shape.length; axis++) {
        at += (Number(start[axis]) + position[axis] * step[axis]) * strides[axis];
      }
      data[at] = x.data[flat];
      return 0;
    });
    return { shape, dtype, data };
  },
  grad: ({ g, inputs: [x], attributes: { start, step } }) => [() => g.sliceAt({ start, step, size: x.shape })],
  lower: ({ inputs: [x], attributes: { start, step, value }, shape }) => ({
    kind: "kernel",
    kernel: { kind: "place", inputShape: x.shape, start: start.map(Number), step, shape, value },
  }),
});

define<{ axis: number }>({
  name: "concat",
  infer: ({ inputs, shapes, attributes: { axis }, report }) => {
    const dtype = widest(inputs.map((tensor) => tensor.dtype));
    if (shapes.length === 0) return { shape: null, dtype };
    const result: Dim[] = [...shapes[0]];
    result[axis] = shapes.map((shape) => shape[axis] ?? unknownDim()).reduce(addDims);
    shapes.forEach((shape, i) => {
      if (shape.length !== result.length) {
        report(
          "concat",
          `concat: input ${i} has ${shape.length} axes ${formatShape(shape)}, input 0 has ${result.length} ${formatShape(shapes[0])}; all need the same number of axes`,
        );
        return;
      }
      shape.forEach((dim, at) => {
        if (at === axis || dimsAgree(dim, result[at])) {
          if (at !== axis && isUnknownDim(result[at])) result[at] = dim;
          return;
        }
        report(
          "concat",
          `concat along axis ${axis}: axis ${at} differs: input 0 is ${formatShape(shapes[0])}, input ${i} is ${formatShape(shape)}; all axes but ${axis} must be equal`,
        );
        result[at] = unknownDim();
      });
    });
    return { shape: result, dtype };
  },
  evaluate: ({ inputs, attributes: { axis }, shape, dtype }) => {
    const data = new Float64Array(sizeOf(shape));
    const inner = sizeOf(shape.slice(axis + 1));
    let before = 0;
    for (const x of inputs) {
      const width = x.shape[axis] * inner;
      x.data.forEach((value, flat) => {
        const outer = width === 0 ? 0 : Math.floor(flat / width);
        data[outer * shape[axis] * inner + before + (flat - outer * width)] = value;
      });
      before += width;
    }
    return { shape, dtype, data };
  },
  grad: ({ g, inputs, attributes: { axis } }) =>
    inputs.map((x, i) => () => {
      const start = inputs.slice(0, i).reduce<Dim>((sum, other) => addDims(sum, other.shape[axis]), 0);
      return g.sliceAt({
        start: g.shape.map((_, at) => (at === axis ? start : 0)),
        step: g.shape.map(() => 1),
        size: x.shape,
      });
    }),
  lower: ({ inputs, attributes: { axis }, shape }) => ({
    kind: "kernel",
    kernel: {
      kind: "concat",
      outer: sizeOf(shape.slice(0, axis)),
      lengths: inputs.map((x) => x.shape[axis]),
      inner: sizeOf(shape.slice(axis + 1)),
    },
  }),
});

/** Whole sub-arrays along one axis by index: embeddings, `gather`. Index axes replace the axis. */
define<{ axis: number }>({
  name: "take",
  infer: ({ inputs, shapes, attributes: { axis }, report }) => {
    const dtype = inputs[0].dtype;
    if (inputs[1].dtype !== "int32") {
      report("dtype", `take: indices must be int32, got ${inputs[1].dtype}; convert with cast(indices, "int32")`);
    }
    if (shapes.length === 0) return { shape: null, dtype };
    const [data, indices] = shapes;
    return { shape: [...data.slice(0, axis), ...indices, ...data.slice(axis + 1)], dtype };
  },
  evaluate: ({ inputs: [x, indices], attributes: { axis }, shape, dtype }) => {
    const length = x.shape[axis];
    const inner = sizeOf(x.shape.slice(axis + 1));
    const count = indices.data.length;
    const data = new Float64Array(sizeOf(shape));
    for (let flat = 0; flat < data.length; flat++) {
      const i = flat % inner;
      const j = Math.floor(flat / inner) % count;
      const o = Math.floor(flat / inner / count);
      data[flat] = x.data[(o * length + checkedIndex(indices.data[j], length)) * inner + i];
    }
    return { shape, dtype, data };
  },
  grad: ({ g, inputs: [x, indices], attributes: { axis } }) => [() => g.putAdd(indices, x.shape, axis), null],
  lower: ({ inputs: [x, indices], attributes: { axis } }) => ({
    kind: "kernel",
    kernel: {
      kind: "gather",
      outer: sizeOf(x.shape.slice(0, axis)),
      length: x.shape[axis],
      inner: sizeOf(x.shape.slice(axis + 1)),
      count: sizeOf(indices.shape),
    },
  }),
});

/** The adjoint of `take`: zeros of shape `target`, each sub-array added at its index. Inputs (indices, source). */
define<{ axis: number; target: Shape }>({
  name: "putAdd",
  infer: ({ inputs: [, source], attributes: { target } }) => ({ shape: target, dtype: source.dtype }),
  evaluate: ({ inputs: [indices, source], attributes: { axis }, shape, dtype }) => {
    const length = shape[axis];
    const inner = sizeOf(shape.slice(axis + 1));
    const count = indices.data.length;
    const data = new Float64Array(sizeOf(shape));
    source.data.forEach((value, flat) => {
      const i = flat % inner;
      const j = Math.floor(flat / inner) % count;
      const o = Math.floor(flat / inner / count);
      data[(o * length + checkedIndex(indices.data[j], length)) * inner + i] += value;
    });
    return { shape, dtype, data };
  },
  grad: ({ g, inputs: [indices], attributes: { axis } }) => [null, () => g.take(indices, axis)],
  lower: ({ inputs: [indices], attributes: { axis }, shape }) => ({
    kind: "kernel",
    kernel: {
      kind: "scatterAdd",
      outer: sizeOf(shape.slice(0, axis)),
      length: shape[axis],
      inner: sizeOf(shape.slice(axis + 1)),
      count: sizeOf(indices.shape),
    },
  }),
});

function checkedIndex(index: number, length: number): number {
  if (Number.isInteger(index) && index >= 0 && index < length) return index;
  throw new Error(`index ${index} is out of range for an axis of size ${length}; indices run from 0 to ${length - 1}`);
}
