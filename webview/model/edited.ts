/** The model file in the editor as the panel knows it: the last view of it, and what is kept from those before. Pure. */
import type { ModelChange, ModelIssue, ModelView, Prediction } from "../protocol";

export interface EditedModel {
  readonly view: ModelView;
  /** The newest prediction there is; of an earlier text where {@link predictionIsOld}. */
  readonly prediction: Prediction | null;
  readonly predictionIsOld: boolean;
  /** What the last edit that changed anything changed. */
  readonly changes: readonly ModelChange[];
  /** Counts the edits that changed something, so that a mark that comes again is seen to come. */
  readonly edit: number;
}

/** After the extension told of the file; null where none is open. */
export function editedAfter(before: EditedModel | null, view: ModelView | null): EditedModel | null {
  if (!view) return null;
  const last = before?.view.path === view.path ? before : null;
  // A check that found the same again, or one of a text that only moved, leaves the marks of the last change where they are.
  const isNews = view.changes.length > 0 && !sameChanges(view.changes, last?.changes ?? []);
  return {
    view,
    prediction: view.prediction ?? last?.prediction ?? null,
    predictionIsOld: view.prediction === null && (last?.prediction ?? null) !== null,
    changes: isNews ? view.changes : (last?.changes ?? []),
    edit: (last?.edit ?? 0) + (isNews ? 1 : 0),
  };
}

function sameChanges(a: readonly ModelChange[], b: readonly ModelChange[]): boolean {
  const text = (changes: readonly ModelChange[]): string =>
    changes.map(({ layer, kind, what }) => `${kind}\n${layer}\n${what}`).join("\n\n");
  return text(a) === text(b);
}

export interface ChangeMarks {
  /** By name of layer, of those that are still there. */
  readonly layers: ReadonlyMap<string, ModelChange>;
  readonly removed: readonly ModelChange[];
}

export function changeMarks(changes: readonly ModelChange[]): ChangeMarks {
  return {
    layers: new Map(changes.flatMap((change) => (change.kind === "removed" ? [] : [[change.layer, change]]))),
    removed: changes.filter(({ kind }) => kind === "removed"),
  };
}

export interface IssueCounts {
  readonly errors: number;
  readonly warnings: number;
  readonly notes: number;
}

export function countIssues(issues: readonly Pick<ModelIssue, "severity">[]): IssueCounts {
  const count = (severity: ModelIssue["severity"]): number =>
    issues.filter((each) => each.severity === severity).length;
  return { errors: count("error"), warnings: count("warning"), notes: count("information") };
}

/** `2 errors, 1 warning`; "" for none. */
export function countText({ errors, warnings, notes }: IssueCounts): string {
  const part = (count: number, one: string): string[] =>
    count === 0 ? [] : [`${count} ${count === 1 ? one : `${one}s`}`];
  return [...part(errors, "error"), ...part(warnings, "warning"), ...part(notes, "note")].join(", ");
}

/** What a listener wants to know of a new view: another state, other counts of issues; "" for nothing. */
export function modelAnnouncement(before: ModelView | null, after: ModelView): string {
  const said: string[] = [];
  if (before?.state !== after.state && STATE_SENTENCES[after.state] !== "") said.push(STATE_SENTENCES[after.state]);
  const [then, now] = [before && countText(countIssues(before.issues)), countText(countIssues(after.issues))];
  if (then !== now && (now !== "" || (then !== null && then !== "" && after.state === "ready"))) {
    said.push(now === "" ? "No mistakes left." : `${now}.`);
  }
  return said.join(" ");
}

const STATE_SENTENCES: Readonly<Record<ModelView["state"], string>> = {
  checking: "",
  ready: "",
  stale: "The text cannot be read; the last figures are kept.",
  failed: "The model cannot be read.",
  untrusted: "This workspace is not trusted.",
};
