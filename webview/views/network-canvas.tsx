/** A drawing that is moved and enlarged with mouse, wheel, touch and keys. */
import type { ComponentChildren, JSX, RefObject } from "preact";
import { useCallback, useEffect, useImperativeHandle, useLayoutEffect, useRef } from "preact/hooks";
import { useSize } from "../charts/canvas";
import { Button } from "../ui";
import type { Point } from "./network-layout";

export interface CanvasHandle {
  /** Where a point of the drawing is on the screen, in pixels from the corner of the view. */
  screenOf(point: Point): Point;
  /** Moves the drawing so that a point of it is there. */
  hold(point: Point, screen: Point): void;
  /** Moves it as little as possible so that a part of it is in sight. */
  reveal(box: { readonly x: number; readonly y: number; readonly width: number; readonly height: number }): void;
}

export interface CanvasProps {
  readonly handle: RefObject<CanvasHandle | null>;
  readonly label: string;
  readonly width: number;
  readonly height: number;
  /** Where one begins to read, in sight at first also in a drawing too large to be shown whole. */
  readonly start: number;
  /** The drawing is placed anew whenever this changes. */
  readonly subject: string;
  readonly children: ComponentChildren;
  readonly onKeyDown: (event: KeyboardEvent) => void;
}

interface View {
  x: number;
  y: number;
  scale: number;
}

const LEAST = 0.05;
const MOST = 4;
/** Below this, texts cannot be read: a large drawing begins at its top instead of being shown whole. */
const READABLE = 0.7;
const EDGE = 24;
const STEP = 60;
const ZOOM = 1.25;

export function Canvas(props: CanvasProps): JSX.Element {
  const { handle, label, width, height, start, subject, children, onKeyDown } = props;
  const frame = useRef<HTMLDivElement>(null);
  const drawing = useRef<SVGGElement>(null);
  const view = useRef<View>({ x: 0, y: 0, scale: 1 });
  const size = useSize(frame);
  const content = useRef({ width, height, start });
  content.current = { width, height, start };

  const apply = useCallback((next: View): void => {
    view.current = next;
    drawing.current?.setAttribute("transform", `translate(${next.x} ${next.y}) scale(${next.scale})`);
  }, []);
  const zoom = useCallback(
    (factor: number, at: Point): void => {
      const { x, y, scale } = view.current;
      const next = Math.min(Math.max(scale * factor, LEAST), MOST);
      const ratio = next / scale;
      apply({ x: at.x - (at.x - x) * ratio, y: at.y - (at.y - y) * ratio, scale: next });
    },
    [apply],
  );
  const pan = useCallback(
    (x: number, y: number) => apply({ ...view.current, x: view.current.x + x, y: view.current.y + y }),
    [apply],
  );
  const fit = useCallback(
    (least: number): void => {
      const element = frame.current;
      if (!element || element.clientWidth === 0) return;
      const { width: wide, height: high, start: first } = content.current;
      const [w, h] = [element.clientWidth, element.clientHeight];
      const scale = Math.min(Math.max(Math.min((w - EDGE) / wide, (h - EDGE) / high), least), 1.2);
      const room = w - wide * scale;
      const x = room >= 0 ? room / 2 : Math.min(0, Math.max(room, w / 2 - first * scale));
      apply({ x, y: Math.max((h - high * scale) / 2, EDGE / 2), scale });
    },
    [apply],
  );

  const shown = size.width > 0;
  useLayoutEffect(() => {
    if (shown) fit(READABLE);
  }, [subject, shown, fit]);

  useImperativeHandle(
    handle,
    () => ({
      screenOf: ({ x, y }) => {
        const { x: left, y: top, scale } = view.current;
        return { x: left + x * scale, y: top + y * scale };
      },
      hold: (point, screen) => {
        const { scale } = view.current;
        apply({ x: screen.x - point.x * scale, y: screen.y - point.y * scale, scale });
      },
      reveal: (box) => {
        const element = frame.current;
        if (!element) return;
        const { x, y, scale } = view.current;
        const [left, top] = [x + box.x * scale, y + box.y * scale];
        const [right, bottom] = [left + box.width * scale, top + box.height * scale];
        pan(
          left < EDGE ? EDGE - left : Math.min(0, element.clientWidth - EDGE - right),
          top < EDGE ? EDGE - top : Math.min(0, element.clientHeight - EDGE - bottom),
        );
      },
    }),
    [apply, pan],
  );

  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    const wheel = (event: WheelEvent): void => {
      event.preventDefault();
      const box = element.getBoundingClientRect();
      const at = { x: event.clientX - box.left, y: event.clientY - box.top };
      // Lines of a mouse wheel, pixels of a touchpad; a pinch comes as a wheel with Ctrl.
      const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 20 : 1;
      if (event.shiftKey) pan(-(event.deltaY + event.deltaX) * unit, 0);
      else zoom(Math.exp(-event.deltaY * unit * (event.ctrlKey ? 0.01 : 0.0015)), at);
    };
    // A listener that may keep the page from scrolling must say so.
    element.addEventListener("wheel", wheel, { passive: false });
    return () => element.removeEventListener("wheel", wheel);
  }, [pan, zoom]);

  const middle = (): Point => ({ x: (frame.current?.clientWidth ?? 0) / 2, y: (frame.current?.clientHeight ?? 0) / 2 });
  const keyDown = (event: KeyboardEvent): void => {
    const direction = event.shiftKey ? DIRECTIONS[event.key] : undefined;
    if (direction) pan(-direction.x * STEP, -direction.y * STEP);
    else if (event.key === "+" || event.key === "=") zoom(ZOOM, middle());
    else if (event.key === "-") zoom(1 / ZOOM, middle());
    else if (event.key === "0") fit(LEAST);
    else return onKeyDown(event);
    event.preventDefault();
  };
  return (
    <div class="net-frame" ref={frame} onKeyDown={keyDown} {...dragging(pan)}>
      <svg class="net-svg" width={size.width} height={size.height} role="group" aria-label={label}>
        <g ref={drawing}>{children}</g>
      </svg>
      <div class="net-zoom">
        <Button appearance="icon" label="Larger (+)" onClick={() => zoom(ZOOM, middle())}>
          +
        </Button>
        <Button appearance="icon" label="Smaller (-)" onClick={() => zoom(1 / ZOOM, middle())}>
          −
        </Button>
        <Button appearance="icon" label="Show all (0)" onClick={() => fit(LEAST)}>
          Fit
        </Button>
      </div>
    </div>
  );
}

const DIRECTIONS: Readonly<Record<string, Point | undefined>> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};

/** Pixels that a press may move and still be a click. */
const SLACK = 4;

/** Handlers that pan while the pointer is held down on the drawing. A click on a node stays a click. */
function dragging(pan: (x: number, y: number) => void): { onPointerDown: (event: PointerEvent) => void } {
  return {
    onPointerDown: (event) => {
      if (event.button !== 0) return;
      const element = event.currentTarget as HTMLElement;
      let last = { x: event.clientX, y: event.clientY };
      let moved = 0;
      const move = (next: PointerEvent): void => {
        moved += Math.abs(next.clientX - last.x) + Math.abs(next.clientY - last.y);
        if (moved > SLACK) {
          if (!element.hasPointerCapture(next.pointerId)) element.setPointerCapture(next.pointerId);
          pan(next.clientX - last.x, next.clientY - last.y);
        }
        last = { x: next.clientX, y: next.clientY };
      };
      const end = (): void => {
        element.removeEventListener("pointermove", move);
        element.removeEventListener("pointerup", end);
        element.removeEventListener("pointercancel", end);
      };
      element.addEventListener("pointermove", move);
      element.addEventListener("pointerup", end);
      element.addEventListener("pointercancel", end);
    },
  };
}
