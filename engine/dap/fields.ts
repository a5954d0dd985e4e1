/** Reading what a client sent: anything may be missing or of another type than the protocol says. */

/** Why a request is not answered, for the user to read. */
export class RequestError extends Error {
  /** A word of the protocol for clients: `notStopped`, `cancelled`. */
  readonly word: string | undefined;

  constructor(message: string, word?: string) {
    super(message);
    this.word = word;
  }
}

export type Fields = Readonly<Record<string, unknown>>;

/** An object's fields; none where it is left out. */
export function fieldsOf(value: unknown, name: string): Fields {
  if (value === undefined || value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) throw wrong(name, "an object", value);
  return value as Fields;
}

export function textOf(fields: Fields, name: string): string {
  const text = optionalText(fields, name);
  if (text === undefined) throw missing(name, "text");
  return text;
}

export function optionalText(fields: Fields, name: string): string | undefined {
  const value = fields[name] ?? undefined;
  if (value === undefined || typeof value === "string") return value;
  throw wrong(name, "text", value);
}

export function wholeOf(fields: Fields, name: string, least = -Infinity): number {
  const value = optionalWhole(fields, name, least);
  if (value === undefined) throw missing(name, "a whole number");
  return value;
}

export function optionalWhole(fields: Fields, name: string, least = -Infinity): number | undefined {
  const value = fields[name] ?? undefined;
  if (value === undefined) return undefined;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= least) return value;
  throw wrong(name, `a whole number${least === -Infinity ? "" : ` ≥ ${least}`}`, value);
}

/** A number above 0, such as seconds or MiB. */
export function optionalPositive(fields: Fields, name: string): number | undefined {
  const value = fields[name] ?? undefined;
  if (value === undefined) return undefined;
  if (typeof value === "number" && Number.isFinite(value) && value > 0) return value;
  throw wrong(name, "a number > 0", value);
}

export function optionalFlag(fields: Fields, name: string): boolean | undefined {
  const value = fields[name] ?? undefined;
  if (value === undefined || typeof value === "boolean") return value;
  throw wrong(name, "true or false", value);
}

export function optionalChoice<T extends string>(fields: Fields, name: string, choices: readonly T[]): T | undefined {
  const value = fields[name] ?? undefined;
  if (value === undefined) return undefined;
  const choice = choices.find((each) => each === value);
  if (choice === undefined) throw wrong(name, `one of ${choices.join(", ")}`, value);
  return choice;
}

/** A list of objects; empty where it is left out. */
export function listOf(fields: Fields, name: string): readonly Fields[] {
  return valuesOf(fields, name).map((each, index) => {
    if (each === null || each === undefined) throw wrong(`${name}[${index}]`, "an object", each);
    return fieldsOf(each, `${name}[${index}]`);
  });
}

export function textsOf(fields: Fields, name: string): readonly string[] {
  return valuesOf(fields, name).map((each, index) => {
    if (typeof each !== "string") throw wrong(`${name}[${index}]`, "text", each);
    return each;
  });
}

export function wholesOf(fields: Fields, name: string, least = -Infinity): readonly number[] {
  return valuesOf(fields, name).map((_, index, all) => {
    const entry = `${name}[${index}]`;
    return wholeOf({ [entry]: all[index] }, entry, least);
  });
}

function valuesOf(fields: Fields, name: string): readonly unknown[] {
  const value = fields[name] ?? undefined;
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw wrong(name, "a list", value);
  return value;
}

function missing(name: string, what: string): RequestError {
  return new RequestError(`${name} is missing; it must be ${what}`);
}

function wrong(name: string, what: string, value: unknown): RequestError {
  const text = JSON.stringify(value) ?? String(value);
  return new RequestError(`${name} must be ${what}, got ${text.length > 60 ? `${text.slice(0, 60)}…` : text}`);
}
