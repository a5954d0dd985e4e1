/** Axes: where a value lies, and which values are written at them. */

export interface Scale {
  readonly kind: "logarithmic" | "linear";
  readonly low: number;
  readonly high: number;
}

/** From 0 (low) to 1 (high). Not clamped; 0 and what is below it lie left of every logarithmic axis. */
export function position({ kind, low, high }: Scale, value: number): number {
  if (kind === "linear") return (value - low) / (high - low);
  if (value <= 0) return -Infinity;
  return (Math.log10(value) - Math.log10(low)) / (Math.log10(high) - Math.log10(low));
}

/** The same kept on the axis, so that a mark stands at its end where the value lies beyond. */
export function clampedPosition(scale: Scale, value: number): number {
  return Math.min(Math.max(position(scale, value), 0), 1);
}

export const FRACTIONS: Scale = { kind: "linear", low: 0, high: 1 };

/**
 * A logarithmic axis of whole decades over what is positive, at least two of them; undefined where nothing is. It grows only
 * where the last axis does not hold what there is, since an axis that moves by itself cannot be read.
 */
export function logarithmicScale(values: Iterable<number>, last?: Scale): Scale | undefined {
  let least = Infinity;
  let most = 0;
  for (const value of values) {
    if (!(value > 0) || value === Infinity) continue;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  if (most === 0) return last;
  let low = decade(Math.floor, least);
  let high = decade(Math.ceil, most);
  if (last?.kind === "logarithmic") {
    low = Math.min(low, exponent(last.low));
    high = Math.max(high, exponent(last.high));
  }
  // Widened evenly, so that a single value stands in the middle.
  for (let up = true; high - low < 2; up = !up) {
    if (up) high++;
    else low--;
  }
  return { kind: "logarithmic", low: power(low), high: power(high) };
}

/** Values to write at the axis: whole decades, as many as there is room for, or tenths of a linear one. */
export function ticks({ kind, low, high }: Scale, most: number): number[] {
  const room = Math.max(most, 2);
  if (kind === "linear") {
    const step = niceStep((high - low) / (room - 1));
    const first = Math.ceil(low / step - 1e-9);
    const last = Math.floor(high / step + 1e-9);
    return Array.from({ length: last - first + 1 }, (_, i) => rounded((first + i) * step));
  }
  const [from, to] = [exponent(low), exponent(high)];
  const step = Math.max(1, Math.ceil((to - from) / (room - 1)));
  // Multiples of the step, so that the same decades are written when the axis grows.
  const first = Math.ceil(from / step) * step;
  return Array.from({ length: Math.floor((to - first) / step) + 1 }, (_, i) => power(first + i * step));
}

/** The smallest of 1, 2, 5, 10, 20 … that is no smaller. */
export function niceStep(least: number): number {
  const base = 10 ** Math.floor(Math.log10(least));
  for (const factor of [1, 2, 5]) if (factor * base >= least * (1 - 1e-9)) return rounded(factor * base);
  return rounded(10 * base);
}

function decade(round: (value: number) => number, value: number): number {
  const exact = Math.log10(value);
  // log10(0.001) is -3 but for rounding.
  return Math.abs(exact - Math.round(exact)) < 1e-9 ? Math.round(exact) : round(exact);
}

function exponent(value: number): number {
  return Math.round(Math.log10(value));
}

/** 10 ** -3 is 0.001 and not 0.0010000000000000002. */
function power(of: number): number {
  return Number(`1e${of}`);
}

function rounded(value: number): number {
  return Number(value.toPrecision(12));
}
