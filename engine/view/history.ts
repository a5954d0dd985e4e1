import type { Bands } from "../diagnose/bands";
import type { EndEvent, EpochEvent, FindingEvent, StartEvent } from "../train/events";
import type { LayerStatistics } from "../train/statistics";

/**
 * What is remembered of a run, in bounded memory: curves and gradient flow thin out as the run grows, epochs and findings stay
 * readable. The host, the editor and the panel each hold one and extend it by the same ticks. Plain records only: it is sent
 * as a message and saved as JSON.
 */

export type Figure = keyof LayerStatistics;

/** In the order of a {@link FlowColumn}. Written out, since a panel must not load the engine for it. */
export const FIGURES = Object.keys({
  outputGradient: true,
  gradient: true,
  weight: true,
  update: true,
  activation: true,
  dead: true,
  saturated: true,
} satisfies Record<Figure, true>) as readonly Figure[];

/** What happened since the last tick; at most about ten a second whatever the speed of the training. */
export interface Tick {
  /** Updates so far. */
  readonly iteration: number;
  /** The epoch that goes on, from 1. */
  readonly epoch: number;
  readonly learningRate: number;
  readonly examplesPerSecond: number;
  /** Training loss, one point for several iterations where there are many. */
  readonly loss: readonly CurvePoint[];
  /** Several where many iterations ended since the last tick, so that short trainings have a course too. */
  readonly flow: readonly FlowColumn[];
  /** The last ones, where there are too many to send them all. */
  readonly epochs: readonly EpochEvent[];
  /** Raised, changed or withdrawn. */
  readonly findings: readonly FindingEvent[];
  /** Before all this: what was told of more updates than so many is void, since the past was changed. */
  readonly rewind?: number;
}

export interface CurvePoint {
  /** The last iteration that it stands for. */
  readonly iteration: number;
  /** How many points it was merged from. */
  readonly span: number;
  readonly mean: number | null;
  readonly least: number | null;
  readonly most: number | null;
}

/** Figures of all layers at one time. `null` stands for "no meaning for this layer" and for numbers that are not finite. */
export interface FlowColumn {
  /** The last iteration that it stands for. */
  readonly iteration: number;
  /** How many columns it was merged from. */
  readonly span: number;
  /** Layer by layer in the order of `start.layers`, each with the figures in the order of {@link FIGURES}. */
  readonly values: readonly (number | null)[];
  /** What is healthy for this network now, for figures of which that can be said. */
  readonly bands: Bands;
}

export type { Bands } from "../diagnose/bands";

export type RunState = "starting" | "running" | "paused" | "stopping" | "ended" | "failed";

export interface RunHistory {
  readonly start: StartEvent | null;
  readonly state: RunState;
  /** Why it failed, as told to the user. */
  readonly failure: string | null;
  readonly end: EndEvent | null;
  readonly iteration: number;
  readonly epoch: number;
  readonly learningRate: number;
  readonly examplesPerSecond: number;
  readonly loss: readonly CurvePoint[];
  readonly flow: readonly FlowColumn[];
  readonly epochs: readonly EpochEvent[];
  /** By {@link findingKey}, the standing ones, most severe and newest first. */
  readonly findings: readonly FindingEvent[];
}

export const emptyHistory: RunHistory = {
  start: null,
  state: "starting",
  failure: null,
  end: null,
  iteration: 0,
  epoch: 0,
  learningRate: 0,
  examplesPerSecond: 0,
  loss: [],
  flow: [],
  epochs: [],
  findings: [],
};

/** Points of a curve, columns of the heat strip and epochs that are kept, at most. */
export const MOST_POINTS = 2000;
export const MOST_COLUMNS = 240;
export const MOST_EPOCHS = 2000;
export const MOST_FINDINGS = 100;

/** The history after one more tick. Costs as much as the tick is long, but for a thinning now and then. */
export function extendHistory(before: RunHistory, tick: Tick): RunHistory {
  const history = tick.rewind === undefined ? before : rewound(before, tick.rewind);
  return {
    ...history,
    iteration: tick.iteration,
    epoch: tick.epoch,
    learningRate: tick.learningRate,
    examplesPerSecond: tick.examplesPerSecond,
    loss: tick.loss.reduce((list, point) => bounded(list, point, MOST_POINTS, mergePoints), history.loss),
    flow: tick.flow.reduce((list, column) => bounded(list, column, MOST_COLUMNS, mergeColumns), history.flow),
    epochs: boundedEpochs([...history.epochs, ...tick.epochs]),
    findings: tick.findings.length === 0 ? history.findings : tick.findings.reduce(withFinding, history.findings),
  };
}

/** What was told until so many updates. A point that stands for more than these goes as a whole. */
export function until<T extends { readonly iteration: number }>(list: readonly T[], rewind: number): T[] {
  return list.filter(({ iteration }) => iteration <= rewind);
}

function rewound({ loss, flow, epochs, findings, ...rest }: RunHistory, rewind: number): RunHistory {
  return {
    ...rest,
    loss: until(loss, rewind),
    flow: until(flow, rewind),
    epochs: until(epochs, rewind),
    findings: until(findings, rewind),
  };
}

/** Two findings with one key are one finding that changed. */
export function findingKey({ code, layer, line }: FindingEvent): string {
  return `${code} ${layer ?? ""} ${layer === null ? (line ?? "") : ""}`;
}

const SEVERITIES: readonly FindingEvent["severity"][] = ["error", "warning", "information"];

function withFinding(findings: readonly FindingEvent[], changed: FindingEvent): readonly FindingEvent[] {
  const key = findingKey(changed);
  const others = findings.filter((finding) => findingKey(finding) !== key);
  if (changed.withdrawn) return others;
  return [changed, ...others]
    .sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity))
    .slice(0, MOST_FINDINGS);
}

interface Spanning {
  readonly span: number;
}

/**
 * Appends to a list that may not grow beyond `most`: then all neighbours are merged, and from there on new items gather until
 * they stand for as much as the old ones. So the list covers the whole run evenly, however long it lasts.
 */
function bounded<T extends Spanning>(
  list: readonly T[],
  item: T,
  most: number,
  merge: (a: T, b: T) => T,
): readonly T[] {
  const full = list[0]?.span ?? 1;
  const next = [...list, item];
  // The end of the list is a binary counter: equal spans merge until they are full.
  for (;;) {
    const [before, last] = next.slice(-2);
    if (last === undefined || before.span !== last.span || last.span >= full) break;
    next.splice(-2, 2, merge(before, last));
  }
  if (next.length <= most) return next;
  const merged: T[] = [];
  for (let i = 0; i < next.length; i++) {
    const other = next[i + 1] as T | undefined;
    if (other?.span === next[i].span) merged.push(merge(next[i++], other));
    else merged.push(next[i]);
  }
  return merged;
}

/** Of too many epochs every second, fourth, … stays, and always the first and the last. */
function boundedEpochs(epochs: readonly EpochEvent[]): readonly EpochEvent[] {
  let kept = epochs;
  for (let stride = 2; kept.length > MOST_EPOCHS; stride *= 2) {
    kept = kept.filter(({ epoch }, i) => i === 0 || i === kept.length - 1 || epoch % stride === 0);
  }
  return kept;
}

function mergePoints(a: CurvePoint, b: CurvePoint): CurvePoint {
  return {
    iteration: b.iteration,
    span: a.span + b.span,
    mean: a.mean === null || b.mean === null ? null : (a.mean + b.mean) / 2,
    least: extreme(Math.min, a.least, b.least),
    most: extreme(Math.max, a.most, b.most),
  };
}

function extreme(choose: (a: number, b: number) => number, a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : choose(a, b);
}

function mergeColumns(a: FlowColumn, b: FlowColumn): FlowColumn {
  const values = b.values.map((later, i) => meanFigure(FIGURES[i % FIGURES.length], [a.values[i] ?? null, later]));
  return { iteration: b.iteration, span: a.span + b.span, values, bands: b.bands };
}

/**
 * Norms span decades, so their mean is geometric; fractions have an ordinary one. To six digits, which nobody can tell from more in a
 * drawing and which are half as long to save and to send.
 */
export function meanFigure(figure: Figure, values: readonly (number | null)[]): number | null {
  let sum = 0;
  let count = 0;
  const geometric = figure !== "dead" && figure !== "saturated";
  for (const value of values) {
    if (value === null || !Number.isFinite(value)) continue;
    if (geometric && value <= 0) return 0;
    sum += geometric ? Math.log(value) : value;
    count++;
  }
  if (count === 0) return null;
  return Number((geometric ? Math.exp(sum / count) : sum / count).toPrecision(6));
}
