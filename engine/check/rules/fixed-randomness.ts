import type { Rule } from "./rule";

/**
 * Random numbers of another graph than the training's: made as the file loads, or when a layer is built. An iteration sets the key of
 * its own graph alone, so these are the same in every iteration, with every seed.
 */
export const fixedRandomness: Rule = ({ nodes, trace }) => {
  for (const node of nodes) {
    if (!DRAWING.has(node.op) || node.inputs[0] === trace.randomKey) continue;
    const variable = node.site?.variable;
    trace.report({
      code: "fixed-randomness",
      severity: "information",
      message: `${variable === undefined ? "these random numbers are" : `${variable} is`} drawn outside forward, which gives the same numbers in every iteration and with every seed; draw them within forward, or make them a state with an initialiser if they are meant to stay the same`,
      range: node.site,
      subject: { tensors: [node], site: node.site },
    });
  }
};

const DRAWING: ReadonlySet<string> = new Set(["random", "permutation"]);
