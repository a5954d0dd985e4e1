import { reachable } from "../graph/order";
import { formatShape } from "../graph/shape";
import type { Site } from "../graph/site";
import type { Scope, Tensor } from "../graph/tensor";
import type { Forward } from "../train/step";
import type { ComputationGraph, GraphEdge, GraphGroup, GraphNode } from "./looks";

/** More nodes cannot be laid out while one waits: groups are then drawn as one node each. */
const MOST_NODES = 2000;

/** What a check says against the call at a place; null for nothing. */
export type ProblemAt = (site: Site | undefined) => string | null;

export interface DrawnGraph {
  readonly graph: ComputationGraph;
  /** Index of the layer that a node belongs to. */
  readonly layerOf: (node: Tensor) => number | null;
  readonly note: string | null;
}

/**
 * The computation graph of a cost by the rules of DOMAIN C2: a node for each intermediate, with its function and its variable;
 * parameters, intercepts, constants, inputs and labels are nodes too, and so is the loss.
 */
export function computationGraph(forward: Forward, problemAt: ProblemAt = () => null): DrawnGraph {
  const all = reachable([forward.cost]);
  // A composite with a gradient of its own ends in a node that passes its value on: drawn as one with what made the value.
  const shown = (node: Tensor): Tensor => {
    let at = node;
    while (at.op === "withGradient") [at] = at.inputs;
    return at;
  };
  const standsFor = new Map(all.map((node) => [shown(node), node]));
  const nodes = [...standsFor.keys()].sort((a, b) => a.id - b.id);
  const groups = new Groups(forward);
  const groupOf = groupsOf(all, groups);
  const numbers = new Map(nodes.map((node, i) => [node, i]));
  const layerOf = (node: Tensor): number | null => groups.byId.get(groupOf.get(node) ?? "")?.layer ?? null;
  const drawn = nodes.map((node, id): GraphNode => {
    const group = groupOf.get(node) ?? "";
    const result = standsFor.get(node) ?? node;
    return {
      id,
      kind: kindOf(result, forward),
      operation: functionOf(node),
      name: nameOf(result) ?? nameOf(node),
      shape: formatShape(node.knownShape),
      layer: groups.byId.get(group)?.layer ?? null,
      file: node.site?.file ?? groups.byId.get(group)?.file ?? null,
      line: node.site?.line ?? groups.byId.get(group)?.line ?? null,
      group,
      problem: problemAt(node.site),
    };
  });
  const edges = nodes.flatMap((node, to) =>
    node.inputs.map((input): GraphEdge => ({
      from: numbers.get(shown(input)) as number,
      to,
      shape: formatShape(input.knownShape),
    })),
  );
  const graph = { nodes: drawn, edges, groups: groups.used(new Set(groupOf.values())) };
  const bounded = boundedGraph(graph);
  return { ...bounded, layerOf };
}

function kindOf(node: Tensor, { batch, loss, cost }: Forward): GraphNode["kind"] {
  if (node === loss || node === cost) return "loss";
  if (batch.inputs.includes(node)) return "input";
  if (batch.targets.includes(node)) return "target";
  if (node.op === "parameter") return "parameter";
  return node.inputs.length === 0 ? "constant" : "operation";
}

/** What stands inside the rectangle; for a small constant its value. */
function functionOf(node: Tensor): string {
  if (node.op === "size") return String(node.attributes.dim);
  if (node.op !== "constant") return node.op;
  const data = node.attributes.data as ArrayLike<number>;
  return data.length === 1 ? shortNumber(data[0]) : "constant";
}

function shortNumber(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}

function nameOf(node: Tensor): string | null {
  return node.name ?? (node.op === "randomKey" ? "random key" : null);
}

/** Every call of a module or composite as a group with an id of its own. */
class Groups {
  readonly byId = new Map<string, GraphGroup>();
  private readonly ids = new Map<Scope, string>();
  private readonly calls = new Map<string, number>();
  private readonly layers: ReadonlyMap<Scope, number>;

  constructor(forward: Forward) {
    this.layers = new Map(forward.layers.flatMap(({ call }, i) => (call.scope ? [[call.scope, i] as const] : [])));
  }

  /** Id of a scope's group; "" for none and for the model itself, which is the whole drawing. */
  of(scope: Scope | undefined): string {
    if (!scope) return "";
    const known = this.ids.get(scope);
    if (known !== undefined) return known;
    const parent = this.of(scope.parent);
    const isModel = scope.kind === "module" && scope.name === "" && !this.layers.has(scope);
    const id = isModel || scope.kind === "gradient" ? parent : this.add(scope, parent);
    this.ids.set(scope, id);
    return id;
  }

  private add(scope: Scope, parent: string): string {
    const around = this.byId.get(parent);
    const name = scope.kind === "module" ? ownName(scope) : scope.name;
    const plain = parent === "" ? name : `${parent}/${name}`;
    const call = (this.calls.get(plain) ?? 0) + 1;
    this.calls.set(plain, call);
    const id = call === 1 ? plain : `${plain} ${call}`;
    this.byId.set(id, {
      id,
      parent,
      name: scope.kind === "module" ? scope.name || scope.type : name,
      type: scope.type,
      kind: scope.kind === "module" ? "module" : "composite",
      layer: this.layers.get(scope) ?? around?.layer ?? null,
      file: scope.site?.file ?? around?.file ?? null,
      line: scope.site?.line ?? around?.line ?? null,
    });
    return id;
  }

  /** The groups of these ids and those around them, in the order of the calls. */
  used(ids: ReadonlySet<string>): GraphGroup[] {
    const all = new Set<string>();
    for (const id of ids) for (let at = this.byId.get(id); at; at = this.byId.get(at.parent)) all.add(at.id);
    return [...this.byId.values()].filter(({ id }) => all.has(id));
  }

  /** The module's group around a group, or itself; "" where no module is around it. */
  module(id: string): string {
    let group = this.byId.get(id);
    while (group && group.kind !== "module") group = this.byId.get(group.parent);
    return group?.id ?? "";
  }

  /** The innermost group around both. */
  common(a: string, b: string): string {
    const around = new Set<string>([""]);
    for (let at = this.byId.get(a); at; at = this.byId.get(at.parent)) around.add(at.id);
    let id = b;
    while (!around.has(id)) id = this.byId.get(id)?.parent ?? "";
    return id;
  }
}

/** `0` of the path `layers.0`: what is around it is said by the group around it. */
function ownName({ name, type, parent }: Scope): string {
  let outer = parent;
  while (outer && (outer.kind !== "module" || outer.name === "")) outer = outer.parent;
  const inside = outer && name.startsWith(`${outer.name}.`) ? name.slice(outer.name.length + 1) : name;
  return inside || type;
}

/** Each node's group. Parameters and constants have none of their own: they stand with what uses them. */
function groupsOf(nodes: readonly Tensor[], groups: Groups): Map<Tensor, string> {
  const found = new Map<Tensor, string>();
  for (const node of nodes) if (!isLoose(node)) found.set(node, node.op === "input" ? "" : groups.of(node.scope));
  for (const node of [...nodes].reverse()) {
    const own = found.get(node);
    if (own === undefined) continue;
    for (const input of node.inputs) {
      if (!isLoose(input)) continue;
      const before = found.get(input);
      // A parameter belongs to the module it is used by, not to a step of its work.
      const place = input.op === "parameter" ? groups.module(own) : own;
      found.set(input, before === undefined ? place : groups.common(before, place));
    }
  }
  return found;
}

function isLoose(node: Tensor): boolean {
  return node.inputs.length === 0 && node.op !== "input";
}

/** The graph, or where it is too large its outermost groups as nodes; of what is still too large the first part. */
function boundedGraph(graph: ComputationGraph): { graph: ComputationGraph; note: string | null } {
  const total = graph.nodes.length;
  if (total <= MOST_NODES) return { graph, note: null };
  const folded = foldOutermost(graph);
  const count = folded.nodes.length;
  if (count <= MOST_NODES) {
    return {
      graph: folded,
      note: `The graph has ${total} nodes. Each layer is drawn as one, since more than ${MOST_NODES} cannot be shown.`,
    };
  }
  return {
    graph: {
      nodes: folded.nodes.slice(0, MOST_NODES),
      edges: folded.edges.filter(({ from, to }) => from < MOST_NODES && to < MOST_NODES),
      groups: [],
    },
    note: `The graph has ${total} nodes, ${count} with each layer as one; the first ${MOST_NODES} of them are shown.`,
  };
}

function foldOutermost({ nodes, edges, groups }: ComputationGraph): ComputationGraph {
  const byId = new Map(groups.map((group) => [group.id, group]));
  const outermost = (id: string): GraphGroup | undefined => {
    let group = byId.get(id);
    while (group && group.parent !== "") group = byId.get(group.parent);
    return group;
  };
  const groupOf = nodes.map(({ group }) => outermost(group));
  // A group stands where its last node does, which is what it gives: after all that it reads.
  const lasts = new Map(groupOf.map((group, i) => [group?.id, i]));
  const numbers = new Map<string | undefined, number>();
  const folded: GraphNode[] = [];
  const own = nodes.map((node, i) => {
    const group = groupOf[i];
    if (group && lasts.get(group.id) !== i) return -1;
    const id = folded.length;
    if (!group) folded.push({ ...node, id });
    else {
      const problem = nodes.find((each, j) => groupOf[j] === group && each.problem !== null)?.problem ?? null;
      numbers.set(group.id, id);
      const { name, type, layer, file, line } = group;
      folded.push({
        id,
        kind: "layer",
        operation: type,
        name,
        shape: node.shape,
        layer,
        file,
        line,
        group: "",
        problem,
      });
    }
    return id;
  });
  const places = own.map((id, i) => (id >= 0 ? id : (numbers.get(groupOf[i]?.id) as number)));
  const merged = new Map<string, GraphEdge>();
  for (const { from, to, shape } of edges) {
    const [a, b] = [places[from], places[to]];
    if (a !== b) merged.set(`${a} ${b} ${shape}`, { from: a, to: b, shape });
  }
  return { nodes: folded, edges: [...merged.values()], groups: [] };
}
