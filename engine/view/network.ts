import { symbol } from "../graph/dim";
import type { RunAccess } from "../train/run";
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
 */
export function networkOf(forward: Forward, values?: WeightValues): NetworkResult {
  const { graph, layerOf, note } = computationGraph(forward);
  return { kind: "network", graph, diagram: networkDiagram(forward, layerOf, values), note };
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
