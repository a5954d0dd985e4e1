import type { Range, Site } from "./site";
import type { Dim } from "./dim";
import type { Tensor } from "./tensor";

export type Severity = "error" | "warning" | "information";

/** Something wrong or doubtful in the user's program, found without running it on data. */
export interface Issue {
  /** Stable, kebab-case, from the catalogue (`check/catalogue.ts`), e.g. `matmul-inner`. */
  readonly code: string;
  readonly severity: Severity;
  /** Operation, both shapes, the axis at fault, and what to do. */
  readonly message: string;
  /** The exact sub-expression; absent only for nodes that no user code made. */
  readonly range?: Range;
  /** Other places that explain it, e.g. the layer that made the wrong size. */
  readonly related?: readonly { readonly message: string; readonly range: Range }[];
  /** Edits that would mend it, the likeliest first; an editor tries them before it offers them. */
  readonly fixes?: readonly Fix[];
  /** What is wrong with what, for whoever looks for its origin and its remedy; never leaves the host. */
  readonly subject?: Subject;
}

/** A change of the user's files. */
export interface Fix {
  /** Imperative: "Change hidden's inputs to 128". */
  readonly title: string;
  readonly edits: readonly Edit[];
}

export interface Edit {
  /** What is replaced; empty to insert. */
  readonly range: Range;
  readonly text: string;
}

/** The operands at fault. */
export interface Subject {
  /** The tensors that do not fit, as the user gave them: the input of a layer, both operands of a product, prediction and target. */
  readonly tensors: readonly Tensor[];
  /** The user's call that complains. */
  readonly site?: Site | undefined;
  /** The layer that complains. */
  readonly layer?: object | undefined;
  /** Which size is wrong, where only who reports it knows. */
  readonly faults?: readonly Fault[];
}

/** A size that should be another one. */
export interface Fault {
  readonly tensor: Tensor;
  /** From 0. */
  readonly axis: number;
  readonly wanted: Dim;
}
