/**
 * TypeScript (or JavaScript) text to a syntax tree, with errors as plain records.
 *
 * The tree keeps parentheses as nodes, so that a node's range is always what the
 * reader sees, and it keeps no comments and no tokens.
 */
import { parse as parseText, type ParseResult } from "@babel/parser";
import { createLineTable, skipTrivia, wordEnd } from "./text";

/** What is wrong with a source text, and where (lines and columns from 1, `endColumn` exclusive). */
export interface SyntaxProblem {
  readonly message: string;
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

export type SyntaxTree = ParseResult;

export type Parsed =
  | { readonly tree: SyntaxTree; readonly error?: undefined }
  | { readonly tree?: undefined; readonly error: SyntaxProblem };

/** Parses a module (ESM, top-level await; no decorators, no JSX). Never throws. */
export function parse(text: string, language: "typescript" | "javascript" = "typescript"): Parsed {
  try {
    const tree = parseText(text, {
      sourceType: "module",
      plugins: language === "typescript" ? ["typescript"] : [],
      createParenthesizedExpressions: true,
      attachComment: false,
    });
    return { tree };
  } catch (error) {
    return { error: toProblem(text, error) };
  }
}

/** A problem record for the stretch [start, end) of `text`. */
export function problemAt(text: string, start: number, end: number, message: string): SyntaxProblem {
  const { line, column, endLine, endColumn } = createLineTable(text).range("", start, end);
  return { message, line, column, endLine, endColumn };
}

/** What the parser throws, as far as it is used here. */
interface ParserError {
  readonly message: string;
  readonly reasonCode?: string;
  readonly loc?: { readonly index: number };
  readonly details?: { readonly expected?: string | null };
  readonly missingPlugin?: string | readonly string[];
}

function toProblem(text: string, thrown: unknown): SyntaxProblem {
  // A text nested thousands of levels deep overflows the parser's stack.
  if (thrown instanceof RangeError) {
    return problemAt(text, 0, 0, "The code is nested too deeply to be parsed; split it up");
  }
  const error = thrown as ParserError;
  const start = Math.min(error.loc?.index ?? 0, text.length);
  const found = tokenAt(text, start);
  const message = describe(text, error, start, found);
  return problemAt(text, start, start + Math.max(found.length, start < text.length ? 1 : 0), message);
}

function describe(text: string, error: ParserError, start: number, found: string): string {
  const here = found === "" ? "the end of the file" : `'${found}'`;
  switch (error.reasonCode) {
    case "UnexpectedToken": {
      const expected = error.details?.expected;
      return expected ? `Expected '${expected}' but found ${here}` : `Unexpected ${here}`;
    }
    case "MissingSemicolon": {
      // The parser points behind the last good token; what surprised it comes after.
      const next = tokenAt(text, skipTrivia(text, start));
      return `Expected ';' or a new line ${next === "" ? "at the end of the file" : `before '${next}'`}`;
    }
    case "MissingPlugin":
    case "MissingOneOfPlugins":
      return describeUnsupported(error.missingPlugin);
    default:
      // "… (3:4)" repeats the position in the parser's own counting.
      return error.message.replace(/\s*\(\d+:\d+\)$/, "").replace(/\.$/, "");
  }
}

function describeUnsupported(missing: string | readonly string[] | undefined): string {
  const name = typeof missing === "string" ? missing : (missing?.[0] ?? "");
  if (name.startsWith("decorator")) return "Decorators are not supported; call the function on the value instead";
  if (name === "jsx" || name === "flow") return "JSX is not supported";
  return "This syntax is not supported; use standard TypeScript";
}

/** The text of the token at `offset`, cut to a readable length; "" at the end of the file. */
function tokenAt(text: string, offset: number): string {
  if (offset >= text.length) return "";
  const end = wordEnd(text, offset);
  const token = end > offset ? text.slice(offset, end) : String.fromCodePoint(text.codePointAt(offset) ?? 32);
  return token.length > 40 ? `${token.slice(0, 40)}…` : token;
}
