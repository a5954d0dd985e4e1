import type { DebugEvent, DebugRequest, DebugResults, FrameRecord, Stopped } from "../debug/requests";
import { type Breakpoints, createBreakpoints, showBreakpoint } from "./bound";
import { type Client, plainClient, textToClient } from "./client";
import { RequestError } from "./fields";
import type { Debuggee, Launcher } from "./launcher";
import { type Place, type Sources, createSources, placeToClient } from "./sources";

/** One client and what it debugs: where they stand, and what the program tells by itself. */

export type State =
  /** `initialize` was not sent yet. */
  | "fresh"
  | "connected"
  /** Started, but breakpoints cannot be bound yet. */
  | "loading"
  /** Breakpoints are being set; nothing runs. */
  | "configuring"
  | "running"
  | "stopped"
  | "ended";

export interface Session {
  readonly launcher: Launcher;
  readonly send: (event: string, body?: object) => void;
  readonly sources: Sources;
  readonly breakpoints: Breakpoints;
  client: Client;
  state: State;
  start: Start | null;
  debuggee: Debuggee | null;
  /** Of what is debugged now: what an earlier start tells is no news. */
  generation: number;
  /** Why the program ended, where it said. */
  farewell: string | null;
  /** Calls that wait for an answer of the runtime. */
  readonly waiting: Set<(reason: Error) => void>;
  /** Requests that the program may stop or end because of: that is told after their answers. */
  holds: number;
  held: Held[];
  /** Of this stop. */
  frames: Promise<readonly FrameRecord[]> | null;
  /** Places that values of this stop were made at, by their reference − 1. */
  places: Place[];
  /** The client wishes it to end: it stops nowhere on the way. */
  leaving: boolean;
  readonly progress: Set<string>;
  readonly ready: Turn;
  readonly configured: Turn;
}

/** What is told after the answers, in its order. */
type Held =
  | Extract<DebugEvent, { readonly kind: "stopped" | "continued" | "ended" }>
  /** The session is over for another reason than the program's end. */
  | { readonly kind: "over" };

export interface Start {
  readonly how: "launch" | "attach";
  /** For the user: the model file's name. */
  readonly name: string;
  readonly noDebug: boolean;
}

/** The protocol has threads; a training is one. */
export const THREAD = 1;

export function createSession(launcher: Launcher, send: Session["send"]): Session {
  return {
    launcher,
    send,
    sources: createSources((reason, source) => send("loadedSource", { reason, source })),
    breakpoints: createBreakpoints(),
    client: plainClient,
    state: "fresh",
    start: null,
    debuggee: null,
    generation: 0,
    farewell: null,
    waiting: new Set(),
    holds: 0,
    held: [],
    frames: null,
    places: [],
    leaving: false,
    progress: new Set(),
    ready: createTurn(),
    configured: createTurn(),
  };
}

/** @throws RequestError with the runtime's reason, or because the program ended before it answered. */
export function ask<R extends DebugRequest>(session: Session, request: R): Promise<DebugResults[R["kind"]]> {
  const { debuggee } = session;
  if (debuggee === null) return Promise.reject(new RequestError("no program is being debugged"));
  return new Promise((resolve, reject) => {
    session.waiting.add(reject);
    const asked = async (): Promise<DebugResults[R["kind"]]> => debuggee.ask(request);
    asked()
      .then(resolve, (error: unknown) => reject(new RequestError(messageOf(error))))
      .finally(() => session.waiting.delete(reject));
  });
}

export function hear(session: Session, event: DebugEvent): void {
  const { client, send } = session;
  if (session.state === "ended") return;
  switch (event.kind) {
    case "ready":
      return session.ready.come();
    case "stopped":
    case "continued":
      if (event.kind === "stopped") session.ready.come();
      session.held.push(event);
      return tellHeld(session);
    case "output": {
      const output = textToClient(client, event.text);
      if (event.file === undefined) return send("output", { category: event.category, output });
      const { file, line = 1, column } = event;
      const place = placeToClient(session, { file, line, column });
      return send("output", { category: event.category, output, ...place });
    }
    case "breakpoint": {
      const breakpoint = session.breakpoints.ofRuntime(event.breakpoint);
      if (breakpoint === undefined) return;
      return send("breakpoint", { reason: "changed", breakpoint: showBreakpoint(session, breakpoint) });
    }
    case "invalidated":
      session.frames = null;
      if (client.invalidation) send("invalidated", { areas: ["stacks", "variables"], threadId: THREAD });
      return;
    case "progress":
      return tellProgress(session, event);
    case "ended":
      session.debuggee = null;
      session.farewell = event.message;
      return finish(session, event);
    default:
      return event satisfies never;
  }
}

/** Ends the session for another reason than the program's end. */
export function giveIn(session: Session): void {
  const { debuggee, start } = session;
  finish(session, { kind: "over" });
  if (debuggee !== null) letGo(debuggee, start);
}

/** Ends what was launched at once; what ran before goes on without a debugger. */
export function letGo(debuggee: Debuggee, start: Start | null): void {
  if (start?.how === "attach") debuggee.ask({ kind: "detach" }).catch(() => undefined);
  else debuggee.kill();
}

/** First what waits for the program is answered, then its end is told. */
function finish(session: Session, event: Held): void {
  session.held.push(event);
  giveUp(session, session.farewell ?? "the program has ended");
  tellHeld(session);
}

/** What was held back may be told: the request that led to it is answered. */
export function tellHeld(session: Session): void {
  while (session.holds === 0 && session.held.length > 0 && session.state !== "ended") {
    const event = session.held.shift();
    if (event === undefined) return;
    if (event.kind === "stopped") stopped(session, event);
    else if (event.kind === "ended") end(session, event.exitCode, event.message);
    else if (event.kind === "over") end(session, null, null);
    else if (session.state === "stopped") {
      goOn(session);
      session.send("continued", { threadId: THREAD, allThreadsContinued: true });
    }
  }
}

/** It runs: what belongs to the last stop holds no more. */
export function goOn(session: Session): void {
  session.state = "running";
  session.frames = null;
  session.places = [];
}

/** Tells that it is over, once. */
function end(session: Session, exitCode: number | null, message: string | null): void {
  if (session.state === "ended") return;
  const { send, client } = session;
  if (message !== null) send("output", { category: "stderr", output: `${textToClient(client, message)}\n` });
  for (const id of session.progress) send("progressEnd", { progressId: id });
  session.progress.clear();
  leave(session);
  if (exitCode !== null) send("exited", { exitCode });
  send("terminated");
}

/** Nothing more is heard of the program, nor asked. */
export function leave(session: Session): void {
  session.state = "ended";
  session.generation += 1;
  session.held = [];
  session.debuggee = null;
  giveUp(session, session.farewell ?? "the program has ended");
}

/** Answers what still waits for the program. */
export function giveUp(session: Session, reason: string): void {
  const error = new RequestError(reason);
  for (const reject of session.waiting) reject(error);
  session.waiting.clear();
  session.ready.fail(error);
  session.configured.fail(error);
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function stopped(session: Session, event: Stopped): void {
  if (session.leaving || (session.start?.noDebug && event.reason !== "pause")) return stoppedUnwanted(session, event);
  // Told again, of a place that the user looks at already.
  const again = session.state === "stopped";
  session.state = "stopped";
  session.frames = null;
  session.places = [];
  const hit = event.breakpoints.flatMap((id) => session.breakpoints.idOf(id) ?? []);
  session.send("stopped", {
    reason: event.reason,
    description: event.description,
    threadId: THREAD,
    ...(event.text !== null && { text: textToClient(session.client, event.text) }),
    allThreadsStopped: true,
    ...(hit.length > 0 && { hitBreakpointIds: hit }),
    ...(again && { preserveFocusHint: true }),
  });
}

/** Without debugging, or on the way to its end, nothing stops: the program goes on, or ends where it cannot. */
function stoppedUnwanted(session: Session, event: Stopped): void {
  const { debuggee } = session;
  session.state = "running";
  if (event.reason !== "exception" || session.leaving) {
    ask(session, { kind: "move", how: "continue" }).catch((error: unknown) => end(session, 1, messageOf(error)));
    return;
  }
  end(session, 1, event.text === null ? event.description : `${event.description}\n${event.text}`);
  debuggee?.kill();
}

function tellProgress(session: Session, event: Extract<DebugEvent, { readonly kind: "progress" }>): void {
  const { client, progress, send } = session;
  if (!client.progress) return;
  const progressId = String(event.id);
  const { title, message, fraction, done } = event;
  const percentage = fraction === null ? {} : { percentage: Math.round(Math.min(1, Math.max(0, fraction)) * 100) };
  if (!progress.has(progressId)) {
    if (done) return;
    progress.add(progressId);
    return send("progressStart", { progressId, title, cancellable: true, message, ...percentage });
  }
  if (!done) return send("progressUpdate", { progressId, message, ...percentage });
  progress.delete(progressId);
  send("progressEnd", { progressId, message });
}

/** Something that is waited for, again for each start. */
interface Turn {
  /** Begins anew. */
  await(): Promise<void>;
  come(): void;
  fail(error: Error): void;
}

function createTurn(): Turn {
  let settle: { resolve: () => void; reject: (error: Error) => void } | null = null;
  return {
    await: () => new Promise((resolve, reject) => (settle = { resolve, reject })),
    come: () => settle?.resolve(),
    fail: (error) => settle?.reject(error),
  };
}
