/** Loss and metrics over the run, with those of compared runs laid over them. */
import type { JSX } from "preact";
import { useCallback, useMemo, useState } from "preact/hooks";
import { buildCharts, type Chart, type ChartCurve, type DrawnRun } from "../charts/curves";
import { Plot, strokeOf } from "../charts/plot";
import { formatCount, formatNumber } from "../format";
import { setPreferences, usePreferences } from "../store";
import { useTheme, type Theme } from "../theme";
import { Checkbox } from "../ui";
import { CurvesTable } from "./curves-table";
import { Pane, Segments } from "./pane";

export interface CurvesProps {
  /** The shown run first. */
  readonly runs: readonly DrawnRun[];
}

export function Curves({ runs }: CurvesProps): JSX.Element {
  const { smoothing, logarithmic, axis } = usePreferences();
  const charts = useMemo(
    () => buildCharts(runs, { smoothing, logarithmic, axis }),
    // A list made anew of the same histories draws the same.
    [
      ...runs.flatMap(({ history, label }) => [history.loss, history.epochs, label]),
      runs.length,
      smoothing,
      logarithmic,
      axis,
    ],
  );
  return (
    <Pane
      name="curves"
      title="Curves"
      table={() => <CurvesTable runs={runs} />}
      controls={
        <>
          <Segments
            label="What the curves run over"
            name="axis"
            value={axis}
            choices={[
              { value: "iteration", text: "Iterations" },
              { value: "epoch", text: "Epochs" },
            ]}
            onChange={(value) => setPreferences({ axis: value })}
          />
          <label class="slider">
            Smoothing
            <input
              type="range"
              min="0"
              max="0.99"
              step="0.01"
              value={smoothing}
              onInput={(event) => setPreferences({ smoothing: Number(event.currentTarget.value) })}
            />
            <output>{smoothing.toFixed(2)}</output>
          </label>
          <Checkbox checked={logarithmic} onChange={(value) => setPreferences({ logarithmic: value })}>
            Log scale
          </Checkbox>
        </>
      }
    >
      <div class="charts">
        {charts.map((chart) => (
          <ChartView key={chart.id} chart={chart} />
        ))}
      </div>
    </Pane>
  );
}

function ChartView({ chart }: { readonly chart: Chart }): JSX.Element {
  const theme = useTheme();
  const { logarithmic, axis, hidden } = usePreferences();
  const [hover, setHover] = useState<{ index: number | null; byKeyboard: boolean }>({ index: null, byKeyboard: false });
  const onHover = useCallback((index: number | null, byKeyboard: boolean) => {
    setHover((before) => (before.index === index ? before : { index, byKeyboard }));
  }, []);
  const compared = chart.curves.some((curve) => curve.run > 0);
  const legend = chart.curves.flatMap((curve, i) => (curve.role === "main" ? [{ curve, ys: chart.data[i + 1] }] : []));
  const at = hover.index === null ? chart.data[0].length - 1 : hover.index;
  const words = legend.map(({ curve, ys }) => `${curve.label} ${formatNumber(valueAt(ys, at))}`).join(", ");
  const where = chart.data[0][at];
  return (
    <figure class={chart.id === "loss" ? "chart chart-loss" : "chart"}>
      <figcaption>
        <h3>{chart.title}</h3>
        <span class="legend" role="group" aria-label={`Curves of ${chart.title.toLowerCase()}`}>
          {legend.map(({ curve, ys }) => (
            <LegendItem
              key={curve.key}
              curve={curve}
              colour={strokeOf(curve, theme, compared)}
              theme={theme}
              value={valueAt(ys, at)}
              off={hidden.includes(curve.key)}
              onToggle={(off) =>
                setPreferences({ hidden: off ? [...hidden, curve.key] : hidden.filter((key) => key !== curve.key) })
              }
            />
          ))}
        </span>
        <span class="at">
          {hover.index !== null && where !== undefined
            ? axis === "iteration"
              ? `iteration ${formatCount(where)}`
              : `epoch ${formatNumber(where, 3)}`
            : ""}
        </span>
      </figcaption>
      {legend.length === 0 ? (
        <p class="quiet chart-empty">The first point comes with the first iterations.</p>
      ) : (
        <Plot
          chart={chart}
          hidden={hidden}
          logarithmic={logarithmic && chart.id === "loss"}
          axis={axis}
          theme={theme}
          label={`${chart.title}: ${words}. Arrow keys move along the curve.`}
          onHover={onHover}
        />
      )}
      <span class="unseen" aria-live="polite">
        {hover.byKeyboard && hover.index !== null ? `${axis} ${formatNumber(where, 4)}: ${words}` : ""}
      </span>
    </figure>
  );
}

interface LegendItemProps {
  readonly curve: ChartCurve;
  readonly colour: string;
  readonly theme: Theme;
  readonly value: number | null;
  readonly off: boolean;
  readonly onToggle: (off: boolean) => void;
}

function LegendItem({ curve, colour, value, off, onToggle }: LegendItemProps): JSX.Element {
  return (
    <button
      type="button"
      class={off ? "legend-item off" : "legend-item"}
      aria-pressed={!off}
      title={off ? `Show ${curve.label}` : `Hide ${curve.label}`}
      onClick={() => onToggle(!off)}
    >
      <svg width="18" height="8" aria-hidden="true" focusable="false">
        <line
          x1="1"
          x2="17"
          y1="4"
          y2="4"
          stroke={colour}
          stroke-width="2.4"
          stroke-dasharray={curve.data === "validation" ? "5 3" : undefined}
        />
      </svg>
      {curve.label}
      <b>{formatNumber(value)}</b>
    </button>
  );
}

/** The curve's value at an index, or its last one before. */
function valueAt(ys: readonly (number | null | undefined)[], index: number): number | null {
  for (let i = Math.min(index, ys.length - 1); i >= 0; i--) {
    const y = ys[i];
    if (y !== undefined) return y;
  }
  return null;
}
