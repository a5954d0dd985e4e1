/** Places for the nodes and edges of a computation graph. Pure but for the measure of texts, which is handed in. */
import dagre from "@dagrejs/dagre";
import type { DrawnEdge, DrawnGraph, DrawnNode } from "./network-graph";

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Box extends Point {
  readonly width: number;
  readonly height: number;
}

/** x and y are the left upper corner of the rectangle; the variable stands to its right. */
export interface PlacedNode extends Box {
  readonly node: DrawnNode;
}

export interface PlacedEdge {
  readonly edge: DrawnEdge;
  readonly path: string;
  /** Middle of its label. */
  readonly label: Point;
}

export interface PlacedCluster extends Box {
  readonly id: string;
}

export interface GraphLayout {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly PlacedNode[];
  readonly edges: readonly PlacedEdge[];
  readonly clusters: readonly PlacedCluster[];
}

/** Width of a text in the panel's font. */
export type Measure = (text: string, small: boolean) => number;

const HEIGHT = 28;
const PADDING = 10;
/** Between a rectangle and its variable, and after it. */
const GAP = 6;
const LABEL_HEIGHT = 16;
const HEADING = 14;

export function layoutGraph(drawn: DrawnGraph, measure: Measure, options: { readonly shapes: boolean }): GraphLayout {
  const graph = new dagre.graphlib.Graph({ compound: true });
  graph.setGraph({
    rankdir: "TB",
    nodesep: 18,
    ranksep: options.shapes ? 26 : 34,
    edgesep: 10,
    marginx: 12,
    marginy: 12,
  });
  const boxes = new Map<string, { readonly width: number; readonly outside: number }>();
  const read = new Set(drawn.edges.map(({ to }) => to));
  for (const node of drawn.nodes) {
    // A folded group has a sign before its text.
    const width = Math.max(44, measure(node.inside, false) + 2 * PADDING + (node.group ? 14 : 0));
    const outside = node.outside === null ? 0 : 2 * GAP + measure(node.outside, true);
    boxes.set(node.key, { width, outside: read.has(node.key) ? outside : 0 });
    // As much room to the left as to the right where edges come in, so that they run straight on through the middle.
    graph.setNode(node.key, { width: width + outside * (read.has(node.key) ? 2 : 1), height: HEIGHT });
  }
  for (const group of drawn.open) graph.setNode(`open ${group.id}`, {});
  for (const group of drawn.open) if (group.parent !== "") graph.setParent(`open ${group.id}`, `open ${group.parent}`);
  for (const node of drawn.nodes) if (node.parent !== "") graph.setParent(node.key, `open ${node.parent}`);
  for (const { from, to, shape } of drawn.edges) {
    const label = options.shapes ? { width: measure(shape, true) + 8, height: LABEL_HEIGHT, labelpos: "c" } : {};
    graph.setEdge(from, to, label);
  }
  dagre.layout(graph);
  const nodes = drawn.nodes.map((node): PlacedNode => {
    const { x, y, width, height } = boxOf(graph.node(node.key));
    const box = boxes.get(node.key) ?? { width, outside: 0 };
    return { node, x: x - width / 2 + box.outside, y: y - height / 2, width: box.width, height };
  });
  const places = new Map(nodes.map((placed) => [placed.node.key, placed]));
  const edges = drawn.edges.map((edge): PlacedEdge => {
    const found = graph.edge(edge.from, edge.to) as { points?: Point[]; x?: number; y?: number };
    const points = attached(found.points ?? [], places.get(edge.from), places.get(edge.to));
    const middle = points[Math.floor(points.length / 2)];
    return { edge, path: smooth(points), label: { x: found.x ?? middle.x, y: found.y ?? middle.y } };
  });
  const depths = depthsOf(drawn);
  const clusters = drawn.open.flatMap((group): PlacedCluster[] => {
    const { x, y, width, height } = boxOf(graph.node(`open ${group.id}`));
    // A group of which nothing is drawn has no place.
    if (!Number.isFinite(x) || width <= 0) return [];
    // Headings stand one above the other where groups begin together.
    const above = HEADING * ((depths.get(group.id) ?? 0) + 0.5);
    return [{ id: group.id, x: x - width / 2, y: y - height / 2 - above, width, height: height + above }];
  });
  const size = graph.graph() as { width?: number; height?: number };
  return { width: size.width ?? 0, height: size.height ?? 0, nodes, edges, clusters };
}

/** How many groups stand within one another in each. */
function depthsOf({ open }: DrawnGraph): ReadonlyMap<string, number> {
  const depths = new Map<string, number>();
  for (const { id, parent } of [...open].reverse()) {
    const own = depths.get(id) ?? 0;
    depths.set(id, own);
    depths.set(parent, Math.max(depths.get(parent) ?? 0, own + 1));
  }
  return depths;
}

function boxOf(label: unknown): Box {
  const { x = NaN, y = NaN, width = 0, height = 0 } = (label ?? {}) as Partial<Box>;
  return { x, y, width, height };
}

/** Edges begin and end in the middle of the rectangles, wherever the variables beside them have moved the boxes' middles. */
function attached(points: readonly Point[], from: Box | undefined, to: Box | undefined): Point[] {
  const inside = points.slice(1, -1);
  const start = from ? { x: from.x + from.width / 2, y: from.y + from.height } : points[0];
  const end = to ? { x: to.x + to.width / 2, y: to.y } : points[points.length - 1];
  return [start, ...inside, end];
}

/** A curve that bends at each point instead of breaking. */
function smooth(points: readonly Point[]): string {
  const write = ({ x, y }: Point): string => `${round(x)},${round(y)}`;
  let path = `M${write(points[0])}`;
  // Through the middles between the inner points, which are what the curve bends towards.
  for (let i = 1; i < points.length - 1; i++) {
    const [bend, next] = [points[i], points[i + 1]];
    const end = i === points.length - 2 ? next : { x: (bend.x + next.x) / 2, y: (bend.y + next.y) / 2 };
    path += ` Q${write(bend)} ${write(end)}`;
  }
  return points.length > 2 ? path : `${path} L${write(points[points.length - 1])}`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
