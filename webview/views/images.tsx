/** Weights and feature maps as pictures. */
import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { formatCount, formatNumber } from "../format";
import type { Image, ImageResult, Look } from "../protocol";
import { useHistory, useModel } from "../store";
import { useTheme } from "../theme";
import { Button, Checkbox, Dropdown, TextField } from "../ui";
import { epochVersion, useLook } from "./look";
import { PaletteLegend, Picture, usePalette } from "./look-image";
import { rangeOf } from "./look-pixels";
import { ScrolledTable, Stale, View, Waiting } from "./look-parts";
import { Segments } from "./pane";

type Kind = "weights" | "features";

/** What the user chose of a run, kept while the panel lives, whichever tab is in sight. */
const chosen = new Map<string, { kind: Kind; layer: number; example: number; shared: boolean }>();

export function Images({ run }: { readonly run: string }): JSX.Element {
  const history = useHistory(run);
  const { cursor } = useModel();
  const [choice, setChoice] = useState(
    chosen.get(run) ?? { kind: "weights" as Kind, layer: 0, example: 0, shared: true },
  );
  const change = (part: Partial<typeof choice>): void => {
    const next = { ...choice, ...part };
    chosen.set(run, next);
    setChoice(next);
  };
  // The editor's cursor chooses the layer, as a click in the list does.
  const here = cursor?.run === run ? cursor.layer : null;
  useEffect(() => {
    if (here !== null) change({ layer: here });
  }, [here]);
  const { kind, layer, example, shared } = choice;
  const look: Look = kind === "weights" ? { kind, layer } : { kind, layer, example };
  const { result, reason } = useLook(run, look, "images", epochVersion(history));
  const layers = history?.start?.layers ?? [];
  return (
    <View
      name="images"
      title="Images"
      note={result?.title}
      controls={
        <>
          <Segments
            label="What is shown"
            name="images-kind"
            value={kind}
            choices={[
              { value: "weights", text: "Weights", hint: "What each unit or filter looks for" },
              { value: "features", text: "Feature maps", hint: "What a layer gives for one example" },
            ]}
            onChange={(value) => change({ kind: value })}
          />
          {layers.length > 0 && (
            <Dropdown
              label="Layer"
              value={String(layer)}
              choices={layers.map(({ name, type }, i) => ({ value: String(i), text: `${name} (${type})` }))}
              onChange={(value) => change({ layer: Number(value) })}
            />
          )}
          {kind === "features" && (
            <ExampleChoice
              value={example}
              count={result?.examples ?? null}
              onChange={(value) => change({ example: value })}
            />
          )}
        </>
      }
      table={result ? () => <ImageTable result={result} /> : undefined}
    >
      {result ? (
        <Gallery result={result} shared={shared} onShare={(value) => change({ shared: value })} />
      ) : (
        <Waiting reason={reason} what="pictures" />
      )}
      {result && <Stale reason={reason} />}
    </View>
  );
}

interface ExampleChoiceProps {
  readonly value: number;
  readonly count: number | null;
  readonly onChange: (value: number) => void;
}

function ExampleChoice({ value, count, onChange }: ExampleChoiceProps): JSX.Element {
  const most = count === null ? Infinity : count - 1;
  return (
    <span class="example-choice">
      <Button appearance="icon" label="Example before" disabled={value <= 0} onClick={() => onChange(value - 1)}>
        ‹
      </Button>
      <TextField
        label={`Example, from 0${count === null ? "" : ` to ${most}`}`}
        value={String(value)}
        onInput={(text) => {
          const number = Number(text);
          if (text.trim() !== "" && Number.isInteger(number) && number >= 0 && number <= most) onChange(number);
        }}
      />
      <Button appearance="icon" label="Next example" disabled={value >= most} onClick={() => onChange(value + 1)}>
        ›
      </Button>
    </span>
  );
}

interface GalleryProps {
  readonly result: ImageResult;
  /** One meaning of the colours for all pictures. */
  readonly shared: boolean;
  readonly onShare: (shared: boolean) => void;
}

function Gallery({ result, shared, onShare }: GalleryProps): JSX.Element {
  const palette = usePalette(useTheme());
  const { images, total, input, label } = result;
  const range = useMemo(() => rangeOf(images), [images]);
  const size = images.length === 1 ? 560 : images.length <= 8 ? 140 : 92;
  return (
    <>
      {(input || label !== null) && (
        <div class="look-input">
          {input && (
            <Picture
              image={input}
              palette={palette}
              size={140}
              caption={label === null ? "input" : `input, label ${label}`}
            />
          )}
          {!input && label !== null && <p class="quiet">Label {label}</p>}
        </div>
      )}
      <div class={images.length === 1 ? "gallery single" : "gallery"}>
        {images.map((image, i) => (
          <Picture key={i} image={image} palette={palette} range={shared ? range : undefined} size={size} />
        ))}
      </div>
      <div class="look-legend">
        {shared && images.some(({ channels }) => channels === 1) && <PaletteLegend range={range} palette={palette} />}
        {images.length > 1 && (
          <Checkbox checked={shared} onChange={onShare}>
            One scale for all
          </Checkbox>
        )}
        {total > images.length && (
          <span class="legend-item">
            The first {formatCount(images.length)} of {formatCount(total)}
          </span>
        )}
      </div>
    </>
  );
}

function ImageTable({ result }: { readonly result: ImageResult }): JSX.Element {
  return (
    <ScrolledTable label="Images as a table">
      <caption class="unseen">{result.title}: numbers of each picture</caption>
      <thead>
        <tr>
          <th scope="col">Picture</th>
          <th scope="col" class="number">
            Size
          </th>
          <th scope="col" class="number">
            Least
          </th>
          <th scope="col" class="number">
            Mean
          </th>
          <th scope="col" class="number">
            Greatest
          </th>
        </tr>
      </thead>
      <tbody>
        {result.images.map((image, i) => {
          const { least, most } = rangeOf([image]);
          return (
            <tr key={i}>
              <th scope="row">{image.caption}</th>
              <td class="number">
                {image.width} × {image.height}
              </td>
              <td class="number">{formatNumber(least, 3)}</td>
              <td class="number">{formatNumber(meanOf(image), 3)}</td>
              <td class="number">{formatNumber(most, 3)}</td>
            </tr>
          );
        })}
      </tbody>
    </ScrolledTable>
  );
}

function meanOf({ values }: Image): number | null {
  const finite = values.filter(Number.isFinite);
  return finite.length === 0 ? null : finite.reduce((a, b) => a + b, 0) / finite.length;
}
