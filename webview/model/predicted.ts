/** The predicted gradient flow: its figures, what is healthy among them, and its axis. Pure. */
import { FRACTIONS, logarithmicScale, type Scale } from "../charts/scale";
import { DESCRIPTIONS, type FlowFigure } from "../flow/figures";
import { FIGURES, type FindingEvent, type FlowColumn, type PredictedLayer, type Prediction } from "../protocol";

export const PREDICTED_FIGURES = ["outputGradient", "gradient", "activation", "dead", "saturated"] as const;
export type PredictedFigure = (typeof PREDICTED_FIGURES)[number];

/**
 * Decades below and above the middle of the layers in which a norm is taken for healthy; fractions have a bound of their own. The
 * same as in the engine's `diagnose/bands`, so that a prediction and the run after it are judged alike.
 */
const DECADES: Readonly<Record<PredictedFigure, number | null>> = {
  outputGradient: 1.5,
  gradient: 1.5,
  activation: 1,
  dead: null,
  saturated: null,
};
const MOST_OF_FRACTION = 0.5;

/** What is healthy for this network; undefined where no layer has the figure. */
export function predictedBand(
  layers: readonly PredictedLayer[],
  figure: PredictedFigure,
): readonly [low: number, high: number] | undefined {
  const decades = DECADES[figure];
  if (decades === null) return [0, MOST_OF_FRACTION];
  const sorted = layers.map((layer) => layer[figure] ?? NaN).filter((value) => Number.isFinite(value) && value > 0);
  sorted.sort((a, b) => a - b);
  const middle = sorted[Math.floor((sorted.length - 1) / 2)];
  return middle === undefined ? undefined : [middle * 10 ** -decades, middle * 10 ** decades];
}

/** The prediction as one column of a gradient flow, which the chart of a run draws. */
export function predictedColumn({ layers }: Prediction): FlowColumn {
  const bands = PREDICTED_FIGURES.flatMap((figure) => {
    const band = predictedBand(layers, figure);
    return band ? [[figure, band] as const] : [];
  });
  return {
    iteration: 0,
    span: 1,
    values: layers.flatMap((layer) => FIGURES.map((figure) => (isPredicted(figure) ? layer[figure] : null))),
    bands: Object.fromEntries(bands),
  };
}

function isPredicted(figure: FlowFigure | (typeof FIGURES)[number]): figure is PredictedFigure {
  return (PREDICTED_FIGURES as readonly string[]).includes(figure);
}

/** Decades of nothing up to which an axis is kept, rather than drawn anew, when an edit moves the values. */
const SLACK = 4;

/** An axis that holds the values and the band: the last one where it still fits, since one that moves with every key cannot be read. */
export function predictedScale(
  layers: readonly PredictedLayer[],
  figure: PredictedFigure,
  last: Scale | undefined,
): Scale | undefined {
  if (DESCRIPTIONS[figure].kind === "fraction") return FRACTIONS;
  const values = [...layers.map((layer) => layer[figure] ?? 0), ...(predictedBand(layers, figure) ?? [])];
  const tight = logarithmicScale(values);
  if (!tight || last?.kind !== "logarithmic") return tight ?? last;
  const grown = logarithmicScale(values, last);
  return grown && decades(grown) <= decades(tight) + SLACK ? grown : tight;
}

function decades({ low, high }: Scale): number {
  return Math.round(Math.log10(high / low));
}

/** What the prediction foretells of single layers, as the rows of the chart show it; the rest is under -1. */
export function foretold({ layers, issues }: Prediction): ReadonlyMap<number, readonly FindingEvent[]> {
  const result = new Map<number, FindingEvent[]>();
  const add = (layer: number, finding: FindingEvent): void => {
    const list = result.get(layer);
    if (list) list.push(finding);
    else result.set(layer, [finding]);
  };
  for (const { code, severity, message, range } of issues) {
    const at = range ? layers.findIndex(({ file, line }) => file === range.file && line === range.line) : -1;
    const place = { file: range?.file ?? null, line: range?.line ?? null };
    add(at, { type: "finding", code, severity, message, layer: layers[at]?.name ?? null, ...place, iteration: 0 });
  }
  layers.forEach(({ name, finite, file, line }, i) => {
    if (finite || result.has(i)) return;
    const message = `${name} gives a number that is infinite or none at all`;
    add(i, { type: "finding", code: "not-finite", severity: "error", message, layer: name, file, line, iteration: 0 });
  });
  return result;
}
