/**
 * Places for the nodes and edges of a computation graph, level by level: an open group is laid out by itself, and is one item of the
 * level around it. Pure but for the measure of texts, which is handed in.
 */
import type { DrawnEdge, DrawnGraph, DrawnNode } from "./network-graph";
import { layoutLevel, type Level, type LevelCache, type LevelEdge, type LevelItem } from "./network-level";

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
  /** Middle of its label; null where another edge of the same node has it already. */
  readonly label: Point | null;
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
const MARGIN = 12;
/** Above what is in a group, for its heading, and around it. */
const HEADING = 26;
const AROUND = 14;
const BELOW = 10;
/** Widths of labels are multiples of this, so that an edit from 128 to 64 moves nothing. */
const LABEL_STEP = 16;
/** Width of a place on a group's frame where edges cross it. */
const PORT = 8;

export interface LayoutOptions {
  readonly shapes: boolean;
  /** Levels that were laid out before. */
  readonly cache?: LevelCache;
}

export function layoutGraph(
  drawn: DrawnGraph,
  measure: Measure,
  { shapes, cache = new Map() }: LayoutOptions,
): GraphLayout {
  const frames = framesOf(drawn, measure);
  const rooms = roomsOf(drawn, measure);
  const frameOf = (id: string): Frame => frames.get(id) as Frame;
  for (const { key } of drawn.nodes) {
    const { item, parent } = rooms.get(key) as Room;
    addItem(frameOf(parent), key, item);
    // What is around it has it as an item too; how large, is known later.
    for (let { id, parent: around } = frameOf(parent); id !== ""; { id, parent: around } = frameOf(around)) {
      addItem(frameOf(around), openKey(id), UNSIZED);
    }
  }
  const routes = drawn.edges.map((edge) => {
    const ends = [edge.from, edge.to].map((key) => framesAround((rooms.get(key) as Room).parent, frames));
    return route(edge, ends[0], ends[1], shapes ? labelWidth(edge.shape, measure) : 0);
  });
  // Innermost first: an open group is an item of the level around it, as large as it came to be.
  const inside = drawn.open.map(({ id }) => frameOf(id)).filter(({ items }) => items.length > 0);
  for (const frame of [...inside].reverse()) {
    settle(frame, shapes, cache);
    const around = frameOf(frame.parent);
    around.items[around.numbers.get(openKey(frame.id)) as number] = { place: "flow", ...frame.size };
  }
  const root = frameOf("");
  settle(root, shapes, cache);
  root.origin = { x: MARGIN, y: MARGIN };
  for (const frame of inside) moveTo(frame, itemPoint(frameOf(frame.parent), openKey(frame.id)));

  const nodes = drawn.nodes.map((node): PlacedNode => {
    const { item, width, before, parent } = rooms.get(node.key) as Room;
    const { x, y } = itemPoint(frameOf(parent), node.key);
    return { node, x: x - item.width / 2 + before, y: y - HEIGHT / 2, width, height: HEIGHT };
  });
  const boxes = new Map(nodes.map((placed) => [placed.node.key, placed]));
  const labelled = new Set<unknown>();
  const edges = drawn.edges.map((edge, i): PlacedEdge => {
    const { common } = routes[i];
    const line = common.frame.level.edges[common.edge];
    const isFirst = !labelled.has(line);
    labelled.add(line);
    const [start, end] = [bottomOf(boxes.get(edge.from) as Box), topOf(boxes.get(edge.to) as Box)];
    const { bends, label } = followed(routes[i], start, end);
    const points = [start, ...bends, end];
    return { edge, path: smooth(points), label: isFirst || edge.problem !== null ? label : null };
  });
  const clusters = inside.map(({ id, corner, size }): PlacedCluster => ({ id, ...corner, ...size }));
  const { width, height } = root.level;
  return { width: width + 2 * MARGIN, height: height + 2 * MARGIN, nodes, edges, clusters };
}

/** An open group, or the whole drawing under "", while it is laid out. */
interface Frame {
  readonly id: string;
  readonly parent: string;
  /** Width that its heading needs. */
  readonly heading: number;
  readonly items: LevelItem[];
  /** Of the items, by key. */
  readonly numbers: Map<string, number>;
  readonly edges: LevelEdge[];
  /** Of the edges, by ends and source. */
  readonly lines: Map<string, number>;
  level: Level;
  size: { readonly width: number; readonly height: number };
  /** Its own left upper corner, and that of what is in it. */
  corner: Point;
  origin: Point;
}

const NOWHERE: Point = { x: 0, y: 0 };
const UNSIZED: LevelItem = { place: "flow", width: 0, height: 0 };

/** Of the whole drawing and of the open groups, each after the one around it. */
function framesOf({ open }: DrawnGraph, measure: Measure): ReadonlyMap<string, Frame> {
  const frame = (id: string, parent: string, heading: number): Frame => ({
    ...{ id, parent, heading, items: [], numbers: new Map(), edges: [], lines: new Map() },
    ...{ level: { width: 0, height: 0, items: [], edges: [] }, size: { width: 0, height: 0 } },
    ...{ corner: NOWHERE, origin: NOWHERE },
  });
  return new Map([
    ["", frame("", "", 0)],
    ...open.map(({ id, parent, name, type }): [string, Frame] => [
      id,
      frame(id, parent, measure(name === type ? name : `${name} (${type})`, true) + 30),
    ]),
  ]);
}

function openKey(id: string): string {
  return `open ${id}`;
}

interface Room {
  /** The rectangle, what stands beside it, and as much room on the other side, so that edges run straight through its middle. */
  readonly item: LevelItem;
  /** Of the rectangle alone, and of the room before it. */
  readonly width: number;
  readonly before: number;
  readonly parent: string;
}

function roomsOf({ nodes, edges }: DrawnGraph, measure: Measure): ReadonlyMap<string, Room> {
  const read = new Set(edges.map(({ to }) => to));
  return new Map(
    nodes.map((node): [string, Room] => {
      // A folded group has a sign before its text.
      const width = Math.max(44, measure(node.inside, false) + 2 * PADDING + (node.group ? 14 : 0));
      const beside = node.outside === null ? 0 : 2 * GAP + measure(node.outside, true);
      const place = placeOf(node);
      const before = place === "flow" || read.has(node.key) ? beside : 0;
      const item: LevelItem = { place, width: before + width + beside, height: HEIGHT };
      return [node.key, { item, width, before, parent: node.parent }];
    }),
  );
}

function placeOf({ kind }: DrawnNode): LevelItem["place"] {
  return kind === "parameter" || kind === "constant" || kind === "target" ? "loose" : "flow";
}

function addItem({ items, numbers }: Frame, key: string, item: LevelItem): void {
  if (numbers.has(key)) return;
  numbers.set(key, items.length);
  items.push(item);
}

/** What a node stands in, from the innermost to the whole drawing. */
function framesAround(parent: string, frames: ReadonlyMap<string, Frame>): Frame[] {
  const found: Frame[] = [];
  for (let frame = frames.get(parent) as Frame; frame.id !== ""; frame = frames.get(frame.parent) as Frame) {
    found.push(frame);
  }
  return [...found, frames.get("") as Frame];
}

interface Port {
  readonly side: "in" | "out";
  readonly key: string;
}

interface Step {
  readonly frame: Frame;
  /** Position among the edges of its level. */
  readonly edge: number;
  /** Where it goes on outside of the frame. */
  readonly port: Port | null;
}

interface Route {
  readonly steps: readonly Step[];
  /** In the innermost frame around both ends: it has the label. */
  readonly common: Step;
}

/** Out of the groups that an edge begins in, and into those that it ends in. Edges of one value share their ways. */
function route({ from, to, shape }: DrawnEdge, outOf: readonly Frame[], into: readonly Frame[], label: number): Route {
  const value = `${from} ${shape}`;
  const meeting = outOf.find((frame) => into.includes(frame)) as Frame;
  const ways = (frames: readonly Frame[], side: Port["side"], end: string): { steps: Step[]; end: string } => {
    let at = end;
    const steps = frames.slice(0, frames.indexOf(meeting)).map((frame): Step => {
      const port: Port = { side, key: `${side} ${value}` };
      addItem(frame, port.key, { place: side === "in" ? "top" : "bottom", width: PORT, height: 0 });
      const edge = side === "in" ? addLine(frame, port.key, at, value, 0) : addLine(frame, at, port.key, value, 0);
      at = openKey(frame.id);
      return { frame, edge, port };
    });
    return { steps, end: at };
  };
  const [first, last] = [ways(outOf, "out", from), ways(into, "in", to)];
  const common: Step = { frame: meeting, edge: addLine(meeting, first.end, last.end, value, label), port: null };
  return { steps: [...first.steps, common, ...last.steps.reverse()], common };
}

/** What an edge bends at: within each frame as its level has it, and where it crosses a frame. */
function followed({ steps, common }: Route, start: Point, end: Point): { bends: Point[]; label: Point } {
  const at = steps.indexOf(common);
  const inside = ({ frame, edge }: Step): Point[] =>
    frame.level.edges[edge].bends.map((bend) => shifted(bend, frame.origin));
  const crossing = ({ frame, port }: Step): Point[] => (port ? [portPoint(frame, port)] : []);
  const before = steps.slice(0, at).flatMap((step) => [...inside(step), ...crossing(step)]);
  const after = steps.slice(at + 1).flatMap((step) => [...crossing(step), ...inside(step)]);
  const { frame, edge } = common;
  const line = frame.level.edges[edge];
  const isShort = line.bends.length <= 1;
  if (steps.length === 1 || !isShort) {
    return { bends: [...before, ...inside(common), ...after], label: shifted(line.label, frame.origin) };
  }
  // Between neighbouring rows it goes straight from frame to frame: it would else turn to the middle of an item first.
  const [from, to] = [
    at > 0 ? (before[before.length - 1] ?? start) : start,
    at < steps.length - 1 ? (after[0] ?? end) : end,
  ];
  const y = (from.y + to.y) / 2;
  return {
    bends: [...before, { x: from.x, y }, { x: to.x, y }, ...after],
    label: { x: (from.x + to.x) / 2, y },
  };
}

function addLine({ numbers, edges, lines }: Frame, from: string, to: string, value: string, label: number): number {
  const key = `${from}\n${to}\n${value}`;
  const known = lines.get(key);
  if (known !== undefined) return known;
  lines.set(key, edges.length);
  return edges.push({ from: numbers.get(from) as number, to: numbers.get(to) as number, label }) - 1;
}

function settle(frame: Frame, shapes: boolean, cache: LevelCache): void {
  frame.level = layoutLevel(frame.items, frame.edges, shapes, cache);
  const { width, height } = frame.level;
  // Edges that go out have room of their own.
  const below = frame.items.some(({ place }) => place === "bottom") ? 0 : BELOW;
  frame.size = { width: Math.max(width + 2 * AROUND, frame.heading), height: height + HEADING + below };
}

/** Moves a group with its middle to a point. */
function moveTo(frame: Frame, { x, y }: Point): void {
  const { width, height } = frame.size;
  frame.corner = { x: x - width / 2, y: y - height / 2 };
  frame.origin = { x: x - frame.level.width / 2, y: frame.corner.y + HEADING };
}

/** The middle of an item. */
function itemPoint({ level, numbers, origin }: Frame, key: string): Point {
  return shifted(level.items[numbers.get(key) as number], origin);
}

/** On the upper side of the frame, or on the lower one. */
function portPoint(frame: Frame, { side, key }: Port): Point {
  const { corner, size } = frame;
  return { x: itemPoint(frame, key).x, y: side === "in" ? corner.y : corner.y + size.height };
}

function shifted({ x, y }: Point, by: Point): Point {
  return { x: x + by.x, y: y + by.y };
}

function bottomOf({ x, y, width, height }: Box): Point {
  return { x: x + width / 2, y: y + height };
}

function topOf({ x, y, width }: Box): Point {
  return { x: x + width / 2, y };
}

function labelWidth(shape: string, measure: Measure): number {
  return Math.ceil((measure(shape, true) + 8) / LABEL_STEP) * LABEL_STEP;
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
