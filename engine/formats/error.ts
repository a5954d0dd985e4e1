/** Errors of the file formats: one class, one form of message. */

/** Where in a file something is wrong: a byte offset from 0, or a line (and column of the table) from 1. */
export type Place =
  { readonly byte: number } | { readonly line: number; readonly column?: string } | { readonly tensor: string };

/**
 * A file (or an array to be written) that its format does not allow.
 *
 * The message reads `FILE: PLACE: PROBLEM. REMEDY`, for example
 * `digits.idx: byte 4: the header promises 784 bytes, but 100 follow. Download or write the file again.`
 */
export class FormatError extends Error {
  override readonly name = "FormatError";

  constructor(
    /** The file's name as the caller gave it. */
    readonly file: string,
    readonly place: Place | undefined,
    /** What is wrong, without a full stop. */
    readonly problem: string,
    /** What to do about it, without a full stop. */
    readonly remedy: string,
  ) {
    super([file, ...(place === undefined ? [] : [formatPlace(place)]), `${problem}. ${remedy}.`].join(": "));
  }
}

/** The remedy for a file that was cut short or damaged on its way. */
export const fetchAgain = "The file is damaged or incomplete: download or write it again";

function formatPlace(place: Place): string {
  if ("byte" in place) return `byte ${place.byte}`;
  if ("tensor" in place) return `tensor ${JSON.stringify(place.tensor)}`;
  return place.column === undefined ? `line ${place.line}` : `line ${place.line}, column ${place.column}`;
}
