/** Numbers, times and names as the panel writes them. */
import type { EndEvent, RunState } from "./protocol";

/** Four significant digits, with an exponent only where the number is very large or small. */
export function formatNumber(value: number | null | undefined, digits = 4): string {
  if (value === null || value === undefined) return "–";
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-3) return minus(value.toExponential(digits - 2).replace("e+", "e"));
  if (size >= 1000) return minus(Math.round(value).toLocaleString("en-US"));
  const decimals = Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
  return minus(value.toFixed(Math.min(decimals, digits)));
}

export function formatPercent(fraction: number | null | undefined): string {
  if (fraction === null || fraction === undefined || !Number.isFinite(fraction)) return "–";
  const percent = fraction * 100;
  return `${percent >= 10 || percent === 0 ? percent.toFixed(percent >= 99.95 || percent === 0 ? 0 : 1) : percent.toFixed(2)} %`;
}

export function formatCount(count: number): string {
  return Math.round(count).toLocaleString("en-US");
}

/** A length for a style: Preact adds no unit to numbers. */
export function px(length: number): string {
  return `${length}px`;
}

/** `10⁻³` for decades, as axes have them. */
export function formatDecade(value: number): string {
  const exponent = Math.round(Math.log10(value));
  if (exponent >= -2 && exponent <= 3) return String(Number(`1e${exponent}`));
  return `10${[...String(exponent)].map((character) => SUPERSCRIPTS[character] ?? character).join("")}`;
}

const SUPERSCRIPTS: Readonly<Record<string, string>> = {
  "-": "⁻",
  "0": "⁰",
  "1": "¹",
  "2": "²",
  "3": "³",
  "4": "⁴",
  "5": "⁵",
  "6": "⁶",
  "7": "⁷",
  "8": "⁸",
  "9": "⁹",
};

/** Short form of a count for axes: `12k`. */
export function formatShort(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (size >= 1e4) return `${Number((value / 1e3).toPrecision(3))}k`;
  return String(Number(value.toPrecision(4)));
}

/** `1.5 MiB`. */
export function formatBytes(bytes: number): string {
  const steps = bytes > 0 ? Math.min(Math.floor(Math.log2(bytes) / 10), BYTE_UNITS.length - 1) : 0;
  const value = bytes / 1024 ** steps;
  return `${steps === 0 || value >= 100 ? Math.round(value) : Number(value.toPrecision(2))} ${BYTE_UNITS[steps]}`;
}

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

export function formatDuration(seconds: number): string {
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Time of day today, else the day too. */
export function formatWhen(started: number, now: number): string {
  const [then, today] = [new Date(started), new Date(now)];
  const time = then.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  if (then.toDateString() === today.toDateString()) return time;
  return `${then.toLocaleDateString([], { day: "numeric", month: "short" })} ${time}`;
}

export const STATE_NAMES: Readonly<Record<RunState, string>> = {
  starting: "Starting",
  running: "Training",
  paused: "Paused",
  stopping: "Stopping",
  ended: "Ended",
  failed: "Failed",
};

/** Why a run ended, in one sentence. */
export function describeEnd(end: EndEvent): string {
  const took = `after ${formatCount(end.epochs)} ${end.epochs === 1 ? "epoch" : "epochs"} and ${formatCount(end.iterations)} iterations (${formatDuration(end.seconds)})`;
  switch (end.reason) {
    case "epochs":
      return `All epochs done ${took}.`;
    case "steps":
      return `Reached the limit of iterations ${took}.`;
    case "early-stopping":
      return `Stopped early, since validation got no better, ${took}.`;
    case "converged":
      return `Converged ${took}.`;
    case "not-finite":
      return `Stopped ${took}: the loss is no longer a number.`;
    case "interrupted":
      return `Stopped by you ${took}.`;
    default:
      return end.reason satisfies never;
  }
}

/** The last part of a path. */
export function baseName(path: string): string {
  return path.split(/[\\/]/).pop() ?? path;
}

function minus(text: string): string {
  return text.replace("-", text.startsWith("-") ? "−" : "-");
}
