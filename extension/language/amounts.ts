import type { CallReport } from "../../engine/api/host";

/** How the editor writes shapes and amounts. */

export type PlainShape = CallReport["outputs"][number];

/** `[N, 128]`; `?` where it is not known. */
export function shapeText(shape: PlainShape): string {
  return shape === null ? "?" : `[${shape.join(", ")}]`;
}

/** `100,480`. */
export function exactCount(count: number): string {
  return count.toLocaleString("en-US");
}

const THOUSANDS = ["", " k", " M", " G", " T", " P"];

/** `1.2 M`: three digits at most from ten thousand on. */
export function roundCount(count: number): string {
  if (count < 10_000) return exactCount(count);
  return scaled(count, 1000, THOUSANDS);
}

/** `12 KiB`. */
export function byteText(bytes: number): string {
  return scaled(bytes, 1024, [" B", " KiB", " MiB", " GiB", " TiB"]);
}

function scaled(amount: number, step: number, units: readonly string[]): string {
  let at = 0;
  let value = amount;
  // What would be rounded up to the next unit belongs to it: 999,999 is 1 M.
  while (at < units.length - 1 && Math.round(value) >= step) {
    value /= step;
    at++;
  }
  const digits = value < 10 ? Math.round(value * 10) / 10 : Math.round(value);
  return `${digits}${units[at]}`;
}

/** A number of unknown size in few digits: `0.0312`, `4.1e-9`. */
export function figureText(value: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e-3 && size < 1e5) return String(Number(value.toPrecision(3)));
  return value.toExponential(1).replace("e+", "e");
}
