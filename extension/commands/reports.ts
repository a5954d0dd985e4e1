import { basename } from "node:path";
import {
  EventEmitter,
  ProgressLocation,
  Range,
  Uri,
  WorkspaceEdit,
  commands,
  window,
  workspace,
  type Disposable,
} from "vscode";
import type { HostMessage, ParameterCheck, RateResult, Task } from "../../engine/api/host";
import { inOneLine } from "../host/failures";
import { diagnosticsOfFailure } from "../language/diagnostics";
import { openLine } from "../panel/open-line";
import { chooseModel, saved, shownPath } from "../model-files";
import type { Services } from "../services";
import { settingsFor } from "../settings";
import { gradientTable, rateTable } from "./report-text";
import { rateEdit, shortRate } from "./rate-edit";
import { isTrusted } from "./trust";

/** Commands that run a task and show a report of it. */
export function reportCommands(services: Services): Record<string, (argument?: unknown) => Promise<void>> {
  return {
    async checkGradients(argument) {
      const uri = await prepared(argument, "Check Gradients");
      if (!uri) return;
      const message = await carryOut(services, uri, taskOf("gradients", uri), "Checking gradients of", "gradients");
      if (message) await showGradients(uri, message.reports);
    },
    async findLearningRate(argument) {
      const uri = await prepared(argument, "Find Learning Rate");
      if (!uri) return;
      const message = await carryOut(services, uri, taskOf("rate", uri), "Finding a learning rate for", "rate");
      if (message) await showRate(uri, message.result);
    },
  };
}

function taskOf(kind: "gradients" | "rate", { fsPath: file }: Uri): (timeLimit: number) => Task {
  return (timeLimit) => ({ kind, file, timeLimit });
}

const SCHEME = "backstep-report";
const texts = new Map<string, string>();

/** Reports are documents that nobody can save: VS Code asks here for their text. */
export function registerReports(): Disposable {
  const changed = new EventEmitter<Uri>();
  const provider = workspace.registerTextDocumentContentProvider(SCHEME, {
    onDidChange: changed.event,
    provideTextDocumentContent: (uri) => texts.get(uri.path) ?? "This report is gone. Run the command again.",
  });
  refresh = (uri) => changed.fire(uri);
  return {
    dispose() {
      texts.clear();
      provider.dispose();
      changed.dispose();
    },
  };
}

let refresh: (uri: Uri) => void = () => undefined;

/** Shows a page of Markdown beside the model. @param kind what it is about: one page of a kind for each model */
export async function showReport(model: Uri, kind: string, text: string): Promise<void> {
  const uri = Uri.from({ scheme: SCHEME, path: `/${basename(model.fsPath)} ${kind}.md` });
  texts.set(uri.path, text);
  refresh(uri);
  const editor = window.activeTextEditor;
  try {
    await commands.executeCommand("markdown.showPreviewToSide", uri);
    // The model stays what one works on.
    if (editor) await window.showTextDocument(editor.document, editor.viewColumn);
  } catch {
    // Without the built-in Markdown extension its text can be read as well.
    await window.showTextDocument(await workspace.openTextDocument(uri), { preview: true });
  }
}

/** The model that a command is for, saved; undefined where the user gave up. */
export async function prepared(argument: unknown, title: string): Promise<Uri | undefined> {
  if (!(await isTrusted(title))) return undefined;
  const uri = await chooseModel(argument, title);
  return uri && (await saved(uri)) ? uri : undefined;
}

/** Runs a task on a model with progress and Cancel. @returns its report; undefined where it failed, which is then said, or was cancelled */
export async function carryOut<Kind extends "gradients" | "rate" | "devices">(
  { hosts, log }: Services,
  uri: Uri,
  task: (timeLimit: number) => Task,
  doing: string,
  wanted: Kind,
): Promise<Extract<HostMessage, { kind: Kind }> | undefined> {
  const settings = settingsFor(uri);
  const title = `${doing} ${basename(uri.fsPath)}`;
  return window.withProgress(
    { location: ProgressLocation.Notification, title, cancellable: true },
    async (_, cancel) => {
      let found: Extract<HostMessage, { kind: Kind }> | undefined;
      const host = hosts.start(task(settings.timeLimit), settings, {
        onMessage: (message) => {
          if (message.kind === wanted) found = message as Extract<HostMessage, { kind: Kind }>;
          else if (message.kind === "note") log.info(`${shownPath(uri)}: ${message.message}`);
        },
        onOutput: (text) => log.info(`${shownPath(uri)}: ${text.trimEnd()}`),
      });
      let cancelled = false;
      cancel.onCancellationRequested(() => {
        cancelled = true;
        host.stop();
      });
      const { failure } = await host.ended;
      if (cancelled) return undefined;
      if (failure !== null) void tellFailure(uri, failure, log);
      return failure === null ? found : undefined;
    },
  );
}

async function tellFailure(uri: Uri, failure: string, log: Services["log"]): Promise<void> {
  log.error(`${shownPath(uri)}: ${failure}`);
  const goThere = "Go to Line";
  if ((await window.showErrorMessage(`Backstep: ${inOneLine(failure)}`, goThere)) !== goThere) return;
  const [first] = diagnosticsOfFailure(failure, uri, "backstep");
  if (first) await openLine(first[0], first[1][0].range.start.line + 1);
}

async function showGradients(uri: Uri, reports: readonly ParameterCheck[]): Promise<void> {
  const failed = reports.filter(({ passed }) => !passed);
  await showReport(uri, "gradients", gradientTable(basename(uri.fsPath), reports));
  const name = basename(uri.fsPath);
  if (failed.length > 0) {
    const names = failed.map((each) => each.name).join(", ");
    void window.showWarningMessage(`Backstep: ${name}: the gradients of ${names} differ from central differences.`);
  } else {
    const all =
      reports.length === 1
        ? "the gradient of 1 parameter agrees"
        : `the gradients of all ${reports.length} parameters agree`;
    void window.showInformationMessage(`Backstep: ${name}: ${all} with central differences.`);
  }
}

async function showRate(uri: Uri, result: RateResult): Promise<void> {
  const name = basename(uri.fsPath);
  await showReport(uri, "learning rate", rateTable(name, result));
  const { suggestion, current } = result;
  if (suggestion === null) {
    void window.showWarningMessage(
      `Backstep: ${name}: the loss fell at no learning rate. Look for a mistake in the model or the loss first; Overfit One Batch helps.`,
    );
    return;
  }
  const document = await workspace.openTextDocument(uri);
  const edit = rateEdit(document.getText(), current, suggestion);
  const use = `Use ${shortRate(suggestion)}`;
  const advice = `Backstep: ${name}: the loss falls fastest at a learning rate near ${shortRate(suggestion)}; now it is ${shortRate(current)}.`;
  const answer = await window.showInformationMessage(advice, ...(edit ? [use] : []));
  if (answer !== use) return;
  // The text may have changed while the question stood there.
  const now = rateEdit(document.getText(), current, suggestion);
  if (!now) {
    void window.showWarningMessage(`Backstep: ${name} names no learning rate of ${shortRate(current)} any more.`);
    return;
  }
  const change = new WorkspaceEdit();
  change.replace(uri, new Range(document.positionAt(now.start), document.positionAt(now.end)), now.text);
  await workspace.applyEdit(change);
  await window.showTextDocument(document);
}
