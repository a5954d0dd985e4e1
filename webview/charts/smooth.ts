/** Width of a chart in points for which the smoothing's slider is made. */
const POINTS_ACROSS = 1000;

/**
 * Exponentially weighted moving average. The weight is for a step of a thousandth of the range, and steps of other sizes count
 * accordingly: so a curve keeps its form when its older part is thinned out, or points come at uneven distances. Early
 * values are not drawn towards 0 (the sum of weights is divided out). `null` stays `null` and begins no new average.
 */
export function smoothed(
  xs: readonly number[],
  ys: readonly (number | null)[],
  weight: number,
  range: number,
): (number | null)[] {
  if (weight <= 0 || range <= 0) return [...ys];
  let sum = 0;
  let total = 0;
  let last = xs[0];
  return ys.map((y, i) => {
    if (y === null || !Number.isFinite(y)) return null;
    const decay = weight ** (((xs[i] - last) / range) * POINTS_ACROSS);
    last = xs[i];
    // The weight of a value is that of the stretch since the one before; the first stands for its own alone.
    const share = total === 0 ? 1 - weight : Math.max(1 - decay, 1e-12);
    sum = sum * decay + y * share;
    total = total * decay + share;
    return sum / total;
  });
}
