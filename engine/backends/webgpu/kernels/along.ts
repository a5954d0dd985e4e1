import type { ArgumentKernel, CumulativeSumKernel } from "../../../kernel/kernel";
import type { GpuTarget, KernelCode, TypedKernel } from "../code";
import { KIND_OF, loadElement, storeElement } from "../wgsl/elements";
import { GROUP, entryForEach, groupsOf } from "../wgsl/grid";
import { MathTexts } from "../wgsl/math";
import { converted } from "../wgsl/expression";

/** The first NaN counts as both the largest and the smallest element. */
export function argumentCode(
  { kernel: { which, outer, length, inner }, inputs: [type] }: TypedKernel<ArgumentKernel>,
  target: GpuTarget,
): KernelCode {
  const count = outer * inner;
  if (count === 0) return { passes: [] };
  const sign = which === "maximum" ? ">" : "<";
  return {
    passes: [
      {
        key: `argument ${[which, outer, length, inner, type].join()}`,
        workgroups: groupsOf(Math.ceil(count / GROUP), target),
        write: (operands) => {
          const math = new MathTexts();
          const kind = type === "float32" ? "float" : "int";
          const isNan = (value: string): string => (kind === "float" ? `${math.name("isNan", 1)}(${value})` : "false");
          const load = (j: string): string => {
            const index = `(at / ${inner}u * ${length}u + ${j}) * ${inner}u + at % ${inner}u`;
            return converted({ text: loadElement(operands.input(0), type, index), kind: KIND_OF[type] }, kind, 1);
          };
          const text = `
  var best = 0u;
  var champion = ${load("0u")};
  for (var j = 1u; j < ${length}u; j++) {
    if (${isNan("champion")}) { break; }
    let value = ${load("j")};
    if (value ${sign} champion || ${isNan("value")}) { best = j; champion = value; }
  }
  ${storeElement(operands.output(0), "at", "best")}`;
          return `${math.toString()}\n${entryForEach(count, text)}`;
        },
      },
    ],
  };
}

export function cumulativeSumCode(
  { kernel: { outer, length, inner, reverse }, inputs: [type], outputs: [output] }: TypedKernel<CumulativeSumKernel>,
  target: GpuTarget,
): KernelCode {
  const count = outer * inner;
  if (count * length === 0) return { passes: [] };
  const kind = output === "int32" ? "int" : "float";
  return {
    passes: [
      {
        key: `cumulativeSum ${[outer, length, inner, reverse, type, kind].join()}`,
        workgroups: groupsOf(Math.ceil(count / GROUP), target),
        write: (operands) =>
          entryForEach(
            count,
            `
  var sum = ${kind === "int" ? "0i" : "0.0f"};
  for (var j = 0u; j < ${length}u; j++) {
    let index = (at / ${inner}u * ${length}u + ${reverse ? `${length - 1}u - j` : "j"}) * ${inner}u + at % ${inner}u;
    sum += ${converted({ text: loadElement(operands.input(0), type, "index"), kind: KIND_OF[type] }, kind, 1)};
    ${storeElement(operands.output(0), "index", "sum")}
  }`,
          ),
      },
    ],
  };
}
