import type { CompletionRecord } from "../requests";
import { CONSTANTS, evaluateExpression } from "./evaluate";
import { CALLBACKS, tensorMembers } from "./members";
import { isOperation } from "./operations";
import { OPERATIONS, signatureOf } from "./signatures";
import { type Token, readTokens } from "./tokens";
import { ExpressionError, type NameRecord, type Names } from "./values";

/** What can stand at a place of an expression that is being written. */

/** @param offset of the cursor in the text, from 0 */
export function complete(text: string, offset: number, names: Names): CompletionRecord[] {
  const cursor = Math.min(Math.max(0, Math.trunc(offset) || 0), text.length);
  const { tokens, stopped } = readTokens(text.slice(0, cursor));
  // Within quotes nothing is completed.
  if (stopped !== null && stopped < cursor) return [];
  const before = tokens.filter((token) => token.kind !== "end");
  const last = before.at(-1);
  const word = last?.end === cursor && last.kind === "name" ? last : undefined;
  if (last?.end === cursor && (last.kind === "number" || last.kind === "string")) return [];
  if (word) before.pop();
  const start = word?.start ?? cursor;
  const rest = /^[\p{ID_Continue}$]*/u.exec(text.slice(cursor))?.[0].length ?? 0;
  const place = { start, length: cursor - start + (word ? rest : 0) };
  const prefix = (word?.text ?? "").toLowerCase();
  return candidates(text, before, names)
    .filter(({ name }) => name.toLowerCase().startsWith(prefix))
    .map(({ name, kind, detail }) => ({ label: name, insert: name, kind, detail, ...place }));
}

function candidates(text: string, before: readonly Token[], names: Names): NameRecord[] {
  const last = before.at(-1);
  if (last?.kind === "sign" && last.text === ".") return membersOf(text, before.slice(0, -1), names);
  // Behind a value stands a sign, not a name.
  if (last && (last.kind !== "sign" || last.text === ")" || last.text === "]")) return [];
  const own = unique(names.list());
  if (last?.text === "∂") return own.filter(({ kind }) => kind !== "function" && kind !== "keyword");
  const taken = new Set(own.map(({ name }) => name));
  const others = [...operations(), ...constants()].filter(({ name }) => !taken.has(name));
  return [...own, ...others];
}

function unique(records: readonly NameRecord[]): NameRecord[] {
  return [...new Map(records.map((record) => [record.name, record])).values()];
}

function operations(): NameRecord[] {
  const own = Object.keys(OPERATIONS).flatMap((name): NameRecord[] =>
    isOperation(name) ? [{ name, kind: "function", detail: signatureOf(name) }] : [],
  );
  const callbacks = Object.entries(CALLBACKS).map(([name, { detail }]): NameRecord => ({
    name,
    kind: "function",
    detail,
  }));
  return [...own, ...callbacks];
}

function constants(): NameRecord[] {
  const numbers = Object.entries(CONSTANTS).map(([name, value]): NameRecord => ({
    name,
    kind: "keyword",
    detail: String(value),
  }));
  return [...numbers, ...["true", "false", "null"].map((name): NameRecord => ({ name, kind: "keyword", detail: "" }))];
}

function membersOf(text: string, before: readonly Token[], names: Names): NameRecord[] {
  const from = receiverStart(before);
  const last = before.at(-1);
  if (from === undefined || last === undefined) return [];
  // What a call gives is a tensor, nearly always; completing must not compute it.
  if (before.slice(from).some((token) => token.text === "(")) return tensorMembers();
  try {
    const value = evaluateExpression(text.slice(before[from].start, last.end), names);
    switch (value.kind) {
      case "record":
        return unique(value.members());
      case "tensor":
        return tensorMembers();
      case "list":
        return [{ name: "length", kind: "property", detail: "number of items" }];
      default:
        return [];
    }
  } catch (error) {
    if (error instanceof ExpressionError) return [];
    throw error;
  }
}

/** Where the value begins that ends with the last token: `hidden.weight[0]`, `softmax(logits)`. */
function receiverStart(tokens: readonly Token[]): number | undefined {
  let at = tokens.length - 1;
  for (;;) {
    let token = tokens[at] as Token | undefined;
    while (token?.kind === "sign" && (token.text === ")" || token.text === "]")) {
      const open = opening(tokens, at);
      if (open === undefined) return undefined;
      const inner = tokens[open - 1] as Token | undefined;
      const isPostfix = inner !== undefined && (inner.kind === "name" || inner.text === ")" || inner.text === "]");
      if (!isPostfix) return open;
      at = open - 1;
      token = inner;
    }
    if (token?.kind !== "name") return undefined;
    if (tokens[at - 1]?.text !== ".") return gradientStart(tokens, at);
    at -= 2;
  }
}

/** `∂loss/∂h` is one value. */
function gradientStart(tokens: readonly Token[], at: number): number {
  const signs = [tokens[at - 1]?.text, tokens[at - 2]?.text, tokens[at - 4]?.text];
  return signs.join(" ") === "∂ / ∂" ? at - 4 : at;
}

function opening(tokens: readonly Token[], close: number): number | undefined {
  let depth = 0;
  for (let at = close; at >= 0; at--) {
    const { kind, text } = tokens[at];
    if (kind !== "sign") continue;
    if (text === ")" || text === "]" || text === "}") depth++;
    if ((text === "(" || text === "[" || text === "{") && --depth === 0) return at;
  }
  return undefined;
}
