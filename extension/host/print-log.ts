import { basename } from "node:path";

/** Lines that a model may print in a second; a model that prints in every iteration would fill the log. */
const MOST_LINES = 200;

/** Writes what user code prints to the log, within bounds. */
export function createPrintLog(
  log: { info(line: string): void; warn(line: string): void },
  now: () => number = Date.now,
): (file: string, text: string) => void {
  const second = { began: -Infinity, lines: 0, left: 0 };
  return (file, text) => {
    if (now() - second.began >= 1000) {
      if (second.left > 0) log.warn(`${second.left} more lines were printed, and left out here`);
      Object.assign(second, { began: now(), lines: 0, left: 0 });
    }
    for (const line of text.replace(/\n$/, "").split("\n")) {
      if (second.lines < MOST_LINES) log.info(`${basename(file)}: ${line}`);
      else second.left++;
      second.lines++;
    }
  };
}
