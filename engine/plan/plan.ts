import { reachable } from "../graph/order";
import { concreteShape, rowMajorStrides, sizeOf } from "../graph/shape";
import type { Tensor } from "../graph/tensor";
import { type Expression, binary, constant, input, substitute } from "../kernel/expression";
import { type ElementType, type Kernel, type View, printKernel } from "../kernel/kernel";
import { operationOf } from "../ops";
import { type Instruction, type Slot, sameView } from "./instruction";
import { type Part, areApart, rowOf } from "./assemble";
import { dropCopies } from "./copies";
import { shrinkEarly } from "./early";
import { chainSums, fuseEpilogues } from "./epilogues";
import { reshapedView } from "./layout";
import { splitCommits } from "./commit";
import { type Packed, pack } from "./pack";
import { shapeProducts } from "./products";
import { joinRows } from "./rows";
import { joinSweeps } from "./sweeps";
import { usesIndex, weight } from "./weight";
import type { LoweredInput } from "../ops/operation";

/**
 * What to run for a graph whose shapes are all known: kernels in order, and which slot of memory each reads and writes.
 *
 * Nodes that no output needs are gone, equal nodes are one, views cost nothing, an elementwise operation that only one
 * other elementwise operation or reduction of the same shape uses is fused into it, and memory is reused once its values are dead.
 */
export interface Plan extends Packed {
  /** Instructions from here on write new values over leaves: they are for after the run, if it went well. */
  readonly commitFrom: number;
}

/** A value during planning: in a slot, a number known now, or an expression not yet given a slot. */
type Value = Stored | Fused | Placed;

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

/** Several stored values side by side in zeros: what the gradients of slices of one value add up to. */
interface Placed {
  readonly kind: "placed";
  readonly parts: readonly Part<Stored>[];
  readonly shape: readonly number[];
}

/** More inputs than this in one kernel gain nothing: memory is read once anyway. */
const MAX_FUSED_INPUTS = 8;
const MAX_FUSED_NODES = 64;

/** @param assignments leaves and the values that are written over them by the plan's commits */
export function planGraph(
  outputs: readonly Tensor[],
  assignments: ReadonlyMap<Tensor, Tensor> = new Map<Tensor, Tensor>(),
): Plan {
  return new Planner([...new Set([...outputs, ...assignments.values()])]).plan(outputs, assignments);
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
      for (const source of node.inputs) {
        const origin = this.standIn(source);
        this.count(origin);
      }
    }
    // An output must have a slot of its own, so it never fuses away.
    for (const output of outputs) {
      this.count(this.standIn(output));
      this.count(this.standIn(output));
    }
  }

  plan(wanted: readonly Tensor[], assignments: ReadonlyMap<Tensor, Tensor>): Plan {
    for (const node of this.nodes) this.values.set(node, this.lower(node));
    const results = new Map<Tensor, number>();
    for (const output of this.outputs) {
      const stored = this.store(output);
      // Leaves and views are copied: an output must survive the leaf's change, and be dense.
      const isWhole = isDense(stored) && this.types[stored.value].size === sizeOf(stored.shape);
      const isOwn = isWhole && !this.isLeafSlot(stored.value) && ![...results.values()].includes(stored.value);
      results.set(output, isOwn ? stored.value : this.copy(output, stored).value);
    }
    const kept = new Set(results.values());
    const shaped = dropCopies(shapeProducts(this.emitted, this.types, kept), this.types, kept);
    const valueOf = (output: Tensor): number => results.get(output) as number;
    const assigned = [...assignments].map(([leaf, next]) => ({
      leaf: this.leaf(leaf),
      value: valueOf(next),
      node: next,
    }));
    const outputs = new Map(wanted.map((output) => [output, valueOf(output)]));
    const split = splitCommits(shaped, this.types, assigned, new Set(outputs.values()));
    const { rest, kept: needed } = split;
    const summed = chainSums(rest, this.types, needed);
    const joined = joinRows(joinSweeps(summed, this.types, needed), this.types, needed);
    const ordered = fuseEpilogues(shrinkEarly(joined, this.types), this.types, needed);
    return { ...pack([...ordered, ...split.commits], this.types, this.leaves, outputs), commitFrom: ordered.length };
  }

  private leaf(node: Tensor): number {
    const slot = this.leaves.get(node) ?? this.newSlot(node.dtype, sizeOf(concreteShape(node.knownShape)));
    this.leaves.set(node, slot);
    return slot;
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
      case "source":
        return { kind: "stored", value: this.leaf(node), view: dense(shape), shape };
      case "view": {
        const value = this.valueOf(sources[0]);
        if (isNumber(value)) return { ...value, shape };
        const stored = this.store(sources[0]);
        return { kind: "stored", value: stored.value, view: lowered.view, shape };
      }
      case "reshape": {
        const value = this.valueOf(sources[0]);
        if (isNumber(value)) return { ...value, shape };
        const { value: slot, view, shape: from } = this.store(sources[0]);
        const inPlace = shape.includes(0) ? undefined : reshapedView(view, from, shape);
        if (inPlace) return { kind: "stored", value: slot, view: inPlace, shape };
        const stored = this.contiguous(sources[0]);
        return { kind: "stored", value: stored.value, view: { ...dense(shape), offset: stored.view.offset }, shape };
      }
      case "elementwise": {
        const placed = node.op === "add" ? this.sideBySide(sources, shape) : undefined;
        if (placed) return placed;
        const { body, inputs } = this.fuse(node, lowered.body, shape);
        return { kind: "fused", body, inputs, shape };
      }
      case "kernel":
        return this.placed(node, lowered.kernel) ?? this.emitKernel(node, lowered.kernel, shape);
      default:
        return lowered satisfies never;
    }
  }

  /** What is placed in zeros only to be added to others waits for them. */
  private placed(node: Tensor, kernel: Kernel): Placed | undefined {
    if (kernel.kind !== "place" || kernel.value !== 0 || kernel.step.some((step) => step !== 1)) return undefined;
    if (this.uses.get(node) !== 1 || kernel.inputShape.length !== kernel.shape.length) return undefined;
    const { inputShape: shape, start } = kernel;
    return {
      kind: "placed",
      parts: [{ value: this.denseOf(this.standIn(node.inputs[0])), start, shape }],
      shape: kernel.shape,
    };
  }

  private sideBySide(sources: readonly Tensor[], shape: readonly number[]): Placed | undefined {
    const [a, b] = sources.map((source) => this.valueOf(source));
    if (a.kind !== "placed" || b.kind !== "placed" || sources.some((source) => this.uses.get(source) !== 1))
      return undefined;
    if (!sameShape(a.shape, shape) || !sameShape(b.shape, shape) || !areApart(a.parts, b.parts)) return undefined;
    return { kind: "placed", parts: [...a.parts, ...b.parts], shape };
  }

  /** One kernel if the parts follow one another along an axis, else the sum of all in zeros. */
  private assemble(node: Tensor, { parts, shape }: Placed): Stored {
    const row = rowOf(parts, shape);
    if (row && parts.length > 1) {
      const { outer, inner } = row;
      const zeros = (length: number): Stored => {
        const size = [outer * length * inner];
        return this.emit(node, { kind: "map", shape: size, views: [], body: constant(0) }, [], size);
      };
      const lengths = row.parts.map(({ length }) => length);
      const inputs = row.parts.map(({ value, length }) => value ?? zeros(length));
      return this.emit(node, { kind: "concat", outer, lengths, inner }, inputs, shape);
    }
    const step = shape.map(() => 1);
    const places = parts.map(({ value, start, shape: inputShape }) =>
      this.emit(node, { kind: "place", inputShape, start, step, shape, value: 0 }, [value], shape),
    );
    return places.reduce((sum, each) => {
      const views = [sum, each].map((stored) => stored.view);
      return this.emit(
        node,
        { kind: "map", shape, views, body: binary("add", input(0), input(1)) },
        [sum, each],
        shape,
      );
    });
  }

  /** In memory that holds nothing else, in order. */
  private denseOf(source: Tensor): Stored {
    const stored = this.store(source);
    return isDense(stored) && this.types[stored.value].size === sizeOf(stored.shape)
      ? stored
      : this.copy(source, stored);
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
    return this.emit(
      node,
      kernel,
      sources.map((source) => this.denseOf(source)),
      shape,
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
      if (value.kind !== "fused") return place(this.store(origin));
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
    const stored = value.kind === "placed" ? this.assemble(origin, value) : this.compute(origin, value);
    this.values.set(origin, stored);
    return stored;
  }

  private compute(node: Tensor, { body, inputs, shape }: Fused): Stored {
    const views = inputs.map((each) => broadcastView(each, shape));
    return this.emit(node, { kind: "map", shape, views, body }, inputs, shape);
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
  plan.instructions.forEach(({ kernel, inputs, outputs, node }, at) => {
    if (at === plan.commitFrom) lines.push("commit");
    lines.push(
      `${outputs.map((slot) => `s${slot}`).join(", ")} = ${printKernel(kernel)} (${inputs.map((slot) => `s${slot}`).join(", ")})  # ${node.name ?? node.op}`,
    );
  });
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
