import { Diagnostic, Uri, languages, workspace, type Disposable } from "vscode";
import type { FindingEvent } from "../../webview/protocol";
import type { Run } from "../run/runs";
import type { Services } from "../services";
import { byFile, createShelf, diagnosticsOfFailure, lineRange, severityOf, type Found } from "./diagnostics";
import type { Edits } from "./edits";

const SOURCE = "backstep training";

/** Shows the findings of each model's current run at their lines, and why it failed. */
export function showFindings({ runs, edits, checker }: Services): Disposable {
  const collection = languages.createDiagnosticCollection(SOURCE);
  const shelf = createShelf(collection);
  /** The run that each model file shows. */
  const shown = new Map<string, string>();

  const show = (run: Run): void => {
    const { id } = run.summary;
    if (shown.get(run.path) !== id) {
      shown.set(run.path, id);
      edits.reset(run.path);
    }
    const findings = runs.liveHistory(id)?.findings ?? [];
    shelf.put(run.path, merged(found(findings, run, edits), failureOf(run, edits)));
  };
  const showCurrent = (path: string): void => {
    const run = runs.currentOf(path);
    if (run) show(run);
    else {
      shown.delete(path);
      shelf.remove(path);
    }
  };

  const pathOf = new Map<string, string>();
  const listener = runs.listen((change) => {
    if (change.kind === "tick" && change.tick.findings.length === 0 && change.tick.rewind === undefined) return;
    const path = runs.get(change.id)?.path ?? pathOf.get(change.id);
    if (path === undefined) return;
    pathOf.set(change.id, path);
    if (change.kind === "removed") pathOf.delete(change.id);
    showCurrent(path);
  });
  const edited = workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
    if (contentChanges.length > 0 && document.uri.scheme === "file") for (const path of shown.keys()) showCurrent(path);
  });
  const checked = checker.onDidCheck((uri) => {
    if (shown.has(uri.fsPath)) showCurrent(uri.fsPath);
  });
  return {
    dispose() {
      checked.dispose();
      listener.dispose();
      edited.dispose();
      collection.dispose();
    },
  };
}

function found(findings: readonly FindingEvent[], run: Run, edits: Edits): Found {
  return byFile(
    findings.flatMap((finding) => {
      const file = finding.file ?? run.path;
      const line = edits.now(file, finding.line ?? 1);
      if (line === null) return [];
      const diagnostic = new Diagnostic(lineRange(Uri.file(file), line), textOf(finding), severityOf(finding.severity));
      diagnostic.source = SOURCE;
      diagnostic.code = finding.code;
      return [[file, diagnostic] as const];
    }),
  );
}

function textOf({ message, evidence, remedy }: FindingEvent): string {
  const numbers = evidence?.map(({ label, value }) => `${label}: ${value}`).join(", ");
  return [message, ...(numbers ? [numbers] : []), ...(remedy ? [remedy] : [])].join("\n");
}

/** Why a run failed, unless its check says so already, or the text is another one by now. */
function failureOf({ failure, path }: Run, edits: Edits): Found {
  if (failure === null || edits.changed(path)) return new Map();
  const all = diagnosticsOfFailure(failure, Uri.file(path), SOURCE);
  return byFile(
    [...all].flatMap(([file, list]) => {
      const known = languages.getDiagnostics(Uri.file(file)).filter(({ source }) => source === "backstep");
      return list
        .filter(({ message }) => !known.some((each) => each.message === message))
        .map((diagnostic) => [file, diagnostic] as const);
    }),
  );
}

function merged(a: Found, b: Found): Found {
  return byFile([...a, ...b].flatMap(([file, list]) => list.map((each) => [file, each] as const)));
}
