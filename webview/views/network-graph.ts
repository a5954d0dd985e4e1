/** Which nodes of a computation graph are drawn when some of its groups are folded. Pure: no page is needed to test it. */
import type { ComputationGraph, GraphGroup, GraphNode } from "../protocol";

export interface DrawnNode {
  /** The same for the same node before and after an edit of the model. */
  readonly key: string;
  /** Inside the rectangle: the function, a layer's type, a constant's value. */
  readonly inside: string;
  /** Outside: the variable, parameter or module; null for an intermediate that the user gave no name. */
  readonly outside: string | null;
  readonly kind: GraphNode["kind"];
  readonly shape: string;
  readonly layer: number | null;
  readonly file: string | null;
  readonly line: number | null;
  /** The group that is folded into it. */
  readonly group: GraphGroup | null;
  /** Id of the open group it stands in. */
  readonly parent: string;
  /** Nodes of the graph that it stands for. */
  readonly count: number;
  /** What a check says against it, or one of those it stands for. */
  readonly problem: string | null;
  /** Layers that are folded into it, itself left out. */
  readonly inner: readonly number[];
}

export interface DrawnEdge {
  readonly from: string;
  readonly to: string;
  readonly shape: string;
  /** Why it does not fit where it leads. */
  readonly problem: string | null;
}

export interface DrawnGraph {
  readonly nodes: readonly DrawnNode[];
  readonly edges: readonly DrawnEdge[];
  /** Open groups, each after the one around it. */
  readonly open: readonly GraphGroup[];
}

/** Up to how many nodes a graph is drawn whole at first. */
export const UNFOLDED_AT_FIRST = 60;
/** Layouts of more nodes take longer than one likes to wait. */
export const MOST_DRAWN = 300;

/**
 * Which groups stand open, so that it holds for the graph after an edit too: as a whole, and what the viewer chose for single
 * ones by id.
 */
export interface Folding {
  /** `layers`: modules that are made of layers stand open, the layers themselves are folded. */
  readonly open: "all" | "layers" | "none";
  readonly own: ReadonlyMap<string, boolean>;
}

export const allFolded: Folding = { open: "none", own: new Map() };

/** Small graphs stand open, others are folded to their layers. */
export function foldingAtFirst(graph: ComputationGraph): Folding {
  return graph.nodes.length <= UNFOLDED_AT_FIRST ? { open: "all", own: new Map() } : allFolded;
}

/** Layers as rectangles where there are few, else what they make up: while one writes a model one thinks in its layers. */
export function foldingToLayers(graph: ComputationGraph): Folding {
  const folding: Folding = { open: "layers", own: new Map() };
  return foldGraph(graph, openGroups(graph, folding)).nodes.length <= UNFOLDED_AT_FIRST ? folding : allFolded;
}

/** Ids of the open groups. A graph that has grown too large to be drawn whole is folded but for what the viewer opened. */
export function openGroups(graph: ComputationGraph, { open, own }: Folding): ReadonlySet<string> {
  const layers = graph.groups.filter(({ layer, kind }) => layer !== null && kind === "module").length;
  const isOpen = ({ layer, kind }: GraphGroup): boolean =>
    open === "layers"
      ? layer === null && kind === "module" && layers <= MOST_DRAWN
      : open === "all" && graph.nodes.length <= MOST_DRAWN;
  return new Set(graph.groups.flatMap((group) => ((own.get(group.id) ?? isOpen(group)) ? [group.id] : [])));
}

/** The graph with all groups but the open ones as one node each. */
export function foldGraph(graph: ComputationGraph, open: ReadonlySet<string>): DrawnGraph {
  const groups = new Map(graph.groups.map((group) => [group.id, group]));
  const holders = new Map<string, GraphGroup | null>();
  /** The outermost folded group around a group, itself included; null where all are open. */
  const holderOf = (id: string): GraphGroup | null => {
    const known = holders.get(id);
    if (known !== undefined) return known;
    const group = groups.get(id);
    const holder = group ? (holderOf(group.parent) ?? (open.has(id) ? null : group)) : null;
    holders.set(id, holder);
    return holder;
  };
  const own = nodeKeys(graph.nodes);
  const keys = graph.nodes.map((node, i) => {
    const holder = holderOf(node.group);
    return holder ? `group ${holder.id}` : own[i];
  });
  const members = new Map<string, GraphNode[]>();
  graph.nodes.forEach((node, i) => {
    const list = members.get(keys[i]);
    if (list) list.push(node);
    else members.set(keys[i], [node]);
  });
  const nodes = [...members].map(([key, list]) => {
    const group = holderOf(list[0].group);
    return group ? foldedNode(key, group, list) : plainNode(key, list[0]);
  });
  const edges = new Map<string, DrawnEdge>();
  for (const { from, to, shape } of graph.edges) {
    const [a, b] = [keys[from], keys[to]];
    if (a === b) continue;
    const before = edges.get(`${a}\n${b}`);
    const shapes = before ? before.shape.split(" · ") : [];
    edges.set(`${a}\n${b}`, {
      from: a,
      to: b,
      shape: shapes.includes(shape) ? shapes.join(" · ") : [...shapes, shape].join(" · "),
      problem: before?.problem ?? graph.nodes[to].problem,
    });
  }
  return {
    nodes,
    edges: [...edges.values()],
    open: graph.groups.filter(({ id }) => holderOf(id) === null),
  };
}

/**
 * Names for nodes that an edit elsewhere leaves as they are: by group, function and variable rather than by number. Of several alike,
 * which of them.
 */
function nodeKeys(nodes: readonly GraphNode[]): string[] {
  const seen = new Map<string, number>();
  return nodes.map(({ group, kind, operation, name }) => {
    const plain = `node ${group}/${name ?? ""}=${kind === "constant" ? kind : operation}`;
    const number = (seen.get(plain) ?? 0) + 1;
    seen.set(plain, number);
    return number === 1 ? plain : `${plain} ${number}`;
  });
}

function plainNode(key: string, node: GraphNode): DrawnNode {
  const { name, kind, shape, layer, file, line, problem } = node;
  const inside = kind === "target" ? "label" : node.operation;
  return {
    ...{ key, inside, outside: name, kind, shape, layer, file, line, problem },
    ...{ group: null, parent: node.group, count: 1, inner: [] },
  };
}

function foldedNode(key: string, group: GraphGroup, members: readonly GraphNode[]): DrawnNode {
  const last = members[members.length - 1];
  const kind = members.some((node) => node.kind === "loss") ? "loss" : group.kind === "module" ? "layer" : "operation";
  return {
    key,
    inside: group.type,
    outside: group.kind === "module" ? group.name : last.name,
    kind,
    shape: last.shape,
    layer: group.layer,
    file: group.file,
    line: group.line,
    group,
    parent: group.parent,
    count: members.length,
    inner: [...new Set(members.flatMap(({ layer }) => (layer === null || layer === group.layer ? [] : [layer])))],
    problem: members.find(({ problem }) => problem !== null)?.problem ?? null,
  };
}
