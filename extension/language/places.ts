import { Range, type Uri } from "vscode";
import type { CallReport, Range as SourceRange } from "../../engine/api/host";
import type { Edits } from "./edits";
import type { Checked, Reports } from "./reports";

/** The documents' versions that ranges are of. */
export type Versions = Pick<Checked, "versions">;

/** Where a range of a report is now; null where what is in it was edited since. */
export function rangeNow(edits: Edits, { versions }: Versions, range: SourceRange): Range | null {
  const at = edits.range(range, versions.get(range.file));
  return at && new Range(at.start.line, at.start.character, at.end.line, at.end.character);
}

/** A call of a report in a file, where it is now. */
export interface Placed {
  readonly call: CallReport;
  readonly at: Range;
  readonly checked: Checked;
}

/** All calls in a file that are where they were, of every model that uses it. */
export function callsIn(uri: Uri, reports: Reports, edits: Edits): Placed[] {
  return reports.checkedWith(uri).flatMap((checked) =>
    (checked.report?.calls ?? []).flatMap((call) => {
      const at = call.range.file === uri.fsPath ? rangeNow(edits, checked, call.range) : null;
      return at ? [{ call, at, checked }] : [];
    }),
  );
}

/** Files that may be a model or belong to one. */
export const SOURCES = ["typescript", "javascript"].map((language) => ({ language, scheme: "file" }));
