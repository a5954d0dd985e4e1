import { reachable } from "../graph/order";
import { concreteShape, rowMajorStrides, sizeOf } from "../graph/shape";
import type { Tensor } from "../graph/tensor";
import { type Expression, constant, input, substitute } from "../kernel/expression";
import { type ElementType, type Kernel, type MatmulKernel, type View, printKernel } from "../kernel/kernel";
import { operationOf } from "../ops";
import { type Instruction, type Slot, sameView } from "./instruction";
import { pack } from "./pack";
import { joinSweeps } from "./sweeps";
import { usesIndex, weight } from "./weight";
import type { LoweredInput } from "../ops/operation";

/**
 * What to run for a graph whose shapes are all known: kernels in order, and which slot of memory each reads and writes.
 *
 * Nodes that no output needs are gone, equal nodes are one, views cost nothing, an elementwise operation that only one
 * other elementwise operation or reduction of the same shape uses is fused into it, and slots are reused once dead.
 */
export interface Plan {
  readonly instructions: readonly Instruction[];
  readonly slots: readonly Slot[];
  /** Leaves and the slot each is bound to. */
  readonly leaves: ReadonlyMap<Tensor, number>;
  /** Where each output's value is after the run: dense in its slot. */
  readonly outputs: ReadonlyMap<Tensor, number>;
  /** Bytes of all slots that are neither leaves' nor outputs'. */
  readonly scratchBytes: number;
}

/** A value during planning: in a slot, a number known now, or an expression not yet given a slot. */
type Value = Stored | Fused;

interface Stored {
  readonly kind: "stored";
  readonly value: number;
  readonly view: View;
  readonly shape: readonly number[];
}

interface Fused {
  readonly kind: "fused";
  readonly body: Expression;
  readonly inputs: readonly Stored[];
  readonly shape: readonly number[];
}

/** More inputs than this in one kernel gain nothing: memory is read once anyway. */
const MAX_FUSED_INPUTS = 8;
const MAX_FUSED_NODES = 64;

export function planGraph(outputs: readonly Tensor[]): Plan {
  return new Planner(outputs).plan();
}

class Planner {
  private readonly nodes: Tensor[];
  private readonly uses = new Map<Tensor, number>();
  private readonly readers = new Map<Tensor, Tensor[]>();
  /** The node that stands for all equal to it. */
  private readonly canonical = new Map<Tensor, Tensor>();
  private readonly values = new Map<Tensor, Value>();
  private readonly leaves = new Map<Tensor, number>();
  /** Virtual slots, one per value; packed into few at the end. */
  private readonly types: Slot[] = [];
  private readonly emitted: Instruction[] = [];

  constructor(private readonly outputs: readonly Tensor[]) {
    this.nodes = this.withoutDuplicates(reachable(outputs));
    for (const node of this.nodes) {
      for (const source of node.inputs) {
        const origin = this.standIn(source);
        this.count(origin);
        this.readers.set(origin, [...(this.readers.get(origin) ?? []), node]);
      }
    }
    // An output must have a slot of its own, so it never fuses away.
    for (const output of outputs) {
      this.count(this.standIn(output));
      this.count(this.standIn(output));
    }
  }

  plan(): Plan {
    for (const node of this.nodes) this.values.set(node, this.lower(node));
    const results = new Map<Tensor, number>();
    for (const output of this.outputs) {
      const stored = this.store(output);
      // Leaves and views are copied: an output must survive the leaf's change, and be dense.
      const isWhole = isDense(stored) && this.types[stored.value].size === sizeOf(stored.shape);
      const isOwn = isWhole && !this.isLeafSlot(stored.value) && ![...results.values()].includes(stored.value);
      results.set(output, isOwn ? stored.value : this.copy(output, stored).value);
    }
    const joined = joinSweeps(this.emitted, this.types, new Set(results.values()));
    return pack(joined, this.types, this.leaves, results);
  }

  private isLeafSlot(value: number): boolean {
    return [...this.leaves.values()].includes(value);
  }

  private standIn(node: Tensor): Tensor {
    return this.canonical.get(node) ?? node;
  }

  private count(node: Tensor): void {
    this.uses.set(node, (this.uses.get(node) ?? 0) + 1);
  }

  private withoutDuplicates(nodes: readonly Tensor[]): Tensor[] {
    const byKey = new Map<string, Tensor>();
    return nodes.filter((node) => {
      const key = identity(node, (source) => this.standIn(source).id);
      const same = key === undefined ? undefined : byKey.get(key);
      if (same) this.canonical.set(node, same);
      else if (key !== undefined) byKey.set(key, node);
      return same === undefined;
    });
  }

  private lower(node: Tensor): Value {
    const shape = concreteShape(node.knownShape);
    const sources = node.inputs.map((source) => this.standIn(source));
    const literal = literalOf(node);
    if (literal !== undefined && shape.length === 0) {
      return { kind: "fused", body: constant(literal), inputs: [], shape };
    }
    const record = operationOf(node.op);
    // Expressions have no view yet; a dense stand-in tells the record all it may ask of an elementwise input.
    const seen = sources.map((source) => {
      const value = this.valueOf(source);
      return { shape: value.shape, view: value.kind === "stored" ? value.view : dense(value.shape) };
    });
    const lowered = record.lower({ inputs: seen, attributes: node.attributes, shape });
    switch (lowered.kind) {
      case "source": {
        const slot = this.newSlot(node.dtype, sizeOf(shape));
        this.leaves.set(node, slot);
        return { kind: "stored", value: slot, view: dense(shape), shape };
      }
      case "view": {
        const value = this.valueOf(sources[0]);
        if (isNumber(value)) return { ...value, shape };
        const stored = this.store(sources[0]);
        return { kind: "stored", value: stored.value, view: lowered.view, shape };
      }
      case "reshape": {
        const value = this.valueOf(sources[0]);
        if (isNumber(value)) return { ...value, shape };
        const stored = this.contiguous(sources[0]);
        return { kind: "stored", value: stored.value, view: { ...dense(shape), offset: stored.view.offset }, shape };
      }
      case "elementwise": {
        const { body, inputs } = this.fuse(node, lowered.body, shape);
        return { kind: "fused", body, inputs, shape };
      }
      case "kernel":
        return this.emitKernel(node, lowered.kernel, shape);
      default:
        return lowered satisfies never;
    }
  }

  private emitKernel(node: Tensor, kernel: Kernel, shape: readonly number[]): Stored {
    const sources = node.inputs.map((source) => this.standIn(source));
    if (kernel.kind === "reduce") {
      const { body, inputs } = this.fuse(node, kernel.body, kernel.shape);
      return this.emit(
        node,
        { ...kernel, body, views: inputs.map((i) => broadcastView(i, kernel.shape)) },
        inputs,
        shape,
      );
    }
    if (kernel.kind === "matmul") {
      const [a, b] = sources.map((source) => this.store(source));
      return this.isOnlyTransposed(node, shape)
        ? transposed(this.emit(node, transposedProduct(kernel), [b, a], swapLast(shape)))
        : this.emit(node, kernel, [a, b], shape);
    }
    const inputs = sources.map((source) => {
      const stored = this.store(source);
      return isDense(stored) && stored.view.offset === 0 && this.types[stored.value].size === sizeOf(stored.shape)
        ? stored
        : this.copy(source, stored);
    });
    return this.emit(node, kernel, inputs, shape);
  }

  /** Whether everybody who reads a matrix swaps its rows and columns: then it had better come out that way. */
  private isOnlyTransposed(node: Tensor, { length: rank }: readonly number[]): boolean {
    const readers = this.readers.get(node) ?? [];
    return (
      rank >= 2 &&
      readers.length > 0 &&
      !this.outputs.some((output) => this.standIn(output) === node) &&
      readers.every(({ op, attributes: { order } }) => {
        return op === "permute" && swapLast(range(rank)).every((axis, i) => axis === (order as readonly number[])[i]);
      })
    );
  }

  /** The operation's body with every input that can be inlined replaced by its expression. */
  private fuse(node: Tensor, body: Expression, shape: readonly number[]): { body: Expression; inputs: Stored[] } {
    const inputs: Stored[] = [];
    const place = (stored: Stored): Expression => {
      const at = inputs.findIndex((other) => sameRead(other, stored));
      return input(at >= 0 ? at : inputs.push(stored) - 1);
    };
    const bodies = node.inputs.map((source) => {
      const origin = this.standIn(source);
      const value = this.valueOf(origin);
      if (value.kind === "stored") return place(value);
      const fits = value.inputs.length === 0 && !usesIndex(value.body) ? true : sameShape(value.shape, shape);
      const alone = value.inputs.length === 0 || this.uses.get(origin) === 1;
      if (
        fits &&
        alone &&
        inputs.length + value.inputs.length <= MAX_FUSED_INPUTS &&
        weight(value.body) <= MAX_FUSED_NODES
      ) {
        return substitute(value.body, (i) => place(value.inputs[i]));
      }
      return place(this.store(origin));
    });
    return { body: substitute(body, (i) => bodies[i]), inputs };
  }

  private valueOf(node: Tensor): Value {
    const value = this.values.get(node);
    if (!value) throw new Error(`internal: ${node.op} is used before it is planned`);
    return value;
  }

  /** Gives the node a slot if it is still an expression. */
  private store(node: Tensor): Stored {
    const origin = this.standIn(node);
    const value = this.valueOf(origin);
    if (value.kind === "stored") return value;
    const kernel: Kernel = {
      kind: "map",
      shape: value.shape,
      views: value.inputs.map((i) => broadcastView(i, value.shape)),
      body: value.body,
    };
    const stored = this.emit(origin, kernel, value.inputs, value.shape);
    this.values.set(origin, stored);
    return stored;
  }

  private contiguous(node: Tensor): Stored {
    const stored = this.store(node);
    return isContiguous(stored) ? stored : this.copy(node, stored);
  }

  private copy(node: Tensor, stored: Stored): Stored {
    const kernel: Kernel = { kind: "map", shape: stored.shape, views: [stored.view], body: input(0) };
    return this.emit(this.standIn(node), kernel, [stored], stored.shape);
  }

  private emit(node: Tensor, kernel: Kernel, inputs: readonly Stored[], shape: readonly number[]): Stored {
    const output = this.newSlot(node.dtype, sizeOf(shape));
    this.emitted.push({ kernel, inputs: inputs.map((i) => i.value), outputs: [output], node });
    return { kind: "stored", value: output, view: dense(shape), shape };
  }

  private newSlot(type: ElementType, size: number): number {
    return this.types.push({ type, size }) - 1;
  }
}

/** Stable text, one instruction a line: `s4 = matmul m=64 … (s0, s1)  # output`. */
export function printPlan(plan: Plan): string {
  const lines = [...plan.leaves].map(([node, slot]) => `s${slot}: ${node.dtype} ${node.name ?? node.op}`);
  for (const { kernel, inputs, outputs, node } of plan.instructions) {
    lines.push(
      `${outputs.map((slot) => `s${slot}`).join(", ")} = ${printKernel(kernel)} (${inputs.map((slot) => `s${slot}`).join(", ")})  # ${node.name ?? node.op}`,
    );
  }
  lines.push(`return ${[...plan.outputs.values()].map((slot) => `s${slot}`).join(", ")}`);
  return lines.join("\n");
}

/** A key that equal computations share; `undefined` for leaves and what must stay apart. */
function identity(node: Tensor, idOf: (source: Tensor) => number): string | undefined {
  if (operationOf(node.op).lower === undefined) return undefined;
  if (node.op === "parameter" || node.op === "input" || node.op === "randomKey") return undefined;
  const parts = Object.entries(node.attributes).map(([key, value]) => {
    if (typeof value === "function") return undefined;
    if (value instanceof Float64Array) return value.length > 16 ? undefined : `${key}=${value.join()}`;
    return `${key}=${JSON.stringify(value, numberText)}`;
  });
  if (parts.includes(undefined)) return undefined;
  return `${node.op}:${node.dtype}(${node.inputs.map(idOf).join()})${parts.join(";")}`;
}

/** JSON writes NaN and infinities as null and −0 as 0; they must stay apart. */
export function numberText(_: string, value: unknown): unknown {
  if (Object.is(value, -0)) return "-0";
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}

/** (A·B)ᵀ = Bᵀ·Aᵀ. */
function transposedProduct({ m, n, k, batch, strideA, strideB }: MatmulKernel): MatmulKernel {
  return {
    kind: "matmul",
    m: n,
    n: m,
    k,
    batch: batch.map(({ a, b }) => ({ a: b, b: a })),
    strideA: [strideB[1], strideB[0]],
    strideB: [strideA[1], strideA[0]],
  };
}

/** A stored matrix read with rows and columns swapped. */
function transposed({ shape, view, ...rest }: Stored): Stored {
  return { ...rest, shape: swapLast(shape), view: { ...view, strides: swapLast(view.strides) } };
}

function swapLast<T>(list: readonly T[]): T[] {
  return [...list.slice(0, -2), ...list.slice(-2).reverse()];
}

function range(size: number): number[] {
  return Array.from({ length: size }, (_, i) => i);
}

/** Whether all elements are one number that is known already, whatever their order. */
function isNumber(value: Value): value is Fused {
  return value.kind === "fused" && value.inputs.length === 0 && !usesIndex(value.body);
}

function literalOf(node: Tensor): number | undefined {
  if (node.op !== "constant") return undefined;
  const data = node.attributes.data as Float64Array;
  return data.length === 1 ? (node.dtype === "float32" ? Math.fround(data[0]) : data[0]) : undefined;
}

/** Reads dense memory in order. */
export function dense(shape: readonly number[]): View {
  return { strides: rowMajorStrides(shape), offset: 0 };
}

/** Whether the elements follow one another without gaps, wherever the first is. */
export function isContiguous({ view, shape }: LoweredInput): boolean {
  if (shape.includes(0)) return true;
  const expected = rowMajorStrides(shape);
  return shape.every((dim, axis) => dim === 1 || view.strides[axis] === expected[axis]);
}

function isDense(stored: Stored): boolean {
  return stored.view.offset === 0 && isContiguous(stored);
}

/** Reads a stored value as if broadcast to `shape`. */
export function broadcastView({ view, shape: from }: LoweredInput, shape: readonly number[]): View {
  const lead = shape.length - from.length;
  return {
    offset: view.offset,
    strides: shape.map((dim, axis) =>
      axis < lead || (from[axis - lead] === 1 && dim !== 1) ? 0 : view.strides[axis - lead],
    ),
  };
}

function sameRead(a: Stored, b: Stored): boolean {
  return a.value === b.value && sameView(a.view, b.view) && sameShape(a.shape, b.shape);
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((dim, axis) => dim === b[axis]);
}
