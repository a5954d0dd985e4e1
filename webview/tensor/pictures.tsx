/** Filters and images side by side: one picture for each index of an axis that is not shown. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { formatCount } from "../format";
import { useTheme } from "../theme";
import { Button, Dropdown } from "../ui";
import { PaletteLegend, Picture as PixelPicture, usePalette } from "../views/look-image";
import type { Range } from "../views/look-pixels";
import { useAsked } from "./asked";
import { extentText } from "./paging";
import type { LookOf, SessionView, TensorPicture } from "./protocol";
import { IndexChoice } from "./slices";
import { questionOf, slicedAxes, withIndex, type Slicing } from "./slicing";

export interface PicturesProps {
  readonly picture: TensorPicture;
  readonly of: LookOf;
  readonly slicing: Slicing;
  readonly range: Range;
  readonly session: SessionView;
  readonly old: boolean;
  readonly onSlicing: (slicing: Slicing) => void;
  /** Shows one of them alone. */
  readonly onOpen: (slicing: Slicing) => void;
}

/** Pictures that are asked for at once. */
const AT_ONCE = 24;
/** Rows and columns of a picture. */
const MOST = 128;

export function Pictures(props: PicturesProps): JSX.Element {
  const { picture, slicing, range, old, onSlicing } = props;
  const palette = usePalette(useTheme());
  const { shape } = picture;
  const axes = slicedAxes(slicing, shape.length).filter((axis) => shape[axis] > 1);
  const [chosen, setChosen] = useState<number | null>(null);
  const [page, setPage] = useState(0);
  const axis = chosen !== null && axes.includes(chosen) ? chosen : (axes.at(0) ?? null);
  const size = axis === null ? 1 : shape[axis];
  const first = Math.min(page * AT_ONCE, Math.floor((size - 1) / AT_ONCE) * AT_ONCE);
  const count = Math.min(AT_ONCE, size - first);
  const large = count === 1 ? 420 : count <= 8 ? 140 : 96;
  return (
    <div class={old ? "tensor-pictures old" : "tensor-pictures"}>
      {(axes.length > 1 || size > AT_ONCE) && (
        <div class="tensor-slices" role="group" aria-label="Which pictures">
          {axes.length > 1 && (
            <label class="tensor-axis">
              <span>Side by side</span>
              <Dropdown
                label="Axis whose pictures stand side by side"
                value={String(axis)}
                choices={axes.map((each) => ({
                  value: String(each),
                  text: `axis ${each} (${formatCount(shape[each])})`,
                }))}
                onChange={(value) => {
                  setChosen(Number(value));
                  setPage(0);
                }}
              />
            </label>
          )}
          {axes
            .filter((each) => each !== axis)
            .map((each) => (
              <IndexChoice
                key={each}
                axis={each}
                size={shape[each]}
                index={slicing.index[each] ?? 0}
                onChange={(index) => onSlicing(withIndex(slicing, shape, each, index))}
              />
            ))}
          {size > AT_ONCE && (
            <span class="tensor-turner">
              <Button
                appearance="icon"
                label="Pictures before"
                disabled={first === 0}
                onClick={() => setPage(first / AT_ONCE - 1)}
              >
                ‹
              </Button>
              {extentText({ size, first, count })}
              <Button
                appearance="icon"
                label="Next pictures"
                disabled={first + count >= size}
                onClick={() => setPage(first / AT_ONCE + 1)}
              >
                ›
              </Button>
            </span>
          )}
        </div>
      )}
      <div class={count === 1 ? "gallery single" : "gallery"}>
        {Array.from({ length: count }, (_, i) => {
          const part = axis === null ? slicing : withIndex(slicing, shape, axis, first + i);
          return <One key={`${axis} ${first + i}`} {...props} slicing={part} size={large} palette={palette} />;
        })}
      </div>
      <div class="look-legend">
        <PaletteLegend range={range} palette={palette} />
      </div>
    </div>
  );
}

interface OneProps extends PicturesProps {
  readonly size: number;
  readonly palette: ReturnType<typeof usePalette>;
}

function One({ picture, of, slicing, range, session, size, palette, onOpen }: OneProps): JSX.Element {
  const { expression, shape } = picture;
  const question = questionOf(expression, of, { ...slicing, from: [0, 0] }, shape, MOST);
  const asked = useAsked(question, `${expression} ${of}`, session);
  const index = slicedAxes(slicing, shape.length).map((axis) => slicing.index[axis] ?? 0);
  const caption = index.length === 0 ? expression : `[${index.join(", ")}]`;
  if (!asked.picture) return <p class="quiet tensor-missing">{asked.reason ?? "…"}</p>;
  const { rows, columns, values } = asked.picture;
  return (
    <button class="tensor-picture" title={`${expression}${caption}: show its numbers`} onClick={() => onOpen(slicing)}>
      <PixelPicture
        image={{ width: columns.count, height: rows.count, channels: 1, values: Float32Array.from(values), caption }}
        palette={palette}
        range={range}
        size={size}
      />
    </button>
  );
}
