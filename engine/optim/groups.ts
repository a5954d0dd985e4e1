import { isBias } from "../graph/names";
import { nearestName } from "../load/suggest";
import { type Rules, checkSettings, show } from "./settings";

/**
 * Which parameters a group means, by their names in the model (`hidden.weight`): a name in which `*` stands for any
 * characters (`"*.bias"` also means a plain `bias`), a regular expression, or a function.
 */
export type ParameterMatch = string | RegExp | ((name: string) => boolean);

/** Options that differ for some parameters; `S` are the optimiser's options. */
export type GroupOf<S> = { readonly match: ParameterMatch } & Readonly<Partial<S>>;

/** A group of any optimiser. */
export interface ParameterGroup {
  readonly match: ParameterMatch;
  /** Scaled by the schedule in the proportion of the base rate. */
  readonly learningRate?: number;
  readonly weightDecay?: number;
}

/**
 * A group without weight decay: biases when nothing is given, else the parameters that any of `matches` means.
 * `adam({ weightDecay: 1e-4, groups: [excludeFromDecay()] })` is the same as `decayBiases: false`.
 */
export function excludeFromDecay(...matches: readonly ParameterMatch[]): {
  readonly match: ParameterMatch;
  readonly weightDecay: 0;
} {
  for (const match of matches) checkMatch("excludeFromDecay", match);
  if (matches.length === 1) return { match: matches[0], weightDecay: 0 };
  const match = (name: string): boolean => matches.some((one) => matchesName(one, name));
  return { match: matches.length === 0 ? isBias : match, weightDecay: 0 };
}

export function matchesName(match: ParameterMatch, name: string): boolean {
  if (typeof match === "function") return match(name);
  if (match instanceof RegExp) return name.search(match) >= 0;
  return patternOf(match).test(name);
}

/** Groups that mean none of the parameters, in words: a misspelt name would otherwise do nothing, silently. */
export function unusedGroups(
  optimizer: { readonly name: string; readonly groups: readonly ParameterGroup[] },
  names: readonly string[],
): string[] {
  return optimizer.groups
    .filter(({ match }) => !names.some((name) => matchesName(match, name)))
    .map(({ match }) => {
      const nearest = typeof match === "string" ? nearestName(match, names) : undefined;
      const hint = nearest ? `did you mean "${nearest}"?` : `the parameters are ${names.join(", ")}`;
      return `${optimizer.name}: the group ${describeMatch(match)} matches no parameter; ${hint}`;
    });
}

export function describeMatch(match: ParameterMatch): string {
  if (typeof match === "string") return `"${match}"`;
  return match instanceof RegExp ? String(match) : match.name === "" ? "with a function" : match.name;
}

/** A group's own options, checked. @throws on an unknown option or an unfit value, naming the group. */
export function resolveGroup<S extends object>(
  where: string,
  rules: Rules<S>,
  group: unknown,
): { readonly match: ParameterMatch; readonly overrides: Partial<S> } {
  if (typeof group !== "object" || group === null || !("match" in group)) {
    throw new Error(
      `${where}: each group is an object such as { match: "*.bias", weightDecay: 0 }, got ${show(group)}`,
    );
  }
  const { match, ...overrides } = group;
  const checked = checkMatch(where, match);
  return { match: checked, overrides: checkSettings(`${where}: group ${describeMatch(checked)}`, rules, overrides) };
}

function checkMatch(where: string, match: unknown): ParameterMatch {
  if (typeof match === "function" || match instanceof RegExp) return match as ParameterMatch;
  if (typeof match === "string" && match !== "") return match;
  throw new Error(
    `${where}: match must be a parameter's name such as "*.bias", a regular expression or a function, got ${show(match)}`,
  );
}

function patternOf(glob: string): RegExp {
  const anyPath = glob.startsWith("*.");
  const literal = (anyPath ? glob.slice(2) : glob).split("*").map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, "\\$&"));
  return new RegExp(`^${anyPath ? "(?:.*\\.)?" : ""}${literal.join(".*")}$`);
}
