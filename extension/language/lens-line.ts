/** The line above which a model file's actions stand: its default export, else its first class or statement. From 1. */
export function lensLine(text: string): number {
  const lines = text.split("\n");
  const find = (pattern: RegExp): number => lines.findIndex((line) => pattern.test(line)) + 1;
  return find(/^export\s+default\b/) || find(/^(export\s+)?class\s/) || find(/^(?!\s*$|\s*\/\/|\s*\/?\*)/) || 1;
}

/** Whether running the file trains: it exports a training, or minimises in a loop of its own. */
export function trainsSomething(text: string): boolean {
  return /\b(training|minimize)\s*\(/.test(text);
}
