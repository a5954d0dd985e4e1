import { rangeKey } from "../../graph/site";
import { namedParameters } from "../../nn/module";
import { Parameter, isTrained } from "../../nn/parameter";

import type { Rule } from "./rule";

/** Parameters that the loss depends on and training will not change, since the model does not know them. */
export const strayParameter: Rule = ({ training, nodes, trace }) => {
  const known = new Set(namedParameters(training.model).values());
  const places = new Set<string>();
  for (const node of nodes) {
    if (!(node instanceof Parameter) || !isTrained(node) || known.has(node) || !node.site) continue;
    const place = rangeKey(node.site);
    if (places.has(place)) continue;
    places.add(place);
    trace.report({
      code: "stray-parameter",
      severity: "warning",
      message:
        "the loss depends on the parameters made here, but they are no part of the model, so training will not change them; keep the layer in a public field of the model (also in a list or a plain object there), made in its constructor and not in forward, or freeze() it if that is meant",
      range: node.site,
      subject: { tensors: [node], site: node.site },
    });
  }
};
