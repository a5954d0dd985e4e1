/** uPlot as a component: the only file that knows it. */
import "uplot/dist/uPlot.min.css";
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { formatDecade, formatNumber, formatShort } from "../format";
import type { Theme } from "../theme";
import { useSize } from "./canvas";
import type { Chart, ChartCurve } from "./curves";

export interface PlotProps {
  readonly chart: Chart;
  readonly hidden: readonly string[];
  readonly logarithmic: boolean;
  /** What x counts. */
  readonly axis: string;
  readonly theme: Theme;
  /** Read out when the chart has the focus. */
  readonly label: string;
  /** Index on the x axis under the pointer or keyboard, or null. */
  readonly onHover: (index: number | null, byKeyboard: boolean) => void;
}

export function Plot({ chart, hidden, logarithmic, axis, theme, label, onHover }: PlotProps): JSX.Element {
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const zoomed = useRef(false);
  const byKeyboard = useRef(false);
  const hover = useRef(onHover);
  hover.current = onHover;
  const size = useSize(holder);
  const form = JSON.stringify([chart.curves, hidden, logarithmic, axis]);

  useLayoutEffect(() => {
    if (!holder.current) return;
    const options = optionsFor(chart, { hidden, logarithmic, axis, theme });
    const made = new uPlot(
      {
        ...options,
        width: Math.max(holder.current.clientWidth, 50),
        height: Math.max(holder.current.clientHeight, 50),
        hooks: {
          setCursor: [(now) => hover.current(now.cursor.idx ?? null, byKeyboard.current)],
          setSelect: [(now) => (zoomed.current = now.select.width > 0)],
        },
      },
      chart.data as uPlot.AlignedData,
      holder.current,
    );
    made.over.addEventListener("dblclick", () => (zoomed.current = false));
    made.over.addEventListener("pointermove", () => (byKeyboard.current = false));
    plot.current = made;
    zoomed.current = false;
    return () => {
      made.destroy();
      plot.current = null;
    };
  }, [form, theme]);

  // After a new plot was made its data are the same, and setting them costs nothing visible.
  useLayoutEffect(() => {
    if (plot.current && plot.current.data[0] !== chart.data[0]) {
      plot.current.setData(chart.data as uPlot.AlignedData, !zoomed.current);
    }
  }, [chart.data, form, theme]);

  useEffect(() => {
    if (size.width > 0) plot.current?.setSize(size);
  }, [size.width, size.height, form, theme]);

  const onKeyDown = (event: KeyboardEvent): void => {
    const now = plot.current;
    const last = chart.data[0].length - 1;
    if (!now || last < 0) return;
    const index = now.cursor.idx ?? last;
    const move: Record<string, number> = {
      ArrowLeft: index - 1,
      ArrowRight: index + 1,
      PageUp: index - Math.ceil(last / 10),
      PageDown: index + Math.ceil(last / 10),
      Home: 0,
      End: last,
    };
    const next = move[event.key];
    if (next === undefined) return;
    event.preventDefault();
    byKeyboard.current = true;
    const x = chart.data[0][Math.min(Math.max(next, 0), last)];
    now.setCursor({ left: now.valToPos(x, "x"), top: now.over.clientHeight / 2 });
  };
  return (
    <div
      class="plot"
      ref={holder}
      tabIndex={0}
      role="img"
      aria-label={label}
      onKeyDown={onKeyDown}
      onBlur={() => plot.current?.setCursor({ left: -10, top: -10 })}
    />
  );
}

/** Colour of a curve: by run where several are compared, else by what the data are. */
export function strokeOf(curve: ChartCurve, theme: Theme, compared: boolean): string {
  return compared ? theme.series[curve.run % theme.series.length] : theme.series[curve.data === "training" ? 0 : 1];
}

interface Drawing {
  readonly hidden: readonly string[];
  readonly logarithmic: boolean;
  readonly axis: string;
  readonly theme: Theme;
}

function optionsFor(chart: Chart, drawing: Drawing): Omit<uPlot.Options, "width" | "height"> {
  const { theme, hidden, logarithmic, axis } = drawing;
  const compared = chart.curves.some((curve) => curve.run > 0);
  const edges = chart.curves.flatMap((curve, i) => (curve.role === "edge" ? [i + 1] : []));
  const font = `11px ${theme.font}`;
  const lines = { stroke: theme.muted, font, ticks: { show: false } };
  return {
    legend: { show: false },
    padding: [8, 12, 0, 0],
    cursor: {
      sync: { key: "curves" },
      drag: { x: true, y: false },
      points: { size: 7 },
      // A position between two pixels is drawn blurred.
      move: (_, left, top) => [Math.round(left), Math.round(top)],
    },
    scales: {
      x: { time: false },
      y: logarithmic ? { distr: 3, log: 10 } : { range: (_, least, most) => uPlot.rangeNum(least, most, 0.08, true) },
    },
    axes: [
      {
        ...lines,
        size: 30,
        grid: { stroke: theme.grid, width: 1 },
        values: (_, splits) => splits.map((value) => formatShort(value)),
        space: 60,
        label: undefined,
        labelFont: axis,
      },
      {
        ...lines,
        size: 52,
        grid: { stroke: theme.grid, width: 1 },
        values: (_, splits) =>
          splits.map((value) => (value === null ? null : logarithmic ? formatTick(value) : formatNumber(value, 3))),
      },
    ],
    series: [
      {},
      ...chart.curves.map((curve): uPlot.Series => {
        const stroke = strokeOf(curve, theme, compared);
        const dash = curve.data === "validation" ? [6, 4] : undefined;
        const show = !hidden.includes(curve.key);
        if (curve.role === "edge") return { show, auto: false, width: 0, points: { show: false } };
        if (curve.role === "faint") return { show, stroke, width: 1, alpha: 0.3, points: { show: false } };
        const few = curve.data === "validation" || chart.id !== "loss";
        return { show, stroke, width: 2, dash, points: few ? { size: 5, fill: stroke } : { show: false } };
      }),
    ],
    bands:
      edges.length === 2 ? [{ series: [edges[1], edges[0]], fill: translucent(theme.series[0], 0.14) }] : undefined,
  };
}

function formatTick(value: number): string {
  const exponent = Math.log10(value);
  return Math.abs(exponent - Math.round(exponent)) < 1e-9 ? formatDecade(value) : formatNumber(value, 2);
}

/** `cssOf` writes every colour of the theme as `rgba(r, g, b, a)`. */
function translucent(colour: string, alpha: number): string {
  return colour.replace(/[\d.]+\)$/, `${alpha})`);
}
