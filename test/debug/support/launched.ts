import assert from "node:assert/strict";
import type { DebugEvent, DebugOptions, DebugRequest, ExceptionFilter, Stopped } from "../../../engine/debug/requests";
import type { TrainingEvent } from "../../../engine/train/events";
import { start } from "../../host/support";

/** A program that trains in a host of its own, and what its debugger tells. */
export interface InHost {
  /** The next event of the debugger; the end of the host counts as one. */
  readonly next: () => Promise<DebugEvent>;
  /** The next of them that is a stop. */
  readonly stop: () => Promise<Stopped>;
  readonly ask: (request: DebugRequest) => Promise<unknown>;
  readonly events: readonly TrainingEvent[];
  /** Fulfilled with the first event of a training of this type. */
  readonly told: (type: TrainingEvent["type"]) => Promise<void>;
  readonly end: () => Promise<unknown>;
}

/** @param debug undefined for a training that knows of no debugger yet */
export function inHost(text: string, debug: DebugOptions | undefined): InHost {
  const heard: DebugEvent[] = [];
  const waiting: ((event: DebugEvent) => void)[] = [];
  const events: TrainingEvent[] = [];
  const awaited: (() => void)[] = [];
  const hear = (event: DebugEvent): void => {
    const wake = waiting.shift();
    if (wake) wake(event);
    else heard.push(event);
  };
  const started = start(
    text,
    (file) => ({ kind: "train", file, report: "events", device: "cpu", timeLimit: 10_000, ...(debug && { debug }) }),
    {
      onMessage: (message) => {
        if (message.kind === "debugEvent") hear(message.event);
        if (message.kind === "event") events.push(message.event);
        for (const wake of awaited.splice(0)) wake();
      },
    },
  );
  void started.end().then(() => hear({ kind: "ended", exitCode: 0, message: "the host has ended" }));
  const next = (): Promise<DebugEvent> => {
    const event = heard.shift();
    return event ? Promise.resolve(event) : new Promise((wake) => waiting.push(wake));
  };
  return {
    next,
    async stop() {
      for (;;) {
        const event = await next();
        if (event.kind === "stopped") return event;
        assert.notEqual(event.kind, "ended");
      }
    },
    ask: (request) => started.host.debug(request),
    events,
    async told(type) {
      while (!events.some((event) => event.type === type)) await new Promise<void>((wake) => awaited.push(wake));
    },
    end: () => started.end(),
  };
}

/** In a host of its own, begun under a debugger. */
export async function launched(text: string, filters: readonly ExceptionFilter[]): Promise<InHost> {
  const host = inHost(text, {});
  assert.equal((await host.next()).kind, "ready");
  await host.ask({ kind: "setExceptionFilters", filters });
  await host.ask({ kind: "start" });
  return host;
}
