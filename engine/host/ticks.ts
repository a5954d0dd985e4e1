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
        flow: flow.column(bands),
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
  column(bands: () => Bands): FlowColumn | null;
}

/** Columns of one tick that go into its mean, at most: the latest. */
const MOST_ITERATIONS = 64;

function createFlow(): Flow {
  let events: IterationEvent[] = [];
  return {
    add(event) {
      if (events.length >= 2 * MOST_ITERATIONS) events = events.slice(-MOST_ITERATIONS);
      events.push(event);
    },
    rewind(iteration) {
      events = until(events, iteration);
    },
    column(bands) {
      const recent = events.slice(-MOST_ITERATIONS);
      const [latest] = recent.slice(-1);
      if (!latest || latest.statistics.length === 0) return null;
      const values = latest.statistics.flatMap((_, layer) =>
        FIGURES.map((figure) =>
          meanFigure(
            figure,
            recent.map(({ statistics }) => finite(statistics[layer][figure])),
          ),
        ),
      );
      return { iteration: latest.iteration, span: 1, values, bands: bands() };
    },
  };
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

export type Collected = Extract<TrainingEvent, { type: "iteration" | "epoch" | "rewind" | "finding" }>;
