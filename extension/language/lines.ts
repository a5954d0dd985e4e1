/** Where lines of a text went while it was edited. Lines count from 1. */

/** Lines `first` to `last` were replaced, and what follows moved by `delta` lines. */
export interface LineEdit {
  readonly first: number;
  readonly last: number;
  readonly delta: number;
}

/** A change as VS Code tells of it. */
export interface TextChange {
  readonly range: {
    readonly start: { readonly line: number; readonly character: number };
    readonly end: { readonly line: number; readonly character: number };
  };
  readonly text: string;
}

export function lineEdit({ range: { start, end }, text }: TextChange): LineEdit {
  const added = text.split("\n").length - 1;
  const delta = added - (end.line - start.line);
  // Whole lines put in before a line leave it as it is: Enter at its beginning, a pasted line.
  const whole = start.character === 0 && end.character === 0 && (text === "" || text.endsWith("\n"));
  return { first: start.line + 1, last: whole ? end.line : end.line + 1, delta };
}

/** Where a line is after the edits, or null where one of them changed it. */
export function movedLine(line: number, edits: readonly LineEdit[]): number | null {
  let at = line;
  for (const { first, last, delta } of edits) {
    if (at < first) continue;
    if (at <= last) return null;
    at += delta;
  }
  return at;
}

/** Adds an edit; typing on one line is one edit however many keys it takes. */
export function withEdit(edits: readonly LineEdit[], edit: LineEdit): readonly LineEdit[] {
  const last = edits.at(-1);
  const same = last?.delta === 0 && edit.delta === 0 && last.first === edit.first && last.last === edit.last;
  return same ? edits : [...edits, edit];
}

/** Part of a text; lines and characters count from 0, as in the editor. */
export type TextRange = TextChange["range"];

/** Where a range is after changes of one event, of the text before them all, or null where one of them changed what is in it. */
export function movedRange(range: TextRange, changes: readonly TextChange[]): TextRange | null {
  let at = range;
  // From the end of the text to its beginning no change moves another.
  for (const change of [...changes].sort((a, b) => compare(b.range.start, a.range.start))) {
    if (compare(change.range.start, at.end) >= 0) continue;
    if (compare(change.range.end, at.start) > 0) return null;
    at = { start: movedPosition(at.start, change), end: movedPosition(at.end, change) };
  }
  return at;
}

type Position = TextRange["start"];

function compare(a: Position, b: Position): number {
  return a.line - b.line || a.character - b.character;
}

/** Where a position at or behind a change is after it. */
function movedPosition(at: Position, { range: { start, end }, text }: TextChange): Position {
  const added = text.split("\n");
  const line = at.line + added.length - 1 - (end.line - start.line);
  if (at.line > end.line) return { line, character: at.character };
  const before = added.length === 1 ? start.character : 0;
  return { line, character: before + (added.at(-1)?.length ?? 0) + at.character - end.character };
}
