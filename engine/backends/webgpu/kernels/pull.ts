import type { ElementType } from "../../../kernel/kernel";
import type { GpuTarget, Operands, Pass } from "../code";
import { storeBools, storeElement } from "../wgsl/elements";
import { GROUP, entryForEach, groupsOf } from "../wgsl/grid";

/** Elements that are each found on their own. */
export interface Pull {
  /** Names all that the text depends on. */
  readonly key: string;
  readonly size: number;
  readonly type: ElementType;
  /**
   * Statements that set `value` for the element number `element` (u32): of a bool type a bool, else a u32 with its bits. It is declared, and
   * 0. No invocation waits for another in them, and none returns.
   */
  write(operands: Operands): { readonly statements: string; readonly functions?: string };
}

/** A pass of an invocation for each element, or for four where they are flags, since those are one word. */
export function pullPass(pull: Pull, target: GpuTarget): Pass {
  const { key, size, type } = pull;
  const isFlags = type === "bool";
  const count = isFlags ? Math.ceil(size / 4) : size;
  return {
    key: `${key} ${type}`,
    workgroups: groupsOf(Math.ceil(count / GROUP), target),
    write: (operands) => {
      const { statements, functions = "" } = pull.write(operands);
      const output = operands.output(0);
      const text = isFlags
        ? `
  var flags = vec4<bool>(false);
  for (var lane = 0u; lane < 4u; lane++) {
    let element = at * 4u + lane;
    if (element >= ${size}u) { break; }
    var value = false;
    ${statements}
    flags[lane] = value;
  }
  ${storeBools(output, "at * 4u", "flags")}`
        : `
  let element = at;
  var value = 0u;
  ${statements}
  ${storeElement(output, "element", "value")}`;
      return `${functions}\n${entryForEach(count, text)}`;
    },
  };
}

/** Text of an element's bits, or of a flag: what {@link Pull} wants. */
export function bitsOf(
  { memory, start }: { readonly memory: string; readonly start: string },
  type: ElementType,
  index: string,
): string {
  if (type === "bool") return `byteOf(${memory}[${start} + ((${index}) >> 2u)], ${index})`;
  return `${memory}[${start} + (${index})]`;
}
