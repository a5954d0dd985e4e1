import type { Issue } from "./issue";
import { currentSite, samePlace } from "./site";
import type { Phase, Scope, Tensor } from "./tensor";

/**
 * What is being built: the nodes in the order of their making (which is an order of execution),
 * the issues found, and the modules being called right now.
 *
 * One trace is current at any time; module-level code of a file has one as well as each step graph.
 */
export class Trace {
  /** Every node made, in order, when `keepNodes` is set (a check, a trace); else empty, so that loops do not pile up nodes. */
  readonly nodes: Tensor[] = [];
  readonly issues: Issue[] = [];
  scope: Scope | undefined;
  phase: Phase = "forward";
  /** Set while a gradient rule runs: what its nodes belong to. */
  backward:
    | {
        readonly of: Tensor | undefined;
        readonly via: Tensor | undefined;
        /** Whether the rule is the user's own: then its nodes remember the calls in its text. */
        readonly written?: boolean;
      }
    | undefined;
  /** Whether dropout, batch norm and the like behave as in training. */
  training = true;
  /** Feeds random operations a stream number each, in order of their making. */
  randomStreams = 0;
  /** The node all random operations draw their key from, once there is one. */
  randomKey: Tensor | undefined;
  /** New values of states (running means and the like) after this iteration. */
  readonly updates = new Map<Tensor, Tensor>();
  /** Told of each finished module call; who sets it knows the modules. */
  onModuleCall: ((call: ScopedCall) => void) | undefined;

  constructor(readonly keepNodes = false) {}

  /** Called by the constructor of a node; returns its id. */
  register(node: Tensor): number {
    if (this.keepNodes) this.nodes.push(node);
    return nextId++;
  }

  /** Records an issue once: the same code at the same place with the same words is one issue. */
  report(issue: Issue): void {
    const range = issue.range ?? currentSite();
    const same = this.issues.some(
      (other) => other.code === issue.code && other.message === issue.message && samePlace(other.range, range),
    );
    if (!same) this.issues.push({ ...issue, range });
  }
}

export interface ScopedCall {
  readonly module: object;
  readonly scope: Scope | undefined;
  readonly inputs: readonly unknown[];
  readonly output: unknown;
}

const calls = new WeakMap<Scope, ScopedCall>();

/** Takes note of a finished module call. */
export function noteModuleCall(trace: Trace, call: ScopedCall): void {
  if (call.scope) calls.set(call.scope, call);
  trace.onModuleCall?.(call);
}

/** The module call that a scope is of, once it has finished. */
export function moduleCallOf(scope: Scope): ScopedCall | undefined {
  return calls.get(scope);
}

let nextId = 1;
let current = new Trace();

export function currentTrace(): Trace {
  return current;
}

/** Runs `build` with `trace` as the current one, and restores the one before, also after a throw. */
export function withTrace<T>(trace: Trace, build: () => T): T {
  const before = current;
  current = trace;
  try {
    return build();
  } finally {
    current = before;
  }
}

/** Makes `trace` current until told otherwise: for module-level code with `await` in it. */
export function enterTrace(trace: Trace): Trace {
  const before = current;
  current = trace;
  return before;
}

/** Runs `build` inside a scope: nodes made by it remember the module or composite they belong to. */
export function withScope<T>(scope: Omit<Scope, "parent" | "site">, build: () => T): T {
  const trace = current;
  const parent = trace.scope;
  // Gradients and updates are built by the engine: no user call is on the stack, and looking for one costs most then.
  trace.scope = { ...scope, parent, site: trace.phase === "forward" ? currentSite() : undefined };
  try {
    return build();
  } finally {
    trace.scope = parent;
  }
}

/** Runs a composite operation: its nodes carry the function's name. */
export function composite<T>(name: string, build: () => T): T {
  return withScope({ kind: "composite", name, type: name }, build);
}
