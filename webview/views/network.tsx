/** The network: as a diagram of units, or as the graph of all computations, one click apart. */
import type { JSX } from "preact";
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { formatNumber } from "../format";
import type { ComputationGraph, GraphGroup, NetworkResult, RunHistory } from "../protocol";
import { useHistory, useModel } from "../store";
import { useTheme, type Theme } from "../theme";
import { Button, Checkbox } from "../ui";
import { epochVersion, useLook } from "./look";
import { Stale, View, Waiting } from "./look-parts";
import { Canvas, type CanvasHandle } from "./network-canvas";
import { layerColours, rampColour, type LayerColours } from "./network-colours";
import { MOST_DRAWN, foldGraph, openAtFirst } from "./network-graph";
import { layoutGraph, type Box, type GraphLayout, type Measure, type PlacedNode, type Point } from "./network-layout";
import { GraphPicture } from "./network-picture";
import { DiagramTable, GraphTable } from "./network-table";
import { layoutDiagram } from "./network-units";
import { DiagramPicture } from "./network-units-picture";
import { Segments } from "./pane";
import { openLayer } from "./places";

type Mode = "diagram" | "graph";

/** What the user chose, kept while the panel lives, whichever tab is in sight. */
const chosen: { mode: Mode; shapes: boolean | null } = { mode: "diagram", shapes: null };

export function Network({ run }: { readonly run: string }): JSX.Element {
  const history = useHistory(run);
  const { cursor } = useModel();
  const { result, reason } = useLook(run, { kind: "network" }, "network", epochVersion(history));
  if (!result) {
    return (
      <View name="network" title="Network">
        <Waiting reason={reason} what="the network" />
      </View>
    );
  }
  return (
    <Drawn
      run={run}
      result={result}
      reason={reason}
      history={history}
      cursor={cursor?.run === run ? cursor.layer : null}
    />
  );
}

interface DrawnProps {
  readonly run: string;
  readonly result: NetworkResult;
  readonly reason: string | null;
  readonly history: RunHistory | null;
  readonly cursor: number | null;
}

function Drawn({ run, result, reason, history, cursor }: DrawnProps): JSX.Element {
  const theme = useTheme();
  const [mode, setMode] = useState<Mode>(chosen.mode);
  const [wantsShapes, setShapes] = useState<boolean | null>(chosen.shapes);
  const graph = useSame(result.graph);
  const [open, setOpen] = useState<ReadonlySet<string>>(() => openAtFirst(graph));
  const [active, setActive] = useState<string | null>(null);
  const canvas = useRef<CanvasHandle>(null);
  const measure = useMeasure(theme);

  // The lecture's computation graph has unlabelled edges, and a whole one is drawn so. One that is folded to its layers, and the
  // diagram, show shapes at first: there they are what one looks for. The switch overrules either.
  const folded = open.size < graph.groups.length;
  const shapes = wantsShapes ?? (mode === "diagram" || folded);
  const drawn = useMemo(() => foldGraph(graph, open), [graph, open]);
  const layout = useMemo(
    () => (mode === "graph" ? layoutGraph(drawn, measure, { shapes }) : null),
    [mode, drawn, measure, shapes],
  );
  const diagram = useMemo(() => layoutDiagram(result.diagram), [result.diagram]);
  const colours = useColours(history);
  const colourOf = (layer: number | null): string | undefined =>
    layer === null ? undefined : rampColour(theme.ramp, colours?.positions[layer]);

  const items = useMemo(
    (): readonly (Box & { readonly key: string })[] =>
      layout
        ? layout.nodes.map(({ node, x, y, width, height }) => ({ key: node.key, x, y, width, height }))
        : diagram.columns.map(({ x, top, bottom }, i) => ({
            key: `column ${i}`,
            x: x - 50,
            y: top - 48,
            width: 100,
            height: bottom - top + 78,
          })),
    [layout, diagram],
  );
  const standing = items.some(({ key }) => key === active) ? active : (items[0]?.key ?? null);
  const { toggle, setAll } = useFolding(layout, open, setOpen, canvas);
  const focus = (key: string): void => {
    setActive(key);
    const item = items.find((each) => each.key === key);
    if (item) canvas.current?.reveal(item);
  };
  const keyDown = (event: KeyboardEvent): void => {
    const at = items.findIndex(({ key }) => key === standing);
    const next = nextItem(event.key, at, items.length);
    if (next !== null) {
      focusItem(items[next].key);
    } else if (event.key === "Enter") {
      const place = layout ? layout.nodes[at]?.node : diagram.columns[at]?.column;
      if (place) openLayer(place);
    } else if ((event.key === " " || event.key === "Backspace") && layout) {
      const { group, parent } = layout.nodes[at].node;
      const around = graph.groups.find(({ id }) => id === parent);
      // Space opens what is folded, else folds what is around; Backspace always folds what is around.
      const changed = event.key === " " ? (group ?? around) : around;
      if (changed) toggle(changed, true);
    } else {
      return;
    }
    event.preventDefault();
  };

  const size = layout ?? diagram;
  const total = graph.nodes.length;
  const name = mode === "graph" ? "Computation graph" : "Network diagram";
  return (
    <View
      name="network"
      title="Network"
      note={mode === "graph" ? nodesNote(drawn.nodes.length, total) : undefined}
      controls={
        <>
          <Segments
            label="How the network is drawn"
            name="network-mode"
            value={mode}
            choices={[
              { value: "diagram", text: "Network diagram", hint: "A circle for each unit; edges are weights" },
              {
                value: "graph",
                text: "Computation graph",
                hint: "A rectangle for each intermediate; parameters, labels and the loss are nodes",
              },
            ]}
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
              <Button disabled={open.size === 0} onClick={() => setAll(new Set())}>
                Fold
              </Button>
              <Button
                disabled={open.size === graph.groups.length || total > MOST_DRAWN}
                label={
                  total > MOST_DRAWN
                    ? `Unfold all (up to ${MOST_DRAWN} nodes; this graph has ${total}: unfold one by one)`
                    : "Unfold all"
                }
                onClick={() => setAll(new Set(graph.groups.map(({ id }) => id)))}
              >
                Unfold
              </Button>
            </>
          )}
        </>
      }
      table={() =>
        mode === "graph" ? (
          <GraphTable drawn={drawn} colours={colours} />
        ) : (
          <DiagramTable diagram={result.diagram} colours={colours} />
        )
      }
    >
      {result.note !== null && <p class="look-stale">{result.note}</p>}
      <Canvas
        handle={canvas}
        label={`${name}. Arrow keys move between nodes, Enter opens the line${mode === "graph" ? ", Space unfolds and folds, Backspace folds what is around" : ""}, plus and minus zoom, Shift with arrow keys moves the drawing.`}
        width={size.width}
        height={size.height}
        start={startOf(layout)}
        subject={`${run} ${mode}`}
        onKeyDown={keyDown}
      >
        {layout ? (
          <GraphPicture
            drawn={drawn}
            layout={layout}
            shapes={shapes}
            colours={colours}
            colourOf={colourOf}
            active={standing}
            cursor={cursor}
            onOpen={openLayer}
            onToggle={(group) => toggle(group, false)}
            onFocus={focus}
          />
        ) : (
          <DiagramPicture
            layout={diagram}
            shapes={shapes}
            colours={colours}
            colourOf={colourOf}
            active={standing}
            cursor={cursor}
            onOpen={openLayer}
            onFocus={focus}
          />
        )}
      </Canvas>
      <Legend
        colours={colours}
        theme={theme}
        kinds={mode === "graph"}
        hasWeights={mode === "diagram" && result.diagram.links.some(({ values }) => values)}
      />
      <Stale reason={reason} />
    </View>
  );
}

function nodesNote(shown: number, total: number): string {
  return shown === total ? `${total} nodes` : `${shown} of ${total} nodes`;
}

/** The middle of the first input; a diagram begins at its left edge. */
function startOf(layout: GraphLayout | null): number {
  const first = layout?.nodes.find(({ node }) => node.kind === "input") ?? layout?.nodes[0];
  return first ? first.x + first.width / 2 : 0;
}

function nextItem(key: string, at: number, count: number): number | null {
  const wanted = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: count - 1 }[
    key
  ];
  return wanted === undefined || count === 0 ? null : Math.min(Math.max(wanted, 0), count - 1);
}

function focusItem(key: string): void {
  document.querySelector<SVGGElement>(`.net-frame [data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}

/** The same graph again and again is one graph, so that an epoch's new weights do not lay it out anew. */
function useSame(graph: ComputationGraph): ComputationGraph {
  const kept = useRef({ graph, text: "" });
  return useMemo(() => {
    const text = JSON.stringify(graph);
    if (text !== kept.current.text) kept.current = { graph, text };
    return kept.current.graph;
  }, [graph]);
}

/** Milliseconds between two colourings: a large drawing would else be busy with nothing but them. */
const RECOLOUR = 500;

function useColours(history: RunHistory | null): LayerColours | undefined {
  const kept = useRef<{ colours: LayerColours | undefined; at: number }>({ colours: undefined, at: -RECOLOUR });
  return useMemo(() => {
    const now = performance.now();
    // While it runs, another tick comes; the last one counts in any case.
    if (history?.state !== "running" || now - kept.current.at >= RECOLOUR) {
      kept.current = { colours: layerColours(history), at: now };
    }
    return kept.current.colours;
  }, [history]);
}

function useMeasure(theme: Theme): Measure {
  return useMemo(() => {
    const context = document.createElement("canvas").getContext("2d");
    return (text, small) => {
      if (!context) return text.length * (small ? 6 : 7);
      context.font = `${small ? 11 : 12}px ${theme.font}`;
      return context.measureText(text).width;
    };
  }, [theme.font]);
}

/** Opening and closing groups; what was clicked stays where it is on the screen. */
function useFolding(
  layout: GraphLayout | null,
  open: ReadonlySet<string>,
  setOpen: (open: ReadonlySet<string>) => void,
  canvas: { readonly current: CanvasHandle | null },
): { toggle: (group: GraphGroup, byKey: boolean) => void; setAll: (open: ReadonlySet<string>) => void } {
  const held = useRef<{ readonly group: string; readonly screen: Point; readonly byKey: boolean } | null>(null);
  /** The node that the group is folded into, or the first of those it stands open around. */
  const anchor = (group: string): PlacedNode | undefined =>
    layout?.nodes.find(({ node }) => node.group?.id === group) ??
    layout?.nodes.find(({ node }) => node.parent === group || node.parent.startsWith(`${group}/`));
  useLayoutEffect(() => {
    const box = held.current && anchor(held.current.group);
    if (held.current && box) canvas.current?.hold(box, held.current.screen);
    // The keyboard stood on what is no longer there.
    if (held.current?.byKey && box) focusItem(box.node.key);
    held.current = null;
  }, [layout]);
  return {
    toggle: (group, byKey) => {
      const box = anchor(group.id);
      if (box && canvas.current) held.current = { group: group.id, screen: canvas.current.screenOf(box), byKey };
      const next = new Set(open);
      if (!next.delete(group.id)) next.add(group.id);
      setOpen(next);
    },
    setAll: setOpen,
  };
}

interface LegendProps {
  readonly colours: LayerColours | undefined;
  readonly theme: Theme;
  /** Of the computation graph's rectangles. */
  readonly kinds: boolean;
  readonly hasWeights: boolean;
}

const KINDS = { input: "input", target: "label", parameter: "parameter", constant: "constant", loss: "loss" } as const;

function Legend({ colours, theme, kinds, hasWeights }: LegendProps): JSX.Element | null {
  if (!colours && !hasWeights && !kinds) return null;
  const stops = [0, 0.25, 0.5, 0.75, 1];
  return (
    <div class="look-legend">
      {colours && (
        <span class="legend-item">
          Gradient norm at iteration {colours.iteration}: {formatNumber(colours.least, 2)}
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
