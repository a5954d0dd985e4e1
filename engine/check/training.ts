import { blockedPaths } from "../autodiff/gradients";
import { symbol } from "../graph/dim";
import type { Issue } from "../graph/issue";
import { formatShape } from "../graph/shape";
import { reachable } from "../graph/order";
import { type Range, currentSite } from "../graph/site";
import { Tensor, UnknownShapeError } from "../graph/tensor";
import { type ScopedCall, Trace } from "../graph/trace";
import {
  isBuiltIn,
  type Module,
  moduleSite,
  moduleType,
  namedModules,
  namedParameters,
  parameterCount,
} from "../nn/module";
import { Parameter, isTrained } from "../nn/parameter";
import { callReports, plainRange, plainShape } from "./calls";
import { costOfAll } from "./costs";
import type { CheckReport, ModuleReport } from "./records";
import { unusedGroups } from "../optim";
import type { DataFiles, Fields } from "../data/dataset";
import { layersOf, tensorsIn } from "../train/statistics";
import { review, watchPlainRandom } from "./rules";
import { traceForward, type Forward } from "../train/step";
import { type Training, optionSite } from "../train/training";

/** Finds the user's place of a thrown error, innermost first. */
export type Locate = (error: unknown) => readonly Range[];

/** What the check of a training found, and the graph that it found it in. */
export interface TrainingCheck {
  readonly report: CheckReport;
  /** Missing where user code threw. */
  readonly forward: Forward | undefined;
  readonly fields: Fields | undefined;
  /** All nodes that were built, also where user code threw. */
  readonly trace: Trace;
  readonly calls: readonly ScopedCall[];
}

/**
 * Builds the training's forward graph with a symbolic batch and reports what is wrong with it: shape issues, code that throws,
 * doubtful constructions, parameters that the loss does not depend on. Runs nothing and reads no data, unless only
 * the data can tell their shapes.
 */
export async function checkTraining(training: Training, files: DataFiles, locate: Locate): Promise<TrainingCheck> {
  const trace = new Trace(true);
  const calls: ScopedCall[] = [];
  let fields: Fields | undefined;
  let forward: Forward | undefined;
  try {
    fields = training.data.fields ?? (await training.data.load(files)).fields;
  } catch (error) {
    trace.report({ code: "data", severity: "error", message: messageOf(error), range: optionSite(training, "data") });
  }
  if (fields) {
    try {
      const options = {
        batchSize: symbol("N"),
        training: true,
        examples: 1,
        onCall: (call: ScopedCall) => void calls.push(call),
      };
      const promised = fields;
      forward = watchPlainRandom(trace, () => traceForward(training, promised, options, trace));
    } catch (error) {
      const issue = thrownIssue(error, locate, optionSite(training, "model"), trace);
      if (issue) trace.report(issue);
    }
  }
  if (forward && fields) reviewLoss(forward, fields, training, trace);
  return { report: reportOf(training, trace, calls), forward, fields, trace, calls };
}

function reportOf(training: Training, trace: Trace, calls: readonly ScopedCall[]): CheckReport {
  const layers = layersOf(calls);
  const outputs = new Map(calls.map(({ module, output }) => [module, tensorsIn(output)[0]]));
  const all = [...namedParameters(training.model).values()].filter(({ trainable }) => trainable);
  const frozen = all.filter((parameter) => !isTrained(parameter)).reduce((sum, { size }) => sum + size, 0);
  return {
    issues: sortIssues(trace.issues),
    layers: layers.map(({ name, type, site, module, outputs, call }) => ({
      name,
      type,
      file: site?.file ?? null,
      line: site?.line ?? null,
      inputShapes: tensorsIn(call.inputs).map((tensor) => plainShape(tensor.knownShape)),
      outputShape: plainShape(outputs[0]?.knownShape ?? null),
      parameters: ownCount(module),
    })),
    parameters: parameterCount(training.model),
    calls: callReports({ nodes: trace.nodes, layers, calls }),
    modules: [...namedModules(training.model)].map(([path, module]): ModuleReport => {
      const made = moduleSite(module);
      return {
        path,
        type: moduleType(module),
        made: made ? plainRange(made) : null,
        parameters: parameterCount(module),
        outputShape: plainShape(outputs.get(module)?.knownShape ?? null),
      };
    }),
    totals: { ...costOfAll(trace.nodes), parameters: parameterCount(training.model) - frozen, frozen },
    files: [],
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
    const got =
      (loss as unknown) instanceof Promise
        ? "; it is async, which a loss cannot be"
        : (loss as unknown) === undefined
          ? "; it returns nothing: write return in front of its result"
          : "";
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
  review({ training, forward, trace, fields });
}

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
      subject: { tensors: [loss], site: undefined },
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

/** The classes of JavaScript's own errors tell something, those of the engine do not. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return `threw ${typeof error === "string" ? JSON.stringify(error) : String(error)}`;
  const message = error.message === "" ? "no message" : error.message;
  return /^(?:Type|Range|Reference|Syntax|URI|Eval)Error$/.test(error.name) ? `${error.name}: ${message}` : message;
}
