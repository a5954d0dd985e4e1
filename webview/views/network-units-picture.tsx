/** The network diagram: a circle for each unit, edges with their weights; neither intercepts nor the loss have one. */
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { formatCount, formatNumber } from "../format";
import type { DiagramColumn } from "../protocol";
import type { LayerColours } from "./network-colours";
import { markText, type LayerMark, type NetworkMarks } from "./network-marks";
import { EdgeLabel, Mark } from "./network-picture";
import {
  RADIUS,
  subscript,
  type DiagramLayout,
  type PlacedColumn,
  type PlacedLink,
  type PlacedWeight,
} from "./network-units";

export interface DiagramPictureProps {
  readonly layout: DiagramLayout;
  readonly shapes: boolean;
  readonly colours: LayerColours | undefined;
  readonly colourOf: (layer: number | null) => string | undefined;
  readonly marks: NetworkMarks;
  readonly active: string | null;
  readonly cursor: number | null;
  readonly onOpen: (column: DiagramColumn) => void;
  readonly onFocus: (key: string) => void;
}

export function DiagramPicture(props: DiagramPictureProps): JSX.Element {
  const { layout } = props;
  // By far the most of the drawing, and the same from one tick to the next.
  const links = useMemo(
    () =>
      layout.links.map((placed) => {
        const [from, to] = [layout.columns[placed.link.from], layout.columns[placed.link.to]];
        return (
          <Link
            key={`${from.key} ${to.key}`}
            placed={placed}
            largest={largestOf(placed)}
            shape={from.column.shape}
            problem={to.column.problem}
          />
        );
      }),
    [layout],
  );
  return (
    <>
      {links}
      {layout.columns.map((placed) => (
        <Column key={placed.key} {...props} placed={placed} />
      ))}
    </>
  );
}

function largestOf({ weights }: PlacedLink): number {
  return Math.max(0, ...weights.map(({ value }) => Math.abs(value ?? 0)));
}

interface LinkProps {
  readonly placed: PlacedLink;
  readonly largest: number;
  /** Of what comes in. */
  readonly shape: string;
  /** Why it does not fit. */
  readonly problem: string | null;
}

function Link({ placed, largest, shape, problem }: LinkProps): JSX.Element {
  const { link, weights, arc, title } = placed;
  return (
    <g class={problem === null ? "net-link" : "net-link problem"} aria-hidden="true">
      {arc !== null && (
        <path class="net-edge" d={arc}>
          <title>{link.weight ?? ""}</title>
        </path>
      )}
      {weights.map((weight, i) => (
        <line
          key={i}
          class={
            weight.value === null ? "net-weight" : weight.value < 0 ? "net-weight negative" : "net-weight positive"
          }
          x1={weight.from.x}
          y1={weight.from.y}
          x2={weight.to.x}
          y2={weight.to.y}
          stroke-width={weight.value === null || largest === 0 ? 1 : 0.6 + (3 * Math.abs(weight.value)) / largest}
        >
          <title>{problem ?? weightText(weight)}</title>
        </line>
      ))}
      {weights.map((weight, i) =>
        weight.label ? (
          <EdgeLabel
            key={i}
            at={weight.label}
            text={weight.value === null ? weightSymbol(weight) : formatNumber(weight.value, 3)}
          />
        ) : null,
      )}
      {(link.weight !== null || problem !== null) && (
        <text class="net-weights" x={title.x} y={title.y}>
          {problem === null ? link.weight : `✗ ${shape}`}
          {problem !== null && <title>{problem}</title>}
        </text>
      )}
    </g>
  );
}

function weightText({ name, value }: PlacedWeight): string {
  return value === null ? (name ?? "") : `${name ?? "weight"} = ${formatNumber(value)}`;
}

/** `w₂₁`: to the second unit from the first, where no run says how large it is. */
function weightSymbol({ name }: PlacedWeight): string {
  const [row, column] = (/\[(\d+), (\d+)\]$/.exec(name ?? "") ?? []).slice(1).map(Number);
  return row === undefined ? "w" : `w${subscript(row + 1)}${subscript(column + 1)}`;
}

interface ColumnProps extends DiagramPictureProps {
  readonly placed: PlacedColumn;
}

const HALF = 54;

function Column(props: ColumnProps): JSX.Element {
  const { placed, shapes, colours, colourOf, marks, active, cursor, onOpen, onFocus } = props;
  const { key, column, x, units, top, bottom } = placed;
  const isHere = column.layer !== null && column.layer === cursor;
  const gradient = column.layer === null ? null : (colours?.values[column.layer] ?? null);
  const mark = column.layer === null ? undefined : marks.layers.get(column.layer);
  const label = columnLabel(column, gradient, mark);
  const colour = colourOf(column.layer);
  const plate = { x: x - HALF, y: top - 48, width: 2 * HALF, height: bottom - top + 78 };
  const classes = [
    ...["net-column", isHere ? "here" : "", column.file === null ? "" : "linked"],
    ...[column.problem === null ? "" : "problem", mark ? `mark-${mark.kind}` : ""],
  ];
  return (
    <g
      class={classes.filter(Boolean).join(" ")}
      data-key={key}
      role="button"
      tabIndex={active === key ? 0 : -1}
      aria-label={label}
      onClick={() => onOpen(column)}
      onFocus={() => onFocus(key)}
    >
      <title>{label}</title>
      <rect class="net-plate" {...plate} rx="6" />
      <text class="net-name" x={x} y={top - 34}>
        {column.name}
      </text>
      <text class="net-caption" x={x} y={top - 18}>
        {shapes ? column.shape : `${formatCount(column.units)} ${unitWord(column)}`}
      </text>
      {units.map((unit, i) =>
        unit.index === null ? (
          <text key={i} class="net-dots" x={unit.x} y={unit.y}>
            ⋮
          </text>
        ) : (
          <g key={i}>
            <circle
              class={column.layer === null ? "net-unit input" : "net-unit"}
              cx={unit.x}
              cy={unit.y}
              r={RADIUS}
              stroke={colour}
              stroke-width={colour === undefined ? 1.2 : 4}
            />
            <text class={unit.label.length > 4 ? "net-unit-label small" : "net-unit-label"} x={unit.x} y={unit.y}>
              {unit.label}
            </text>
          </g>
        ),
      )}
      <text class="net-caption" x={x} y={bottom + 16}>
        {column.activation ?? ""}
      </text>
      {mark && <Mark key={marks.edit} mark={mark} box={plate} />}
    </g>
  );
}

function unitWord({ shape, units, type }: DiagramColumn): string {
  const word = type === null ? "input" : shape.split(",").length === 4 ? "channel" : "unit";
  return units === 1 ? word : `${word}s`;
}

/** All that the picture says of a column, in words. */
export function columnLabel(column: DiagramColumn, gradient: number | null, mark?: LayerMark): string {
  const { name, variable, type, units, shape, activation, line, problem } = column;
  const parts = [
    ...(problem === null ? [] : [`Problem: ${problem}`]),
    type === null ? `${name}, input` : `${name}, ${type}`,
    ...(variable === name ? [] : [`variable ${variable}`]),
    `${units} ${unitWord(column)}`,
    `shape ${shape}`,
    ...(activation === null ? [] : [`activation ${activation}`]),
    ...(gradient === null ? [] : [`gradient norm ${formatNumber(gradient, 3)}`]),
    ...(mark ? [markText(mark)] : []),
    ...(line === null ? [] : [`line ${line}`]),
  ];
  return parts.join(", ");
}
