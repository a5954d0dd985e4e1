import {
  BINARY_OPERATORS,
  COMPARISON_BINDING,
  type Expression,
  type IndexPart,
  type Node,
  type OptionsNode,
  UNARY_BINDING,
  type UnaryOperator,
  isBinaryOperator,
} from "./syntax";
import { type Token, tokenize } from "./tokens";
import { ExpressionError, type Span, booleanValue, numberValue, textValue } from "./values";

/** Longer texts and deeper trees are refused, so that neither parsing nor evaluation can run out of stack. */
const LONGEST = 10_000;
const DEEPEST = 200;

/** Reads an expression. @throws ExpressionError with the place of what it cannot read */
export function parseExpression(text: string): Expression {
  const parser = startParser(text);
  const root = parseBinary(parser, 0);
  refuseRest(parser);
  return { text, root };
}

const ASSIGNMENTS = ["=", "+=", "-=", "*=", "/="] as const;

/** `target = value` cut in two; null where the text is no assignment. Of `+=` and the like the value is the whole right side: `target + value`. */
export function parseAssignment(text: string): { readonly target: Expression; readonly value: Expression } | null {
  const parser = startParser(text);
  const left = parseBinary(parser, 0);
  const sign = peek(parser);
  const operator = ASSIGNMENTS.find((candidate) => isSign(sign, candidate));
  if (operator === undefined) {
    refuseRest(parser);
    return null;
  }
  next(parser);
  const right = parseBinary(parser, 0);
  refuseRest(parser);
  const target: Expression = { text, root: left };
  if (operator === "=") return { target, value: { text, root: right } };
  const binary = operator.slice(0, 1) as "+" | "-" | "*" | "/";
  const root = node({ kind: "binary", operator: binary, left, right, ...spanOf(left, right) }, [left, right]);
  return { target, value: { text, root } };
}

/** The part of the text that a node was read from. */
export function sourceOf(expression: Expression, span: Span): string {
  return expression.text.slice(span.start, span.end);
}

interface Parser {
  readonly tokens: readonly Token[];
  at: number;
  /** Of open brackets, signs and the like. */
  depth: number;
  /** Nodes that stand in brackets: `(a < b) == c` has a meaning. Their spans are of the text within. */
  readonly bracketed: Set<Node>;
}

function startParser(text: string): Parser {
  if (text.length > LONGEST) {
    throw new ExpressionError(`this expression has ${text.length} characters; at most ${LONGEST} are read`);
  }
  const parser = { tokens: tokenize(text), at: 0, depth: 0, bracketed: new Set<Node>() };
  if (peek(parser).kind === "end") throw new ExpressionError("there is no expression here", peek(parser));
  return parser;
}

// ---- tokens ------------------------------------------------------------------------------------

function peek(parser: Parser, ahead = 0): Token {
  return parser.tokens[Math.min(parser.at + ahead, parser.tokens.length - 1)];
}

function next(parser: Parser): Token {
  const token = peek(parser);
  parser.at++;
  return token;
}

function isSign(token: Token, sign: string): boolean {
  return token.kind === "sign" && token.text === sign;
}

function accept(parser: Parser, sign: string): Token | undefined {
  return isSign(peek(parser), sign) ? next(parser) : undefined;
}

function expect(parser: Parser, sign: string, opened: Span & { readonly text?: string }): Token {
  const found = accept(parser, sign);
  if (found) return found;
  const token = peek(parser);
  const place = `the ${opened.text ?? "?"} at column ${opened.start + 1}`;
  if (token.kind === "end") throw new ExpressionError(`${place} needs a ${sign}; the expression ends before it`, token);
  throw new ExpressionError(`${place} needs a ${sign}; there is ${token.text} at column ${token.start + 1}`, token);
}

function refuseRest(parser: Parser): void {
  const token = peek(parser);
  if (token.kind === "end") return;
  throw new ExpressionError(restMessage(parser, token), token);
}

function restMessage(parser: Parser, token: Token): string {
  if (token.kind === "sign") {
    const operator = ASSIGNMENTS.find((candidate) => candidate === token.text);
    if (operator === "=")
      return `= at column ${token.start + 1} assigns, which cannot be done here; to compare write ==`;
    if (operator) return `${operator} at column ${token.start + 1} assigns, which cannot be done here`;
    if (token.text === ":") return `: at column ${token.start + 1} is for ranges within [ ], as in W[1:3]`;
  }
  const words: Readonly<Record<string, string>> = { and: "&&", or: "||", is: "==", in: "any(x == …)", if: "? :" };
  const word = token.kind === "name" && Object.hasOwn(words, token.text) ? `; write ${words[token.text]}` : "";
  const before = parser.tokens[parser.at - 1];
  const product = before.kind === "number" && token.kind === "name" ? `; write ${before.text} * ${token.text}` : "";
  return `unexpected ${token.text} at column ${token.start + 1}${word || product}`;
}

// ---- nodes -------------------------------------------------------------------------------------

type WithoutDepth<N> = N extends Node ? Omit<N, "depth"> : never;

function node<N extends WithoutDepth<Node>>(parts: N, children: readonly Node[]): N & { readonly depth: number } {
  let depth = 0;
  for (const child of children) depth = Math.max(depth, child.depth);
  if (depth >= DEEPEST) refuseDepth(parts);
  return { ...parts, depth: depth + 1 };
}

function refuseDepth(span: Span): never {
  throw new ExpressionError(`this expression is nested too deeply; at most ${DEEPEST} levels are read`, span);
}

function spanOf(first: Span, last: Span): Span {
  return { start: first.start, end: last.end };
}

function parseBinary(parser: Parser, least: number): Node {
  if (++parser.depth > DEEPEST) refuseDepth(peek(parser));
  let left = parseUnary(parser);
  for (;;) {
    const sign = peek(parser);
    if (sign.kind !== "sign" || !isBinaryOperator(sign.text)) break;
    const operator = sign.text;
    const binding = BINARY_OPERATORS[operator];
    if (binding < least) break;
    if (binding === COMPARISON_BINDING && isComparison(left) && !parser.bracketed.has(left)) {
      throw new ExpressionError(
        `comparisons have two sides: ${sign.text} at column ${sign.start + 1} is a second one; join them by &&`,
        sign,
      );
    }
    next(parser);
    const right = parseBinary(parser, operator === "**" ? UNARY_BINDING : binding + 1);
    left = node({ kind: "binary", operator, left, right, ...spanOf(left, right) }, [left, right]);
  }
  if (least <= 1) left = parseConditional(parser, left);
  parser.depth--;
  return left;
}

function isComparison(left: Node): boolean {
  return left.kind === "binary" && BINARY_OPERATORS[left.operator] === COMPARISON_BINDING;
}

function parseConditional(parser: Parser, test: Node): Node {
  const question = accept(parser, "?");
  if (!question) return test;
  const yes = parseBinary(parser, 0);
  expect(parser, ":", question);
  const no = parseBinary(parser, 0);
  return node({ kind: "conditional", test, yes, no, ...spanOf(test, no) }, [test, yes, no]);
}

function parseUnary(parser: Parser): Node {
  const sign = peek(parser);
  if (sign.kind === "sign" && (sign.text === "-" || sign.text === "+" || sign.text === "!")) {
    next(parser);
    const operator: UnaryOperator = sign.text;
    const operand = parseBinary(parser, UNARY_BINDING);
    return node({ kind: "unary", operator, operand, ...spanOf(sign, operand) }, [operand]);
  }
  return parsePostfix(parser, parsePrimary(parser));
}

function parsePostfix(parser: Parser, first: Node): Node {
  let object = first;
  for (;;) {
    const sign = peek(parser);
    if (isSign(sign, ".")) {
      next(parser);
      const name = next(parser);
      if (name.kind !== "name") {
        throw new ExpressionError(`the name of a member is missing after the . at column ${sign.start + 1}`, sign);
      }
      const nameSpan = { start: name.start, end: name.end };
      object = node({ kind: "member", object, name: name.text, nameSpan, ...spanOf(object, name) }, [object]);
    } else if (isSign(sign, "(")) {
      next(parser);
      const given = parseItems(parser, ")", sign);
      const span = { start: object.start, end: parser.tokens[parser.at - 1].end };
      if (object.kind !== "name" && object.kind !== "member") {
        throw new ExpressionError(`only operations, methods and modules can be called, by their names`, span);
      }
      object = node({ kind: "call", callee: object, given, ...span }, [object, ...given]);
    } else if (isSign(sign, "[")) {
      next(parser);
      object = parseIndex(parser, object, sign);
    } else return object;
  }
}

function parseItems(parser: Parser, close: string, opened: Token): Node[] {
  const items: Node[] = [];
  while (!accept(parser, close)) {
    items.push(parseBinary(parser, 0));
    if (accept(parser, ",")) continue;
    expect(parser, close, opened);
    break;
  }
  return items;
}

function parseIndex(parser: Parser, object: Node, opened: Token): Node {
  const parts: IndexPart[] = [];
  for (;;) {
    if (isSign(peek(parser), "]") && parts.length > 0) break;
    parts.push(parseIndexPart(parser));
    if (!accept(parser, ",")) break;
  }
  const closed = expect(parser, "]", opened);
  const children = parts.flatMap((part) => {
    if (part.kind === "at") return [part.at];
    return part.kind === "range" ? [part.start, part.stop, part.step].filter((bound) => bound !== null) : [];
  });
  return node({ kind: "index", object, parts, ...spanOf(object, closed) }, [object, ...children]);
}

function parseIndexPart(parser: Parser): IndexPart {
  const first = peek(parser);
  if (accept(parser, "...")) return { kind: "rest", span: spanOf(first, first) };
  const bound = (): Node | null => {
    const token = peek(parser);
    return [":", ",", "]"].some((sign) => isSign(token, sign)) || token.kind === "end" ? null : parseBinary(parser, 0);
  };
  const start = bound();
  if (!accept(parser, ":")) {
    if (start === null) throw new ExpressionError(`an index is missing at column ${first.start + 1}`, first);
    return { kind: "at", span: spanOf(start, start), at: start };
  }
  const stop = bound();
  const step = accept(parser, ":") ? bound() : null;
  const end = parser.tokens[parser.at - 1].end;
  return { kind: "range", span: { start: first.start, end }, start, stop, step };
}

function parsePrimary(parser: Parser): Node {
  const token = next(parser);
  const span = { start: token.start, end: token.end };
  if (token.kind === "number") return node({ kind: "literal", value: numberValue(token.number ?? NaN), ...span }, []);
  if (token.kind === "string") return node({ kind: "literal", value: textValue(token.string ?? ""), ...span }, []);
  if (token.kind === "name") return parseWord(token.text, span);
  if (isSign(token, "(")) {
    const inner = parseBinary(parser, 0);
    expect(parser, ")", token);
    parser.bracketed.add(inner);
    return inner;
  }
  if (isSign(token, "[")) {
    const items = parseItems(parser, "]", token);
    return node({ kind: "list", items, start: token.start, end: parser.tokens[parser.at - 1].end }, items);
  }
  if (isSign(token, "{")) return parseOptions(parser, token);
  if (isSign(token, "∂")) return parseGradient(parser, token);
  if (token.kind === "end") throw new ExpressionError("the expression ends where a value should stand", token);
  throw new ExpressionError(`a value should stand where ${token.text} is, at column ${token.start + 1}`, token);
}

function parseWord(name: string, span: Span): Node {
  switch (name) {
    case "true":
    case "false":
      return node({ kind: "literal", value: booleanValue(name === "true"), ...span }, []);
    case "null":
      return node({ kind: "literal", value: { kind: "null" }, ...span }, []);
    default:
      return node({ kind: "name", name, ...span }, []);
  }
}

/** `∂loss/∂h`; members follow as of any value. */
function parseGradient(parser: Parser, first: Token): Node {
  const of = next(parser);
  const slash = next(parser);
  const second = next(parser);
  const by = next(parser);
  if (of.kind !== "name" || !isSign(slash, "/") || !isSign(second, "∂") || by.kind !== "name") {
    throw new ExpressionError(`a gradient is written as ∂loss/∂h`, spanOf(first, by));
  }
  return node({ kind: "gradient", of: of.text, by: by.text, ...spanOf(first, by) }, []);
}

function parseOptions(parser: Parser, opened: Token): OptionsNode {
  const entries: OptionsNode["entries"][number][] = [];
  while (!accept(parser, "}")) {
    const name = next(parser);
    if (name.kind !== "name") {
      throw new ExpressionError(`options are written as { keepDims: true }; a name is missing here`, name);
    }
    expect(parser, ":", name);
    entries.push({ name: name.text, value: parseBinary(parser, 0) });
    if (accept(parser, ",")) continue;
    expect(parser, "}", opened);
    break;
  }
  const end = parser.tokens[parser.at - 1].end;
  return node(
    { kind: "options", entries, start: opened.start, end },
    entries.map((entry) => entry.value),
  );
}
