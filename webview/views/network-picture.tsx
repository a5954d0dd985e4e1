/** The computation graph: a rectangle for each intermediate, its function inside and its variable outside. */
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { formatNumber } from "../format";
import type { GraphGroup } from "../protocol";
import type { LayerColours } from "./network-colours";
import type { DrawnGraph, DrawnNode } from "./network-graph";
import type { GraphLayout, PlacedNode, Point } from "./network-layout";

export interface GraphPictureProps {
  readonly drawn: DrawnGraph;
  readonly layout: GraphLayout;
  readonly shapes: boolean;
  readonly colours: LayerColours | undefined;
  readonly colourOf: (layer: number | null) => string | undefined;
  /** The node that the keyboard stands on. */
  readonly active: string | null;
  readonly cursor: number | null;
  readonly onOpen: (node: DrawnNode) => void;
  readonly onToggle: (group: GraphGroup) => void;
  readonly onFocus: (key: string) => void;
}

export function GraphPicture(props: GraphPictureProps): JSX.Element {
  const { drawn, layout, shapes, active, cursor } = props;
  const open = useMemo(() => new Map(drawn.open.map((group) => [group.id, group])), [drawn]);
  const edges = useMemo(
    () => (
      <g class="net-edges" aria-hidden="true">
        {layout.edges.map(({ edge, path, label }) => (
          <g key={`${edge.from} ${edge.to}`}>
            <path class="net-edge" d={path} marker-end="url(#net-arrow)">
              <title>{edge.shape}</title>
            </path>
            {shapes && <EdgeLabel at={label} text={edge.shape} />}
          </g>
        ))}
      </g>
    ),
    [layout, shapes],
  );
  return (
    <>
      <defs>
        <marker id="net-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
          <path class="net-arrow" d="M0,0.5 L8,4 L0,7.5 z" />
        </marker>
      </defs>
      {layout.clusters.map(({ id, x, y, width, height }) => {
        const group = open.get(id) as GraphGroup;
        return (
          <g
            key={id}
            class={
              isLayer(group, cursor) && !isLayer(open.get(group.parent), cursor) ? "net-cluster here" : "net-cluster"
            }
          >
            <rect x={x} y={y} width={width} height={height} rx="6" />
            <g
              class="net-fold"
              role="button"
              tabIndex={-1}
              aria-expanded="true"
              aria-label={`${groupName(group)}: fold`}
              onClick={() => props.onToggle(group)}
            >
              <rect class="net-hit" x={x + 2} y={y + 2} width={Math.max(0, width - 4)} height="18" />
              <text x={x + 8} y={y + 11}>
                <tspan class="net-sign">▾ </tspan>
                {groupName(group)}
              </text>
            </g>
          </g>
        );
      })}
      {edges}
      {layout.nodes.map((placed) => (
        <GraphNodeShape
          key={placed.node.key}
          placed={placed}
          colour={props.colourOf(placed.node.layer)}
          gradient={placed.node.layer === null ? null : (props.colours?.values[placed.node.layer] ?? null)}
          isActive={placed.node.key === active}
          isHere={isLayer(placed.node, cursor) && !isLayer(open.get(placed.node.parent), cursor)}
          {...props}
        />
      ))}
    </>
  );
}

/** A text on an edge, on a ground of its own so that the line does not strike it through. */
export function EdgeLabel({ at, text }: { readonly at: Point; readonly text: string }): JSX.Element {
  // Digits and brackets at 11 pixels: no need to measure.
  const width = text.length * 6.2 + 4;
  return (
    <>
      <rect class="net-ground" x={at.x - width / 2} y={at.y - 7} width={width} height="14" rx="3" />
      <text class="net-shape" x={at.x} y={at.y}>
        {text}
      </text>
    </>
  );
}

interface NodeProps extends GraphPictureProps {
  readonly placed: PlacedNode;
  readonly colour: string | undefined;
  readonly gradient: number | null;
  readonly isActive: boolean;
  readonly isHere: boolean;
}

function GraphNodeShape(props: NodeProps): JSX.Element {
  const { placed, colour, gradient, isActive, isHere, onOpen, onToggle, onFocus } = props;
  const { node, x, y, width, height } = placed;
  const classes = ["net-node", `net-${node.kind}`, isHere ? "here" : "", node.file === null ? "" : "linked"];
  return (
    <g
      class={classes.join(" ")}
      data-key={node.key}
      role="button"
      tabIndex={isActive ? 0 : -1}
      aria-label={nodeLabel(node, gradient)}
      aria-expanded={node.group ? "false" : undefined}
      onClick={() => onOpen(node)}
      onFocus={() => onFocus(node.key)}
    >
      <title>{nodeLabel(node, gradient)}</title>
      <rect class="net-box" x={x} y={y} width={width} height={height} />
      {colour !== undefined && <rect class="net-heat" x={x} y={y} width="6" height={height} fill={colour} />}
      {node.group && (
        <g
          class="net-fold"
          onClick={(event) => {
            event.stopPropagation();
            if (node.group) onToggle(node.group);
          }}
        >
          <rect class="net-hit" x={x + 6} y={y} width="18" height={height} />
          <text class="net-sign" x={x + 10} y={y + height / 2}>
            ▸
          </text>
        </g>
      )}
      <text class="net-function" x={x + width / 2 + (node.group ? 7 : 0)} y={y + height / 2}>
        {node.inside}
      </text>
      {node.outside !== null && (
        <text class="net-variable" x={x + width + 6} y={y + height / 2}>
          {node.outside}
        </text>
      )}
    </g>
  );
}

/** Of a layer that stands open, the frame is marked and not all that is in it. */
function isLayer(place: { readonly layer: number | null } | undefined, cursor: number | null): boolean {
  return place !== undefined && place.layer !== null && place.layer === cursor;
}

/** `hidden (Linear)`. */
function groupName({ name, type }: GraphGroup): string {
  return name === type ? name : `${name} (${type})`;
}

const KINDS: Readonly<Record<DrawnNode["kind"], string>> = {
  operation: "operation",
  parameter: "parameter",
  input: "input",
  target: "label",
  constant: "constant",
  loss: "loss",
  layer: "layer",
};

/** All that the picture says of a node, in words. */
export function nodeLabel(node: DrawnNode, gradient: number | null): string {
  const parts = [
    node.outside === null ? node.inside : `${node.outside}: ${node.inside}`,
    KINDS[node.kind],
    `shape ${node.shape}`,
    ...(gradient === null ? [] : [`gradient norm ${formatNumber(gradient, 3)}`]),
    ...(node.group ? [`${node.count} ${node.count === 1 ? "node" : "nodes"}, folded`] : []),
    ...(node.line === null ? [] : [`line ${node.line}`]),
  ];
  return parts.join(", ");
}
