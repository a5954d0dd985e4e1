import type { BinaryFunction } from "../../../kernel/expression";
import type { ElementType, View } from "../../../kernel/kernel";
import type { Loop } from "../../../kernel/loops";
import { type Node, operandsOf } from "../../../kernel/nodes";
import type { FunctionWriter, Local } from "../assembler/function";
import { BYTES, type Target } from "../code";
import { costOf, writeBinary, writeUnary } from "../math";

/** What a body is written for: its nodes, and how each input moves along the loops. */
export interface BodyPlan {
  readonly nodes: readonly Node[];
  readonly views: readonly View[];
  readonly inputs: readonly ElementType[];
  /** Outermost first; the last is gone through in vectors of four. */
  readonly loops: readonly Loop[];
  readonly target: Target;
}

/** Elements of a vector. */
export const LANES = 4;

/** Values of four neighbouring elements are either numbers, or masks: all bits of a lane or none. */
type Form = "number" | "mask";

/**
 * Writes a body for vectors along the innermost loop. Parts that do not change along it are computed once before it.
 * Use: {@link begin} with the addresses of a row, then for each group of vectors {@link value} at 0, 1, …, then {@link advance}.
 */
export class VectorBody {
  private readonly uses: readonly number[];
  private readonly varying: readonly boolean[];
  /** By input: where it stands in the row, in bytes. */
  private readonly pointers = new Map<number, Local>();
  /** Values that stay the same along the row. */
  private readonly fixed = new Map<number, Local>();
  private readonly named = new Map<number, Local>();
  /** By input and vector. */
  private readonly loaded = new Map<string, Local>();
  /** By input: vectors in place of memory. */
  private readonly held = new Map<number, readonly Local[]>();
  /** Position along the innermost loop, four of them as numbers, if the body asks for it. */
  private position: Local | undefined;
  private lanes = LANES;

  constructor(
    private readonly f: FunctionWriter,
    private readonly plan: BodyPlan,
    /** What leaves the position along an outer loop on the stack, an i32. */
    private readonly outerIndex: (loop: number) => void,
    roots: readonly number[],
  ) {
    const { nodes } = plan;
    const uses = nodes.map(() => 0);
    for (const node of nodes) for (const operand of operandsOf(node)) uses[operand]++;
    for (const root of roots) uses[root]++;
    // A square reads its operand twice, a cube three times.
    nodes.forEach((node) => {
      if (exponentOf(node, nodes) !== undefined && node.kind === "binary") uses[node.a]++;
    });
    this.uses = uses;
    const varying: boolean[] = [];
    const inner = plan.loops.at(-1);
    for (const node of nodes) {
      if (node.kind === "input") varying.push((inner?.strides[node.index] ?? 0) !== 0);
      else if (node.kind === "index") varying.push(inner !== undefined && inner.axis === node.axis);
      else varying.push(operandsOf(node).some((operand) => varying[operand]));
    }
    this.varying = varying;
  }

  /** Inputs that the body reads. */
  get inputs(): readonly number[] {
    return this.plan.nodes.flatMap((node) => (node.kind === "input" ? [node.index] : []));
  }

  /**
   * Before {@link begin}: an input's values are in variables and not in memory, one for each vector of the row, or a single one of an
   * input that stays the same.
   */
  hold(input: number, vectors: readonly Local[]): void {
    this.held.set(input, vectors);
  }

  /** After {@link begin}: the variable of a node that stays the same along the row, if it has one. */
  along(at: number): Local | undefined {
    return this.fixed.get(at);
  }

  /** @param address leaves the address of an input's first element of the row on the stack */
  begin(address: (input: number) => void): void {
    const { f, plan } = this;
    const { nodes, loops } = plan;
    for (const index of this.inputs) {
      if (this.held.has(index)) continue;
      const pointer = this.pointers.get(index) ?? f.local("i32");
      this.pointers.set(index, pointer);
      address(index);
      f.set(pointer);
    }
    if (nodes.some((node) => node.kind === "index" && loops.at(-1)?.axis === node.axis)) {
      this.position ??= f.local("v128");
      f.i32x4(0, 1, 2, 3).op("f32x4.convert_i32x4_s").set(this.position);
    }
    nodes.forEach((node, at) => {
      if (this.varying[at] || node.kind === "constant" || !this.isAsked(at)) return;
      const local = this.fixed.get(at) ?? f.local("v128");
      this.write(at, "number", 0);
      f.set(local);
      this.fixed.set(at, local);
    });
  }

  /** After {@link begin}: where along the innermost loop that is, if it is not its beginning. */
  startAt(element: Local): void {
    const { f, position } = this;
    if (position) f.get(element).op("i32x4.splat", "f32x4.convert_i32x4_s").get(position).op("f32x4.add").set(position);
  }

  /**
   * Leaves the values of vector `group` from where the row stands on the stack.
   * @param lanes those that count: elements that lie apart are not read for the others
   */
  value(root: number, group: number, form: Form = "number", lanes = LANES): void {
    this.lanes = lanes;
    this.read(root, form, group);
  }

  /** Adds the values of vector `group` to a sum: in one instruction where they are products that nothing else needs. */
  addTo(sum: Local, root: number, group: number): void {
    const { f, plan } = this;
    const node = plan.nodes[root];
    this.lanes = LANES;
    const isProduct = node.kind === "binary" && node.fn === "multiply" && this.uses[root] === 1;
    if (plan.target.fused && isProduct && !this.fixed.has(root)) {
      this.read(node.a, "number", group);
      this.read(node.b, "number", group);
      f.get(sum).op("f32x4.relaxed_madd").set(sum);
      return;
    }
    this.read(root, "number", group);
    f.get(sum).op("f32x4.add").set(sum);
  }

  /** What an input has in vector `group`, which is then not loaded. */
  supply(index: number, group: number, vector: Local): void {
    this.loaded.set(`${index} ${group}`, vector);
  }

  /** Loads what some vectors read before any of them is computed. */
  preload(groups: readonly number[]): void {
    const { f, plan } = this;
    this.lanes = LANES;
    for (const index of new Set(this.inputs)) {
      if ((plan.loops.at(-1)?.strides[index] ?? 0) === 0 || this.held.has(index)) continue;
      for (const group of groups) {
        const local = f.local("v128");
        this.load(index, group);
        f.set(local);
        this.loaded.set(`${index} ${group}`, local);
      }
    }
  }

  /** What was loaded ahead is not needed any more. */
  forget(): void {
    this.f.release(...this.loaded.values());
    this.loaded.clear();
  }

  /** Between two vectors of a group: what was named belongs to the one before. */
  next(): void {
    this.f.release(...this.named.values());
    this.named.clear();
  }

  /** Goes on by so many elements. */
  advance(elements: number): void {
    const { f, plan } = this;
    const inner = plan.loops.at(-1);
    for (const [index, pointer] of this.pointers)
      f.advance(pointer, elements * (inner?.strides[index] ?? 0) * BYTES[plan.inputs[index]]);
    if (this.position) f.get(this.position).f32x4(elements).op("f32x4.add").set(this.position);
  }

  /** Nanoseconds an element takes, without memory. */
  get cost(): number {
    return costOfNodes(this.plan.nodes, this.varying);
  }

  /** Whether a node that stays the same is needed by one that does not, or is a result. */
  private isAsked(at: number): boolean {
    return this.uses[at] > 0;
  }

  private read(at: number, form: Form, group: number): void {
    const { f } = this;
    const fixed = this.fixed.get(at);
    const named = fixed ?? this.named.get(at);
    if (named) {
      f.get(named);
      convert(f, "number", form);
      return;
    }
    const node = this.plan.nodes[at];
    // Loads are named too, or they would be done again.
    if (this.uses[at] > 1 && node.kind !== "constant") {
      this.write(at, "number", group);
      const local = f.local("v128");
      f.tee(local);
      this.named.set(at, local);
      convert(f, "number", form);
    } else this.write(at, form, group);
  }

  private write(at: number, form: Form, group: number): void {
    const { f, plan } = this;
    const node = plan.nodes[at];
    switch (node.kind) {
      case "constant":
        f.f32x4(node.value);
        break;
      case "input": {
        const held = this.held.get(node.index);
        const loaded = held ? held[held.length === 1 ? 0 : group] : this.loaded.get(`${node.index} ${group}`);
        if (loaded) f.get(loaded);
        else this.load(node.index, group);
        break;
      }
      case "index":
        this.writeIndex(node.axis, group);
        break;
      case "unary":
        if (node.fn === "not") {
          this.read(node.a, "number", group);
          f.f32x4(0).op("f32x4.eq");
          convert(f, "mask", form);
          return;
        }
        this.read(node.a, "number", group);
        writeUnary(f, node.fn, plan.target);
        break;
      case "binary": {
        const exponent = exponentOf(node, plan.nodes);
        if (exponent !== undefined) {
          this.read(node.a, "number", group);
          this.writePower(node.a, exponent, group);
          break;
        }
        if (this.writeBound(node, group)) break;
        this.read(node.a, "number", group);
        this.read(node.b, "number", group);
        if (isComparison(node.fn)) {
          f.op(COMPARISONS[node.fn]);
          convert(f, "mask", form);
          return;
        }
        writeBinary(f, node.fn, plan.target);
        break;
      }
      case "select":
        this.read(node.yes, "number", group);
        this.read(node.no, "number", group);
        this.read(node.test, "mask", group);
        f.op("v128.bitselect");
        break;
      default:
        node satisfies never;
    }
    convert(f, "number", form);
  }

  /**
   * Largest or smallest of a number and a constant: pmax and pmin are one instruction where max and min are many, and keep a
   * NaN that comes first. Only of two zeros they take either.
   */
  private writeBound({ fn, a, b }: Extract<Node, { kind: "binary" }>, group: number): boolean {
    const { f, plan } = this;
    if (fn !== "maximum" && fn !== "minimum") return false;
    const constant = [b, a].find((at) => plan.nodes[at].kind === "constant");
    if (constant === undefined) return false;
    const { value } = plan.nodes[constant] as Extract<Node, { kind: "constant" }>;
    if (Number.isNaN(value)) return false;
    this.read(constant === b ? a : b, "number", group);
    f.f32x4(value).op(fn === "maximum" ? "f32x4.pmax" : "f32x4.pmin");
    // −0 becomes 0, unless that is what is smallest.
    if (value === 0 && fn === "maximum") f.f32x4(0).op("f32x4.add");
    return true;
  }

  /** The base is on the stack, and named, since it is used again. */
  private writePower(base: number, exponent: number, group: number): void {
    const { f } = this;
    for (let i = 1; i < exponent; i++) {
      this.read(base, "number", group);
      f.op("f32x4.mul");
    }
  }

  private writeIndex(axis: number, group: number): void {
    const { f, plan } = this;
    const at = plan.loops.findIndex((loop) => loop.axis === axis);
    if (at < 0) f.f32x4(0);
    else if (at === plan.loops.length - 1 && this.position) {
      f.get(this.position);
      if (group > 0) f.f32x4(group * LANES).op("f32x4.add");
    } else {
      this.outerIndex(at);
      f.op("i32x4.splat", "f32x4.convert_i32x4_s");
    }
  }

  private load(index: number, group: number): void {
    const { f, plan } = this;
    const pointer = this.pointers.get(index);
    if (!pointer) throw new Error("internal: a row of the kernel has not begun");
    const stride = plan.loops.at(-1)?.strides[index] ?? 0;
    const isBool = plan.inputs[index] === "bool";
    const isInteger = plan.inputs[index] === "int32";
    const bytes = BYTES[plan.inputs[index]];
    if (stride === 0) {
      f.get(pointer);
      if (isBool) f.memory("i32.load8_u").op("i32x4.splat", "f32x4.convert_i32x4_s");
      else f.memory("v128.load32_splat");
      if (isInteger) f.op("f32x4.convert_i32x4_s");
    } else if (stride === 1) {
      f.get(pointer);
      if (isBool)
        f.memory("v128.load32_zero", group * LANES).op(
          "i16x8.extend_low_i8x16_u",
          "i32x4.extend_low_i16x8_u",
          "f32x4.convert_i32x4_s",
        );
      else f.memory("v128.load", group * LANES * bytes);
      if (isInteger) f.op("f32x4.convert_i32x4_s");
    } else {
      for (let lane = 0; lane < this.lanes; lane++) {
        const distance = (group * LANES + lane) * stride * bytes;
        const at = (): FunctionWriter => (distance >= 0 ? f.get(pointer) : f.get(pointer).i32(distance).op("i32.add"));
        const offset = Math.max(0, distance);
        if (isBool) {
          if (lane === 0) at().memory("i32.load8_u", offset).op("i32x4.splat");
          else {
            at().memory("i32.load8_u", offset);
            f.lane("i32x4.replace_lane", lane);
          }
        } else if (lane === 0) at().memory("v128.load32_zero", offset);
        else {
          // The address comes before the vector that the lane goes into.
          const vector = f.local("v128");
          f.set(vector);
          at().get(vector).laneMemory("v128.load32_lane", lane, offset).release(vector);
        }
      }
      if (isBool || isInteger) f.op("f32x4.convert_i32x4_s");
    }
  }
}

const COMPARISONS = {
  less: "f32x4.lt",
  lessEqual: "f32x4.le",
  equal: "f32x4.eq",
  notEqual: "f32x4.ne",
} as const;

function isComparison(fn: BinaryFunction): fn is keyof typeof COMPARISONS {
  return fn in COMPARISONS;
}

/** Small whole exponents, for which multiplying is as exact as a power. */
function exponentOf(node: Node, nodes: readonly Node[]): 2 | 3 | undefined {
  if (node.kind !== "binary" || node.fn !== "power") return undefined;
  const exponent = nodes[node.b];
  if (exponent.kind !== "constant") return undefined;
  return exponent.value === 2 || exponent.value === 3 ? exponent.value : undefined;
}

/** A mask counts as 1 and 0; a number is true unless it is 0, NaN too. */
function convert(f: FunctionWriter, from: Form, to: Form): void {
  if (from === to) return;
  if (from === "mask") f.f32x4(1).op("v128.and");
  else f.f32x4(0).op("f32x4.ne");
}

export function costOfNodes(nodes: readonly Node[], varying?: readonly boolean[]): number {
  return (
    nodes.reduce((sum, node, at) => {
      if (varying && !varying[at]) return sum;
      return (
        sum +
        (node.kind === "unary" && node.fn !== "not" ? costOf(node.fn) : node.kind === "binary" ? costOf(node.fn) : 0.3)
      );
    }, 0) / LANES
  );
}

/** Whether numbers of these types come out right in float32: whole numbers above 2²⁴ would not. */
export function fitsFloats(inputs: readonly ElementType[], outputs: readonly ElementType[]): boolean {
  return ![...inputs, ...outputs].includes("int32");
}
