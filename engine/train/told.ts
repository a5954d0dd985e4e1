import type { RunState } from "./checkpoint";
import type { RewindEvent } from "./events";

/** How far a run was told of: what a debugger repeats is not told again, and what comes of a changed past is told anew. */
export interface Told {
  /** Takes note of an iteration that came about. @returns whether it is to be told */
  iteration(iteration: number): boolean;
  /** The same of an epoch. */
  epoch(epoch: number): boolean;
  /** What comes after so many updates is not what was told of it. */
  rewrite(iteration: number): void;
  /** What is to be told of that, once. */
  rewind(): RewindEvent | undefined;
}

export function createTold(origin: RunState, iterationsPerEpoch: number): Told {
  let { iteration: lastIteration, epoch: lastEpoch } = origin;
  let holds = Infinity;
  const epochsAfter = (iteration: number): number =>
    origin.epoch + Math.floor((iteration - origin.iteration + origin.batch) / iterationsPerEpoch);
  return {
    iteration(iteration) {
      if (iteration <= lastIteration) return false;
      lastIteration = iteration;
      return true;
    },
    epoch(epoch) {
      if (epoch <= lastEpoch) return false;
      lastEpoch = epoch;
      return true;
    },
    rewrite(iteration) {
      holds = Math.min(holds, iteration);
    },
    rewind() {
      const iteration = holds;
      holds = Infinity;
      if (iteration >= lastIteration) return undefined;
      lastIteration = iteration;
      lastEpoch = Math.min(lastEpoch, epochsAfter(iteration));
      return { type: "rewind", epoch: lastEpoch, iteration };
    },
  };
}
