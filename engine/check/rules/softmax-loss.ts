import type { Severity } from "../../graph/issue";
import type { Tensor } from "../../graph/tensor";
import {
  compositeOf,
  isWithin,
  operandsOf,
  relatedAt,
  squashedBy,
  squashingOf,
  type Squashing,
  unmoved,
} from "./provenance";
import type { Rule } from "./rule";

/** A loss with what it takes, as far as that can be seen in what goes into it. */
interface Reading {
  readonly loss: "crossEntropy" | "binaryCrossEntropyWithLogits" | "nll" | "klDivergence";
  readonly prediction: Tensor;
  /** The node by which the loss reads the prediction. */
  readonly node: Tensor;
}

/** Probabilities that go into a loss which calculates them itself from logits, or which takes their logarithms. */
export const softmaxLoss: Rule = ({ nodes, trace }) => {
  for (const node of nodes) {
    const reading = readingOf(node);
    if (!reading) continue;
    const source = unmoved(reading.prediction);
    const squashing = squashingOf(source);
    const verdict = squashing && judge(reading.loss, squashing);
    if (!verdict) continue;
    trace.report({
      code: "softmax-loss",
      severity: verdict.severity,
      message: `${squashing} before ${reading.loss}${verdict.text}`,
      range: source.site ?? node.site,
      related: relatedAt(`${reading.loss} is taken here`, node.site),
      subject: { tensors: [squashedBy(source), source], site: source.site },
    });
  }
};

function readingOf(node: Tensor): Reading | undefined {
  if (node.op === "withGradient") {
    const [prediction] = operandsOf(node);
    if (compositeOf(node) === "crossEntropy") return { loss: "crossEntropy", prediction, node };
    if (compositeOf(node) === "logLoss" && isWithin(node, "binaryCrossEntropyWithLogits"))
      return { loss: "binaryCrossEntropyWithLogits", prediction, node };
  }
  if (node.op === "where" && isWithin(node, "nll")) return { loss: "nll", prediction: node.inputs[1], node };
  if (node.op === "subtract" && isWithin(node, "klDivergence"))
    return { loss: "klDivergence", prediction: node.inputs[1], node };
  return undefined;
}

function judge(loss: Reading["loss"], squashing: Squashing): { severity: Severity; text: string } | undefined {
  if (loss === "nll" || loss === "klDivergence") {
    if (squashing === "logSoftmax") return undefined;
    const wants = ", which takes logarithms of probabilities";
    return squashing === "softmax"
      ? { severity: "warning", text: `${wants}: use logSoftmax instead of softmax` }
      : { severity: "warning", text: `${wants}: use logSoftmax of the logits` };
  }
  if (loss === "crossEntropy" && squashing === "logSoftmax") {
    // The logarithm of a softmax is its own log-softmax: needless, but not wrong.
    const text = ", which takes the logSoftmax of logits itself, so this one changes nothing; remove it, or use nll";
    return { severity: "information", text };
  }
  const own = loss === "crossEntropy" ? "softmax" : "sigmoid";
  const effect =
    squashing === own
      ? `${own} of a ${own} squeezes the probabilities together, and the gradient with them`
      : `what ${squashing} has squeezed leaves it a narrow range only`;
  const text = `, which takes logits (the plain outputs) and applies ${own} itself: ${effect}; remove the ${squashing}`;
  return { severity: "warning", text };
}
