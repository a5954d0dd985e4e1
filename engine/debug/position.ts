import type { NumberedStep } from "./levels";

/**
 * Where a debugger stands within an episode: before the step `index`, with the first `depth` of its levels entered. The level after those is
 * what happens next. `index` may be the number of steps: everything is done; with a depth of 1 the program has just done the last step, and has yet to
 * come to its end.
 */
export interface Position {
  readonly index: number;
  readonly depth: number;
}

export type Granularity = "line" | "statement" | "node";

/** Moves give `undefined` where the episode has nothing further in that direction. */
type Steps = readonly NumberedStep[];

/** Where the program stands if it comes to a step by itself: in the innermost text of the user's. */
export function arriveAt(steps: Steps, index: number): Position {
  return index < steps.length ? { index, depth: steps[index].depth } : { index: steps.length, depth: 0 };
}

/** Where the program stands when a pass begins: at the first line of the model, whatever that line calls. */
export function beginAt(steps: Steps, index: number): Position {
  return index < steps.length ? { index, depth: steps[index].least } : { index: steps.length, depth: 0 };
}

/** Over what happens next: the rest of the line, or the next call in what has no lines of its own. */
export function stepOver(
  steps: Steps,
  { index, depth }: Position,
  granularity: Granularity = "line",
): Position | undefined {
  if (index >= steps.length) return undefined;
  if (granularity === "node") return nodeAt(steps, index + 1);
  // At the call of the model itself, which is entered in any case.
  if (depth < steps[index].least) return { index, depth: steps[index].least };
  let next = index + 1;
  while (next < steps.length && belongsTogether(steps, next, depth, granularity)) next++;
  return settle(steps, next, steps[index], depth);
}

/** Into what happens next, over it where there is nothing inside. */
export function stepInto(steps: Steps, position: Position, granularity: Granularity = "line"): Position | undefined {
  const { index, depth } = position;
  if (index >= steps.length) return undefined;
  if (granularity === "node") return nodeAt(steps, index + 1);
  // The innermost level is the node itself: nothing is inside. The next call of the line may have more.
  return depth < steps[index].levels.length - 1 ? { index, depth: depth + 1 } : stepOver(steps, position, "statement");
}

/** Until the innermost entered level is done. */
export function stepOut(steps: Steps, { index, depth }: Position): Position | undefined {
  if (index >= steps.length) return undefined;
  const step = steps[index];
  if (depth <= step.least) {
    // The model itself, or a program: on to the next pass.
    let next = index + 1;
    while (next < steps.length && steps[next].direction === step.direction && insideRoot(steps[next], step)) next++;
    return beginAt(steps, next);
  }
  const { call } = step.levels[depth - 1];
  let next = index + 1;
  while (next < steps.length && isInside(steps, next - 1, next, depth - 1, call)) next++;
  return settle(steps, next, step, depth - 1);
}

/** To where the statement before this one began; out of a level at whose beginning the program stands. */
export function stepBack(
  steps: Steps,
  { index, depth }: Position,
  granularity: Granularity = "line",
): Position | undefined {
  if (granularity === "node") return index > 0 ? nodeAt(steps, index - 1) : undefined;
  const here = steps.at(index < steps.length ? index : -1);
  if (!here) return undefined;
  if (index < steps.length && depth > here.least) {
    const { call } = here.levels[depth - 1];
    if (index === 0 || !isInside(steps, index, index - 1, depth - 1, call)) return { index, depth: depth - 1 };
  }
  if (index === 0) return undefined;
  const last = index - 1;
  const before = steps[last];
  const level = index < steps.length ? sharedDepth(before, here, depth) : before.least;
  let first = last;
  while (first > 0 && belongsTogether(steps, first, level, granularity)) first--;
  return { index: first, depth: level };
}

/** Whether a step goes on with what the one before it did at a level: its line, or its call. */
function belongsTogether(steps: Steps, index: number, depth: number, granularity: Granularity): boolean {
  const [before, here] = [steps[index - 1], steps[index]];
  if (before.statements[depth] !== here.statements[depth]) return false;
  return granularity !== "statement" || before.levels[depth].call === here.levels[depth].call;
}

/** At a step's innermost level. */
export function nodeAt(steps: Steps, index: number): Position {
  return index < steps.length ? { index, depth: steps[index].levels.length - 1 } : { index: steps.length, depth: 0 };
}

/** How deep the program is at `next` after it was `depth` levels deep at `from`. */
function settle(steps: Steps, next: number, from: NumberedStep, depth: number): Position {
  if (next >= steps.length) return { index: steps.length, depth: 0 };
  return { index: next, depth: sharedDepth(steps[next], from, depth) };
}

/** Levels of `from` that are still entered at `step`; another pass begins at its root. */
function sharedDepth(step: NumberedStep, from: NumberedStep, depth: number): number {
  if (step.direction !== from.direction) return step.least;
  let shared = 0;
  while (shared < depth && step.levels[shared]?.call === from.levels[shared]?.call && shared < step.levels.length - 1)
    shared++;
  return Math.max(step.least, shared);
}

function isInside(steps: Steps, before: number, next: number, at: number, call: object): boolean {
  return steps[next].direction === steps[before].direction && steps[next].levels[at]?.call === call;
}

function insideRoot(step: NumberedStep, from: NumberedStep): boolean {
  return step.least === from.least;
}
