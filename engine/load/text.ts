/**
 * Offsets, lines and columns of a source text, and the list of edits that keep all three.
 *
 * Offsets and columns are UTF-16 code units, and a line ends where ECMAScript
 * says so (LF, CR, CRLF, U+2028, U+2029): V8's stack frames count the same way.
 */
import type { Range } from "../graph/site";

/** Line and column, both from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface LineTable {
  /** The position of an offset (0 … length). */
  position(offset: number): Position;
  /** The offset of a position, or `undefined` when the text has no such line. */
  offset(line: number, column: number): number | undefined;
  range(file: string, start: number, end: number): Range;
}

export function createLineTable(text: string): LineTable {
  const starts = lineStarts(text);
  const position = (offset: number): Position => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle] <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - starts[low] + 1 };
  };
  return {
    position,
    offset: (line, column) => (line >= 1 && line <= starts.length ? starts[line - 1] + column - 1 : undefined),
    range(file, start, end) {
      const from = position(start);
      const to = position(end);
      return { file, line: from.line, column: from.column, endLine: to.line, endColumn: to.column };
    },
  };
}

/** Replacements that never move a character: blanked stretches and single characters put over others. */
export interface Edits {
  /** Turns everything but line ends in [start, end) into spaces. */
  blank(start: number, end: number): void;
  /** Writes one character at `offset`, over whatever is there. */
  put(offset: number, character: string): void;
  /** Writes a word from `offset` on, over whatever is there. */
  write(offset: number, word: string): void;
  /** Where the stretch that ends furthest to the right begins, when it ends exactly at `end`. */
  blankedUpTo(end: number): number | undefined;
  /** The text with all edits done; as long as the original. */
  apply(): string;
}

export function createEdits(text: string): Edits {
  const blanks: { start: number; end: number }[] = [];
  const puts: { offset: number; character: string }[] = [];
  let furthest = { start: -1, end: -1 };
  const put = (offset: number, character: string): void => void puts.push({ offset, character });
  return {
    blank(start, end) {
      if (end <= start) return;
      const stretch = { start, end };
      blanks.push(stretch);
      if (end > furthest.end) furthest = stretch;
    },
    put,
    write(offset, word) {
      for (let i = 0; i < word.length; i++) put(offset + i, word[i]);
    },
    blankedUpTo: (end) => (furthest.end === end ? furthest.start : undefined),
    apply() {
      blanks.sort((a, b) => a.start - b.start);
      puts.sort((a, b) => a.offset - b.offset);
      return applyPuts(applyBlanks(text, blanks), puts);
    },
  };
}

/** The first offset at or after `offset` that is neither white space nor inside a comment. */
export function skipTrivia(text: string, offset: number): number {
  for (let at = offset; ;) {
    while (at < text.length && /\s/.test(text[at])) at++;
    if (text.startsWith("//", at)) {
      while (at < text.length && !isLineEnd(text.charCodeAt(at))) at++;
    } else if (text.startsWith("/*", at)) {
      const close = text.indexOf("*/", at + 2);
      at = close < 0 ? text.length : close + 2;
    } else {
      return at;
    }
  }
}

/** The end of the identifier (or keyword) that starts at `offset`; `offset` itself when there is none. */
export function wordEnd(text: string, offset: number): number {
  const word = /[#\p{ID_Continue}$\u200c\u200d]+/uy;
  word.lastIndex = offset;
  return word.test(text) ? word.lastIndex : offset;
}

export function isLineEnd(code: number): boolean {
  return code === 10 || code === 13 || code === 0x2028 || code === 0x2029;
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (!isLineEnd(code)) continue;
    if (code === 13 && text.charCodeAt(i + 1) === 10) i++;
    starts.push(i + 1);
  }
  return starts;
}

function applyBlanks(text: string, blanks: readonly { start: number; end: number }[]): string {
  const pieces: string[] = [];
  let done = 0;
  for (const { start, end } of blanks) {
    if (end <= done) continue;
    const from = Math.max(start, done);
    pieces.push(text.slice(done, from), text.slice(from, end).replace(/[^\n\r\u2028\u2029]/g, " "));
    done = end;
  }
  pieces.push(text.slice(done));
  return pieces.join("");
}

function applyPuts(text: string, puts: readonly { offset: number; character: string }[]): string {
  const pieces: string[] = [];
  let done = 0;
  for (const { offset, character } of puts) {
    if (offset < done) continue;
    pieces.push(text.slice(done, offset), character);
    done = offset + 1;
  }
  pieces.push(text.slice(done));
  return pieces.join("");
}
