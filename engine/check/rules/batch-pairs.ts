import { dimsEqual, isSymbolic, isUnknownDim } from "../../graph/dim";
import { formatShape, type Shape } from "../../graph/shape";
import type { Tensor } from "../../graph/tensor";
import { unmoved } from "./provenance";
import type { Rule } from "./rule";

/**
 * A column of predictions [N, 1] beside a row of targets [N]: they broadcast to [N, N], each prediction against the targets of all
 * examples. Who wants all pairs puts the axis in with unsqueeze: then the row is [1, N].
 */
export const batchPairs: Rule = ({ forward, nodes, trace }) => {
  const targets = new Set<Tensor>(forward.batch.targets);
  for (const node of nodes) {
    if (node.inputs.length !== 2 || !isPairs(node.knownShape)) continue;
    const row = node.inputs.find(({ knownShape }) => knownShape?.length === 1);
    const column = node.inputs.find(({ knownShape }) => knownShape?.length === 2 && dimsEqual(knownShape[1], 1));
    if (!row || !column || !targets.has(unmoved(row)) || targets.has(unmoved(column))) continue;
    trace.report({
      code: "batch-pairs",
      severity: "warning",
      message: `${node.op}: ${formatShape(column.knownShape)} and the target ${formatShape(row.knownShape)} broadcast to ${formatShape(node.knownShape)}, each prediction against the targets of all examples; squeeze(-1) the prediction to compare each with its own`,
      range: node.site,
      subject: { tensors: node.inputs, site: node.site },
    });
  }
};

function isPairs(shape: Shape | null): boolean {
  if (shape?.length !== 2) return false;
  const [n, m] = shape;
  return isSymbolic(n) && !isUnknownDim(n) && dimsEqual(n, m);
}
