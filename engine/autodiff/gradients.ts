import { reachable } from "../graph/order";
import { formatShape, shapesAgree, shapesEqual } from "../graph/shape";
import type { Tensor } from "../graph/tensor";
import { currentTrace } from "../graph/trace";
import { type GradientOf, add, apply, elementwiseOperations, full, operationOf, reportIssue } from "../ops";

/** What reverse mode did at one forward node: each contribution to its adjoint and their running sums. */
export interface Adjoint {
  readonly node: Tensor;
  /** ∂cost/∂node, or `undefined` when no gradient reaches it. */
  readonly gradient: Tensor | undefined;
  /** One per use of the node by a later operation, in the order in which they arrived. */
  readonly contributions: readonly Contribution[];
}

export interface Contribution {
  /** The operation that uses the node. */
  readonly via: Tensor;
  /** Which of its inputs. */
  readonly inputIndex: number;
  /** ∂via/∂input element by element, where the pass was asked for it and the operation works element by element. */
  readonly local: Tensor | undefined;
  /** upstream gradient × local derivative: a node of its own for each use. */
  readonly value: Tensor;
  /** The sum so far, this contribution included. */
  readonly sum: Tensor;
}

export interface BackwardPass {
  readonly output: Tensor;
  readonly seed: Tensor;
  readonly adjoints: ReadonlyMap<Tensor, Adjoint>;
}

export interface BackwardOptions {
  /** Also builds local derivatives as nodes of their own, for people to see; the gradients do not use them. */
  readonly locals?: boolean;
}

/** An operation without gradient on the way from the output to something that wants one. */
export interface BlockedPath {
  readonly node: Tensor;
  readonly reason: string;
}

/**
 * Reverse-mode differentiation: adds nodes for ∂output/∂w for each `wanted` w and all between to the graph.
 *
 * Adjoints start at 0, ∂output/∂output at 1 (or `seed`); in reverse order of making, each operation adds
 * upstream × local derivative to its inputs' adjoints. Only nodes between `wanted` and `output` are visited, each once.
 * The nodes are ordinary ones, so gradients of gradients work.
 */
export function backward(
  output: Tensor,
  wanted: readonly Tensor[],
  seed?: Tensor,
  options: BackwardOptions = {},
): BackwardPass {
  const trace = currentTrace();
  const phase = trace.phase;
  const outer = trace.backward;
  trace.phase = "backward";
  try {
    const needed = nodesBetween(output, wanted);
    const pending = new Map<Tensor, Contribution[]>();
    const adjoints = new Map<Tensor, Adjoint>();
    trace.backward = { of: output, via: output };
    const start = seed ?? full(output.shape, 1);
    if (
      seed &&
      seed.knownShape !== null &&
      output.knownShape !== null &&
      !shapesAgree(seed.knownShape, output.knownShape)
    ) {
      throw new Error(
        `the seed of a backward pass is ∂cost/∂output and has its shape ${formatShape(output.knownShape)}, got ${formatShape(seed.knownShape)}`,
      );
    }
    for (const node of [...needed].sort((a, b) => b.id - a.id)) {
      const contributions = pending.get(node) ?? [];
      const g = node === output ? start : contributions.at(-1)?.sum;
      adjoints.set(node, { node, gradient: g, contributions });
      if (g) propagate(node, g, needed, pending, options);
    }
    return { output, seed: start, adjoints };
  } finally {
    trace.phase = phase;
    trace.backward = outer;
  }
}

function propagate(
  node: Tensor,
  g: Tensor,
  needed: ReadonlySet<Tensor>,
  pending: Map<Tensor, Contribution[]>,
  { locals = false }: BackwardOptions,
): void {
  const { grad } = operationOf(node.op);
  if (typeof grad !== "function") return;
  const trace = currentTrace();
  const rulesFor = (upstream: Tensor): readonly (GradientOf | null)[] =>
    grad({ node, inputs: node.inputs, attributes: node.attributes, g: upstream });
  trace.backward = { of: node, via: node };
  const rules = rulesFor(g);
  node.inputs.forEach((input, inputIndex) => {
    const rule = rules[inputIndex];
    if (!rule || !needed.has(input)) return;
    trace.backward = { of: input, via: node };
    const local = locals && isElementwise(node, input) ? rulesFor(full(node.shape, 1))[inputIndex]?.() : undefined;
    const result = rule();
    // A rule may pass the upstream gradient itself on; the contribution is a value of its own all the same.
    const own = result.of === input && result.via === node && result !== local;
    const value = own ? result : apply("identity", [result]);
    const list = pending.get(input) ?? [];
    const before = list.at(-1)?.sum;
    list.push({ via: node, inputIndex, local, value, sum: before ? add(before, value) : value });
    pending.set(input, list);
  });
}

/** Whether each element of the result depends on the input's element at the same place alone. */
function isElementwise(node: Tensor, input: Tensor): boolean {
  const sameShape =
    input.knownShape !== null && node.knownShape !== null && shapesEqual(input.knownShape, node.knownShape);
  return sameShape && elementwiseOperations().has(node.op);
}

/** Nodes on a differentiable dtype's path from any of `wanted` to `output`. */
function nodesBetween(output: Tensor, wanted: readonly Tensor[]): Set<Tensor> {
  const between = new Set<Tensor>(wanted);
  for (const node of reachable([output])) {
    if (node.dtype === "float32" && node.inputs.some((input) => between.has(input))) between.add(node);
  }
  const reached = new Set(reachable([output]));
  for (const node of between) if (!reached.has(node)) between.delete(node);
  return between;
}

/**
 * Operations without a gradient through which alone (or among others) `wanted` influences the output, in the order of
 * making. Conditions, indices and what lies under a custom gradient are no such way: nobody expects a gradient there.
 */
export function blockedPaths(output: Tensor, wanted: readonly Tensor[]): BlockedPath[] {
  const nodes = reachable([output]);
  const influenced = new Set<Tensor>(wanted);
  for (const node of nodes) {
    // Behind stopGradient nobody expects a gradient.
    if (node.op !== "stopGradient" && node.inputs.some((input) => influenced.has(input))) influenced.add(node);
  }
  const blocked: BlockedPath[] = [];
  /** Nodes whose gradient would be asked for if every operation had one. */
  const asked = new Set([output]);
  for (const node of nodes.reverse()) {
    if (!asked.has(node) || !node.inputs.some((input) => influenced.has(input)) || node.op === "stopGradient") continue;
    const { grad } = operationOf(node.op);
    if (typeof grad !== "function" || node.dtype !== "float32") {
      // Of a path through whole numbers and flags, what made those of real numbers is to blame.
      if (node.inputs.some((input) => influenced.has(input) && input.dtype === "float32")) {
        const reason =
          typeof grad === "function" ? `a gradient flows through float32 only, and this is ${node.dtype}` : grad.none;
        blocked.push({ node, reason });
      }
      // What lies before it may be blocked a second time.
      for (const input of node.inputs) asked.add(input);
    } else if (node.op === "multiply" && node.inputs.some((input) => !isMask(input) && influenced.has(input))) {
      for (const input of node.inputs) if (!isMask(input)) asked.add(input);
    } else {
      // The rules are only looked at, which builds nothing: null marks the inputs that get no gradient by nature.
      const rules = grad({ node, inputs: node.inputs, attributes: node.attributes, g: node });
      node.inputs.forEach((input, i) => rules[i] && asked.add(input));
    }
  }
  return blocked.reverse();
}

/** Zeros and ones from a condition: what they are multiplied with has the gradient that is meant. */
function isMask(node: Tensor): boolean {
  if (node.op === "cast") return node.inputs[0].dtype === "bool";
  return MOVEMENTS.has(node.op) && isMask(node.inputs[0]);
}

const MOVEMENTS: ReadonlySet<string> = new Set(["reshape", "expand", "permute", "slice", "identity"]);

/**
 * Gradients of a scalar with respect to tensors, each in its tensor's own shape; zeros where none flows.
 * @throws when `output` is no scalar: sum or average it first, or give `seed`, ∂cost/∂output.
 */
export function gradientsOf(output: Tensor, wanted: readonly Tensor[], seed?: Tensor): Tensor[] {
  if (!seed && output.knownShape !== null && output.knownShape.length > 0) {
    reportIssue(
      "grad-scalar",
      `a gradient needs a scalar, but this is ${formatShape(output.knownShape)}; take its mean() or sum() first`,
    );
  }
  const { adjoints } = backward(output, wanted, seed);
  return wanted.map((node) => adjoints.get(node)?.gradient ?? noGradient(node));
}

/** Zeros for a tensor that no gradient reaches. */
function noGradient(node: Tensor): Tensor {
  const trace = currentTrace();
  const { phase, backward: outer } = trace;
  trace.phase = "backward";
  trace.backward = { of: node, via: node };
  try {
    return full(node.shape, 0);
  } finally {
    trace.phase = phase;
    trace.backward = outer;
  }
}
