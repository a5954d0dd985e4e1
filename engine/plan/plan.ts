import { reachable } from "../graph/order";
import { concreteShape, rowMajorStrides, sizeOf } from "../graph/shape";
import type { Tensor } from "../graph/tensor";
import { type Expression, constant, input, substitute } from "../kernel/expression";
import { type ElementType, type Kernel, type View, printKernel } from "../kernel/kernel";
import { operationOf } from "../ops";
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

export interface Instruction {
  readonly kernel: Kernel;
  readonly inputs: readonly number[];
  readonly output: number;
  /** The node whose value the output is, for messages and profiles. */
  readonly node: Tensor;
}

export interface Slot {
  readonly type: ElementType;
  readonly size: number;
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
      for (const source of node.inputs) this.count(this.standIn(source));
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
    return pack(this.emitted, this.types, this.leaves, results);
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
        const stored = this.store(sources[0]);
        return { kind: "stored", value: stored.value, view: lowered.view, shape };
      }
      case "reshape": {
        const value = this.valueOf(sources[0]);
        if (value.kind === "fused" && value.inputs.length === 0 && !usesIndex(value.body)) return { ...value, shape };
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
    if (kernel.kind === "matmul")
      return this.emit(
        node,
        kernel,
        sources.map((source) => this.store(source)),
        shape,
      );
    const inputs = sources.map((source) => {
      const stored = this.store(source);
      return isDense(stored) && stored.view.offset === 0 && this.types[stored.value].size === sizeOf(stored.shape)
        ? stored
        : this.copy(source, stored);
    });
    return this.emit(node, kernel, inputs, shape);
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
    this.emitted.push({ kernel, inputs: inputs.map((i) => i.value), output, node });
    return { kind: "stored", value: output, view: dense(shape), shape };
  }

  private newSlot(type: ElementType, size: number): number {
    return this.types.push({ type, size }) - 1;
  }
}

/** Maps values to as few slots as their lifetimes allow; leaves and outputs keep theirs. */
function pack(
  instructions: readonly Instruction[],
  types: readonly Slot[],
  leaves: ReadonlyMap<Tensor, number>,
  outputs: ReadonlyMap<Tensor, number>,
): Plan {
  const kept = new Set([...leaves.values(), ...outputs.values()]);
  const lastUse = new Map<number, number>();
  instructions.forEach((instruction, at) => {
    lastUse.set(instruction.output, at);
    for (const slot of instruction.inputs) lastUse.set(slot, at);
  });
  const slots: Slot[] = [];
  const physical = new Map<number, number>();
  const free = new Map<string, number[]>();
  let scratchBytes = 0;
  const take = (value: number): number => {
    const { type, size } = types[value];
    const reused = kept.has(value) ? undefined : free.get(`${type}:${size}`)?.pop();
    if (reused === undefined && !kept.has(value)) scratchBytes += size * (type === "bool" ? 1 : 4);
    const slot = reused ?? slots.push({ type, size }) - 1;
    physical.set(value, slot);
    return slot;
  };
  for (const value of leaves.values()) take(value);
  const packed = instructions.map((instruction, at) => {
    const inputs = instruction.inputs.map((value) => physical.get(value) as number);
    const output = take(instruction.output);
    for (const value of new Set([...instruction.inputs, instruction.output])) {
      if (lastUse.get(value) !== at || kept.has(value)) continue;
      const { type, size } = types[value];
      const list = free.get(`${type}:${size}`) ?? [];
      list.push(physical.get(value) as number);
      free.set(`${type}:${size}`, list);
    }
    return { ...instruction, inputs, output };
  });
  const located = (map: ReadonlyMap<Tensor, number>): Map<Tensor, number> =>
    new Map([...map].map(([node, value]) => [node, physical.get(value) as number]));
  return { instructions: packed, slots, leaves: located(leaves), outputs: located(outputs), scratchBytes };
}

/** Stable text, one instruction a line: `s4 = matmul m=64 … (s0, s1)  # output`. */
export function printPlan(plan: Plan): string {
  const lines = [...plan.leaves].map(([node, slot]) => `s${slot}: ${node.dtype} ${node.name ?? node.op}`);
  for (const { kernel, inputs, output, node } of plan.instructions) {
    lines.push(
      `s${output} = ${printKernel(kernel)} (${inputs.map((slot) => `s${slot}`).join(", ")})  # ${node.name ?? node.op}`,
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
  return (
    a.value === b.value &&
    a.view.offset === b.view.offset &&
    sameShape(a.shape, b.shape) &&
    sameShape(a.view.strides, b.view.strides)
  );
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((dim, axis) => dim === b[axis]);
}

function usesIndex(e: Expression): boolean {
  switch (e.kind) {
    case "index":
      return true;
    case "input":
    case "constant":
      return false;
    case "unary":
      return usesIndex(e.a);
    case "binary":
      return usesIndex(e.a) || usesIndex(e.b);
    case "select":
      return usesIndex(e.test) || usesIndex(e.yes) || usesIndex(e.no);
    default:
      return e satisfies never;
  }
}

function weight(e: Expression): number {
  switch (e.kind) {
    case "input":
    case "constant":
    case "index":
      return 1;
    case "unary":
      return 1 + weight(e.a);
    case "binary":
      return 1 + weight(e.a) + weight(e.b);
    case "select":
      return 1 + weight(e.test) + weight(e.yes) + weight(e.no);
    default:
      return e satisfies never;
  }
}
