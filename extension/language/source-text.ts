/**
 * Where brackets and arguments are in a text that may be half-typed, so that no parser reads it. Offsets count from 0.
 */

/** The text with everything in strings, comments and regular expressions replaced by spaces: what is left are tokens. */
export function masked(text: string): string {
  const out = text.split("");
  const blank = (from: number, to: number): void => {
    for (let i = from; i < to && i < out.length; i++) if (out[i] !== "\n") out[i] = " ";
  };
  /** Braces that are open, for each template in whose `${}` one is. */
  const templates: number[] = [];
  let i = 0;
  const template = (): void => {
    const from = i;
    while (i < text.length && text[i] !== "`" && !text.startsWith("${", i)) i += text[i] === "\\" ? 2 : 1;
    blank(from, i);
    if (text.startsWith("${", i)) {
      templates.push(0);
      blank(i, i + 2);
      i += 2;
    } else {
      blank(i, i + 1);
      i++;
    }
  };
  while (i < text.length) {
    const c = text[i];
    if (text.startsWith("//", i) || text.startsWith("/*", i)) {
      const close = text[i + 1] === "/" ? text.indexOf("\n", i) : text.indexOf("*/", i + 2) + 2;
      const end = close < i + 2 ? text.length : close;
      blank(i, end);
      i = end;
    } else if (c === '"' || c === "'" || (c === "/" && beginsPattern(out, i))) {
      const end = endOfLiteral(text, i);
      // A literal is a value: something stays, so that an argument which is a string is not an absent one.
      blank(i + 1, end);
      i = end;
    } else if (c === "`") {
      i++;
      template();
    } else if (c === "}" && templates.at(-1) === 0) {
      templates.pop();
      blank(i, i + 1);
      i++;
      template();
    } else {
      if (templates.length > 0 && (c === "{" || c === "}")) templates[templates.length - 1] += c === "{" ? 1 : -1;
      i++;
    }
  }
  return out.join("");
}

/** Whether a slash begins a regular expression rather than dividing: by what stands before it. */
function beginsPattern(out: readonly string[], at: number): boolean {
  let i = at - 1;
  while (i >= 0 && /\s/.test(out[i])) i--;
  return i < 0 || "(,=:[!&|?{};+*%<>~^".includes(out[i]);
}

function endOfLiteral(text: string, from: number): number {
  const quote = text[from];
  let inClass = false;
  for (let i = from + 1; i < text.length && text[i] !== "\n"; i++) {
    if (text[i] === "\\") i++;
    else if (quote === "/" && text[i] === "[") inClass = true;
    else if (quote === "/" && text[i] === "]") inClass = false;
    else if (text[i] === quote && !inClass) return i + 1;
  }
  const line = text.indexOf("\n", from);
  return line < 0 ? text.length : line;
}

/** Part of a text: from `start` to before `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** `new Linear(784, 128)` around the cursor. */
export interface Construction {
  readonly type: string;
  /** Where `new` stands. */
  readonly start: number;
  readonly args: readonly Span[];
  /** The argument that the cursor is in. */
  readonly index: number;
  /** Whether the parenthesis is closed already. */
  readonly closed: boolean;
}

/** What is constructed by the arguments that an offset is among, unless it is deeper in one of them. */
export function constructionAt(text: string, offset: number): Construction | undefined {
  const tokens = masked(text);
  const open = openBracket(tokens, offset);
  if (open === undefined || tokens[open] !== "(") return undefined;
  const before = tokens.slice(Math.max(0, open - 200), open);
  const head = /\bnew\s+(?:[\w$]+\s*\.\s*)*([A-Z][\w$]*)\s*(?:<[^()<>]*>)?\s*$/.exec(before);
  if (!head) return undefined;
  const { spans: args, closed } = argumentsFrom(tokens, open);
  const index = args.findIndex(({ end }) => offset <= end);
  return {
    type: head[1],
    start: open - before.length + head.index,
    args: args.map((span) => trimmed(tokens, span)),
    index: index < 0 ? args.length - 1 : index,
    closed,
  };
}

/** The innermost bracket that is open before an offset. */
function openBracket(tokens: string, offset: number): number | undefined {
  let depth = 0;
  for (let i = offset - 1; i >= 0; i--) {
    if (")]}".includes(tokens[i])) depth++;
    else if ("([{".includes(tokens[i]) && depth-- === 0) return i;
  }
  return undefined;
}

/** The arguments behind an open parenthesis; to the end of the statement where it is never closed. */
function argumentsFrom(tokens: string, open: number): { spans: Span[]; closed: boolean } {
  const spans: Span[] = [];
  let depth = 0;
  let start = open + 1;
  let i = start;
  for (; i < tokens.length; i++) {
    const c = tokens[i];
    if ("([{".includes(c)) depth++;
    else if (")]}".includes(c) && depth-- === 0) break;
    else if (c === ";" && depth === 0) break;
    else if (c === "," && depth === 0) {
      spans.push({ start, end: i });
      start = i + 1;
    }
  }
  return { spans: [...spans, { start, end: i }], closed: tokens[i] === ")" };
}

function trimmed(tokens: string, { start, end }: Span): Span {
  const inside = tokens.slice(start, end);
  const from = start + inside.length - inside.trimStart().length;
  return { start: from, end: Math.max(from, start + inside.trimEnd().length) };
}

/** For the text of a call: the name before the parenthesis of its arguments, `this.hidden` without `this.`. */
export function calleeOf(call: string): Span | undefined {
  const tokens = masked(call);
  let depth = 0;
  let open: number | undefined;
  for (let i = 0; i < tokens.length; i++) {
    if ("([{".includes(tokens[i])) {
      if (depth++ === 0 && tokens[i] === "(") open = i;
    } else if (")]}".includes(tokens[i])) depth--;
  }
  if (open === undefined) return undefined;
  const name = /(?:([\w$#]+)|\])\s*(?:<[^()]*>\s*)?$/.exec(tokens.slice(0, open));
  if (!name) return undefined;
  // `this.blocks[i](x)`: all that stands before the arguments.
  if (name[1] === undefined) return { start: 0, end: name.index + 1 };
  return { start: name.index, end: name.index + name[1].length };
}

/** Line and column of an offset, from 1. */
export function placeOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset);
  const line = before.split("\n").length;
  return { line, column: offset - (before.lastIndexOf("\n") + 1) + 1 };
}
