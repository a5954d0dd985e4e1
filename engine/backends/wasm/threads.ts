/**
 * Threads beside the one that trains, on its memory: each holds an instance of every program and does its part of a run when
 * it is called. Between runs they look at a word of the memory for a while, and then sleep.
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
} as const;

/** Where threads meet within a run: two words. */
export const MEETING = 40;

/** To a thread, in the order of sending; each but the first is announced by a call. */
export type ThreadMessage =
  | { readonly kind: "begin"; readonly memory: object; readonly thread: number; readonly threads: number }
  | { readonly kind: "load"; readonly program: number; readonly module: object }
  | { readonly kind: "drop"; readonly program: number };

/** Starts a thread, which says when it is there, and takes messages. */
export type StartThread = (ready: () => void) => { readonly post: (message: ThreadMessage) => void };

export interface Threads {
  /** All that can run now, the one that asks among them. */
  readonly count: number;
  /** @returns the program's number */
  load(module: object): number;
  drop(program: number): void;
  /** Calls the others; whoever calls then does its own part, at whose end all have met. */
  call(program: number, from: number, to: number): void;
}

/** @param others how many to start */
export function startThreads(
  memory: { readonly buffer: ArrayBufferLike },
  others: number,
  start: StartThread,
): Threads {
  const words = new Int32Array(memory.buffer, 0, 8);
  let readied = 0;
  let programs = 0;
  const announce = (what: typeof WORDS.messages | typeof WORDS.runs): void => {
    Atomics.add(words, what, 1);
    Atomics.add(words, WORDS.calls, 1);
    Atomics.notify(words, WORDS.calls);
  };
  const threads = Array.from({ length: others }, (_, i) => {
    const thread = start(() => readied++);
    thread.post({ kind: "begin", memory, thread: i + 1, threads: others + 1 });
    return thread;
  });
  const tell = (message: ThreadMessage): void => {
    for (const thread of threads) thread.post(message);
    announce(WORDS.messages);
  };
  return {
    get count() {
      return readied === others ? others + 1 : 1;
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
  };
}

/** Looks at the word so often before it sleeps: some tenths of a millisecond. */
const LOOKS = 50_000;

interface ThreadPlatform {
  readonly Instance: new (module: object, imports?: object) => { readonly exports: object };
}

/** A thread's side. @returns what takes its messages, one after the other; it returns when the next is to come */
export function serveThread(platform: ThreadPlatform): (message: ThreadMessage) => void {
  const programs = new Map<number, (from: number, to: number, thread: number, threads: number) => void>();
  let words: Int32Array = new Int32Array(0);
  let memory: { readonly buffer?: ArrayBufferLike } = {};
  let [thread, threads] = [0, 1];
  let messages = 0;
  let runs = 0;
  /** Until something is called for that was not done. */
  const wait = (): void => {
    const calls = Atomics.load(words, WORDS.calls);
    if (Atomics.load(words, WORDS.messages) !== messages || Atomics.load(words, WORDS.runs) !== runs) return;
    for (let i = 0; i < LOOKS; i++) if (Atomics.load(words, WORDS.calls) !== calls) return;
    Atomics.wait(words, WORDS.calls, calls);
  };
  return (message) => {
    switch (message.kind) {
      case "begin":
        ({ memory, thread, threads } = message);
        words = new Int32Array(memory.buffer as ArrayBufferLike, 0, 8);
        break;
      case "load": {
        // What the platform does for the program, the first thread has it do.
        const instance = new platform.Instance(message.module, { env: { memory, foreign: () => undefined } });
        programs.set(message.program, (instance.exports as { run: (...given: number[]) => void }).run);
        break;
      }
      case "drop":
        programs.delete(message.program);
        break;
      default:
        message satisfies never;
    }
    for (;;) {
      wait();
      // What was sent was sent before the run, which is waited for.
      if (Atomics.load(words, WORDS.messages) !== messages) {
        messages = (messages + 1) | 0;
        return;
      }
      if (Atomics.load(words, WORDS.runs) === runs) continue;
      runs = (runs + 1) | 0;
      programs.get(words[WORDS.program])?.(words[WORDS.from], words[WORDS.to], thread, threads);
    }
  };
}
