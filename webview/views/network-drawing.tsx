/** The drawing of a network, of a run or of the model in the editor: a diagram of units, or the graph of all computations. */
import type { ComponentChildren, JSX } from "preact";
import { useMemo, useRef, useState } from "preact/hooks";
import type { ComputationGraph, NetworkResult } from "../protocol";
import { useTheme } from "../theme";
import { Button, Checkbox } from "../ui";
import { Canvas, type CanvasHandle } from "./network-canvas";
import { rampColour, type LayerColours } from "./network-colours";
import { MOST_DRAWN, type Folding } from "./network-graph";
import { focusItem, useFolding, useGraphLayout, useMeasure, usePlace, useSame } from "./network-hooks";
import type { GraphLayout } from "./network-layout";
import { Legend } from "./network-legend";
import type { NetworkMarks } from "./network-marks";
import { GraphPicture } from "./network-picture";
import type { Item } from "./network-place";
import { DiagramTable, GraphTable } from "./network-table";
import { layoutDiagram } from "./network-units";
import { DiagramPicture } from "./network-units-picture";
import { Segments } from "./pane";
import { openLayer, type Place } from "./places";

export type Mode = "diagram" | "graph";

/** What the viewer chose: kept while the panel lives, whatever is in sight. */
export interface Chosen {
  mode: Mode;
  /** Null leaves it to the drawing. */
  shapes: boolean | null;
}

/** What goes into the frame around the drawing. */
export interface DrawingParts {
  readonly note: string | undefined;
  readonly controls: JSX.Element;
  readonly table: () => JSX.Element;
  readonly body: JSX.Element;
}

export interface NetworkDrawingProps {
  /** What is drawn, across edits: the viewer's place is kept for each. */
  readonly subject: string;
  readonly result: NetworkResult;
  readonly chosen: Chosen;
  /** How a graph is folded when it is first seen. */
  readonly folding: (graph: ComputationGraph) => Folding;
  readonly colours: LayerColours | undefined;
  readonly marks: NetworkMarks;
  /** Index of the layer at the editor's cursor. */
  readonly cursor: number | null;
  /** Below the drawing. */
  readonly below?: ComponentChildren;
  readonly frame: (parts: DrawingParts) => JSX.Element;
}

export function NetworkDrawing(props: NetworkDrawingProps): JSX.Element {
  const { subject, result, chosen, colours, marks, cursor } = props;
  const theme = useTheme();
  const [mode, setMode] = useState<Mode>(chosen.mode);
  const [wantsShapes, setShapes] = useState<boolean | null>(chosen.shapes);
  const graph = useSame(result.graph);
  const { drawn, open, toggle, setAll } = useFolding(subject, graph, props.folding);
  const [active, setActive] = useState<string | null>(null);
  const canvas = useRef<CanvasHandle>(null);
  const measure = useMeasure(theme);

  // The lecture's computation graph has unlabelled edges, and a whole one is drawn so. One that is folded to its layers, and the
  // diagram, show shapes at first: there they are what one looks for. The switch overrules either.
  const folded = open.size < graph.groups.length;
  const shapes = wantsShapes ?? (mode === "diagram" || folded);
  const layout = useGraphLayout(mode === "graph" ? drawn : null, measure, shapes);
  const diagram = useMemo(() => layoutDiagram(result.diagram), [result.diagram]);
  const colourOf = (layer: number | null): string | undefined =>
    layer === null ? undefined : rampColour(theme.ramp, colours?.positions[layer]);

  const items = useMemo(
    (): readonly Item[] =>
      layout
        ? layout.nodes.map(({ node, x, y, width, height }) => ({ key: node.key, x, y, width, height }))
        : diagram.columns.map(({ key, x, top, bottom }) => ({
            ...{ key, x: x - 50, y: top - 48, width: 100 },
            height: bottom - top + 78,
          })),
    [layout, diagram],
  );
  const standing = items.some(({ key }) => key === active) ? active : (items[0]?.key ?? null);
  const size = layout ?? diagram;
  const hold = usePlace(canvas, {
    subject: `${subject} ${mode}`,
    ...{ items, size, chosen: active },
    itemOf: (group) => anchorItem(layout, items, group),
  });
  const focus = (key: string): void => {
    setActive(key);
    const item = items.find((each) => each.key === key);
    if (item) canvas.current?.reveal(item);
  };
  const placeOf = (at: number): Place | undefined => layout?.nodes[at]?.node ?? diagram.columns[at]?.column;
  const keyDown = (event: KeyboardEvent): void => {
    const at = items.findIndex(({ key }) => key === standing);
    const next = nextItem(event.key, at, items.length);
    if (next !== null) {
      focusItem(items[next].key);
    } else if (event.key === "Enter") {
      const place = placeOf(at);
      if (place) openLayer(place);
    } else if ((event.key === " " || event.key === "Backspace") && layout) {
      const { group, parent } = layout.nodes[at].node;
      const around = graph.groups.find(({ id }) => id === parent);
      // Space opens what is folded, else folds what is around; Backspace always folds what is around.
      const changed = event.key === " " ? (group ?? around) : around;
      if (changed) {
        hold(changed.id, true);
        toggle(changed);
      }
    } else {
      return;
    }
    event.preventDefault();
  };

  const total = graph.nodes.length;
  const name = mode === "graph" ? "Computation graph" : "Network diagram";
  return props.frame({
    note: mode === "graph" ? nodesNote(drawn.nodes.length, total) : undefined,
    controls: (
      <>
        <Segments
          label="How the network is drawn"
          name="network-mode"
          value={mode}
          choices={MODES}
          onChange={(value) => {
            chosen.mode = value;
            setMode(value);
          }}
        />
        <Checkbox
          checked={shapes}
          onChange={(value) => {
            chosen.shapes = value;
            setShapes(value);
          }}
        >
          Shapes
        </Checkbox>
        {mode === "graph" && graph.groups.length > 0 && (
          <>
            <Button disabled={open.size === 0} onClick={() => setAll("none")}>
              Fold
            </Button>
            <Button
              disabled={open.size === graph.groups.length || total > MOST_DRAWN}
              label={
                total > MOST_DRAWN
                  ? `Unfold all (up to ${MOST_DRAWN} nodes; this graph has ${total}: unfold one by one)`
                  : "Unfold all"
              }
              onClick={() => setAll("all")}
            >
              Unfold
            </Button>
          </>
        )}
      </>
    ),
    table: () =>
      mode === "graph" ? (
        <GraphTable drawn={drawn} colours={colours} />
      ) : (
        <DiagramTable diagram={result.diagram} colours={colours} />
      ),
    body: (
      <>
        {result.note !== null && <p class="look-stale">{result.note}</p>}
        <Canvas
          handle={canvas}
          label={`${name}. Arrow keys move between nodes, Enter opens the line${mode === "graph" ? ", Space unfolds and folds, Backspace folds what is around" : ""}, plus and minus zoom, Shift with arrow keys moves the drawing.`}
          width={size.width}
          height={size.height}
          start={startOf(layout)}
          subject={`${subject} ${mode}`}
          onKeyDown={keyDown}
        >
          {layout ? (
            <GraphPicture
              {...{ drawn, layout, shapes, colours, colourOf, marks, cursor }}
              active={standing}
              onOpen={openLayer}
              onToggle={(group) => {
                hold(group.id, false);
                toggle(group);
              }}
              onFocus={focus}
            />
          ) : (
            <DiagramPicture
              {...{ shapes, colours, colourOf, marks, cursor }}
              layout={diagram}
              active={standing}
              onOpen={openLayer}
              onFocus={focus}
            />
          )}
        </Canvas>
        {props.below}
        <Legend
          colours={colours}
          theme={theme}
          kinds={mode === "graph"}
          hasWeights={mode === "diagram" && result.diagram.links.some(({ values }) => values)}
        />
      </>
    ),
  });
}

const MODES = [
  { value: "diagram", text: "Network diagram", hint: "A circle for each unit; edges are weights" },
  {
    value: "graph",
    text: "Computation graph",
    hint: "A rectangle for each intermediate; parameters, labels and the loss are nodes",
  },
] as const;

function nodesNote(shown: number, total: number): string {
  return shown === total ? `${total} nodes` : `${shown} of ${total} nodes`;
}

/** The middle of the first input; a diagram begins at its left edge. */
function startOf(layout: GraphLayout | null): number {
  const first = layout?.nodes.find(({ node }) => node.kind === "input") ?? layout?.nodes[0];
  return first ? first.x + first.width / 2 : 0;
}

/** The node that a group is folded into, or the first of those it stands open around. */
function anchorItem(layout: GraphLayout | null, items: readonly Item[], group: string): Item | undefined {
  const found = layout?.nodes.findIndex(({ node }) => node.group?.id === group) ?? -1;
  const within = (parent: string): boolean => parent === group || parent.startsWith(`${group}/`);
  return items[found >= 0 ? found : (layout?.nodes.findIndex(({ node }) => within(node.parent)) ?? -1)];
}

function nextItem(key: string, at: number, count: number): number | null {
  const wanted = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: count - 1 }[
    key
  ];
  return wanted === undefined || count === 0 ? null : Math.min(Math.max(wanted, 0), count - 1);
}
