import { BatchNorm1d, BatchNorm2d } from "../../nn";
import { describe } from "../../nn/checks";
import { tensorsIn } from "../../train/statistics";
import { optionSite } from "../../train/training";
import { relatedAt } from "./provenance";
import type { Rule } from "./rule";

/** Batch normalisation where a batch is one example: there is no spread over the batch to normalise by. */
export const batchNormBatch1: Rule = ({ training, forward, trace }) => {
  if (training.batchSize !== 1) return;
  for (const { module, inputs, output } of forward.calls) {
    if (!(module instanceof BatchNorm1d || module instanceof BatchNorm2d)) continue;
    const [input] = tensorsIn(inputs);
    const [result] = tensorsIn(output);
    if (!input?.knownShape || result === undefined) continue;
    const single = input.knownShape.slice(2).every((dim) => dim === 1);
    const effect = single
      ? "each channel has one number only, which less its own mean is 0: whatever comes in, the same goes out, and nothing before it learns"
      : "its mean and variance are those of the one example, while validation uses running averages over many, so the two disagree";
    trace.report({
      code: "batch-norm-batch-1",
      severity: single ? "error" : "warning",
      message: `${describe(module)}: normalises over the batch, but batchSize is 1: ${effect}. Use a larger batchSize, or normalise each example with ${single ? `new LayerNorm(${module.channels})` : `new GroupNorm(groups, ${module.channels})`}`,
      range: result.site,
      related: relatedAt("the batch size is set here", optionSite(training, "batchSize")),
      subject: { tensors: [input], site: result.site, layer: module },
    });
  }
};
