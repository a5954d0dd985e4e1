import {
  CodeLens,
  EventEmitter,
  Range,
  languages,
  workspace,
  type Command,
  type Disposable,
  type TextDocument,
} from "vscode";
import type { CheckReport } from "../../engine/api/host";
import { isModel } from "../model-files";
import type { Run } from "../run/runs";
import type { Services } from "../services";
import { settingsFor } from "../settings";
import { lensLine, trainsSomething } from "./lens-line";

/** *Train* and the number of parameters above a model file's default export. */
export function registerLenses({ runs, checker }: Services): Disposable {
  const changed = new EventEmitter<void>();
  const provider = languages.registerCodeLensProvider(
    { language: "typescript", scheme: "file", pattern: "**/*.nn.ts" },
    {
      onDidChangeCodeLenses: changed.event,
      provideCodeLenses(document) {
        if (!isModel(document.uri) || !settingsFor(document.uri).codeLens) return [];
        const line = lensLine(document.getText());
        const range = new Range(line - 1, 0, line - 1, 0);
        const run = runs.currentOf(document.uri.fsPath);
        return [...actions(document, run), ...counts(document, checker.report(document.uri))].map(
          (command) => new CodeLens(range, command),
        );
      },
    },
  );
  const listeners = [
    checker.onDidCheck(() => changed.fire()),
    runs.listen(({ kind }) => {
      if (kind === "state" || kind === "added" || kind === "removed") changed.fire();
    }),
    workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("backstep.codeLens")) changed.fire();
    }),
  ];
  return { dispose: () => [provider, changed, ...listeners].forEach((each) => void each.dispose()) };
}

/** What can be done with the model: a debugger's lens belongs in this list. */
function actions(document: TextDocument, run: Run | undefined): Command[] {
  const lens = (title: string, command: string, tooltip: string): Command => ({
    title,
    command: `backstep.${command}`,
    tooltip,
    arguments: [document.uri],
  });
  switch (run?.summary.state) {
    case "starting":
    case "running":
      return [
        lens("$(debug-pause) Pause", "pause", "Wait between two iterations"),
        lens("$(debug-stop) Stop", "stop", "Save a checkpoint and end"),
      ];
    case "paused":
      return [
        lens("$(debug-continue) Resume", "resume", "Train on"),
        lens("$(debug-stop) Stop", "stop", "Save a checkpoint and end"),
      ];
    case "stopping":
      return [lens("$(loading~spin) Stopping", "showPanel", "Saves a checkpoint and ends")];
    default:
      return trainsSomething(document.getText())
        ? [lens("$(play) Train", "train", "Train the model in this file")]
        : [];
  }
}

function counts(document: TextDocument, report: CheckReport | null | undefined): Command[] {
  if (!report) return [];
  const errors = report.issues.filter(({ severity }) => severity === "error").length;
  const problems = {
    title: `${errors} ${errors === 1 ? "error" : "errors"}`,
    command: "workbench.actions.view.problems",
  };
  if (errors > 0) return [problems];
  if (report.parameters === 0) return [];
  const number = report.parameters.toLocaleString("en-US");
  const title = `${number} ${report.parameters === 1 ? "parameter" : "parameters"}`;
  return [{ title, command: "backstep.showPanel", tooltip: "Show the panel", arguments: [document.uri] }];
}
