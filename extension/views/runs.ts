import {
  EventEmitter,
  MarkdownString,
  ThemeColor,
  ThemeIcon,
  TreeItem,
  window,
  workspace,
  type Disposable,
} from "vscode";
import { ago, duration, endText, progressText, purposeText, resultText } from "../format";
import { isLive, modelName } from "../run/record";
import type { Run } from "../run/runs";
import type { Services } from "../services";

/** An item of the view of runs; commands of its menu get it. */
export interface RunItem {
  readonly run: string;
}

/** How often what is live is drawn anew, in milliseconds. */
const REDRAW_MS = 1000;
/** How often other windows are looked at while the view is seen. */
const REFRESH_MS = 15_000;

export function registerRunsView({ runs, log }: Services): Disposable {
  const changed = new EventEmitter<RunItem | undefined>();
  const items = new Map<string, RunItem>();
  const itemOf = (id: string): RunItem => {
    const item = items.get(id) ?? { run: id };
    items.set(id, item);
    return item;
  };
  const refresh = (): void => void runs.refresh().catch((error: unknown) => log.warn(`runs: ${String(error)}`));
  let read = false;
  const view = window.createTreeView<RunItem>("backstep.runs", {
    canSelectMany: true,
    treeDataProvider: {
      onDidChangeTreeData: changed.event,
      async getChildren(item) {
        if (item) return [];
        // The disk is read when somebody looks, not before.
        if (!read) {
          read = true;
          await runs.refresh();
        }
        return runs.list().map(({ summary: { id } }) => itemOf(id));
      },
      getTreeItem: ({ run: id }) => {
        const run = runs.get(id);
        return run ? treeItem(run, runs.liveHistory(id)) : new TreeItem("deleted");
      },
    },
  });

  let timer: NodeJS.Timeout | undefined;
  const redraw = new Set<string>();
  const listeners = [
    runs.listen((change) => {
      if (change.kind === "tick") {
        redraw.add(change.id);
        timer ??= setTimeout(() => {
          timer = undefined;
          for (const id of redraw) changed.fire(itemOf(id));
          redraw.clear();
        }, REDRAW_MS);
      } else if (change.kind === "state" || change.kind === "started") changed.fire(itemOf(change.id));
      else if (change.kind !== "note" && change.kind !== "log") changed.fire(undefined);
    }),
    view.onDidChangeVisibility(({ visible }) => {
      if (visible && read) refresh();
    }),
    window.onDidChangeWindowState(({ focused }) => {
      if (focused && view.visible) refresh();
    }),
    workspace.onDidGrantWorkspaceTrust(() => changed.fire(undefined)),
  ];
  const interval = setInterval(() => {
    if (view.visible && window.state.focused && runs.list().some(({ elsewhere }) => elsewhere)) refresh();
  }, REFRESH_MS);

  return {
    dispose() {
      clearTimeout(timer);
      clearInterval(interval);
      for (const each of [view, changed, ...listeners]) void each.dispose();
    },
  };
}

function treeItem(run: Run, history: ReturnType<Services["runs"]["liveHistory"]>): TreeItem {
  const { summary, end, failure, elsewhere, debugged, folder } = run;
  const live = isLive(summary.state);
  const item = new TreeItem(modelName(summary.file));
  item.id = summary.id;
  item.iconPath = iconOf(run);
  item.contextValue = [
    "run",
    ...(live && !elsewhere ? ["live", debugged ? "debugged" : summary.state === "paused" ? "paused" : "running"] : []),
    ...(live ? [] : ["over"]),
    ...(summary.resumable ? ["resumable"] : []),
    ...(folder === null ? [] : ["saved"]),
  ].join(" ");
  const epochs = progressText(live ? (history?.epoch ?? summary.epochs) : summary.epochs, history?.start?.epochs);
  const state = live ? (summary.state === "running" ? epochs : `${summary.state} ${epochs}`.trim()) : endText(run);
  const results = resultText(run);
  item.description = [
    debugged ? purposeText("debug") : purposeText(summary.purpose),
    elsewhere ? "in another window" : "",
    state,
    results,
    ...(end ? [duration(end.seconds)] : []),
    ago(Date.now() - summary.started),
  ]
    .filter((text) => text !== "")
    .join(" · ");
  const tooltip = new MarkdownString();
  tooltip.appendText(`${summary.file}\n`);
  tooltip.appendText(`${new Date(summary.started).toLocaleString()}: ${live ? summary.state : endText(run)}\n`);
  if (results !== "")
    tooltip.appendText(`after ${summary.epochs} ${summary.epochs === 1 ? "epoch" : "epochs"}: ${results}\n`);
  if (failure !== null) tooltip.appendText(`${failure}\n`);
  if (folder === null) tooltip.appendText("not saved\n");
  item.tooltip = tooltip;
  item.accessibilityInformation = { label: `run of ${summary.file}, ${item.description}` };
  item.command = { command: "backstep.runs.show", title: "Show in Panel", arguments: [{ run: summary.id }] };
  return item;
}

function iconOf({ summary: { state, worst }, failure, debugged }: Run): ThemeIcon {
  if (debugged) return new ThemeIcon("debug-alt");
  switch (state) {
    case "starting":
    case "running":
    case "stopping":
      return new ThemeIcon("loading~spin");
    case "paused":
      return new ThemeIcon("debug-pause");
    case "failed":
      return failure?.startsWith("interrupted")
        ? new ThemeIcon("debug-disconnect", new ThemeColor("list.warningForeground"))
        : new ThemeIcon("error", new ThemeColor("list.errorForeground"));
    case "ended":
      return worst === "error" || worst === "warning"
        ? new ThemeIcon("warning", new ThemeColor("list.warningForeground"))
        : new ThemeIcon("pass");
    default:
      return state satisfies never;
  }
}
