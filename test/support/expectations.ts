import { readFileSync } from "node:fs";

/** What a fixture says of itself: an issue at a range, with a part of its message. Lines and columns from 1, the end exclusive. */
export interface Expectation {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly endColumn: number;
  readonly severity: string;
  readonly code: string;
  /** A part of the message; empty where any will do. */
  readonly message: string;
}

/**
 * Reads the expectations of a file: comments such as `//   ^^^^ error matmul-inner: part of the message`, whose carets stand under
 * the range in the nearest line above that is no such comment.
 */
export function readExpectations(file: string): Expectation[] {
  const found: Expectation[] = [];
  let line = 0;
  readFileSync(file, "utf8")
    .split("\n")
    .forEach((text, i) => {
      const [, before, carets, severity, code, message = ""] = PATTERN.exec(text) ?? [];
      if (before === undefined) {
        if (/^\s*\/\/.*\^\^/.test(text))
          throw new Error(`${file}:${i + 1}: an expectation that cannot be read: ${text}`);
        line = i + 1;
        return;
      }
      const column = before.length + 1;
      found.push({ file, line, column, endColumn: column + carets.length, severity, code, message });
    });
  return found;
}

const PATTERN = /^(\s*\/\/\s*)(\^+) (error|warning|information) ([a-z0-9-]+)(?:: (.*))?$/;
