import type { Edit } from "../../engine/api/host";

/** A text after edits of one file, as an editor applies them: all in terms of the text before. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  const starts = [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)];
  const offset = (line: number, column: number): number => starts[line - 1] + column - 1;
  return [...edits]
    .sort((a, b) => b.range.line - a.range.line || b.range.column - a.range.column)
    .reduce((before, { range, text: inserted }) => {
      const [start, end] = [offset(range.line, range.column), offset(range.endLine, range.endColumn)];
      return before.slice(0, start) + inserted + before.slice(end);
    }, text);
}
