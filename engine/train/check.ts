import { blockedPaths } from "../autodiff/gradients";
import { symbol } from "../graph/dim";
import type { Issue } from "../graph/issue";
import { formatShape, type Shape } from "../graph/shape";
import type { Range } from "../graph/site";
import { Tensor, UnknownShapeError } from "../graph/tensor";
import { Trace } from "../graph/trace";
import { isBuiltIn, type Module, namedParameters, parameterCount } from "../nn/module";
import { isTrained } from "../nn/parameter";
import { unusedGroups } from "../optim";
import type { DataFiles, Fields } from "../data/dataset";
import { layersOf, tensorsIn } from "./statistics";
import { traceForward, type Forward } from "./step";
import type { Training } from "./training";

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
    const issue: Issue = { code: "data", severity: "error", message: messageOf(error), range: training.site };
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
    const issue = thrownIssue(error, locate, training.site, trace);
    if (issue) trace.report(issue);
  }
  if (forward && !trace.issues.some(({ severity }) => severity === "error")) reviewLoss(forward, training, trace);
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

function reviewLoss(forward: Forward, training: Training, trace: Trace): void {
  const { loss } = forward;
  if (!(loss instanceof Tensor)) {
    trace.report({
      code: "loss-type",
      severity: "error",
      message: "the loss must return a tensor",
      range: training.site,
    });
    return;
  }
  if (loss.knownShape !== null && loss.knownShape.length > 0) {
    trace.report({
      code: "loss-scalar",
      severity: "error",
      message: `the loss must be one number for the batch, but it has shape ${formatShape(loss.knownShape)}; take its mean()`,
      range: loss.site ?? training.site,
    });
    return;
  }
  const parameters = new Map([...namedParameters(training.model)].filter(([, parameter]) => isTrained(parameter)));
  for (const message of unusedGroups(training.optimizer, [...parameters.keys()])) {
    trace.report({ code: "unused-group", severity: "warning", message, range: training.site });
  }
  const blocked = blockedPaths(forward.cost, [...parameters.values()]);
  for (const { node, reason } of blocked) {
    trace.report({
      code: "blocked-gradient",
      severity: "warning",
      message: `${node.op} lets no gradient through to the parameters before it: ${reason}. Use a smooth function (sigmoid for step, softmax for argmax) or a custom function with its own backward`,
      range: node.site ?? training.site,
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

function plainShape(shape: Shape | null): (number | string)[] | null {
  return shape === null
    ? null
    : shape.map((dim) => (typeof dim === "number" ? dim : dim.key.includes("?") ? "?" : dim.key));
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.name === "Error" ? error.message : `${error.name}: ${error.message}`;
}
