import type { Explanation, TensorLook, TensorPicture } from "../debug/requests";
import { columnToClient, lineOf, lineToClient, optionalLine, pathToClient } from "./client";
import { type Fields, RequestError, optionalChoice, optionalWhole, textOf, wholesOf } from "./fields";
import { type Session, ask } from "./session";
import { sourceFromClient } from "./texts";
import { base64 } from "./variables";

/**
 * Requests of our own, for the extension and whoever knows them: `backstep/…`. JSON has no NaN and no infinity: such numbers are
 * the texts "NaN", "Infinity" and "-Infinity", which `Number` reads.
 */

/** A number that JSON may not know. */
type Plain = number | "NaN" | "Infinity" | "-Infinity";

/** A value as it arrives: numbers may be texts, and values of a tensor a list, or the bytes of float64s (little-endian) in base64. */
export type Sent<T> = T extends Float64Array
  ? readonly Plain[] | string
  : T extends number
    ? Plain
    : T extends readonly unknown[] | object
      ? { readonly [K in keyof T]: Sent<T[K]> }
      : T;

/** `backstep/tensor`. */
export interface TensorArguments extends Partial<Omit<TensorLook, "kind" | "expression" | "frame">> {
  readonly expression: string;
  readonly frameId?: number;
  /** How values are sent; default `array`. */
  readonly encoding?: "array" | "base64";
}
export type TensorAnswer = Sent<TensorPicture>;

/** `backstep/explain`. */
export interface ExplainArguments {
  readonly expression: string;
  readonly frameId?: number;
  readonly what: "not-finite" | "zero";
}
export type ExplainAnswer = Sent<Explanation>;

const LOOKS = ["value", "gradient", "change", "jacobian-denominator", "jacobian-numerator"] as const;
const DEFAULT_MOST = 64;
/** Rows, and columns. */
const LARGEST_MOST = 1_024;

export async function tensor(session: Session, args: Fields): Promise<object> {
  const rows = optionalWhole(args, "rows");
  const columns = optionalWhole(args, "columns");
  const from = wholesOf(args, "from", 0);
  if (from.length !== 0 && from.length !== 2) throw new RequestError("from must be a row and a column");
  const encoding = optionalChoice(args, "encoding", ["array", "base64"]) ?? "array";
  const picture = await ask(session, {
    kind: "tensor",
    expression: textOf(args, "expression"),
    frame: optionalWhole(args, "frameId") ?? null,
    slice: wholesOf(args, "slice", 0),
    ...(rows !== undefined && { rows }),
    ...(columns !== undefined && { columns }),
    most: Math.min(optionalWhole(args, "most", 1) ?? DEFAULT_MOST, LARGEST_MOST),
    ...(from.length === 2 && { from: [from[0], from[1]] as const }),
    of: optionalChoice(args, "of", LOOKS) ?? "value",
  });
  const { values, place, ...rest } = picture;
  return {
    ...(plain(rest) as object),
    place: place && { file: fileToClient(session, place.file), line: lineToClient(session.client, place.line) },
    values: encoding === "base64" ? base64(littleEndian(values)) : plain(values),
  };
}

export async function explain(session: Session, args: Fields): Promise<object> {
  const what = optionalChoice(args, "what", ["not-finite", "zero"]) ?? "not-finite";
  const frame = optionalWhole(args, "frameId") ?? null;
  const { summary, steps } = await ask(session, {
    kind: "explain",
    expression: textOf(args, "expression"),
    frame,
    what,
  });
  const { client } = session;
  const sent = steps.map((step) => ({
    ...(plain(step) as object),
    file: step.file === null ? null : fileToClient(session, step.file),
    line: step.line === null ? null : lineToClient(client, step.line),
    column: step.column === null ? null : columnToClient(client, step.column),
  }));
  return { summary, steps: sent };
}

/** `{ source, line, endLine, frameId }`. */
export async function inlineValues(session: Session, args: Fields): Promise<object> {
  const { client } = session;
  const file = await sourceFromClient(session, args);
  const line = lineOf(client, args, "line");
  const endLine = optionalLine(client, args, "endLine") ?? line;
  const frame = optionalWhole(args, "frameId") ?? null;
  const values = await ask(session, { kind: "inlineValues", file, line, endLine, frame });
  return {
    values: values.map((value) => ({
      line: lineToClient(client, value.line),
      column: columnToClient(client, value.column),
      endColumn: columnToClient(client, value.endColumn),
      text: value.text,
    })),
  };
}

/** Without arguments. */
export async function situation(session: Session): Promise<object> {
  return plain(await ask(session, { kind: "situation" })) as object;
}

/** `{ name }` of a generated text. */
export async function sourceText(session: Session, args: Fields): Promise<object> {
  const name = textOf(args, "name");
  const { text } = await ask(session, { kind: "sourceText", name });
  return { text, sourceReference: session.sources.refer(name) };
}

function fileToClient({ client, sources }: Session, file: string): string {
  return sources.isGenerated(file) ? file : pathToClient(client, file);
}

function littleEndian(values: Float64Array): Uint8Array {
  const bytes = new Uint8Array(values.length * 8);
  const view = new DataView(bytes.buffer);
  values.forEach((value, index) => view.setFloat64(index * 8, value, true));
  return bytes;
}

function plain(value: unknown): unknown {
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (value instanceof Float64Array || Array.isArray(value)) return Array.from(value, plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]));
}
