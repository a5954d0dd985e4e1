/** Marks that glide to their new places instead of jumping there ten times a second. */
import { useCallback, useEffect, useRef } from "preact/hooks";
import type { Scale } from "../charts/scale";
import type { FlowFigure } from "../flow/figures";
import { targets } from "../flow/series";

/** Milliseconds in which most of a way is gone: marks arrive before the next tick. */
const PACE = 35;

interface Glide {
  now: Float64Array;
  goal: Float64Array;
  axis: string;
  /** 0 while nothing moves. */
  frame: number;
  time: number;
}

/** Calls `paint` with the places of all marks until they stand where their values are; at once where motion is unwanted. */
export function useGlide(
  paint: (positions: Float64Array) => void,
): (values: readonly (number | null)[], scale: Scale, figure: FlowFigure) => void {
  const state = useRef<Glide>({ now: new Float64Array(0), goal: new Float64Array(0), axis: "", frame: 0, time: 0 });
  useEffect(() => () => cancelAnimationFrame(state.current.frame), []);
  return useCallback(
    (values, scale, figure) => {
      const glide = state.current;
      glide.goal = targets(values, scale, glide.now);
      const axis = `${figure} ${scale.kind} ${scale.low} ${scale.high}`;
      // On another axis the old places mean nothing.
      if (axis !== glide.axis || glide.now.length !== glide.goal.length || still()) glide.now = glide.goal.slice();
      glide.axis = axis;
      const step = (time: number): void => {
        const part = 1 - Math.exp(-Math.min(time - glide.time, 100) / PACE);
        glide.time = time;
        let far = 0;
        for (let i = 0; i < glide.goal.length; i++) {
          const way = glide.goal[i] - glide.now[i];
          far = Math.max(far, Math.abs(way));
          glide.now[i] += way * part;
        }
        const arrived = far < 1e-3;
        if (arrived) glide.now = glide.goal.slice();
        paint(glide.now);
        glide.frame = arrived || document.hidden ? 0 : requestAnimationFrame(step);
      };
      if (glide.frame !== 0) {
        // On its way already: but rows may have moved, and must not wait for the next frame.
        paint(glide.now);
        return;
      }
      glide.time = performance.now();
      step(glide.time);
    },
    [paint],
  );
}

const reduced = matchMedia("(prefers-reduced-motion: reduce)");

/** VS Code has a setting of its own, which it tells by a class. */
function still(): boolean {
  return reduced.matches || document.body.classList.contains("vscode-reduce-motion");
}
