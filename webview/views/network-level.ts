/**
 * One level of a drawing: items in rows with edges between them, where an open group is one item of a given size. Levels alike are laid
 * out once: an edit in one block of a network leaves the others, and those that are made alike are one to begin with.
 */
import dagre from "@dagrejs/dagre";
import type { Point } from "./network-layout";
import { ranksOf, type RankItem } from "./network-rank";

export interface LevelItem extends RankItem {
  readonly width: number;
  readonly height: number;
}

export interface LevelEdge {
  /** Positions in the list of items. */
  readonly from: number;
  readonly to: number;
  /** Room for its label; 0 for none. */
  readonly label: number;
}

export interface Level {
  readonly width: number;
  readonly height: number;
  /** Middles of the items. */
  readonly items: readonly Point[];
  readonly edges: readonly PlacedLevelEdge[];
}

export interface PlacedLevelEdge {
  /** Between its ends, which are not among them. */
  readonly bends: readonly Point[];
  /** Middle of its label. */
  readonly label: Point;
}

/** Layouts by all that they depend on. */
export type LevelCache = Map<string, Level>;

const MOST_LEVELS = 400;

const LABEL_HEIGHT = 16;

export function layoutLevel(
  items: readonly LevelItem[],
  edges: readonly LevelEdge[],
  shapes: boolean,
  cache: LevelCache,
): Level {
  const key = JSON.stringify([
    shapes,
    items.map(({ place, width, height }) => [place[0], width, height]),
    edges.map(({ from, to, label }) => [from, to, label]),
  ]);
  const known = cache.get(key);
  const level = known ?? calculated(items, edges, shapes);
  // Again at the end: what was not used for longest goes first.
  cache.delete(key);
  cache.set(key, level);
  if (cache.size > MOST_LEVELS) for (const oldest of [...cache.keys()].slice(0, -MOST_LEVELS)) cache.delete(oldest);
  return level;
}

function calculated(items: readonly LevelItem[], edges: readonly LevelEdge[], shapes: boolean): Level {
  const graph = new dagre.graphlib.Graph({ multigraph: true });
  graph.setGraph({
    rankdir: "TB",
    nodesep: 18,
    ranksep: shapes ? 26 : 34,
    edgesep: 10,
    // A function is taken too, though the declaration does not say so. Its own are for graphs without a beginning and an end.
    ranker: rankerFor(items) as unknown as string,
  });
  items.forEach(({ width, height }, i) => graph.setNode(String(i), { width, height }));
  edges.forEach(({ from, to, label }, i) => {
    const room = label > 0 ? { width: label, height: LABEL_HEIGHT, labelpos: "c" } : {};
    graph.setEdge(String(from), String(to), room, String(i));
  });
  dagre.layout(graph);
  const middles = items.map((_, i) => pointOf(graph.node(String(i))));
  const lines = edges.map(({ from, to }, i): PlacedLevelEdge => {
    const found = graph.edge(String(from), String(to), String(i)) as Partial<Point> & { points?: Point[] };
    const points = (found.points ?? []).map(pointOf);
    const middle = points[Math.floor(points.length / 2)] ?? pointOf(undefined);
    return { bends: points.slice(1, -1), label: { x: found.x ?? middle.x, y: found.y ?? middle.y } };
  });
  return fitted(items, middles, edges, lines);
}

/** With its left upper corner at 0, 0. The sizes that dagre tells leave out bends of edges. */
function fitted(
  items: readonly LevelItem[],
  middles: readonly Point[],
  edges: readonly LevelEdge[],
  lines: readonly PlacedLevelEdge[],
): Level {
  const extent = (along: (point: Point) => number, half: (item: LevelItem) => number, label: (i: number) => number) => {
    const ends = [
      ...items.flatMap((item, i) => [along(middles[i]) - half(item), along(middles[i]) + half(item)]),
      ...lines.flatMap((line, i) => [
        ...line.bends.map(along),
        ...(edges[i].label > 0 ? [along(line.label) - label(i), along(line.label) + label(i)] : []),
      ]),
    ];
    const least = Math.min(...ends);
    return { least, length: Math.max(...ends) - least };
  };
  if (items.length === 0) return { width: 0, height: 0, items: [], edges: [] };
  const across = extent(
    ({ x }) => x,
    ({ width }) => width / 2,
    (i) => edges[i].label / 2,
  );
  const down = extent(
    ({ y }) => y,
    ({ height }) => height / 2,
    () => LABEL_HEIGHT / 2,
  );
  const move = ({ x, y }: Point): Point => ({ x: x - across.least, y: y - down.least });
  return {
    width: across.length,
    height: down.length,
    items: middles.map(move),
    edges: lines.map(({ bends, label }) => ({ bends: bends.map(move), label: move(label) })),
  };
}

type Graph = InstanceType<typeof dagre.graphlib.Graph>;

/** Sets the rank of every node, also of the root that dagre adds. */
function rankerFor(items: readonly LevelItem[]): (graph: Graph) => void {
  return (graph) => {
    const names = graph.nodes();
    const numbers = new Map(names.map((name, i) => [name, i]));
    const places = names.map((name): RankItem => ({ place: items[Number(name)]?.place ?? "flow" }));
    const edges = graph.edges().flatMap((edge) => {
      // The edges from the root would make all flow from it.
      if (items[Number(edge.v)] === undefined) return [];
      const { minlen = 1 } = graph.edge(edge) as { minlen?: number };
      return [{ from: numbers.get(edge.v) as number, to: numbers.get(edge.w) as number, least: minlen }];
    });
    ranksOf(places, edges).forEach((rank, i) => {
      const node = graph.node(names[i]) as { rank?: number };
      // Above all the others.
      node.rank = items[Number(names[i])] === undefined ? -1 : rank;
    });
  };
}

function pointOf(label: unknown): Point {
  const { x = 0, y = 0 } = (label ?? {}) as Partial<Point>;
  return { x, y };
}
