import type { ElementType, MapKernel, View } from "../../../kernel/kernel";
import { type Loop, planLoops } from "../../../kernel/loops";
import { type Node, shareAll } from "../../../kernel/nodes";
import type { GpuTarget, KernelCode, Operands, Pass, TypedKernel } from "../code";
import {
  KIND_OF,
  type Width,
  loadElement,
  loadLane,
  loadVector,
  storeBools,
  storeElement,
  storeVector,
  typeName,
} from "../wgsl/elements";
import { type Value, stored, writeBody } from "../wgsl/expression";
import { GROUP, entryForEach, groupsOf } from "../wgsl/grid";
import { MathTexts } from "../wgsl/math";
import { addressOf, positionsOf } from "../wgsl/positions";

export function mapCode({ kernel, inputs, outputs }: TypedKernel<MapKernel>, target: GpuTarget): KernelCode {
  const { shape, views, body } = kernel;
  const size = shape.reduce((product, dim) => product * dim, 1);
  if (size === 0) return { passes: [] };
  const { nodes, roots } = shareAll([body]);
  const results = [{ root: roots[0], type: outputs[0] }];
  return { passes: [elementwisePass({ shape, views, nodes, results, inputs }, size, target)] };
}

/** Results for every index of a shape. */
export interface Elementwise {
  readonly shape: readonly number[];
  readonly views: readonly View[];
  readonly nodes: readonly Node[];
  readonly results: readonly { readonly root: number; readonly type: ElementType; readonly output?: number }[];
  readonly inputs: readonly ElementType[];
}

export function elementwisePass(work: Elementwise, size: number, target: GpuTarget): Pass {
  const plan = planElementwise(work, size);
  return {
    key: `map ${keyOfPlan(plan)}`,
    workgroups: groupsOf(Math.ceil(plan.units / GROUP), target),
    vectors: plan.width === 4,
    write: (operands) => {
      const math = new MathTexts();
      const text = unitText(plan, operands, math);
      return `${entryForEach(plan.units, text)}\n${math.toString()}`;
    },
  };
}

/** How elements are gone through: in units of one or four. */
export interface ElementwisePlan extends Elementwise {
  readonly size: number;
  readonly loops: readonly Loop[];
  /** Elements that are computed together. */
  readonly width: Width;
  readonly units: number;
}

export function planElementwise(work: Elementwise, size: number): ElementwisePlan {
  const loops = loopsOf(work);
  const width = widthOf(work, loops);
  const bools = work.results.some(({ type }) => type === "bool");
  return { ...work, size, loops, width, units: Math.ceil(size / (width === 4 || bools ? 4 : 1)) };
}

/** All that a plan's text depends on. */
export function keyOfPlan({ loops, views, nodes, inputs, results, width, size }: ElementwisePlan): string {
  return JSON.stringify([loops, views.map(({ offset }) => offset), nodes, inputs, results, width, size], keyText);
}

/** Text of statements that take in values of an element, or of four. */
export interface Taking {
  /** The value of a body, as it is stored in a type. */
  readonly value: (root: number, type: ElementType) => string;
  /** Which of four elements there are (vec4<bool>); undefined where all are. */
  readonly present: string | undefined;
}

/**
 * Statements for the unit number `at`: all bodies, then what else is done with their values, then the stores, since a result may stand
 * where an input stands.
 */
export function unitText(
  plan: ElementwisePlan,
  operands: Operands,
  math: MathTexts,
  take: (values: Taking) => readonly string[] = () => [],
): string {
  return plan.width === 4 ? vectorText(plan, operands, math, take) : scalarText(plan, operands, math, take);
}

function loopsOf({ shape, views, nodes }: Elementwise): readonly Loop[] {
  const planned = planLoops(shape, [], views, nodes);
  return planned.length > 0 ? planned : [{ size: 1, strides: views.map(() => 0), axis: undefined, reduced: false }];
}

/** Four at a time where all that is read lies side by side or stays the same, at multiples of four. */
function widthOf({ views, results, nodes }: Elementwise, loops: readonly Loop[]): Width {
  const isWhole = loops.length === 1 || loops[loops.length - 1].size % 4 === 0;
  return isWhole && fitsVectors(loops, views, nodes) && results.every(({ type }) => type !== "bool") ? 4 : 1;
}

/** Whether four steps of the last loop, from a multiple of four on, are a vector of memory, or the same number, in all that is read. */
export function fitsVectors(loops: readonly Loop[], views: readonly View[], nodes: readonly Node[]): boolean {
  const inner = loops[loops.length - 1];
  return nodes.every((node) => {
    if (node.kind !== "input") return true;
    const stride = inner.strides[node.index];
    if (stride === 0) return true;
    const others = loops.slice(0, -1).map((loop) => loop.strides[node.index]);
    return stride === 1 && [views[node.index].offset, ...others].every((each) => each % 4 === 0);
  });
}

function vectorText(
  { views, nodes, results, inputs, loops, size }: ElementwisePlan,
  operands: Operands,
  math: MathTexts,
  take: (values: Taking) => readonly string[],
): string {
  const prefixes = loops.map((_, at) => (at === loops.length - 1 ? "inner" : `p${at}`));
  const inner = loops[loops.length - 1];
  const positions = positionsOf(
    loops.map(({ size }, at) => ({ size: at === loops.length - 1 ? Math.ceil(size / 4) : size })),
    "at",
    "p",
  );
  const body = writeBody(nodes, {
    width: 4,
    math,
    input: (index): Value => {
      const type = inputs[index];
      const address = addressOf(loops, prefixes, index, views[index].offset);
      const place = operands.input(index);
      if (inner.strides[index] === 0)
        return { text: `${typeName(KIND_OF[type], 4)}(${loadLane(place, type, address)})`, kind: KIND_OF[type] };
      return { text: loadVector(place, type, address), kind: KIND_OF[type] };
    },
    index: (axis) => {
      const at = loops.findIndex((loop) => loop.axis === axis);
      if (at < 0) return "vec4<i32>(0)";
      return at === loops.length - 1 ? "vec4<i32>(inner, inner + 1, inner + 2, inner + 3)" : `vec4<i32>(p${at})`;
    },
  });
  const value = (root: number, type: ElementType): string => stored({ nodes, values: body.values }, root, type, 4);
  const stores = results.map(({ root, type, output }, i) =>
    storeVector(operands.output(output ?? i), "at * 4u", value(root, type)),
  );
  const present = size % 4 === 0 ? undefined : `(vec4<u32>(0u, 1u, 2u, 3u) + at * 4u < vec4<u32>(${size}u))`;
  return lines([
    ...positions,
    `let inner = p${loops.length - 1} * 4;`,
    ...body.statements,
    ...take({ value, present }),
    ...stores,
  ]);
}

function scalarText(
  { views, nodes, results, inputs, loops, size }: ElementwisePlan,
  operands: Operands,
  math: MathTexts,
  take: (values: Taking) => readonly string[],
): string {
  const prefixes = loops.map((_, at) => `p${at}`);
  const context = {
    width: 1 as const,
    math,
    input: (index: number): Value => {
      const type = inputs[index];
      const address = addressOf(loops, prefixes, index, views[index].offset);
      return { text: loadElement(operands.input(index), type, address), kind: KIND_OF[type] };
    },
    index: (axis: number) => {
      const at = loops.findIndex((loop) => loop.axis === axis);
      return at < 0 ? "0i" : `p${at}`;
    },
  };
  const body = writeBody(nodes, context);
  const value = (root: number, type: ElementType): string => stored({ nodes, values: body.values }, root, type, 1);
  const taken = take({ value, present: undefined });
  const bools = results.some(({ type }) => type === "bool");
  if (!bools) {
    const stores = results.map(({ root, type, output }, i) =>
      storeElement(operands.output(output ?? i), "at", value(root, type)),
    );
    return lines([...positionsOf(loops, "at", "p"), ...body.statements, ...taken, ...stores]);
  }
  // Four elements, since four bools are one word; beyond the end nothing is read.
  const flags = results.flatMap(({ type }, i) => (type === "bool" ? [`var flags${i} = vec4<bool>(false);`] : []));
  const each = results.map(({ root, type, output }, i) =>
    type === "bool"
      ? `flags${i}[lane] = ${value(root, type)};`
      : storeElement(operands.output(output ?? i), "element", value(root, type)),
  );
  const stores = results.flatMap(({ type, output }, i) =>
    type === "bool" ? [storeBools(operands.output(output ?? i), "at * 4u", `flags${i}`)] : [],
  );
  return lines([
    ...flags,
    "for (var lane = 0u; lane < 4u; lane++) {",
    "let element = at * 4u + lane;",
    `if (element >= ${size}u) { break; }`,
    ...positionsOf(loops, "element", "p"),
    ...body.statements,
    ...taken,
    ...each,
    "}",
    ...stores,
  ]);
}

function lines(statements: readonly string[]): string {
  return statements.map((each) => `  ${each}`).join("\n");
}

/** JSON writes −0 as 0, and NaN and the infinities as null. */
export function keyText(_: string, value: unknown): unknown {
  if (Object.is(value, -0)) return "-0";
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}
