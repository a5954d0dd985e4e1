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
import { isModel } from "../model-files";
import type { Run } from "../run/runs";
import type { Services } from "../services";
import { settingsFor } from "../settings";
import { lensLine, trainsSomething } from "./lens-line";
import { errorsText, totalsText } from "./lens-texts";
import type { Checked, Reports } from "./reports";

/** *Train*, *Debug* and what the model costs above a model file's default export. */
export function registerLenses({ runs }: Services, reports: Reports): Disposable {
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
        return [...actions(document, run), ...counts(document, reports.checked(document.uri))].map(
          (command) => new CodeLens(range, command),
        );
      },
    },
  );
  const listeners = [
    reports.onDidCheck(() => changed.fire()),
    runs.listen(({ kind }) => {
      if (kind === "state" || kind === "added" || kind === "removed") changed.fire();
    }),
    workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("backstep.codeLens")) changed.fire();
    }),
  ];
  return { dispose: () => [provider, changed, ...listeners].forEach((each) => void each.dispose()) };
}

/** What can be done with the model. */
function actions(document: TextDocument, run: Run | undefined): Command[] {
  const lens = (title: string, command: string, tooltip: string): Command => ({
    title,
    command: `backstep.${command}`,
    tooltip,
    arguments: [document.uri],
  });
  if (run?.debugged)
    return [
      { title: "$(debug-alt) Debugging", command: "workbench.view.debug", tooltip: "Show where it stands" },
      lens("$(debug-stop) Stop", "stop", "Save a checkpoint and end"),
    ];
  const debug = lens("$(debug-alt) Debug", "debug", "Step through the layers, forward and backward");
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
        ? [lens("$(play) Train", "train", "Train the model in this file"), debug]
        : [debug];
  }
}

function counts(document: TextDocument, checked: Checked | undefined): Command[] {
  if (!checked?.report) return [];
  const errors = errorsText(checked.report);
  const totals = totalsText(checked.report);
  return [
    ...(errors === "" ? [] : [{ title: errors, command: "workbench.actions.view.problems" }]),
    ...(totals === ""
      ? []
      : [
          {
            title: checked.stale ? `$(history) ${totals}` : totals,
            command: "backstep.showPanel",
            tooltip: checked.stale
              ? `Of the text before its last edits. As it is: ${checked.failure ?? "it cannot be run"}`
              : "Multiply-adds and memory of one forward for one example. Show the panel",
            arguments: [document.uri],
          },
        ]),
  ];
}
