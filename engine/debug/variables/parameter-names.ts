/** What a function of the user's calls a parameter; a list for those that it takes apart (`[x, w]`), undefined for what has no plain name. */
export type ParameterName = string | readonly (string | undefined)[] | undefined;

/** What a function's own text calls its parameters. */
export function parameterNames(written: (...given: never[]) => unknown): ParameterName[] {
  const text = Function.prototype.toString.call(written);
  const alone = /^\s*([\p{ID_Start}$_][\p{ID_Continue}$]*)\s*=>/u.exec(text)?.[1];
  if (alone !== undefined) return [alone];
  const begin = /^[^(=]*\(/.exec(text)?.[0].length;
  if (begin === undefined) return [];
  return splitAtCommas(text.slice(begin)).map((part) => {
    const list = /^\s*\[/.exec(part)?.[0].length;
    return list === undefined ? plainName(part) : splitAtCommas(part.slice(list)).map(plainName);
  });
}

/** The parts of a list up to the bracket that closes it. */
function splitAtCommas(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const letter = text[at];
    if ("([{".includes(letter)) depth++;
    else if (")]}".includes(letter)) depth--;
    if (depth < 0 || (depth === 0 && letter === ",")) {
      parts.push(text.slice(from, at));
      from = at + 1;
    }
    if (depth < 0) break;
  }
  return parts.length === 1 && parts[0].trim() === "" ? [] : parts;
}

/** Defaults aside: `x`, `x = 1`; nothing for `{ x }`. */
function plainName(part: string): string | undefined {
  return /^\s*([\p{ID_Start}$_][\p{ID_Continue}$]*)\s*(?:=|$)/u.exec(part)?.[1];
}
