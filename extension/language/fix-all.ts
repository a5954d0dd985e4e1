import type { CheckReport, Edit, Fix, Issue } from "../../engine/api/host";

/** How often what is left after fixes is fixed again: one mistake may hide another. */
const ROUNDS = 5;
/** Single fixes that are tried on what is left after that, at most. */
const MOST_TRIES = 30;

/** A text that checks better than another. */
export interface Fixed {
  readonly text: string;
  /** Issues with a place in the file before and after. */
  readonly before: number;
  readonly left: number;
}

/**
 * Applies the first fix of each issue in a file, those that do not overlap, and again to what is left, until the file is clean or
 * nothing changes; then each fix of what is left by itself. Returns the text with the fewest issues on the way; undefined where none
 * has fewer than the first.
 * @param report what is wrong with the text, when it is known already
 * @param probe checks a text of the file; null where it cannot be run, or when it is no longer wanted
 */
export async function fixedText(
  file: string,
  text: string,
  report: Found | null,
  probe: (text: string) => Promise<CheckReport | null>,
): Promise<Fixed | undefined> {
  const first = report ?? (await probe(text));
  if (!first) return undefined;
  const seen = new Set([text]);
  /** Undefined for a text that was tried before, or cannot be run. */
  const tried = async (edited: string): Promise<State | undefined> => {
    if (seen.has(edited)) return undefined;
    seen.add(edited);
    const found = await probe(edited);
    return found ? { text: edited, found, weight: weightOf(found.issues, file) } : undefined;
  };
  const begin: State = { text, found: first, weight: weightOf(first.issues, file) };
  let best = begin;
  let now: State | undefined = begin;
  for (let round = 0; round < ROUNDS && now.weight.all > 0; round++) {
    now = await tried(withEdits(now.text, chosenEdits(now.found.issues, file)));
    if (!now) break;
    if (isLess(now.weight, best.weight)) best = now;
  }
  for (let tries = 0; tries < MOST_TRIES;) {
    const from: State = best;
    for (const { edits } of from.found.issues.flatMap((issue) => fixesIn(issue, file))) {
      if (tries++ >= MOST_TRIES) break;
      const next = await tried(withEdits(from.text, edits));
      if (!next || !isLess(next.weight, from.weight)) continue;
      best = next;
      break;
    }
    if (best === from) break;
  }
  return best === begin ? undefined : { text: best.text, before: begin.weight.all, left: best.weight.all };
}

type Found = Pick<CheckReport, "issues">;

interface State {
  readonly text: string;
  readonly found: Found;
  readonly weight: Weight;
}

/** How much is wrong. */
export interface Weight {
  readonly errors: number;
  readonly all: number;
}

/** @param file counts what is in this file alone */
export function weightOf(issues: readonly Issue[], file?: string): Weight {
  const counted = file === undefined ? issues : issues.filter(({ range }) => range?.file === file);
  return { errors: counted.filter(({ severity }) => severity === "error").length, all: counted.length };
}

/** Errors count first: what they hide is found once they are gone. */
export function isLess(a: Weight, b: Weight): boolean {
  return a.errors < b.errors || (a.errors === b.errors && a.all < b.all);
}

/** The fixes of an issue in a file that change this file alone. */
export function fixesIn({ fixes = [], range }: Issue, file: string): readonly Fix[] {
  if (range?.file !== file) return [];
  return fixes.filter(({ edits }) => edits.length > 0 && edits.every((edit) => edit.range.file === file));
}

/** The edits of the first fixes of all issues in a file; of two that overlap the first counts, whole or not at all. */
export function chosenEdits(issues: readonly Issue[], file: string): Edit[] {
  const chosen: Edit[] = [];
  for (const issue of issues) {
    const edits = fixesIn(issue, file).at(0)?.edits ?? [];
    const fresh = edits.filter((edit) => !chosen.some((other) => sameEdit(edit, other)));
    if (!fresh.some((edit) => chosen.some((other) => overlap(edit, other)))) chosen.push(...fresh);
  }
  return chosen;
}

function sameEdit(a: Edit, b: Edit): boolean {
  return a.text === b.text && compareStart(a, b) === 0 && compareEnds(a, b) === 0;
}

function overlap(a: Edit, b: Edit): boolean {
  // Two insertions at one place would stand in an order that nobody chose.
  if (compareStart(a, b) === 0) return true;
  const [first, second] = compareStart(a, b) < 0 ? [a, b] : [b, a];
  const { endLine, endColumn } = first.range;
  return endLine > second.range.line || (endLine === second.range.line && endColumn > second.range.column);
}

function compareStart({ range: a }: Edit, { range: b }: Edit): number {
  return a.line - b.line || a.column - b.column;
}

function compareEnds({ range: a }: Edit, { range: b }: Edit): number {
  return a.endLine - b.endLine || a.endColumn - b.endColumn;
}

/** The text after edits of it that do not overlap. */
export function withEdits(text: string, edits: readonly Edit[]): string {
  const starts = [0];
  for (let i = text.indexOf("\n"); i >= 0; i = text.indexOf("\n", i + 1)) starts.push(i + 1);
  const offset = (line: number, column: number): number =>
    Math.min(text.length, (starts[line - 1] ?? text.length) + column - 1);
  return [...edits]
    .sort((a, b) => -compareStart(a, b) || -compareEnds(a, b))
    .reduce(
      (now, { range, text: inserted }) =>
        now.slice(0, offset(range.line, range.column)) + inserted + now.slice(offset(range.endLine, range.endColumn)),
      text,
    );
}
