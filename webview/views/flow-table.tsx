import type { JSX } from "preact";
import { formatNumber, formatPercent } from "../format";
import { DESCRIPTIONS, FLOW_FIGURES, figureOf } from "../flow/figures";
import type { FlowColumn, StartEvent } from "../protocol";
import { openLayer } from "./places";

export interface FlowTableProps {
  readonly layers: StartEvent["layers"];
  readonly column: FlowColumn | undefined;
}

/** All figures of all layers as they are now. */
export function FlowTable({ layers, column }: FlowTableProps): JSX.Element {
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-label="Gradient flow as a table">
      <table>
        <caption class="unseen">
          {column ? `Figures of all layers at iteration ${column.iteration}` : "No iteration has ended yet"}
        </caption>
        <thead>
          <tr>
            <th scope="col">Layer</th>
            <th scope="col">Type</th>
            {FLOW_FIGURES.map((figure) => (
              <th scope="col" class="number" key={figure} title={DESCRIPTIONS[figure].meaning}>
                {DESCRIPTIONS[figure].label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {layers.map((layer, i) => (
            <tr key={i}>
              <th scope="row">
                <button type="button" class="link" disabled={layer.file === null} onClick={() => openLayer(layer)}>
                  {layer.name}
                </button>
              </th>
              <td class="quiet">{layer.type}</td>
              {FLOW_FIGURES.map((figure) => {
                const value = column ? figureOf(column, i, figure) : null;
                return (
                  <td class="number" key={figure}>
                    {DESCRIPTIONS[figure].kind === "fraction" ? formatPercent(value) : formatNumber(value, 3)}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
