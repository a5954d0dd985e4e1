import type { RunPurpose } from "../webview/protocol";
import type { Run } from "./run/runs";

/** Texts that several views show. */

export function shortNumber(value: number): string {
  return Number.isInteger(value) && Math.abs(value) < 1e6 ? String(value) : String(Number(value.toPrecision(4)));
}

export function percent(value: number): string {
  return `${(100 * value).toFixed(1)} %`;
}

/** `12 s`, `3 min`, `1 h 20 min`. */
export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return minutes % 60 === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** `3 minutes ago` in few words. */
export function ago(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

const PURPOSES: Readonly<Record<RunPurpose, string>> = {
  train: "",
  overfit: "one batch",
  rate: "learning rate",
  debug: "debugged",
};

export function purposeText(purpose: RunPurpose): string {
  return PURPOSES[purpose];
}

/** `Stopped: backward, iteration 3`. */
export function stopText(direction: string | undefined, iteration: number | undefined): string {
  const where = [direction, iteration === undefined ? undefined : `iteration ${iteration}`].filter(
    (each) => each !== undefined,
  );
  return where.length === 0 ? "Stopped" : `Stopped: ${where.join(", ")}`;
}

/** `epoch 3/12`, or nothing before the start. */
export function progressText(epoch: number, epochs: number | undefined): string {
  if (epoch <= 0) return "";
  return epochs === undefined || epochs <= 0 || !Number.isFinite(epochs)
    ? `epoch ${epoch}`
    : `epoch ${epoch}/${epochs}`;
}

/** `loss 0.0577 · validation 0.157 · 95.1 %`: what is known of a run's results. */
export function resultText({ summary: { loss, validationLoss, accuracy } }: Run): string {
  return [
    ...(loss === null ? [] : [`loss ${shortNumber(loss)}`]),
    ...(validationLoss === null ? [] : [`validation ${shortNumber(validationLoss)}`]),
    ...(accuracy === null ? [] : [percent(accuracy)]),
  ].join(" · ");
}

/** Why a run is over, as one says it. */
export function endText({ summary, end, failure }: Run): string {
  if (summary.state === "failed") return failure?.startsWith("interrupted") ? "interrupted" : "failed";
  if (end === null) return summary.state === "ended" ? "stopped" : summary.state;
  switch (end.reason) {
    case "interrupted":
      return "stopped";
    case "early-stopping":
      return "stopped early";
    case "converged":
      return "converged";
    case "not-finite":
      return "loss not finite";
    case "steps":
    case "epochs":
      return "done";
    default:
      return end.reason satisfies never;
  }
}
