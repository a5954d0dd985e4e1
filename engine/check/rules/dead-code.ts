import { formatShape } from "../../graph/shape";
import { reachable } from "../../graph/order";
import { type Range, rangeKey } from "../../graph/site";
import type { Tensor } from "../../graph/tensor";
import { type Module, moduleSite } from "../../nn/module";
import { describe } from "../../nn/checks";
import { Parameter } from "../../nn/parameter";
import { tensorsIn } from "../../train/statistics";
import { placesOf, relatedAt } from "./provenance";
import type { Rule, RuleContext } from "./rule";

/** A call in forward or in the loss whose result goes nowhere: each chain of such calls is reported once, at its end. */
export const deadCode: Rule = (context) => {
  for (const { node, module } of deadEnds(context).ends) {
    const what = module ? describe(module) : (node.site?.variable ?? node.name ?? node.op);
    context.trace.report({
      code: "dead-code",
      severity: "warning",
      message: `nothing uses the result of ${what}, ${formatShape(node.knownShape)}: neither the loss nor what forward returns depends on it; use it, or remove the call`,
      range: node.site,
      related: module ? relatedAt("the layer is made here", moduleSite(module)) : undefined,
      subject: { tensors: [node], site: node.site, layer: module },
    });
  }
};

export interface DeadEnd {
  readonly node: Tensor;
  /** The layer that was called, where it was one. */
  readonly module: Module | undefined;
}

interface DeadEnds {
  readonly ends: readonly DeadEnd[];
  /** Modules that were called on the way to one of them, and whose results go nowhere else. */
  readonly modules: ReadonlySet<object>;
}

/** The last nodes of chains that nothing depends on. */
export function deadEnds(context: RuleContext): DeadEnds {
  let found = known.get(context);
  if (!found) known.set(context, (found = findDeadEnds(context)));
  return found;
}

/** Two rules ask. */
const known = new WeakMap<RuleContext, DeadEnds>();

function findDeadEnds({ forward, trace }: RuleContext): DeadEnds {
  const used = new Set(
    reachable([
      forward.cost,
      ...tensorsIn(forward.output),
      ...trace.updates.keys(),
      ...trace.updates.values(),
      // What an issue is about was meant to be used.
      ...trace.issues.flatMap(({ severity, subject }) => (severity === "error" ? (subject?.tensors ?? []) : [])),
    ]),
  );
  const errors = trace.issues.filter(({ severity }) => severity === "error");
  // An error that does not say what it is about may hide a use.
  if (errors.some(({ subject }) => !subject?.tensors.length)) return { ends: [], modules: new Set() };
  const unused = trace.nodes.filter((node) => !used.has(node) && node.phase === "forward");
  if (unused.length === 0) return { ends: [], modules: new Set() };
  const alive = placesOf(used);
  const consumed = new Set(unused.flatMap((node) => node.inputs));
  const calculated = dependent(unused, forward.batch.inputs.concat(forward.batch.targets));
  const modules = new Map<Tensor, Module>();
  for (const { module, output } of forward.calls) {
    const results = tensorsIn(output);
    // One of several results may well be left: a hidden state, the weights of an attention.
    const whole = results.length === 1;
    for (const result of results) {
      if (whole && !modules.has(result)) modules.set(result, module as Module);
      if (!whole && results.some((other) => used.has(other))) calculated.delete(result);
    }
  }
  const ends = new Map<string, DeadEnd>();
  for (const node of unused) {
    if (!node.site || consumed.has(node) || !calculated.has(node) || QUIET.has(node.op)) continue;
    const { site } = node;
    // What stands in a wrong call is used by it; masks in its options are not among what it is about.
    if (errors.some(({ range }) => range && contains(range, site)) || (errors.length > 0 && node.dtype !== "float32"))
      continue;
    const place = rangeKey(site);
    if (!alive.has(place)) ends.set(place, { node, module: modules.get(node) });
  }
  const dead = new Set(reachable([...ends.values()].map(({ node }) => node)).filter((node) => !used.has(node)));
  return {
    ends: [...ends.values()],
    modules: new Set(
      forward.calls.flatMap(({ module, output }) => (tensorsIn(output).some((node) => dead.has(node)) ? [module] : [])),
    ),
  };
}

/** Nodes that come from the batch or from parameters: constants and sizes cost nothing, and masks of them are often kept in stock. */
function dependent(nodes: readonly Tensor[], leaves: readonly Tensor[]): Set<Tensor> {
  const roots = new Set(leaves);
  const found = new Set<Tensor>();
  const known = new Map<Tensor, boolean>();
  const depends = (node: Tensor): boolean => {
    const before = known.get(node);
    if (before !== undefined) return before;
    const result = roots.has(node) || node instanceof Parameter || node.inputs.some(depends);
    known.set(node, result);
    return result;
  };
  for (const node of nodes) if (depends(node)) found.add(node);
  return found;
}

function contains(outer: Range, inner: Range): boolean {
  if (outer.file !== inner.file) return false;
  const starts = outer.line < inner.line || (outer.line === inner.line && outer.column <= inner.column);
  const ends = outer.endLine > inner.endLine || (outer.endLine === inner.endLine && outer.endColumn >= inner.endColumn);
  return starts && ends;
}

const QUIET: ReadonlySet<string> = new Set(["input", "parameter", "constant", "size", "randomKey", "stopGradient"]);
