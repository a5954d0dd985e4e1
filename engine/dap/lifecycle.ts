import type { DebugEvent } from "../debug/requests";
import { bindAgain } from "./breakpoints";
import { capabilities } from "./capabilities";
import { pathFromClient, readClient } from "./client";
import { type Fields, RequestError, fieldsOf, optionalFlag } from "./fields";
import { type Debuggee, readAttachArguments, readLaunchArguments } from "./launcher";
import { move } from "./moves";
import { type Session, type Start, THREAD, ask, giveIn, giveUp, goOn, hear, leave, letGo, messageOf } from "./session";
import { nameOfPath } from "./sources";

/** From the first request to the last. */

export function initialize(session: Session, args: Fields): object {
  if (session.state !== "fresh") throw new RequestError("initialize was sent before");
  session.client = readClient(args);
  session.state = "connected";
  return capabilities;
}

/** Answered when the program begins: breakpoints are set between. */
export async function launch(session: Session, args: Fields): Promise<object> {
  checkFirst(session);
  return beginning(session, async () => {
    await load(session, args);
    await configure(session);
  });
}

export async function attach(session: Session, args: Fields): Promise<object> {
  checkFirst(session);
  return beginning(session, async () => {
    const read = readAttachArguments(args, (path) => pathFromClient(session.client, path));
    const name = read.run ?? (read.program === undefined ? "training" : nameOfPath(read.program));
    const start: Start = { how: "attach", name, noDebug: false };
    await bring(session, start, (listener) => session.launcher.attach(read, listener));
    await configure(session);
  });
}

export async function configurationDone(session: Session): Promise<object> {
  if (session.state !== "configuring") throw new RequestError("the program has begun already");
  try {
    await begin(session);
  } catch (error) {
    session.configured.fail(error instanceof Error ? error : new Error(messageOf(error)));
    throw error;
  }
  session.configured.come();
  return {};
}

/** With new arguments the program is loaded anew, as its text may be another; without, it goes back to its beginning. */
export async function restart(session: Session, args: Fields): Promise<object> {
  const { start, state, debuggee, send } = session;
  if (args.arguments === undefined || args.arguments === null || start?.how === "attach") {
    await move(session, { kind: "move", how: "restart" });
    if (state === "stopped") send("continued", { threadId: THREAD, allThreadsContinued: true });
    return {};
  }
  const read = fieldsOf(args.arguments, "arguments");
  // Wrong ones leave what is there as it is.
  readLaunchArguments(read, (path) => path);
  session.generation += 1;
  giveUp(session, "the program was restarted");
  debuggee?.kill();
  goOn(session);
  for (const id of session.progress) send("progressEnd", { progressId: id });
  session.progress.clear();
  session.held = [];
  session.sources.renew();
  if (state === "stopped") send("continued", { threadId: THREAD, allThreadsContinued: true });
  return beginning(session, async () => {
    await load(session, read);
    if (!session.start?.noDebug) await bindAgain(session);
    await begin(session);
  });
}

export function terminate(session: Session): object {
  const { debuggee, start } = session;
  session.leaving = true;
  // What was launched and is not loaded yet has nothing to save. Otherwise an event says that it has ended.
  if (debuggee === null || (session.state === "loading" && start?.how === "launch")) giveIn(session);
  else void debuggee.terminate().catch(() => debuggee.kill());
  return {};
}

/** Ends what was launched, and lets go on what ran before, unless told otherwise. */
export function disconnect(session: Session, args: Fields): object {
  const attached = session.start?.how === "attach";
  const ends = optionalFlag(args, "terminateDebuggee") ?? !attached;
  const { debuggee } = session;
  // Nobody is there to hear how it went.
  if (!ends) void ask(session, { kind: "detach" }).catch(() => undefined);
  else if (attached) void debuggee?.terminate().catch(() => debuggee.kill());
  abandon(session, ends && !attached);
  return {};
}

/** The client is gone. */
function abandon(session: Session, ends: boolean): void {
  const { debuggee } = session;
  for (const id of session.progress) session.send("progressEnd", { progressId: id });
  session.progress.clear();
  leave(session);
  if (ends) debuggee?.kill();
}

function checkFirst({ state }: Session): void {
  if (state !== "connected") throw new RequestError("a program is being debugged already; send restart or disconnect");
}

/** What goes wrong before a program runs ends the session. */
async function beginning(session: Session, work: () => Promise<void>): Promise<object> {
  const generation = ++session.generation;
  try {
    await work();
    return {};
  } catch (error) {
    if (session.generation === generation) giveIn(session);
    throw error instanceof RequestError ? error : new RequestError(messageOf(error));
  }
}

async function load(session: Session, args: Fields): Promise<void> {
  const { client, launcher, send } = session;
  const read = readLaunchArguments(args, (path) => pathFromClient(client, path));
  if (!read.program.endsWith(".nn.ts")) {
    const output = `${read.program}: names of model files end in .nn.ts; editors show shapes and gradients only there\n`;
    send("output", { category: "console", output });
  }
  const start: Start = { how: "launch", name: nameOfPath(read.program), noDebug: read.noDebug ?? false };
  await bring(session, start, (listener) => launcher.launch(read, listener));
}

/** Starts or joins the program, and waits until breakpoints can be bound. */
async function bring(
  session: Session,
  start: Start,
  how: (listener: (event: DebugEvent) => void) => Promise<Debuggee>,
): Promise<void> {
  const { generation, send } = session;
  session.start = start;
  session.state = "loading";
  session.leaving = false;
  session.debuggee = null;
  const ready = session.ready.await();
  // It may fail before anyone waits.
  ready.catch(() => undefined);
  const starting = how((event) => {
    if (session.generation === generation) hear(session, event);
  });
  starting.then(
    (late) => session.generation !== generation && letGo(late, start),
    () => undefined,
  );
  const debuggee = await answeredAnyway(session, Promise.race([starting, ready.then(() => starting)]));
  // Ended, or started anew meanwhile.
  if (session.generation !== generation) return ready;
  session.debuggee = debuggee;
  send("process", { name: debuggee.description ?? start.name, isLocalProcess: true, startMethod: start.how });
  await ready;
  for (const { file, generated } of await ask(session, { kind: "sources" })) {
    session.sources.announce(session.client, file, generated);
  }
}

/** What may never come, unless it is given up before. */
async function answeredAnyway<T>(session: Session, coming: Promise<T>): Promise<T> {
  let giveUp: (reason: Error) => void = () => undefined;
  const given = new Promise<never>((_, reject) => (giveUp = reject));
  session.waiting.add(giveUp);
  try {
    return await Promise.race([coming, given]);
  } finally {
    session.waiting.delete(giveUp);
  }
}

/** Lets the client set breakpoints, until it says that it has. */
async function configure(session: Session): Promise<void> {
  const configured = session.configured.await();
  session.state = "configuring";
  session.send("initialized");
  await configured;
}

async function begin(session: Session): Promise<void> {
  const { start, send } = session;
  if (start?.noDebug) await ask(session, { kind: "setExceptionFilters", filters: [] });
  goOn(session);
  send("thread", { reason: "started", threadId: THREAD });
  await ask(session, { kind: "start" });
}
