/** Whether a program had better run on several threads: both ways give the same bits, so trying costs nothing but time. */
export interface Choice {
  /** Which way the next run goes. */
  next(): boolean;
  took(together: boolean, milliseconds: number): void;
}

/** Runs of each way before a choice is made; then the other way is tried again once in so many runs, since other work comes and goes. */
const TRIALS = 4;
const AGAIN = 64;
/** How much of the old figure remains when a new one comes. */
const MEMORY = 0.7;

export function createChoice(): Choice {
  let runs = 0;
  const usual: Record<"alone" | "together", number | undefined> = { alone: undefined, together: undefined };
  const isTogetherFaster = (): boolean => (usual.together ?? 0) < (usual.alone ?? Infinity);
  return {
    next() {
      runs++;
      if (runs <= 2 * TRIALS) return runs % 2 === 0;
      return runs % AGAIN === 0 ? !isTogetherFaster() : isTogetherFaster();
    },
    took(together, milliseconds) {
      const way = together ? "together" : "alone";
      const before = usual[way];
      // The first run of each compiles.
      if (runs <= 2) return;
      usual[way] = before === undefined ? milliseconds : before * MEMORY + milliseconds * (1 - MEMORY);
    },
  };
}
