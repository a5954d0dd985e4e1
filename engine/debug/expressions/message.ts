import type { NumberFormat } from "../requests";
import { evaluateExpression } from "./evaluate";
import { formatValue } from "./format";
import { parseExpression } from "./parse";
import { ExpressionError, type Names, messageOf } from "./values";

/** Texts with expressions in braces: `h has norm {h.norm()}`. */

export type MessagePart =
  | { readonly kind: "text"; readonly text: string }
  | {
      readonly kind: "expression";
      readonly text: string;
      /** Where it stands in the message. */ readonly start: number;
    };

/**
 * Cuts a text into what is printed as it is and what is computed. `{{` and `}}` are braces; one that is not closed is text,
 * as is a closing one alone.
 */
export function messageParts(template: string): MessagePart[] {
  const parts: MessagePart[] = [];
  let text = "";
  let at = 0;
  while (at < template.length) {
    const character = template[at];
    const close = character === "{" && template[at + 1] !== "{" ? closingBrace(template, at) : -1;
    if (close >= 0) {
      if (text !== "") parts.push({ kind: "text", text });
      text = "";
      parts.push({ kind: "expression", text: template.slice(at + 1, close), start: at + 1 });
      at = close + 1;
    } else {
      const isPair = (character === "{" || character === "}") && template[at + 1] === character;
      text += character;
      at += isPair ? 2 : 1;
    }
  }
  if (text !== "") parts.push({ kind: "text", text });
  return parts;
}

/** Why a text cannot be printed as it is meant: an expression that cannot be read, a brace that is not closed; undefined where it can. */
export function messageProblem(template: string): string | undefined {
  for (const part of messageParts(template)) {
    if (part.kind === "text") continue;
    try {
      parseExpression(part.text);
    } catch (error) {
      const from = error instanceof ExpressionError ? (error.span?.start ?? 0) : 0;
      return `The message's expression {${part.text}} cannot be read, at character ${part.start + from + 1}: ${messageOf(error)}`;
    }
  }
  const open = unclosedBrace(template);
  return open < 0
    ? undefined
    : `The message's brace at character ${open + 1} is not closed: ${template.slice(open, open + 20)}; end its expression with }, or write {{ for a brace that is printed`;
}

function unclosedBrace(template: string): number {
  for (let at = 0; at < template.length; at++) {
    if (template[at] !== "{") continue;
    if (template[at + 1] === "{") at++;
    else {
      const close = closingBrace(template, at);
      if (close < 0) return at;
      at = close;
    }
  }
  return -1;
}

/** The text with its values. What cannot be computed stands there as its error, and the rest is printed all the same. */
export function formatMessage(template: string, names: Names, format: NumberFormat = {}): string {
  return messageParts(template)
    .map((part) => (part.kind === "text" ? part.text : formatPart(part.text, names, format)))
    .join("");
}

function formatPart(text: string, names: Names, format: NumberFormat): string {
  try {
    const value = evaluateExpression(text, names);
    return value.kind === "text" ? value.value : formatValue(value, format);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return `{${text.trim() === "" ? "" : `${text}: `}${error.message}}`;
  }
}

/** Where the brace that opens at `open` closes: braces of options and quotes are skipped. */
function closingBrace(text: string, open: number): number {
  let depth = 0;
  let quote: string | undefined;
  for (let at = open; at < text.length; at++) {
    const character = text[at];
    if (quote !== undefined) {
      if (character === "\\") at++;
      else if (character === quote) quote = undefined;
    } else if (character === '"' || character === "'") quote = character;
    else if (character === "{") depth++;
    else if (character === "}" && --depth === 0) return at;
  }
  return -1;
}
