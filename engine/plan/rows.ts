import { rowMajorStrides, sizeOf } from "../graph/shape";
import { type Expression, index, input, substitute } from "../kernel/expression";
import { fitsPositions } from "../kernel/integers";
import type { Combine, View } from "../kernel/kernel";
import { shareAll } from "../kernel/nodes";
import { withoutUnread } from "./commit";
import { type Instruction, type Slot, sameView } from "./instruction";
import { isWhole, reshapedView } from "./layout";
import { shrinkEarly } from "./early";
import { type GroupResult, OWN, type RowsGroup, rowsInstruction } from "./rows-emit";
import { usesIndex, weight } from "./weight";

const MOST_INPUTS = 8;
const MOST_RESULTS = 24;
const MOST_NODES = 256;
/** Rows longer than this do not stay in the cache from one pass to the next, and few of them leave threads without work. */
const LONG = 32_768;
const FEW_ROWS = 8;
/** What makes less than this part of what it reads, or no more numbers than this, may as well be done later. */
const LITTLE = 1 / 8;
const NUMBERS = 16;

/**
 * Joins reductions along the last axes, what is made of their results, and what goes over the same elements, into rows, so that memory is
 * gone through once: softmax, normalisations, their gradients. Each waits until somebody else needs its result, so that others can
 * join it.
 * @param instructions each slot is written once
 * @param kept slots that are read after the last instruction
 */
export function joinRows(
  instructions: readonly Instruction[],
  slots: readonly Slot[],
  kept: ReadonlySet<number>,
): Instruction[] {
  const done: Instruction[] = [];
  const waiting: RowsGroup[] = [];
  const writers = new Map<number, RowsGroup>();
  /** Little things that wait only so that nothing is done earlier because of them. */
  const small = new Map<number, Instruction>();
  const positions = new Map<number, Instruction>();
  const readers = new Map<number, number>();
  for (const { inputs } of instructions) for (const slot of inputs) readers.set(slot, (readers.get(slot) ?? 0) + 1);

  /** By slot: groups that go through it, in the order in which they came to be as they are. */
  const touching = new Map<number, Set<RowsGroup>>();

  const remove = (group: RowsGroup): void => {
    waiting.splice(waiting.indexOf(group), 1);
    for (const { slot } of group.results) writers.delete(slot);
    for (const { slot } of group.inputs) touching.get(slot)?.delete(group);
  };
  const wait = (group: RowsGroup): void => {
    waiting.push(group);
    for (const { slot } of group.results) writers.set(slot, group);
    for (const { slot } of group.inputs) touching.set(slot, (touching.get(slot) ?? new Set()).add(group));
  };
  /** Groups that an instruction may gain by joining, those first whose results it reads. */
  const nearest = (instruction: Instruction): RowsGroup[] => {
    if (!partsOf(instruction)) return [];
    const read = instruction.inputs.flatMap((slot) => writers.get(slot) ?? []);
    const shared = instruction.inputs.flatMap((slot) => (slots[slot].size > 1 ? [...(touching.get(slot) ?? [])] : []));
    const { kernel } = instruction;
    const isOfRows = kernel.kind === "reduce" && kernel.axes.length < kernel.shape.length;
    return [...new Set([...read.toReversed(), ...shared.filter(({ hasRows }) => hasRows || isOfRows).toReversed()])];
  };
  const finish = (group: RowsGroup): void => {
    remove(group);
    const inside = new Map<number, number>();
    for (const { inputs } of group.sources) for (const slot of inputs) inside.set(slot, (inside.get(slot) ?? 0) + 1);
    const isKept = (slot: number): boolean => kept.has(slot) || (readers.get(slot) ?? 0) > (inside.get(slot) ?? 0);
    done.push(...(rowsInstruction(group, isKept) ?? group.sources));
  };
  const settle = (slot: number): void => {
    const writer = writers.get(slot);
    if (writer) finish(writer);
    const instruction = small.get(slot);
    if (!instruction) return;
    for (const output of instruction.outputs) small.delete(output);
    for (const read of instruction.inputs) settle(read);
    done.push(instruction);
  };
  const find = new Reader(slots, positions);

  /** Adds an instruction to a group, with other groups that it reads; undefined where that does not fit. */
  const join = (group: RowsGroup, instruction: Instruction): boolean => {
    const others = new Set(
      instruction.inputs.flatMap((slot) => writers.get(slot) ?? []).filter((other) => other !== group),
    );
    let both = group;
    const absorbed: RowsGroup[] = [];
    for (const other of others) {
      const more: RowsGroup | undefined = other.sources.reduce<RowsGroup | undefined>(
        (sum, each) => sum && find.unite(sum, each, true),
        both,
      );
      if (!more) continue;
      both = more;
      absorbed.push(other);
    }
    const united = find.unite(both, instruction, false);
    if (!united) return false;
    const isOwn = new Set([group, ...absorbed].flatMap(({ results }) => results.map(({ slot }) => slot)));
    // What it reads beside must not wait for this one.
    for (const { slot } of united.inputs) if (!isOwn.has(slot)) settle(slot);
    if (![group, ...absorbed].every((each) => waiting.includes(each))) return false;
    for (const each of [group, ...absorbed]) remove(each);
    wait(united);
    return true;
  };

  // What is little may have been put off before, past what it could join.
  for (const instruction of shrinkEarly(instructions, slots, numbersOfRows(slots))) {
    if (isPositions(instruction)) positions.set(instruction.outputs[0], instruction);
    const near = nearest(instruction);
    if (near.some((group) => waiting.includes(group) && join(group, instruction))) continue;
    const first = find.first(instruction);
    if (first && (first.hasRows || !isLittle(instruction, slots))) {
      for (const slot of instruction.inputs) settle(slot);
      wait(first);
    } else if (isLittle(instruction, slots)) {
      for (const slot of instruction.outputs) small.set(slot, instruction);
    } else {
      for (const slot of instruction.inputs) settle(slot);
      done.push(instruction);
    }
  }
  while (waiting.length > 0) finish(waiting[0]);
  for (const slot of [...small.keys()]) settle(slot);
  // Positions are not read any more where bodies have them.
  return withoutUnread(done, kept);
}

/** Tells maps of what a reduction has of each row; they can join it. To be asked of all instructions in order. */
function numbersOfRows(slots: readonly Slot[]): (instruction: Instruction) => boolean {
  const numbers = new Set<number>();
  return (instruction) => {
    const { inputs, outputs } = instruction;
    const parts = partsOf(instruction) ?? [];
    if (parts.some(({ keeps }) => keeps !== undefined && keeps > 0)) numbers.add(outputs[0]);
    const isMap = parts.length > 0 && parts.every(({ combine }) => !combine);
    const isSame = (slot: number): boolean => numbers.has(slot) && slots[slot].size === slots[outputs[0]].size;
    if (!isMap || !inputs.some(isSame)) return false;
    for (const slot of outputs) numbers.add(slot);
    return true;
  };
}

function isLittle({ kernel: { kind }, inputs, outputs }: Instruction, slots: readonly Slot[]): boolean {
  if (kind !== "map" && kind !== "reduce" && kind !== "sweep" && kind !== "concat") return false;
  const made = outputs.reduce((sum, slot) => sum + slots[slot].size, 0);
  const read = Math.max(0, ...inputs.map((slot) => slots[slot].size));
  return made <= NUMBERS || made <= read * LITTLE;
}

/** 0, 1, 2, … along one axis. */
function isPositions({ kernel }: Instruction): boolean {
  if (kernel.kind !== "map" || kernel.views.length > 0 || kernel.shape.length !== 1) return false;
  const { body } = kernel;
  const isZero = body.kind === "binary" && body.fn === "add" && body.b.kind === "constant" && body.b.value === 0;
  return (isZero ? body.a : body).kind === "index";
}

/** One result of an instruction over a shape, of all elements or along its last axes. */
interface Part {
  readonly body: Expression;
  readonly combine: Combine | undefined;
  /** Leading axes that are kept; undefined for a part that is not combined. */
  readonly keeps: number | undefined;
  readonly slot: number;
}

/** Sees instructions as parts of groups. */
class Reader {
  constructor(
    private readonly slots: readonly Slot[],
    private readonly positions: ReadonlyMap<number, Instruction>,
  ) {}

  /** A group of one instruction. */
  first(instruction: Instruction): RowsGroup | undefined {
    const parts = partsOf(instruction);
    if (!parts || !("shape" in instruction.kernel)) return undefined;
    const empty: RowsGroup = {
      shape: instruction.kernel.shape,
      hasRows: false,
      inputs: [],
      results: [],
      sources: [],
    };
    return this.unite(empty, instruction, true);
  }

  /**
   * A group with one more instruction; undefined where it does not fit, or gains nothing.
   * @param anyway even if it gains nothing by itself
   */
  unite(group: RowsGroup, instruction: Instruction, anyway: boolean): RowsGroup | undefined {
    const parts = partsOf(instruction);
    const { kernel, outputs, node } = instruction;
    if (!parts || !("views" in kernel) || kernel.shape.includes(0)) return undefined;
    if (outputs.some((slot) => this.slots[slot].type === "int32")) return undefined;
    const rowsFrom = parts.find(({ keeps }) => keeps !== undefined && keeps > 0)?.keeps;
    const ofRows = group.hasRows && sizeOf(kernel.shape) === sizeOf(group.shape.slice(0, -1));
    if (ofRows && rowsFrom !== undefined) return undefined;
    const shaped = ofRows ? group : shapedLike(group, kernel.shape, rowsFrom);
    if (!shaped) return undefined;
    const { shape } = shaped;
    const target = ofRows ? shape.slice(0, -1) : shape;
    const moved = parts.map(({ body }) => movedIndices(body, kernel.shape, target));
    const inputs = [...shaped.inputs];
    let gains = anyway;
    const operands: Expression[] = [];
    for (const [i, slot] of instruction.inputs.entries()) {
      const over = reshapedView(kernel.views[i], kernel.shape, target);
      if (!over) return undefined;
      const view = ofRows ? { ...over, strides: [...over.strides, 0] } : over;
      const own = shaped.results.findIndex((result) => result.slot === slot);
      if (own >= 0) {
        if (!isRead(shaped.results[own], view, shape)) return undefined;
        operands.push(input(OWN + own));
        gains = true;
        continue;
      }
      const position = this.positionOf(slot, view, shape);
      if (position !== undefined) {
        operands.push(index(position));
        continue;
      }
      const stride = view.strides[view.strides.length - 1];
      // Elements that lie apart are better gone through in another order.
      if (stride !== 0 && stride !== 1 && shape[shape.length - 1] > 1) return undefined;
      const known = inputs.findIndex((each) => each.slot === slot && sameView(each.view, view));
      if (known >= 0 && stride === 1 && (shaped.hasRows || rowsFrom !== undefined)) gains = true;
      operands.push(input(known >= 0 ? known : inputs.push({ slot, view }) - 1));
    }
    if (!gains || inputs.length > MOST_INPUTS || shaped.results.length + parts.length > MOST_RESULTS) return undefined;
    const results = [...shaped.results];
    for (const [i, { combine, keeps, slot }] of parts.entries()) {
      const body = moved[i] && substitute(moved[i], (at) => operands[at]);
      if (!body) return undefined;
      const over = ofRows ? (combine ? "rows" : "row") : combine ? (keeps ? "row" : "all") : "element";
      results.push({ body, combine, over, slot, node });
    }
    const united = { ...shaped, inputs, results, sources: [...group.sources, instruction] };
    return this.isSound(united) ? united : undefined;
  }

  /** Whether it is not too much, and whole numbers are only compared with positions. */
  private isSound({ inputs, results, shape }: RowsGroup): boolean {
    if (results.reduce((sum, { body }) => sum + weight(body), 0) > MOST_NODES) return false;
    const types = inputs.map(({ slot }) => this.slots[slot].type);
    if (!types.includes("int32")) return true;
    const { nodes, roots } = shareAll(results.map(({ body }) => body));
    return fitsPositions(nodes, roots, types, shape);
  }

  /** The axis whose positions a view reads, if that is what it reads. */
  private positionOf(slot: number, { strides, offset }: View, shape: readonly number[]): number | undefined {
    if (!this.positions.has(slot) || offset !== 0) return undefined;
    const axes = shape.flatMap((dim, axis) => (dim > 1 && strides[axis] !== 0 ? [axis] : []));
    return axes.length === 1 && strides[axes[0]] === 1 ? axes[0] : undefined;
  }
}

/** The results that an instruction has if it goes over elements; undefined if it may not be in a group. */
function partsOf({ kernel, outputs }: Instruction): Part[] | undefined {
  switch (kernel.kind) {
    case "map":
      return [{ body: kernel.body, combine: undefined, keeps: undefined, slot: outputs[0] }];
    case "sweep":
      return kernel.results.map(({ body, combine }, i) => ({
        body,
        combine,
        keeps: combine ? 0 : undefined,
        slot: outputs[i],
      }));
    case "reduce": {
      const { body, combine, axes, shape } = kernel;
      const keeps = shape.length - axes.length;
      const isTrailing = axes.every((axis) => axis >= keeps);
      return isTrailing ? [{ body, combine, keeps, slot: outputs[0] }] : undefined;
    }
    default:
      return undefined;
  }
}

/**
 * The group over a shape that an instruction's shape can be seen as, too.
 * @param keeps leading axes of the instruction's shape that count rows; undefined where it does not say
 */
function shapedLike(group: RowsGroup, shape: readonly number[], keeps: number | undefined): RowsGroup | undefined {
  if (sizeOf(shape) !== sizeOf(group.shape)) return undefined;
  if (keeps === undefined) return group;
  const length = sizeOf(shape.slice(keeps));
  const rows = sizeOf(shape) / length;
  if (length < 2 || (length > LONG && rows < FEW_ROWS)) return undefined;
  if (group.hasRows) return group.shape[group.shape.length - 1] === length ? group : undefined;
  const target = [...shape.slice(0, keeps), length];
  const inputs = group.inputs.map(({ slot, view }) => ({ slot, view: reshapedView(view, group.shape, target) }));
  const results = group.results.map((result) => ({ ...result, body: movedIndices(result.body, group.shape, target) }));
  const isEven = (view: View | undefined): view is View =>
    view !== undefined && [0, 1].includes(view.strides[target.length - 1]);
  if (!inputs.every(({ view }) => isEven(view)) || !results.every(({ body }) => body)) return undefined;
  return {
    ...group,
    shape: target,
    hasRows: true,
    inputs: inputs as RowsGroup["inputs"],
    results: results as RowsGroup["results"],
  };
}

/** The expression with positions along another shape's axes; undefined where an axis is no axis there. */
function movedIndices(e: Expression, from: readonly number[], to: readonly number[]): Expression | undefined {
  if (!usesIndex(e) || (from.length === to.length && from.every((dim, axis) => dim === to[axis]))) return e;
  const [before, after] = [rowMajorStrides(from), rowMajorStrides(to)];
  const axes = from.map((dim, axis) => to.findIndex((other, i) => other === dim && after[i] === before[axis]));
  let fits = true;
  const move = (each: Expression): Expression => {
    switch (each.kind) {
      case "index":
        fits &&= axes[each.axis] >= 0;
        return index(axes[each.axis]);
      case "input":
      case "constant":
        return each;
      case "unary":
        return { ...each, a: move(each.a) };
      case "binary":
        return { ...each, a: move(each.a), b: move(each.b) };
      case "select":
        return { ...each, test: move(each.test), yes: move(each.yes), no: move(each.no) };
      default:
        return each satisfies never;
    }
  };
  const moved = move(e);
  return fits ? moved : undefined;
}

/** Whether a view reads a result as a later body may: an element at its own index, or the number of its row. */
function isRead({ over }: GroupResult, view: View, shape: readonly number[]): boolean {
  if (over === "element") return isWhole(view, shape);
  const rows = { ...view, strides: view.strides.slice(0, -1) };
  return over === "row" && view.strides[shape.length - 1] === 0 && isWhole(rows, shape.slice(0, -1));
}
