/** A curve of its own x values. */
export interface Curve {
  readonly xs: readonly number[];
  /** `null` is a gap. */
  readonly ys: readonly (number | null)[];
}

/**
 * Curves over one common x axis, in the form that uPlot wants: `undefined` where a curve has no point (its line goes on),
 * `null` where it has a gap. Every curve's x must rise; of equal ones the last counts.
 */
export function join(curves: readonly Curve[]): [number[], ...(number | null | undefined)[][]] {
  const xs = [...new Set(curves.flatMap((curve) => curve.xs))].sort((a, b) => a - b);
  return [
    xs,
    ...curves.map((curve) => {
      let at = 0;
      return xs.map((x) => {
        let y: number | null | undefined;
        for (; at < curve.xs.length && curve.xs[at] <= x; at++) y = curve.ys[at];
        return y;
      });
    }),
  ];
}
