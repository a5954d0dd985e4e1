import type { NdArray } from "../../graph/array";
import { fromNested } from "../../graph/array";
import { evaluateIndices } from "./evaluate";
import { nestedOf } from "./given";
import { type Selection, select, wholeOf, writeSelection } from "./indexing";
import { parseExpression, sourceOf } from "./parse";
import type { Expression, IndexNode, Node } from "./syntax";
import { ExpressionError, type Names, type Value, describe, within } from "./values";

/** What can be assigned to: a name, a path, or a part of a tensor. */

export interface Target {
  readonly expression: Expression;
  /** What holds the value: `["hidden", "weight"]` of `hidden.weight[0][3]`; a number in brackets is a name as well. */
  readonly path: readonly string[];
  /** The same as the user wrote it, an expression of its own: `hidden.weight`. */
  readonly root: string;
  /** `[0]`, then `[3]`: empty where the whole is assigned. */
  readonly indices: readonly IndexNode[];
}

/** @throws ExpressionError where the text is no such thing */
export function parseTarget(text: string | Expression): Target {
  const expression = typeof text === "string" ? parseExpression(text) : text;
  let node = expression.root;
  const indices: IndexNode[] = [];
  while (node.kind === "index") {
    indices.unshift(node);
    node = node.object;
  }
  return { expression, path: pathOf(node), root: sourceOf(expression, node), indices };
}

/**
 * The array with another value in the target's part: a number, a tensor or lists of numbers that broadcast to it.
 * @throws ExpressionError where index or value do not fit
 */
export function writeTarget(target: Target, array: NdArray, value: Value, names: Names): NdArray {
  const last = target.indices.at(-1);
  return within(last ?? target.expression.root, () => {
    const selection = target.indices.reduce(
      (part: Selection, node) => select(part, evaluateIndices(target.expression, node, names), target.root),
      wholeOf(array.shape),
    );
    return writeSelection(array, selection, arrayOf(value), sourceOf(target.expression, target.expression.root));
  });
}

function arrayOf(value: Value): NdArray {
  if (value.kind === "tensor") return value.array;
  if (value.kind === "number" || value.kind === "boolean" || value.kind === "list") {
    return fromNested(nestedOf(value, "the value"));
  }
  throw new ExpressionError(`a number or a tensor can be assigned here; got ${describe(value)}`);
}

function pathOf(node: Node): string[] {
  if (node.kind === "name") return [node.name];
  if (node.kind === "member") return [...pathOf(node.object), node.name];
  if (node.kind === "index" && node.parts.length === 1) {
    // Layers in a list: `layers[0].weight`.
    const [part] = node.parts;
    const value = part.kind === "at" && part.at.kind === "literal" ? part.at.value : undefined;
    if (value?.kind === "number" || value?.kind === "text") return [...pathOf(node.object), String(value.value)];
  }
  throw new ExpressionError(
    `only names and parts of tensors can be assigned, such as hidden.weight[0][3] or learningRate`,
    node,
  );
}
