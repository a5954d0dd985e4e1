import type { CancellationToken, Event, Uri } from "vscode";
import type { CheckReport, Issue, Prediction } from "../../engine/api/host";

/** What is known of a model file. */
export interface Checked {
  readonly uri: Uri;
  /** Versions of the documents that {@link report} speaks of, by path: of each file that an editor had open. */
  readonly versions: ReadonlyMap<string, number>;
  /** The last good one. */
  readonly report: CheckReport | null;
  /** What the newest check found, whether or not the text could be run, and the versions of the documents that it speaks of. */
  readonly latest: { readonly issues: readonly Issue[]; readonly versions: ReadonlyMap<string, number> };
  /** The text of now could not be read or run: the report is of the last one that could. */
  readonly stale: boolean;
  /** Why it is stale, or why there is no report. */
  readonly failure: string | null;
  readonly prediction: Prediction | null;
}

/** The reports of checks, as the editor's language features read them. */
export interface Reports {
  /** The model files whose last good report has this file among its `files`: a helper file may belong to several. */
  checkedWith(uri: Uri): readonly Checked[];
  checked(model: Uri): Checked | undefined;
  /** Of a model; also when a prediction came. */
  readonly onDidCheck: Event<Uri>;
  /**
   * Checks texts that are not in the editor, by path: what if. Null where they cannot be read or run, or where the token
   * cancelled it.
   */
  probe(model: Uri, texts: ReadonlyMap<string, string>, token: CancellationToken): Promise<CheckReport | null>;
}

/** The page that explains a code, in Markdown. */
export type HelpPages = (code: string) => string;
