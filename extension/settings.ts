import { workspace, type Uri } from "vscode";

/** The user's settings, read anew each time: a change holds for what is started next. */
export interface Settings {
  readonly host: "thread" | "process";
  /** Seconds. */
  readonly timeLimit: number;
  /** MiB. */
  readonly memoryLimit: number;
  readonly device: "cpu";
  readonly checkOnChange: boolean;
  readonly codeLens: boolean;
  readonly openPanelOnTrain: boolean;
  readonly notifications: "all" | "problems";
}

export function settingsFor(uri?: Uri): Settings {
  const configuration = workspace.getConfiguration("backstep", uri ?? null);
  return {
    host: configuration.get<string>("engine.host") === "process" ? "process" : "thread",
    timeLimit: atLeast(1, configuration.get("engine.timeLimit"), 10),
    memoryLimit: atLeast(128, configuration.get("engine.memoryLimit"), 4096),
    device: "cpu",
    checkOnChange: configuration.get("check.onChange", true),
    codeLens: configuration.get("codeLens", true),
    openPanelOnTrain: configuration.get("panel.openOnTrain", true),
    notifications: configuration.get<string>("notifications") === "problems" ? "problems" : "all",
  };
}

/** Settings files may hold anything. */
function atLeast(least: number, value: unknown, standard: number): number {
  return typeof value === "number" && Number.isFinite(value) ? Math.max(least, value) : standard;
}
