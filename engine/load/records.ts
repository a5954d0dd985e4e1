/** The records that loading builds: modules, and what is wrong with them. */
import type { Range } from "../graph/site";
import type { Stripped } from "./strip";
import type { LineTable } from "./text";

export interface LoadProblem {
  /** `syntax`: cannot be parsed. `import`: cannot be found or read, or a cycle. `export`: no such name. `program`: threw while it ran. */
  readonly code: "syntax" | "import" | "export" | "program";
  readonly message: string;
  readonly range: Range;
}

/** A file of the user's. */
export interface LoadedModule {
  readonly kind: "source";
  readonly file: string;
  readonly lines: LineTable;
  readonly stripped: Stripped;
  /** What each specifier in the file leads to; without those that led nowhere. */
  readonly dependencies: ReadonlyMap<string, Dependency>;
  /** Filled when the module has run. */
  exports: Record<string, unknown> | undefined;
}

/** A module whose exports are simply there: a package, a JSON file, `"backstep"`. */
export interface ReadyModule {
  readonly kind: "ready";
  readonly exports: Readonly<Record<string, unknown>>;
}

export type Dependency = LoadedModule | ReadyModule;
