import type { TrainingEvent } from "../train/events";

/** JSON has no NaN and no infinities: a loss is written as text then, a figure without meaning as null. */
export function jsonLine(event: TrainingEvent): string {
  return JSON.stringify(event, (key, value: unknown) => {
    if (typeof value !== "number" || Number.isFinite(value)) return value;
    return Number.isNaN(value) && key !== "loss" ? null : String(value);
  });
}
