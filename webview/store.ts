/**
 * Holds the panel's state and renders from it: at most once a frame however many messages come, and not at all while the
 * panel is hidden. Views read it by hooks.
 */
import { useEffect, useState } from "preact/hooks";
import { type Face, frontAfter, isLive, shownFace } from "./front";
import { connect, savedState, saveState } from "./host";
import { defaultPreferences, restore, type Preferences, type SavedState } from "./preferences";
import type { RunHistory } from "./protocol";
import { emptyModel, reduce, shownHistory, type PanelModel } from "./state";

let model: PanelModel = emptyModel;
let preferences: Preferences = defaultPreferences;
const listeners = new Set<() => void>();
let frame = 0;
let stale = false;

/** Begins to listen to the extension. */
export function startStore(): void {
  const { panel, preferences: restored } = restore(savedState());
  preferences = restored;
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && stale) request();
  });
  connect((message) => {
    const before = model;
    model = reduce(model, message);
    if (message.type === "front") {
      const front = frontAfter(preferences.front, message.what, isLive(shownHistory(model)?.state));
      if (front !== preferences.front) setPreferences({ front });
    }
    if (model.shown !== before.shown || model.compared !== before.compared) save();
    if (model !== before) request();
  }, panel);
}

/** The face that is drawn. */
export function faceNow(): Face {
  return shownFace(preferences.front, model.edited !== null, model.shown !== null) ?? "run";
}

export function useModel(): PanelModel {
  useRendering();
  return model;
}

/** Of the shown run or one compared with it; null for others. */
export function useHistory(run: string): RunHistory | null {
  useRendering();
  return model.histories[run] ?? null;
}

export function usePreferences(): Preferences {
  useRendering();
  return preferences;
}

export function setPreferences(change: Partial<Preferences>): void {
  preferences = { ...preferences, ...change };
  save();
  request();
}

/** Renders the calling component again after every change, once a frame. */
function useRendering(): void {
  const [, setTurn] = useState(0);
  useEffect(() => {
    const listener = (): void => setTurn((turn) => turn + 1);
    listeners.add(listener);
    // What came between the rendering and this effect.
    listener();
    return () => void listeners.delete(listener);
  }, []);
}

function request(): void {
  stale = true;
  if (document.hidden || frame !== 0) return;
  frame = requestAnimationFrame(() => {
    frame = 0;
    stale = false;
    for (const listener of [...listeners]) listener();
  });
}

function save(): void {
  const state: SavedState = { panel: { run: model.shown, compared: model.compared }, preferences };
  saveState(state);
}
