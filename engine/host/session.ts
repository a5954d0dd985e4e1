import { fileURLToPath } from "node:url";
import type { DebugReply, DebugRequest } from "../debug/requests";
import type { LookResult, Look } from "../view/looks";
import type { Channel } from "./channel";
import { Failure } from "./failure";
import type { HostMessage, HostRequest, Task } from "./messages";

/** What a task works with: its way to tell, and what it is told meanwhile. */
export interface Session {
  readonly task: Task;
  /** Folder of the data files that ship with the engine. */
  readonly assets: string;
  readonly send: (message: HostMessage) => void;
  /**
   * Between two pieces of work: lets messages in every few milliseconds, answers looks, and waits while paused.
   * @returns whether to stop
   */
  readonly turn: () => Promise<boolean>;
  /** The same for programs that cannot be asked to stop: throws once they should. */
  readonly turnOrThrow: () => Promise<void>;
  /** Who answers looks; until there is one they wait. */
  answer: ((look: Look) => Promise<LookResult>) | undefined;
  /** Who takes checks. */
  order: ((request: Extract<HostRequest, { readonly kind: "check" | "abandon" }>) => void) | undefined;
  /** Who answers a debugger's requests; until there is one they are refused. */
  debug: ((request: DebugRequest) => DebugReply) | undefined;
  /** Who writes a checkpoint of where the debugger stands; until there is one it is refused. */
  keep: ((path: string) => Promise<void>) | undefined;
  /** Told at once when the task is to stop. */
  onStop: (() => void) | undefined;
  /** Lets messages in if it is time to, without waiting for anything else. */
  readonly breathe: () => Promise<void>;
  /** Whether waiting for messages keeps the host alive: while a debugger waits, nothing else does. */
  readonly hold: (held: boolean) => void;
  /** Stands still, or goes on. */
  readonly rest: (resting: boolean) => void;
  /** Answers looks until it is closed or stopped. */
  readonly untilClosed: () => Promise<void>;
}

/** Work between two turns of the event loop: short against what a person notices, long against what a turn costs. */
const BREATH_MS = 8;

/** Between two reports of the memory. */
const WEIGH_MS = 400;

export function createSession(
  task: Task,
  channel: Channel,
): { session: Session; receive: (request: HostRequest) => void } {
  let stopped = false;
  let closed = false;
  let paused = false;
  let ended = false;
  let breathed = performance.now();
  let weighed = -Infinity;
  let wake: () => void = () => undefined;
  const looks: { ticket: number; look: Look }[] = [];

  const send = (message: HostMessage): void => {
    if (ended) return;
    const end = (): void => {
      if (ended) return;
      ended = true;
      // What user code printed has arrived before: the host is ended at its last message.
      void flushedOutput().then(() => channel.post(message));
    };
    if (message.kind === "failure") end();
    else if (message.kind === "done") void nextTurn().then(end);
    else channel.post(message);
  };

  const woken = (): Promise<void> =>
    new Promise((resolve) => {
      channel.hold(true);
      wake = () => {
        channel.hold(false);
        resolve();
      };
    });

  const weigh = (): void => {
    weighed = performance.now();
    const { heapTotal, external } = process.memoryUsage();
    send({ kind: "memory", held: (heapTotal + external) / 2 ** 20 });
  };

  const answerLooks = async (): Promise<void> => {
    while (session.answer && looks.length > 0) {
      const { ticket, look } = looks.shift() as (typeof looks)[number];
      let result: LookResult;
      try {
        result = await session.answer(look);
      } catch (error) {
        result = { kind: "nothing", reason: error instanceof Error ? error.message : String(error) };
      }
      channel.post({ kind: "looked", ticket, result });
    }
  };

  const answerDebug = ({ ticket, request }: Extract<HostRequest, { kind: "debug" }>): void => {
    const reply: DebugReply = session.debug
      ? session.debug(request)
      : { ok: false, message: "The program is being loaded; there is nothing to debug yet" };
    channel.post({ kind: "debugged", ticket, reply });
  };

  const answerKeep = async ({ ticket, path }: Extract<HostRequest, { kind: "keep" }>): Promise<void> => {
    let failure: string | null = session.keep ? null : "no training is being debugged";
    try {
      await session.keep?.(path);
    } catch (error) {
      failure = error instanceof Error ? error.message : String(error);
    }
    send({ kind: "kept", ticket, failure });
  };

  const session: Session = {
    task,
    assets: fileURLToPath(new URL("./assets", import.meta.url)),
    send,
    answer: undefined,
    order: undefined,
    debug: undefined,
    keep: undefined,
    onStop: undefined,
    async breathe() {
      if (performance.now() - breathed <= BREATH_MS) return;
      await nextTurn();
      breathed = performance.now();
      if (breathed - weighed > WEIGH_MS) weigh();
    },
    hold: (held) => channel.hold(held),
    rest(resting) {
      channel.hold(resting);
      send({ kind: "paused", paused: resting });
    },
    async turn() {
      await session.breathe();
      if (looks.length > 0) await answerLooks();
      if (!paused || stopped) return stopped;
      send({ kind: "paused", paused: true });
      while (paused && !stopped) {
        await woken();
        await answerLooks();
      }
      send({ kind: "paused", paused: false });
      return stopped;
    },
    async turnOrThrow() {
      if (await session.turn()) throw new Failure("interrupted", 130);
    },
    async untilClosed() {
      while (!closed) {
        await answerLooks();
        if (!closed) await woken();
      }
    },
  };

  const receive = (request: HostRequest): void => {
    switch (request.kind) {
      case "stop":
        stopped = true;
        session.onStop?.();
        break;
      case "debug":
        answerDebug(request);
        break;
      case "keep":
        void answerKeep(request);
        break;
      case "pause":
        paused = true;
        break;
      case "resume":
        paused = false;
        break;
      case "look":
        looks.push(request);
        break;
      case "check":
      case "abandon":
        session.order?.(request);
        break;
      case "close":
        stopped = closed = true;
        session.onStop?.();
        break;
      case "task":
        throw new Error("internal: a host carries out one task");
      default:
        request satisfies never;
    }
    wake();
  };

  return { session, receive };
}

/** A turn of the event loop: messages come in, and promises are found that were rejected and that nobody awaits. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function flushedOutput(): Promise<unknown> {
  return Promise.all(
    [process.stdout, process.stderr].map((stream) => new Promise((resolve) => stream.write("", resolve))),
  );
}
