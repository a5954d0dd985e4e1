import type { BinaryFunction } from "../../../kernel/expression";
import type { ElementType, MapKernel, View } from "../../../kernel/kernel";
import { type Loop, planLoops } from "../../../kernel/loops";
import { type Node, shareSubexpressions } from "../../../kernel/nodes";
import type { FunctionWriter, Local } from "../assembler/function";
import type { Plain } from "../assembler/opcodes";
import { type Addresses, BYTES, type KernelCode, type Phase, type TypedKernel } from "../code";
import { keyText, storeLanes, storeMask } from "./map";
import { RowIndex, startOf } from "./rows";
import { type Form, type Held, fitsOutput, formsOf } from "./whole-forms";

const LANES = 4;
/** Elements that a piece has at least: a few microseconds. */
const PIECE = 4096;

interface WholePlan {
  readonly nodes: readonly Node[];
  readonly held: readonly Held[];
  readonly views: readonly View[];
  readonly inputs: readonly ElementType[];
  readonly output: ElementType;
  /** Outermost first; the last is gone through in vectors. */
  readonly loops: readonly Loop[];
}

/**
 * A map with whole numbers among its inputs or as its result, for bodies of which all parts can be held exactly: comparisons of labels and
 * positions, counting, masks. Undefined for others.
 */
export function wholeMapCode({ kernel, inputs, outputs }: TypedKernel<MapKernel>): KernelCode | undefined {
  const { shape, views, body } = kernel;
  const [output] = outputs;
  const nodes = shareSubexpressions(body);
  const held = formsOf(nodes, shape, inputs);
  if (!held || !fitsOutput(held[held.length - 1], output)) return undefined;
  const size = shape.reduce((product, dim) => product * dim, 1);
  if (size === 0) return { phases: [] };
  const planned = planLoops(shape, [], views, nodes);
  const still: Loop = { size: 1, strides: views.map(() => 0), axis: undefined, reduced: false };
  const loops = planned.length > 0 ? planned : [still];
  const plan: WholePlan = { nodes, held, views, inputs, output, loops };
  const inner = loops[loops.length - 1];
  const rows = size / inner.size;
  const perPiece = Math.max(1, Math.ceil(PIECE / inner.size));
  const phase: Phase = {
    pieces: Math.ceil(rows / perPiece),
    work: size * (0.3 + 0.15 * nodes.length),
    key: `whole ${JSON.stringify([loops, views, nodes, inputs, output, perPiece, shape], keyText)}`,
    write: (f, at) => {
      writeRows(f, at, plan, rows, perPiece);
    },
  };
  return { phases: [phase] };
}

/** Row after row; each ends where it ends, since the next one may be another thread's. */
function writeRows(f: FunctionWriter, at: Addresses, plan: WholePlan, rows: number, perPiece: number): void {
  const { loops, views, inputs, output, nodes } = plan;
  const inner = loops[loops.length - 1];
  const index = new RowIndex(f, loops.slice(0, -1));
  const [row, end, out, column] = [0, 1, 2, 3].map(() => f.local("i32"));
  const used = [...new Set(nodes.flatMap((node) => (node.kind === "input" ? [node.index] : [])))];
  const pointers = new Map(used.map((input) => [input, f.local("i32")]));
  const body = new WholeBody(f, plan, pointers, column, (loop) => f.get(index.position(loop)));
  const step = BYTES[output];
  f.get(at.to).i32(perPiece).op("i32.mul").tee(end).i32(rows);
  f.get(end).i32(rows).op("i32.lt_s", "select").set(end);
  f.get(at.outputs[0]).get(at.from);
  f.i32(perPiece * inner.size * step)
    .op("i32.mul", "i32.add")
    .set(out);
  const vectors = Math.floor(inner.size / LANES);
  const rest = inner.size % LANES;
  f.forRange(
    row,
    () => f.get(at.from).i32(perPiece).op("i32.mul"),
    () => f.get(end),
    1,
    () => {
      index.set(row);
      for (const [input, pointer] of pointers) {
        startOf(f, at.inputs[input], views[input], BYTES[inputs[input]]);
        index.addTo(input, BYTES[inputs[input]]);
        f.set(pointer);
      }
      f.i32(0).set(column);
      const move = (): void => {
        for (const [input, pointer] of pointers)
          f.advance(pointer, LANES * inner.strides[input] * BYTES[inputs[input]]);
        f.advance(column, LANES);
        f.advance(out, LANES * step);
      };
      if (vectors > 0) {
        const counter = f.local("i32");
        f.repeat(counter, vectors, () => {
          const value = body.write(LANES);
          f.get(out).get(value);
          if (output === "bool") storeMask(f, 0);
          else f.memory("v128.store");
          move();
        }).release(counter);
      }
      if (rest === 0) return;
      storeLanes(f, out, body.write(rest), rest, output, 0);
      f.advance(out, rest * step);
    },
  );
}

/** Writes a body for four neighbouring elements, each part once. */
class WholeBody {
  private readonly values: readonly Local[];
  private readonly result: Local;

  constructor(
    private readonly f: FunctionWriter,
    private readonly plan: WholePlan,
    private readonly pointers: ReadonlyMap<number, Local>,
    /** Position of the first of the four along the innermost loop. */
    private readonly column: Local,
    private readonly outerIndex: (loop: number) => void,
  ) {
    this.values = plan.nodes.map(() => f.local("v128"));
    this.result = f.local("v128");
  }

  /** @param lanes those that are read @returns what is to be stored; of bools a mask */
  write(lanes: number): Local {
    const { f, plan, result } = this;
    plan.nodes.forEach((node, at) => {
      this.writeNode(node, at, lanes);
      f.set(this.values[at]);
    });
    this.read(plan.nodes.length - 1, plan.output === "bool" ? "mask" : plan.output === "int32" ? "whole" : "number");
    f.set(result);
    return result;
  }

  private read(at: number, form: Form): void {
    const { f, plan, values } = this;
    const node = plan.nodes[at];
    const { form: from } = plan.held[at];
    // Not by way of an int32: other numbers of a float32 kernel are rounded from doubles, too.
    if (node.kind === "constant" && form === "number") {
      f.f32x4(node.value);
      return;
    }
    f.get(values[at]);
    if (from === form) return;
    if (form === "whole") f.i32x4(1).op("v128.and");
    else if (form === "number" && from === "mask") f.f32x4(1).op("v128.and");
    else if (form === "number") f.op("f32x4.convert_i32x4_s");
    else if (from === "whole") f.i32x4(0).op("i32x4.ne");
    else f.f32x4(0).op("f32x4.ne");
  }

  private writeNode(node: Node, at: number, lanes: number): void {
    const { f, plan } = this;
    const { form } = plan.held[at];
    switch (node.kind) {
      case "input":
        return this.load(node.index, lanes);
      case "constant":
        if (form === "whole") f.i32x4(node.value);
        else f.f32x4(node.value);
        return;
      case "index":
        return this.writeIndex(node.axis);
      case "unary":
        return this.writeUnary(node, form);
      case "binary":
        return this.writeBinary(node, form);
      case "select":
        this.read(node.yes, form);
        this.read(node.no, form);
        this.read(node.test, "mask");
        f.op("v128.bitselect");
        return;
      default:
        node satisfies never;
    }
  }

  private writeUnary({ fn, a }: Extract<Node, { kind: "unary" }>, form: Form): void {
    const { f, plan } = this;
    if (fn === "not") {
      const isNumber = plan.held[a].form === "number";
      this.read(a, isNumber ? "number" : "whole");
      if (isNumber) f.f32x4(0).op("f32x4.eq");
      else f.i32x4(0).op("i32x4.eq");
      return;
    }
    this.read(a, form);
    // What rounds leaves whole numbers as they are.
    if (fn === "negate") f.op(form === "whole" ? "i32x4.neg" : "f32x4.neg");
    else if (fn === "abs") f.op(form === "whole" ? "i32x4.abs" : "f32x4.abs");
  }

  private writeBinary({ fn, a, b }: Extract<Node, { kind: "binary" }>, form: Form): void {
    const { f, plan } = this;
    const isNumber = form === "number" || [a, b].some((operand) => plan.held[operand].form === "number");
    for (const operand of [a, b]) this.read(operand, isNumber ? "number" : "whole");
    const instruction = INSTRUCTIONS[fn]?.[isNumber ? "number" : "whole"];
    if (!instruction) throw new Error(`internal: ${fn} has no form for whole numbers`);
    f.op(instruction);
  }

  private writeIndex(axis: number): void {
    const { f, plan } = this;
    const at = plan.loops.findIndex((loop) => loop.axis === axis);
    if (at < 0) f.i32x4(0);
    else if (at === plan.loops.length - 1) f.get(this.column).op("i32x4.splat").i32x4(0, 1, 2, 3).op("i32x4.add");
    else {
      this.outerIndex(at);
      f.op("i32x4.splat");
    }
  }

  private load(input: number, lanes: number): void {
    const { f, plan } = this;
    const pointer = this.pointers.get(input);
    if (!pointer) throw new Error("internal: an input of the kernel has no place");
    const stride = plan.loops[plan.loops.length - 1].strides[input];
    const type = plan.inputs[input];
    const scalar = type === "bool" ? "i32.load8_u" : "i32.load";
    if (stride === 0) f.get(pointer).memory(scalar).op("i32x4.splat");
    else if (stride === 1 && type === "bool")
      f.get(pointer).memory("v128.load32_zero").op("i16x8.extend_low_i8x16_u", "i32x4.extend_low_i16x8_u");
    else if (stride === 1) f.get(pointer).memory("v128.load");
    else
      for (let lane = 0; lane < lanes; lane++) {
        f.get(pointer)
          .i32(lane * stride * BYTES[type])
          .op("i32.add")
          .memory(scalar);
        if (lane === 0) f.op("i32x4.splat");
        else f.lane("i32x4.replace_lane", lane);
      }
  }
}

const INSTRUCTIONS: Partial<Record<BinaryFunction, { readonly whole?: Plain; readonly number: Plain }>> = {
  add: { whole: "i32x4.add", number: "f32x4.add" },
  subtract: { whole: "i32x4.sub", number: "f32x4.sub" },
  multiply: { whole: "i32x4.mul", number: "f32x4.mul" },
  divide: { number: "f32x4.div" },
  maximum: { whole: "i32x4.max_s", number: "f32x4.max" },
  minimum: { whole: "i32x4.min_s", number: "f32x4.min" },
  less: { whole: "i32x4.lt_s", number: "f32x4.lt" },
  lessEqual: { whole: "i32x4.le_s", number: "f32x4.le" },
  equal: { whole: "i32x4.eq", number: "f32x4.eq" },
  notEqual: { whole: "i32x4.ne", number: "f32x4.ne" },
};
