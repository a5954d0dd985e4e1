import type { Batch } from "../data/loader";
import { type NdArray, isFiniteFloat } from "../graph/array";
import type { Issue } from "../graph/issue";
import { concreteShape } from "../graph/shape";
import type { Tensor } from "../graph/tensor";
import { type Module, namedParameters } from "../nn/module";
import { Parameter } from "../nn/parameter";
import { evaluate } from "../plan/evaluate";
import type { FindingEvent } from "./events";
import type { Layer } from "./statistics";
import type { Forward, Step } from "./step";
import type { StoredValues } from "./store";

/** Thrown when a training cannot be built; the issues say why. */
export class IssuesError extends Error {
  constructor(readonly issues: readonly Issue[]) {
    const errors = issues.filter(({ severity }) => severity === "error");
    const places = errors.map(({ message, range }) =>
      range ? `${range.file}:${range.line}:${range.column}: ${message}` : message,
    );
    super(places.join("\n"));
    this.name = "IssuesError";
  }
}

export function stopOnIssues(forward: Forward): void {
  if (forward.trace.issues.some(({ severity }) => severity === "error")) throw new IssuesError(forward.trace.issues);
  if (forward.loss.knownShape?.length !== 0) {
    throw new Error(
      `training: the loss must be a scalar, but has shape [${String(forward.loss.knownShape)}]; let it average over the batch`,
    );
  }
}

/** The values of an iteration beside its batch. */
export interface IterationValues {
  readonly randomKey: readonly [seed: number, iteration: number];
  /** Values of parameters and states. */
  readonly valueOf: (leaf: Tensor) => ArrayLike<number> | undefined;
}

/** A model's values by their leaves, of those by name. */
export function valuesByLeaf(
  model: Module,
  values: ReadonlyMap<string, StoredValues>,
): (leaf: Tensor) => StoredValues["data"] | undefined {
  const names = new Map<Tensor, string>([...namedParameters(model)].map(([name, parameter]) => [parameter, name]));
  return (leaf) => values.get(names.get(leaf) ?? "")?.data;
}

/**
 * The first node, in the order of execution, of which an element is NaN or too large for float32 though its inputs' elements are not, by
 * the plain evaluator.
 */
export function firstNotFinite(step: Step, batch: Batch, { randomKey, valueOf }: IterationValues): Tensor | undefined {
  const leaves = new Map<Tensor, ArrayLike<number>>();
  step.batch.inputs.forEach((leaf, i) => leaves.set(leaf, batch.inputs[i].data));
  step.batch.targets.forEach((leaf, i) => leaves.set(leaf, batch.targets[i].data));
  if (step.trace.randomKey) leaves.set(step.trace.randomKey, randomKey);
  const bind = (leaf: Tensor): NdArray | undefined => {
    const data = leaves.get(leaf) ?? (leaf instanceof Parameter ? valueOf(leaf) : undefined);
    return data && { shape: concreteShape(leaf.knownShape), dtype: leaf.dtype, data: Float64Array.from(data) };
  };
  const gradients = [...step.gradients.values()].filter((gradient) => gradient.phase === "backward");
  // An infinity may be meant, as in a mask of −∞; where all others come from such, the first NaN is to blame.
  const infinite = new Set<Tensor>();
  const nan = new Set<Tensor>();
  let first: Tensor | undefined;
  let firstNan: Tensor | undefined;
  evaluate([step.cost, ...gradients], bind, (node, { data }) => {
    if (data.every(isFiniteFloat)) return;
    if (!node.inputs.some((input) => infinite.has(input)) && node.inputs.length > 0) first ??= node;
    infinite.add(node);
    if (!data.some(Number.isNaN)) return;
    if (!node.inputs.some((input) => nan.has(input))) firstNan ??= node;
    nan.add(node);
  });
  return first ?? firstNan;
}

export interface NotFinite {
  readonly loss: number;
  /** Of the parameters whose next value is not finite, the first. */
  readonly parameter: string | undefined;
  readonly iteration: number;
  readonly origin: Tensor | undefined;
  /** Whether values of the iteration were changed in a debugger. */
  readonly changed: boolean;
}

/** Says where the first number came up that is none, and in which layer. */
export function notFinite(step: Step, { loss, parameter, iteration, origin, changed }: NotFinite): FindingEvent {
  const layer = origin && layerOf(step, origin);
  const site = origin?.site ?? layer?.site;
  const what = Number.isFinite(loss)
    ? `the gradient of ${parameter ?? "a parameter"} became infinite or NaN`
    : `the loss became ${loss}`;
  const node = origin?.phase === "backward" ? (origin.via ?? origin) : origin;
  const call = node?.name === undefined || node.op === node.name ? node?.op : `${node.op} (${node.name})`;
  const where = origin
    ? `; the first number that is not finite comes from ${origin.phase === "backward" ? "the gradient of " : ""}${call}${layer ? ` in ${layer.name}` : ""}`
    : changed
      ? "; it comes of values that were changed in the debugger"
      : "; only float32 shows it";
  return {
    type: "finding",
    code: "not-finite",
    severity: "error",
    message: `${what} in iteration ${iteration}${where}. Training stopped with the last good parameters. Lower the learning rate, clip gradients, or look for log, root and division of 0`,
    layer: layer?.name ?? null,
    file: site?.file ?? null,
    line: site?.line ?? null,
    iteration,
  };
}

/** The innermost layer around a node. */
function layerOf({ layers }: Step, node: Tensor): Layer | undefined {
  for (let { scope } = node; scope; scope = scope.parent) {
    const found = layers.find(({ call }) => call.scope === scope);
    if (found) return found;
  }
  return undefined;
}
