import type { NumberFormat } from "../debug/requests";
import { type Fields, RequestError, fieldsOf, optionalFlag, optionalText, optionalWhole, wholeOf } from "./fields";

/** What a client said of itself: how it counts and writes paths, and what it can show. */
export interface Client {
  readonly linesFrom: 0 | 1;
  readonly columnsFrom: 0 | 1;
  readonly uris: boolean;
  readonly types: boolean;
  readonly memory: boolean;
  readonly memoryEvents: boolean;
  readonly progress: boolean;
  readonly invalidation: boolean;
  readonly colours: boolean;
}

/** By the protocol's defaults. */
export const plainClient: Client = readClient({});

export function readClient(fields: Fields): Client {
  const can = (name: string): boolean => optionalFlag(fields, name) ?? false;
  const pathFormat = optionalText(fields, "pathFormat") ?? "path";
  if (pathFormat !== "path" && pathFormat !== "uri") {
    throw new RequestError(`pathFormat must be path or uri, got ${JSON.stringify(pathFormat)}`);
  }
  return {
    linesFrom: (optionalFlag(fields, "linesStartAt1") ?? true) ? 1 : 0,
    columnsFrom: (optionalFlag(fields, "columnsStartAt1") ?? true) ? 1 : 0,
    uris: pathFormat === "uri",
    types: can("supportsVariableType"),
    memory: can("supportsMemoryReferences"),
    memoryEvents: can("supportsMemoryEvent"),
    progress: can("supportsProgressReporting"),
    invalidation: can("supportsInvalidatedEvent"),
    colours: can("supportsANSIStyling"),
  };
}

// The runtime counts from 1.

export const lineFromClient = (client: Client, line: number): number => line + 1 - client.linesFrom;
export const lineToClient = (client: Client, line: number): number => line - 1 + client.linesFrom;
export const columnFromClient = (client: Client, column: number): number => column + 1 - client.columnsFrom;
export const columnToClient = (client: Client, column: number): number => column - 1 + client.columnsFrom;

/** A line that a request names. */
export function lineOf(client: Client, fields: Fields, name: string): number {
  return lineFromClient(client, wholeOf(fields, name, client.linesFrom));
}

export function optionalLine(client: Client, fields: Fields, name: string): number | undefined {
  const line = optionalWhole(fields, name, client.linesFrom);
  return line === undefined ? undefined : lineFromClient(client, line);
}

export function optionalColumn(client: Client, fields: Fields, name: string): number | undefined {
  const column = optionalWhole(fields, name);
  // Some clients send 0 for the line's beginning, whatever they said of columns.
  return column === undefined ? undefined : Math.max(1, columnFromClient(client, column));
}

/** A piece of text; where only its beginning is known, that. */
export interface Span {
  readonly line?: number | undefined;
  readonly column?: number | undefined;
  readonly endLine?: number | undefined;
  readonly endColumn?: number | undefined;
}

export function spanToClient(client: Client, span: Span): Span {
  const { line, column, endLine, endColumn } = span;
  return {
    ...(line !== undefined && { line: lineToClient(client, line) }),
    ...(column !== undefined && { column: columnToClient(client, column) }),
    ...(endLine !== undefined && { endLine: lineToClient(client, endLine) }),
    ...(endColumn !== undefined && { endColumn: columnToClient(client, endColumn) }),
  };
}

export function pathFromClient(client: Client, path: string): string {
  return tidyPath(client.uris || path.startsWith("file://") ? pathOfUri(path) : path);
}

/** Without `.`, `..` and doubled separators, as programs name their files. Relative paths begin somewhere else: they stay. */
function tidyPath(path: string): string {
  const [root, letter] = /^(?:\/|([A-Za-z]:)[\\/])/.exec(path) ?? [];
  if (root === undefined) return path;
  const parts: string[] = [];
  for (const part of path.slice(root.length).split(letter === undefined ? "/" : /[\\/]/)) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return letter === undefined ? `/${parts.join("/")}` : `${letter}\\${parts.join("\\")}`;
}

export function pathToClient(client: Client, path: string): string {
  return client.uris ? uriOfPath(path) : path;
}

/** Clients that know no colours would show the escape sequences. */
export function textToClient(client: Client, text: string): string {
  // CSI sequences of ECMA-48: introducer, parameters, intermediates, final byte.
  return client.colours ? text : text.replace(/\u001b\[[0-?]*[ -/]*[@-~]/g, "");
}

/** The protocol's `format`. */
export function formatOf(fields: Fields): { readonly format?: NumberFormat } {
  return optionalFlag(fieldsOf(fields.format, "format"), "hex") ? { format: { hex: true } } : {};
}

/** `file:///c%3A/models/x.nn.ts` is `c:\models\x.nn.ts`. What is no file's URI stays as it is. */
function pathOfUri(text: string): string {
  const match = /^file:\/\/([^/?#]*)([^?#]*)/.exec(text);
  if (match === null) return text;
  const [, authority, written] = match;
  let path: string;
  try {
    path = decodeURIComponent(written);
  } catch {
    throw new RequestError(`${text} is no URI: its %-signs are not followed by hexadecimal digits of UTF-8`);
  }
  if (authority !== "" && authority !== "localhost") return `\\\\${authority}${path.replaceAll("/", "\\")}`;
  return /^\/[A-Za-z]:/.test(path) ? path.slice(1).replaceAll("/", "\\") : path;
}

function uriOfPath(path: string): string {
  const escaped = (slashed: string): string => slashed.split("/").map(encodeURIComponent).join("/");
  const [, share] = /^\\\\(.+)$/.exec(path) ?? [];
  if (share !== undefined) return `file://${escaped(share.replaceAll("\\", "/"))}`;
  if (/^[A-Za-z]:/.test(path)) return `file:///${escaped(path.replaceAll("\\", "/"))}`;
  return path.startsWith("/") ? `file://${escaped(path)}` : path;
}
