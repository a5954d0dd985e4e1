import { type Choice, createChoice } from "./choice";
import type { Call } from "./program";
import { SILENT, type Team } from "./team";
import { ADDRESSES, type StartThread, startThreads } from "./threads";

/** The threads of a backend with who decides when they are called. */
export interface Crew {
  /** Those that can run now, the first among them. */
  readonly count: number;
  /** Those that there will be. */
  readonly size: number;
  /** Set once a run was left off in the middle: nothing that is in the memory can be relied on any more. */
  readonly lost: ThreadLostError | undefined;
  /** Hands a program to the others. */
  enlist(module: object): Enlisted;
}

/** A program on all threads. */
export interface Enlisted {
  /**
   * Has the program run, by one thread or by all. @param own does the first thread's part
   * @throws ThreadLostError when another thread could not do its part
   */
  run(from: number, to: number, own: (threads: number) => void): void;
  drop(): void;
}

export interface CrewOptions {
  readonly others: number;
  readonly start: StartThread;
  /** Milliseconds. */
  readonly now: () => number;
  /** Told when the work goes on with one thread, since another is there no more. */
  readonly warn: (message: string) => void;
}

/** A thread could not do its part of a run, whose results are therefore unknown. */
export class ThreadLostError extends Error {}

export function createCrew(memory: { readonly buffer: ArrayBufferLike }, options: CrewOptions): Crew {
  const { others, now, warn } = options;
  const size = others + 1;
  const threads = startThreads(memory, others, options.start, (why) => {
    warn(`a thread of the engine has ended: ${why}; the work goes on with one thread`);
  });
  let lost: ThreadLostError | undefined;
  const together = (program: number, from: number, to: number, own: (threads: number) => void): void => {
    threads.call(program, from, to);
    try {
      own(size);
    } catch (error) {
      // Whatever it was: the others wait at another meeting than the one that the next run would begin with.
      const which = threads.end();
      const problem = error instanceof Error ? error.message : String(error);
      lost = new ThreadLostError(which === 0 ? `a step before this one failed: ${problem}` : describeLoss(which));
      throw which === 0 ? error : lost;
    }
  };
  return {
    get count() {
      return threads.count;
    },
    get lost() {
      return lost;
    },
    size,
    enlist(module) {
      const program = threads.load(module);
      /** By range, of those that are more than a step. */
      const choices = new Map<string, Choice>();
      return {
        run(from, to, own) {
          if (threads.count === 1) return own(1);
          const range = `${from}-${to}`;
          if (to - from > 1 && !choices.has(range)) choices.set(range, createChoice());
          const choice = choices.get(range);
          const isTogether = choice?.next() ?? true;
          const began = now();
          if (isTogether) together(program, from, to, own);
          else own(1);
          choice?.took(isTogether, now() - began);
        },
        drop: () => {
          threads.drop(program);
        },
      };
    },
  };
}

/** Where the threads of a program meet, and how long they wait for each other. */
export function teamFor(calls: readonly Call[]): Team {
  const longest = calls.reduce((most, { code }) => Math.max(most, ...(code?.phases ?? []).map(({ work }) => work)), 0);
  return { ...ADDRESSES, patience: LEAST_PATIENCE_S + Math.ceil((longest / 1e9) * SLOW) };
}

/** Longer than any machine that is of use leaves a thread without its turn. */
const LEAST_PATIENCE_S = 30;
/** A machine that is so many times slower than estimated is not taken for dead. */
const SLOW = 30;

function describeLoss(which: number): string {
  const who =
    which === SILENT ? "a thread of the engine gave no sign any more" : `thread ${which + 1} of the engine ended`;
  return `${who} in the middle of a step, so its result is unknown: the memory may be spent, or the thread was ended from outside. Start again from the last checkpoint; with one thread if it happens again`;
}
