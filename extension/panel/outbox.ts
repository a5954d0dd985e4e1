import { until, type Tick, type ToPanel } from "../../webview/protocol";

/**
 * Keeps the panel's messages to a rhythm: what can wait goes out one message at a time, ticks of one run merged into one, so
 * that ten a second is the most however many runs there are.
 */
export interface Outbox {
  /** Of several messages with one key the last one counts; ticks of one run add up. */
  later(message: Waiting): void;
  /** At once, after what this run still has waiting. */
  now(message: Exclude<ToPanel, Waiting>): void;
  /** Forgets what waits: nobody looks, or a snapshot holds it all. */
  clear(): void;
}

/** Milliseconds between two messages that can wait. */
export const RHYTHM_MS = 100;

type Waiting = Extract<ToPanel, { type: "tick" | "runs" | "cursor" | "model" | "modelCursor" | "front" }>;

export function createOutbox(
  post: (message: ToPanel) => void,
  timers: {
    readonly now: () => number;
    readonly after: (work: () => void, milliseconds: number) => { cancel(): void };
  } = nodeTimers,
): Outbox {
  // In the order of their first waiting, so that no run waits for ever.
  const waiting = new Map<string, Waiting>();
  let timer: { cancel(): void } | undefined;
  let last = -Infinity;

  const flush = (): void => {
    timer = undefined;
    const [first] = waiting;
    if (!first) return;
    waiting.delete(first[0]);
    last = timers.now();
    post(first[1]);
    plan();
  };
  const plan = (): void => {
    if (waiting.size > 0) timer ??= timers.after(flush, Math.max(0, last + RHYTHM_MS - timers.now()));
  };

  return {
    later(message) {
      const key = "run" in message ? `${message.type} ${message.run}` : message.type;
      const before = waiting.get(key);
      const merged =
        message.type === "tick" && before?.type === "tick"
          ? { ...message, tick: mergeTicks(before.tick, message.tick) }
          : message;
      waiting.set(key, merged);
      plan();
    },
    now(message) {
      if (message.type === "state" || message.type === "started") {
        const key = `tick ${message.run}`;
        const tick = waiting.get(key);
        waiting.delete(key);
        if (tick) post(tick);
      }
      post(message);
    },
    clear() {
      waiting.clear();
      timer?.cancel();
      timer = undefined;
    },
  };
}

/** Two ticks as one. */
export function mergeTicks(first: Tick, later: Tick): Tick {
  const { rewind } = later;
  const earlier = rewind === undefined ? first : rewound(first, rewind);
  return {
    ...later,
    ...(earlier.rewind !== undefined && { rewind: Math.min(earlier.rewind, rewind ?? Infinity) }),
    loss: [...earlier.loss, ...later.loss],
    flow: [...earlier.flow, ...later.flow],
    epochs: [...earlier.epochs, ...later.epochs],
    findings: [...earlier.findings, ...later.findings],
  };
}

function rewound(tick: Tick, rewind: number): Tick {
  const [loss, epochs, findings] = [until(tick.loss, rewind), until(tick.epochs, rewind), until(tick.findings, rewind)];
  return { ...tick, loss, flow: until(tick.flow, rewind), epochs, findings };
}

const nodeTimers = {
  now: () => performance.now(),
  after(work: () => void, milliseconds: number) {
    const timer = setTimeout(work, milliseconds);
    return { cancel: () => clearTimeout(timer) };
  },
};
