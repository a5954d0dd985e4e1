/** The whole tensor in numbers: how they are spread, and what they amount to. */
import type { JSX } from "preact";
import { cssOf } from "../charts/colour";
import { formatCount, formatNumber, formatPercent } from "../format";
import { useTheme } from "../theme";
import { usePalette } from "../views/look-image";
import { View } from "../views/look-parts";
import type { Range } from "../views/look-pixels";
import { Bins, binOf, binText } from "./bins";
import { fullNumber } from "./numbers";
import { shadeOf, unpacked } from "./shades";
import type { TensorPicture } from "./protocol";

const WIDTH = 400;
const HEIGHT = 84;

/** Bars in the colours of the cells: what is counted in a bar is found in the map by its colour. */
export function Spread({ picture, range }: { readonly picture: TensorPicture; readonly range: Range }): JSX.Element {
  const { counts } = picture.histogram;
  return (
    <View
      name="tensor-histogram"
      title="Histogram"
      note="of the whole tensor"
      table={counts.length > 0 ? () => <Bins histogram={picture.histogram} /> : undefined}
    >
      {counts.length > 0 ? <Bars picture={picture} range={range} /> : <p class="quiet">No finite number to count.</p>}
    </View>
  );
}

function Bars({ picture, range }: { readonly picture: TensorPicture; readonly range: Range }): JSX.Element {
  const palette = usePalette(useTheme());
  const { counts, least, most } = picture.histogram;
  const highest = Math.max(1, ...counts);
  const width = WIDTH / counts.length;
  const zero = least < 0 && most > 0 ? (-least / (most - least)) * WIDTH : null;
  return (
    <svg
      class="tensor-bars"
      viewBox={`0 0 ${WIDTH} ${HEIGHT + 18}`}
      role="img"
      aria-label={`Numbers from ${formatNumber(least)} to ${formatNumber(most)}, most of them in the bin ${binText(picture.histogram, counts.indexOf(highest))}`}
    >
      {counts.map((count, bin) => {
        const [from, to] = binOf(picture.histogram, bin);
        // A bin with a single element among thousands is seen too.
        const height = count === 0 ? 0 : Math.max(2, (count / highest) * HEIGHT);
        return (
          <rect
            key={bin}
            x={bin * width + 0.5}
            y={HEIGHT - height}
            width={Math.max(width - 1.5, 1)}
            height={height}
            fill={cssOf(unpacked(shadeOf((from + to) / 2, range, palette)))}
          >
            <title>{binText(picture.histogram, bin)}</title>
          </rect>
        );
      })}
      <line class="axis" x1="0" x2={WIDTH} y1={HEIGHT + 0.5} y2={HEIGHT + 0.5} />
      {zero !== null && <line class="zero" x1={zero} x2={zero} y1="0" y2={HEIGHT} />}
      <text x="0" y={HEIGHT + 14}>
        {formatNumber(least)}
      </text>
      {zero !== null && zero > 70 && zero < WIDTH - 70 && (
        <text class="middle" x={zero} y={HEIGHT + 14}>
          0
        </text>
      )}
      <text class="end" x={WIDTH} y={HEIGHT + 14}>
        {formatNumber(most)}
      </text>
    </svg>
  );
}

export function Statistics({ picture }: { readonly picture: TensorPicture }): JSX.Element {
  const { size, least, most, mean, deviation, norm, zeros, notFinite } = picture.statistics;
  const share = (count: number): string => (count > 0 && size > 0 ? ` · ${formatPercent(count / size)}` : "");
  const rows: readonly (readonly [name: string, text: string, full: string, wrong?: boolean])[] = [
    ["Elements", formatCount(size), String(size)],
    ["Least", formatNumber(least), fullNumber(least)],
    ["Greatest", formatNumber(most), fullNumber(most)],
    ["Mean", formatNumber(mean), fullNumber(mean)],
    ["Standard deviation", formatNumber(deviation), fullNumber(deviation)],
    ["Norm", formatNumber(norm), fullNumber(norm)],
    ["Exactly 0", `${formatCount(zeros)}${share(zeros)}`, String(zeros)],
    ["NaN or infinite", `${formatCount(notFinite)}${share(notFinite)}`, String(notFinite), notFinite > 0],
  ];
  return (
    <section class="look" aria-labelledby="tensor-statistics">
      <header class="look-head">
        <h2 id="tensor-statistics">Statistics</h2>
        <span class="note">of the whole tensor</span>
      </header>
      <table class="tensor-statistics">
        <tbody>
          {rows.map(([name, text, full, wrong]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td class={wrong ? "number wrong-text" : "number"} title={full}>
                {text}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
