import { nearestName } from "../load/suggest";

/** What one option may be. */
export interface Rule<V> {
  /** Ends the sentence "must be …". */
  readonly wanted: string;
  readonly accepts: (value: unknown) => boolean;
  /** The value when left out; {@link required} when there is none. */
  readonly fallback: V | typeof required;
}

export const required: unique symbol = Symbol("required");

/** A rule for each option: a record, so that the compiler finds an omission. */
export type Rules<S> = { readonly [K in keyof S]-?: Rule<S[K]> };

/** What a caller may write: every option but those in `Needed` can be left out. */
export type Given<S, Needed extends keyof S = never> = Readonly<Partial<S> & Pick<S, Needed>>;

/** A finite number above 0. */
export function positive(fallback: number | typeof required): Rule<number> {
  return { wanted: "a number above 0", accepts: (value) => isNumber(value) && value > 0, fallback };
}

/** A finite number from 0. */
export function nonNegative(fallback: number): Rule<number> {
  return { wanted: "a number from 0 upwards", accepts: (value) => isNumber(value) && value >= 0, fallback };
}

/** A number in [0, 1), as the β of an average. */
export function belowOne(fallback: number | typeof required): Rule<number> {
  return {
    wanted: "a number from 0 to below 1",
    accepts: (value) => isNumber(value) && value >= 0 && value < 1,
    fallback,
  };
}

/** A number in (0, 1], as the γ of a decay. */
export function factor(fallback: number | typeof required): Rule<number> {
  return {
    wanted: "a number above 0 and at most 1",
    accepts: (value) => isNumber(value) && value > 0 && value <= 1,
    fallback,
  };
}

/** A number in [0, 1]. */
export function fraction(fallback: number): Rule<number> {
  return {
    wanted: "a number from 0 to 1",
    accepts: (value) => isNumber(value) && value >= 0 && value <= 1,
    fallback,
  };
}

/** A whole number from `least`. */
export function wholeFrom(least: number, fallback: number | typeof required): Rule<number> {
  return {
    wanted: `a whole number from ${least} upwards`,
    accepts: (value) => Number.isSafeInteger(value) && (value as number) >= least,
    fallback,
  };
}

export function flag(fallback: boolean): Rule<boolean> {
  return { wanted: "true or false", accepts: (value) => typeof value === "boolean", fallback };
}

/** An option without a value of its own when left out. */
export function optional<V>(rule: Rule<V>): Rule<V | undefined> {
  return { ...rule, fallback: undefined };
}

/**
 * All options with their fallbacks filled in.
 * @param where names the caller in errors: `adam`, or `adam: group "*.bias"`.
 * @throws on what is no object, an unknown option (with the nearest known one), a missing or unfit value.
 */
export function resolveSettings<S extends object>(where: string, rules: Rules<S>, given: unknown): S {
  const checked = checkSettings(where, rules, given);
  const settings: Partial<S> = {};
  for (const key of keysOf(rules)) {
    const { fallback, wanted } = rules[key];
    const value = checked[key];
    if (value !== undefined) settings[key] = value;
    else if (fallback === required) throw new Error(`${where}: ${key} is missing: give ${wanted}`);
    else settings[key] = fallback;
  }
  return settings as S;
}

/** Only the options given, checked as in {@link resolveSettings}. */
export function checkSettings<S extends object>(where: string, rules: Rules<S>, given: unknown): Partial<S> {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    const example = keysOf(rules)[0];
    throw new Error(`${where}: options are given as an object such as { ${example}: … }, got ${show(given)}`);
  }
  const settings: Partial<S> = {};
  for (const [key, value] of Object.entries(given)) {
    if (!Object.hasOwn(rules, key))
      throw new Error(`${where}: there is no option "${key}"; ${remedy(key, keysOf(rules))}`);
    if (value === undefined) continue;
    const rule = rules[key as keyof S & string];
    if (!rule.accepts(value)) throw new Error(`${where}: ${key} must be ${rule.wanted}, got ${show(value)}`);
    settings[key as keyof S] = value as S[keyof S];
  }
  return settings;
}

/** Names that PyTorch or the literature use, so that an old habit finds its way. */
const otherNames: Readonly<Record<string, readonly string[]>> = {
  lr: ["learningRate"],
  eta: ["learningRate"],
  rate: ["learningRate"],
  eps: ["epsilon"],
  alpha: ["beta", "factor"],
  rho: ["beta"],
  momentum: ["beta"],
  beta: ["momentum", "beta1"],
  betas: ["beta1", "beta2"],
  l2: ["weightDecay"],
  lambda: ["weightDecay"],
  lrDecay: ["learningRateDecay"],
  initialAccumulatorValue: ["initialAccumulator"],
  gamma: ["factor"],
  decay: ["factor", "weightDecay"],
  stepSize: ["every"],
  size: ["every"],
  tMax: ["epochs"],
  etaMin: ["minimum"],
  minLr: ["minimum"],
  maxLr: ["maximum"],
  pctStart: ["warmupFraction"],
  divFactor: ["startDivisor"],
  finalDivFactor: ["finalDivisor"],
  totalIters: ["iterations"],
  steps: ["iterations"],
};

function remedy(key: string, known: readonly string[]): string {
  const camel = key.replace(/_+(\w)/g, (_, letter: string) => letter.toUpperCase());
  const plain = camel.charAt(0).toLowerCase() + camel.slice(1);
  const others = Object.hasOwn(otherNames, plain) ? otherNames[plain].filter((name) => known.includes(name)) : [];
  const nearest = known.includes(plain) ? plain : (nearestName(plain, known) ?? others.join(", "));
  return nearest ? `did you mean ${nearest}?` : `the options are ${known.join(", ")}`;
}

function keysOf<S>(rules: Rules<S>): (keyof S & string)[] {
  return Object.keys(rules) as (keyof S & string)[];
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

/** A value as an error shows it. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}
