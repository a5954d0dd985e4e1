import type { CheckReport, Edit, Fix, Issue } from "../../engine/api/host";
import { isLess, weightOf, withEdits } from "./fix-all";

/** Fixes of one issue that are tried, at most. */
const MOST_FIXES = 8;

export interface Trial {
  /** All that is wrong before. */
  readonly issues: readonly Issue[];
  readonly textOf: (file: string) => Promise<string>;
  /** Checks texts by path; null where they cannot be run. */
  readonly probe: (texts: ReadonlyMap<string, string>) => Promise<CheckReport | null>;
}

/**
 * The fixes of an issue that help, in their order: those that leave less wrong than before. Where there is none, the mistake may
 * have hidden another: those that at least make it go away without more errors.
 */
export async function helpfulFixes(issue: Issue, { issues, textOf, probe }: Trial): Promise<readonly Fix[]> {
  const before = weightOf(issues);
  const better: Fix[] = [];
  const gone: Fix[] = [];
  for (const fix of (issue.fixes ?? []).slice(0, MOST_FIXES)) {
    const texts = new Map<string, string>();
    for (const [file, edits] of byFile(fix.edits)) texts.set(file, withEdits(await textOf(file), edits));
    const report = await probe(texts);
    if (!report) continue;
    const after = weightOf(report.issues);
    if (isLess(after, before)) better.push(fix);
    else if (after.errors <= before.errors && alike(report.issues, issue) < alike(issues, issue)) gone.push(fix);
  }
  return better.length > 0 ? better : gone;
}

function byFile(edits: readonly Edit[]): Map<string, Edit[]> {
  const files = new Map<string, Edit[]>();
  for (const edit of edits) files.set(edit.range.file, [...(files.get(edit.range.file) ?? []), edit]);
  return files;
}

function alike(issues: readonly Issue[], { code, message }: Issue): number {
  return issues.filter((each) => each.code === code && each.message === message).length;
}
