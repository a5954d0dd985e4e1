/** JSON with comments and trailing commas, as in tsconfig.json: where things stand, so that an edit changes nothing else. */
export type JsonNode =
  | {
      readonly kind: "object";
      readonly start: number;
      readonly end: number;
      readonly properties: readonly JsonProperty[];
    }
  | { readonly kind: "array"; readonly start: number; readonly end: number; readonly items: readonly JsonNode[] }
  | {
      readonly kind: "value";
      readonly start: number;
      readonly end: number;
      readonly value: string | number | boolean | null;
    };

export interface JsonProperty {
  readonly name: string;
  readonly start: number;
  readonly value: JsonNode;
}

/** @returns null for a text that is no JSON even with comments */
export function parseJsonc(text: string): JsonNode | null {
  let at = text.startsWith("\uFEFF") ? 1 : 0;

  function skip(): void {
    const blank = /(?:\s|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y;
    blank.lastIndex = at;
    at += blank.exec(text)?.[0].length ?? 0;
  }
  function token(pattern: RegExp): string | null {
    const sticky = new RegExp(pattern.source, "y");
    sticky.lastIndex = at;
    const found = sticky.exec(text)?.[0] ?? null;
    if (found !== null) at += found.length;
    return found;
  }
  function string(): string {
    const found = token(/"(?:[^"\\\n]|\\.)*"/);
    if (found === null) throw new SyntaxError("no string");
    return JSON.parse(found) as string;
  }
  /** What stands between brackets, with or without a comma at the end. */
  function list<T>(close: string, one: () => T): T[] {
    const result: T[] = [];
    at++;
    while (true) {
      skip();
      if (text[at] === close) {
        at++;
        return result;
      }
      result.push(one());
      skip();
      if (text[at] === ",") at++;
      else if (text[at] !== close) throw new SyntaxError("no comma");
    }
  }
  function property(): JsonProperty {
    const start = at;
    const name = string();
    skip();
    if (token(/:/) === null) throw new SyntaxError("no colon");
    return { name, start, value: node() };
  }
  function node(): JsonNode {
    skip();
    const start = at;
    if (text[at] === "{") {
      const properties = list("}", property);
      return { kind: "object", start, end: at, properties };
    }
    if (text[at] === "[") {
      const items = list("]", node);
      return { kind: "array", start, end: at, items };
    }
    if (text[at] === '"') {
      const value = string();
      return { kind: "value", start, end: at, value };
    }
    const literal = token(/true|false|null|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/);
    if (literal === null) throw new SyntaxError("no value");
    return { kind: "value", start, end: at, value: JSON.parse(literal) as number | boolean | null };
  }

  try {
    const root = node();
    skip();
    return at === text.length ? root : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

export function propertyOf(node: JsonNode | undefined, name: string): JsonNode | undefined {
  // Of a name that is there twice, the last one counts, as in JSON.parse.
  return node?.kind === "object" ? node.properties.findLast((property) => property.name === name)?.value : undefined;
}
