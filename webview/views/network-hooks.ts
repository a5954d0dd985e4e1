/** How the drawing of the network is laid out without doing it twice, and how it keeps its place. */
import type { RefObject } from "preact";
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { ComputationGraph, GraphGroup } from "../protocol";
import type { Theme } from "../theme";
import type { CanvasHandle } from "./network-canvas";
import { foldGraph, openGroups, type DrawnGraph, type Folding } from "./network-graph";
import { layoutGraph, type GraphLayout, type Measure, type Point } from "./network-layout";
import type { LevelCache } from "./network-level";
import { anchorOf, isWithin, type Item } from "./network-place";

/** The same graph again and again is one graph, so that an epoch's new weights do not lay it out anew. */
export function useSame(graph: ComputationGraph): ComputationGraph {
  const kept = useRef({ graph, text: "" });
  return useMemo(() => {
    const text = JSON.stringify(graph);
    if (text !== kept.current.text) kept.current = { graph, text };
    return kept.current.graph;
  }, [graph]);
}

export function useMeasure(theme: Theme): Measure {
  return useMemo(() => {
    const context = document.createElement("canvas").getContext("2d");
    const known = new Map<string, number>();
    return (text, small) => {
      if (!context) return text.length * (small ? 6 : 7);
      const key = `${small ? "s" : "l"}${text}`;
      let width = known.get(key);
      if (width === undefined) {
        context.font = `${small ? 11 : 12}px ${theme.font}`;
        width = context.measureText(text).width;
        if (known.size >= MOST_MEASURED) known.clear();
        known.set(key, width);
      }
      return width;
    };
  }, [theme.font]);
}

/** Texts of which the width is remembered. */
const MOST_MEASURED = 2000;

/** The layout of a graph; null for none. What is as it was before is not laid out anew. */
export function useGraphLayout(drawn: DrawnGraph | null, measure: Measure, shapes: boolean): GraphLayout | null {
  const cache = useMemo((): LevelCache => new Map(), [measure]);
  return useMemo(() => drawn && layoutGraph(drawn, measure, { shapes, cache }), [drawn, measure, shapes, cache]);
}

/** How graphs were folded, by subject: kept while the panel lives, whatever is in sight. */
const foldings = new Map<string, Folding>();
const MOST_FOLDINGS = 20;

export interface Folded {
  readonly drawn: DrawnGraph;
  readonly open: ReadonlySet<string>;
  readonly toggle: (group: GraphGroup) => void;
  readonly setAll: (open: "all" | "none") => void;
}

export function useFolding(
  subject: string,
  graph: ComputationGraph,
  first: (graph: ComputationGraph) => Folding,
): Folded {
  const [, setTurn] = useState(0);
  // Decided once: an edit that makes the graph a little larger must not fold it before one's eyes.
  const folding = foldings.get(subject) ?? remember(subject, first(graph));
  const open = useMemo(() => openGroups(graph, folding), [graph, folding]);
  const drawn = useMemo(() => foldGraph(graph, open), [graph, open]);
  const set = (next: Folding): void => {
    remember(subject, next);
    setTurn((turn) => turn + 1);
  };
  return {
    drawn,
    open,
    toggle: ({ id }) => set({ ...folding, own: new Map(folding.own).set(id, !open.has(id)) }),
    setAll: (all) => set({ open: all, own: new Map() }),
  };
}

function remember(subject: string, folding: Folding): Folding {
  foldings.delete(subject);
  foldings.set(subject, folding);
  for (const oldest of [...foldings.keys()].slice(0, -MOST_FOLDINGS)) foldings.delete(oldest);
  return folding;
}

export interface Placed {
  readonly subject: string;
  readonly items: readonly Item[];
  readonly size: { readonly width: number; readonly height: number };
  /** That the keyboard stands on. */
  readonly chosen: string | null;
  /** The first item that stands for a group, or in it. */
  readonly itemOf: (group: string) => Item | undefined;
}

/**
 * Keeps what the viewer looks at where it is while the drawing changes: after a click on a group that group, after an edit of the
 * model what is chosen or in the middle.
 *
 * @returns to be called before a group is opened or closed
 */
export function usePlace(
  canvas: RefObject<CanvasHandle | null>,
  placed: Placed,
): (group: string, byKey: boolean) => void {
  const { subject, items, size, chosen, itemOf } = placed;
  const held = useRef<{ readonly group: string; readonly screen: Point; readonly byKey: boolean } | null>(null);
  const last = useRef<Placed | null>(null);
  useLayoutEffect(() => {
    const [before, hold] = [last.current, held.current];
    last.current = placed;
    held.current = null;
    const view = canvas.current;
    const sight = view?.sight();
    if (!view || !sight || !before || before.subject !== subject || before.items === items) return;
    const item = hold && itemOf(hold.group);
    if (item) {
      view.hold(item, hold.screen);
      // The keyboard stood on what is no longer there.
      if (hold.byKey) focusItem(item.key);
      return;
    }
    const moved = anchorOf(before.items, items, sight, chosen);
    if (moved) view.hold(moved.after, view.screenOf(moved.before));
    // Who has seen all of it and moved nothing wants to see all of it.
    const now = view.sight();
    if (!view.isTouched() && isWithin(before.size, sight) && now && !isWithin(size, now)) view.fit();
  }, [items]);
  return (group, byKey) => {
    const item = itemOf(group);
    if (item && canvas.current) held.current = { group, screen: canvas.current.screenOf(item), byKey };
  };
}

export function focusItem(key: string): void {
  document.querySelector<SVGGElement>(`.net-frame [data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}
