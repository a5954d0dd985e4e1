import type { Move } from "../debug/requests";
import { lineOf, optionalColumn, spanToClient } from "./client";
import { type Fields, RequestError, optionalChoice, optionalWhole, wholeOf } from "./fields";
import { type Session, THREAD, ask, goOn } from "./session";
import { sourceFromClient } from "./texts";

/** Going on and back. */

/** Continue, next, step out, step back, reverse continue. */
export function moving(how: "over" | "out" | "back" | "continue" | "reverse") {
  return async (session: Session, args: Fields): Promise<object> => {
    checkThread(args);
    await move(session, { kind: "move", how, ...granularity(args) });
    return how === "continue" ? { allThreadsContinued: true } : {};
  };
}

export async function stepIn(session: Session, args: Fields): Promise<object> {
  checkThread(args);
  const target = optionalWhole(args, "targetId");
  const into = { kind: "move", how: "into", ...granularity(args) } as const;
  await move(session, target === undefined ? into : { ...into, target });
  return {};
}

export async function goTo(session: Session, args: Fields): Promise<object> {
  checkThread(args);
  await move(session, { kind: "move", how: "target", target: wholeOf(args, "targetId") });
  return {};
}

export async function restartFrame(session: Session, args: Fields): Promise<object> {
  await move(session, { kind: "move", how: "restartFrame", frame: wholeOf(args, "frameId") });
  return {};
}

export async function pause(session: Session, args: Fields): Promise<object> {
  checkThread(args);
  if (session.state === "stopped") throw new RequestError("the program stands still already");
  await ask(session, { kind: "pause" });
  return {};
}

export async function stepInTargets(session: Session, args: Fields): Promise<object> {
  const targets = await ask(session, { kind: "stepTargets", frame: wholeOf(args, "frameId") });
  return { targets: targets.map(({ id, label, ...span }) => ({ id, label, ...spanToClient(session.client, span) })) };
}

export async function gotoTargets(session: Session, args: Fields): Promise<object> {
  const { client } = session;
  const file = await sourceFromClient(session, args);
  const line = lineOf(client, args, "line");
  const column = optionalColumn(client, args, "column");
  const targets = await ask(session, { kind: "gotoTargets", file, line });
  // A line may hold several; with a column the one that is meant.
  const there = targets.filter((target) => {
    return column !== undefined && target.line === line && target.column <= column && column <= target.endColumn;
  });
  const chosen = there.length > 0 ? there : targets;
  return { targets: chosen.map(({ id, label, ...span }) => ({ id, label, ...spanToClient(client, span) })) };
}

/** The answer says that it goes on; where it stops, an event does. */
export async function move(session: Session, request: Move): Promise<void> {
  const { frames, places } = session;
  goOn(session);
  try {
    await ask(session, request);
  } catch (error) {
    // It did not go on, unless it ended.
    if (session.state === "running") Object.assign(session, { state: "stopped", frames, places });
    throw error;
  }
}

export function checkThread(args: Fields): void {
  const thread = wholeOf(args, "threadId");
  if (thread !== THREAD) throw new RequestError(`there is no thread ${thread}; the program is thread ${THREAD}`);
}

function granularity(args: Fields): Pick<Move, "granularity"> {
  const wished = optionalChoice(args, "granularity", ["statement", "line", "instruction"]);
  if (wished === undefined) return {};
  // To the protocol a statement is what a step means if nothing is said, and may be a line.
  return { granularity: wished === "instruction" ? "node" : "line" };
}
