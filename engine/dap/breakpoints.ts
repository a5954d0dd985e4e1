import {
  type DataBreakpoint,
  EXCEPTION_FILTERS,
  type ExceptionFilter,
  type FunctionBreakpoint,
  type SourceBreakpoint,
} from "../debug/requests";
import { type SettingRequest, type ShownBreakpoint, showBreakpoint } from "./bound";
import { lineOf, optionalColumn, optionalLine, spanToClient } from "./client";
import { type Fields, listOf, optionalChoice, optionalText, optionalWhole, textOf, textsOf, wholesOf } from "./fields";
import { PASSES } from "./launcher";
import { type Session, ask } from "./session";
import { sourceFromClient } from "./texts";

/** Binds all breakpoints in a runtime that was started anew. */
export async function bindAgain(session: Session): Promise<void> {
  const { breakpoints } = session;
  breakpoints.forget();
  for (const group of breakpoints.groups.values()) {
    const bound = breakpoints.bind(group, await ask(session, group.request));
    for (const breakpoint of bound) {
      session.send("breakpoint", { reason: "changed", breakpoint: showBreakpoint(session, breakpoint) });
    }
  }
}

export async function setBreakpoints(session: Session, args: Fields): Promise<object> {
  const { client } = session;
  const file = await sourceFromClient(session, args);
  const wished =
    "breakpoints" in args ? listOf(args, "breakpoints") : wholesOf(args, "lines").map((line) => ({ line }));
  const breakpoints = wished.map((each): SourceBreakpoint => {
    const column = optionalColumn(client, each, "column");
    return {
      line: lineOf(client, each, "line"),
      ...(column !== undefined && { column }),
      ...conditions(each),
      ...optional("logMessage", optionalText(each, "logMessage")),
      ...optional("mode", optionalChoice(each, "mode", PASSES)),
    };
  });
  return set(session, `source ${file}`, { kind: "setBreakpoints", file, breakpoints }, file, wished.map(noMessage));
}

export async function setFunctionBreakpoints(session: Session, args: Fields): Promise<object> {
  const breakpoints = listOf(args, "breakpoints").map((each): FunctionBreakpoint => {
    return { name: textOf(each, "name"), ...conditions(each) };
  });
  const request = { kind: "setFunctionBreakpoints", breakpoints } as const;
  return set(session, "function", request, null, breakpoints.map(noMessage));
}

export async function setDataBreakpoints(session: Session, args: Fields): Promise<object> {
  const wished = listOf(args, "breakpoints").map((each) => {
    // Values of a graph are made once and read without trace: what can be watched is what they become.
    const accessType = optionalChoice(each, "accessType", ["read", "write", "readWrite"]) ?? "write";
    const breakpoint: DataBreakpoint = { dataId: textOf(each, "dataId"), ...conditions(each) };
    return accessType === "write" ? { breakpoint } : { message: "Only writing can be watched" };
  });
  const breakpoints = wished.flatMap(({ breakpoint }) => breakpoint ?? []);
  const messages = wished.map(({ message }) => message);
  return set(session, "data", { kind: "setDataBreakpoints", breakpoints }, null, messages);
}

export async function setExceptionBreakpoints(session: Session, args: Fields): Promise<object> {
  const wished = [
    ...textsOf(args, "filters").map((filter): ExceptionFilter => ({ filter })),
    ...listOf(args, "filterOptions").map((each): ExceptionFilter => {
      return { filter: textOf(each, "filterId"), ...conditions(each) };
    }),
  ];
  const names: readonly string[] = EXCEPTION_FILTERS.map(({ filter }) => filter);
  const messages = wished.map(({ filter }) => {
    return names.includes(filter) ? undefined : `There is no filter ${filter}; there are ${names.join(", ")}`;
  });
  const filters = wished.filter((_, index) => messages[index] === undefined);
  return set(session, "exception", { kind: "setExceptionFilters", filters }, null, messages);
}

export async function dataBreakpointInfo(session: Session, args: Fields): Promise<object> {
  const reference = optionalWhole(args, "variablesReference", 0) ?? 0;
  const { dataId, description } = await ask(session, {
    kind: "dataPlace",
    reference: reference === 0 ? null : reference,
    name: textOf(args, "name"),
    frame: optionalWhole(args, "frameId") ?? null,
  });
  return { dataId, description, ...(dataId !== null && { accessTypes: ["write"] }) };
}

export async function breakpointLocations(session: Session, args: Fields): Promise<object> {
  const { client } = session;
  const file = await sourceFromClient(session, args);
  const line = lineOf(client, args, "line");
  const endLine = optionalLine(client, args, "endLine") ?? line;
  const first = optionalColumn(client, args, "column");
  const last = optionalColumn(client, args, "endColumn");
  const places = await ask(session, { kind: "breakpointPlaces", file, line, endLine });
  // The columns bound the first and the last line.
  const inside = places.filter((place) => {
    if (first !== undefined && place.line === line && place.column < first) return false;
    return last === undefined || place.line !== endLine || place.column <= last;
  });
  return { breakpoints: inside.map((place) => spanToClient(client, place)) };
}

/** `messages`: for each wished breakpoint, why the runtime is not asked for it. */
async function set(
  session: Session,
  key: string,
  request: SettingRequest,
  file: string | null,
  messages: readonly (string | undefined)[],
): Promise<object> {
  const { breakpoints } = session;
  const count = messages.filter((message) => message === undefined).length;
  const group = breakpoints.set(key, { request, file }, count);
  const shown: readonly ShownBreakpoint[] = session.start?.noDebug
    ? group.ids.map((id) => ({ id, file, verified: false, message: "The program runs without debugging" }))
    : breakpoints.bind(group, await ask(session, request));
  const left = shown.map((each) => showBreakpoint(session, each));
  return {
    breakpoints: messages.map((message) => {
      return message === undefined ? left.shift() : { verified: false, message, reason: "failed" };
    }),
  };
}

function conditions(fields: Fields): { readonly condition?: string; readonly hitCondition?: string } {
  return {
    ...optional("condition", optionalText(fields, "condition")),
    ...optional("hitCondition", optionalText(fields, "hitCondition")),
  };
}

/** Editors send empty texts for what the user did not fill in. */
function optional<K extends string, T extends string>(name: K, value: T | undefined): { readonly [key in K]?: T } {
  return value === undefined || value.trim() === "" ? {} : ({ [name]: value } as { readonly [key in K]?: T });
}

const noMessage = (): undefined => undefined;
