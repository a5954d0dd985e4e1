import type { RunHistory } from "../../webview/protocol";

/**
 * One history of a run that was trained in two parts. What the first part did after the checkpoint that the second one began
 * with was undone, and is left out.
 */
export function joinHistories(before: RunHistory, after: RunHistory): RunHistory {
  const from = after.start?.startIteration ?? before.iteration;
  const known = <T extends { readonly iteration: number }>(list: readonly T[], later: readonly T[]): T[] => {
    const first = later[0]?.iteration ?? Infinity;
    return [...list.filter(({ iteration }) => iteration <= from && iteration < first), ...later];
  };
  return {
    ...after,
    start: after.start ?? before.start,
    iteration: Math.max(after.iteration, Math.min(before.iteration, from)),
    epoch: Math.max(after.epoch, Math.min(before.epoch, after.start?.startEpoch ?? before.epoch)),
    loss: known(before.loss, after.loss),
    flow: known(before.flow, after.flow),
    epochs: known(before.epochs, after.epochs),
  };
}
