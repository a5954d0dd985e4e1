import type { Fields } from "../../data/dataset";
import type { Fault } from "../../graph/issue";
import type { Tensor } from "../../graph/tensor";
import { optionSite } from "../../train/training";
import { unmoved } from "./provenance";
import type { Rule } from "./rule";

/** Labels that look up more classes than there are, which would stop the run at the first of them. */
export const labelRange: Rule = ({ forward, fields, nodes, training, trace }) => {
  for (const [role, leaves] of Object.entries(forward.batch) as [keyof Fields, readonly Tensor[]][]) {
    leaves.forEach((leaf, i) => {
      const { classes } = fields[role][i];
      if (classes === undefined) return;
      for (const node of nodes) {
        if (node.op !== "take" || unmoved(node.inputs[1]) !== leaf) continue;
        const size = node.inputs[0].knownShape?.[Number(node.attributes.axis)];
        if (typeof size !== "number" || size >= classes) continue;
        trace.report({
          code: "label-range",
          severity: "error",
          message: `the ${role === "targets" ? "labels" : "inputs"} of the data are whole numbers from 0 to ${classes - 1}, but there are only ${size} classes to choose from; give the ${role === "targets" ? "model" : "layer"} ${classes} ${role === "targets" ? "outputs" : "entries"}, or correct the data's classes`,
          range: node.site ?? optionSite(training, role === "targets" ? "loss" : "model"),
          subject: {
            tensors: [node.inputs[0], leaf],
            site: node.site,
            faults: faultsOf(role === "targets" ? forward.prediction : node.inputs[0], size, classes),
          },
        });
      }
    });
  }
};

/** The axis of the table, or of the prediction, that has the size that is too small. */
function faultsOf(tensor: Tensor | undefined, size: number, classes: number): Fault[] {
  const axis = tensor?.knownShape?.findLastIndex((dim) => dim === size) ?? -1;
  return tensor && axis >= 0 ? [{ tensor, axis, wanted: classes }] : [];
}
