import { type DType, type Shape, formatShape } from "./shape";
import { type Site, currentSite } from "./site";
import { currentTrace } from "./trace";

export type Phase = "forward" | "backward" | "update";

/** Options of an operation: plain data or functions, never tensors (those are inputs). */
export type Attributes = Readonly<Record<string, unknown>>;

/**
 * A node of the graph: an operation, its inputs and what is known of its value.
 *
 * Tensors are immutable and hold no numbers: calling an operation builds a node, nothing runs
 * until a value is asked for. Arithmetic methods (`add`, `matmul`, …) are declared and installed by the `ops` room.
 */
export class Tensor {
  readonly id: number;
  readonly op: string;
  readonly inputs: readonly Tensor[];
  readonly attributes: Attributes;
  /** Sizes of all axes, the batch as a symbol; `null` when unknown after an issue. */
  readonly knownShape: Shape | null;
  readonly dtype: DType;
  /** The user's call that made this node. A gradient node has the site of the node it is the gradient of. */
  readonly site: Site | undefined;
  /** Modules and composites that were being called, outermost first. */
  readonly scope: Scope | undefined;
  readonly phase: Phase;
  /** The forward node (or parameter) a backward or update node belongs to. */
  readonly of: Tensor | undefined;
  /** The operation whose local derivative a backward node takes part in. */
  readonly via: Tensor | undefined;
  private readonly ownName: string | undefined;

  /** @internal nodes are made by `apply` in the ops room. */
  constructor(parts: NodeParts) {
    const trace = currentTrace();
    this.op = parts.op;
    this.inputs = parts.inputs;
    this.attributes = parts.attributes ?? {};
    this.knownShape = parts.shape;
    this.dtype = parts.dtype;
    const backward = trace.backward;
    this.phase = trace.phase;
    this.of = backward?.of;
    this.via = backward?.via;
    this.site = backward ? (backward.of ?? backward.via)?.site : trace.phase === "update" ? undefined : currentSite();
    this.scope = backward ? (backward.of ?? backward.via)?.scope : trace.scope;
    this.ownName = parts.name;
    const written = backward?.written ? currentSite() : undefined;
    if (written) writtenSites.set(this, written);
    this.id = trace.register(this);
  }

  /** The name the user gave: a parameter's path, else the variable the call was assigned to. */
  get name(): string | undefined {
    return (
      this.ownName ?? givenNames.get(this) ?? (results.has(this) ? (writtenAt(this) ?? this.site)?.variable : undefined)
    );
  }

  /**
   * Sizes of all axes. The batch size is symbolic while a file is checked; calculating with it works
   * (`x.shape[0] * 4`), looping over it does not.
   * @throws when an earlier issue left the shape unknown.
   */
  get shape(): readonly number[] {
    if (this.knownShape === null) throw new UnknownShapeError();
    return this.knownShape as readonly number[];
  }

  /** Number of axes. */
  get rank(): number {
    return this.shape.length;
  }

  toString(): string {
    return `${this.name ?? this.op} ${formatShape(this.knownShape)} ${this.dtype}`;
  }

  [Symbol.toPrimitive](): never {
    throw new Error(
      `a tensor has no plain value while the graph is built, so it cannot be used in JavaScript arithmetic, ` +
        `comparisons or text; use operations (add, mul, where, …), or \`await item(tensor)\` outside a model`,
    );
  }
}

const givenNames = new WeakMap<Tensor, string>();
const writtenSites = new WeakMap<Tensor, Site>();

/** Of a node that a backward of the user's own made: the call in its text. Its {@link Tensor.site} is that of the forward, as every gradient's. */
export function writtenAt(node: Tensor): Site | undefined {
  return writtenSites.get(node);
}

/** What user code called to get a node, as far as who runs the call says. */
export interface UserCall {
  /** The name of the function or method: `softmax`. */
  readonly name: string;
  readonly given: readonly unknown[];
}

/** Nodes that a call in user code returned: of all the nodes such a call makes, they alone have its variable's name. */
const results = new WeakMap<Tensor, UserCall | undefined>();
const openCalls: Site[] = [];

/** Runs a call that user code makes. Calls that the engine makes within it, at the same place, are part of it. */
export function userCall<T>(build: () => T, call?: UserCall): T {
  const { phase, backward } = currentTrace();
  if (phase !== "forward" && !backward?.written) return build();
  const site = currentSite();
  if (site === undefined || openCalls.at(-1) === site) return build();
  openCalls.push(site);
  try {
    const result = build();
    if (result instanceof Tensor && (writtenAt(result) ?? result.site) === site) results.set(result, call);
    return result;
  } finally {
    openCalls.pop();
  }
}

/** Whether a call in user code returned the node: one of the forward pass, not in a backward of the user's own. */
export function isResult(node: Tensor): boolean {
  return results.has(node) && !writtenSites.has(node);
}

/** Whether a call in a backward of the user's own returned the node. */
export function isWrittenResult(node: Tensor): boolean {
  return results.has(node) && writtenSites.has(node);
}

/** The call in user code that returned the node. */
export function callOf(node: Tensor): UserCall | undefined {
  return results.get(node);
}

/** Names a node after the fact, as parameters are once the whole model is known (`hidden.weight`). */
export function nameTensor(node: Tensor, name: string): void {
  givenNames.set(node, name);
}

export interface NodeParts {
  readonly op: string;
  readonly inputs: readonly Tensor[];
  readonly attributes?: Attributes;
  readonly shape: Shape | null;
  readonly dtype: DType;
  readonly name?: string;
}

/** One call of a module or composite operation that encloses nodes. */
export interface Scope {
  readonly parent: Scope | undefined;
  readonly kind: "module" | "composite" | "gradient";
  /** A module's path such as `hidden` or `layers.0`; a composite's function name such as `softmax`. */
  readonly name: string;
  /** The module's class, e.g. `Linear`; for composites the same as the name. */
  readonly type: string;
  /** Where the user called it. */
  readonly site: Site | undefined;
}

/** Thrown when user code reads a shape that an earlier issue hid; the check swallows it, the issue is already recorded. */
export class UnknownShapeError extends Error {
  constructor() {
    super("the shape is unknown because of an earlier issue");
    this.name = "UnknownShapeError";
  }
}
