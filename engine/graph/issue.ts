import type { Range } from "./site";

export type Severity = "error" | "warning" | "information";

/** Something wrong or doubtful in the user's program, found without running it on data. */
export interface Issue {
  /** Stable, kebab-case, from the catalogue in ARCHITECTURE.md, e.g. `matmul-inner`. */
  readonly code: string;
  readonly severity: Severity;
  /** Operation, both shapes, the axis at fault, and what to do. */
  readonly message: string;
  /** The exact sub-expression; absent only for nodes that no user code made. */
  readonly range?: Range;
  /** Other places that explain it, e.g. the layer that made the wrong size. */
  readonly related?: readonly { readonly message: string; readonly range: Range }[];
}
