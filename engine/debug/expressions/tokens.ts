import { ExpressionError, type Span } from "./values";

/** An expression's text cut into words, numbers and signs. */

export interface Token extends Span {
  readonly kind: "number" | "name" | "string" | "sign" | "end";
  readonly text: string;
  /** Of a number. */
  readonly number?: number;
  /** Of a string, its escapes resolved. */
  readonly string?: string;
}

/** Longer ones first, so that `**` is not two products. */
const SIGNS = [
  ..."=== !== ** == != <= >= && || ?? += -= *= /=".split(" "),
  ..."+ - * / % @ < > ! ? : ( ) [ ] { } , . = ∂".split(" "),
];
SIGNS.unshift("...");

const NUMBER = /0[xX][\da-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y;
const NAME = /[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*/uy;
/** After a dot also a number: `layers.0.weight`. */
const MEMBER = /[\p{ID_Start}\p{Nd}$_][\p{ID_Continue}$\u200c\u200d]*/uy;
const STRING = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/suy;
const SPACE = /\s+/uy;

/** @throws ExpressionError at what is no part of an expression */
export function tokenize(text: string): Token[] {
  const { tokens, stopped } = readTokens(text);
  if (stopped === null) return tokens;
  const character = String.fromCodePoint(text.codePointAt(stopped) ?? 0);
  const message =
    character === '"' || character === "'"
      ? `the text that begins here is not ended: ${text.slice(stopped, stopped + 20)}`
      : `${character} has no meaning in an expression${hint(character)}`;
  throw new ExpressionError(message, { start: stopped, end: stopped + character.length });
}

/** As far as the text can be read, and the place where it could not; an end token is last. */
export function readTokens(text: string): { readonly tokens: Token[]; readonly stopped: number | null } {
  const tokens: Token[] = [];
  let at = 0;
  let stopped: number | null = null;
  while (at < text.length) {
    at += match(SPACE, text, at)?.length ?? 0;
    if (at >= text.length) break;
    const token = readToken(text, at, tokens);
    if (token === null) {
      stopped = at;
      break;
    }
    tokens.push(token);
    at = token.end;
  }
  tokens.push({ kind: "end", text: "", start: text.length, end: text.length });
  return { tokens, stopped };
}

function readToken(text: string, start: number, before: readonly Token[]): Token | null {
  const make = (kind: Token["kind"], found: string, more: Partial<Token> = {}): Token => ({
    kind,
    text: found,
    start,
    end: start + found.length,
    ...more,
  });
  const last = before.at(-1);
  const afterDot = last?.text === "." && last.kind === "sign";
  const name = match(afterDot ? MEMBER : NAME, text, start);
  if (name !== undefined) return make("name", name);
  // `W.5` cannot be a number: it stands directly behind something that has members.
  const isMember = last !== undefined && last.end === start && (last.kind === "name" || /^[)\]]$/.test(last.text));
  const number = isMember ? undefined : match(NUMBER, text, start);
  if (number !== undefined) return make("number", number, { number: Number(number) });
  const string = match(STRING, text, start);
  if (string !== undefined) return make("string", string, { string: unescape(string.slice(1, -1)) });
  const sign = SIGNS.find((candidate) => text.startsWith(candidate, start));
  return sign === undefined ? null : make("sign", sign);
}

function match(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

function unescape(text: string): string {
  const names: Readonly<Record<string, string>> = { n: "\n", t: "\t" };
  return text.replace(/\\(.)/gsu, (_, character: string) => names[character] ?? character);
}

function hint(character: string): string {
  const hints: Readonly<Record<string, string>> = {
    "&": "; write && for and, logicalAnd(a, b) for element by element",
    "|": "; write || for or, logicalOr(a, b) for element by element",
    "^": "; write ** for powers",
    "×": "; write *",
    "·": "; write * or @",
    "÷": "; write /",
    "−": "; write -",
    "≤": "; write <=",
    "≥": "; write >=",
    "≠": "; write !=",
    ";": "; one expression at a time",
    "`": "; texts stand in quotes",
    "#": "; there are no comments",
  };
  return hints[character] ?? "";
}
