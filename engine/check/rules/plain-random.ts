import { currentSite } from "../../graph/site";
import type { Trace } from "../../graph/trace";

/**
 * Runs `build`, which calls the user's forward, and reports each use of JavaScript's own random numbers in it: the graph is
 * built once and replayed, so such a number is drawn once and never again.
 */
export function watchPlainRandom<T>(trace: Trace, build: () => T): T {
  const before = Math.random;
  Math.random = () => {
    const site = currentSite();
    // Without a place it is none of the user's files that asks.
    if (site) {
      trace.report({
        code: "plain-random",
        severity: "warning",
        message:
          "Math.random() gives one number while the graph is built, the same in every iteration; use randomUniform(shape), randomNormal(shape) or randomBernoulli(shape, p), which draw new numbers each time",
        range: site,
        subject: { tensors: [], site },
      });
    }
    return before();
  };
  try {
    return build();
  } finally {
    Math.random = before;
  }
}
