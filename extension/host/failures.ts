/** A host's failure as text, and the places in the user's files that it names. */
export interface Problem {
  readonly file: string;
  /** From 1; 1 where the failure names no line. */
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/**
 * Reads the lines `FILE:LINE:COLUMN: message` of a failure; lines without a place belong to the problem before them, or to
 * the model file itself.
 */
export function problemsIn(failure: string, model: string): Problem[] {
  const problems: { file: string; line: number; column: number; message: string }[] = [];
  for (const line of failure.split("\n")) {
    const match = /^((?:[A-Za-z]:)?[^:\n]+):(\d+):(\d+): (.*)$/.exec(line);
    const whole = line.startsWith(`${model}: `) ? line.slice(model.length + 2) : line;
    if (match && looksLikePath(match[1])) {
      problems.push({ file: match[1], line: Number(match[2]), column: Number(match[3]), message: match[4] });
    } else if (problems.length > 0) {
      problems[problems.length - 1].message += `\n${line}`;
    } else if (whole.trim() !== "") {
      problems.push({ file: model, line: 1, column: 1, message: whole });
    }
  }
  return problems.map((problem) => ({ ...problem, message: problem.message.trimEnd() }));
}

/** A failure in a notification: one line, with file names instead of paths. */
export function inOneLine(failure: string): string {
  const [first, ...rest] = failure.split("\n").filter((line) => line.trim() !== "");
  const short = (first ?? "it ended without a message").replace(/^(?:[A-Za-z]:)?[^:\n]*[\\/]([^:\\/\n]+)(?=:)/, "$1");
  return rest.length > 0 ? `${short} (and ${rest.length} more)` : short;
}

function looksLikePath(text: string): boolean {
  return /[\\/]/.test(text) || /\.[cm]?[jt]sx?$/.test(text);
}
