import type { StartThread, StartedThread, ThreadMessage } from "./threads";

/** Threads that were started and wait for a backend; each can be given to one. */
export interface GatheredThreads {
  /** How many. */
  readonly others: number;
  readonly start: StartThread;
  /** Ends those that were not given to a backend. */
  dismiss(): void;
  /** Why there are fewer than were wanted, for people. */
  readonly reasons: readonly string[];
}

/** A thread as its platform starts it. */
export interface Recruit {
  post(message: ThreadMessage): void;
  stop(): void;
  /** Once it is ready it keeps no program alive that waits for nothing else. */
  rest(): void;
}

/** @param told when the thread is ready, and when it has ended, with the reason */
export type Recruiting = (told: { readonly ready: () => void; readonly gone: (why: string) => void }) => Recruit;

/** More threads than this gain nothing on models of the size that are trained here. */
const MOST = 8;
/** After this, work begins without the threads that are not there yet. */
const PATIENCE_MS = 3000;

/**
 * Starts threads beside the one that trains.
 * @param wanted how many threads there are to be with this one; 0 for as many as the machine has cores, up to {@link MOST}
 * @param after calls back after so many milliseconds, and gives up doing so when its result is called
 */
export async function gather(
  wanted: number,
  cores: number,
  recruit: Recruiting,
  after: (milliseconds: number, then: () => void) => () => void,
): Promise<GatheredThreads> {
  const threads = wanted === 0 ? Math.min(MOST, cores) : Math.min(wanted, cores);
  const reasons =
    wanted > cores ? [`${wanted} threads were asked for on ${cores === 1 ? "1 core" : `${cores} cores`}`] : [];
  const started = await Promise.all(Array.from({ length: threads - 1 }, () => start(recruit, after)));
  const ready = started.filter((each) => typeof each !== "string");
  const problem = started.find((each) => typeof each === "string");
  if (problem !== undefined) reasons.push(`${started.length - ready.length} more did not start: ${problem}`);
  return {
    others: ready.length,
    start(told, gone) {
      const thread = ready.pop();
      if (!thread) throw new Error("internal: no more threads were gathered");
      thread.watch(gone);
      told();
      return thread;
    },
    dismiss() {
      for (const { stop } of ready.splice(0)) stop();
    },
    reasons,
  };
}

interface Ready extends Required<StartedThread> {
  /** Has its end told, also if it has come before. */
  watch(gone: (why: string) => void): void;
}

/** @returns the thread once it is ready, or why there is none */
function start(recruit: Recruiting, after: Parameters<typeof gather>[3]): Promise<Ready | string> {
  return new Promise((resolve) => {
    let ended: string | undefined;
    let watcher: (why: string) => void = () => undefined;
    const gone = (why: string): void => {
      forget();
      resolve(why);
      if (ended === undefined) watcher(why);
      ended ??= why;
    };
    const ready = (): void => {
      forget();
      if (ended !== undefined) return;
      thread?.rest();
      resolve({
        post: (message) => thread?.post(message),
        stop: () => thread?.stop(),
        watch(then) {
          watcher = then;
          if (ended !== undefined) then(ended);
        },
      });
    };
    const forget = after(PATIENCE_MS, () => {
      gone(`not ready after ${PATIENCE_MS / 1000} s`);
      thread?.stop();
    });
    let thread: Recruit | undefined;
    try {
      thread = recruit({ ready, gone });
    } catch (error) {
      gone(error instanceof Error ? error.message : String(error));
    }
  });
}
