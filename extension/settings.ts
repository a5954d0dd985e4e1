import { workspace, type Uri } from "vscode";
import type { Device } from "../engine/api/host";

/** The user's settings, read anew each time: a change holds for what is started next. */
export interface Settings {
  readonly host: "thread" | "process";
  /** Seconds. */
  readonly timeLimit: number;
  /** MiB. */
  readonly memoryLimit: number;
  readonly device: Device;
  /** 0: as many as the machine has cores. */
  readonly threads: number;
  readonly checkOnChange: boolean;
  /** Whether one small batch is tried after each check. */
  readonly predictions: boolean;
  readonly codeLens: boolean;
  /** Which calls say their shape behind them. */
  readonly shapeHints: "layers" | "all" | "off";
  readonly openPanelOnTrain: boolean;
  readonly notifications: "all" | "problems";
  readonly debug: DebugSettings;
}

export interface DebugSettings {
  /** What debug configurations mean where they say nothing. */
  readonly defaults: {
    /** Which passes breakpoints stop. */
    readonly passes: "all" | "forward" | "backward" | "update";
    /** MiB that are kept for going back. */
    readonly historyLimit: number;
  };
  readonly inlineValues: boolean;
  readonly jacobianLayout: "denominator" | "numerator";
}

export function settingsFor(uri?: Uri): Settings {
  const configuration = workspace.getConfiguration("backstep", uri ?? null);
  return {
    host: configuration.get<string>("engine.host") === "process" ? "process" : "thread",
    timeLimit: atLeast(1, configuration.get("engine.timeLimit"), 10),
    memoryLimit: atLeast(128, configuration.get("engine.memoryLimit"), 4096),
    device: oneOf(["cpu", "webgpu"], configuration.get("engine.device")),
    threads: Math.round(atLeast(0, configuration.get("engine.threads"), 0)),
    checkOnChange: configuration.get("check.onChange", true),
    predictions: configuration.get("check.predictGradients", true),
    codeLens: configuration.get("codeLens", true),
    shapeHints: oneOf(["layers", "all", "off"], configuration.get("hints.shapes")),
    openPanelOnTrain: configuration.get("panel.openOnTrain", true),
    notifications: configuration.get<string>("notifications") === "problems" ? "problems" : "all",
    debug: {
      defaults: {
        passes: oneOf(["all", "forward", "backward", "update"], configuration.get("debug.passes")),
        historyLimit: Math.round(atLeast(16, configuration.get("debug.historyLimit"), 512)),
      },
      inlineValues: configuration.get("debug.inlineValues", true),
      jacobianLayout: oneOf(["denominator", "numerator"], configuration.get("debug.jacobianLayout")),
    },
  };
}

/** Settings files may hold anything. */
function atLeast(least: number, value: unknown, standard: number): number {
  return typeof value === "number" && Number.isFinite(value) ? Math.max(least, value) : standard;
}

/** The first where it is none of them. */
function oneOf<T extends string>(allowed: readonly [T, ...T[]], value: unknown): T {
  return allowed.find((each) => each === value) ?? allowed[0];
}
