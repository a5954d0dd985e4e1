import { rowMajorStrides, sizeOf } from "../graph/shape";
import { type Expression, input, printExpression, substitute } from "../kernel/expression";
import type { SweepResult, View } from "../kernel/kernel";
import { type Instruction, type Slot, sameView } from "./instruction";
import { usesIndex, weight } from "./weight";

/** Below this there is nothing to gain: what is read again is in the cache. */
const WORTH_ELEMENTS = 512;
const MOST_INPUTS = 8;
const MOST_NODES = 192;
const MOST_RESULTS = 8;

/** Maps and whole reductions over one shape that are not done yet. */
interface Sweep {
  readonly shape: readonly number[];
  readonly inputs: { readonly slot: number; readonly view: View }[];
  readonly results: (SweepResult & { readonly slot: number; readonly node: Instruction["node"] })[];
}

/**
 * Joins maps and whole reductions over one shape that read the same memory, or each other, into sweeps. Each waits until
 * somebody needs its result, so that others can join it.
 * @param instructions each slot is written once
 * @param kept slots that are read after the last instruction
 */
export function joinSweeps(
  instructions: readonly Instruction[],
  slots: readonly Slot[],
  kept: ReadonlySet<number>,
): Instruction[] {
  const done: Instruction[] = [];
  const waiting: Sweep[] = [];
  const writers = new Map<number, Sweep>();
  /** Little things that wait only so that nothing is done earlier because of them. */
  const small = new Map<number, Instruction>();
  const readers = new Map<number, number>();
  for (const { inputs } of instructions) for (const slot of inputs) readers.set(slot, (readers.get(slot) ?? 0) + 1);
  /** Reads of a slot that took its expression in place of its memory. */
  const inlined = new Map<number, number>();

  const finish = (sweep: Sweep): void => {
    const at = waiting.indexOf(sweep);
    if (at < 0) return;
    waiting.splice(at, 1);
    for (const { slot } of sweep.inputs) settle(slot);
    for (const { slot } of sweep.results) writers.delete(slot);
    // What all its readers computed themselves is not needed in memory.
    const results = sweep.results.filter(
      ({ slot }) => kept.has(slot) || (inlined.get(slot) ?? 0) < (readers.get(slot) ?? 0),
    );
    if (results.length > 0) done.push(instructionOf({ ...sweep, results }));
  };
  const settle = (slot: number): void => {
    const writer = writers.get(slot);
    if (writer) finish(writer);
    const instruction = small.get(slot);
    if (!instruction) return;
    small.delete(slot);
    for (const input of instruction.inputs) settle(input);
    done.push(instruction);
  };

  /** Adds a sweep of one result to another sweep, if that is for the better. */
  const join = (sweep: Sweep, candidate: Sweep): boolean => {
    const [result] = candidate.results;
    const united = unite(sweep, candidate, writers);
    if (!united) return false;
    // What it reads beside must not wait for this one.
    for (const { slot } of united.added) settle(slot);
    if (!waiting.includes(sweep)) return false;
    for (const slot of united.inlined) inlined.set(slot, (inlined.get(slot) ?? 0) + 1);
    sweep.inputs.push(...united.added);
    sweep.results.push({ ...result, body: united.body });
    writers.set(result.slot, sweep);
    return true;
  };
  /** The same of a sweep that waits, whose inputs are all there. */
  const absorb = (sweep: Sweep, other: Sweep): void => {
    // Between them nothing waits for the other: all that a sweep reads is done.
    const fits = other.results.every((result) => unite(sweep, { ...other, results: [result] }, writers) !== undefined);
    if (!fits || sweep.results.length + other.results.length > MOST_RESULTS) return;
    waiting.splice(waiting.indexOf(other), 1);
    for (const result of other.results) {
      const alone: Sweep = { ...other, inputs: [...other.inputs], results: [result] };
      if (join(sweep, alone)) continue;
      waiting.push(alone);
      writers.set(result.slot, alone);
    }
  };

  for (const instruction of withReductionsEarly(instructions)) {
    const candidate = candidateOf(instruction, slots);
    if (!candidate) {
      if (isSmall(instruction, slots)) {
        small.set(instruction.outputs[0], instruction);
        continue;
      }
      for (const slot of instruction.inputs) settle(slot);
      done.push(instruction);
      continue;
    }
    const joined = waiting.findLast((sweep) => join(sweep, candidate));
    if (joined) {
      // It may be what others have in common with it.
      for (const other of [...waiting]) if (other !== joined && waiting.includes(other)) absorb(joined, other);
      continue;
    }
    for (const { slot } of candidate.inputs) settle(slot);
    waiting.push(candidate);
    writers.set(candidate.results[0].slot, candidate);
  }
  while (waiting.length > 0) finish(waiting[0]);
  for (const slot of [...small.keys()]) settle(slot);
  return done;
}

/** Whole reductions right behind what they are of: they can join what makes it, and their results are small. */
function withReductionsEarly(instructions: readonly Instruction[]): Instruction[] {
  const places = new Map<number, number>();
  instructions.forEach(({ outputs }, i) => {
    for (const slot of outputs) places.set(slot, i);
  });
  const ordered = instructions.map((instruction, i) => {
    const { kernel, inputs } = instruction;
    const isWhole = kernel.kind === "reduce" && kernel.axes.length === kernel.shape.length;
    // Behind its last input, before what came next.
    const place = isWhole ? Math.max(-1, ...inputs.map((slot) => places.get(slot) ?? -1)) + 0.5 : i;
    return { instruction, place };
  });
  return ordered.sort((a, b) => a.place - b.place).map(({ instruction }) => instruction);
}

/** A few numbers made of few numbers, such as the root of a sum. */
function isSmall({ kernel: { kind }, inputs, outputs }: Instruction, slots: readonly Slot[]): boolean {
  if (kind !== "map" && kind !== "reduce" && kind !== "concat") return false;
  return [...inputs, ...outputs].every((slot) => slots[slot].size < WORTH_ELEMENTS);
}

function candidateOf({ kernel, inputs, outputs, node }: Instruction, slots: readonly Slot[]): Sweep | undefined {
  if (kernel.kind !== "map" && kernel.kind !== "reduce") return undefined;
  if (kernel.kind === "reduce" && kernel.axes.length < kernel.shape.length) return undefined;
  if (sizeOf(kernel.shape) < WORTH_ELEMENTS) return undefined;
  // Whole numbers go another way than floats on some backends.
  if ([...inputs, ...outputs].some((slot) => slots[slot].type === "int32")) return undefined;
  return {
    shape: kernel.shape,
    inputs: inputs.map((slot, i) => ({ slot, view: kernel.views[i] })),
    results: [
      { body: kernel.body, combine: kernel.kind === "reduce" ? kernel.combine : undefined, slot: outputs[0], node },
    ],
  };
}

function isSquare(body: Expression): boolean {
  return body.kind === "binary" && body.fn === "multiply" && printExpression(body.a) === printExpression(body.b);
}

interface United {
  readonly body: Expression;
  readonly added: readonly { readonly slot: number; readonly view: View }[];
  /** Slots of the sweep's own results that are computed in place. */
  readonly inlined: readonly number[];
}

/** How a candidate joins a sweep: with its body over the sweep's inputs; undefined where it does not fit or gains nothing. */
function unite(sweep: Sweep, candidate: Sweep, writers: ReadonlyMap<number, Sweep>): United | undefined {
  const { shape } = sweep;
  if (shape.length !== candidate.shape.length || shape.some((dim, axis) => dim !== candidate.shape[axis]))
    return undefined;
  if (sweep.results.length >= MOST_RESULTS) return undefined;
  const dense: View = { strides: rowMajorStrides(shape), offset: 0 };
  const added: { slot: number; view: View }[] = [];
  const inlined: number[] = [];
  let gains = false;
  const operands: Expression[] = [];
  for (const { slot, view } of candidate.inputs) {
    if (writers.get(slot) === sweep) {
      const own = sweep.results.find((result) => result.slot === slot);
      // A number that is only known at the end, or elements in another order.
      if (!own || own.combine !== undefined || !sameAlong(view, dense, shape) || usesIndex(own.body)) return undefined;
      operands.push(own.body);
      inlined.push(slot);
      gains = true;
      continue;
    }
    const known = sweep.inputs.findIndex((each) => each.slot === slot && sameView(each.view, view));
    if (known >= 0) {
      operands.push(input(known));
      gains ||= view.strides.some((stride) => stride !== 0);
      continue;
    }
    const again = added.findIndex((each) => each.slot === slot && sameView(each.view, view));
    operands.push(input(sweep.inputs.length + (again >= 0 ? again : added.push({ slot, view }) - 1)));
  }
  if (!gains || sweep.inputs.length + added.length > MOST_INPUTS) return undefined;
  const body = substitute(candidate.results[0].body, (i) => operands[i]);
  const nodes = sweep.results.reduce((sum, result) => sum + weight(result.body), weight(body));
  return nodes > MOST_NODES ? undefined : { body, added, inlined };
}

function sameAlong(a: View, b: View, shape: readonly number[]): boolean {
  return a.offset === b.offset && shape.every((dim, axis) => dim === 1 || a.strides[axis] === b.strides[axis]);
}

/** A sweep of one result is what it was before. */
function instructionOf({ shape, inputs, results }: Sweep): Instruction {
  const [first] = results;
  const rest = { inputs: inputs.map(({ slot }) => slot), outputs: results.map(({ slot }) => slot), node: first.node };
  const views = inputs.map(({ view }) => view);
  // A sum of squares is summed sooner as a sweep, in single precision for a while: no terms of other signs can be lost in it.
  if (results.length > 1 || (first.combine === "sum" && isSquare(first.body)))
    return {
      ...rest,
      kernel: { kind: "sweep", shape, views, results: results.map(({ body, combine }) => ({ body, combine })) },
    };
  const { body, combine } = first;
  if (combine === undefined) return { ...rest, kernel: { kind: "map", shape, views, body } };
  return { ...rest, kernel: { kind: "reduce", shape, axes: shape.map((_, axis) => axis), views, body, combine } };
}
