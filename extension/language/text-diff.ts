/** What to replace in a text to make another of it, line by line and no more of a line than changed. Offsets count from 0. */
export interface Replacement {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Above so many pairs of changed lines all between the first and the last is replaced at once. */
const MOST_PAIRS = 1_000_000;

export function replacementsBetween(before: string, after: string): Replacement[] {
  const [a, b] = [linesOf(before), linesOf(after)];
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++;
  const [from, to] = [a.slice(head, a.length - tail), b.slice(head, b.length - tail)];
  const start = length(a.slice(0, head));
  const blocks =
    from.length * to.length > MOST_PAIRS ? [{ start: 0, old: from, text: to.join("") }] : changedBlocks(from, to);
  return blocks
    .map(({ start: at, old, text }) => narrowed(start + at, old.join(""), text))
    .filter(({ start: at, end, text }) => end > at || text !== "");
}

interface Block {
  readonly start: number;
  readonly old: readonly string[];
  readonly text: string;
}

/** Runs of lines between those that both have, by a longest common subsequence. */
function changedBlocks(a: readonly string[], b: readonly string[]): Block[] {
  const common = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i][j] = a[i] === b[j] ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
    }
  }
  const blocks: Block[] = [];
  let [i, j, at] = [0, 0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      at += a[i++].length;
      j++;
      continue;
    }
    const start = at;
    const [i0, j0] = [i, j];
    while ((i < a.length || j < b.length) && !(i < a.length && j < b.length && a[i] === b[j])) {
      if (j >= b.length || (i < a.length && common[i + 1][j] >= common[i][j + 1])) at += a[i++].length;
      else j++;
    }
    const [old, fresh] = [a.slice(i0, i), b.slice(j0, j)];
    // As many lines as before: each took the place of one.
    if (old.length === fresh.length) {
      let place = start;
      old.forEach((line, k) => {
        blocks.push({ start: place, old: [line], text: fresh[k] });
        place += line.length;
      });
    } else blocks.push({ start, old, text: fresh.join("") });
  }
  return blocks;
}

function narrowed(start: number, old: string, text: string): Replacement {
  let head = 0;
  while (head < old.length && head < text.length && old[head] === text[head]) head++;
  let tail = 0;
  while (tail < old.length - head && tail < text.length - head && old.at(-1 - tail) === text.at(-1 - tail)) tail++;
  return { start: start + head, end: start + old.length - tail, text: text.slice(head, text.length - tail) };
}

/** Each with its line break. */
function linesOf(text: string): string[] {
  return text.split(/(?<=\n)/);
}

function length(lines: readonly string[]): number {
  return lines.reduce((sum, line) => sum + line.length, 0);
}
