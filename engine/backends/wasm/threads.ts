/**
 * Threads beside the one that trains, on its memory: each holds an instance of every program and does its part of a run when
 * it is called. Between runs they look at a word of the memory for a while, and then sleep. Once one of them is lost, none works any more.
 */

/** Words of the memory, below all buffers, by which the threads are called. */
const WORDS = {
  /** Changes with every call, for those who sleep. */
  calls: 0,
  /** Messages that were sent, the first one left out. */
  messages: 1,
  runs: 2,
  /** Of the last run. */
  program: 3,
  from: 4,
  to: 5,
  /** The number of a thread that cannot go on, or `SILENT`; 0 while all can. */
  lost: 6,
  /** Where threads meet within a run: two words. */
  meeting: 10,
} as const;
const WORD_COUNT = 12;

/** The same as addresses, for code. */
export const ADDRESSES = { meeting: WORDS.meeting * 4, lost: WORDS.lost * 4 } as const;

/** To a thread, in the order of sending; each but the first is announced by a call. */
export type ThreadMessage =
  | { readonly kind: "begin"; readonly memory: object; readonly thread: number; readonly threads: number }
  | { readonly kind: "load"; readonly program: number; readonly module: object }
  | { readonly kind: "drop"; readonly program: number };

/** Starts a thread, which says when it is there and when (and why, for people) it is there no more, and takes messages. */
export type StartThread = (ready: () => void, gone: (why: string) => void) => StartedThread;

export interface StartedThread {
  readonly post: (message: ThreadMessage) => void;
  /** Ends it, whatever it does. */
  readonly stop?: () => void;
}

export interface Threads {
  /** All that can run now, the one that asks among them. */
  readonly count: number;
  /** @returns the program's number */
  load(module: object): number;
  drop(program: number): void;
  /** Calls the others; whoever calls then does its own part, at whose end all have met. */
  call(program: number, from: number, to: number): void;
  /** Ends the others for good. @returns which was lost first: its number, `SILENT`, or 0 for none */
  end(): number;
}

/**
 * @param others how many to start
 * @param onGone told once, when a thread is there no more while no run is going on: its work is done without it from then on
 */
export function startThreads(
  memory: { readonly buffer: ArrayBufferLike },
  others: number,
  start: StartThread,
  onGone: (why: string) => void,
): Threads {
  const words = new Int32Array(memory.buffer, 0, WORD_COUNT);
  let readied = 0;
  let programs = 0;
  let isOver = false;
  const announce = (what: typeof WORDS.messages | typeof WORDS.runs): void => {
    Atomics.add(words, what, 1);
    Atomics.add(words, WORDS.calls, 1);
    Atomics.notify(words, WORDS.calls);
  };
  const end = (thread: number): number => {
    const lost = markLost(words, thread);
    if (!isOver) for (const { stop } of threads) stop?.();
    isOver = true;
    return lost;
  };
  const lose = (thread: number, why: string): void => {
    if (isOver) return;
    end(thread);
    onGone(why);
  };
  const post = (thread: StartedThread, number: number, message: ThreadMessage): void => {
    try {
      thread.post(message);
    } catch (error) {
      lose(number, error instanceof Error ? error.message : String(error));
    }
  };
  const threads: StartedThread[] = [];
  for (let number = 1; number <= others && !isOver; number++) {
    const thread = start(
      () => readied++,
      (why) => {
        lose(number, why);
      },
    );
    threads.push(thread);
    post(thread, number, { kind: "begin", memory, thread: number, threads: others + 1 });
  }
  const tell = (message: ThreadMessage): void => {
    threads.forEach((thread, i) => {
      if (!isOver) post(thread, i + 1, message);
    });
    announce(WORDS.messages);
  };
  return {
    get count() {
      return readied === others && !isOver && Atomics.load(words, WORDS.lost) === 0 ? others + 1 : 1;
    },
    load(module) {
      tell({ kind: "load", program: programs, module });
      return programs++;
    },
    drop: (program) => {
      tell({ kind: "drop", program });
    },
    call(program, from, to) {
      words[WORDS.program] = program;
      words[WORDS.from] = from;
      words[WORDS.to] = to;
      announce(WORDS.runs);
    },
    end: () => end(0),
  };
}

/** Lets all know, those who sleep and those who wait at a meeting too. @returns which thread was the first */
function markLost(words: Int32Array, thread: number): number {
  const before = Atomics.compareExchange(words, WORDS.lost, 0, thread === 0 ? ENDED : thread);
  Atomics.notify(words, WORDS.meeting + 1);
  Atomics.add(words, WORDS.calls, 1);
  Atomics.notify(words, WORDS.calls);
  return before === 0 ? thread : before;
}

/** In the place of a thread's number: the first one failed, or wants no others any more. */
const ENDED = -2;

/** Looks at the word so often before it sleeps: some tenths of a millisecond. */
const LOOKS = 50_000;

interface ThreadPlatform {
  readonly Instance: new (module: object, imports?: object) => { readonly exports: object };
}

/**
 * A thread's side. What goes wrong in it is known to the others before it is thrown.
 * @returns what takes its messages, one after the other; it returns when the next is to come
 */
export function serveThread(platform: ThreadPlatform): (message: ThreadMessage) => void {
  const programs = new Map<number, (from: number, to: number, thread: number, threads: number) => void>();
  let words: Int32Array = new Int32Array(0);
  let memory: { readonly buffer?: ArrayBufferLike } = {};
  let [thread, threads] = [0, 1];
  let messages = 0;
  let runs = 0;
  const isLost = (): boolean => Atomics.load(words, WORDS.lost) !== 0;
  /** Until something is called for that was not done. */
  const wait = (): void => {
    const calls = Atomics.load(words, WORDS.calls);
    if (isLost()) return;
    if (Atomics.load(words, WORDS.messages) !== messages || Atomics.load(words, WORDS.runs) !== runs) return;
    for (let i = 0; i < LOOKS; i++) if (Atomics.load(words, WORDS.calls) !== calls) return;
    Atomics.wait(words, WORDS.calls, calls);
  };
  const take = (message: ThreadMessage): void => {
    switch (message.kind) {
      case "begin":
        ({ memory, thread, threads } = message);
        words = new Int32Array(memory.buffer as ArrayBufferLike, 0, WORD_COUNT);
        return;
      case "load": {
        // What the platform does for the program, the first thread has it do.
        const instance = new platform.Instance(message.module, { env: { memory, foreign: () => undefined } });
        programs.set(message.program, (instance.exports as { run: (...given: number[]) => void }).run);
        return;
      }
      case "drop":
        programs.delete(message.program);
        return;
      default:
        message satisfies never;
    }
  };
  const serve = (message: ThreadMessage): void => {
    take(message);
    for (;;) {
      wait();
      if (isLost()) return;
      // What was sent was sent before the run, which is waited for.
      if (Atomics.load(words, WORDS.messages) !== messages) {
        messages = (messages + 1) | 0;
        return;
      }
      if (Atomics.load(words, WORDS.runs) === runs) continue;
      runs = (runs + 1) | 0;
      const run = programs.get(words[WORDS.program]);
      if (!run) throw new Error("internal: a thread was called to a program that it does not have");
      run(words[WORDS.from], words[WORDS.to], thread, threads);
    }
  };
  return (message) => {
    if (words.length > 0 && isLost()) return;
    try {
      serve(message);
    } catch (error) {
      // A meeting that traps since another was lost is no fault of this one.
      if (words.length > 0 && isLost()) return;
      if (words.length > 0) markLost(words, thread);
      throw error;
    }
  };
}
