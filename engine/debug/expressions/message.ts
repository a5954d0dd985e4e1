import type { NumberFormat } from "../requests";
import { evaluateExpression } from "./evaluate";
import { formatValue } from "./format";
import { ExpressionError, type Names } from "./values";

/** Texts with expressions in braces: `h has norm {h.norm()}`. */

export type MessagePart =
  { readonly kind: "text"; readonly text: string } | { readonly kind: "expression"; readonly text: string };

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
      parts.push({ kind: "expression", text: template.slice(at + 1, close) });
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
