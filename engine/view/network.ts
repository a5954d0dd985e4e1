import { symbol } from "../graph/dim";
import type { Issue } from "../graph/issue";
import { type Range, formatRange } from "../graph/site";
import type { RunAccess } from "../train/run-access";
import { type Forward, traceForward } from "../train/step";
import { computationGraph } from "./computation-graph";
import type { NetworkResult } from "./looks";
import { networkDiagram, type WeightValues } from "./network-diagram";

/** Both drawings of a run's network, with the weights that it has now. */
export async function answerNetwork(access: RunAccess): Promise<NetworkResult> {
  return networkOf(forwardOf(access), await access.values());
}

/**
 * Both drawings of a traced forward pass: of a run, or of a checked model without one. Trace it with the batch as a symbol
 * (`batchSize: symbol("N")`), so that shapes read `[N, 128]`.
 *
 * @param issues what the check found: errors mark the nodes that were made where they are
 */
export function networkOf(forward: Forward, values?: WeightValues, issues: readonly Issue[] = []): NetworkResult {
  const problems = new Map(
    issues.flatMap(({ severity, range, message }) =>
      severity === "error" && range ? [[formatRange(range), message]] : [],
    ),
  );
  const problemAt = (site: Range | undefined): string | null => (site && problems.get(formatRange(site))) ?? null;
  const { graph, layerOf, note } = computationGraph(forward, problemAt);
  return { kind: "network", graph, diagram: networkDiagram(forward, layerOf, values, problemAt), note };
}

/** As in training, so that dropout and the like are there; for any batch size, if the model allows it. */
function forwardOf({ training, parts, step }: RunAccess): Forward {
  try {
    return traceForward(training, parts.train.fields, {
      batchSize: symbol("N"),
      training: true,
      examples: parts.train.length,
    });
  } catch {
    // A forward that calculates with the batch size in a way a symbol does not stand: the drawing has numbers for it.
    return step;
  }
}
