import { sizeOf } from "../../graph/shape";
import { nearestName } from "../../load/suggest";
import { type Index, readMask, readSelection, select, selectedShape, wholeOf } from "./indexing";
import { CALLBACKS, type Context, tensorMember, tensorMembers } from "./members";
import { charge, isOperation, newAllowance, operate } from "./operations";
import { arithmetic, unary } from "./operators";
import { parseExpression, sourceOf } from "./parse";
import { OPERATIONS, signatureOf } from "./signatures";
import type { BinaryNode, CallNode, Expression, GradientNode, IndexNode, IndexPart, MemberNode, Node } from "./syntax";
import {
  ExpressionError,
  type ListValue,
  type Names,
  type RecordValue,
  type TensorValue,
  type Value,
  asWhole,
  describe,
  isTrue,
  listValue,
  numberValue,
  tensorValue,
  within,
} from "./values";

/** Names that every expression knows, unless the user's code has its own. */
export const CONSTANTS: Readonly<Record<string, number>> = { NaN, Infinity, pi: Math.PI, e: Math.E };

/** Computes an expression. @throws ExpressionError, and nothing else */
export function evaluateExpression(expression: Expression | string, names: Names): Value {
  const parsed = typeof expression === "string" ? parseExpression(expression) : expression;
  return evaluateNode(parsed.root, { names, allowance: newAllowance(), expression: parsed });
}

/** Whether a condition holds. @throws ExpressionError, also where the value is no single truth value */
export function evaluateCondition(expression: Expression | string, names: Names): boolean {
  const parsed = typeof expression === "string" ? parseExpression(expression) : expression;
  return within(parsed.root, () => isTrue(evaluateExpression(parsed, names)));
}

/** What stands in `[ ]`, computed; for targets of assignments. */
export function evaluateIndices(expression: Expression, node: IndexNode, names: Names): Index[] {
  return indicesOf(node.parts, { names, allowance: newAllowance(), expression });
}

interface Scope extends Context {
  readonly expression: Expression;
}

function evaluateNode(node: Node, scope: Scope): Value {
  return within(node, () => {
    switch (node.kind) {
      case "literal":
        return node.value;
      case "name":
        return lookup(node.name, scope);
      case "gradient":
        return gradient(node, scope);
      case "member":
        return memberOf(node, null, scope);
      case "call":
        return call(node, scope);
      case "index":
        return index(node, scope);
      case "unary":
        return unary(node.operator, evaluateNode(node.operand, scope), scope.allowance);
      case "binary":
        return binary(node, scope);
      case "conditional":
        return evaluateNode(isTrueAt(node.test, scope) ? node.yes : node.no, scope);
      case "list":
        return listValue(node.items.map((item) => evaluateNode(item, scope)));
      case "options": {
        const entries = new Map(node.entries.map(({ name, value }) => [name, evaluateNode(value, scope)]));
        return optionsRecord(entries);
      }
      default:
        return node satisfies never;
    }
  });
}

function isTrueAt(node: Node, scope: Scope): boolean {
  const value = evaluateNode(node, scope);
  return within(node, () => isTrue(value));
}

function binary(node: BinaryNode, scope: Scope): Value {
  const { operator } = node;
  const left = evaluateNode(node.left, scope);
  switch (operator) {
    case "&&":
      return within(node.left, () => isTrue(left)) ? evaluateNode(node.right, scope) : left;
    case "||":
      return within(node.left, () => isTrue(left)) ? left : evaluateNode(node.right, scope);
    case "??":
      return left.kind === "null" ? evaluateNode(node.right, scope) : left;
    default:
      return arithmetic(operator, left, evaluateNode(node.right, scope), scope.allowance);
  }
}

function optionsRecord(entries: ReadonlyMap<string, Value>): RecordValue {
  return {
    kind: "record",
    type: "options",
    text: "",
    members: () => [...entries.keys()].map((name) => ({ name, kind: "property", detail: "" })),
    member: (name) => entries.get(name),
  };
}

// ---- names -------------------------------------------------------------------------------------

function known(name: string, { names }: Scope): Value | undefined {
  return names.lookup(name) ?? (Object.hasOwn(CONSTANTS, name) ? numberValue(CONSTANTS[name]) : undefined);
}

function lookup(name: string, scope: Scope): Value {
  const value = known(name, scope);
  if (value) return value;
  if (isOperation(name))
    throw new ExpressionError(`${name} is an operation and needs its operands: ${signatureOf(name)}`);
  if (Object.hasOwn(CALLBACKS, name)) throw new ExpressionError(`${name} needs brackets: ${CALLBACKS[name].detail}`);
  throw new ExpressionError(unknownMessage(name, scope));
}

function unknownMessage(name: string, { names }: Scope): string {
  const all = [...new Set(names.list().map((entry) => entry.name))];
  const near = nearestName(name, [...all, ...Object.keys(CONSTANTS), "true", "false", "null"]);
  const some = all.slice(0, MOST_LISTED).join(", ") + (all.length > MOST_LISTED ? ", …" : "");
  const asked = near === undefined ? "" : `; did you mean ${near}?`;
  return `there is no ${name} here${asked}${all.length > 0 ? `${asked ? "" : ";"} (known: ${some})` : ""}`.replace(
    "; (",
    " (",
  );
}

const MOST_LISTED = 12;

/** The path that a chain of names is: `layers.0.weight`. */
function pathOf(node: Node): string | undefined {
  if (node.kind === "name") return node.name;
  if (node.kind !== "member") return undefined;
  const before = pathOf(node.object);
  return before === undefined ? undefined : `${before}.${node.name}`;
}

function rootOf(node: Node): Node {
  return node.kind === "member" ? rootOf(node.object) : node;
}

function memberOf(node: MemberNode, given: readonly Value[] | null, scope: Scope): Value {
  const root = rootOf(node);
  if (root.kind === "name" && known(root.name, scope) === undefined) {
    // Paths of parameters, and `this.hidden` where `this` itself has no value.
    const path = pathOf(node) ?? "";
    const found =
      scope.names.lookup(path) ?? (path.startsWith("this.") ? scope.names.lookup(path.slice(5)) : undefined);
    if (found && given === null) return found;
    if (found && given) return callValue(found, path, given);
    if (path === `this.${node.name}`) throw new ExpressionError(unknownMessage(node.name, scope), node.nameSpan);
  }
  const object = evaluateNode(node.object, scope);
  return within(node.nameSpan, () => member(object, node, given, scope));
}

function member(object: Value, node: MemberNode, given: readonly Value[] | null, scope: Scope): Value {
  const { name } = node;
  const what = nameOf(node.object, scope);
  let names: readonly string[];
  switch (object.kind) {
    case "record": {
      const value = object.member(name);
      if (value) {
        if (given === null) return value;
        return callValue(value, `${what}.${name}`, given);
      }
      names = object.members().map((entry) => entry.name);
      break;
    }
    case "list":
      if (name === "length" && given === null) return numberValue(object.items.length);
      names = ["length"];
      break;
    case "tensor":
    case "number":
    case "boolean": {
      const value = tensorMember(object.kind === "tensor" ? object : scalarOf(object.value), name, given, scope);
      if (value) return value;
      names = tensorMembers().map((entry) => entry.name);
      break;
    }
    case "text":
    case "null":
      throw new ExpressionError(`${what} is ${describe(object)}: it has no members`);
    default:
      return object satisfies never;
  }
  const near = nearestName(name, names);
  const some = names.length > MOST_LISTED ? "" : `; it has ${names.join(", ") || "none"}`;
  throw new ExpressionError(`${what} has no member ${name}${near === undefined ? some : `; did you mean ${near}?`}`);
}

function scalarOf(value: number | boolean): TensorValue {
  return tensorValue({
    shape: [],
    dtype: typeof value === "boolean" ? "bool" : "float32",
    data: Float64Array.of(Number(value)),
  });
}

/** How the user wrote it, for errors. */
function nameOf(node: Node, scope: Scope): string {
  const text = sourceOf(scope.expression, node);
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
}

/** ∂loss/∂hidden is a record of the gradients of what is in `hidden`. */
function gradient(node: GradientNode, scope: Scope): Value {
  const whole = scope.names.lookup(`∂${node.of}/∂${node.by}`);
  if (whole) return whole;
  if (known(node.of, scope) === undefined) throw new ExpressionError(unknownMessage(node.of, scope));
  return gradientBy(lookup(node.by, scope), node.of, node.by, scope);
}

function gradientBy(value: Value, of: string, by: string, scope: Scope): Value {
  if (value.kind === "tensor") return scope.names.gradientOf(value, of);
  if (value.kind !== "record")
    throw new ExpressionError(`∂${of}/∂${by}: ${by} is ${describe(value)}, which has no gradient`);
  return {
    kind: "record",
    type: "gradients",
    text: `∂${of}/∂${by}`,
    members: value.members,
    member: (name) => {
      const inner = value.member(name);
      return inner && gradientBy(inner, of, `${by}.${name}`, scope);
    },
  };
}

// ---- calls -------------------------------------------------------------------------------------

function call({ callee, given: nodes }: CallNode, scope: Scope): Value {
  if (callee.kind === "member") {
    return memberOf(
      callee,
      nodes.map((node) => evaluateNode(node, scope)),
      scope,
    );
  }
  const { name } = callee;
  const own = scope.names.lookup(name);
  const isFunction = isOperation(name) || Object.hasOwn(CALLBACKS, name);
  if (own === undefined && !isFunction) {
    const near = nearestName(name, [...Object.keys(OPERATIONS), ...Object.keys(CALLBACKS)]);
    const asked = near === undefined ? "" : `; did you mean ${near}?`;
    throw new ExpressionError(`there is no operation ${name}${asked}`, callee);
  }
  const given = nodes.map((node) => evaluateNode(node, scope));
  // A variable that has an operation's name, such as `max`, does not hide it.
  if (own && !(isFunction && (own.kind !== "record" || !own.call))) return callValue(own, name, given);
  return isOperation(name) ? operate(name, given, scope.allowance) : CALLBACKS[name].call(given, scope);
}

function callValue(value: Value, name: string, given: readonly Value[]): Value {
  if (value.kind === "record" && value.call) return value.call(given);
  throw new ExpressionError(`${name} is ${describe(value)}, which cannot be called`);
}

// ---- parts -------------------------------------------------------------------------------------

function index(node: IndexNode, scope: Scope): Value {
  const object = evaluateNode(node.object, scope);
  const name = nameOf(node.object, scope);
  if (object.kind === "record") {
    const [part] = node.parts;
    if (node.parts.length !== 1 || part.kind !== "at") throw new ExpressionError(`${name} has members, not axes`);
    const key = evaluateNode(part.at, scope);
    const member = key.kind === "text" ? key.value : String(asWhole(key, `a member of ${name} in brackets`));
    const value = object.member(member);
    if (value) return value;
    throw new ExpressionError(`${name} has no member ${member}`, part.span);
  }
  if (object.kind === "list") return listPart(object, node, name, scope);
  if (object.kind !== "tensor") throw new ExpressionError(`${name} is ${describe(object)}: it has no axes to index`);
  if (node.parts.length === 1 && node.parts[0].kind === "at") {
    const mask = evaluateNode(node.parts[0].at, scope);
    if (mask.kind === "tensor" && mask.dtype === "bool") {
      charge(scope.allowance, object.array.data.length, name);
      return tensorValue(readMask(object.array, mask.array, name));
    }
  }
  const selection = select(wholeOf(object.shape), indicesOf(node.parts, scope), name);
  charge(scope.allowance, sizeOf(selectedShape(selection)), name);
  return tensorValue(readSelection(object.array, selection));
}

function listPart(list: ListValue, { parts }: IndexNode, name: string, scope: Scope): Value {
  const indices = indicesOf(parts, scope);
  // A list is indexed as an array of positions is.
  const count = list.items.length;
  const positions = {
    shape: [count],
    dtype: "int32" as const,
    data: Float64Array.from({ length: count }, (_, at) => at),
  };
  const chosen = readSelection(positions, select(wholeOf([count]), indices, name));
  charge(scope.allowance, chosen.data.length, name);
  return chosen.shape.length === 0
    ? list.items[chosen.data[0]]
    : listValue(Array.from(chosen.data, (at) => list.items[at]));
}

function indicesOf(parts: readonly IndexPart[], scope: Scope): Index[] {
  return parts.map((part) =>
    within(part.span, (): Index => {
      if (part.kind === "rest") return part;
      if (part.kind === "range") {
        const bound = (node: Node | null): number | null => {
          const value = node && evaluateNode(node, scope);
          return value === null || value.kind === "null" ? null : asWhole(value, "a bound of a range");
        };
        return { kind: "range", start: bound(part.start), stop: bound(part.stop), step: bound(part.step) };
      }
      const value = evaluateNode(part.at, scope);
      if (value.kind === "list") {
        return { kind: "list", list: value.items.map((item) => asWhole(item, "an index")) };
      }
      if (value.kind === "tensor" && value.shape.length === 1) {
        charge(scope.allowance, value.array.data.length, "an index");
        return { kind: "list", list: Array.from(value.array.data, (at) => asWhole(numberValue(at), "an index")) };
      }
      return { kind: "at", at: asWhole(value, "an index") };
    }),
  );
}
