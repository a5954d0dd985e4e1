import type { Combine, ElementType, Epilogue } from "../../../kernel/kernel";
import { type Loop, planLoops } from "../../../kernel/loops";
import { type Node, shareAll } from "../../../kernel/nodes";
import type { GpuTarget, KernelCode, Operands, Pass } from "../code";
import { aligned } from "../memory";
import { GroupCombiner, type Variable, accumulatorKind, acrossLanes, combined, neutral } from "../wgsl/combine";
import { KIND_OF, loadElement, loadLane, loadVector, storeElement, storeVector, typeName } from "../wgsl/elements";
import { stored, writeBody } from "../wgsl/expression";
import { groupsOf } from "../wgsl/grid";
import { MathTexts } from "../wgsl/math";
import { addressOf } from "../wgsl/positions";
import { keyText } from "./map";
import { type Partials, type Total, partialWords, storePartial, totalsPass } from "./totals";

/** What becomes of a product's elements while they are in registers: they are stored, or what an epilogue makes of them is. */
export interface Finish {
  /** Of the product. */
  readonly shape: readonly number[];
  readonly loops: readonly Loop[];
  /** Of the inputs beside the product, from input 1 on, each the kernel's input one further on. */
  readonly offsets: readonly number[];
  readonly inputs: readonly ElementType[];
  readonly nodes: readonly Node[];
  readonly results: readonly FinishResult[];
}

interface FinishResult {
  readonly root: number;
  readonly type: ElementType;
  readonly combine: Combine | undefined;
}

/** What a pass must know to leave its workgroups' totals. */
interface FinishPlace {
  readonly partials: Partials;
  /** Invocations of a workgroup. */
  readonly size: number;
  readonly vectors: boolean;
  readonly target: GpuTarget;
}

/**
 * @param inputs types of the kernel's inputs, its two factors' included
 * @returns undefined where the epilogue must be done after the product: flags are stored four at a time
 */
export function finishOf(
  shape: readonly number[],
  epilogue: Epilogue | undefined,
  inputs: readonly ElementType[],
  outputs: readonly ElementType[],
): Finish | undefined {
  const given = epilogue ?? { views: [], results: [{ body: { kind: "input", index: 0 }, combine: undefined }] };
  if (given.results.some(({ combine }, i) => !combine && outputs[i] === "bool")) return undefined;
  if (inputs.slice(0, 2).some((type) => type !== "float32")) return undefined;
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((size, dim) => size * dim, 1));
  const { nodes, roots } = shareAll(given.results.map(({ body }) => body));
  const views = [{ strides, offset: 0 }, ...given.views];
  return {
    shape,
    // The product is not read from memory: only the others say what must be told apart.
    loops: planLoops(shape, [], views, nodes),
    offsets: views.map(({ offset }) => offset),
    inputs: ["float32", ...inputs.slice(2)],
    nodes,
    results: given.results.map(({ combine }, i) => ({ root: roots[i], type: outputs[i], combine })),
  };
}

/** What a pass of workgroups of `size` invocations says to finish elements. */
export interface FinishText {
  /** With `fn finish(value: vec4<f32>, place: vec4<u32>, inside: vec4<bool>)`: four elements, of which only those inside count. */
  readonly declarations: string;
  /** Statements at the start of the pass. */
  readonly opening: string;
  /** Statements at the end of the pass, which all invocations of a workgroup come to: `group` is its number, `local` theirs. */
  readonly ending: string;
}

function finishText(
  finish: Finish,
  operands: Operands,
  math: MathTexts,
  { partials, size, vectors, target }: FinishPlace,
): FinishText {
  const { nodes, results } = finish;
  const { statements, values } = bodyOf(finish, operands, math, vectors);
  const combiner = new GroupCombiner(size, target.subgroups, math);
  const totals = results.flatMap(({ combine, type, root }, i) =>
    combine ? [{ combine, kind: accumulatorKind(type), name: `total${i}`, type, root }] : [],
  );
  const stores = results.flatMap(({ combine, type, root }, i) => {
    if (combine) return [];
    const value = `let result${i} = ${stored({ nodes, values }, root, type, 4)};`;
    if (vectors) return [value, `if (inside.x) { ${storeVector(operands.output(i), "place.x", `result${i}`)} }`];
    const each = [0, 1, 2, 3].map((lane) => {
      const store = storeElement(operands.output(i), `place[${lane}]`, `result${i}[${lane}]`);
      return `if (inside[${lane}]) { ${store} }`;
    });
    return [value, ...each];
  });
  const sums = totals.map(({ type, root, ...of }) => {
    const none = `${typeName(of.kind, 4)}(${neutral(of.combine, type)})`;
    const counted = `${of.name}Counted`;
    const value = stored({ nodes, values }, root, of.kind === "int" ? "int32" : "float32", 4);
    return `let ${counted} = select(${none}, ${value}, inside);
  ${of.name} = ${combined(of, 1, of.name, acrossLanes(of, counted, math), math)};`;
  });
  const variables = totals.map(({ combine, kind, name }): Variable => ({ combine, kind, name }));
  const ending = combiner.combine(variables);
  const leave = totals.map(({ name }, order) => storePartial(operands, partials, order, name));
  return {
    declarations: `${combiner.declarations}
${totals.map(({ name, kind }) => `var<private> ${name}: ${typeName(kind, 1)};`).join("\n")}
fn finish(value: vec4<f32>, place: vec4<u32>, inside: vec4<bool>) {
  ${[...statements, ...stores, ...sums].join("\n  ")}
}`,
    opening: [
      ...(totals.length > 0 ? combiner.beginning : []),
      ...totals.map(({ name, combine, type }) => `${name} = ${neutral(combine, type)};`),
    ].join("\n  "),
    ending: totals.length > 0 ? [...ending, `if (local == 0u) { ${leave.join(" ")} }`].join("\n  ") : "",
  };
}

/** Statements that compute the results' nodes of `value`, which stands at `place`. */
function bodyOf(
  { loops, offsets, inputs, nodes }: Finish,
  operands: Operands,
  math: MathTexts,
  vectors: boolean,
): ReturnType<typeof writeBody> {
  const prefixes = loops.map((_, at) => `p${at}`);
  const input = (index: number): string => {
    if (index === 0) return "value";
    const type = inputs[index];
    const place = operands.input(index + 1);
    const vector = typeName(KIND_OF[type], 4);
    const load = vectors ? loadLane : loadElement;
    const isFixed = loops.every(({ strides }) => strides[index] === 0);
    if (isFixed) return `${vector}(${load(place, type, String(offsets[index]))})`;
    const address = `vec4<u32>(${addressOf(loops, prefixes, index, offsets[index])})`;
    if (vectors) {
      const [innermost, ...outer] = loops.map(({ strides }) => strides[index]).toReversed();
      if (innermost === 0) return `${vector}(${load(place, type, `(${address}).x`)})`;
      if (innermost === 1 && [offsets[index], ...outer].every((each) => each % 4 === 0))
        return loadVector(place, type, `(${address}).x`);
    }
    const lanes = [0, 1, 2, 3].map((lane) => load(place, type, `(${address})[${lane}]`));
    return `${vector}(${lanes.join(", ")})`;
  };
  const { statements, values } = writeBody(nodes, {
    width: 4,
    math,
    input: (index) => ({ text: input(index), kind: KIND_OF[inputs[index]] }),
    index: (axis) => {
      const at = loops.findIndex((loop) => loop.axis === axis);
      return at < 0 ? "vec4<i32>(0)" : `p${at}`;
    },
  });
  const isPositioned = nodes.some((node) => node.kind === "index" || (node.kind === "input" && node.index > 0));
  return { statements: [...(isPositioned ? vectorPositions(loops) : []), ...statements], values };
}

/** Statements that take `place` (four elements' numbers) apart into positions `p0…` along loops. */
function vectorPositions(loops: readonly Loop[]): string[] {
  const statements: string[] = ["let rest0 = place;"];
  for (let at = loops.length - 1; at >= 0; at--) {
    const rest = `rest${loops.length - 1 - at}`;
    if (at === 0) statements.push(`let p0 = vec4<i32>(${rest});`);
    else {
      statements.push(`let p${at} = vec4<i32>(${rest} % vec4<u32>(${loops[at].size}u));`);
      statements.push(`let rest${loops.length - at} = ${rest} / vec4<u32>(${loops[at].size}u);`);
    }
  }
  return statements;
}

/** A pass that finishes elements, in so many workgroups. */
export interface FinishingPass {
  readonly groups: number;
  /** Invocations of a workgroup. */
  readonly size: number;
  /** The pass has vectors: all fours of elements are neighbours, from a multiple of four on, all inside or none. */
  readonly vectors?: boolean;
  /** Names all that its text depends on but for what finishes. */
  readonly key: string;
  readonly write: (operands: Operands, finish: FinishText, math: MathTexts) => string;
}

/**
 * The code of passes of which the last ones finish all elements, all by vectors or none, with one that combines their workgroups'
 * totals in order.
 * @param bytes that the passes share from the first shared byte on
 */
export function finished(
  finish: Finish,
  before: readonly Pass[],
  last: readonly FinishingPass[],
  bytes: number,
  target: GpuTarget,
): KernelCode {
  const totals = finish.results.flatMap(({ combine, type }, output): Total[] =>
    combine ? [{ combine, type, output }] : [],
  );
  const groups = last.reduce((sum, each) => sum + each.groups, 0);
  const start = aligned(bytes) / 4;
  const partials: Partials = { totals, groups, unit: last.every(({ vectors }) => vectors) ? 4 : 1, start };
  let first = 0;
  const finishing = last.map((each): Pass => {
    const own = { ...partials, start: start + first * partials.unit };
    first += each.groups;
    return passOf(finish, each, own, target);
  });
  const join = totals.length > 0 ? [totalsPass(partials, finish.inputs.length + 1, target)] : [];
  const shared = 4 * (start + partialWords(partials));
  return { passes: [...before, ...finishing, ...join], ...(shared > 0 ? { shared } : {}) };
}

function passOf(
  finish: Finish,
  { groups, size, vectors = false, key, write }: FinishingPass,
  partials: Partials,
  target: GpuTarget,
): Pass {
  const { loops, offsets, inputs, nodes, results } = finish;
  const place = { partials, size, vectors, target };
  const isSubgroups = target.subgroups && partials.totals.length > 0;
  return {
    key: `${key} then ${JSON.stringify([loops, offsets, inputs, nodes, results, partials, isSubgroups], keyText)}`,
    workgroups: groupsOf(groups, target),
    vectors,
    ...(isSubgroups ? { features: ["subgroups"] } : {}),
    write: (operands) => {
      const math = new MathTexts();
      const text = write(operands, finishText(finish, operands, math, place), math);
      return `${text}\n${math.toString()}`;
    },
  };
}
