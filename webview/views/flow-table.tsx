import type { ComponentChildren, JSX } from "preact";
import { formatNumber, formatPercent } from "../format";
import { DESCRIPTIONS, FLOW_FIGURES, figureOf } from "../flow/figures";
import type { FlowColumn, StartEvent } from "../protocol";
import { ScrolledTable } from "./look-parts";
import { openLayer, type Place } from "./places";

export interface FlowTableProps {
  readonly layers: StartEvent["layers"];
  readonly column: FlowColumn | undefined;
}

/** All figures of all layers as they are now. */
export function FlowTable({ layers, column }: FlowTableProps): JSX.Element {
  return (
    <FiguresTable
      label="Gradient flow as a table"
      caption={column ? `Figures of all layers at iteration ${column.iteration}` : "No iteration has ended yet"}
      figures={FLOW_FIGURES}
      layers={layers}
      valueOf={(figure, i) => (column ? figureOf(column, i, figure) : null)}
    />
  );
}

export interface FiguresTableProps<F extends keyof typeof DESCRIPTIONS> {
  readonly label: string;
  readonly caption: string;
  readonly figures: readonly F[];
  readonly layers: readonly (Place & { readonly name: string; readonly type: string })[];
  readonly valueOf: (figure: F, layer: number) => number | null;
  /** Behind the name of a layer. */
  readonly remark?: (layer: number) => ComponentChildren;
}

/** Layers in rows, figures in columns. */
export function FiguresTable<F extends keyof typeof DESCRIPTIONS>(props: FiguresTableProps<F>): JSX.Element {
  const { label, caption, figures, layers, valueOf, remark } = props;
  return (
    <ScrolledTable label={label}>
      <caption class="unseen">{caption}</caption>
      <thead>
        <tr>
          <th scope="col">Layer</th>
          <th scope="col">Type</th>
          {figures.map((figure) => (
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
              {remark?.(i)}
            </th>
            <td class="quiet">{layer.type}</td>
            {figures.map((figure) => {
              const value = valueOf(figure, i);
              return (
                <td class="number" key={figure}>
                  {DESCRIPTIONS[figure].kind === "fraction" ? formatPercent(value) : formatNumber(value, 3)}
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </ScrolledTable>
  );
}
