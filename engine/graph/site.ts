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

/** The site of the user's call that is running now, if any. */
export function currentSite(): Site | undefined {
  return source?.();
}

/** `file:line:column`, the form that terminals and editors turn into a link. */
export function formatRange(range: Range): string {
  return `${range.file}:${range.line}:${range.column}`;
}
