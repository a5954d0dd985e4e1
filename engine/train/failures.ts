import type { Issue } from "../graph/issue";
import type { FindingEvent } from "./events";
import type { LayerStatistics } from "./statistics";
import type { Forward, Step } from "./step";

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

/** The first layer, from the input on, whose figures are no numbers any more. */
export function notFinite(
  step: Step,
  loss: number,
  statistics: readonly LayerStatistics[],
  iteration: number,
): FindingEvent {
  const first = statistics.findIndex(
    ({ activation, weight }) => Number.isFinite(weight) && !Number.isFinite(activation),
  );
  const layer = first >= 0 ? step.layers[first] : undefined;
  const where = layer ? `; the first layer without a finite output is ${layer.name}` : "";
  return {
    type: "finding",
    code: "not-finite",
    severity: "error",
    message: `the loss became ${loss} in iteration ${iteration}${where}. Training stopped with the last good parameters. Lower the learning rate, clip gradients, or look for log and division of 0`,
    layer: layer?.name ?? null,
    file: layer?.site?.file ?? null,
    line: layer?.site?.line ?? null,
    iteration,
  };
}
