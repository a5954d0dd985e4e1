/** One picture of numbers, enlarged without smoothing, with its words. */
import type { JSX } from "preact";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { packed, parseColour, ramp, type Colour } from "../charts/colour";
import { formatNumber } from "../format";
import type { Image } from "../protocol";
import type { Theme } from "../theme";
import { paintPixels, pixelsOf, rangeOf, type Palette, type Range } from "./look-pixels";

const STEPS = 128;
/** CSS pixels along the side of one number. */
const LARGEST = 36;

/** Negative numbers in one colour of the theme and positive ones in another, 0 in its background. */
export function usePalette(theme: Theme): Palette {
  return useMemo(() => {
    const ink = read(theme.foreground);
    const paper = read(theme.background);
    const [positive, negative] = [read(theme.series[0]), read(theme.series[1])];
    const towards = (end: Colour): Uint32Array =>
      packed(Array.from({ length: STEPS }, (_, i) => mixed(paper, end, i / (STEPS - 1))));
    const [up, down, grey] = [towards(positive), towards(negative), towards(ink)];
    return {
      diverging: (share) => (share < 0 ? down : up)[Math.round(Math.abs(share) * (STEPS - 1))],
      sequential: (share) => grey[Math.round(share * (STEPS - 1))],
    };
  }, [theme]);
}

function read(css: string): Colour {
  return parseColour(css) ?? ramp([], 0.5, 0.5, 1)[0];
}

function mixed(from: Colour, to: Colour, part: number): Colour {
  const mix = (a: number, b: number): number => a + (b - a) * part;
  return { red: mix(from.red, to.red), green: mix(from.green, to.green), blue: mix(from.blue, to.blue), alpha: 1 };
}

export interface PictureProps {
  readonly image: Image;
  readonly palette: Palette;
  /** What the colours stand for; the image's own range where it is left out. */
  readonly range?: Range;
  /** Length of the longer side in CSS pixels; the nearest whole multiple is taken. */
  readonly size: number;
  readonly caption?: string;
}

export function Picture({ image, palette, range, size, caption }: PictureProps): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const own = useMemo(() => rangeOf([image]), [image]);
  const shown = range ?? own;
  useLayoutEffect(() => {
    if (canvas.current) paintPixels(canvas.current, image.width, image.height, pixelsOf(image, shown, palette));
  }, [image, palette, shown.least, shown.most]);
  const scale = Math.min(LARGEST, Math.max(1, Math.round(size / Math.max(image.width, image.height))));
  const words = caption ?? image.caption;
  return (
    <figure class="look-figure">
      <canvas
        ref={canvas}
        class="look-pixels"
        style={{ width: `${image.width * scale}px`, height: `${image.height * scale}px` }}
        role="img"
        aria-label={`${words}: ${image.width} × ${image.height}, from ${formatNumber(own.least, 3)} to ${formatNumber(own.most, 3)}`}
      />
      <figcaption>{words}</figcaption>
    </figure>
  );
}

/** What the colours mean. */
export function PaletteLegend({ range, palette }: { readonly range: Range; readonly palette: Palette }): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const signed = range.least < 0;
  const largest = Math.max(Math.abs(range.least), Math.abs(range.most));
  useLayoutEffect(() => {
    if (!canvas.current) return;
    const pixels = Uint32Array.from({ length: 65 }, (_, i) =>
      signed ? palette.diverging((i - 32) / 32) : palette.sequential(i / 64),
    );
    paintPixels(canvas.current, 65, 1, pixels);
  }, [palette, signed]);
  return (
    <span class="legend-item">
      {formatNumber(signed ? -largest : range.least, 3)}
      <canvas ref={canvas} class="look-pixels legend-bar" aria-hidden="true" />
      {formatNumber(signed ? largest : range.most, 3)}
    </span>
  );
}
