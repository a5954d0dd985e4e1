import {
  EventEmitter,
  ThemeIcon,
  TreeItem,
  TreeItemCollapsibleState,
  type Uri,
  window,
  workspace,
  type Disposable,
} from "vscode";
import { dirname } from "node:path";
import type { CheckReport } from "../../engine/api/host";
import { isLive } from "../run/record";
import { findModels, shownPath } from "../model-files";
import type { Services } from "../services";

/** The model files of the workspace, each with its layers. */
export type ModelItem =
  | { readonly kind: "model"; readonly uri: Uri }
  | { readonly kind: "layer"; readonly uri: Uri; readonly layer: CheckReport["layers"][number] };

export function registerModelsView({ checker, runs, modelsChanged }: Services): Disposable {
  const changed = new EventEmitter<void>();
  const view = window.createTreeView<ModelItem>("backstep.models", {
    showCollapseAll: true,
    treeDataProvider: {
      onDidChangeTreeData: changed.event,
      async getChildren(item) {
        if (!item) return (await findModels()).map((uri) => ({ kind: "model", uri }));
        if (item.kind === "layer") return [];
        const layers = checker.report(item.uri)?.layers ?? [];
        return layers.map((layer) => ({ kind: "layer", uri: item.uri, layer }));
      },
      getTreeItem(item) {
        return item.kind === "model" ? modelItem(item.uri) : layerItem(item);
      },
    },
  });

  function modelItem(uri: Uri): TreeItem {
    // Only what is seen is checked.
    checker.want(uri);
    const report = checker.report(uri);
    const run = runs.currentOf(uri.fsPath);
    const live = run !== undefined && isLive(run.summary.state);
    const errors = report?.issues.filter(({ severity }) => severity === "error").length ?? 0;
    const collapsible = report?.layers.length ? TreeItemCollapsibleState.Collapsed : TreeItemCollapsibleState.None;
    const item = new TreeItem(uri, collapsible);
    item.id = uri.toString();
    item.contextValue = "model";
    item.iconPath = new ThemeIcon(live ? "loading~spin" : errors > 0 || report === null ? "error" : "circuit-board");
    item.description = [describe(report, errors), dirname(shownPath(uri))]
      .filter((text) => text !== "" && text !== ".")
      .join(" · ");
    item.tooltip = shownPath(uri);
    item.command = { command: "vscode.open", title: "Open", arguments: [uri] };
    return item;
  }

  const listeners = [
    modelsChanged.event(() => changed.fire()),
    checker.onDidCheck(() => changed.fire()),
    workspace.onDidGrantWorkspaceTrust(() => changed.fire()),
    runs.listen(({ kind }) => {
      if (kind === "state") changed.fire();
    }),
  ];
  return { dispose: () => [view, changed, ...listeners].forEach((each) => void each.dispose()) };
}

function describe(report: CheckReport | null | undefined, errors: number): string {
  if (report === null) return "cannot be read";
  if (report === undefined) return "";
  if (errors > 0) return `${errors} ${errors === 1 ? "error" : "errors"}`;
  const { layers, parameters } = report;
  const count = `${parameters.toLocaleString("en-US")} ${parameters === 1 ? "parameter" : "parameters"}`;
  if (layers.length === 0) return parameters === 0 ? "" : count;
  return `${layers.length} ${layers.length === 1 ? "layer" : "layers"}, ${count}`;
}

function layerItem({ uri, layer }: Extract<ModelItem, { kind: "layer" }>): TreeItem {
  const item = new TreeItem(layer.name);
  item.contextValue = "layer";
  item.iconPath = new ThemeIcon("layers");
  const shape = layer.outputShape === null ? "?" : `[${layer.outputShape.join(", ")}]`;
  const parameters = layer.parameters === 0 ? "" : ` · ${layer.parameters.toLocaleString("en-US")}`;
  item.description = `${layer.type} → ${shape}${parameters}`;
  item.tooltip = `${layer.name} (${layer.type}): ${layer.inputShapes.map((each) => `[${each?.join(", ") ?? "?"}]`).join(", ")} → ${shape}, ${layer.parameters.toLocaleString("en-US")} parameters`;
  if (layer.line !== null) {
    item.command = { command: "backstep.openLine", title: "Go to Line", arguments: [uri.fsPath, layer.line] };
  }
  return item;
}
