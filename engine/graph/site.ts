/**
 * Where in the user's source a node was made.
 *
 * The graph does not know how a site is found (stack frames, a parser): the
 * `load` room installs a {@link SiteSource}. Without one, nodes have no site.
 */

/** A range in a source file. Lines and columns count from 1; `endColumn` is exclusive. */
export interface Range {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

/** The user's call expression that made a node. */
export interface Site extends Range {
  /** The variable (or field, as `this.x`) that the call's value is assigned to, when it is the whole right-hand side. */
  readonly variable?: string;
  /** Ranges of the call's arguments in order, so that an issue can point at one operand. */
  readonly arguments?: readonly Range[];
  /** For a method call `receiver.method(…)`, the receiver's range. */
  readonly receiver?: Range;
  /** For a call with an object literal as its first argument, the range of each property's value. */
  readonly properties?: Readonly<Record<string, Range>>;
}

/** Finds the innermost frame of user code on the stack, or `undefined` when there is none. */
export type SiteSource = () => Site | undefined;

let source: SiteSource | undefined;

/** Installs (or with `undefined` removes) the way sites are found. Returns the one before. */
export function setSiteSource(next: SiteSource | undefined): SiteSource | undefined {
  const before = source;
  source = next;
  return before;
}

/** What stands for the site `outer`, as long as no further code of the user's is called. */
let standIn: { readonly outer: Site | undefined; readonly site: Site } | undefined;

/** The site of the user's call that is running now, if any. */
export function currentSite(): Site | undefined {
  const found = source?.();
  return standIn && found === standIn.outer ? standIn.site : found;
}

/**
 * Runs `build`, which the engine calls and not the user, such as a layer within a Sequential: until it calls code of the
 * user's, its site is `site`.
 */
export function withSite<T>(site: Site | undefined, build: () => T): T {
  if (site === undefined) return build();
  const before = standIn;
  standIn = { outer: source?.(), site };
  try {
    return build();
  } finally {
    standIn = before;
  }
}

/** Whether two ranges begin at the same character. */
export function samePlace(a: Range | undefined, b: Range | undefined): boolean {
  return a === b || (!!a && !!b && a.file === b.file && a.line === b.line && a.column === b.column);
}

/** A range as a text to compare: the same for all objects that stand for it. */
export function rangeKey({ file, line, column, endLine, endColumn }: Range): string {
  return `${file}:${line}:${column}-${endLine}:${endColumn}`;
}

/** `file:line:column`, the form that terminals and editors turn into a link. */
export function formatRange(range: Range): string {
  return `${range.file}:${range.line}:${range.column}`;
}
