/** Both drawings of the network in words. */
import type { JSX } from "preact";
import { formatNumber } from "../format";
import type { NetworkDiagram } from "../protocol";
import { ScrolledTable } from "./look-parts";
import type { LayerColours } from "./network-colours";
import type { DrawnGraph } from "./network-graph";
import { openLayer, placeText, type Place } from "./places";

export function GraphTable({
  drawn,
  colours,
}: {
  readonly drawn: DrawnGraph;
  readonly colours: LayerColours | undefined;
}): JSX.Element {
  const names = new Map(drawn.nodes.map(({ key, outside, inside }) => [key, outside ?? inside]));
  return (
    <ScrolledTable label="Computation graph as a table">
      <caption class="unseen">Nodes in the order of execution</caption>
      <thead>
        <tr>
          <th scope="col">Variable</th>
          <th scope="col">Function</th>
          <th scope="col">Kind</th>
          <th scope="col">Reads</th>
          <th scope="col">Shape</th>
          <th scope="col" class="number">
            Gradient norm
          </th>
          <th scope="col">Line</th>
        </tr>
      </thead>
      <tbody>
        {drawn.nodes.map((node) => (
          <tr key={node.key}>
            <th scope="row">{node.outside ?? "–"}</th>
            <td>{node.inside}</td>
            <td class="quiet">{node.kind === "target" ? "label" : node.kind}</td>
            <td class="quiet">
              {drawn.edges
                .filter(({ to }) => to === node.key)
                .map(({ from }) => names.get(from))
                .join(", ")}
            </td>
            <td>
              {node.shape}
              <Problem text={node.problem} />
            </td>
            <td class="number">{formatNumber(node.layer === null ? null : colours?.values[node.layer], 3)}</td>
            <td>
              <PlaceLink place={node} />
            </td>
          </tr>
        ))}
      </tbody>
    </ScrolledTable>
  );
}

export function DiagramTable({
  diagram,
  colours,
}: {
  readonly diagram: NetworkDiagram;
  readonly colours: LayerColours | undefined;
}): JSX.Element {
  return (
    <ScrolledTable label="Network diagram as a table">
      <caption class="unseen">Columns of units from the inputs to the outputs</caption>
      <thead>
        <tr>
          <th scope="col">Layer</th>
          <th scope="col">Type</th>
          <th scope="col">Variable</th>
          <th scope="col" class="number">
            Units
          </th>
          <th scope="col">Shape</th>
          <th scope="col">Activation</th>
          <th scope="col">Fed by</th>
          <th scope="col" class="number">
            Gradient norm
          </th>
          <th scope="col">Line</th>
        </tr>
      </thead>
      <tbody>
        {diagram.columns.map((column, at) => (
          <tr key={at}>
            <th scope="row">{column.name}</th>
            <td class="quiet">{column.type ?? "input"}</td>
            <td>{column.variable}</td>
            <td class="number">{column.units}</td>
            <td>
              {column.shape}
              <Problem text={column.problem} />
            </td>
            <td>{column.activation ?? "–"}</td>
            <td class="quiet">
              {diagram.links
                .filter(({ to }) => to === at)
                .map(({ from, weight }) => `${diagram.columns[from].name}${weight === null ? "" : ` by ${weight}`}`)
                .join(", ")}
            </td>
            <td class="number">{formatNumber(column.layer === null ? null : colours?.values[column.layer], 3)}</td>
            <td>
              <PlaceLink place={column} />
            </td>
          </tr>
        ))}
      </tbody>
    </ScrolledTable>
  );
}

function Problem({ text }: { readonly text: string | null }): JSX.Element | null {
  return text === null ? null : <div class="problem-text">✗ {text}</div>;
}

function PlaceLink({ place }: { readonly place: Place }): JSX.Element {
  const text = placeText(place);
  if (text === undefined) return <>–</>;
  return (
    <button type="button" class="link" onClick={() => openLayer(place)}>
      {text}
    </button>
  );
}
