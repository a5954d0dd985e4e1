import type { Tensor } from "../graph/tensor";
import { rowMajorStrides } from "../graph/shape";
import { type Expression, input, substitute } from "../kernel/expression";
import type { View } from "../kernel/kernel";
import { inputsOverwritten } from "./in-place";
import { type Instruction, type Slot, sameView } from "./instruction";
import { isWhole } from "./layout";
import { weight } from "./weight";

/** A leaf's next value. */
export interface Assignment {
  readonly leaf: number;
  readonly value: number;
  readonly node: Tensor;
}

export interface Split {
  /** What is computed in any case. */
  readonly rest: readonly Instruction[];
  /** What writes leaves afterwards. */
  readonly commits: readonly Instruction[];
  /** Values that are read after the rest. */
  readonly kept: ReadonlySet<number>;
}

/** More than this in one kernel no backend is made for. */
const MOST_INPUTS = 8;
const MOST_RESULTS = 8;
const MOST_NODES = 200;
/** Operations and operands that are done twice without a second thought. */
const LITTLE = 16;
/** Bytes of a few numbers, such as the learning rate. */
const FEW_BYTES = 256;

/**
 * Splits off what writes new values over leaves, so that it can be left undone once the rest is known. What is computed element by
 * element is computed once more for that, from what it is made of, right into the leaf's memory: new parameters and a new
 * optimiser state then need no memory of their own until the end. Other new values are kept, and copied.
 * @param instructions each value is written once; none writes a leaf
 * @param wanted values that are read after the last instruction whatever becomes of the leaves
 */
export function splitCommits(
  instructions: readonly Instruction[],
  slots: readonly Slot[],
  assignments: readonly Assignment[],
  wanted: ReadonlySet<number>,
): Split {
  const commits: Instruction[] = [];
  const copied: Assignment[] = [];
  const updates = new Updates(instructions, slots, assignments, wanted);
  const instead = new Map<number, Instruction>();
  for (const group of updates.groups) {
    const together = updates.together(group);
    if (together) {
      commits.push(together);
      // What looks at a new value before it is written, computes it the same way: then no other new value must stand in between.
      for (const { assignment, shape, inputs, body, node } of group) {
        const views = inputs.map(({ view }) => view);
        const kernel = { kind: "map", shape, views, body } as const;
        instead.set(assignment.value, {
          kernel,
          inputs: inputs.map(({ slot }) => slot),
          outputs: [assignment.value],
          node,
        });
      }
    } else copied.push(...group.map(({ assignment }) => assignment));
  }
  copied.push(...updates.others);
  for (const { leaf, value, node } of copied) commits.push(copyInstruction(value, leaf, slots[value].size, node));
  const kept = new Set([...wanted, ...commits.flatMap(({ inputs }) => inputs)]);
  const rest = instructions.map((instruction) => instead.get(instruction.outputs[0]) ?? instruction);
  return { rest: withoutUnread(rest, kept), commits, kept };
}

/** A new value of a leaf as an expression of what is there before any leaf is written. */
interface Update {
  readonly assignment: Assignment;
  readonly shape: readonly number[];
  readonly inputs: readonly Read[];
  readonly body: Expression;
  readonly node: Tensor;
}

interface Read {
  readonly slot: number;
  readonly view: View;
}

class Updates {
  /** New values that can be computed in place; those of one group read leaves that another one of them writes. */
  readonly groups: readonly (readonly Update[])[];
  /** All other new values. */
  readonly others: readonly Assignment[];
  private readonly writers = new Map<number, Instruction>();
  private readonly assigned: ReadonlySet<number>;

  constructor(
    instructions: readonly Instruction[],
    private readonly slots: readonly Slot[],
    assignments: readonly Assignment[],
    private readonly wanted: ReadonlySet<number>,
  ) {
    for (const instruction of instructions) for (const slot of instruction.outputs) this.writers.set(slot, instruction);
    this.assigned = new Set(assignments.map(({ value }) => value));
    const updates: Update[] = [];
    const others: Assignment[] = [];
    for (const assignment of assignments) {
      const update = this.update(assignment);
      if (update) updates.push(update);
      else others.push(assignment);
    }
    this.groups = grouped(updates);
    this.others = others;
  }

  /** One instruction that writes all leaves of a group in place; undefined where that cannot be. */
  together(group: readonly Update[]): Instruction | undefined {
    const [{ shape, node }] = group;
    if (group.length > MOST_RESULTS || group.some((each) => each.shape.join() !== shape.join())) return undefined;
    const inputs: Read[] = [];
    const results = group.map(({ body, inputs: own }) => ({
      body: substitute(body, (i) => input(placeOf(inputs, own[i]))),
      combine: undefined,
    }));
    const weights = results.reduce((sum, { body }) => sum + weight(body), 0);
    if (inputs.length > MOST_INPUTS || weights > MOST_NODES) return undefined;
    const views = inputs.map(({ view }) => view);
    const made: Instruction = {
      kernel:
        results.length > 1
          ? { kind: "sweep", shape, views, results }
          : { kind: "map", shape, views, body: results[0].body },
      inputs: inputs.map(({ slot }) => slot),
      outputs: group.map(({ assignment }) => assignment.leaf),
      node,
    };
    const overwritten = inputsOverwritten(made, (from, to) => from === to);
    const isSafe = made.outputs.every((leaf, i) => overwritten[i] === leaf || !made.inputs.includes(leaf));
    return isSafe ? made : undefined;
  }

  /** Undefined for what is not computed element by element, or would keep more memory than it spares. */
  private update(assignment: Assignment): Update | undefined {
    const { leaf, value } = assignment;
    const writer = this.writers.get(value);
    const [from, to] = [this.slots[value], this.slots[leaf]];
    if (writer?.kernel.kind !== "map" || from.type !== to.type || from.size !== to.size) return undefined;
    const inputs: Read[] = [];
    const body = this.expanded(writer, inputs);
    if (!body) return undefined;
    const keptForIt = new Set(inputs.map(({ slot }) => slot).filter((slot) => this.writers.has(slot)));
    const bytes = [...keptForIt].reduce((sum, slot) => sum + (this.wanted.has(slot) ? 0 : this.bytesOf(slot)), 0);
    if (bytes > this.bytesOf(value) + FEW_BYTES) return undefined;
    return { assignment, shape: writer.kernel.shape, inputs, body, node: writer.node };
  }

  /** The body of a map, with other leaves' new values in it replaced by what they are made of. */
  private expanded(writer: Instruction, inputs: Read[]): Expression | undefined {
    const { kernel } = writer;
    if (kernel.kind !== "map") return undefined;
    const operands: Expression[] = [];
    for (const [i, slot] of writer.inputs.entries()) {
      const view = kernel.views[i];
      const inner = this.writers.get(slot);
      const isNext = this.assigned.has(slot) && !this.wanted.has(slot);
      const isSame = inner?.kernel.kind === "map" && inner.kernel.shape.join() === kernel.shape.join();
      const isOpen = isSame && isWhole(view, kernel.shape) && (isNext || this.isMadeOfOne(inner));
      const body = isOpen ? this.expanded(inner, inputs) : undefined;
      if (isNext && !body) return undefined;
      operands.push(body ?? input(placeOf(inputs, { slot, view })));
    }
    if (inputs.length > MOST_INPUTS) return undefined;
    const body = substitute(kernel.body, (i) => operands[i]);
    return weight(body) > MOST_NODES ? undefined : body;
  }

  /** Whether a map, such as a square, reads no more that must be kept than it gives, and is quickly done again. */
  private isMadeOfOne({ kernel, inputs, outputs }: Instruction): boolean {
    const kept = [...new Set(inputs.filter((slot) => this.writers.has(slot)))];
    const bytes = kept.reduce((sum, slot) => sum + this.bytesOf(slot), 0);
    return kernel.kind === "map" && weight(kernel.body) <= LITTLE && bytes <= this.bytesOf(outputs[0]) + FEW_BYTES;
  }

  private bytesOf(slot: number): number {
    const { type, size } = this.slots[slot];
    return size * (type === "bool" ? 1 : 4);
  }
}

function placeOf(inputs: Read[], read: Read): number {
  const at = inputs.findIndex(({ slot, view }) => slot === read.slot && sameView(view, read.view));
  return at >= 0 ? at : inputs.push(read) - 1;
}

/** Puts updates together of which one reads a leaf that another one writes. */
function grouped(updates: readonly Update[]): Update[][] {
  const groups: Update[][] = [];
  const readers = new Map<number, Update[]>();
  for (const update of updates)
    for (const { slot } of update.inputs) readers.set(slot, [...(readers.get(slot) ?? []), update]);
  const placed = new Set<Update>();
  const written = new Map(updates.map((update) => [update.assignment.leaf, update]));
  for (const first of updates) {
    if (placed.has(first)) continue;
    const group: Update[] = [];
    const toDo = [first];
    for (let next = toDo.pop(); next; next = toDo.pop()) {
      if (placed.has(next)) continue;
      placed.add(next);
      group.push(next);
      toDo.push(...(readers.get(next.assignment.leaf) ?? []));
      for (const { slot } of next.inputs) toDo.push(...[written.get(slot) ?? []].flat());
    }
    groups.push(group);
  }
  return groups;
}

function copyInstruction(from: number, to: number, size: number, node: Tensor): Instruction {
  const views = [{ strides: rowMajorStrides([size]), offset: 0 }];
  return { kernel: { kind: "map", shape: [size], views, body: input(0) }, inputs: [from], outputs: [to], node };
}

/** Drops instructions of which nobody reads anything. */
export function withoutUnread(instructions: readonly Instruction[], kept: ReadonlySet<number>): Instruction[] {
  const read = new Set(kept);
  const left: Instruction[] = [];
  for (const instruction of instructions.toReversed()) {
    if (!instruction.outputs.some((slot) => read.has(slot))) continue;
    for (const slot of instruction.inputs) read.add(slot);
    left.push(instruction);
  }
  return left.toReversed();
}
