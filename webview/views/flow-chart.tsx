/** The rows of the gradient flow: text in the page for those in sight, and one canvas behind them for everything drawn. */
import type { JSX } from "preact";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { prepareCanvas, useSize } from "../charts/canvas";
import { formatDecade, formatPercent, formatShort, px } from "../format";
import { position, ticks, type Scale } from "../charts/scale";
import { bandOf, DESCRIPTIONS, type FlowFigure } from "../flow/figures";
import { columnsFor, rowAt, rowsInSight, rowTop, scrollTo, totalHeight, type FlowLayout } from "../flow/layout";
import { INSET, paintMap, paintRows, side, tickCount, type FlowPicture, type Severity } from "../flow/paint";
import { createHeatPicture } from "../flow/picture";
import { currentValues, extendScale, recentExtremes, type ScaleMemory } from "../flow/series";
import type { FindingEvent, FlowColumn, StartEvent } from "../protocol";
import { useTheme } from "../theme";
import { FlowRow } from "./flow-row";
import { useGlide } from "./glide";
import { openLayer } from "./places";

export interface FlowChartProps {
  /** Null for what has neither a history nor anything to look into: a prediction. */
  readonly run: string | null;
  readonly layers: StartEvent["layers"];
  readonly columns: readonly FlowColumn[];
  readonly figure: FlowFigure;
  readonly findings: ReadonlyMap<number, readonly FindingEvent[]>;
  readonly cursor: number | null;
  /** The axis; where it is left out, one that holds the whole history. */
  readonly axis?: Scale;
}

/** Rows beyond those in sight that are rendered, so that scrolling shows no holes. */
const BEYOND = 6;
const HEAD_HEIGHT = 30;
const EMPTY_SCALE: Scale = { kind: "logarithmic", low: 1e-6, high: 1 };

export function FlowChart(props: FlowChartProps): JSX.Element {
  const { run, layers, columns, figure, findings, cursor } = props;
  const hasHistory = run !== null;
  const theme = useTheme();
  const scroller = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const map = useRef<HTMLCanvasElement>(null);
  const size = useSize(scroller);
  const [expanded, setExpanded] = useState<ReadonlyMap<number, number>>(new Map());
  const [active, setActive] = useState(0);
  const [scroll, setScroll] = useState(0);
  const heat = useMemo(createHeatPicture, []);
  const scales = useRef(new Map<FlowFigure, ScaleMemory>());

  const count = layers.length;
  const layout = useMemo<FlowLayout>(
    () => ({
      count,
      rowHeight: count > 24 ? 24 : 30,
      expanded: [...expanded].sort(([a], [b]) => a - b),
    }),
    [count, expanded],
  );
  const inSight = Math.max(size.height - HEAD_HEIGHT, 0);
  const height = totalHeight(layout);
  const hasMap = height > inSight + 1 && size.height > 0;
  const widths = columnsFor(size.width, hasMap, hasHistory);
  const rowWidth = size.width - widths.map;

  const scale = props.axis ?? historyScale(scales.current, columns, count, figure) ?? EMPTY_SCALE;
  const column = columns.at(-1);
  const band = column ? bandOf(column, count, figure) : null;
  const values = useMemo(() => currentValues(column, count, figure), [column, count, figure]);
  const recent = useMemo(() => recentExtremes(columns, count, figure), [columns, count, figure]);
  const severities = useMemo(() => {
    const worst = new Map<number, Severity>();
    for (const [layer, [finding]] of findings) if (layer >= 0 && finding) worst.set(layer, finding.severity);
    return worst;
  }, [findings]);

  const [first, end] = rowsInSight(layout, scroll, inSight, BEYOND);
  const painted = useRef<{ picture: FlowPicture; first: number; end: number } | undefined>(undefined);

  const paint = useCallback((positions: Float64Array) => {
    const now = painted.current;
    if (!now || !canvas.current) return;
    const { picture } = now;
    const drawn = { ...picture, marks: { ...picture.marks, positions } };
    const rows = {
      width: rowWidthOf(picture),
      height: rowTop(picture.layout, now.end) - rowTop(picture.layout, now.first),
    };
    const context = prepareCanvas(canvas.current, rows);
    if (context) paintRows(context, drawn, now.first, now.end);
    paintMapOf(map.current, scroller.current, drawn);
  }, []);

  const glide = useGlide(paint);
  useLayoutEffect(() => {
    if (size.width === 0) return;
    if (hasHistory) {
      heat.update(
        { layers: count, figure, scale, pixels: theme.rampPixels },
        columns,
        (widths.strip - 4) * devicePixelRatio,
      );
    }
    const marks = { values, recent, severities, positions: new Float64Array(0) };
    painted.current = { picture: { layout, columns: widths, scale, band, marks, heat, theme }, first, end };
    glide(values, scale, figure);
  });

  const show = useCallback(
    (layer: number) => {
      const element = scroller.current;
      if (!element) return;
      element.scrollTop = scrollTo(layout, layer, element.scrollTop, element.clientHeight - HEAD_HEIGHT);
    },
    [layout],
  );
  const reach = useRef(show);
  reach.current = show;
  useEffect(() => {
    if (cursor !== null && cursor < count) reach.current(cursor);
  }, [cursor, count]);

  const focus = (layer: number): void => {
    const next = Math.min(Math.max(layer, 0), count - 1);
    setActive(next);
    show(next);
    requestAnimationFrame(() => scroller.current?.querySelector<HTMLElement>(`[data-layer="${next}"]`)?.focus());
  };
  const expand = (layer: number, open: boolean): void => {
    if (!hasHistory || open === expanded.has(layer)) return;
    const next = new Map(expanded);
    if (open) next.set(layer, 200);
    else next.delete(layer);
    setExpanded(next);
  };
  const measure = (layer: number, height: number): void => {
    if (!expanded.has(layer) || Math.abs((expanded.get(layer) ?? 0) - height) < 1) return;
    setExpanded(new Map(expanded).set(layer, height));
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (!(event.target instanceof HTMLElement) || event.target.dataset.layer === undefined) return;
    const page = Math.max(Math.floor(inSight / layout.rowHeight) - 1, 1);
    const action: Record<string, () => void> = {
      ArrowDown: () => focus(active + 1),
      ArrowUp: () => focus(active - 1),
      PageDown: () => focus(active + page),
      PageUp: () => focus(active - page),
      Home: () => focus(0),
      End: () => focus(count - 1),
      ArrowRight: () => expand(active, true),
      ArrowLeft: () => expand(active, false),
      " ": () => expand(active, !expanded.has(active)),
      Enter: () => openLayer(layers[active]),
    };
    const act = action[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  };

  const rows: number[] = [];
  for (let layer = first; layer < end; layer++) rows.push(layer);
  // The row with the focus stays in the page wherever one scrolls to: else the keyboard loses its place.
  const shownActive = Math.min(active, count - 1);
  if (shownActive < first) rows.unshift(shownActive);
  else if (shownActive >= end) rows.push(shownActive);

  const tickValues = ticks(scale, tickCount(widths.profile));
  const grid = `${widths.name}px ${widths.profile}px ${widths.value}px ${widths.strip}px`;
  return (
    <div class="flow">
      <div
        class="flow-scroll"
        ref={scroller}
        role={hasHistory ? "treegrid" : "grid"}
        aria-label={`${DESCRIPTIONS[figure].label} of every layer, from input to output`}
        aria-rowcount={count + 1}
        onScroll={(event) => setScroll(event.currentTarget.scrollTop)}
        onKeyDown={onKeyDown}
      >
        <div class="flow-head" role="row" aria-rowindex={1} style={{ gridTemplateColumns: grid, width: px(rowWidth) }}>
          <span role="columnheader">Layer</span>
          <span role="columnheader" class="flow-axis" aria-label={DESCRIPTIONS[figure].label}>
            {tickValues.map((tick) => (
              <span key={tick} style={{ left: px(INSET + position(scale, tick) * (widths.profile - 2 * INSET)) }}>
                {scale.kind === "linear" ? formatPercent(tick).replace(".0", "") : formatDecade(tick)}
              </span>
            ))}
          </span>
          <span role="columnheader" class="flow-now">
            {hasHistory ? "Now" : "Value"}
          </span>
          {hasHistory && (
            <span role="columnheader" class="flow-time" aria-label="History">
              <span>{columns.length > 0 ? formatShort(Math.max(columns[0].iteration - 1, 0)) : ""}</span>
              <span
                class="flow-ramp"
                aria-hidden="true"
                style={{
                  backgroundImage: `linear-gradient(90deg, ${theme.ramp.filter((_, i) => i % 15 === 0).join(", ")})`,
                }}
              />
              <span>{column ? formatShort(column.iteration) : ""}</span>
            </span>
          )}
        </div>
        <div class="flow-body" role="rowgroup" style={{ height: px(height) }}>
          {rows.map((layer) => (
            <FlowRow
              key={layer}
              run={run}
              layer={layer}
              info={layers[layer]}
              top={rowTop(layout, layer)}
              height={layout.rowHeight}
              columns={grid}
              width={rowWidth}
              value={values[layer]}
              fraction={DESCRIPTIONS[figure].kind === "fraction"}
              side={side(band, values[layer])}
              findings={findings.get(layer)}
              expanded={expanded.has(layer)}
              focusable={layer === shownActive}
              cursor={layer === cursor}
              onFocus={setActive}
              onExpand={expand}
              onMeasure={measure}
            />
          ))}
          <canvas class="flow-canvas" ref={canvas} aria-hidden="true" style={{ top: px(rowTop(layout, first)) }} />
        </div>
      </div>
      {hasMap && widths.map > 0 && (
        <canvas
          class="flow-map"
          ref={map}
          aria-hidden="true"
          title="The whole network: click to go there"
          style={{ width: px(widths.map - 10), height: px(size.height) }}
          onPointerDown={(event) => {
            event.currentTarget.setPointerCapture(event.pointerId);
            goTo(event, scroller.current, layout);
          }}
          onPointerMove={(event) => {
            if (event.buttons === 1) goTo(event, scroller.current, layout);
          }}
        />
      )}
    </div>
  );
}

/** The figure's axis with what came since. */
function historyScale(
  memories: Map<FlowFigure, ScaleMemory>,
  columns: readonly FlowColumn[],
  count: number,
  figure: FlowFigure,
): Scale | undefined {
  const memory = extendScale(memories.get(figure), columns, count, figure);
  memories.set(figure, memory);
  return memory.scale;
}

function rowWidthOf({ columns }: FlowPicture): number {
  return columns.name + columns.profile + columns.value + columns.strip;
}

function paintMapOf(canvas: HTMLCanvasElement | null, scroller: HTMLElement | null, picture: FlowPicture): void {
  if (!canvas || !scroller) return;
  const size = { width: picture.columns.map - 10, height: scroller.clientHeight };
  const context = prepareCanvas(canvas, size);
  if (!context) return;
  const { layout } = picture;
  const row = size.height / Math.max(layout.count, 1);
  const top = rowAt(layout, scroller.scrollTop) * row;
  const bottom = (rowAt(layout, scroller.scrollTop + scroller.clientHeight - HEAD_HEIGHT) + 1) * row;
  paintMap(context, picture, size, { top, bottom });
}

/** Brings the layer under the pointer on the map into the middle. */
function goTo(event: PointerEvent, scroller: HTMLElement | null, layout: FlowLayout): void {
  if (!scroller || !(event.currentTarget instanceof HTMLElement)) return;
  const box = event.currentTarget.getBoundingClientRect();
  const layer = Math.floor(((event.clientY - box.top) / box.height) * layout.count);
  const inSight = scroller.clientHeight - HEAD_HEIGHT;
  scroller.scrollTop = rowTop(layout, Math.min(Math.max(layer, 0), layout.count - 1)) - inSight / 2;
}
