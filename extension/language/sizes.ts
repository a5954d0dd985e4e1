import type { CallReport, CheckReport } from "../../engine/api/host";
import { shapeText } from "./amounts";
import { constructionAt, placeOf, type Span } from "./source-text";

/**
 * Which sizes fit an argument of a layer: a number that surely fits nothing is put there, and what the check then says against it
 * names the ones that would.
 */

/** Primes that no model has for a size: the argument that is asked for, and others that are not typed yet. */
const STAND_IN = 7919;
const PLACEHOLDER = 7907;

/** What the constructor of a layer wants, beyond what its report tells. */
interface Sizes {
  /** Arguments without which it is not made. */
  readonly needed: number;
  /** The argument that the input must agree with, and along which of its axes. */
  readonly input?: { readonly argument: number; readonly axis: number };
  /** An argument that must divide the input's size. */
  readonly divisor?: number;
}

const last = (needed: number, argument = 0): Sizes => ({ needed, input: { argument, axis: -1 } });
const channels = (needed: number): Sizes => ({ needed, input: { argument: 0, axis: 1 } });

export const SIZES: Readonly<Record<string, Sizes>> = {
  Linear: last(2),
  FoldedLinear: last(2),
  Conv1d: channels(3),
  Conv2d: channels(3),
  ConvTranspose2d: channels(3),
  BatchNorm1d: channels(1),
  BatchNorm2d: channels(1),
  GroupNorm: { needed: 2, input: { argument: 1, axis: 1 }, divisor: 0 },
  LayerNorm: last(1),
  RMSNorm: last(1),
  RNN: last(2),
  GRU: last(2),
  LSTM: last(2),
  RNNCell: last(2),
  GRUCell: last(2),
  LSTMCell: last(2),
  Embedding: { needed: 2 },
  PositionalEncoding: last(1),
  MultiHeadAttention: { ...last(2), divisor: 1 },
  TransformerEncoderLayer: { ...last(2), divisor: 1 },
  TransformerEncoder: { ...last(3, 1), divisor: 2 },
};

/** A text to check, and where in it the stand-in is. */
export interface Question {
  readonly text: string;
  /** What an answer replaces, in the text that was given. */
  readonly replaces: Span;
  readonly type: string;
  readonly argument: number;
  readonly standIn: number;
  /** Where `new` stands in {@link text}, from 1. */
  readonly made: { readonly line: number; readonly column: number };
  /** Where the stand-in stands in {@link text}. */
  readonly at: { readonly line: number; readonly column: number; readonly endColumn: number };
}

export interface Offer {
  readonly size: number;
  /** `fits hidden's input [N, 784]`. */
  readonly why: string;
}

/**
 * The question for the place of a cursor; undefined where it is not in an argument that could be a size.
 * @param isModule whether something of this name may be a layer
 */
export function questionAt(text: string, offset: number, isModule: (type: string) => boolean): Question | undefined {
  const found = constructionAt(text, offset);
  if (!found || !(found.type in SIZES || isModule(found.type))) return undefined;
  const { type, args, index, start, closed } = found;
  const written = args.map(({ start: from, end }) => text.slice(from, end));
  const replaces = args[index];
  // An expression, an object of options or a list is somebody's intention, unlike a number or the beginning of a name.
  if (!/^[\w.$]*$/.test(written[index])) return undefined;
  const sizes = SIZES[type] as Sizes | undefined;
  if (sizes && index >= sizes.needed) return undefined;
  const standIn = STAND_IN * divisorOf(sizes, index, written);
  const missing = Math.max(0, (sizes?.needed ?? 0) - args.length);
  const end = args[args.length - 1].end;
  const next =
    text.slice(0, replaces.start) +
    String(standIn) +
    text.slice(replaces.end, end) +
    `, ${PLACEHOLDER}`.repeat(missing) +
    (closed ? "" : ")") +
    text.slice(end);
  const at = placeOf(next, replaces.start);
  return {
    text: next,
    replaces,
    type,
    argument: index,
    standIn,
    made: placeOf(next, start),
    at: { ...at, endColumn: at.column + String(standIn).length },
  };
}

function divisorOf(sizes: Sizes | undefined, index: number, written: readonly string[]): number {
  if (sizes?.divisor === undefined || sizes.input?.argument !== index) return 1;
  const divisor = Number(written[sizes.divisor] ?? PLACEHOLDER);
  return Number.isSafeInteger(divisor) && divisor > 0 ? divisor : 1;
}

/** The sizes that the check of a question names, the surest first. */
export function offersOf({ type, argument, standIn, made, at }: Question, report: CheckReport, file: string): Offer[] {
  const offers = new Map<number, string>();
  const offer = (size: number, why: string): void => {
    const sensible = Number.isSafeInteger(size) && size > 0 && size !== standIn && size !== PLACEHOLDER;
    if (sensible && !offers.has(size)) offers.set(size, why);
  };

  // The input is there whatever the layer says to it.
  const paths = report.modules
    .filter(({ made: range }) => range?.file === file && range.line === made.line && range.column === made.column)
    .map(({ path }) => path);
  const input = (SIZES[type] as Sizes | undefined)?.input;
  if (input?.argument === argument) {
    for (const call of callsOf(report, paths)) {
      const shape = call.inputs[0] ?? null;
      const size = shape?.at(input.axis);
      if (typeof size === "number") offer(size, `fits ${call.name || "the model"}'s input ${shapeText(shape)}`);
    }
  }

  for (const { fixes = [], range: complaint } of report.issues) {
    for (const { edits } of fixes) {
      const [edit, ...others] = edits;
      if (others.length > 0 || !edit || !/^\d+$/.test(edit.text)) continue;
      const { line, column, endLine, endColumn } = edit.range;
      const here = edit.range.file === file && line === at.line && endLine === line && column === at.column;
      if (!here || endColumn !== at.endColumn) continue;
      const caller = report.calls.find(
        ({ range, kind }) =>
          kind === "layer" &&
          range.file === complaint?.file &&
          range.line === complaint.line &&
          range.column === complaint.column &&
          range.endColumn === complaint.endColumn,
      );
      const behind = caller && !paths.includes(caller.name) ? `fits what ${caller.name} takes` : "fits what follows";
      offer(Number(edit.text), input?.argument === argument ? "fits its input" : behind);
    }
  }
  return [...offers].map(([size, why]) => ({ size, why }));
}

function callsOf({ calls, layers }: CheckReport, paths: readonly string[]): CallReport[] {
  return calls.filter(
    ({ kind, name, layer }) =>
      kind === "layer" && (paths.includes(name) || (layer !== null && paths.includes(layers[layer]?.name ?? ""))),
  );
}
