import type { Range, Site } from "../graph/site";
import { type Module, moduleType } from "../nn/module";

/** Texts of the user's files by path. */
export type Sources = ReadonlyMap<string, string>;

/** The text of a range; undefined where the file is not known. */
export function textAt(sources: Sources, range: Range): string | undefined {
  const lines = linesOf(sources, range.file);
  if (!lines) return undefined;
  const text = lines.slice(range.line - 1, range.endLine);
  if (text.length === 0) return undefined;
  text[text.length - 1] = text[text.length - 1].slice(0, range.endColumn - 1);
  text[0] = text[0].slice(range.column - 1);
  return text.join("\n");
}

const splits = new WeakMap<Sources, Map<string, readonly string[]>>();

/** The lines of a file. */
export function linesOf(sources: Sources, file: string): readonly string[] | undefined {
  const known = splits.get(sources) ?? new Map<string, readonly string[]>();
  splits.set(sources, known);
  const before = known.get(file);
  if (before) return before;
  const lines = sources.get(file)?.split(/\r\n|[\n\r\u2028\u2029]/);
  if (lines) known.set(file, lines);
  return lines;
}

/** Whether the user's `new` at this place makes the module itself, and not what the module is a part of. */
export function isMadeAt(module: Module, site: Site, sources: Sources): boolean {
  const text = textAt(sources, site);
  return text !== undefined && new RegExp(String.raw`^new\s+(?:[\w$]+\.)*${moduleType(module)}\s*[(<]`).test(text);
}

/** An empty range at the end of another. */
export function endOf({ file, endLine, endColumn }: Range): Range {
  return { file, line: endLine, column: endColumn, endLine, endColumn };
}

/** Whether an expression can be followed by `.method()` as it is. */
export function isPrimary(text: string): boolean {
  return /^[\w$.]+$/.test(text) || closesAtEnd(text);
}

/** `f(a)(b)`, `x.f(y)`, `(a + b)`, `[a][0]`: the last bracket closes the first one of its kind that is open, and nothing binds looser. */
function closesAtEnd(text: string): boolean {
  if (!/^(?:new\s+)?[\w$.]*[([]/.test(text) || !/[)\]]$/.test(text)) return false;
  if (text.startsWith("new ")) return false;
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if ("([{".includes(character)) depth++;
    else if (")]}".includes(character)) depth--;
    else if (depth === 0 && !/[\w$.?!]/.test(character)) return false;
  }
  return depth === 0;
}

/** Where a name that is a number is declared, once: `const width = 128`. */
export function constantAt(sources: Sources, file: string, name: string): Range | undefined {
  if (!/^[A-Za-z_$][\w$]*$/.test(name)) return undefined;
  const pattern = new RegExp(
    String.raw`\b(?:const|let)\s+${name.replaceAll("$", String.raw`\$`)}(?:\s*:\s*number)?\s*=\s*(\d[\d_]*)\s*(?:;|,|$|//)`,
  );
  const found = (linesOf(sources, file) ?? []).flatMap((text, i): Range[] => {
    const match = pattern.exec(text);
    if (!match) return [];
    const column = match.index + match[0].lastIndexOf(match[1]) + 1;
    return [{ file, line: i + 1, column, endLine: i + 1, endColumn: column + match[1].length }];
  });
  return found.length === 1 ? found[0] : undefined;
}

/** Whether a name stands for a whole module: `import * as nn from "backstep"`. */
export function isNamespace(name: string, file: string, sources: Sources): boolean {
  return (
    /^[\w$]+$/.test(name) &&
    new RegExp(String.raw`import\s*\*\s*as\s+${name.replaceAll("$", String.raw`\$`)}\s+from`).test(
      sources.get(file) ?? "",
    )
  );
}
