/** The figures of the gradient flow: what each is, how it is read from a column, and how it is written. */
import { FIGURES, type Figure, type FlowColumn } from "../protocol";

export const FLOW_FIGURES = [
  "outputGradient",
  "gradient",
  "ratio",
  "activation",
  "dead",
  "saturated",
  "weight",
] as const;
export type FlowFigure = (typeof FLOW_FIGURES)[number];

export interface FigureDescription {
  readonly label: string;
  /** In a narrow panel. */
  readonly short: string;
  readonly meaning: string;
  /** Fractions have a linear axis from 0 to 1, norms a logarithmic one. */
  readonly kind: "norm" | "fraction";
}

export const DESCRIPTIONS: Readonly<Record<FlowFigure, FigureDescription>> = {
  outputGradient: {
    label: "Output gradient",
    short: "∂L/∂out",
    meaning: "Norm of the loss's gradient with respect to what the layer gives",
    kind: "norm",
  },
  gradient: {
    label: "Parameter gradient",
    short: "∂L/∂θ",
    meaning: "Norm of the loss's gradient with respect to the layer's parameters",
    kind: "norm",
  },
  ratio: {
    label: "Update / weight",
    short: "Δθ/θ",
    meaning: "Norm of the last update relative to the norm of the parameters; near 0.001 is usual",
    kind: "norm",
  },
  activation: {
    label: "Activation",
    short: "Act.",
    meaning: "Root mean square of what the layer gives",
    kind: "norm",
  },
  dead: {
    label: "Dead units",
    short: "Dead",
    meaning: "Fraction of units that are 0 for the whole batch behind a ReLU",
    kind: "fraction",
  },
  saturated: {
    label: "Saturated",
    short: "Sat.",
    meaning: "Fraction of elements in the flat ends of a sigmoid or tanh",
    kind: "fraction",
  },
  weight: { label: "Weight norm", short: "‖θ‖", meaning: "Norm of the layer's parameters", kind: "norm" },
};

const COUNT = FIGURES.length;

/** A layer's figure in a column; null where it has no meaning or was not finite. */
export function figureOf(column: FlowColumn, layer: number, figure: FlowFigure): number | null {
  if (figure !== "ratio") return read(column, layer, figure);
  const update = read(column, layer, "update");
  const weight = read(column, layer, "weight");
  return update === null || weight === null || weight === 0 ? null : update / weight;
}

/** What is healthy for this network. Updates are judged by their ratio to the weights: the band of updates is for the median one. */
export function bandOf(
  column: FlowColumn,
  layers: number,
  figure: FlowFigure,
): readonly [low: number, high: number] | null {
  if (figure !== "ratio") return column.bands[figure] ?? null;
  const weights = Array.from({ length: layers }, (_, layer) => read(column, layer, "weight") ?? 0);
  const positive = weights.filter((weight) => weight > 0).sort((a, b) => a - b);
  const median = positive[Math.floor((positive.length - 1) / 2)];
  const band = column.bands.update;
  return band && median !== undefined ? [band[0] / median, band[1] / median] : null;
}

function read(column: FlowColumn, layer: number, figure: Figure): number | null {
  const value = column.values[layer * COUNT + FIGURES.indexOf(figure)];
  return value !== undefined && value !== null && Number.isFinite(value) ? value : null;
}
