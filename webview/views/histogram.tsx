/** How the numbers of one layer are spread: a row of the gradient flow opens it. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { formatCount, formatNumber, formatPercent } from "../format";
import type { HistogramOf, HistogramResult } from "../protocol";
import { useHistory } from "../store";
import { Button } from "../ui";
import { Icon } from "./icons";
import { Bins, binOf, binText } from "../tensor/bins";
import { epochVersion, useLook } from "./look";
import { Stale, Waiting } from "./look-parts";
import { Segments } from "./pane";

export interface HistogramProps {
  readonly run: string;
  /** Position in `start.layers`. */
  readonly layer: number;
}

const WIDTH = 400;
const HEIGHT = 96;

/** Kept while the panel lives: who compares layers looks at the same of each. */
const chosen: { of: HistogramOf; table: boolean } = { of: "weights", table: false };

export function Histogram({ run, layer }: HistogramProps): JSX.Element {
  const history = useHistory(run);
  const [of, setOf] = useState(chosen.of);
  const [asTable, setAsTable] = useState(chosen.table);
  const { result, reason } = useLook(run, { kind: "histogram", layer, of }, "histogram", epochVersion(history));
  const name = history?.start?.layers[layer]?.name ?? `layer ${layer}`;
  return (
    <div class="histogram" role="group" aria-label={`Histogram of ${name}`}>
      <div class="histogram-head">
        <Segments
          label={`What of ${name} is counted`}
          name={`histogram-${layer}`}
          value={of}
          choices={[
            { value: "weights", text: "Weights" },
            { value: "gradients", text: "Gradients" },
            { value: "activations", text: "Activations" },
          ]}
          onChange={(value) => setOf((chosen.of = value))}
        />
        <span class="spring" />
        {result && (
          <Button
            appearance="icon"
            pressed={asTable}
            label={asTable ? "Histogram: show the picture" : "Histogram: show as table"}
            icon={<Icon name={asTable ? "chart" : "table"} />}
            onClick={() => setAsTable((chosen.table = !asTable))}
          />
        )}
      </div>
      {result ? (
        asTable ? (
          <Bins histogram={result} />
        ) : (
          <Bars result={result} />
        )
      ) : (
        <Waiting reason={reason} what="numbers" />
      )}
      {result && <Facts result={result} />}
      {result && <Stale reason={reason} />}
    </div>
  );
}

function Bars({ result }: { readonly result: HistogramResult }): JSX.Element {
  const { counts, least, most, mean, of } = result;
  const highest = Math.max(1, ...counts);
  const width = WIDTH / counts.length;
  const at = (value: number): number => (most === least ? 0.5 : (value - least) / (most - least)) * WIDTH;
  return (
    <svg
      class="histogram-bars"
      viewBox={`0 0 ${WIDTH} ${HEIGHT + 18}`}
      role="img"
      aria-label={`${of} from ${formatNumber(least, 3)} to ${formatNumber(most, 3)}, most of them near ${formatNumber(peakOf(result), 3)}`}
    >
      {counts.map((count, bin) => {
        // A bin with a single element among thousands is seen too.
        const height = count === 0 ? 0 : Math.max(1, (count / highest) * HEIGHT);
        return (
          <rect
            key={bin}
            class="bar"
            x={bin * width}
            y={HEIGHT - height}
            width={Math.max(width - 1, 1)}
            height={height}
          >
            <title>{binText(result, bin)}</title>
          </rect>
        );
      })}
      <line class="axis" x1="0" x2={WIDTH} y1={HEIGHT + 0.5} y2={HEIGHT + 0.5} />
      {least < 0 && most > 0 && <line class="zero" x1={at(0)} x2={at(0)} y1="0" y2={HEIGHT} />}
      {Number.isFinite(mean) && <path class="mean" d={`M${at(mean)},${HEIGHT} l4,6 h-8 z`} />}
      <text x="0" y={HEIGHT + 14}>
        {formatNumber(least, 3)}
      </text>
      <text class="end" x={WIDTH} y={HEIGHT + 14}>
        {formatNumber(most, 3)}
      </text>
    </svg>
  );
}

function Facts({ result }: { readonly result: HistogramResult }): JSX.Element {
  const { counts, mean, deviation, zeros, notFinite } = result;
  const total = counts.reduce((a, b) => a + b, 0) + notFinite;
  return (
    <p class="hint">
      {formatCount(total)} numbers · mean {formatNumber(mean, 3)} (▴) · deviation {formatNumber(deviation, 3)}
      {zeros > 0 && ` · ${formatPercent(zeros)} exactly 0`}
      {notFinite > 0 && <b class="wrong-text"> · {formatCount(notFinite)} NaN or infinite</b>}
    </p>
  );
}

/** The middle of the fullest bin. */
function peakOf(result: HistogramResult): number {
  const [from, to] = binOf(result, result.counts.indexOf(Math.max(...result.counts)));
  return (from + to) / 2;
}
