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
