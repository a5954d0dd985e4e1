import type { BinaryFunction, UnaryFunction } from "../../kernel/expression";
import type { Combine, ElementType, View } from "../../kernel/kernel";
import { erf, roundHalfEven } from "../../kernel/special";
import type { ArrayKernel, Elements } from "./array-kernel";
import { isSquare } from "./emit";
import type { Loop } from "../../kernel/loops";
import type { Node } from "../../kernel/nodes";

/** `map` without generated code: the same values, several times slower. */
export function interpretMap(
  nodes: readonly Node[],
  views: readonly View[],
  loops: readonly Loop[],
  output: ElementType,
): ArrayKernel {
  const walk = new Walk(nodes, views, loops);
  return (inputs, out) => {
    walk.reset(inputs);
    let o = 0;
    walk.each(0, loops.length, () => (out[o++] = stored(walk.value(), output)));
  };
}

/** `reduce` without generated code; the first `keptLoops` loops are kept, the others reduced. */
export function interpretReduce(
  nodes: readonly Node[],
  views: readonly View[],
  loops: readonly Loop[],
  keptLoops: number,
  output: ElementType,
  start: number,
  combine: Combine,
): ArrayKernel {
  const walk = new Walk(nodes, views, loops);
  const step = COMBINE[combine];
  return (inputs, out) => {
    walk.reset(inputs);
    let o = 0;
    walk.each(0, keptLoops, () => {
      let sum = start;
      walk.each(keptLoops, loops.length, () => (sum = step(sum, walk.value())));
      out[o++] = stored(sum, output);
    });
  };
}

function stored(value: number, output: ElementType): number {
  return output === "bool" ? Number(value !== 0) : value;
}

/** Where the loops stand, and the value of the body there. */
class Walk {
  private inputs: readonly Elements[] = [];
  private readonly positions: number[];
  private readonly indices = new Map<number, number>();
  private readonly values: Float64Array;
  private readonly steps: readonly (() => number)[];

  constructor(
    nodes: readonly Node[],
    private readonly views: readonly View[],
    private readonly loops: readonly Loop[],
  ) {
    this.positions = views.map((view) => view.offset);
    this.values = new Float64Array(nodes.length);
    this.steps = nodes.map((node) => this.stepOf(node, nodes));
  }

  reset(inputs: readonly Elements[]): void {
    this.inputs = inputs;
    this.views.forEach((view, i) => (this.positions[i] = view.offset));
  }

  /** Runs loops `from`…`to`, and `inside` at each of their positions. */
  each(from: number, to: number, inside: () => void): void {
    if (from === to) {
      inside();
      return;
    }
    const { size, strides, axis } = this.loops[from];
    for (let i = 0; i < size; i++) {
      if (axis !== undefined) this.indices.set(axis, i);
      this.each(from + 1, to, inside);
      for (let view = 0; view < strides.length; view++) this.positions[view] += strides[view];
    }
    for (let view = 0; view < strides.length; view++) this.positions[view] -= size * strides[view];
  }

  value(): number {
    const { steps, values } = this;
    for (let at = 0; at < steps.length; at++) values[at] = steps[at]();
    return values[steps.length - 1];
  }

  private stepOf(node: Node, nodes: readonly Node[]): () => number {
    const { values, positions, indices } = this;
    switch (node.kind) {
      case "input":
        return () => this.inputs[node.index][positions[node.index]];
      case "constant":
        return () => node.value;
      case "index":
        // An axis of size 1 has no loop: its only position is 0.
        return () => indices.get(node.axis) ?? 0;
      case "unary": {
        const apply = UNARY[node.fn];
        return () => apply(values[node.a]);
      }
      case "binary": {
        const apply = isSquare(node, nodes) ? (a: number) => a * a : BINARY[node.fn];
        return () => apply(values[node.a], values[node.b]);
      }
      case "select":
        return () => (values[node.test] !== 0 ? values[node.yes] : values[node.no]);
      default:
        return node satisfies never;
    }
  }
}

const UNARY: Readonly<Record<UnaryFunction, (a: number) => number>> = {
  negate: (a) => -a,
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  sqrt: Math.sqrt,
  abs: Math.abs,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  tanh: Math.tanh,
  erf,
  floor: Math.floor,
  ceil: Math.ceil,
  round: roundHalfEven,
  truncate: Math.trunc,
  not: (a) => Number(a === 0),
};

const BINARY: Readonly<Record<BinaryFunction, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
  divide: (a, b) => a / b,
  power: Math.pow,
  remainder: (a, b) => a - Math.floor(a / b) * b,
  maximum: (a, b) => Math.max(a, b),
  minimum: (a, b) => Math.min(a, b),
  less: (a, b) => Number(a < b),
  lessEqual: (a, b) => Number(a <= b),
  equal: (a, b) => Number(a === b),
  notEqual: (a, b) => Number(a !== b),
};

const COMBINE: Readonly<Record<Combine, (sum: number, value: number) => number>> = {
  sum: BINARY.add,
  product: BINARY.multiply,
  maximum: BINARY.maximum,
  minimum: BINARY.minimum,
};
