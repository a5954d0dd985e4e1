import { reachable } from "../../graph/order";
import type { Tensor } from "../../graph/tensor";
import { batchMixingReshape } from "./batch-mixing-reshape";
import { batchNormBatch1 } from "./batch-norm-batch-1";
import { batchPairs } from "./batch-pairs";
import { deadCode } from "./dead-code";
import { doubleSoftmax } from "./double-softmax";
import { fixedRandomness } from "./fixed-randomness";
import { labelRange } from "./label-range";
import { linearChain } from "./linear-chain";
import type { RuleContext, Rule } from "./rule";
import { softmaxLoss } from "./softmax-loss";
import { strayParameter } from "./stray-parameter";
import { unusedParameter } from "./unused-parameter";

export { watchPlainRandom } from "./plain-random";

/** All rules, in the order in which their issues are looked for. */
const RULES: readonly Rule[] = [
  softmaxLoss,
  doubleSoftmax,
  linearChain,
  batchMixingReshape,
  batchNormBatch1,
  batchPairs,
  fixedRandomness,
  labelRange,
  deadCode,
  unusedParameter,
  strayParameter,
];

/** Looks at a forward graph by all rules; what they find is in the trace. */
export function review(context: Omit<RuleContext, "nodes" | "consumersOf">): void {
  const nodes = reachable([context.forward.cost]);
  let consumers: ReadonlyMap<Tensor, readonly Tensor[]> | undefined;
  const consumersOf = (node: Tensor): readonly Tensor[] => (consumers ??= consumersIn(nodes)).get(node) ?? [];
  const full: RuleContext = { ...context, nodes, consumersOf };
  for (const rule of RULES) rule(full);
}

function consumersIn(nodes: readonly Tensor[]): Map<Tensor, Tensor[]> {
  const consumers = new Map<Tensor, Tensor[]>();
  for (const node of nodes) {
    for (const input of node.inputs) {
      const known = consumers.get(input);
      if (!known) consumers.set(input, [node]);
      else if (known[known.length - 1] !== node) known.push(node);
    }
  }
  return consumers;
}
