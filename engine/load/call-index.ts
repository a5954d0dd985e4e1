/**
 * From a stack frame's line and column to the call that the frame stands in.
 *
 * Where V8 says a call is (measured on Node 20; test/load/call-index.test.ts measures it again):
 *
 * | call | position |
 * |---|---|
 * | `f(x)`, `super(x)` | the callee's start |
 * | `o.f(x)`, `o?.f(x)`, `super.f(x)` | the start of the name `f` |
 * | `o["f"](x)`, `o.#f(x)`, `f(x)(y)`, `(f)(x)`, `o.f?.(x)` | the call's `(` |
 * | `new A(x)` | `new` |
 * | a tagged template | the template's backquote |
 * | a frame that waits at an `await` | `await` |
 * | a property read that runs a getter | the start of the property's name |
 * | the constructor of a class that has none written | `class` (not a call: looked up, it is nothing) |
 *
 * The index keeps offsets only: the syntax tree can be dropped once it is built.
 */
import type { Range, Site } from "../graph/site";
import { forEachChild, span, unwrap, type Node, type Span } from "./ast";
import type { SyntaxTree } from "./parse";
import { createLineTable, skipTrivia, wordEnd } from "./text";

export interface CallIndex {
  readonly file: string;
  /**
   * The call at a position as V8 reports it (both from 1). Where no call has that position: the innermost call
   * around it, else the word that stands there. `undefined` when the file has no such line.
   */
  lookUp(line: number, column: number): Site | undefined;
}

/** A call (or a property read) by its offsets. */
interface Entry extends Span {
  readonly variable: string | undefined;
  readonly receiver: Span | undefined;
  readonly arguments: readonly Span[] | undefined;
  /** Of an object literal as the first argument: where each property's value stands. */
  readonly properties?: ReadonlyMap<string, Span>;
}

export function createCallIndex(file: string, text: string, tree: SyntaxTree): CallIndex {
  const { exact, calls } = collect(text, tree.program);
  const lines = createLineTable(text);
  const range = ({ start, end }: Span): Range => lines.range(file, start, end);
  const toSite = (entry: Entry): Site => ({
    ...range(entry),
    ...(entry.variable !== undefined && { variable: entry.variable }),
    ...(entry.arguments && { arguments: entry.arguments.map(range) }),
    ...(entry.receiver && { receiver: range(entry.receiver) }),
    ...(entry.properties && {
      properties: Object.fromEntries([...entry.properties].map(([name, value]) => [name, range(value)])),
    }),
  });
  return {
    file,
    lookUp(line, column) {
      const offset = lines.offset(line, column);
      if (offset === undefined) return undefined;
      // The constructor of a class that has none written: who says `new` is a frame further out.
      if (!exact.has(offset) && /^class\b/.test(text.slice(offset, offset + 6))) return undefined;
      const entry = exact.get(offset) ?? innermost(calls, offset);
      if (entry) return toSite(entry);
      const start = Math.min(offset, text.length);
      // Where no word stands, V8 means an operator.
      const end = wordEnd(text, start);
      return range({
        start,
        end: end > start ? end : start + (/^[^\w\s$"'`()[\]{};,]+/.exec(text.slice(start, start + 4))?.[0].length ?? 0),
      });
    },
  };
}

interface Collected {
  /** Entries by the offset that V8 reports for them. */
  readonly exact: ReadonlyMap<number, Entry>;
  /** All calls, a call before those inside it. */
  readonly calls: readonly Entry[];
}

function collect(text: string, program: Node): Collected {
  const exact = new Map<number, Entry>();
  const calls: Entry[] = [];
  /** Positions to use only where no call is reported exactly there. */
  const secondary: (readonly [number, Entry])[] = [];
  /** The variable that gets a node's value, for nodes that are a whole right-hand side. */
  const assigned = new Map<Node, string>();

  const visit = (node: Node): void => {
    noteAssignment(node, assigned);
    const { start, end } = span(node);
    switch (node.type) {
      case "CallExpression":
      case "OptionalCallExpression":
      case "NewExpression": {
        const entry: Entry = {
          start,
          end,
          variable: assigned.get(node),
          receiver: node.type === "NewExpression" ? undefined : receiverOf(node.callee),
          arguments: node.arguments.map(span),
          properties: propertiesOf(node.arguments[0]),
        };
        calls.push(entry);
        const open = openParenthesis(text, node);
        exact.set(node.type === "NewExpression" ? start : callPosition(node, open), entry);
        secondary.push([open, entry]);
        break;
      }
      case "TaggedTemplateExpression": {
        const entry: Entry = {
          start,
          end,
          variable: assigned.get(node),
          receiver: receiverOf(node.tag),
          arguments: node.quasi.expressions.map(span),
        };
        calls.push(entry);
        exact.set(span(node.quasi).start, entry);
        break;
      }
      case "AwaitExpression": {
        const inner = unwrap(node.argument, true);
        const { start: from, end: to } = span(inner);
        const call = isCall(inner) ? inner : undefined;
        secondary.push([
          start,
          {
            start: from,
            end: to,
            variable: assigned.get(inner),
            receiver: call && receiverOf(call.callee),
            arguments: call?.arguments.map(span),
          },
        ]);
        break;
      }
      case "MemberExpression":
      case "OptionalMemberExpression":
        if (!node.computed) {
          const read: Entry = {
            start,
            end,
            variable: assigned.get(node),
            receiver: span(node.object),
            arguments: undefined,
          };
          secondary.push([span(node.property).start, read]);
        }
        break;
      default:
        break;
    }
    forEachChild(node, visit);
  };
  visit(program);
  for (const [offset, entry] of secondary) if (!exact.has(offset)) exact.set(offset, entry);
  return { exact, calls };
}

type Call = Extract<Node, { type: "CallExpression" | "OptionalCallExpression" }>;

function isCall(node: Node): node is Call {
  return node.type === "CallExpression" || node.type === "OptionalCallExpression";
}

/** Notes the call (or property read) that is the whole right-hand side of a variable, an assignment or a field. */
function noteAssignment(node: Node, assigned: Map<Node, string>): void {
  switch (node.type) {
    case "VariableDeclarator":
      if (node.init && node.id.type === "Identifier") assigned.set(unwrap(node.init, true), node.id.name);
      return;
    case "AssignmentExpression": {
      const name = node.operator === "=" ? targetName(unwrap(node.left)) : undefined;
      if (name !== undefined) assigned.set(unwrap(node.right, true), name);
      return;
    }
    case "ClassProperty":
    case "ClassPrivateProperty": {
      const name = node.type === "ClassProperty" && node.computed ? undefined : propertyName(node.key);
      if (node.value && name !== undefined) assigned.set(unwrap(node.value, true), name);
      return;
    }
    default:
      return;
  }
}

/** `x` for `x = …` and for `this.x = …`; nothing for other targets. */
function targetName(target: Node): string | undefined {
  if (target.type === "Identifier") return target.name;
  if (target.type !== "MemberExpression" || target.computed || target.object.type !== "ThisExpression")
    return undefined;
  return propertyName(target.property);
}

function propertyName(key: Node): string | undefined {
  switch (key.type) {
    case "Identifier":
      return key.name;
    case "StringLiteral":
      return key.value;
    case "PrivateName":
      return `#${key.id.name}`;
    default:
      return undefined;
  }
}

function propertiesOf(argument: Node | null | undefined): ReadonlyMap<string, Span> | undefined {
  const literal = argument && unwrap(argument);
  if (literal?.type !== "ObjectExpression") return undefined;
  const values = new Map<string, Span>();
  for (const property of literal.properties) {
    const name = property.type === "SpreadElement" || property.computed ? undefined : propertyName(property.key);
    if (name !== undefined) values.set(name, span(property.type === "ObjectProperty" ? property.value : property));
  }
  return values;
}

function receiverOf(callee: Node): Span | undefined {
  const method = unwrap(callee);
  const isMember = method.type === "MemberExpression" || method.type === "OptionalMemberExpression";
  return isMember ? span(method.object) : undefined;
}

/** Where V8 reports a call (see the table above). */
function callPosition(node: Call, open: number): number {
  if (node.type === "OptionalCallExpression" && node.optional) return open;
  // `f!(x)` and `f<T>(x)` are plain calls once the types are gone; `(f)(x)` is not.
  let callee: Node = node.callee;
  while (callee.type === "TSNonNullExpression" || callee.type === "TSInstantiationExpression")
    callee = callee.expression;
  switch (callee.type) {
    case "Identifier":
    case "Super":
      return span(callee).start;
    case "MemberExpression":
    case "OptionalMemberExpression":
      if (callee.computed || callee.property.type === "PrivateName") return open;
      return span(callee.property).start;
    default:
      return open;
  }
}

function openParenthesis(text: string, node: Call | Extract<Node, { type: "NewExpression" }>): number {
  const types = node.typeParameters as Node | null | undefined;
  let at = skipTrivia(text, types ? span(types).end : span(node.callee).end);
  if (text.startsWith("?.", at)) at = skipTrivia(text, at + 2);
  return at;
}

function innermost(calls: readonly Entry[], offset: number): Entry | undefined {
  let best: Entry | undefined;
  for (const call of calls) {
    if (call.start > offset || call.end <= offset) continue;
    if (!best || call.end - call.start <= best.end - best.start) best = call;
  }
  return best;
}
