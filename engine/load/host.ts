/** What loading needs from its surroundings: files, packages, and a way to make code run. */

export interface LoadHost {
  /** The text of a file, or `undefined` when there is no such file. Throws when it cannot be read. */
  readText(path: string): Promise<string | undefined>;
  /** Where an import leads. Never throws: what is not found is `missing`. */
  resolve(specifier: string, fromFile: string): Promise<ResolvedModule>;
  /** The exports of a package that {@link LoadHost.resolve} found. */
  importPackage(resolved: ResolvedPackage): Promise<Readonly<Record<string, unknown>>>;
  /**
   * Makes `code` the body of a strict async function with these parameters. Stack frames in it must name `file` and
   * have the lines and columns of `code` itself. Throws a `SyntaxError` as V8 does.
   */
  compile(code: string, parameters: readonly string[], file: string): ModuleFunction;
  /** The exports of `"backstep"`. */
  readonly builtin: Readonly<Record<string, unknown>>;
}

export type ModuleFunction = (...values: unknown[]) => Promise<void>;

export type ResolvedModule = ResolvedFile | ResolvedPackage | UnresolvedModule;

/** One of the user's own files, loaded as this room does. */
export interface ResolvedFile {
  readonly kind: "file";
  readonly path: string;
}

/** Code that the host imports by itself. */
export interface ResolvedPackage {
  readonly kind: "package";
  readonly specifier: string;
  /** What the host's own import takes; its form is the host's affair. */
  readonly location: string;
}

export interface UnresolvedModule {
  readonly kind: "missing";
  /** What was looked for and what to do, as a sentence. */
  readonly message: string;
}

/** Whether a specifier names a file by its path rather than a package. */
export function isPathSpecifier(specifier: string): boolean {
  return /^(\.{1,2}(\/|$)|\/|file:|[A-Za-z]:[\\/])/.test(specifier);
}

/**
 * The paths that a path specifier may stand for, in the order to try them: as written, with an extension
 * added, and as a folder. `./x.js` may mean `./x.ts`, as in TypeScript.
 */
export function candidatePaths(path: string): string[] {
  const javascript = /^(.*)\.(m?)js$/.exec(path);
  const own = javascript ? [`${javascript[1]}.${javascript[2]}ts`, path] : [path];
  // A name like `model.nn` or `v1.2` ends in no extension that files are loaded by.
  if (/\.(ts|mts|mjs|js|json)$/.test(path)) return own;
  return [...own, `${path}.ts`, `${path}.nn.ts`, `${path}.js`, `${path}.json`, `${path}/index.ts`, `${path}/index.js`];
}
