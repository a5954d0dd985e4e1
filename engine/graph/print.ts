import { reachable } from "./order";
import { formatShape } from "./shape";
import type { Scope, Tensor } from "./tensor";

/**
 * Stable text of the graph behind `outputs`, one node a line, numbered from 0:
 * `%2 = matmul(%0, %1) : float32[N, 10]  # logits output(Linear)`.
 */
export function printGraph(outputs: readonly Tensor[]): string {
  const nodes = reachable(outputs);
  const numbers = new Map(nodes.map((node, i) => [node, i]));
  const lines = nodes.map((node, i) => {
    const inputs = node.inputs.map((input) => `%${numbers.get(input)}`).join(", ");
    const notes = [node.name, scopePath(node.scope)].filter(Boolean).join(" ");
    const shape = node.knownShape === null ? " unknown" : formatShape(node.knownShape);
    return `%${i} = ${node.op}(${inputs})${printAttributes(node)} : ${node.dtype}${shape}${notes && `  # ${notes}`}`;
  });
  return [...lines, `return ${outputs.map((node) => `%${numbers.get(node)}`).join(", ")}`].join("\n");
}

/** Modules and composites around a node, outermost first: `encoder.0(Linear) > softmax`. */
export function scopePath(scope: Scope | undefined): string {
  const parts: string[] = [];
  for (let at = scope; at; at = at.parent) {
    parts.unshift(at.kind === "module" ? `${at.name}(${at.type})` : at.name);
  }
  return parts.join(" > ");
}

function printAttributes(node: Tensor): string {
  const parts = Object.entries(node.attributes)
    .filter(([key, value]) => typeof value !== "function" && key !== "shape" && key !== "dtype")
    .map(([key, value]) => `${key}=${printValue(value)}`);
  return parts.length === 0 ? "" : ` {${parts.join(", ")}}`;
}

function printValue(value: unknown): string {
  if (value instanceof Float64Array) {
    const shown = [...value.subarray(0, 4)].map(String).join(", ");
    return value.length > 4 ? `[${shown}, … ${value.length}]` : `[${shown}]`;
  }
  if (Array.isArray(value)) return `[${value.map(printValue).join(", ")}]`;
  return String(value);
}
