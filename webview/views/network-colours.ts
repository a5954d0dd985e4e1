/** What of a layer's health the drawings of the network show, as a colour. */
import { figureOf } from "../flow/figures";
import type { ModelLayer, PredictedLayer, RunHistory } from "../protocol";

export interface LayerColours {
  /** Position on the ramp from 0 to 1 for each layer; null where nothing is known. */
  readonly positions: readonly (number | null)[];
  readonly values: readonly (number | null)[];
  readonly least: number;
  readonly most: number;
  /** Null for a prediction. */
  readonly iteration: number | null;
}

/** Norms of the layers' output gradients on a logarithmic ramp from the least to the greatest; undefined before any. */
export function layerColours(history: RunHistory | null): LayerColours | undefined {
  const column = history?.flow.at(-1);
  const layers = history?.start?.layers;
  if (!column || !layers) return undefined;
  const values = layers.map((_, i) => figureOf(column, i, "outputGradient") ?? figureOf(column, i, "gradient"));
  return onRamp(values, column.iteration);
}

/** The same as a prediction has it, also where it is of an earlier text: layers are known by name. */
export function predictedColours(
  layers: readonly Pick<ModelLayer, "name">[],
  predicted: readonly PredictedLayer[],
): LayerColours | undefined {
  const byName = new Map(predicted.map((layer) => [layer.name, layer.outputGradient ?? layer.gradient]));
  return onRamp(
    layers.map(({ name }) => byName.get(name) ?? null),
    null,
  );
}

function onRamp(values: readonly (number | null)[], iteration: number | null): LayerColours | undefined {
  const positive = values.filter((value): value is number => value !== null && value > 0);
  if (positive.length === 0) return undefined;
  const [least, most] = [Math.min(...positive), Math.max(...positive)];
  const width = Math.log(most) - Math.log(least);
  const positions = values.map((value) => {
    if (value === null) return null;
    if (value <= 0) return 0;
    // Norms that differ by less than a factor of two are of one colour, rather than the ends of the ramp.
    return width < Math.LN2 ? 0.5 : (Math.log(value) - Math.log(least)) / width;
  });
  return { positions, values, least, most, iteration };
}

/** A colour of the ramp. */
export function rampColour(ramp: readonly string[], position: number | null | undefined): string | undefined {
  if (position === null || position === undefined) return undefined;
  return ramp[Math.round(position * (ramp.length - 1))];
}
