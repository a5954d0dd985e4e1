import { StatusBarAlignment, Uri, window, workspace, type Disposable } from "vscode";
import { progressText, shortNumber, stopText } from "../format";
import { isModel, shownPath } from "../model-files";
import { isLive, modelName } from "../run/record";
import type { Services } from "../services";
import { settingsFor } from "../settings";

/** What trains, on which device, and where a debugged program stands; a click shows more of it. */
export function registerStatus({ runs, checker, programs }: Services): Disposable {
  const item = window.createStatusBarItem("backstep.status", StatusBarAlignment.Left, 50);
  item.name = "Backstep";
  let timer: NodeJS.Timeout | undefined;

  const draw = (): void => {
    timer = undefined;
    const live = runs.list().filter(({ mine, summary }) => mine && isLive(summary.state));
    const uri = window.activeTextEditor?.document.uri;
    const { device } = settingsFor(uri);
    item.command = "backstep.showPanel";
    item.backgroundColor = undefined;
    const [stopped] = programs.list().filter(({ stop }) => stop !== null);
    if (stopped) {
      const text = stopText(stopped.stop?.told.direction, stopped.stop?.situation?.iteration);
      item.text = `$(debug-pause) ${text}`;
      item.tooltip = [`Backstep: ${shownPath(Uri.file(stopped.path))}`, stopped.stop?.told.description ?? text].join(
        "\n",
      );
      item.accessibilityInformation = { label: item.tooltip };
      item.command = "workbench.view.debug";
      item.show();
      return;
    }
    if (live.length === 0) {
      if (isModel(uri)) {
        item.text = `$(circuit-board) Backstep: ${workspace.isTrusted ? `${device === "cpu" ? "cpu" : "gpu"}, idle` : "restricted"}`;
        item.tooltip = workspace.isTrusted
          ? `Backstep trains on the ${device === "cpu" ? "CPU" : "GPU"}. Nothing trains now.`
          : "Backstep runs no model in a workspace that is not trusted.";
        item.command = workspace.isTrusted ? "backstep.showPanel" : "workbench.trust.manage";
        const problem = workspace.isTrusted ? checker.checked(uri)?.failure : null;
        if (problem) {
          item.text = "$(warning) Backstep: cannot run the file";
          item.tooltip = problem;
          item.command = "workbench.actions.view.problems";
        }
        item.show();
      } else item.hide();
      return;
    }
    const run = live.find(({ path }) => path === uri?.fsPath) ?? live[0];
    const { id, file, state } = run.summary;
    const history = runs.liveHistory(id);
    const start = history?.start;
    const where = progressText(history?.epoch ?? 0, start?.epochs);
    const icon = state === "paused" ? "$(debug-pause)" : "$(loading~spin)";
    const what = state === "running" ? where || "running" : `${state} ${where}`.trim();
    const others = live.length > 1 ? ` +${live.length - 1}` : "";
    item.text = `${icon} ${modelName(file)}: ${what}${others}`;
    const loss = history?.loss.at(-1)?.mean;
    item.tooltip = [
      `Backstep: ${file}, ${what}`,
      start
        ? `${Math.round(history?.examplesPerSecond ?? 0).toLocaleString("en-US")} examples/s on ${start.device}`
        : "",
      typeof loss === "number" ? `loss ${shortNumber(loss)}` : "",
      live.length > 1 ? `${live.length} runs train` : "",
    ]
      .filter((text) => text !== "")
      .join("\n");
    item.accessibilityInformation = { label: item.tooltip };
    item.show();
  };
  const soon = (): void => {
    timer ??= setTimeout(draw, 250);
  };

  const listeners = [
    runs.listen(soon),
    programs.onDidChange(soon),
    checker.onDidCheck(soon),
    window.onDidChangeActiveTextEditor(soon),
    workspace.onDidGrantWorkspaceTrust(soon),
  ];
  soon();
  return {
    dispose() {
      clearTimeout(timer);
      for (const each of [item, ...listeners]) void each.dispose();
    },
  };
}
