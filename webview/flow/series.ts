/** What the chart of the gradient flow needs of a history for one figure. Pure. */
import { clampedPosition, FRACTIONS, logarithmicScale, type Scale } from "../charts/scale";
import type { FindingEvent, FlowColumn, StartEvent } from "../protocol";
import { bandOf, DESCRIPTIONS, figureOf, type FlowFigure } from "./figures";

/** Columns of which the extremes are drawn behind a value. */
export const RECENT = 24;

export interface ScaleMemory {
  readonly scale: Scale | undefined;
  /** The last that it holds. */
  readonly iteration: number;
}

/** The figure's axis with what came since: norms have one that holds all of the history and the healthy band. */
export function extendScale(
  memory: ScaleMemory | undefined,
  columns: readonly FlowColumn[],
  layers: number,
  figure: FlowFigure,
): ScaleMemory {
  const iteration = columns.at(-1)?.iteration ?? 0;
  if (DESCRIPTIONS[figure].kind === "fraction") return { scale: FRACTIONS, iteration };
  if (memory?.iteration === iteration) return memory;
  // A run that begins anew has an axis of its own.
  const last = memory && memory.iteration < iteration ? memory : undefined;
  // Columns that were merged lie within the axis of those they were merged from.
  let from = columns.length;
  while (from > 0 && columns[from - 1].iteration > (last?.iteration ?? 0)) from--;
  return { scale: logarithmicScale(valuesFrom(columns, from, layers, figure), last?.scale), iteration };
}

function* valuesFrom(
  columns: readonly FlowColumn[],
  from: number,
  layers: number,
  figure: FlowFigure,
): Generator<number> {
  for (let i = from; i < columns.length; i++) {
    for (let layer = 0; layer < layers; layer++) yield figureOf(columns[i], layer, figure) ?? 0;
    if (i === columns.length - 1) yield* bandOf(columns[i], layers, figure) ?? [];
  }
}

/** Each layer's figure in a column. */
export function currentValues(column: FlowColumn | undefined, layers: number, figure: FlowFigure): (number | null)[] {
  return Array.from({ length: layers }, (_, layer) => (column ? figureOf(column, layer, figure) : null));
}

/** Each layer's least and greatest figure in the last columns. */
export function recentExtremes(
  columns: readonly FlowColumn[],
  layers: number,
  figure: FlowFigure,
): (readonly [number, number] | null)[] {
  const last = columns.slice(-RECENT);
  return Array.from({ length: layers }, (_, layer) => {
    let least = Infinity;
    let most = -Infinity;
    for (const column of last) {
      const value = figureOf(column, layer, figure);
      if (value === null) continue;
      least = Math.min(least, value);
      most = Math.max(most, value);
    }
    return least <= most ? ([least, most] as const) : null;
  });
}

/** Where marks belong; what has no value stays where it was. */
export function targets(values: readonly (number | null)[], scale: Scale, before: Float64Array): Float64Array {
  return Float64Array.from(values, (value, layer) =>
    value === null ? (before[layer] ?? 0) : clampedPosition(scale, value),
  );
}

const ORDER: readonly FindingEvent["severity"][] = ["information", "warning", "error"];

/** The findings of each layer, the worst first; those of the whole run are under -1. */
export function findingsByLayer(
  findings: readonly FindingEvent[],
  layers: StartEvent["layers"],
): ReadonlyMap<number, readonly FindingEvent[]> {
  const byName = new Map(layers.map((layer, i) => [layer.name, i] as const).reverse());
  const result = new Map<number, FindingEvent[]>();
  for (const finding of findings) {
    const layer = finding.layer === null ? -1 : (byName.get(finding.layer) ?? -1);
    const list = result.get(layer) ?? [];
    list.push(finding);
    result.set(layer, list);
  }
  for (const list of result.values()) list.sort((a, b) => ORDER.indexOf(b.severity) - ORDER.indexOf(a.severity));
  return result;
}
