/** The computation graph: a rectangle for each intermediate, its function inside and its variable outside. */
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { formatNumber } from "../format";
import type { GraphGroup } from "../protocol";
import type { LayerColours } from "./network-colours";
import type { DrawnGraph, DrawnNode } from "./network-graph";
import type { Box, GraphLayout, PlacedNode, Point } from "./network-layout";
import { MARK_SIGNS, markOf, markText, type LayerMark, type NetworkMarks } from "./network-marks";

export interface GraphPictureProps {
  readonly drawn: DrawnGraph;
  readonly layout: GraphLayout;
  readonly shapes: boolean;
  readonly colours: LayerColours | undefined;
  readonly colourOf: (layer: number | null) => string | undefined;
  readonly marks: NetworkMarks;
  /** The node that the keyboard stands on. */
  readonly active: string | null;
  readonly cursor: number | null;
  readonly onOpen: (node: DrawnNode) => void;
  readonly onToggle: (group: GraphGroup) => void;
  readonly onFocus: (key: string) => void;
}

export function GraphPicture(props: GraphPictureProps): JSX.Element {
  const { drawn, layout, shapes, active, cursor, marks } = props;
  const open = useMemo(() => new Map(drawn.open.map((group) => [group.id, group])), [drawn]);
  /** The layer that a node or frame stands for: of what stands open only the frame, and not all that is in it. */
  const layerOf = ({ layer, parent }: Pick<DrawnNode, "layer" | "parent">): number | null =>
    layer !== null && open.get(parent)?.layer === layer ? null : layer;
  const edges = useMemo(
    () => (
      <g class="net-edges" aria-hidden="true">
        {layout.edges.map(({ edge, path, label }) => (
          <g key={`${edge.from} ${edge.to}`} class={edge.problem === null ? undefined : "problem"}>
            <path
              class="net-edge"
              d={path}
              marker-end={edge.problem === null ? "url(#net-arrow)" : "url(#net-arrow-problem)"}
            >
              <title>{edge.problem === null ? edge.shape : `${edge.shape}: ${edge.problem}`}</title>
            </path>
            {label && (shapes || edge.problem !== null) && (
              <EdgeLabel at={label} text={edge.problem === null ? edge.shape : `✗ ${edge.shape}`} />
            )}
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
        <marker
          id="net-arrow-problem"
          viewBox="0 0 8 8"
          refX="7"
          refY="4"
          markerWidth="5"
          markerHeight="5"
          orient="auto"
        >
          <path class="net-arrow problem" d="M0,0.5 L8,4 L0,7.5 z" />
        </marker>
      </defs>
      {layout.clusters.map(({ id, x, y, width, height }) => {
        const group = open.get(id) as GraphGroup;
        const layer = layerOf(group);
        const mark = markOf(marks, layer, []);
        return (
          <g
            key={id}
            class={[
              "net-cluster",
              layer !== null && layer === cursor ? "here" : "",
              mark ? `mark-${mark.kind}` : "",
            ].join(" ")}
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
            {mark && <Mark key={marks.edit} mark={mark} box={{ x, y, width, height }} />}
          </g>
        );
      })}
      {edges}
      {layout.nodes.map((placed) => {
        const layer = layerOf(placed.node);
        return (
          <GraphNodeShape
            key={placed.node.key}
            placed={placed}
            colour={props.colourOf(placed.node.layer)}
            gradient={placed.node.layer === null ? null : (props.colours?.values[placed.node.layer] ?? null)}
            isActive={placed.node.key === active}
            isHere={cursor !== null && (layer === cursor || placed.node.inner.includes(cursor))}
            mark={markOf(marks, layer, placed.node.inner)}
            {...props}
          />
        );
      })}
    </>
  );
}

/** A sign at the corner of what the last edit changed, and a frame around it that fades away. */
export function Mark({ mark, box }: { readonly mark: LayerMark; readonly box: Box }): JSX.Element {
  const { x, y, width, height } = box;
  return (
    <g class={`net-mark ${mark.kind}`} aria-hidden="true">
      <rect class="net-flash" x={x - 4} y={y - 4} width={width + 8} height={height + 8} rx="5" />
      <circle cx={x} cy={y} r="7.5" />
      <text x={x} y={y + 0.5}>
        {MARK_SIGNS[mark.kind]}
      </text>
    </g>
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
  readonly mark: LayerMark | undefined;
}

function GraphNodeShape(props: NodeProps): JSX.Element {
  const { placed, colour, gradient, isActive, isHere, mark, marks, onOpen, onToggle, onFocus } = props;
  const { node, x, y, width, height } = placed;
  const label = nodeLabel(node, gradient, mark);
  const classes = [
    ...["net-node", `net-${node.kind}`, isHere ? "here" : "", node.file === null ? "" : "linked"],
    ...[node.problem === null ? "" : "problem", mark ? `mark-${mark.kind}` : ""],
  ];
  return (
    <g
      class={classes.filter(Boolean).join(" ")}
      data-key={node.key}
      role="button"
      tabIndex={isActive ? 0 : -1}
      aria-label={label}
      aria-expanded={node.group ? "false" : undefined}
      onClick={() => onOpen(node)}
      onFocus={() => onFocus(node.key)}
    >
      <title>{label}</title>
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
      {mark && <Mark key={marks.edit} mark={mark} box={placed} />}
    </g>
  );
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
export function nodeLabel(node: DrawnNode, gradient: number | null, mark?: LayerMark): string {
  const parts = [
    ...(node.problem === null ? [] : [`Problem: ${node.problem}`]),
    node.outside === null ? node.inside : `${node.outside}: ${node.inside}`,
    KINDS[node.kind],
    `shape ${node.shape}`,
    ...(gradient === null ? [] : [`gradient norm ${formatNumber(gradient, 3)}`]),
    ...(node.group ? [`${node.count} ${node.count === 1 ? "node" : "nodes"}, folded`] : []),
    ...(mark ? [markText(mark)] : []),
    ...(node.line === null ? [] : [`line ${node.line}`]),
  ];
  return parts.join(", ");
}
