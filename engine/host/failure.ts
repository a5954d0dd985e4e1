import { formatRange, type Range } from "../graph/site";
import { Trace } from "../graph/trace";
import { thrownIssue } from "../check/training";
import { IssuesError } from "../train/failures";
import type { ExitCode } from "./messages";

/** Something the user can mend: told in one line, without a stack. */
export class Failure extends Error {
  constructor(
    message: string,
    readonly exitCode: ExitCode = 1,
  ) {
    super(message);
  }
}

/** Where a failure may have come from. */
export interface Origin {
  readonly file: string;
  /** All of the user's files. */
  readonly files: readonly string[];
  /** The place to name where no code of the user's was running. */
  readonly fallback?: Range;
  readonly locate: (error: unknown) => readonly Range[];
}

/** An error with the user's place; mistakes of the engine itself stay as they are. */
export function userFailure(error: unknown, origin: Origin): Error {
  if (error instanceof Failure) return error;
  if (error instanceof IssuesError) return new Failure(error.message);
  const [frame] = origin.locate(error);
  const message = thrownIssue(error, origin.locate, undefined, new Trace())?.message ?? String(error);
  if (error instanceof Error && (message.startsWith("internal:") || (!frame && isProgrammingError(error))))
    return error;
  // Errors of data files and of nodes name their place themselves.
  if (origin.files.some((file) => message.startsWith(`${file}:`))) return new Failure(message);
  const place = frame ?? origin.fallback;
  return new Failure(`${place ? formatRange(place) : origin.file}: ${message}`);
}

/** For the user to report: which problem of ours it is, and where. */
export function describeInternal(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return text.includes("internal:") ? text : `internal: ${text}`;
}

/** What V8 throws for code that is wrong; without a frame of the user's, that code is ours. */
function isProgrammingError(error: Error): boolean {
  return error instanceof TypeError || error instanceof ReferenceError;
}
