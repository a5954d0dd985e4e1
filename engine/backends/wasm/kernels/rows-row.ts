import type { Combine, ElementType, RowsKernel } from "../../../kernel/kernel";
import type { Loop } from "../../../kernel/loops";
import { type Node, operandsOf } from "../../../kernel/nodes";
import type { FunctionWriter, Local } from "../assembler/function";
import { BYTES, type Target } from "../code";
import type { Accumulator } from "./accumulate";
import { storeMask, storeLanes } from "./map";
import { RowCombination } from "./rows-combine";
import type { Action, RowStages, Stage } from "./rows-stages";
import { type BodyPlan, LANES, VectorBody } from "./vector-body";

/** Rows of so many vectors, and shorter ones, need no loop: what is held of them stays in registers. */
export const SHORT = 4;

export interface RowPlan {
  readonly kernel: RowsKernel;
  readonly inputs: readonly ElementType[];
  /** By result: its output, of those that are kept. */
  readonly outputs: readonly ({ readonly at: number; readonly type: ElementType } | undefined)[];
  readonly outer: readonly Loop[];
  /** Of what is read along a row; the last axis. */
  readonly inner: Loop;
  readonly stages: RowStages;
  readonly target: Target;
}

/** Where a row stands: addresses in bytes. */
export interface RowPlace {
  /** By input that is read. */
  readonly inputs: ReadonlyMap<number, Local>;
  /** By result with an output for elements or rows. */
  readonly outputs: ReadonlyMap<number, Local>;
  readonly scratch: Local;
  /** Leaves the position along an outer loop on the stack. */
  readonly index: (loop: number) => void;
  /** By result over rows or all. */
  readonly totals: ReadonlyMap<number, Accumulator>;
}

/** Bytes of scratch memory before what is held, for vectors that pass by. */
const SHOWN = 64;

/** Bytes of scratch memory that passes over a row need. */
export function scratchBytes({ kernel: { shape }, stages: { held } }: RowPlan): number {
  return SHOWN + (isShort(shape) ? 0 : held.filter(({ result }) => result === undefined).length * rowBytes(shape));
}

function rowBytes(shape: readonly number[]): number {
  return Math.ceil(shape[shape.length - 1] / 16) * 64;
}

function isShort(shape: readonly number[]): boolean {
  return shape[shape.length - 1] <= SHORT * LANES;
}

/** Writes the passes over one row. */
export class RowWriter {
  /** What stays the same along the row, by node. */
  private readonly fixed = new Map<number, Local>();
  /** Combined row results: the number, four times. */
  private readonly numbers = new Map<number, Local>();
  /** By what is held of a short row: its vectors. */
  private readonly vectors = new Map<number, Local[]>();
  private readonly isShort: boolean;
  private readonly size: number;

  constructor(
    private readonly f: FunctionWriter,
    private readonly plan: RowPlan,
    private readonly place: RowPlace,
  ) {
    const { shape } = plan.kernel;
    this.size = shape[shape.length - 1];
    this.isShort = isShort(shape);
  }

  write(): void {
    this.plan.stages.stages.forEach((stage, at) => {
      this.stage(stage, at);
    });
  }

  private stage({ once, actions }: Stage, at: number): void {
    const { f, plan, place } = this;
    const asked = [...once, ...actions].map(({ root }) => root);
    const { body, locals, nodes } = this.bodyOf(asked, at);
    for (const { result, root } of once) this.makeOnce(body, result, locals.get(root) as number);
    if (actions.length === 0) return;
    const pass = new Pass(f, plan, body, {
      nodes,
      actions: actions.map((action) => ({ ...action, root: locals.get(action.root) as number })),
      place,
      addressHeld: (held) => this.addressHeld(held),
      keepVector: this.isShort
        ? (held, vector) => {
            this.vectors.set(held, [...(this.vectors.get(held) ?? []), vector]);
          }
        : undefined,
      heldOf: (result) => plan.stages.held.findIndex((each) => each.result === result && each.stage === at),
    });
    pass.write(this.size, this.isShort);
    for (const [result, number] of pass.numbers) this.numbers.set(result, number);
  }

  /** The body of a stage, begun; with its position of each node that was asked for. */
  private bodyOf(
    asked: readonly number[],
    stage: number,
  ): { body: VectorBody; locals: ReadonlyMap<number, number>; nodes: readonly Node[] } {
    const { f, plan, place } = this;
    const { views, results } = plan.kernel;
    const all = plan.stages;
    const firstHeld = views.length + results.length;
    const firstFixed = firstHeld + all.held.length;
    const given: number[] = [];
    const { nodes, locals } = extract(all.nodes, asked, (node) => {
      const held = all.held.findIndex((each) => each.node === node && each.stage < stage);
      if (held >= 0) return firstHeld + held;
      if (!this.fixed.has(node)) return undefined;
      const before = given.indexOf(node);
      return firstFixed + (before >= 0 ? before : given.push(node) - 1);
    });
    const strides = [...plan.inner.strides, ...results.map(() => 0), ...all.held.map(() => 1)];
    const bodyPlan: BodyPlan = {
      nodes,
      views,
      inputs: [...plan.inputs, ...[...results, ...all.held].map(() => "float32" as const)],
      loops: [...plan.outer, { ...plan.inner, strides }],
      target: plan.target,
    };
    const body = new VectorBody(
      f,
      bodyPlan,
      place.index,
      asked.map((root) => locals.get(root) as number),
    );
    for (const [result, number] of this.numbers) body.hold(views.length + result, [number]);
    given.forEach((node, i) => {
      body.hold(firstFixed + i, [this.fixed.get(node) as Local]);
    });
    for (const [held, vectors] of this.vectors) body.hold(firstHeld + held, vectors);
    body.begin((input) => {
      if (input < firstHeld) f.get(place.inputs.get(input) as Local);
      else this.addressHeld(input - firstHeld);
    });
    for (const [node, local] of locals) {
      const variable = body.along(local);
      if (variable) this.fixed.set(node, variable);
    }
    return { body, locals, nodes };
  }

  /** Leaves the address on the stack at which the row's elements are held. */
  private addressHeld(at: number): void {
    const { f, plan, place } = this;
    const { held } = plan.stages;
    const { result } = held[at];
    if (result !== undefined) {
      f.get(place.outputs.get(result) as Local);
      return;
    }
    const before = held.slice(0, at).filter((each) => each.result === undefined).length;
    f.get(place.scratch);
    f.i32(SHOWN + before * rowBytes(plan.kernel.shape)).op("i32.add");
  }

  /** A number of the row that no elements are combined for. */
  private makeOnce(body: VectorBody, result: number, root: number): void {
    const { f, plan, place } = this;
    const total = place.totals.get(result);
    const output = plan.outputs[result];
    if (total) {
      body.value(root, 0);
      total.add(1);
    } else if (output) {
      f.get(place.outputs.get(result) as Local);
      body.value(root, 0);
      storeNumber(f, output.type);
    }
    body.next();
  }
}

interface PassOf {
  readonly nodes: readonly Node[];
  readonly actions: readonly Action[];
  readonly place: RowPlace;
  readonly addressHeld: (held: number) => void;
  /** Takes over a variable with a vector that is held. */
  readonly keepVector: ((held: number, vector: Local) => void) | undefined;
  /** What is held in a result's output; −1 for nothing. */
  readonly heldOf: (result: number) => number;
}

interface Stored {
  readonly action: Action;
  readonly pointer: Local;
  readonly type: ElementType;
}

/** One pass over the elements of a row. */
class Pass {
  /** Combined row results. */
  readonly numbers = new Map<number, Local>();
  private readonly stored: Stored[] = [];
  private readonly combined = new Map<Action, RowCombination>();

  constructor(
    private readonly f: FunctionWriter,
    private readonly plan: RowPlan,
    private readonly body: VectorBody,
    private readonly of: PassOf,
  ) {}

  write(size: number, isShort: boolean): void {
    const { f, plan, of, body } = this;
    const vectors = Math.floor(size / LANES);
    const lanes = size % LANES;
    const unrolled = isShort ? Math.max(1, Math.min(vectors, 2)) : unroll(body, vectors, plan.target);
    const rounds = Math.floor(vectors / unrolled);
    for (const action of of.actions) {
      if (action.kind !== "combine") {
        this.stored.push(this.placeOf(action, isShort));
        continue;
      }
      const combine = plan.kernel.results[action.result].combine as Combine;
      const into = of.place.totals.get(action.result);
      const combination = new RowCombination(f, combine, unrolled, {
        rounds: Math.ceil(size / LANES / unrolled),
        into,
        scratch: plan.target.wide && !isShort ? of.place.scratch : undefined,
      });
      this.combined.set(action, combination);
      combination.reset();
    }
    let at = 0;
    if (isShort) {
      for (let from = 0; from < vectors; from += unrolled) this.step(range(from, Math.min(vectors, from + unrolled)));
      at = vectors;
    } else {
      const step = (): void => {
        this.step(range(0, unrolled));
        this.advance(unrolled);
      };
      this.repeat(rounds, step);
      // What is left is read from where the pass stands.
      const left = vectors - rounds * unrolled;
      for (; at < left; at++) this.step([at]);
    }
    if (lanes > 0) this.step([at], lanes);
    for (const [action, combination] of this.combined) this.finish(action, combination);
    if (!isShort) f.release(...this.stored.map(({ pointer }) => pointer));
    body.next();
  }

  /** Where an action stores; a row without a loop needs no variable of its own for it. */
  private placeOf(action: Exclude<Action, { kind: "combine" }>, isShort: boolean): Stored {
    const { f, plan, of } = this;
    const isHeld = action.kind === "hold";
    const type = isHeld ? "float32" : (plan.outputs[action.result]?.type ?? "float32");
    const start = isHeld ? of.place.scratch : (of.place.outputs.get(action.result) as Local);
    if (isShort) return { action, pointer: start, type };
    const pointer = f.local("i32");
    if (isHeld) of.addressHeld(action.held);
    else f.get(start);
    f.set(pointer);
    return { action, pointer, type };
  }

  private repeat(rounds: number, step: () => void): void {
    const { f } = this;
    if (rounds === 0) return;
    const counter = f.local("i32");
    const most = RowCombination.MOST_ROUNDS;
    const isSummed = [...this.combined.values()].some(({ isSummed }) => isSummed);
    if (!isSummed || rounds <= most) f.repeat(counter, rounds, step);
    else {
      const left = f.local("i32");
      f.i32(rounds).set(left);
      f.loop((again) => {
        // min(left, most)
        f.get(left).i32(most).get(left).i32(most).op("i32.lt_s", "select").tee(counter);
        f.get(left).op("i32.sub").i32(-1).op("i32.mul").set(left);
        f.loop((inside) => {
          step();
          f.get(counter).i32(1).op("i32.sub").tee(counter).leaveIf(inside);
        });
        for (const combination of this.combined.values()) combination.flush();
        f.get(left).leaveIf(again);
      });
      f.release(left);
    }
    f.release(counter);
  }

  private advance(vectors: number): void {
    this.body.advance(vectors * LANES);
    for (const { pointer, type } of this.stored) this.f.advance(pointer, vectors * LANES * BYTES[type]);
  }

  /** Some vectors from where the pass stands, or one of which only some lanes count. */
  private step(groups: readonly number[], lanes = LANES): void {
    const { f, body, plan, of } = this;
    // The compiler joins two of everything that stand side by side: loads, what is computed of them, stores.
    const side = plan.target.wide && lanes === LANES ? 2 : 1;
    for (let first = 0; first < groups.length; first += side) {
      const together = groups.slice(first, first + side);
      if (together.length > 1) body.preload(together);
      const values = new Map<Action, Local[]>();
      for (const group of together) {
        for (const action of of.actions) {
          const combination = this.combined.get(action);
          if (combination) {
            combination.add(body, action.root, group, lanes);
            continue;
          }
          const type = this.typeOf(action);
          const vector = f.local("v128");
          body.value(action.root, group, type === "bool" ? "mask" : "number", lanes);
          f.set(vector);
          if (together.length === 1) this.store(action, vector, group, lanes);
          else values.set(action, [...(values.get(action) ?? []), vector]);
        }
        body.next();
      }
      body.forget();
      for (const [action, vectors] of values)
        vectors.forEach((vector, i) => {
          this.store(action, vector, together[i], lanes);
        });
    }
  }

  private typeOf(action: Action): ElementType {
    return this.stored.find((each) => each.action === action)?.type ?? "float32";
  }

  /** The variable is given away. */
  private store(action: Action, vector: Local, group: number, lanes: number): void {
    const { f, of } = this;
    const place = this.stored.find((each) => each.action === action);
    if (!place || action.kind === "combine") return;
    const { pointer, type } = place;
    const isHeld = action.kind === "hold";
    if (!isHeld || !of.keepVector) {
      const offset = group * LANES * BYTES[type];
      // Memory that holds a row ends with a whole vector, an output where the next row begins.
      if (lanes < LANES && !isHeld) storeLanes(f, pointer, vector, lanes, type, offset);
      else if (type === "bool") {
        f.get(pointer).get(vector);
        storeMask(f, offset);
      } else f.get(pointer).get(vector).memory("v128.store", offset);
    }
    const held = isHeld ? action.held : of.heldOf(action.result);
    if (of.keepVector && held >= 0) of.keepVector(held, vector);
    else f.release(vector);
  }

  private finish(action: Action, combination: RowCombination): void {
    if (action.kind !== "combine") return;
    const { f, plan, of } = this;
    const number = combination.finish();
    if (!number) return;
    this.numbers.set(action.result, number);
    const output = plan.outputs[action.result];
    if (!output) return;
    f.get(of.place.outputs.get(action.result) as Local).get(number);
    storeNumber(f, output.type);
  }
}

/** Stores the first lane of the vector on the stack, below which is the address. */
function storeNumber(f: FunctionWriter, type: ElementType): void {
  f.lane("f32x4.extract_lane", 0);
  if (type === "bool") f.f32(0).op("f32.ne").memory("i32.store8");
  else f.memory("f32.store");
}

/** Nanoseconds of a vector above which it fills the registers by itself, and up to which four do not. */
const HEAVY = 3;
const LIGHT = 1;

/** Vectors that are done together: none then waits for the one before it. */
function unroll(body: VectorBody, vectors: number, { wide }: Target): number {
  const ns = body.cost * LANES;
  const most = ns > HEAVY ? (wide ? 2 : 1) : ns <= LIGHT ? 4 : 2;
  return Math.max(1, Math.min(most, vectors));
}

/** The nodes that some need, down to those that are read as inputs. */
function extract(
  nodes: readonly Node[],
  roots: readonly number[],
  inputOf: (node: number) => number | undefined,
): { readonly nodes: readonly Node[]; readonly locals: ReadonlyMap<number, number> } {
  const made: Node[] = [];
  const locals = new Map<number, number>();
  const visit = (at: number): number => {
    const known = locals.get(at);
    if (known !== undefined) return known;
    const index = nodes[at].kind === "constant" ? undefined : inputOf(at);
    const node: Node = index === undefined ? withOperands(nodes[at], visit) : { kind: "input", index };
    const local = made.push(node) - 1;
    locals.set(at, local);
    return local;
  };
  roots.forEach(visit);
  return { nodes: made, locals };
}

function withOperands(node: Node, visit: (operand: number) => number): Node {
  const [first, second, third] = operandsOf(node).map(visit);
  switch (node.kind) {
    case "input":
    case "constant":
    case "index":
      return node;
    case "unary":
      return { ...node, a: first };
    case "binary":
      return { ...node, a: first, b: second };
    case "select":
      return { ...node, test: first, yes: second, no: third };
    default:
      return node satisfies never;
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}
