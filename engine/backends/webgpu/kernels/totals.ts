import type { Combine, ElementType } from "../../../kernel/kernel";
import type { GpuTarget, Operands, Pass } from "../code";
import { GroupCombiner, type Variable, accumulatorKind, combined, neutral } from "../wgsl/combine";
import { KIND_OF, typeName } from "../wgsl/elements";
import { converted } from "../wgsl/expression";
import { GROUP, entry, groupsOf } from "../wgsl/grid";
import { MathTexts } from "../wgsl/math";

/** One number that is combined of one of each workgroup. */
export interface Total {
  readonly combine: Combine;
  readonly type: ElementType;
  /** Number of the output. */
  readonly output: number;
}

/** Where workgroups leave their numbers in what passes share. */
export interface Partials {
  readonly totals: readonly Total[];
  readonly groups: number;
  /** Words that each takes: passes that write vectors write four. */
  readonly unit: 1 | 4;
  /** In words, a multiple of four. */
  readonly start: number;
}

/** Words of all of them. */
export function partialWords({ totals, groups, unit }: Partials): number {
  return totals.length * groups * unit;
}

/** Workgroup `group` leaves its number of the `order`-th total. */
export function storePartial(operands: Operands, partials: Partials, order: number, value: string): string {
  const { groups, unit, start } = partials;
  const { memory, start: begin } = operands.shared();
  const at = `${begin} + ${start / unit}u + ${order * groups}u + group`;
  return unit === 1
    ? `${memory}[${at}] = bitcast<u32>(${value});`
    : `${memory}[${at}] = vec4<u32>(bitcast<u32>(${value}), 0u, 0u, 0u);`;
}

/** Stores the only element of an output, whose memory is longer than that. */
export function storeTotal(operands: Operands, { type, output }: Total, value: string, unit: 1 | 4): string {
  const { memory, start } = operands.output(output);
  const text = converted({ text: value, kind: accumulatorKind(type) }, KIND_OF[type], 1);
  const bits = type === "bool" ? `select(0u, 1u, ${text})` : `bitcast<u32>(${text})`;
  return `${memory}[${start}] = ${unit === 1 ? bits : `vec4<u32>(${bits}, 0u, 0u, 0u)`};`;
}

/**
 * A workgroup for each total.
 * @param inputs how many the kernel has, since operands are numbered from the first of them on
 */
export function totalsPass(partials: Partials, inputs: number, target: GpuTarget): Pass {
  const { totals, groups } = partials;
  const most = target.software ? 16 : GROUP;
  const size = Math.min(most, Math.max(16, 2 ** Math.ceil(Math.log2(Math.max(1, groups / 4)))));
  return {
    key: `totals ${JSON.stringify([partials, inputs, size, target.subgroups])}`,
    workgroups: groupsOf(totals.length, target),
    ...(target.subgroups ? { features: ["subgroups"] } : {}),
    write: (operands) => {
      const math = new MathTexts();
      const combiner = new GroupCombiner(size, target.subgroups, math);
      const each = totals.map((total, order) => {
        const { combine, type } = total;
        const of = { combine, kind: accumulatorKind(type), name: "sum" };
        return `if (group == ${order}u) {
    var sum = ${neutral(combine, type)};
    ${groups === 0 ? "" : loadLoop(of, partials, order, size, operands, math)}
    ${combiner.combine([of]).join("\n    ")}
    if (local == 0u) { ${storeTotal(operands, total, "sum", 1)} }
  }`;
      });
      const text = [...combiner.beginning, ...each].join("\n  ");
      return `${combiner.declarations}${entry(totals.length, size, text)}\n${math.toString()}`;
    },
  };
}

/** Each invocation combines some of what workgroups have left. */
function loadLoop(
  of: Variable,
  { groups, unit, start }: Partials,
  order: number,
  size: number,
  operands: Operands,
  math: MathTexts,
): string {
  const { memory, start: begin } = operands.shared();
  const value = `bitcast<${typeName(of.kind, 1)}>(${memory}[${begin} + ${start + order * groups * unit}u + i * ${unit}u])`;
  const { name } = of;
  return `for (var i = local; i < ${groups}u; i += ${size}u) { ${name} = ${combined(of, 1, name, value, math)}; }`;
}
