import type { DebugProtocol } from "@vscode/debugprotocol";
import type { FrameRecord } from "../debug/requests";
import { lineToClient, spanToClient, textToClient } from "./client";
import { type Fields, RequestError, fieldsOf, optionalFlag, optionalWhole, wholeOf } from "./fields";
import { checkThread } from "./moves";
import { type Session, THREAD, ask } from "./session";
import { sourceToClient } from "./sources";

/** Where the program stands. */

export function threads({ start }: Session): object {
  return { threads: [{ id: THREAD, name: start?.name ?? "program" }] };
}

export async function stackTrace(session: Session, args: Fields): Promise<object> {
  checkThread(args);
  const first = optionalWhole(args, "startFrame", 0) ?? 0;
  // 0 means all.
  const levels = optionalWhole(args, "levels", 0) || Infinity;
  const format = fieldsOf(args.format, "format");
  // Clients ask for the topmost frame first, then for the others of the same stop.
  session.frames ??= ask(session, { kind: "frames" });
  const asked = session.frames;
  const frames = await asked.catch((error: unknown) => {
    if (session.frames === asked) session.frames = null;
    throw error;
  });
  return {
    stackFrames: frames.slice(first, first + levels).map((frame) => frameToClient(session, frame, format)),
    totalFrames: frames.length,
  };
}

/**
 * No frame has an instruction pointer: editors would show instructions of a machine where one steps from node to node, and
 * there is none.
 */
function frameToClient(session: Session, frame: FrameRecord, format: Fields): DebugProtocol.StackFrame {
  const { id, file, generated, module } = frame;
  // Without their ends: editors would select the call, and the next key would replace it.
  const { line, column } = spanToClient(session.client, frame);
  return {
    id,
    name: frameName(session, frame, format),
    ...(file === null
      ? { line: 0, column: 0, presentationHint: "subtle" }
      : { source: sourceToClient(session, file, generated), line: line ?? 0, column: column ?? 0 }),
    canRestart: frame.canRestart,
    ...(module !== null && { moduleId: module }),
  };
}

function frameName({ client }: Session, { name, module, line, file }: FrameRecord, format: Fields): string {
  const inModule = optionalFlag(format, "module") && module !== null ? `${module}: ` : "";
  const onLine = optionalFlag(format, "line") && file !== null ? `, line ${lineToClient(client, line)}` : "";
  return `${inModule}${name}${onLine}`;
}

export async function scopes(session: Session, args: Fields): Promise<object> {
  const records = await ask(session, { kind: "scopes", frame: wholeOf(args, "frameId") });
  return {
    scopes: records.map(({ name, hint, reference, named, indexed, expensive }) => ({
      name,
      presentationHint: hint,
      variablesReference: reference,
      namedVariables: named,
      indexedVariables: indexed,
      expensive,
    })),
  };
}

export async function exceptionInfo(session: Session, args: Fields): Promise<object> {
  checkThread(args);
  const exception = await ask(session, { kind: "exception" });
  if (exception === null) throw new RequestError("the program did not stop at an exception");
  const { id, description, details } = exception;
  return {
    exceptionId: id,
    description: textToClient(session.client, description),
    // Each is the user's wish: there is no handler that could catch it.
    breakMode: "always",
    details: { message: textToClient(session.client, details), typeName: id },
  };
}
