/** `logits[3, 1]`; a scalar has no index. */
export function elementText(name: string, index: readonly (number | string)[]): string {
  return index.length === 0 ? name : `${name}[${index.join(", ")}]`;
}

/** A number in few digits; those that JSON lacks come as the texts that `Number` reads. */
export function numberText(sent: number | string): string {
  const value = Number(sent);
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "-∞";
  if (Object.is(value, -0)) return "-0";
  return String(Number(value.toPrecision(5)));
}
