import {
  CancellationTokenSource,
  CodeAction,
  CodeActionKind,
  Range,
  Uri,
  WorkspaceEdit,
  commands,
  languages,
  window,
  workspace,
  type CancellationToken,
  type Diagnostic,
  type Disposable,
  type TextDocument,
} from "vscode";
import type { Fix, Issue } from "../../engine/api/host";
import { isModel } from "../model-files";
import type { Services } from "../services";
import type { Edits } from "./edits";
import { fixedText, fixesIn, type Fixed } from "./fix-all";
import { helpfulFixes } from "./helpful-fixes";
import { SOURCES, rangeNow, type Versions } from "./places";
import type { Checked, Reports } from "./reports";
import { replacementsBetween } from "./text-diff";

const FIX_ALL = CodeActionKind.SourceFixAll.append("backstep");
const FIX_ALL_TITLE = "Fix all Backstep problems in this file";

/** The fixes of issues as quick fixes, their explanations, and all at once. */
export function registerIssueFixes({ edits }: Services, reports: Reports): Disposable {
  /** Actions whose edit is calculated when somebody wants it. */
  const waiting = new WeakMap<CodeAction, { readonly document: TextDocument; readonly preview: boolean }>();

  const provider = languages.registerCodeActionsProvider(
    SOURCES,
    {
      async provideCodeActions(document, _range, { diagnostics, only }, token) {
        const ours = diagnostics.filter((each) => each.source === "backstep" && codeOf(each) !== undefined);
        const fixable = fixableIn(document.uri, reports);
        const actions: CodeAction[] = [];
        if (!only || only.contains(CodeActionKind.QuickFix)) {
          for (const diagnostic of ours) {
            const found = issueOf(diagnostic, document.uri, reports, edits);
            const fixes = found ? await helpful(found, token) : [];
            actions.push(...actionsFor(diagnostic, fixes, found?.of, edits));
          }
        }
        const all = (title: string, kind: CodeActionKind, preview: boolean): CodeAction => {
          const action = new CodeAction(title, kind);
          waiting.set(action, { document, preview });
          return action;
        };
        if (ours.length > 0 && fixable > 1) {
          actions.push(
            all(FIX_ALL_TITLE, CodeActionKind.QuickFix, false),
            all(`${FIX_ALL_TITLE} (preview)`, CodeActionKind.QuickFix, true),
          );
        }
        if (fixable > 0) actions.push(all(FIX_ALL_TITLE, FIX_ALL, false));
        return only ? actions.filter(({ kind }) => kind && only.contains(kind)) : actions;
      },
      async resolveCodeAction(action, token) {
        const wanted = waiting.get(action);
        if (wanted) action.edit = await fixAllEdit(wanted.document, reports, token, wanted.preview);
        return action;
      },
    },
    { providedCodeActionKinds: [CodeActionKind.QuickFix, FIX_ALL] },
  );
  /** The fixes of an issue that were tried and help. */
  const known = new WeakMap<Issue, readonly Fix[]>();
  async function helpful({ issue, of, checked }: Located, token: CancellationToken): Promise<readonly Fix[]> {
    const { fixes = [] } = issue;
    const files = new Set(fixes.flatMap((fix) => fix.edits.map(({ range }) => range.file)));
    const edited = [...files].some(
      (file) => (openText(file)?.version ?? of.versions.get(file)) !== of.versions.get(file),
    );
    // Of a text that is another one by now, or cannot be run, nothing can be tried; nor is what is foretold part of a check.
    if (fixes.length === 0 || edited || checked.stale || !checked.latest.issues.includes(issue)) return fixes;
    const before = known.get(issue);
    if (before) return before;
    const tried = await helpfulFixes(issue, {
      issues: checked.latest.issues,
      textOf: async (file) =>
        openText(file)?.getText() ?? new TextDecoder().decode(await workspace.fs.readFile(Uri.file(file))),
      probe: (texts) =>
        token.isCancellationRequested ? Promise.resolve(null) : reports.probe(checked.uri, texts, token),
    });
    if (token.isCancellationRequested) return [];
    known.set(issue, tried);
    return tried;
  }

  const command = commands.registerCommand("backstep.fixAll", () => fixAllNow(reports));
  return { dispose: () => [provider, command].forEach((each) => void each.dispose()) };
}

function fixableIn(uri: Uri, reports: Reports): number {
  return reports
    .checkedWith(uri)
    .slice(0, 1)
    .flatMap(({ latest }) => latest.issues)
    .filter((issue) => fixesIn(issue, uri.fsPath).length > 0).length;
}

function actionsFor(
  diagnostic: Diagnostic,
  fixes: readonly Fix[],
  of: Versions | undefined,
  edits: Edits,
): CodeAction[] {
  const actions = fixes.flatMap((fix, i) => {
    const edit = of && editOf(fix, of, edits);
    if (!edit) return [];
    const action = new CodeAction(fix.title, CodeActionKind.QuickFix);
    action.edit = edit;
    action.diagnostics = [diagnostic];
    action.isPreferred = i === 0;
    return [action];
  });
  const code = codeOf(diagnostic);
  const explain = new CodeAction(`Explain ${code}`, CodeActionKind.QuickFix);
  explain.command = { command: "backstep.explain", title: "Explain", arguments: [code] };
  explain.diagnostics = [diagnostic];
  return [...actions, explain];
}

/** An issue, and the documents' versions that its ranges are of. */
interface Located {
  readonly issue: Issue;
  readonly of: Versions;
  readonly checked: Checked;
}

/** What is wrong with a file by all models that use it. */
function issuesIn(uri: Uri, reports: Reports): Located[] {
  return reports.checkedWith(uri).flatMap((checked) => {
    const { latest, prediction } = checked;
    const now = { versions: latest.versions };
    return [
      ...latest.issues.map((issue) => ({ issue, of: now, checked })),
      ...(prediction?.issues ?? []).map((issue) => ({ issue, of: checked, checked })),
    ];
  });
}

/** The issue that a diagnostic shows. */
function issueOf(diagnostic: Diagnostic, uri: Uri, reports: Reports, edits: Edits): Located | undefined {
  const code = codeOf(diagnostic);
  return issuesIn(uri, reports).find(({ issue, of, checked }) => {
    if (issue.code !== code || issue.message !== diagnostic.message) return false;
    const { range } = issue;
    // Those without a place stand at the top of the model.
    if (!range) return checked.uri.fsPath === uri.fsPath;
    if (range.file !== uri.fsPath) return false;
    const then = new Range(range.line - 1, range.column - 1, range.endLine - 1, range.endColumn - 1);
    return then.isEqual(diagnostic.range) || rangeNow(edits, of, range)?.isEqual(diagnostic.range);
  });
}

function openText(file: string): TextDocument | undefined {
  return workspace.textDocuments.find(({ uri }) => uri.scheme === "file" && uri.fsPath === file);
}

/** Null where what it would change was edited since. */
function editOf({ edits: changes }: Fix, of: Versions, edits: Edits): WorkspaceEdit | null {
  const edit = new WorkspaceEdit();
  for (const { range, text } of changes) {
    const at = rangeNow(edits, of, range);
    if (!at) return null;
    edit.replace(Uri.file(range.file), at, text);
  }
  return edit;
}

function codeOf({ code }: Diagnostic): string | undefined {
  const value = typeof code === "object" ? code.value : code;
  return value === undefined ? undefined : String(value);
}

/** What fixing everything would change in a document. */
async function fixAll(document: TextDocument, reports: Reports, token: CancellationToken): Promise<Fixed | undefined> {
  const path = document.uri.fsPath;
  const all = reports.checkedWith(document.uri);
  const checked = all.find(({ uri }) => uri.fsPath === path) ?? all.at(0);
  const model = checked?.uri ?? (isModel(document.uri) ? document.uri : undefined);
  if (!model) return undefined;
  const known = checked?.latest.versions.get(path) === document.version ? checked.latest : null;
  return fixedText(path, document.getText(), known, (text) =>
    token.isCancellationRequested ? Promise.resolve(null) : reports.probe(model, new Map([[path, text]]), token),
  );
}

async function fixAllEdit(
  document: TextDocument,
  reports: Reports,
  token: CancellationToken,
  preview: boolean,
): Promise<WorkspaceEdit> {
  const { version } = document;
  const fixed = await fixAll(document, reports, token);
  // Typed on meanwhile: what was calculated is for another text.
  return fixed && document.version === version ? editTo(document, fixed.text, preview) : new WorkspaceEdit();
}

function editTo(document: TextDocument, text: string, preview: boolean): WorkspaceEdit {
  const edit = new WorkspaceEdit();
  for (const { start, end, text: inserted } of replacementsBetween(document.getText(), text)) {
    const range = new Range(document.positionAt(start), document.positionAt(end));
    const old = document.getText(range);
    edit.replace(
      document.uri,
      range,
      inserted,
      preview
        ? { needsConfirmation: true, label: "Fix Backstep problems", description: inOneLine(old, inserted) }
        : undefined,
    );
  }
  return edit;
}

function inOneLine(old: string, text: string): string {
  const short = (part: string): string => (part.length > 40 ? `${part.slice(0, 40)}…` : part).replace(/\s+/g, " ");
  return old === "" ? `insert ${short(text)}` : text === "" ? `remove ${short(old)}` : `${short(old)} → ${short(text)}`;
}

/** The command: fixes all in the file that is edited, and says what it did. */
async function fixAllNow(reports: Reports): Promise<void> {
  const document = window.activeTextEditor?.document;
  if (!document || !(isModel(document.uri) || reports.checkedWith(document.uri).length > 0)) {
    void window.showInformationMessage("Backstep: open a model file (*.nn.ts) to fix its problems.");
    return;
  }
  if (!workspace.isTrusted) {
    void window.showInformationMessage(
      "Backstep: fixing runs the code of the model file to check it again, so it wants a workspace that you trust.",
    );
    return;
  }
  const source = new CancellationTokenSource();
  try {
    const { version } = document;
    const fixed = await fixAll(document, reports, source.token);
    if (!fixed) {
      void window.showInformationMessage(
        "Backstep: there is nothing in this file that can be fixed without you; the Problems view lists what was found.",
      );
    } else if (document.version !== version || !(await workspace.applyEdit(editTo(document, fixed.text, false)))) {
      void window.showInformationMessage("Backstep: the file was edited meanwhile and is left as it is. Try again.");
    } else {
      const gone = fixed.before - fixed.left;
      const rest = fixed.left === 0 ? "none is left" : `${fixed.left} left`;
      window.setStatusBarMessage(`Backstep: ${gone} ${gone === 1 ? "problem" : "problems"} fixed, ${rest}`, 5000);
    }
  } finally {
    source.dispose();
  }
}
