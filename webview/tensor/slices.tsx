/** Which axes are rows and columns, the index of each other axis, and the pages of what is larger than one. */
import type { JSX, TargetedEvent } from "preact";
import { useId } from "preact/hooks";
import { formatCount } from "../format";
import { Button, Dropdown } from "../ui";
import { Icon } from "../views/icons";
import { extentText, turned, type Extent } from "./paging";
import { shownAxes, slicedAxes, withAxis, withIndex, type Slicing } from "./slicing";
import type { TensorPicture } from "./protocol";

export interface SlicesProps {
  readonly shape: readonly number[];
  readonly slicing: Slicing;
  readonly onChange: (slicing: Slicing) => void;
}

export function Slices({ shape, slicing, onChange }: SlicesProps): JSX.Element | null {
  if (shape.length < 2) return null;
  const shown = shownAxes(slicing, shape.length);
  const choices = shape.map((size, axis) => ({ value: String(axis), text: `axis ${axis} (${formatCount(size)})` }));
  return (
    <div class="tensor-slices" role="group" aria-label="Part of the tensor">
      {(["rows", "columns"] as const).map((which) => (
        <label key={which} class="tensor-axis">
          <span>{which === "rows" ? "Rows" : "Columns"}</span>
          <Dropdown
            label={which === "rows" ? "Axis shown as rows" : "Axis shown as columns"}
            value={String(shown[which])}
            choices={choices}
            onChange={(axis) => onChange(withAxis(slicing, shape.length, which, Number(axis)))}
          />
        </label>
      ))}
      {slicedAxes(slicing, shape.length).map((axis) => (
        <IndexChoice
          key={axis}
          axis={axis}
          size={shape[axis]}
          index={slicing.index[axis] ?? 0}
          onChange={(index) => onChange(withIndex(slicing, shape, axis, index))}
        />
      ))}
    </div>
  );
}

export interface IndexChoiceProps {
  readonly axis: number;
  readonly size: number;
  readonly index: number;
  readonly onChange: (index: number) => void;
}

export function IndexChoice({ axis, size, index, onChange }: IndexChoiceProps): JSX.Element {
  const id = useId();
  const most = Math.max(size - 1, 0);
  const take = ({ currentTarget }: TargetedEvent<HTMLInputElement>): void => {
    const wanted = currentTarget.valueAsNumber;
    if (Number.isInteger(wanted) && wanted >= 0 && wanted <= most) onChange(wanted);
  };
  return (
    <span class="tensor-index slider">
      <label for={id}>Axis {axis}</label>
      <input id={id} type="range" min={0} max={most} step={1} value={index} disabled={most === 0} onInput={take} />
      <input
        type="number"
        aria-label={`Index of axis ${axis}, from 0 to ${most}`}
        min={0}
        max={most}
        step={1}
        value={index}
        disabled={most === 0}
        onInput={take}
      />
      <span class="quiet">of {formatCount(size)}</span>
    </span>
  );
}

export interface PagesProps {
  readonly picture: TensorPicture;
  readonly page: number;
  readonly onTurn: (from: readonly [row: number, column: number]) => void;
}

/** Nothing where all is in sight. */
export function Pages({ picture, page, onTurn }: PagesProps): JSX.Element | null {
  const { rows, columns } = picture;
  if (rows.count >= rows.size && columns.count >= columns.size) return null;
  return (
    <div class="tensor-pages" role="group" aria-label="Pages">
      <Turner name="Rows" extent={rows} page={page} onTurn={(first) => onTurn([first, columns.first])} />
      <Turner name="Columns" extent={columns} page={page} onTurn={(first) => onTurn([rows.first, first])} />
    </div>
  );
}

interface TurnerProps {
  readonly name: string;
  readonly extent: Extent;
  readonly page: number;
  readonly onTurn: (first: number) => void;
}

function Turner({ name, extent, page, onTurn }: TurnerProps): JSX.Element {
  const step = (by: 1 | -1): JSX.Element => {
    const to = turned(extent, by, page);
    return (
      <Button
        appearance="icon"
        label={`${by === 1 ? "Next" : "Previous"} ${name.toLowerCase()}`}
        icon={<Icon name="chevron" className={by === 1 ? undefined : "backwards"} />}
        disabled={to === null}
        onClick={() => to !== null && onTurn(to)}
      />
    );
  };
  const paged = extent.count < extent.size;
  return (
    <span class="tensor-turner">
      {paged && step(-1)}
      <span>
        {name} {extentText(extent)}
      </span>
      {paged && step(1)}
    </span>
  );
}
