import { rangeKey } from "../../graph/site";
import type { Tensor } from "../../graph/tensor";
import { type Module, isBuiltIn, moduleSite, namedModules, namedParameters } from "../../nn/module";
import { Parameter, isTrained } from "../../nn/parameter";
import { tensorsIn } from "../../train/statistics";
import { optionSite } from "../../train/training";
import { deadEnds } from "./dead-code";
import { placesOf } from "./provenance";
import type { Rule, RuleContext } from "./rule";

/** Parameters that the cost does not depend on keep their initial values: a layer that forward forgot. */
export const unusedParameter: Rule = (context) => {
  const { training, forward, nodes, trace } = context;
  const parameters = new Map([...namedParameters(training.model)].filter(([, parameter]) => isTrained(parameter)));
  const code = "unused-parameter";
  if (parameters.size === 0) {
    // Layers that are kept where the model does not find them: said at each.
    if (nodes.some((node) => node instanceof Parameter && isTrained(node))) return;
    const message = "the model has no parameter to train; give it layers, or unfreeze those it has";
    trace.report({ code, severity: "warning", message, range: optionSite(training, "model") });
    return;
  }
  const used = reachedByGradients(forward.cost);
  const unused = [...parameters].filter(([, parameter]) => !used.has(parameter));
  const broken = trace.issues.some(({ severity }) => severity === "error");
  if (unused.length === 0) return;
  if (unused.length === parameters.size) {
    // Behind an error it may be the error that hides the way.
    if (broken) return;
    const message =
      "the loss depends on no parameter of the model, so there is nothing to train; calculate it from what the model returns";
    trace.report({ code, severity: "warning", message, range: optionSite(training, "loss") });
    return;
  }
  const modules = namedModules(training.model);
  const excused = excusedModules(context, broken);
  const touched = new Set(trace.nodes.flatMap((node) => node.inputs));
  const byModule = new Map<string, string[]>();
  for (const [path, parameter] of unused) {
    const owner = ownerOf(path, modules);
    const module = modules.get(owner);
    if ((module && excused.has(module)) || (broken && touched.has(parameter))) continue;
    byModule.set(owner, [...(byModule.get(owner) ?? []), path]);
  }
  for (const [path, names] of byModule) {
    const module = modules.get(path);
    const them = names.length === 1 ? "it" : "them";
    const stopped = names.some((name) => nodes.includes(parameters.get(name) as Tensor));
    const message = stopped
      ? `${names.join(", ")} reach${names.length === 1 ? "es" : ""} the loss only through stopGradient, so training will not change ${them}; let the gradient through, or freeze() ${them} if that is meant`
      : `the loss does not depend on ${names.join(", ")}, so training will not change ${them}; use ${path === "" ? "it" : path} in forward, or remove it`;
    // A layer is made where the user wrote it; of one's own modules the parameter is.
    const made = module && isBuiltIn(module) ? moduleSite(module) : parameters.get(names[0])?.site;
    const range = made ?? (module && moduleSite(module)) ?? optionSite(training, "model");
    trace.report({ code, severity: "warning", message, range, subject: { tensors: [], layer: module } });
  }
};

/** All nodes that the cost depends on in a way that a gradient may take. */
function reachedByGradients(cost: Tensor): Set<Tensor> {
  const reached = new Set([cost]);
  const open = [cost];
  for (let node = open.pop(); node; node = open.pop()) {
    if (node.op === "stopGradient") continue;
    for (const input of node.inputs) {
      if (reached.has(input)) continue;
      reached.add(input);
      open.push(input);
    }
  }
  return reached;
}

/**
 * Modules that need no word here: those whose call goes nowhere, which is said at the call; those of which another call at the same
 * place is used, as of the last of several like blocks; and, where an error cuts ways off, all layers that forward calls.
 */
function excusedModules(context: RuleContext, broken: boolean): Set<object> {
  const { forward, nodes } = context;
  const excused = new Set<object>(deadEnds(context).modules);
  const used = new Set(nodes);
  const alive = placesOf(nodes);
  for (const { module, output } of forward.calls) {
    const results = tensorsIn(output);
    const beside = results.some(({ site }) => site && alive.has(rangeKey(site)));
    if (broken ? isBuiltIn(module as Module) : beside && !results.some((result) => used.has(result)))
      excused.add(module);
  }
  return excused;
}

/** The path of the innermost module that has the parameter. */
function ownerOf(path: string, modules: ReadonlyMap<string, Module>): string {
  for (let owner = path; owner.includes(".");) {
    owner = owner.slice(0, owner.lastIndexOf("."));
    if (modules.has(owner)) return owner;
  }
  return "";
}
