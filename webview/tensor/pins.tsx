/** Expressions that are looked at at every stop, each as a small picture: choosing one shows it. */
import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { formatNumber } from "../format";
import { useTheme } from "../theme";
import { Button } from "../ui";
import { Icon } from "../views/icons";
import { usePalette } from "../views/look-image";
import { paintPixels } from "../views/look-pixels";
import { useAsked } from "./asked";
import { domainOf } from "./cells";
import { shapeText } from "./numbers";
import type { SessionView, TensorPicture } from "./protocol";
import { shadesOf } from "./shades";
import { questionOf, wholeTensor } from "./slicing";

export interface PinsProps {
  readonly pins: readonly string[];
  readonly shown: string;
  readonly session: SessionView;
  readonly onShow: (expression: string) => void;
  readonly onRemove: (expression: string) => void;
}

/** Rows and columns of a small picture: what is larger is seen by its corner. */
const SMALL = 24;

export function Pins({ pins, shown, session, onShow, onRemove }: PinsProps): JSX.Element | null {
  if (pins.length === 0) return null;
  return (
    <ul class="tensor-pins" aria-label="Pinned tensors">
      {pins.map((pin) => (
        <Pin
          key={pin}
          expression={pin}
          shown={pin === shown}
          session={session}
          onShow={() => onShow(pin)}
          onRemove={() => onRemove(pin)}
        />
      ))}
    </ul>
  );
}

interface PinProps {
  readonly expression: string;
  readonly shown: boolean;
  readonly session: SessionView;
  readonly onShow: () => void;
  readonly onRemove: () => void;
}

function Pin({ expression, shown, session, onShow, onRemove }: PinProps): JSX.Element {
  const question = questionOf(expression, "value", wholeTensor, null, SMALL);
  const { picture, reason, stop } = useAsked(question, expression, session);
  const before = useBefore(picture?.statistics.norm ?? null, stop);
  const norm = picture?.statistics.norm ?? null;
  const changed = before !== null && norm !== null && !Object.is(before, norm);
  return (
    <li class={`tensor-pin${shown ? " chosen" : ""}${reason !== null ? " old" : ""}`}>
      <button
        class="tensor-pin-face"
        aria-current={shown ? "true" : undefined}
        title={reason ?? undefined}
        onClick={onShow}
      >
        {picture && picture.values.length > 0 ? <Small picture={picture} /> : <span class="tensor-small" />}
        <span class="tensor-pin-words">
          <code>{expression}</code>
          {picture ? (
            <span class="quiet">
              {shapeText(picture)} · norm {changed && `${formatNumber(before, 3)} → `}
              {formatNumber(norm, 3)}
            </span>
          ) : (
            <span class="quiet">{reason ?? "not looked at yet"}</span>
          )}
        </span>
      </button>
      <Button appearance="icon" label={`Unpin ${expression}`} icon={<Icon name="delete" />} onClick={onRemove} />
    </li>
  );
}

/** What the figure was at the stop before this one; null where that is unknown. */
function useBefore(figure: number | null, stop: number): number | null {
  const kept = useRef({ stop, now: figure, before: null as number | null });
  if (kept.current.stop !== stop) kept.current = { stop, now: figure, before: kept.current.now };
  else kept.current.now = figure;
  return kept.current.before;
}

function Small({ picture }: { readonly picture: TensorPicture }): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const palette = usePalette(useTheme());
  useLayoutEffect(() => {
    if (!canvas.current) return;
    const shades = shadesOf(picture, domainOf(picture, false), palette);
    paintPixels(canvas.current, picture.columns.count, picture.rows.count, shades);
  }, [picture, palette]);
  return <canvas ref={canvas} class="tensor-small look-pixels" aria-hidden="true" />;
}
