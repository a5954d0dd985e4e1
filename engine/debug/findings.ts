import type { FindingEvent } from "../train/events";
import type { Breakpoints } from "./breakpoints";
import type { DebugGraph } from "./graph";
import { type Position, arriveAt, beginAt } from "./position";

/** What the diagnosis found so far, and for what of it the program stops. */
export interface Findings {
  add(found: FindingEvent): void;
  /** What was found after so many updates is of a future that is no more. */
  rewind(iteration: number): void;
  /** The program begins anew: it stops again for what it stopped for. */
  restart(): void;
  /** What holds before this iteration, is worth a stop, and had none yet. */
  wanted(iteration: number): FindingEvent | undefined;
  /** The program stopped for it: once is enough until it no longer holds. */
  stopped(found: FindingEvent): void;
  /** A condition says that it is worth no stop in this iteration. */
  declined(found: FindingEvent, iteration: number): void;
  /** Whether anybody waits for one. */
  readonly awaited: boolean;
}

/** @param any whether any finding at all is worth a stop */
export function createFindings(breakpoints: Breakpoints, any: () => boolean): Findings {
  const standing = new Map<string, { readonly found: FindingEvent; readonly since: number }>();
  const seen = new Set<string>();
  const passed = new Map<string, number>();
  const isWanted = (found: FindingEvent): boolean =>
    any() || filtersOf(found).some((name) => breakpoints.filter(name) !== undefined);
  const forget = (key: string): void => {
    standing.delete(key);
    seen.delete(key);
    passed.delete(key);
  };
  return {
    add(found) {
      const key = keyOf(found);
      // One that changed is the same: it holds since it was raised.
      if (found.withdrawn) forget(key);
      else standing.set(key, { found, since: standing.get(key)?.since ?? found.iteration });
    },
    rewind(iteration) {
      for (const [key, { since }] of standing) if (since > iteration) forget(key);
    },
    restart() {
      seen.clear();
      passed.clear();
    },
    wanted(iteration) {
      for (const [key, { found, since }] of standing) {
        if (since <= iteration && !seen.has(key) && passed.get(key) !== iteration && isWanted(found)) return found;
      }
      return undefined;
    },
    stopped: (found) => void seen.add(keyOf(found)),
    declined(found, iteration) {
      const key = keyOf(found);
      passed.set(key, Math.max(iteration, passed.get(key) ?? iteration));
    },
    get awaited() {
      return any() || ["finding", ...Object.values(FILTERS_OF)].some((name) => breakpoints.filter(name) !== undefined);
    },
  };
}

/** The exception filters that a finding belongs to. */
export function filtersOf({ code }: FindingEvent): readonly string[] {
  const filter = FILTERS_OF[code];
  return filter === undefined ? ["finding"] : ["finding", filter];
}

/** Where a finding's layer is passed: on the way back, or forward where it is about what the layer gives. */
export function positionOf({ code, layer }: FindingEvent, { steps }: DebugGraph): Position {
  const direction = FILTERS_OF[code] === "dead" ? "forward" : "backward";
  const found = steps.findIndex(
    (step) => step.direction === direction && step.levels.some(({ kind, name }) => kind === "module" && name === layer),
  );
  return found < 0 ? beginAt(steps, 0) : arriveAt(steps, found);
}

function keyOf({ code, layer }: FindingEvent): string {
  return `${code} ${layer ?? ""}`;
}

const FILTERS_OF: Readonly<Record<string, string>> = {
  "vanishing-gradient": "vanishing",
  "exploding-gradient": "exploding",
  "dying-relu": "dead",
  saturation: "dead",
};
