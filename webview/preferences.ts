/** How the user wants the panel drawn: kept by the webview's own state, apart from what the extension keeps. */
import type { PanelState } from "./protocol";
import { FLOW_FIGURES, type FlowFigure } from "./flow/figures";
import { FACES, firstFront, type Front } from "./front";
import { PREDICTED_FIGURES, type PredictedFigure } from "./model/predicted";

export const TABS = ["training", "network", "classes", "boundary", "images", "runs"] as const;
export type Tab = (typeof TABS)[number];

export const RUN_PANES = ["flow", "curves", "findings"] as const;
export const MODEL_PANES = ["network", "prediction", "issues", "layers"] as const;
export const PANES = [...RUN_PANES, ...MODEL_PANES] as const;
export type Pane = (typeof PANES)[number];

export interface Preferences {
  readonly front: Front;
  readonly tab: Tab;
  readonly figure: FlowFigure;
  /** Of the predicted gradient flow. */
  readonly predicted: PredictedFigure;
  /** From 0 (none) to just under 1. */
  readonly smoothing: number;
  readonly logarithmic: boolean;
  readonly axis: "iteration" | "epoch";
  /** Charts that are shown as a table. */
  readonly tables: readonly Pane[];
  /** The pane that takes the whole of its tab or face. */
  readonly maximized: Pane | null;
  /** Curves switched off in the legend. */
  readonly hidden: readonly string[];
}

export const defaultPreferences: Preferences = {
  front: firstFront,
  tab: "training",
  figure: "outputGradient",
  predicted: "outputGradient",
  smoothing: 0.6,
  logarithmic: false,
  axis: "iteration",
  tables: [],
  maximized: null,
  hidden: [],
};

/** What `setState` holds. */
export interface SavedState {
  readonly panel: PanelState;
  readonly preferences: Preferences;
}

/** Reads a saved state of this or an older version: what does not fit falls back to the default. */
export function restore(saved: unknown): { panel: PanelState | null; preferences: Preferences } {
  const { panel, preferences } = record(saved);
  return { panel: restorePanel(panel), preferences: restorePreferences(record(preferences)) };
}

function restorePanel(panel: unknown): PanelState | null {
  const { run, compared } = record(panel);
  if (run !== null && typeof run !== "string") return null;
  return { run, compared: strings(compared) };
}

function restorePreferences(saved: Record<string, unknown>): Preferences {
  const { tab, figure, predicted, smoothing, logarithmic, axis, tables, maximized, hidden } = saved;
  const front = record(saved.front);
  const or = defaultPreferences;
  return {
    front: { face: oneOf(FACES, front.face) ?? or.front.face, pinned: front.pinned === true },
    tab: oneOf(TABS, tab) ?? or.tab,
    figure: oneOf(FLOW_FIGURES, figure) ?? or.figure,
    predicted: oneOf(PREDICTED_FIGURES, predicted) ?? or.predicted,
    smoothing: typeof smoothing === "number" && smoothing >= 0 && smoothing < 1 ? smoothing : or.smoothing,
    logarithmic: typeof logarithmic === "boolean" ? logarithmic : or.logarithmic,
    axis: oneOf(["iteration", "epoch"] as const, axis) ?? or.axis,
    tables: PANES.filter((pane) => strings(tables).includes(pane)),
    maximized: oneOf(PANES, maximized) ?? null,
    hidden: strings(hidden),
  };
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

function oneOf<T extends string>(choices: readonly T[], value: unknown): T | undefined {
  return choices.find((choice) => choice === value);
}
