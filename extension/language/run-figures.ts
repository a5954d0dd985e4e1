import { FIGURES, type LayerStatistics, type Prediction, type RunHistory } from "../../webview/protocol";
import { figureText } from "./amounts";

/** What a run or a prediction knows of one layer, as rows of a table. */
export type Row = readonly [name: string, value: string];

/** Characters of a sparkline, at most. */
const WIDTH = 24;

/** Of the last moment of a run, with the course of its gradient; empty where the run has nothing to say of the layer. */
export function runRows({ start, flow }: RunHistory, layer: string): Row[] {
  const index = start?.layers.findIndex(({ name }) => name === layer) ?? -1;
  const last = flow.at(-1);
  if (index < 0 || !last) return [];
  const figure = (name: keyof LayerStatistics, column = last): number | null =>
    column.values[index * FIGURES.length + FIGURES.indexOf(name)] ?? null;
  const [weight, update] = [figure("weight"), figure("update")];
  const course = sparkline(flow.map((column) => figure("gradient", column) ?? figure("outputGradient", column)));
  return [
    ...row("gradient norm", figure("gradient") ?? figure("outputGradient"), course),
    ...row("update / weight", weight !== null && update !== null && weight > 0 ? update / weight : null),
    ...row("activation (rms)", figure("activation")),
    ...share("dead units", figure("dead")),
    ...share("saturated", figure("saturated")),
  ];
}

/** Of one small batch at initialisation. */
export function predictedRows({ layers }: Prediction, layer: string): Row[] {
  const found = layers.find(({ name }) => name === layer);
  if (!found) return [];
  return [
    ...(found.finite ? [] : [["values", "not finite"] as const]),
    ...row("gradient norm", found.gradient ?? found.outputGradient),
    ...row("activation (rms)", found.activation),
    ...share("dead units", found.dead),
    ...share("saturated", found.saturated),
  ];
}

function row(name: string, value: number | null, more = ""): Row[] {
  return value === null ? [] : [[name, [figureText(value), more].filter((text) => text !== "").join(" ")]];
}

function share(name: string, value: number | null): Row[] {
  return value === null ? [] : [[name, `${Math.round(value * 100)} %`]];
}

const BARS = "▁▂▃▄▅▆▇█";

/** A curve in one line, on a logarithmic axis; what is missing is a gap, and zero the lowest bar. */
export function sparkline(values: readonly (number | null)[], width = WIDTH): string {
  const columns = Math.min(width, values.length);
  if (columns < 2) return "";
  const logs = Array.from({ length: columns }, (_, i) => {
    const part = values
      .slice(Math.floor((i * values.length) / columns), Math.floor(((i + 1) * values.length) / columns))
      .filter((value) => value !== null && Number.isFinite(value));
    if (part.length === 0) return null;
    const positive = part.filter((value) => value !== null && value > 0) as number[];
    if (positive.length < part.length) return Number.NEGATIVE_INFINITY;
    return positive.reduce((sum, value) => sum + Math.log(value), 0) / positive.length;
  });
  const finite = logs.filter((value) => value !== null && Number.isFinite(value)) as number[];
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  return logs
    .map((value) => {
      if (value === null) return " ";
      if (!Number.isFinite(value)) return BARS[0];
      // Less than a tenth up and down is no course worth drawing.
      const range = Math.max(high - low, Math.log(1.1));
      return BARS[Math.min(BARS.length - 1, Math.floor(((value - low) / range) * BARS.length))];
    })
    .join("");
}
