/** How far a run is, and its numbers of the moment. Pure. */
import { metricNames } from "./charts/curves";
import type { RunHistory } from "./protocol";

export interface Progress {
  /** From 0 to 1. */
  readonly done: number;
  readonly epoch: number;
  readonly epochs: number;
  readonly iterations: number;
  /** At the speed of now; null where that cannot be said. */
  readonly secondsLeft: number | null;
}

export function progressOf(history: RunHistory): Progress {
  const { start, iteration, epoch, examplesPerSecond, state, end } = history;
  if (!start) return { done: 0, epoch: 0, epochs: 0, iterations: 0, secondsLeft: null };
  const iterations = start.epochs * start.iterationsPerEpoch;
  // Early stopping or a limit of iterations may end a run before all of its epochs; it is done nevertheless.
  const finished =
    end !== null && (end.reason === "epochs" || end.reason === "early-stopping" || end.reason === "converged");
  const done = finished ? 1 : iterations > 0 ? Math.min(iteration / iterations, 1) : 0;
  const moves = state === "running" && examplesPerSecond > 0 && iteration > 0;
  const secondsLeft = moves ? (Math.max(iterations - iteration, 0) * start.batchSize) / examplesPerSecond : null;
  return { done, epoch: Math.min(Math.max(epoch, 1), start.epochs), epochs: start.epochs, iterations, secondsLeft };
}

export interface Headline {
  readonly label: string;
  readonly value: number | null;
}

/** Loss of now, and loss and metrics of the last epoch: on validation data where there are any. */
export function headline(history: RunHistory): readonly Headline[] {
  const last = history.epochs.at(-1);
  const result: Headline[] = [{ label: "Loss", value: history.loss.at(-1)?.mean ?? last?.loss ?? null }];
  if (!last) return result;
  if (last.validation) result.push({ label: "Validation loss", value: last.validation.loss });
  for (const name of metricNames([last]).slice(0, 2)) {
    const validated = last.validation?.metrics[name];
    const value = validated ?? last.metrics[name] ?? null;
    result.push({ label: validated === undefined ? name : `Validation ${name}`, value });
  }
  return result;
}
