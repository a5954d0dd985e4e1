/** A drawing that is moved and enlarged with mouse, wheel, touch and keys. */
import type { ComponentChildren, JSX, RefObject } from "preact";
import { useCallback, useEffect, useImperativeHandle, useLayoutEffect, useRef } from "preact/hooks";
import { useSize } from "../charts/canvas";
import { Button } from "../ui";
import type { Box, Point } from "./network-layout";
import { touches } from "./network-place";

export interface CanvasHandle {
  /** The part of the drawing that is in sight; null while nothing is. */
  sight(): Box | null;
  /** Whether the viewer moved or enlarged it. */
  isTouched(): boolean;
  /** Places it as at first. */
  fit(): void;
  /** Where a point of the drawing is on the screen, in pixels from the corner of the view. */
  screenOf(point: Point): Point;
  /** Moves the drawing so that a point of it is there. */
  hold(point: Point, screen: Point): void;
  /** Moves it as little as possible so that a part of it is in sight. */
  reveal(box: Box): void;
}

export interface CanvasProps {
  readonly handle: RefObject<CanvasHandle | null>;
  readonly label: string;
  readonly width: number;
  readonly height: number;
  /** Where one begins to read, in sight at first also in a drawing too large to be shown whole. */
  readonly start: number;
  /** What is drawn: another one is placed anew, or as it was left. */
  readonly subject: string;
  readonly children: ComponentChildren;
  readonly onKeyDown: (event: KeyboardEvent) => void;
}

interface View {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
  /** By the viewer. */
  readonly touched: boolean;
}

/** How drawings were left, by subject: kept while the panel lives, whatever is in sight. */
const left = new Map<string, View>();
const MOST_LEFT = 20;

const LEAST = 0.05;
const MOST = 4;
/** Below this, texts cannot be read: a large drawing begins at its top instead of being shown whole. */
const READABLE = 0.7;
const EDGE = 24;
const NARROW = 420;
/** Height of the buttons in the corner. */
const BUTTONS = 36;
const STEP = 60;
const ZOOM = 1.25;

export function Canvas(props: CanvasProps): JSX.Element {
  const { handle, label, width, height, start, subject, children, onKeyDown } = props;
  const frame = useRef<HTMLDivElement>(null);
  const drawing = useRef<SVGGElement>(null);
  const view = useRef<View>({ x: 0, y: 0, scale: 1, touched: false });
  const size = useSize(frame);
  const content = useRef({ width, height, start });
  content.current = { width, height, start };
  const about = useRef(subject);
  about.current = subject;

  const apply = useCallback((next: View): void => {
    view.current = next;
    drawing.current?.setAttribute("transform", `translate(${next.x} ${next.y}) scale(${next.scale})`);
    left.delete(about.current);
    left.set(about.current, next);
    if (left.size > MOST_LEFT) for (const [oldest] of [...left].slice(0, 1)) left.delete(oldest);
  }, []);
  const zoom = useCallback(
    (factor: number, at: Point): void => {
      const { x, y, scale } = view.current;
      const next = Math.min(Math.max(scale * factor, LEAST), MOST);
      const ratio = next / scale;
      apply({ x: at.x - (at.x - x) * ratio, y: at.y - (at.y - y) * ratio, scale: next, touched: true });
    },
    [apply],
  );
  const pan = useCallback(
    (x: number, y: number) => apply({ ...view.current, x: view.current.x + x, y: view.current.y + y, touched: true }),
    [apply],
  );
  const fit = useCallback(
    (least: number): void => {
      const element = frame.current;
      if (!element || element.clientWidth === 0) return;
      const { width: wide, height: high, start: first } = content.current;
      const w = element.clientWidth;
      // In a narrow view the buttons would cover the end of the drawing.
      const h = element.clientHeight - (w < NARROW ? BUTTONS : 0);
      const scale = Math.min(Math.max(Math.min((w - EDGE) / wide, (h - EDGE) / high), least), 1.2);
      const room = w - wide * scale;
      const x = room >= 0 ? room / 2 : Math.min(0, Math.max(room, w / 2 - first * scale));
      apply({ x, y: Math.max((h - high * scale) / 2, EDGE / 2), scale, touched: false });
    },
    [apply],
  );
  const sight = useCallback((): Box | null => {
    const element = frame.current;
    if (!element || element.clientWidth === 0) return null;
    const { x, y, scale } = view.current;
    return { x: -x / scale, y: -y / scale, width: element.clientWidth / scale, height: element.clientHeight / scale };
  }, []);

  const shown = size.width > 0;
  useLayoutEffect(() => {
    if (!shown) return;
    const before = left.get(subject);
    if (before) apply(before);
    // It may have changed meanwhile, and have nothing left where one was.
    const now = sight();
    if (!before?.touched || !now || !touches(now, { x: 0, y: 0, width, height })) fit(READABLE);
  }, [subject, shown, fit]);

  useImperativeHandle(
    handle,
    () => ({
      sight,
      isTouched: () => view.current.touched,
      fit: () => fit(READABLE),
      screenOf: ({ x, y }) => {
        const { x: across, y: down, scale } = view.current;
        return { x: across + x * scale, y: down + y * scale };
      },
      hold: (point, screen) => {
        const { scale, touched } = view.current;
        apply({ x: screen.x - point.x * scale, y: screen.y - point.y * scale, scale, touched });
      },
      reveal: (box) => {
        const element = frame.current;
        if (!element) return;
        const { x, y, scale } = view.current;
        const [from, top] = [x + box.x * scale, y + box.y * scale];
        const [to, bottom] = [from + box.width * scale, top + box.height * scale];
        const across = from < EDGE ? EDGE - from : Math.min(0, element.clientWidth - EDGE - to);
        const down = top < EDGE ? EDGE - top : Math.min(0, element.clientHeight - EDGE - bottom);
        if (across !== 0 || down !== 0) pan(across, down);
      },
    }),
    [apply, pan, fit, sight],
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
