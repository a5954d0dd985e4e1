import type { Loop } from "../../../kernel/loops";

/** Statements that take a number (u32 text) apart into positions `prefix0…` (i32) along loops, outermost first. */
export function positionsOf(loops: readonly { readonly size: number }[], number: string, prefix: string): string[] {
  const statements: string[] = [];
  let rest = number;
  for (let at = loops.length - 1; at >= 0; at--) {
    const { size } = loops[at];
    if (at === 0) statements.push(`let ${prefix}${at} = i32(${rest});`);
    else {
      statements.push(`let ${prefix}${at} = i32(${rest} % ${size}u);`);
      const next = `${prefix}rest${at}`;
      statements.push(`let ${next} = ${rest} / ${size}u;`);
      rest = next;
    }
  }
  return statements;
}

/** offset + Σ position·stride as text (i32). */
export function addressOf(loops: readonly Loop[], prefixes: readonly string[], view: number, offset: number): string {
  const terms = loops.flatMap(({ strides }, at) => {
    const stride = strides[view];
    if (stride === 0) return [];
    return [stride === 1 ? prefixes[at] : `${prefixes[at]} * ${stride}`];
  });
  if (offset !== 0 || terms.length === 0) terms.push(String(offset));
  return terms.join(" + ");
}
