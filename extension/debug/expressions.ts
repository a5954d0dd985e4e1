/** The expression that a hover in a debugged file is about. Without `vscode`. */

/** Columns of a line, from 0; `end` is the first one behind. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** What no value has. */
const WORDS_OF_THE_LANGUAGE = new Set(
  (
    "abstract as async await break case catch class const continue default delete do else enum export extends false finally for " +
    "from function if implements import in instanceof interface let new null of private protected public readonly return " +
    "satisfies static super switch throw true try type typeof undefined var void while yield"
  ).split(" "),
);

/** A path ends behind what is pointed at: `hidden` in `this.hidden.weight` asks for `this.hidden`, `weight` for all of it. */
const PATH =
  /[\p{ID_Start}$_][\p{ID_Continue}$]*(?:\s*(?:\?\.|!?\.)\s*#?[\p{ID_Start}$_][\p{ID_Continue}$]*|!?\[\s*\d+\s*\])*/gu;

/** @returns the path of names around a column of a line; null where there is none */
export function expressionAt(line: string, column: number): Span | null {
  const code = codeOf(line);
  for (const { 0: path, index: start } of code.matchAll(PATH)) {
    if (column < start || column > start + path.length) continue;
    // A part of what a call gave has no name of its own, nor has a part of a number.
    if (/[.\])]\s*$/.test(code.slice(0, start)) && !/\.\.\.\s*$/.test(code.slice(0, start))) return null;
    if (/[\p{ID_Continue}$#@]$/u.test(code.slice(0, start))) return null;
    const [first] = path.split(/[^\p{ID_Continue}$]/u);
    if (WORDS_OF_THE_LANGUAGE.has(first)) return null;
    const parts = [...path.matchAll(/[\p{ID_Continue}$#]+(?:!?\[\s*\d+\s*\])*/gu)];
    const part = parts.find(({ 0: text, index }) => column <= start + index + text.length);
    return part ? { start, end: start + part.index + part[0].length } : null;
  }
  return null;
}

/** The line with blanks for comments and texts, and what template texts insert left in place. */
function codeOf(line: string): string {
  let code = "";
  /** Open quotes, and `{` for code inside a template. */
  const inside: string[] = [];
  for (let i = 0; i < line.length; i++) {
    const character = line[i];
    const within = inside.at(-1);
    const text = within === "'" || within === '"' || within === "`";
    if (text && character === "\\") {
      code += "  ".slice(0, line.length - i);
      i++;
    } else if (text && within === "`" && line.startsWith("${", i)) {
      inside.push("{");
      code += "  ";
      i++;
    } else if (text) {
      if (character === within) inside.pop();
      code += " ";
    } else if (line.startsWith("//", i)) return code + " ".repeat(line.length - i);
    else if (line.startsWith("/*", i)) {
      const end = line.indexOf("*/", i + 2);
      const length = (end < 0 ? line.length : end + 2) - i;
      code += " ".repeat(length);
      i += length - 1;
    } else if (character === "'" || character === '"' || character === "`") {
      inside.push(character);
      code += " ";
    } else {
      if (character === "{" && within !== undefined) inside.push("{");
      if (character === "}" && within === "{") {
        inside.pop();
        // The brace that ends what a template inserts is no code.
        code += inside.at(-1) === "`" ? " " : character;
      } else code += character;
    }
  }
  return code;
}
