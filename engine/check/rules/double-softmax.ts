import type { Tensor } from "../../graph/tensor";
import { isWithin, operandsOf, relatedAt, squashedBy, squashingOf } from "./provenance";
import type { Rule } from "./rule";

/** A softmax of a softmax along the same axis, a log-softmax of a softmax, a sigmoid of a sigmoid: probabilities taken for logits. */
export const doubleSoftmax: Rule = ({ nodes, trace }) => {
  for (const node of nodes) {
    const outer = squashingOf(node);
    // A loss takes its softmax itself: that is another rule's affair.
    if (!outer || LOSSES.some((loss) => isWithin(node, loss))) continue;
    const source = same(squashedBy(node));
    const inner = squashingOf(source);
    if (inner === undefined || inner === "logSoftmax") continue;
    if ((outer === "sigmoid") !== (inner === "sigmoid")) continue;
    if (outer !== "sigmoid" && axisOf(node) !== axisOf(source)) continue;
    trace.report({
      code: "double-softmax",
      severity: "warning",
      message: `${outer} of a ${inner}: its input holds probabilities already, numbers from 0 to 1, so the result is nearly uniform${outer === "sigmoid" ? " between 0.5 and 0.73" : ""} and little gradient comes back; remove one of the two`,
      range: node.site,
      related: relatedAt(`the first ${inner}`, source.site),
      subject: { tensors: [source], site: node.site },
    });
  }
};

const LOSSES = ["crossEntropy", "binaryCrossEntropyWithLogits"] as const;

/** The same numbers in the same shape. */
function same(node: Tensor): Tensor {
  return node.op === "identity" ? same(node.inputs[0]) : node;
}

/** The axis along which a softmax adds up to 1: that of the sum within it. */
function axisOf(softmax: Tensor): string | undefined {
  const [source] = operandsOf(softmax);
  const open = [softmax.inputs[0]];
  for (let node = open.pop(); node; node = open.pop()) {
    if (node.op === "sum") return JSON.stringify(node.attributes.axes);
    for (const input of node.inputs) if (input !== source) open.push(input);
  }
  return undefined;
}
