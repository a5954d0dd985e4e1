import type { CallReport } from "../../engine/api/host";
import { exactCount, shapeText, type PlainShape } from "./amounts";
import type { TextRange } from "./lines";

/** Which calls say their shape behind them. */
export type ShapeHints = "layers" | "all" | "off";

/** A call of a report at the place where it is now. */
export interface PlacedCall {
  readonly call: CallReport;
  readonly at: TextRange;
}

export interface Hint {
  readonly at: TextRange["end"];
  readonly text: string;
  /** The calls that it speaks of: one for each model that uses the file. */
  readonly calls: readonly CallReport[];
}

/**
 * The hints of a file: `→ [N, 128] · 100,480`.
 * @param between the text of the file between two places
 */
export function hintsOf(
  placed: readonly PlacedCall[],
  which: ShapeHints,
  between: (from: TextRange["end"], to: TextRange["end"]) => string,
): Hint[] {
  if (which === "off") return [];
  const places = new Map<string, { at: TextRange; calls: CallReport[] }>();
  for (const { call, at } of placed) {
    if (which === "layers" && !tellsMuch(call)) continue;
    const key = [at.start.line, at.start.character, at.end.line, at.end.character].join(" ");
    const place = places.get(key) ?? { at, calls: [] };
    places.set(key, place);
    place.calls.push(call);
  }
  const hints = [...places.values()]
    .map(({ at, calls }) => ({ range: at, at: at.end, text: hintText(calls), shape: shapesText(calls), calls }))
    // From the left to the right, and of calls that end at one place the inner one first.
    .sort((a, b) => compare(a.at, b.at) || compare(b.range.start, a.range.start));
  return hints
    .filter((hint, i) => {
      // `relu(this.hidden(x))`: what the inner call says holds for the outer one as well.
      const inner = hints[i - 1] as (typeof hints)[number] | undefined;
      return !(
        inner &&
        inner.shape === hint.shape &&
        compare(inner.range.start, hint.range.start) >= 0 &&
        /^[\s)]*$/.test(between(inner.at, hint.at))
      );
    })
    .map(({ at, text, calls }) => ({ at, text, calls }));
}

/** Calls of layers, and operations whose result has another shape than what goes in. */
function tellsMuch({ kind, inputs, outputs }: CallReport): boolean {
  if (kind === "layer") return true;
  const output = outputs[0] ?? null;
  // Where nothing goes in, the shape stands in the call.
  if (inputs.length === 0) return false;
  // Behind what is not known all is not known: that is said once.
  if (output === null) return inputs.every((input) => input !== null);
  return !inputs.some((input) => shapeText(input) === shapeText(output));
}

/** What stands behind a call. */
export function hintText(calls: readonly CallReport[]): string {
  const parameters = unique(calls.map((call) => call.parameters));
  const counted = parameters.length === 1 && parameters[0] > 0 ? ` · ${exactCount(parameters[0])}` : "";
  return `→ ${shapesText(calls)}${counted}`;
}

/** `[N, 128]`, `[N, 64] … [N, 256] ×4` in a loop, `[N, 9, 32], [N, 32]` with several outputs. */
export function shapesText(calls: readonly CallReport[]): string {
  const [call] = calls;
  const shapes = unique(calls.flatMap((each) => firstOutputs(each).map(shapeText)));
  const times = unique(calls.map((each) => each.times));
  const often = times.length === 1 && times[0] > 1 ? ` ×${times[0]}` : "";
  if (shapes.length > 1) return `${shapes[0]} … ${shapes[shapes.length - 1]}${often}`;
  const all = call.outputs.length > 1 ? call.outputs.map(shapeText).join(", ") : (shapes[0] ?? "?");
  return `${all}${often}`;
}

function firstOutputs({ shapes, outputs }: CallReport): readonly PlainShape[] {
  return shapes.length > 0 ? shapes : outputs.slice(0, 1);
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}

export function compare(a: TextRange["end"], b: TextRange["end"]): number {
  return a.line - b.line || a.character - b.character;
}
