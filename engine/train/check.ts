import { blockedPaths } from "../autodiff/gradients";
import { symbol } from "../graph/dim";
import type { Issue } from "../graph/issue";
import { formatShape, type Shape } from "../graph/shape";
import { reachable } from "../graph/order";
import { type Range, currentSite } from "../graph/site";
import { Tensor, UnknownShapeError } from "../graph/tensor";
import { Trace } from "../graph/trace";
import { isBuiltIn, type Module, moduleSite, namedModules, namedParameters, parameterCount } from "../nn/module";
import { Parameter, isTrained } from "../nn/parameter";
import { unusedGroups } from "../optim";
import type { DataFiles, Fields } from "../data/dataset";
import { layersOf, tensorsIn } from "./statistics";
import { traceForward, type Forward } from "./step";
import { type Training, optionSite } from "./training";

/** One layer as `check --json` prints it. */
export interface LayerReport {
  readonly name: string;
  readonly type: string;
  readonly line: number | null;
  /** Sizes with the batch as `"N"`; `null` for a shape that an issue hides. */
  readonly inputShapes: readonly (readonly (number | string)[] | null)[];
  readonly outputShape: readonly (number | string)[] | null;
  /** Trainable elements. */
  readonly parameters: number;
}

export interface CheckReport {
  readonly issues: readonly Issue[];
  readonly layers: readonly LayerReport[];
  readonly parameters: number;
}

/** Finds the user's place of a thrown error, innermost first. */
export type Locate = (error: unknown) => readonly Range[];

/**
 * Builds the training's forward graph with a symbolic batch and reports what is wrong with it: shape issues, code that throws,
 * paths that block gradients, parameters that the loss does not depend on. Runs nothing and reads no data, unless only
 * the data can tell their shapes.
 */
export async function checkTraining(training: Training, files: DataFiles, locate: Locate): Promise<CheckReport> {
  const trace = new Trace(true);
  let fields: Fields;
  try {
    fields = training.data.fields ?? (await training.data.load(files)).fields;
  } catch (error) {
    const range = optionSite(training, "data");
    const issue: Issue = { code: "data", severity: "error", message: messageOf(error), range };
    return { issues: [issue], layers: [], parameters: parameterCount(training.model) };
  }
  let forward: Forward | undefined;
  const calls: Parameters<typeof layersOf>[0][number][] = [];
  try {
    forward = traceForward(
      training,
      fields,
      { batchSize: symbol("N"), training: true, examples: 1, onCall: (call) => calls.push(call) },
      trace,
    );
  } catch (error) {
    const issue = thrownIssue(error, locate, optionSite(training, "model"), trace);
    if (issue) trace.report(issue);
  }
  if (forward && !trace.issues.some(({ severity }) => severity === "error"))
    reviewLoss(forward, fields, training, trace);
  return {
    issues: sortIssues(trace.issues),
    layers: layersOf(calls).map(({ name, type, site, module, outputs, call }) => ({
      name,
      type,
      line: site?.line ?? null,
      inputShapes: tensorsIn(call.inputs).map((tensor) => plainShape(tensor.knownShape)),
      outputShape: plainShape(outputs[0]?.knownShape ?? null),
      parameters: ownCount(module),
    })),
    parameters: parameterCount(training.model),
  };
}

/** What went wrong when user code threw; nothing when it only ran into a shape that an issue already hides. */
export function thrownIssue(
  error: unknown,
  locate: Locate,
  fallback: Range | undefined,
  trace: Trace,
): Issue | undefined {
  if (error instanceof UnknownShapeError && trace.issues.some(({ severity }) => severity === "error")) return undefined;
  return { code: "program", severity: "error", message: messageOf(error), range: locate(error)[0] ?? fallback };
}

function reviewLoss(forward: Forward, fields: Fields, training: Training, trace: Trace): void {
  const { loss } = forward;
  if (!(loss instanceof Tensor)) {
    const got = (loss as unknown) instanceof Promise ? "; it is async, which a loss cannot be" : "";
    trace.report({
      code: "loss-type",
      severity: "error",
      message: `the loss must return a tensor${got}`,
      range: optionSite(training, "loss"),
    });
    return;
  }
  const parameters = new Map([...namedParameters(training.model)].filter(([, parameter]) => isTrained(parameter)));
  for (const message of unusedGroups(training.optimizer, [...parameters.keys()])) {
    trace.report({ code: "unused-group", severity: "warning", message, range: optionSite(training, "optimizer") });
  }
  reviewCost(loss, forward.cost, [...parameters.values()], trace, optionSite(training, "loss"));
  reviewUnused(training, forward.cost, parameters, trace);
  reviewClasses(forward, fields, training, trace);
}

/** Labels that look up more classes than there are would stop the run at the first of them. */
function reviewClasses({ batch, cost }: Forward, fields: Fields, training: Training, trace: Trace): void {
  for (const [role, leaves] of Object.entries(batch) as [keyof Fields, readonly Tensor[]][]) {
    leaves.forEach((leaf, i) => {
      const { classes } = fields[role][i];
      if (classes === undefined) return;
      for (const node of reachable([cost])) {
        if (node.op !== "take" || labelBehind(node.inputs[1]) !== leaf) continue;
        const size = node.inputs[0].knownShape?.[Number(node.attributes.axis)];
        if (typeof size !== "number" || size >= classes) continue;
        trace.report({
          code: "label-range",
          severity: "error",
          message: `the ${role === "targets" ? "labels" : "inputs"} of the data are whole numbers from 0 to ${classes - 1}, but there are only ${size} classes to choose from; give the ${role === "targets" ? "model" : "layer"} ${classes} ${role === "targets" ? "outputs" : "entries"}, or correct the data's classes`,
          range: node.site ?? optionSite(training, role === "targets" ? "loss" : "model"),
        });
      }
    });
  }
}

/** The leaf that whole numbers come from unchanged. */
function labelBehind(node: Tensor): Tensor {
  return MOVING.has(node.op) ? labelBehind(node.inputs[0]) : node;
}

const MOVING: ReadonlySet<string> = new Set(["reshape", "permute", "expand", "cast", "identity"]);

/** What is wrong with a cost that a hand-written loop minimises; reports it in the trace. */
export function reviewMinimize(loss: Tensor, trace: Trace): void {
  const trained = reachable([loss]).filter((node): node is Parameter => node instanceof Parameter && isTrained(node));
  reviewCost(loss, loss, trained, trace, currentSite());
}

function reviewCost(
  loss: Tensor,
  cost: Tensor,
  parameters: readonly Tensor[],
  trace: Trace,
  fallback: Range | undefined,
): void {
  if (loss.knownShape === null) return;
  if (loss.knownShape.length > 0) {
    trace.report({
      code: "loss-scalar",
      severity: "error",
      message: `the loss must be one number for the batch, but it has shape ${formatShape(loss.knownShape)}; take its mean()`,
      range: loss.site ?? fallback,
    });
    return;
  }
  for (const { node, reason } of blockedPaths(cost, parameters)) {
    trace.report({
      code: "blocked-gradient",
      severity: "warning",
      message: `${node.op} lets no gradient through to the parameters before it: ${reason}. Use a smooth function (sigmoid for step, softmax for argmax) or a custom function with its own backward`,
      range: node.site ?? fallback,
    });
  }
}

/** Parameters that the cost does not depend on keep their initial values: a layer that forward forgot. */
function reviewUnused(training: Training, cost: Tensor, parameters: ReadonlyMap<string, Tensor>, trace: Trace): void {
  const used = new Set(reachable([cost]));
  const unused = [...parameters].filter(([, parameter]) => !used.has(parameter));
  if (unused.length === 0 && parameters.size > 0) return;
  if (parameters.size === 0) {
    const message = "the model has no parameter to train; give it layers, or unfreeze those it has";
    trace.report({ code: "unused-parameter", severity: "warning", message, range: optionSite(training, "model") });
    return;
  }
  const all = unused.length === parameters.size;
  const modules = namedModules(training.model);
  const byModule = new Map<string, string[]>();
  for (const [path] of unused) {
    const module = all ? "" : ownerOf(path, modules);
    byModule.set(module, [...(byModule.get(module) ?? []), path]);
  }
  for (const [path, names] of byModule) {
    const module = modules.get(path);
    const message = all
      ? "the loss depends on no parameter of the model, so there is nothing to train; calculate it from what the model returns"
      : `the loss does not depend on ${names.join(", ")}, so training will not change ${names.length === 1 ? "it" : "them"}; use ${path === "" ? "it" : path} in forward, or remove it`;
    const site = all ? optionSite(training, "loss") : ((module && moduleSite(module)) ?? optionSite(training, "model"));
    trace.report({ code: "unused-parameter", severity: "warning", message, range: site });
  }
}

/** The path of the innermost module that has the parameter. */
function ownerOf(path: string, modules: ReadonlyMap<string, Module>): string {
  for (let owner = path; owner.includes(".");) {
    owner = owner.slice(0, owner.lastIndexOf("."));
    if (modules.has(owner)) return owner;
  }
  return "";
}

function sortIssues(issues: readonly Issue[]): Issue[] {
  const key = ({ range }: Issue): [string, number, number] => [range?.file ?? "", range?.line ?? 0, range?.column ?? 0];
  return [...issues].sort((a, b) => {
    const [fileA, lineA, columnA] = key(a);
    const [fileB, lineB, columnB] = key(b);
    return fileA < fileB ? -1 : fileA > fileB ? 1 : lineA - lineB || columnA - columnB;
  });
}

/** Of a user module only its own parameters: its layers count theirs. */
function ownCount(module: Module): number {
  if (isBuiltIn(module)) return parameterCount(module);
  return [...namedParameters(module)].reduce(
    (sum, [path, parameter]) => sum + (path.includes(".") || !parameter.trainable ? 0 : parameter.size),
    0,
  );
}

function plainShape(shape: Shape | null): (number | string)[] | null {
  return shape === null
    ? null
    : shape.map((dim) => (typeof dim === "number" ? dim : dim.key.includes("?") ? "?" : dim.key));
}

/** The classes of JavaScript's own errors tell something, those of the engine do not. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return `threw ${typeof error === "string" ? JSON.stringify(error) : String(error)}`;
  const message = error.message === "" ? "no message" : error.message;
  return /^(?:Type|Range|Reference|Syntax|URI|Eval)Error$/.test(error.name) ? `${error.name}: ${message}` : message;
}
