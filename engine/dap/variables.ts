import type { DebugProtocol } from "@vscode/debugprotocol";
import type { CompletionRecord, Evaluate, VariableRecord } from "../debug/requests";
import { columnFromClient, columnToClient, formatOf, lineOf, textToClient } from "./client";
import {
  type Fields,
  RequestError,
  optionalChoice,
  optionalFlag,
  optionalText,
  optionalWhole,
  textOf,
  wholeOf,
} from "./fields";
import { type Session, ask } from "./session";

/** Values: shown, computed and set. */

/** Of a client that asks for all at once: no tensor is ever sent whole. */
const MOST_AT_ONCE = 1_000;
/** Of a client that says how many. */
const MOST_ASKED = 100_000;
/** Bytes. */
const MOST_MEMORY = 2 ** 26;

export async function variables(session: Session, args: Fields): Promise<object> {
  const reference = wholeOf(args, "variablesReference");
  const filter = optionalChoice(args, "filter", ["indexed", "named"]);
  const first = optionalWhole(args, "start", 0) ?? 0;
  // 0 means all.
  const wished = optionalWhole(args, "count", 0) || undefined;
  const records = await ask(session, {
    kind: "variables",
    reference,
    ...(filter && { filter }),
    first,
    count: wished === undefined ? MOST_AT_ONCE + 1 : Math.min(wished, MOST_ASKED),
    ...formatOf(args),
  });
  const shown = records.map((record) => variableToClient(session, record));
  if (wished === undefined && records.length > MOST_AT_ONCE) {
    shown.splice(MOST_AT_ONCE, Infinity, {
      name: "…",
      value: `more than ${MOST_AT_ONCE}: ask for a part, or evaluate an element`,
      variablesReference: 0,
      presentationHint: { kind: "virtual", attributes: ["readOnly"] },
    });
  }
  return { variables: shown };
}

function variableToClient(session: Session, record: VariableRecord): DebugProtocol.Variable {
  return {
    name: record.name,
    value: textToClient(session.client, record.value),
    ...details(session, record),
    presentationHint: hint(record),
    ...(record.evaluateName !== null && { evaluateName: record.evaluateName }),
  };
}

export async function evaluate(session: Session, args: Fields): Promise<object> {
  const expression = textOf(args, "expression");
  if (expression.trim() === "") throw new RequestError("there is no expression to evaluate");
  const record = await ask(session, {
    kind: "evaluate",
    expression,
    frame: optionalWhole(args, "frameId") ?? null,
    context: contextOf(optionalText(args, "context")),
    ...formatOf(args),
  });
  return {
    result: textToClient(session.client, record.value),
    ...details(session, record),
    presentationHint: hint(record),
  };
}

const CONTEXTS: readonly Evaluate["context"][] = ["repl", "watch", "hover", "clipboard", "variables"];

/** Clients may have contexts of their own; those only look. */
function contextOf(name: string | undefined): Evaluate["context"] {
  return CONTEXTS.find((each) => each === name) ?? "watch";
}

export async function setVariable(session: Session, args: Fields): Promise<object> {
  const record = await ask(session, {
    kind: "setVariable",
    reference: wholeOf(args, "variablesReference"),
    name: textOf(args, "name"),
    value: textOf(args, "value"),
    ...formatOf(args),
  });
  return valueSet(session, record);
}

export async function setExpression(session: Session, args: Fields): Promise<object> {
  const record = await ask(session, {
    kind: "setExpression",
    target: textOf(args, "expression"),
    value: textOf(args, "value"),
    frame: optionalWhole(args, "frameId") ?? null,
    ...formatOf(args),
  });
  return { ...valueSet(session, record), presentationHint: hint(record) };
}

function valueSet(session: Session, record: VariableRecord): { readonly value: string } {
  // A frame's name may tell a value.
  session.frames = null;
  return { value: textToClient(session.client, record.value), ...details(session, record) };
}

/** What every answer with a value has. */
function details({ client, places }: Session, record: VariableRecord): ValueDetails {
  return {
    ...(client.types && { type: record.type }),
    variablesReference: record.reference,
    ...(record.reference !== 0 && { namedVariables: record.named, indexedVariables: record.indexed }),
    ...(client.memory && record.memory !== null && { memoryReference: record.memory }),
    ...(record.place !== null && { valueLocationReference: places.push(record.place) }),
  };
}

type ValueDetails = Pick<
  DebugProtocol.Variable,
  "type" | "variablesReference" | "namedVariables" | "indexedVariables" | "memoryReference" | "valueLocationReference"
>;

function hint({ virtual, settable, lazy }: VariableRecord): DebugProtocol.VariablePresentationHint {
  return {
    kind: virtual ? "virtual" : "data",
    ...(!settable && { attributes: ["readOnly"] }),
    ...(lazy && { lazy: true }),
  };
}

export async function completions(session: Session, args: Fields): Promise<object> {
  const { client } = session;
  const text = textOf(args, "text");
  const line = args.line === undefined || args.line === null ? 1 : lineOf(client, args, "line");
  const column = Math.max(1, columnFromClient(client, wholeOf(args, "column")));
  const before = lineStart(text, line);
  const end = text.indexOf("\n", before);
  const offset = Math.min(before + column - 1, end === -1 ? text.length : end);
  const frame = optionalWhole(args, "frameId") ?? null;
  // What stands behind the caret is replaced by no client.
  const records = await ask(session, { kind: "completions", text: text.slice(0, offset), offset, frame });
  return {
    targets: records.map(({ label, insert, kind, detail, start, length }) => ({
      label,
      ...(insert !== label && { text: insert }),
      type: COMPLETION_TYPES[kind],
      detail,
      start: columnToClient(client, start + 1),
      length,
    })),
  };
}

const COMPLETION_TYPES: Readonly<Record<CompletionRecord["kind"], DebugProtocol.CompletionItemType>> = {
  variable: "variable",
  property: "property",
  method: "method",
  function: "function",
  keyword: "keyword",
  module: "module",
};

/** Where a line begins, counted from 1. */
function lineStart(text: string, line: number): number {
  let start = 0;
  for (let number = 1; number < line; number += 1) {
    const end = text.indexOf("\n", start);
    if (end === -1)
      throw new RequestError(`the text has ${number} ${number === 1 ? "line" : "lines"}, none is ${line}`);
    start = end + 1;
  }
  return start;
}

export async function readMemory(session: Session, args: Fields): Promise<object> {
  const offset = optionalWhole(args, "offset") ?? 0;
  const count = wholeOf(args, "count", 0);
  if (count > MOST_MEMORY) throw new RequestError(`at most ${MOST_MEMORY} bytes are read at once, got count ${count}`);
  const memory = textOf(args, "memoryReference");
  const { bytes, unreadable } = await ask(session, { kind: "readMemory", memory, offset, count });
  return {
    // Within the tensor.
    address: `0x${Math.max(0, offset).toString(16)}`,
    ...(unreadable > 0 && { unreadableBytes: unreadable }),
    ...(bytes.length > 0 && { data: base64(bytes) }),
  };
}

export async function writeMemory(session: Session, args: Fields): Promise<object> {
  const memory = textOf(args, "memoryReference");
  const offset = optionalWhole(args, "offset") ?? 0;
  const bytes = bytesOf(textOf(args, "data"));
  const allowPartial = optionalFlag(args, "allowPartial") ?? false;
  if (!allowPartial) {
    // All of it or nothing: looking costs less than a tensor that is half another.
    const { unreadable } = await ask(session, { kind: "readMemory", memory, offset, count: bytes.length });
    if (unreadable > 0) {
      throw new RequestError(
        `${bytes.length} bytes from ${offset} on reach beyond the tensor by ${unreadable}; nothing was written`,
      );
    }
  }
  const { written } = await ask(session, { kind: "writeMemory", memory, offset, bytes });
  session.frames = null;
  if (session.client.memoryEvents && written > 0) {
    session.send("memory", { memoryReference: memory, offset, count: written });
  }
  return { ...(allowPartial && { offset }), bytesWritten: written };
}

/** As the protocol writes bytes. */
export function base64(bytes: Uint8Array): string {
  let text = "";
  // Function calls take only so many arguments.
  for (let start = 0; start < bytes.length; start += 8192) {
    text += String.fromCharCode(...bytes.subarray(start, start + 8192));
  }
  return btoa(text);
}

function bytesOf(text: string): Uint8Array {
  let decoded: string;
  try {
    decoded = atob(text);
  } catch {
    throw new RequestError("data must be bytes in base64");
  }
  return Uint8Array.from(decoded, (character) => character.charCodeAt(0));
}
