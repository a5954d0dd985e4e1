/** One tensor: the part of it that is chosen as map, pictures or table, the cell under the cursor, and its figures. */
import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { useTheme } from "../theme";
import { Button, Checkbox } from "../ui";
import { PaletteLegend, usePalette } from "../views/look-image";
import { domainOf } from "./cells";
import { Spread, Statistics } from "./figures";
import { HeatMap } from "./heat-map";
import { post } from "./host";
import { asCsv, asText, cellName, fullNumber } from "./numbers";
import { Pictures } from "./pictures";
import type { LookOf, SessionView, TensorPicture } from "./protocol";
import { Pages, Slices } from "./slices";
import { valueAt, type Cell, type Slicing } from "./slicing";
import type { Choice, Face } from "./state";
import { ValuesTable } from "./values-table";

export interface ShownProps {
  readonly picture: TensorPicture;
  readonly choice: Choice;
  readonly of: LookOf;
  readonly page: number;
  readonly session: SessionView;
  /** Of an earlier stop. */
  readonly old: boolean;
  readonly onSlicing: (slicing: Slicing) => void;
  readonly onChange: (change: Partial<Choice>) => void;
  /** The cursor went to a cell of another page. */
  readonly onCell: (cell: Cell) => void;
}

const FACE_NAMES: Readonly<Record<Face, string>> = { map: "Heat map", pictures: "Pictures", table: "Table" };

export function Shown(props: ShownProps): JSX.Element {
  const { picture, choice, of, page, session, old, onSlicing, onChange, onCell } = props;
  const [cursor, setCursor] = useState<Cell | null>(null);
  const palette = usePalette(useTheme());
  const range = useMemo(() => domainOf(picture, choice.ofPart), [picture, choice.ofPart]);
  const { expression, shape, statistics } = picture;
  useEffect(() => setCursor(null), [expression, shape.join(" "), of]);
  // A picture's face needs pixels: another tensor of the same choice may have none.
  const face = choice.face === "pictures" && !picture.pixels ? "map" : choice.face;
  const move = (cell: Cell): void => {
    setCursor(cell);
    if (valueAt(picture, cell) === undefined) onCell(cell);
  };
  if (statistics.size === 0) {
    return <p class="look-nothing">A tensor of shape [{shape.join(", ")}] has no elements.</p>;
  }
  if (shape.length === 0) {
    return (
      <p class={old ? "tensor-scalar old" : "tensor-scalar"}>
        <b class={Number.isFinite(picture.values[0]) ? "" : "wrong-text"}>{fullNumber(picture.values[0])}</b>
        <Copy picture={picture} of={of} />
      </p>
    );
  }
  const faces: readonly Face[] = picture.pixels ? ["map", "pictures", "table"] : ["map", "table"];
  return (
    <div class="tensor-body">
      <div class="tensor-main">
        <div class="tensor-bar">
          <div class="controls" role="group" aria-label="Shown as">
            {faces.map((each) => (
              <Button key={each} pressed={face === each} onClick={() => onChange({ face: each })}>
                {FACE_NAMES[each]}
              </Button>
            ))}
          </div>
          <span class="spring" />
          <Copy picture={picture} of={of} />
        </div>
        {face !== "pictures" && (
          <>
            <Slices shape={shape} slicing={choice.slicing} onChange={onSlicing} />
            <Pages
              picture={picture}
              page={page}
              onTurn={(from) => {
                setCursor(null);
                onSlicing({ ...choice.slicing, from });
              }}
            />
          </>
        )}
        {face === "map" && (
          <>
            <Axes picture={picture} of={of} />
            <HeatMap
              picture={picture}
              of={of}
              range={range}
              zoom={choice.zoom}
              onZoom={(zoom) => onChange({ zoom })}
              cursor={cursor}
              onCursor={move}
              old={old}
            />
            <CellWords picture={picture} of={of} cursor={cursor} old={old} />
            <div class="look-legend">
              <PaletteLegend range={range} palette={palette} />
              <Checkbox checked={choice.ofPart} onChange={(ofPart) => onChange({ ofPart })}>
                Colours for this part alone
              </Checkbox>
            </div>
          </>
        )}
        {face === "pictures" && (
          <Pictures
            picture={picture}
            of={of}
            slicing={choice.slicing}
            range={range}
            session={session}
            old={old}
            onSlicing={onSlicing}
            onOpen={(slicing) => onChange({ slicing, face: "map" })}
          />
        )}
        {face === "table" && <ValuesTable picture={picture} old={old} />}
      </div>
      <aside class={old ? "tensor-side old" : "tensor-side"} aria-label="Figures">
        <Spread picture={picture} range={range} />
        <Statistics picture={picture} />
      </aside>
    </div>
  );
}

function Copy({ picture, of }: { readonly picture: TensorPicture; readonly of: LookOf }): JSX.Element {
  const [copied, setCopied] = useState<string | null>(null);
  useEffect(() => {
    if (copied === null) return;
    const timer = setTimeout(() => setCopied(null), 2000);
    return () => clearTimeout(timer);
  }, [copied]);
  return (
    <div class="controls" role="group" aria-label="Copy what is shown">
      {COPIES.map(({ name, label, textOf }) => (
        <Button
          key={name}
          label={label}
          onClick={() => {
            post({ type: "copy", text: textOf(picture, of) });
            setCopied(name);
          }}
        >
          {copied === name ? "Copied" : name}
        </Button>
      ))}
      <span class="unseen" role="status">
        {copied === null ? "" : "Copied"}
      </span>
    </div>
  );
}

const COPIES = [
  { name: "Copy", label: "Copy what is shown as text", textOf: asText },
  { name: "CSV", label: "Copy what is shown as comma-separated values at full precision", textOf: asCsv },
] as const;

/** What rows and columns stand for, where that is more than a number of an axis. */
function Axes({ picture, of }: { readonly picture: TensorPicture; readonly of: LookOf }): JSX.Element | null {
  const { expression, shape } = picture;
  if (shape.length !== 2 || (of !== "jacobian-denominator" && of !== "jacobian-numerator")) return null;
  const [input, result] = [<code key="input">{expression}</code>, "the result"];
  const [down, along] = of === "jacobian-denominator" ? [input, result] : [result, input];
  return (
    <p class="tensor-axes quiet">
      <span>↓ rows: elements of {down}</span>
      <span>→ columns: elements of {along}</span>
    </p>
  );
}

interface CellWordsProps {
  readonly picture: TensorPicture;
  readonly of: LookOf;
  readonly cursor: Cell | null;
  readonly old: boolean;
}

/** The cell under the cursor at full precision; also said aloud when it moves. Where it is bad, the debugger can say why. */
function CellWords({ picture, of, cursor, old }: CellWordsProps): JSX.Element {
  const value = cursor ? valueAt(picture, cursor) : undefined;
  if (!cursor || value === undefined) {
    return (
      <p class="tensor-cell quiet" id="tensor-cell" role="status">
        Click a cell, or move with the arrow keys, to read it at full precision.
      </p>
    );
  }
  const name = cellName(picture, of, cursor);
  const finite = Number.isFinite(value);
  const askable = !old && (of === "value" || of === "gradient") && (!finite || value === 0);
  return (
    <div class="tensor-cell">
      <p id="tensor-cell" role="status">
        <code>{name}</code> = <b class={finite ? "" : "wrong-text"}>{fullNumber(value)}</b>
      </p>
      {askable && (
        <Button onClick={() => post({ type: "explain", expression: name, what: finite ? "zero" : "not-finite" })}>
          {`Why is this ${finite ? "zero" : fullNumber(value)}?`}
        </Button>
      )}
    </div>
  );
}
