import type { LayerStatistics } from "../train/statistics";

/** What is healthy for this network now, per figure: between these values. Norms are meant on a log axis. */
export type Bands = Partial<Readonly<Record<keyof LayerStatistics, readonly [low: number, high: number]>>>;

/** Decades below and above the middle of the layers in which a norm is taken for healthy. */
const GRADIENT_DECADES = 1.5;
const ACTIVATION_DECADES = 1;

/**
 * Norms are healthy near those of the other layers, whatever their size: the band lies around their median. Updates are healthy
 * in relation to the weights they change.
 */
export function bandsOf(layers: readonly LayerStatistics[]): Bands {
  const weight = medianOf(layers.map((layer) => layer.weight));
  return {
    ...around("outputGradient", layers, GRADIENT_DECADES),
    ...around("gradient", layers, GRADIENT_DECADES),
    ...around("activation", layers, ACTIVATION_DECADES),
    ...around("weight", layers, ACTIVATION_DECADES),
    ...(weight === undefined ? {} : { update: [1e-4 * weight, 3e-2 * weight] as const }),
    dead: [0, 0.5],
    saturated: [0, 0.5],
  };
}

function around(
  figure: "outputGradient" | "gradient" | "activation" | "weight",
  layers: readonly LayerStatistics[],
  decades: number,
): Bands {
  const middle = medianOf(layers.map((layer) => layer[figure]));
  return middle === undefined ? {} : { [figure]: [middle * 10 ** -decades, middle * 10 ** decades] };
}

function medianOf(values: readonly number[]): number | undefined {
  const sorted = values.filter((value) => Number.isFinite(value) && value > 0).sort((a, b) => a - b);
  return sorted.length === 0 ? undefined : sorted[Math.floor((sorted.length - 1) / 2)];
}
