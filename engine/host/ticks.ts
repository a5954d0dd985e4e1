import type { EpochEvent, FindingEvent, IterationEvent, TrainingEvent } from "../train/events";
import { type Bands, type CurvePoint, FIGURES, type FlowColumn, type Tick, meanFigure, until } from "../view/history";

/** Gathers the events of a training into ticks, so that its speed is no load for the editor. */
export interface TickCollector {
  add(event: Collected): void;
  /** What happened since the last take; `undefined` where nothing did. */
  take(): Tick | undefined;
}

/** Points of the loss curve, and epochs, in one tick. */
const MOST_POINTS = 16;
const MOST_EPOCHS = 32;

export function createTickCollector(bands: () => Bands): TickCollector {
  let losses: { iteration: number; loss: number }[] = [];
  let epochs: EpochEvent[] = [];
  let findings: FindingEvent[] = [];
  let rewind: number | undefined;
  let flow = createFlow();
  let last: Pick<IterationEvent, "iteration" | "epoch" | "learningRate" | "examplesPerSecond"> | undefined;
  return {
    add(event) {
      switch (event.type) {
        case "iteration":
          last = event;
          losses.push(event);
          flow.add(event);
          return;
        case "epoch":
          last = { examplesPerSecond: last?.examplesPerSecond ?? 0, ...event };
          epochs.push(event);
          return;
        case "finding":
          last ??= { ...event, epoch: 0, learningRate: 0, examplesPerSecond: 0 };
          findings.push(event);
          return;
        case "rewind":
          rewind = Math.min(event.iteration, rewind ?? Infinity);
          last = { learningRate: 0, examplesPerSecond: 0, ...last, iteration: event.iteration, epoch: event.epoch };
          losses = until(losses, event.iteration);
          epochs = until(epochs, event.iteration);
          findings = until(findings, event.iteration);
          flow.rewind(event.iteration);
          return;
        default:
          event satisfies never;
      }
    },
    take() {
      const isEmpty = losses.length === 0 && epochs.length === 0 && findings.length === 0 && rewind === undefined;
      if (!last || isEmpty) return undefined;
      const { iteration, epoch, learningRate, examplesPerSecond } = last;
      const tick: Tick = {
        iteration,
        epoch,
        learningRate,
        examplesPerSecond,
        loss: pointsOf(losses),
        flow: flow.columns(bands),
        epochs: epochs.slice(-MOST_EPOCHS),
        findings,
        ...(rewind !== undefined && { rewind }),
      };
      rewind = undefined;
      losses = [];
      epochs = [];
      findings = [];
      flow = createFlow();
      return tick;
    },
  };
}

/** Each point stands for about as many iterations as the others. */
function pointsOf(losses: readonly { iteration: number; loss: number }[]): CurvePoint[] {
  const width = Math.max(1, Math.ceil(losses.length / MOST_POINTS));
  const points: CurvePoint[] = [];
  for (let at = 0; at < losses.length; at += width) {
    const group = losses.slice(at, at + width);
    const values = group.map(({ loss }) => loss);
    points.push({
      iteration: group[group.length - 1].iteration,
      span: 1,
      mean: finite(values.reduce((a, b) => a + b, 0) / values.length),
      least: finite(Math.min(...values)),
      most: finite(Math.max(...values)),
    });
  }
  return points;
}

interface Flow {
  add(event: IterationEvent): void;
  rewind(iteration: number): void;
  columns(bands: () => Bands): FlowColumn[];
}

/** Iterations of one tick that go into its columns, at most: of more every second, fourth, … does. */
const MOST_ITERATIONS = 128;
/** Columns of one tick, and iterations of a column, if there are so many. */
const MOST_COLUMNS = 8;
const COLUMN_ITERATIONS = 4;

function createFlow(): Flow {
  let events: IterationEvent[] = [];
  /** Of so many iterations one is taken, the last. */
  let stride = 1;
  let last: IterationEvent | undefined;
  return {
    add(event) {
      if (event.statistics.length === 0) return;
      last = event;
      if (event.iteration % stride !== 0) return;
      events.push(event);
      if (events.length <= MOST_ITERATIONS) return;
      stride *= 2;
      events = events.filter(({ iteration }) => iteration % stride === 0);
    },
    rewind(iteration) {
      events = until(events, iteration);
      last = events.at(-1);
    },
    columns(bands) {
      if (!last) return [];
      const taken = events.at(-1) === last ? events : [...events, last];
      const count = Math.min(MOST_COLUMNS, Math.max(1, Math.floor(taken.length / COLUMN_ITERATIONS)));
      const now = bands();
      return Array.from({ length: count }, (_, i) => {
        const part = taken.slice((taken.length * i) / count, (taken.length * (i + 1)) / count);
        return { iteration: part[part.length - 1].iteration, span: 1, values: meanOf(part), bands: now };
      });
    },
  };
}

/** Layer by layer, figure by figure. */
function meanOf(events: readonly IterationEvent[]): (number | null)[] {
  return events[0].statistics.flatMap((_, layer) =>
    FIGURES.map((figure) =>
      meanFigure(
        figure,
        events.map(({ statistics }) => finite(statistics[layer][figure])),
      ),
    ),
  );
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

export type Collected = Extract<TrainingEvent, { type: "iteration" | "epoch" | "rewind" | "finding" }>;
