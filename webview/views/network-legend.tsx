/** What colours, frames and lines of the network's drawings mean. */
import type { JSX } from "preact";
import { formatNumber } from "../format";
import type { Theme } from "../theme";
import { rampColour, type LayerColours } from "./network-colours";

export interface LegendProps {
  readonly colours: LayerColours | undefined;
  readonly theme: Theme;
  /** Of the computation graph's rectangles. */
  readonly kinds: boolean;
  readonly hasWeights: boolean;
}

const KINDS = { input: "input", target: "label", parameter: "parameter", constant: "constant", loss: "loss" } as const;

export function Legend({ colours, theme, kinds, hasWeights }: LegendProps): JSX.Element | null {
  if (!colours && !hasWeights && !kinds) return null;
  const stops = [0, 0.25, 0.5, 0.75, 1];
  return (
    <div class="look-legend">
      {colours && (
        <span class="legend-item">
          {colours.iteration === null
            ? "Predicted gradient norm: "
            : `Gradient norm at iteration ${colours.iteration}: `}
          {formatNumber(colours.least, 2)}
          <svg class="legend-ramp" width="96" height="10" aria-hidden="true">
            <defs>
              <linearGradient id="net-ramp">
                {stops.map((stop) => (
                  <stop key={stop} offset={stop} stop-color={rampColour(theme.ramp, stop)} />
                ))}
              </linearGradient>
            </defs>
            <rect width="96" height="10" fill="url(#net-ramp)" />
          </svg>
          {formatNumber(colours.most, 2)}
        </span>
      )}
      {kinds &&
        Object.entries(KINDS).map(([kind, text]) => (
          <span class="legend-item" key={kind}>
            <svg class={`net-${kind}`} width="18" height="12" aria-hidden="true">
              <rect class="net-box" x="1.5" y="1.5" width="15" height="9" />
            </svg>
            {text}
          </span>
        ))}
      {hasWeights && (
        <span class="legend-item">
          <svg width="64" height="10" aria-hidden="true">
            <line class="net-weight positive" x1="0" x2="28" y1="5" y2="5" stroke-width="2" />
            <line class="net-weight negative" x1="36" x2="64" y1="5" y2="5" stroke-width="2" />
          </svg>
          positive, negative weights; as wide as they are large
        </span>
      )}
    </div>
  );
}
