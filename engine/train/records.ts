import { type BackwardPass, backward } from "../autodiff/gradients";
import type { Batch } from "../data/loader";
import { type NdArray, type Nested, toNested } from "../graph/array";
import { scopePath } from "../graph/print";
import type { Phase, Tensor } from "../graph/tensor";
import { evaluate } from "../plan/evaluate";
import { leafValue } from "./check-gradients";
import type { Step } from "./step";

/** One node with its value: a line of `trace --json`. */
export interface NodeRecord {
  readonly id: number;
  readonly phase: Phase;
  readonly op: string;
  /** Variable or parameter; for a gradient `dJ/dx`. */
  readonly name: string | null;
  /** Modules and composites around it, outermost first, joined by ` > `; empty outside. */
  readonly scope: string;
  readonly line: number | null;
  readonly shape: readonly number[];
  /** Nested lists; infinities and NaN as text. `null` when there are more elements than asked for. */
  readonly value: JsonValue | null;
  /** The forward node a gradient belongs to; the parameter an update belongs to. */
  readonly of: number | null;
  /** The operation whose local derivative this node takes part in. */
  readonly via: number | null;
  /**
   * `adjoint`: the gradient of the node `of`; `contribution`: upstream × local derivative of one use, where there are
   * several; `sum`: the contributions so far; `local`: the local derivative ∂via/∂of, element by element; `factor`: a step
   * on the way to one of these.
   */
  readonly role: "value" | "seed" | "local" | "factor" | "contribution" | "sum" | "adjoint" | "update";
  readonly inputs: readonly number[];
  readonly dtype: string;
}

export type JsonValue = number | string | boolean | readonly JsonValue[];

export interface RecordOptions {
  readonly seed: number;
  /** Values of larger tensors are left out. */
  readonly maxElements: number;
  readonly bindings?: (leaf: Tensor) => NdArray | undefined;
}

/** Every node behind a free program's result and behind its gradients, with values of the plain evaluator. */
export function recordProgram(output: Tensor, wanted: readonly Tensor[], options: RecordOptions): NodeRecord[] {
  const scalar =
    output.knownShape !== null && output.knownShape.every((dim) => dim === 1) && output.dtype === "float32";
  if (!scalar || wanted.length === 0) return record([output], undefined, options);
  const pass = backward(output, wanted, undefined, { locals: true });
  return record([output, ...gradientNodes(pass)], pass, options);
}

/** Every node of one training iteration on the given batch. */
export function recordStep(step: Step, batch: Batch, rate: number, options: RecordOptions): NodeRecord[] {
  const fed = new Map<Tensor, NdArray>();
  const put = (leaf: Tensor, data: ArrayLike<number>): void => {
    fed.set(leaf, { shape: leaf.shape, dtype: leaf.dtype, data: Float64Array.from(data) });
  };
  step.batch.inputs.forEach((leaf, i) => put(leaf, batch.inputs[i].data));
  step.batch.targets.forEach((leaf, i) => put(leaf, batch.targets[i].data));
  put(step.learningRate, [rate]);
  put(step.count, [1]);
  for (const { leaf, fill } of step.optimizerState)
    put(leaf, new Float64Array(leaf.shape.reduce((a, b) => a * b, 1)).fill(fill));
  const outputs = [
    step.cost,
    ...gradientNodes(step.backward),
    ...step.gradients.values(),
    ...step.assignments.values(),
  ];
  return record([...new Set(outputs)], step.backward, {
    ...options,
    bindings: (leaf) => fed.get(leaf) ?? options.bindings?.(leaf),
  });
}

export function gradientNodes(pass: BackwardPass): Tensor[] {
  const adjoints = [...pass.adjoints.values()];
  const locals = adjoints.flatMap(({ contributions }) => contributions.flatMap(({ local }) => (local ? [local] : [])));
  return [pass.seed, ...locals, ...adjoints.flatMap(({ gradient }) => (gradient ? [gradient] : []))];
}

function record(outputs: readonly Tensor[], pass: BackwardPass | undefined, options: RecordOptions): NodeRecord[] {
  const notes = pass ? notesOf(pass) : new Map<Tensor, Note>();
  const records: NodeRecord[] = [];
  const bind = (leaf: Tensor): NdArray | undefined => leafValue(leaf, options.seed, options.bindings);
  evaluate(outputs, bind, (node, value) => {
    const note = notes.get(node);
    records.push({
      id: node.id,
      phase: node.phase,
      op: node.op,
      name: note?.name ?? node.name ?? null,
      scope: scopePath(node.scope),
      line: node.site?.line ?? null,
      shape: value.shape,
      value: value.data.length > options.maxElements ? null : jsonValue(value),
      of: node.of?.id ?? null,
      via: node.via?.id ?? null,
      role: note?.role ?? UNNOTED[node.phase],
      inputs: node.inputs.map(({ id }) => id),
      dtype: node.dtype,
    });
  });
  return records;
}

const UNNOTED: Readonly<Record<Phase, NodeRecord["role"]>> = { forward: "value", backward: "factor", update: "update" };

interface Note {
  readonly role: NodeRecord["role"];
  readonly name: string;
}

/** What each node of the backward pass is, and its name in the notation of calculus. */
function notesOf({ output, seed, adjoints }: BackwardPass): Map<Tensor, Note> {
  const notes = new Map<Tensor, Note>();
  const cost = labelOf(output);
  notes.set(seed, { role: "seed", name: `d${cost}/d${cost}` });
  for (const { node, gradient, contributions } of adjoints.values()) {
    const name = `d${cost}/d${labelOf(node)}`;
    for (const { via, local, value, sum } of contributions) {
      if (local) notes.set(local, { role: "local", name: `∂${labelOf(via)}/∂${labelOf(node)}` });
      notes.set(value, { role: "contribution", name: `${name} via ${labelOf(via)}` });
      if (sum !== value) notes.set(sum, { role: "sum", name: `${name} so far` });
    }
    if (gradient && gradient !== seed) notes.set(gradient, { role: "adjoint", name });
  }
  return notes;
}

function labelOf(node: Tensor): string {
  return node.name ?? `%${node.id}`;
}

function jsonValue({ data, shape, dtype }: NdArray): JsonValue {
  const nested: Nested = toNested(data, shape, dtype === "bool" ? (x) => x !== 0 : undefined);
  const finite = (item: Nested): JsonValue => {
    if (Array.isArray(item)) return (item as readonly Nested[]).map(finite);
    return typeof item === "number" && !Number.isFinite(item) ? String(item) : item;
  };
  return finite(nested);
}
