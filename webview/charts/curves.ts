/** Which charts and curves there are of the runs that are drawn: plain data, before any drawing. */
import type { EpochEvent, RunHistory } from "../protocol";
import { join, type Curve } from "./join";
import { smoothed } from "./smooth";

export interface DrawnRun {
  readonly id: string;
  readonly label: string;
  readonly history: RunHistory;
}

export interface CurveOptions {
  readonly smoothing: number;
  readonly logarithmic: boolean;
  readonly axis: "iteration" | "epoch";
}

export interface ChartCurve {
  /** For the legend's switch: the same for a metric's curves of one run and kind whatever their order. */
  readonly key: string;
  readonly label: string;
  /** Position among the drawn runs: chooses the colour. */
  readonly run: number;
  readonly data: "training" | "validation";
  /** `edge`s bound the area between least and most; `faint` is the unsmoothed curve. */
  readonly role: "main" | "faint" | "edge";
}

export interface Chart {
  readonly id: string;
  readonly title: string;
  readonly curves: readonly ChartCurve[];
  /** The common x axis, then one list a curve. */
  readonly data: readonly [readonly number[], ...(readonly (number | null | undefined)[])[]];
}

/** The loss, then one chart for each metric that the first run reports. */
export function buildCharts(runs: readonly DrawnRun[], options: CurveOptions): readonly Chart[] {
  const names = metricNames(runs.flatMap(({ history }) => history.epochs.slice(-1)));
  return [lossChart(runs, options), ...names.map((name) => metricChart(name, runs, options))];
}

/** Metrics of any of the epochs, in the order in which they are reported. */
export function metricNames(epochs: readonly EpochEvent[]): readonly string[] {
  return [
    ...new Set(
      epochs.flatMap((epoch) => [...Object.keys(epoch.metrics), ...Object.keys(epoch.validation?.metrics ?? {})]),
    ),
  ];
}

function lossChart(runs: readonly DrawnRun[], options: CurveOptions): Chart {
  const built = runs.flatMap((run, index) => [
    ...trainingLoss(run, index, options),
    ...validationLoss(run, index, options),
  ]);
  return chart("loss", "Loss", built, options);
}

type Built = readonly [ChartCurve, Curve];

function trainingLoss(run: DrawnRun, index: number, options: CurveOptions): Built[] {
  const { loss } = run.history;
  if (loss.length === 0) return [];
  const iterations = loss.map((point) => point.iteration);
  const xs = iterations.map(axisOf(run.history, options));
  const means = loss.map((point) => point.mean);
  const range = iterations[iterations.length - 1] - iterations[0];
  const key = `${run.id} loss training`;
  const curve = (role: ChartCurve["role"], ys: Curve["ys"]): Built => [
    { key, label: named(run, runsLabel("training")), run: index, data: "training", role },
    { xs, ys },
  ];
  const main = curve("main", smoothed(iterations, means, options.smoothing, range));
  // Of compared runs only the main line: more would hide the shown one.
  if (index > 0) return [main];
  const edges = [
    curve(
      "edge",
      loss.map((point) => point.least),
    ),
    curve(
      "edge",
      loss.map((point) => point.most),
    ),
  ];
  return options.smoothing > 0 ? [...edges, curve("faint", means), main] : [...edges, main];
}

function validationLoss(run: DrawnRun, index: number, options: CurveOptions): Built[] {
  return epochCurve(run, index, "loss", "validation", options, (epoch) => epoch.validation?.loss);
}

function metricChart(name: string, runs: readonly DrawnRun[], options: CurveOptions): Chart {
  const built = runs.flatMap((run, index) => [
    ...epochCurve(run, index, name, "training", options, (epoch) => epoch.metrics[name]),
    ...epochCurve(run, index, name, "validation", options, (epoch) => epoch.validation?.metrics[name]),
  ]);
  return chart(`metric ${name}`, titled(name), built, { ...options, logarithmic: false });
}

function epochCurve(
  run: DrawnRun,
  index: number,
  name: string,
  data: ChartCurve["data"],
  options: CurveOptions,
  read: (epoch: EpochEvent) => number | undefined,
): Built[] {
  const at = axisOf(run.history, options);
  const points = run.history.epochs.flatMap((epoch) => {
    const value = read(epoch);
    return value === undefined ? [] : [{ x: at(epoch.iteration), y: Number.isFinite(value) ? value : null }];
  });
  if (points.length === 0) return [];
  return [
    [
      { key: `${run.id} ${name} ${data}`, label: named(run, runsLabel(data)), run: index, data, role: "main" },
      { xs: points.map(({ x }) => x), ys: points.map(({ y }) => y) },
    ],
  ];
}

function chart(id: string, title: string, built: readonly Built[], { logarithmic }: CurveOptions): Chart {
  const [xs, ...lists] = join(built.map(([, curve]) => curve));
  const drawable = logarithmic ? lists.map((list) => list.map(positive)) : lists;
  return { id, title, curves: built.map(([curve]) => curve), data: [xs, ...drawable] };
}

/** A logarithmic axis has no place for the others. */
function positive(value: number | null | undefined): number | null | undefined {
  return typeof value === "number" && value <= 0 ? null : value;
}

function axisOf(history: RunHistory, { axis }: CurveOptions): (iteration: number) => number {
  const perEpoch = history.start?.iterationsPerEpoch ?? 0;
  return axis === "epoch" && perEpoch > 0 ? (iteration) => iteration / perEpoch : (iteration) => iteration;
}

function runsLabel(data: ChartCurve["data"]): string {
  return data === "training" ? "Training" : "Validation";
}

function named(run: DrawnRun, text: string): string {
  return run.label === "" ? text : `${text} · ${run.label}`;
}

function titled(name: string): string {
  const spaced = name.replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}
