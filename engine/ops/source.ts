import { type NdArray, buildArray } from "../graph/array";
import { type Dim, evaluateDim } from "../graph/dim";
import type { DType, Shape } from "../graph/shape";
import { index } from "../kernel/expression";
import type { ConstantAttributes } from "./apply";
import { type EvaluateContext, type LowerContext, define, none } from "./operation";

/** Leaves: nodes whose value comes from outside the graph. The executor binds their values by node. */
export interface LeafAttributes {
  readonly shape: Shape;
  readonly dtype: DType;
}

function leaf(name: string): void {
  define<LeafAttributes>({
    name,
    infer: ({ attributes }) => attributes,
    evaluate: () => {
      throw new Error(`internal: no value was bound for a ${name}`);
    },
    grad: () => [],
    lower: () => ({ kind: "source" }),
  });
}

/** A trainable value, made by modules and by `variable`. */
leaf("parameter");
/** A batch input, a label, a state of the optimiser, the learning rate: bound anew each iteration. */
leaf("input");
/** The key of all randomness of an iteration: int32 [seed, iteration]. */
leaf("randomKey");

define<ConstantAttributes>({
  name: "constant",
  infer: ({ attributes }) => ({ shape: attributes.shape, dtype: attributes.dtype }),
  evaluate: ({ attributes, shape, dtype }): NdArray => ({ shape, dtype, data: attributes.data }),
  grad: () => [],
  lower: () => ({ kind: "source" }),
});

/** The size of an axis as a float32 scalar, for means over a batch whose size is a symbol until the graph is bound. */
define<{ dim: Dim }>({
  name: "size",
  infer: () => ({ shape: [], dtype: "float32" }),
  evaluate: ({ attributes }) => ({
    shape: [],
    dtype: "float32",
    data: Float64Array.of(
      evaluateDim(attributes.dim, (name) => {
        throw new Error(`internal: the size ${name} is not bound`);
      }),
    ),
  }),
  grad: () => [],
  lower: () => ({ kind: "source" }),
});

/** Positions along one axis of `shape`, int32: the primitive behind arange, eye, oneHot, tril and triu. */
define<{ shape: Shape; axis: number }>({
  name: "iota",
  infer: ({ attributes }) => ({ shape: attributes.shape, dtype: "int32" }),
  evaluate: ({ attributes, shape }: EvaluateContext<{ axis: number }>) =>
    buildArray(shape, "int32", (position) => position[attributes.axis]),
  grad: none("positions are whole numbers that depend on no input"),
  lower: ({ attributes }: LowerContext<{ axis: number }>) => ({ kind: "elementwise", body: index(attributes.axis) }),
});

/**
 * What a call gives whose operands do not fit: the shape that it would have had, so that what follows is checked on its own merits. Its
 * inputs are what it was given, so that the graph hangs together. Never runs: an issue stands against it.
 */
define<LeafAttributes>({
  name: "recovered",
  infer: ({ attributes }) => attributes,
  evaluate: () => {
    throw new Error("internal: a graph with issues is run");
  },
  grad: ({ inputs }) => inputs.map((input) => (input.dtype === "float32" ? () => input.zerosLike() : null)),
  lower: () => ({ kind: "source" }),
});
