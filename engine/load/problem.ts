/** What was thrown, as a message and a place. */
import type { LoadProblem } from "./records";

/** The message of a thrown value. The class's name leads unless it is plain `Error`. */
export function describeThrown(thrown: unknown): string {
  if (!(thrown instanceof Error)) {
    const isNamed = typeof thrown === "object" && thrown !== null && "message" in thrown;
    return isNamed
      ? String(thrown.message)
      : `threw ${typeof thrown === "string" ? JSON.stringify(thrown) : String(thrown)}`;
  }
  const message = thrown.message === "" ? "no message" : thrown.message;
  return thrown.name === "Error" ? message : `${thrown.name}: ${message}`;
}

/**
 * The problem of code that the parser took and V8 refused (a regular expression's mistake, syntax newer than this V8).
 * V8 gives the place only in the error's stack: `FILE:LINE`, the line itself, and `^^^` under the stretch.
 */
export function compileProblem(thrown: unknown, file: string, text: string): LoadProblem {
  const message = describeThrown(thrown).replace(/^SyntaxError: /, "");
  const stack = thrown instanceof Error ? (thrown.stack ?? "") : "";
  const [head, shown = "", marks = ""] = stack.split("\n");
  const line = head.startsWith(`${file}:`) ? Number(head.slice(file.length + 1)) : NaN;
  const source = text.split(/\r\n|[\n\r\u2028\u2029]/)[line - 1];
  if (source === undefined)
    return { code: "syntax", message, range: { file, line: 1, column: 1, endLine: 1, endColumn: 1 } };
  const found = /\^+/.exec(marks);
  // On the first line, the shown text has the wrapping function's head in front.
  const column = Math.max(1, (found?.index ?? 0) + 1 - Math.max(0, shown.length - source.length));
  const endColumn = column + (found?.[0].length ?? 0);
  return { code: "syntax", message, range: { file, line, column, endLine: line, endColumn } };
}
