/** The page of a tensor as coloured cells with their numbers: scrolled, zoomed, and walked through with the arrow keys. */
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { prepareCanvas, useSize, type Size } from "../charts/canvas";
import { px } from "../format";
import { useTheme } from "../theme";
import { Button } from "../ui";
import { usePalette } from "../views/look-image";
import type { Range } from "../views/look-pixels";
import { ZOOMS, cellAt, cellSize, fittingZoom, marginOf } from "./cells";
import { cellName, fullNumber } from "./numbers";
import { moved } from "./paging";
import { paintHeat } from "./paint";
import { shadesOf } from "./shades";
import { valueAt, type Cell } from "./slicing";
import type { LookOf, TensorPicture } from "./protocol";

export interface HeatMapProps {
  readonly picture: TensorPicture;
  readonly of: LookOf;
  readonly range: Range;
  readonly zoom: number | null;
  readonly onZoom: (zoom: number | null) => void;
  readonly cursor: Cell | null;
  readonly onCursor: (cell: Cell) => void;
  /** Of an earlier stop. */
  readonly old: boolean;
}

/** Pixels of a wheel for one size of cells more or less. */
const WHEEL_STEP = 40;

interface Scroll {
  readonly left: number;
  readonly top: number;
}

export function HeatMap({ picture, of, range, zoom, onZoom, cursor, onCursor, old }: HeatMapProps): JSX.Element {
  const theme = useTheme();
  const palette = usePalette(theme);
  const frame = useRef<HTMLDivElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const anchor = useRef<{ x: number; y: number; row: number; column: number } | null>(null);
  const room = useSize(frame);
  const inner = useSize(scroller);
  const [scroll, setScroll] = useState<Scroll>({ left: 0, top: 0 });
  const [pointer, setPointer] = useState<{ readonly cell: Cell; readonly x: number; readonly y: number } | null>(null);
  const margin = marginOf(picture);
  const tallest = Math.max(240, Math.round(innerHeight * 0.62));
  const fitted = fittingZoom(picture.rows.count, picture.columns.count, {
    width: room.width - margin.width,
    height: tallest - margin.height,
  });
  const level = zoom ?? fitted;
  const cell = cellSize(level);
  const content: Size = {
    width: margin.width + picture.columns.count * cell.width,
    height: margin.height + picture.rows.count * cell.height,
  };
  const view: Size = {
    width: Math.min(inner.width, content.width),
    height: Math.min(inner.height, content.height),
  };
  const shades = useMemo(() => shadesOf(picture, range, palette), [picture, range.least, range.most, palette]);
  const hovered = pointer?.cell ?? null;

  useLayoutEffect(() => {
    if (!canvas.current || view.width === 0) return;
    const context = prepareCanvas(canvas.current, view);
    if (context) paintHeat(context, { picture, shades, cell, margin, scroll, view, theme, cursor, hovered });
  }, [picture, shades, level, scroll, view.width, view.height, theme, cursor, hovered]);

  // The cursor is brought into sight when it moves, not when the viewer scrolls away from it.
  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element || anchor.current) return;
    if (!cursor || valueAt(picture, cursor) === undefined) return element.scrollTo(0, 0);
    const [y, x] = [(cursor[0] - picture.rows.first) * cell.height, (cursor[1] - picture.columns.first) * cell.width];
    const [wide, high] = [element.clientWidth - margin.width, element.clientHeight - margin.height];
    if (x < element.scrollLeft) element.scrollLeft = x;
    else if (x + cell.width > element.scrollLeft + wide) element.scrollLeft = x + cell.width - wide;
    if (y < element.scrollTop) element.scrollTop = y;
    else if (y + cell.height > element.scrollTop + high) element.scrollTop = y + cell.height - high;
  }, [cursor, level, picture.rows.first, picture.columns.first]);

  // Held back, Ctrl and the wheel would zoom the whole window; a listener of Preact's may not hold back.
  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    let turned = 0;
    const wheel = (event: WheelEvent): void => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      // Touch pads send many small turns.
      turned += event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : 30);
      if (Math.abs(turned) < WHEEL_STEP) return;
      const box = element.getBoundingClientRect();
      const [x, y] = [event.clientX - box.left, event.clientY - box.top];
      anchor.current = {
        x,
        y,
        column: (x - margin.width + element.scrollLeft) / cell.width,
        row: (y - margin.height + element.scrollTop) / cell.height,
      };
      onZoom(stepped(level, turned < 0 ? 1 : -1));
      turned = 0;
    };
    element.addEventListener("wheel", wheel, { passive: false });
    return () => element.removeEventListener("wheel", wheel);
  }, [level, onZoom, margin.width]);

  // What was under the pointer stays there while the cells grow.
  useLayoutEffect(() => {
    const [element, at] = [scroller.current, anchor.current];
    anchor.current = null;
    if (!element || !at) return;
    element.scrollLeft = at.column * cell.width + margin.width - at.x;
    element.scrollTop = at.row * cell.height + margin.height - at.y;
  }, [level]);

  const under = (event: MouseEvent): Cell | null => {
    const box = canvas.current?.getBoundingClientRect();
    return box
      ? cellAt(picture, cell, margin, scroll, { x: event.clientX - box.left, y: event.clientY - box.top })
      : null;
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === "+" || event.key === "=") onZoom(stepped(level, 1));
    else if (event.key === "-") onZoom(stepped(level, -1));
    else if (event.key === "0") onZoom(null);
    else {
      const { rows, columns } = picture;
      const from: Cell = cursor ?? [rows.first, columns.first];
      const stride = Math.max(1, Math.floor((view.height - margin.height) / cell.height) - 1);
      const to = moved(from, event.key, event.ctrlKey || event.metaKey, rows.size, columns.size, stride);
      if (!to) return;
      onCursor(cursor ? to : from);
    }
    event.preventDefault();
  };
  const { rows, columns } = picture;
  return (
    <div class="heat" ref={frame}>
      <div
        ref={scroller}
        class={old ? "heat-scroll old" : "heat-scroll"}
        style={{ maxHeight: px(tallest) }}
        tabIndex={0}
        role="application"
        aria-roledescription="heat map"
        aria-label={`${picture.title}: ${rows.size} rows, ${columns.size} columns. Arrow keys move from cell to cell.`}
        aria-describedby="tensor-cell"
        onScroll={({ currentTarget }) => setScroll({ left: currentTarget.scrollLeft, top: currentTarget.scrollTop })}
        onKeyDown={onKeyDown}
        onPointerMove={(event) => {
          const at = under(event);
          setPointer(at && { cell: at, x: event.clientX, y: event.clientY });
        }}
        onPointerLeave={() => setPointer(null)}
        onClick={(event) => {
          const at = under(event);
          if (at) onCursor(at);
        }}
      >
        <div class="heat-space" style={{ width: px(content.width), height: px(content.height) }}>
          <canvas ref={canvas} class="heat-canvas" aria-hidden="true" />
        </div>
      </div>
      {pointer && <Tip picture={picture} of={of} {...pointer} />}
      <div class="heat-zoom" role="group" aria-label="Size of the cells">
        <Button
          appearance="icon"
          label="Smaller cells (-)"
          disabled={level === 0}
          onClick={() => onZoom(stepped(level, -1))}
        >
          −
        </Button>
        <Button
          appearance="icon"
          label="Larger cells (+)"
          disabled={level === ZOOMS.length - 1}
          onClick={() => onZoom(stepped(level, 1))}
        >
          +
        </Button>
        <Button
          appearance="icon"
          label="Cells as large as fit (0)"
          pressed={zoom === null}
          onClick={() => onZoom(null)}
        >
          Fit
        </Button>
      </div>
    </div>
  );
}

function stepped(level: number, by: number): number {
  return Math.min(Math.max(level + by, 0), ZOOMS.length - 1);
}

interface TipProps {
  readonly picture: TensorPicture;
  readonly of: LookOf;
  readonly cell: Cell;
  readonly x: number;
  readonly y: number;
}

/** Beside the pointer, on the side where there is room. */
function Tip({ picture, of, cell, x, y }: TipProps): JSX.Element {
  const value = valueAt(picture, cell);
  const left = x > innerWidth * 0.6;
  const up = y > innerHeight * 0.75;
  return (
    <div
      class="heat-tip"
      aria-hidden="true"
      style={{
        ...(left ? { right: px(innerWidth - x + 12) } : { left: px(x + 14) }),
        ...(up ? { bottom: px(innerHeight - y + 12) } : { top: px(y + 16) }),
      }}
    >
      <code>{cellName(picture, of, cell)}</code>
      <b class={value !== undefined && !Number.isFinite(value) ? "wrong-text" : ""}>
        {value === undefined ? "–" : fullNumber(value)}
      </b>
    </div>
  );
}
