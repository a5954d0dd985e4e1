import type { Checkpoint } from "../train/checkpoint";

/** Moments of a run that can be gone back to, within a bound on their memory. */
export interface Snapshots {
  keep(snapshot: Checkpoint): void;
  /** Whether one of exactly this iteration is kept. */
  has(iteration: number): boolean;
  /** The last one at or before an iteration. */
  before(iteration: number): Checkpoint | undefined;
  /** Forgets what comes after an iteration: the past was changed there. */
  dropAfter(iteration: number): void;
  /** The latest that is kept, or -1. */
  readonly latest: number;
  readonly earliest: number;
  readonly bytes: number;
}

/**
 * The first snapshot stays: everything can be replayed from it. Of the others, where the bound is passed, the one goes whose neighbours
 * are nearest in proportion to how long ago they were: what is recent stays dense, what is old gets sparse.
 */
export function createSnapshots(bound: number): Snapshots {
  let kept: { readonly iteration: number; readonly bytes: number; readonly snapshot: Checkpoint }[] = [];
  let bytes = 0;
  const sum = (): number => (bytes = kept.reduce((total, each) => total + each.bytes, 0));
  return {
    keep(snapshot) {
      const { iteration } = snapshot.state;
      kept = kept.filter((each) => each.iteration !== iteration);
      const at = kept.findIndex((each) => each.iteration > iteration);
      kept.splice(at < 0 ? kept.length : at, 0, { iteration, bytes: bytesOf(snapshot), snapshot });
      while (sum() > bound && kept.length > 2) kept.splice(leastUseful(kept.map((each) => each.iteration)), 1);
    },
    has: (iteration) => kept.some((each) => each.iteration === iteration),
    before: (iteration) => kept.findLast((each) => each.iteration <= iteration)?.snapshot,
    dropAfter(iteration) {
      kept = kept.filter((each, i) => i === 0 || each.iteration <= iteration);
      sum();
    },
    get latest() {
      return kept.at(-1)?.iteration ?? -1;
    },
    get earliest() {
      return kept[0]?.iteration ?? 0;
    },
    get bytes() {
      return bytes;
    },
  };
}

/** Which of the iterations between the first and the last costs least to lose. */
function leastUseful(iterations: readonly number[]): number {
  const last = iterations[iterations.length - 1];
  let best = 1;
  let least = Infinity;
  for (let i = 1; i < iterations.length - 1; i++) {
    const cost = (iterations[i + 1] - iterations[i - 1]) / (last - iterations[i] + 1);
    if (cost < least) [best, least] = [i, cost];
  }
  return best;
}

function bytesOf({ values, best, state, measurements }: Checkpoint): number {
  const { predictions, targets } = measurements;
  let bytes = 8 * (state.losses.length + state.trainingLosses.length + predictions.length + targets.length);
  for (const { data } of values.values()) bytes += data.byteLength;
  // The best epoch's values are shared by the snapshots after it.
  for (const { data } of best?.values() ?? []) bytes += data.byteLength / 8;
  return bytes;
}
