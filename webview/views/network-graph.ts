/** Which nodes of a computation graph are drawn when some of its groups are folded. Pure: no page is needed to test it. */
import type { ComputationGraph, GraphGroup, GraphNode } from "../protocol";

export interface DrawnNode {
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
}

export interface DrawnEdge {
  readonly from: string;
  readonly to: string;
  readonly shape: string;
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

/** Small graphs stand open, others are folded to their layers. */
export function openAtFirst(graph: ComputationGraph): ReadonlySet<string> {
  return graph.nodes.length <= UNFOLDED_AT_FIRST ? new Set(graph.groups.map(({ id }) => id)) : new Set();
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
  const keyOf = (node: GraphNode): string => {
    const holder = holderOf(node.group);
    return holder ? `group ${holder.id}` : `node ${node.id}`;
  };
  const members = new Map<string, GraphNode[]>();
  for (const node of graph.nodes) {
    const key = keyOf(node);
    const list = members.get(key);
    if (list) list.push(node);
    else members.set(key, [node]);
  }
  const nodes = [...members].map(([key, list]) => {
    const group = holderOf(list[0].group);
    return group ? foldedNode(key, group, list) : plainNode(key, list[0]);
  });
  const edges = new Map<string, DrawnEdge>();
  for (const { from, to, shape } of graph.edges) {
    const [a, b] = [keyOf(graph.nodes[from]), keyOf(graph.nodes[to])];
    if (a === b) continue;
    const before = edges.get(`${a}\n${b}`);
    const shapes = before ? before.shape.split(" · ") : [];
    edges.set(`${a}\n${b}`, {
      from: a,
      to: b,
      shape: shapes.includes(shape) ? shapes.join(" · ") : [...shapes, shape].join(" · "),
    });
  }
  return {
    nodes,
    edges: [...edges.values()],
    open: graph.groups.filter(({ id }) => holderOf(id) === null),
  };
}

function plainNode(key: string, node: GraphNode): DrawnNode {
  const { kind, shape, layer, file, line } = node;
  const inside = kind === "target" ? "label" : node.operation;
  return { key, inside, outside: node.name, kind, shape, layer, file, line, group: null, parent: node.group, count: 1 };
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
  };
}
