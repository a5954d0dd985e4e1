/** Whether a program had better run on several threads: both ways give the same bits, so trying costs nothing but time. */
export interface Choice {
  /** Which way the next run goes. */
  next(): boolean;
  took(together: boolean, milliseconds: number): void;
}

/**
 * A way is tried in so many runs after each other: the first ones find the other threads asleep and their caches full of other things,
 * and are no measure of those that would follow.
 */
const BURST = 6;
/** Then the other way is tried again after so many runs, since other work comes and goes; twice as many each time that it was slower. */
const [SOON, LATE] = [32, 1024];
/** How much of the old figure remains when a slower one comes. One that is faster replaces it. */
const MEMORY = 0.7;

export function createChoice(): Choice {
  const usual = { alone: Infinity, together: Infinity };
  const isTogetherFaster = (): boolean => usual.together < usual.alone;
  /** What goes on, with the runs that are left of it. */
  let isTogether = true;
  let left = BURST;
  let isTrial = true;
  let pause = SOON;
  return {
    next() {
      if (left === 0) {
        if (usual.alone === Infinity) [isTogether, left] = [false, BURST];
        else if (isTrial) {
          // A way that was tried and is slower is left alone for longer.
          pause = isTogetherFaster() === isTogether ? SOON : Math.min(LATE, 2 * pause);
          [isTogether, left, isTrial] = [isTogetherFaster(), pause, false];
        } else [isTogether, left, isTrial] = [!isTogetherFaster(), BURST, true];
      }
      left--;
      return isTogether;
    },
    took(together, milliseconds) {
      const way = together ? "together" : "alone";
      const before = usual[way];
      usual[way] = milliseconds < before ? milliseconds : before * MEMORY + milliseconds * (1 - MEMORY);
    },
  };
}
