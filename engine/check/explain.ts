import type { Issue } from "../graph/issue";
import type { ScopedCall } from "../graph/trace";
import { type Module, moduleSite, namedModules } from "../nn/module";
import type { Training } from "../train/training";
import { plainRange } from "./calls";
import { faultsOf } from "./faults";
import { fixesOf } from "./fixes";
import { formatRange, rangeKey, samePlace } from "../graph/site";
import { createOrigins, type Origins } from "./origin";

/** What explains an issue beside its own words: the user's texts, and the calls that made its operands. */
export interface Background {
  readonly sources: ReadonlyMap<string, string>;
  readonly calls: readonly ScopedCall[];
  readonly training: Training | undefined;
}

/** Adds to each issue the places where the sizes at fault are made, and edits that mend it. What only the graph knows is left behind. */
export function explain(issues: readonly Issue[], { sources, calls, training }: Background): Issue[] {
  if (issues.length === 0) return [];
  const origins = createOrigins(calls, training, sources);
  const modules = [
    ...calls.map(({ module }) => module as Module),
    ...(training ? namedModules(training.model).values() : []),
  ];
  const modulePlaces = new Set(
    modules.flatMap((module) => {
      const site = moduleSite(module);
      return site ? [formatRange(site)] : [];
    }),
  );
  return oncePerPlace(issues).map((issue) => {
    const { subject: _, ...plain } = issue;
    const related = [...(issue.related ?? []), ...madeBy(issue, origins)];
    const fixes = [...(issue.fixes ?? []), ...fixesOf(issue, { sources, origins, training, modulePlaces })];
    return {
      ...plain,
      ...(issue.range && { range: plainRange(issue.range) }),
      ...(related.length > 0 && { related }),
      ...(fixes.length > 0 && { fixes }),
    };
  });
}

/** A mistake in code that runs several times is one mistake: the first is told, with how often it came again. */
function oncePerPlace(issues: readonly Issue[]): Issue[] {
  const first = new Map<string, Issue[]>();
  for (const issue of issues) {
    const { code, severity, range } = issue;
    const key = range ? `${code} ${severity} ${rangeKey(range)}` : `${code} ${issue.message}`;
    const known = first.get(key);
    if (known) known.push(issue);
    else first.set(key, [issue]);
  }
  return [...first.values()].map(([issue, ...again]) =>
    again.length === 0
      ? issue
      : {
          ...issue,
          message: `${issue.message} (and ${again.length === 1 ? "once more" : `${again.length} times more`} here)`,
        },
  );
}

function madeBy(issue: Issue, origins: Origins): Issue["related"] & object {
  const found = new Map<string, { readonly message: string; readonly range: NonNullable<Issue["range"]> }>();
  for (const { tensor, axis } of faultsOf(issue)) {
    const origin = origins(tensor, axis);
    if (!origin) continue;
    const { message, range } = origin;
    if (!samePlace(range, issue.range)) found.set(formatRange(range), { message, range });
  }
  return [...found.values()];
}
