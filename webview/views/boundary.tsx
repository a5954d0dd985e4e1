/** The decision boundary: what a model of two inputs predicts everywhere around its data. */
import type { JSX } from "preact";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { prepareCanvas, useSize } from "../charts/canvas";
import { packed, parseColour, type Colour } from "../charts/colour";
import { position, ticks, type Scale } from "../charts/scale";
import { formatCount, formatNumber, formatPercent, formatShort } from "../format";
import type { BoundaryResult } from "../protocol";
import { useHistory } from "../store";
import { useTheme, type Theme } from "../theme";
import { extremes, nearestValue, readCell, strays } from "./boundary-plane";
import { epochVersion, useLook } from "./look";
import { ScrolledTable, Stale, View, Waiting } from "./look-parts";

const RESOLUTION = 96;
const MARGIN = { left: 44, right: 12, top: 12, bottom: 28 };
const TALLEST = 620;

export function Boundary({ run }: { readonly run: string }): JSX.Element {
  const history = useHistory(run);
  const { result, reason } = useLook(
    run,
    { kind: "boundary", resolution: RESOLUTION },
    "boundary",
    epochVersion(history),
  );
  if (!result) {
    return (
      <View name="boundary" title="Decision boundary">
        <Waiting reason={reason} what="predictions" />
      </View>
    );
  }
  const epoch = history?.epochs.at(-1)?.epoch;
  return (
    <View
      name="boundary"
      title={result.classes > 0 ? "Decision boundary" : "Predictions over the inputs"}
      note={epoch === undefined ? undefined : `after epoch ${epoch}`}
      table={() => <PlaneTable result={result} />}
    >
      <Plane result={result} />
      <Stale reason={reason} />
    </View>
  );
}

function Plane({ result }: { readonly result: BoundaryResult }): JSX.Element {
  const theme = useTheme();
  const frame = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const size = useSize(frame);
  const wrong = useMemo(() => strays(result), [result]);
  const range = useMemo(() => extremes([...result.values, ...result.points.map(({ target }) => target)]), [result]);
  const height = Math.min(TALLEST, Math.max(size.width - MARGIN.left - MARGIN.right, 0)) + MARGIN.top + MARGIN.bottom;
  useLayoutEffect(() => {
    const context =
      canvas.current && size.width > 0 ? prepareCanvas(canvas.current, { width: size.width, height }) : null;
    if (context) paint(context, size.width, height, result, range, wrong, theme);
  }, [result, range, wrong, theme, size.width, height]);
  const count = wrong.filter(Boolean).length;
  const { points, classNames, classes } = result;
  return (
    <div class="boundary-frame" ref={frame}>
      <canvas
        ref={canvas}
        role="img"
        aria-label={
          classes > 0
            ? `Regions of ${classes} classes and ${points.length} examples, of which ${count} lie in the region of another class. The table has predictions in numbers.`
            : `Predictions from ${formatNumber(range[0], 3)} to ${formatNumber(range[1], 3)} over two inputs, and ${points.length} examples. The table has them in numbers.`
        }
      />
      <div class="look-legend">
        {classNames.map((name, i) => (
          <span class="legend-item" key={i}>
            <svg width="14" height="14" viewBox="-7 -7 14 14" aria-hidden="true">
              <path d={markPath(i)} fill={theme.series[i % theme.series.length]} stroke={theme.foreground} />
            </svg>
            {name}
          </span>
        ))}
        {classes > 0 ? (
          <span class="legend-item">
            {formatCount(points.length)} examples, {count === 0 ? "none" : formatCount(count)} in the region of another
            class
            {count === 0 ? "" : " (ringed)"}. The paler, the less sure.
          </span>
        ) : (
          <span class="legend-item">
            {formatNumber(range[0], 3)}
            <svg class="legend-ramp" width="96" height="10" aria-hidden="true">
              {theme.ramp
                .filter((_, i) => i % 16 === 0)
                .map((colour, i) => (
                  <rect key={i} x={i * 6} width="6.5" height="10" fill={colour} />
                ))}
            </svg>
            {formatNumber(range[1], 3)}
          </span>
        )}
      </div>
    </div>
  );
}

function paint(
  context: CanvasRenderingContext2D,
  width: number,
  height: number,
  result: BoundaryResult,
  range: readonly [number, number],
  wrong: readonly boolean[],
  theme: Theme,
): void {
  const area = {
    x: MARGIN.left,
    y: MARGIN.top,
    width: width - MARGIN.left - MARGIN.right,
    height: height - MARGIN.top - MARGIN.bottom,
  };
  const across: Scale = { kind: "linear", low: result.x[0], high: result.x[1] };
  const up: Scale = { kind: "linear", low: result.y[0], high: result.y[1] };
  context.save();
  context.imageSmoothingEnabled = true;
  context.drawImage(regions(result, range, theme), area.x, area.y, area.width, area.height);
  context.strokeStyle = theme.border;
  context.strokeRect(area.x + 0.5, area.y + 0.5, area.width - 1, area.height - 1);
  context.fillStyle = theme.muted;
  context.font = `11px ${theme.font}`;
  context.textAlign = "center";
  for (const tick of ticks(across, Math.floor(area.width / 80))) {
    context.fillText(axisText(tick), area.x + position(across, tick) * area.width, area.y + area.height + 16);
  }
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const tick of ticks(up, Math.floor(area.height / 60))) {
    context.fillText(axisText(tick), area.x - 6, area.y + (1 - position(up, tick)) * area.height);
  }
  result.points.forEach((point, i) => {
    const cell = readCell(result, point.target, range);
    context.save();
    context.translate(
      area.x + position(across, point.x) * area.width,
      area.y + (1 - position(up, point.y)) * area.height,
    );
    const mark = new Path2D(markPath(Math.max(cell?.class ?? 0, 0)));
    context.fillStyle = !cell
      ? theme.muted
      : cell.class < 0
        ? theme.ramp[Math.round(cell.share * (theme.ramp.length - 1))]
        : theme.series[cell.class % theme.series.length];
    context.fill(mark);
    context.strokeStyle = theme.background;
    context.lineWidth = 1;
    context.stroke(mark);
    if (wrong[i]) {
      context.beginPath();
      context.arc(0, 0, 7.5, 0, 2 * Math.PI);
      context.strokeStyle = theme.foreground;
      context.lineWidth = 1.6;
      context.stroke();
    }
    context.restore();
  });
  context.restore();
}

function axisText(tick: number): string {
  return formatShort(tick).replace("-", "−");
}

/** One pixel for each point of the grid, the least y at the bottom. */
function regions(result: BoundaryResult, range: readonly [number, number], theme: Theme): HTMLCanvasElement {
  const { resolution, values } = result;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = resolution;
  const bytes = new Uint8ClampedArray(4 * resolution * resolution);
  const words = new Uint32Array(bytes.buffer);
  const paper = parseColour(theme.background) ?? BLACK;
  const series = theme.series.map((css) => parseColour(css) ?? BLACK);
  const contrast = theme.kind.startsWith("contrast");
  for (let row = 0; row < resolution; row++) {
    for (let column = 0; column < resolution; column++) {
      const cell = readCell(result, values[row * resolution + column], range);
      if (!cell) continue;
      const at = (resolution - 1 - row) * resolution + column;
      if (cell.class < 0) words[at] = theme.rampPixels[Math.round(cell.share * (theme.rampPixels.length - 1))];
      else {
        // Even the least sure cell shows its class, so that the boundary is an edge.
        const part = (contrast ? 0.25 : 0.14) + (contrast ? 0.4 : 0.36) * cell.share;
        words[at] = packed([mixed(paper, series[cell.class % series.length], part)])[0];
      }
    }
  }
  canvas.getContext("2d")?.putImageData(new ImageData(bytes, resolution, resolution), 0, 0);
  return canvas;
}

const BLACK: Colour = { red: 0, green: 0, blue: 0, alpha: 1 };

function mixed(from: Colour, to: Colour, part: number): Colour {
  const mix = (a: number, b: number): number => a + (b - a) * part;
  return { red: mix(from.red, to.red), green: mix(from.green, to.green), blue: mix(from.blue, to.blue), alpha: 1 };
}

/** Classes differ in form as well as in colour. */
function markPath(index: number): string {
  return MARKS[index % MARKS.length];
}

const MARKS = [
  "M4,0 A4,4 0 1 1 -4,0 A4,4 0 1 1 4,0 z",
  "M-3.6,-3.6 H3.6 V3.6 H-3.6 z",
  "M0,-4.8 L4.4,3.2 H-4.4 z",
  "M0,-5 L4.4,0 L0,5 L-4.4,0 z",
  "M0,4.8 L4.4,-3.2 H-4.4 z",
  "M-1.6,-4.6 H1.6 V-1.6 H4.6 V1.6 H1.6 V4.6 H-1.6 V1.6 H-4.6 V-1.6 H-1.6 z",
];

const ROWS = 9;

/** The predictions on a coarse grid, as the picture has them from above to below. */
function PlaneTable({ result }: { readonly result: BoundaryResult }): JSX.Element {
  const at = (range: readonly [number, number], i: number): number =>
    range[0] + ((range[1] - range[0]) * i) / (ROWS - 1);
  const places = Array.from({ length: ROWS }, (_, i) => i);
  return (
    <ScrolledTable label="Predictions as a table">
      <caption class="unseen">
        Predictions at {ROWS} by {ROWS} points of the plane; rows are the second input, columns the first
      </caption>
      <thead>
        <tr>
          <th scope="col">x₂ ↓ x₁ →</th>
          {places.map((i) => (
            <th scope="col" class="number" key={i}>
              {formatNumber(at(result.x, i), 3)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {[...places].reverse().map((row) => (
          <tr key={row}>
            <th scope="row">{formatNumber(at(result.y, row), 3)}</th>
            {places.map((column) => {
              const value = nearestValue(result, { x: at(result.x, column), y: at(result.y, row) });
              const cell = readCell(result, value, [0, 1]);
              return (
                <td class="number" key={column}>
                  {result.classes === 0
                    ? formatNumber(value, 3)
                    : cell
                      ? `${result.classNames[cell.class]} (${formatPercent(cell.share)})`
                      : "–"}
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </ScrolledTable>
  );
}
