/** The bins of a histogram in words and as a table. */
import type { JSX } from "preact";
import { formatCount, formatNumber } from "../format";
import { ScrolledTable } from "../views/look-parts";

export interface Histogram {
  readonly least: number;
  readonly most: number;
  readonly counts: readonly number[];
}

export function Bins({ histogram }: { readonly histogram: Histogram }): JSX.Element {
  return (
    <ScrolledTable label="Histogram as a table">
      <caption class="unseen">Numbers in each of {histogram.counts.length} bins</caption>
      <thead>
        <tr>
          <th scope="col" class="number">
            From
          </th>
          <th scope="col" class="number">
            To
          </th>
          <th scope="col" class="number">
            Numbers
          </th>
        </tr>
      </thead>
      <tbody>
        {histogram.counts.map((count, bin) => {
          const [from, to] = binOf(histogram, bin);
          return (
            <tr key={bin}>
              <td class="number">{formatNumber(from, 3)}</td>
              <td class="number">{formatNumber(to, 3)}</td>
              <td class="number">{formatCount(count)}</td>
            </tr>
          );
        })}
      </tbody>
    </ScrolledTable>
  );
}

export function binOf({ counts, least, most }: Histogram, bin: number): readonly [number, number] {
  const width = (most - least) / counts.length;
  return [least + bin * width, least + (bin + 1) * width];
}

/** `0.10 to 0.20: 17`. */
export function binText(histogram: Histogram, bin: number): string {
  const [from, to] = binOf(histogram, bin);
  return `${formatNumber(from, 3)} to ${formatNumber(to, 3)}: ${formatCount(histogram.counts[bin])}`;
}
