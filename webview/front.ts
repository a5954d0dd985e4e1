/** Which of its two faces the panel shows: the model in the editor, or a run. Pure. */
import type { RunState } from "./protocol";

export const FACES = ["model", "run"] as const;
export type Face = (typeof FACES)[number];

export interface Front {
  readonly face: Face;
  /** The viewer chose it: edits do not take it away. */
  readonly pinned: boolean;
}

export const firstFront: Front = { face: "run", pinned: false };

/**
 * After an edit (`model`) or the beginning of a training (`run`). A training always comes to the front. An edit does not take a
 * viewer away from a run that goes on, nor from a face that they chose themselves.
 */
export function frontAfter(front: Front, what: Face, running: boolean): Front {
  if (what === "run") return { face: "run", pinned: false };
  return front.face === "model" || front.pinned || running ? front : { ...front, face: "model" };
}

/** A click on a face. */
export function frontChosen(face: Face): Front {
  return { face, pinned: true };
}

/** The face that is drawn: where there is only one, that one; null where there is none. */
export function shownFace({ face }: Front, hasModel: boolean, hasRun: boolean): Face | null {
  if (hasModel && hasRun) return face;
  return hasModel ? "model" : hasRun ? "run" : null;
}

/** Whether a run goes on, or will. */
export function isLive(state: RunState | undefined): boolean {
  return state !== undefined && state !== "ended" && state !== "failed";
}
