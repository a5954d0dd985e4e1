import { type Expression, input, substitute } from "../../../kernel/expression";
import type { ElementType, RowsKernel } from "../../../kernel/kernel";
import { type Node, operandsOf, shareAll } from "../../../kernel/nodes";
import { costOf } from "../math";

/**
 * In which passes over a row its results are made. What one pass has computed and a later one needs is either computed again, where that
 * is cheap, or held.
 */
export interface RowStages {
  /** Of all bodies, element results in place of being read; input(views + j) is combined row result j. */
  readonly nodes: readonly Node[];
  /** By result: its body's node. */
  readonly roots: readonly number[];
  /** By node: whether it changes along the row. */
  readonly varying: readonly boolean[];
  readonly stages: readonly Stage[];
  /** Nodes of which each pass that needs them again finds the values of every element. */
  readonly held: readonly Held[];
}

/** Numbers of the row that are made once, then a pass over its elements, which may be empty. */
export interface Stage {
  readonly once: readonly { readonly result: number; readonly root: number }[];
  readonly actions: readonly Action[];
}

/** What a pass does with each element: stores or combines a result, or holds it for later. */
export type Action =
  | { readonly kind: "element" | "combine"; readonly result: number; readonly root: number }
  | { readonly kind: "hold"; readonly held: number; readonly root: number };

export interface Held {
  readonly node: number;
  /** The result in whose output the values are; undefined where they need memory of their own. */
  readonly result: number | undefined;
  /** The pass that makes them; later ones read them. */
  readonly stage: number;
}

/** @param outputs types of the kept results */
export function planStages({ views, shape, results }: RowsKernel, outputs: readonly ElementType[]): RowStages {
  const last = shape.length - 1;
  const { nodes, roots } = shareAll(expanded(views.length, results));
  const varying: boolean[] = [];
  for (const node of nodes) {
    if (node.kind === "input") varying.push(node.index < views.length && views[node.index].strides[last] !== 0);
    else if (node.kind === "index") varying.push(node.axis === last);
    else varying.push(operandsOf(node).some((operand) => varying[operand]));
  }
  const stageOf = stagesOf(views.length, results, nodes, roots);
  const types = new Map<number, ElementType>();
  results.forEach(({ kept }, j) => {
    if (kept) types.set(j, outputs[types.size]);
  });
  const count = Math.max(...stageOf) + 1;
  const stages: { once: Stage["once"][number][]; actions: Action[] }[] = Array.from({ length: count }, () => ({
    once: [],
    actions: [],
  }));
  results.forEach(({ over, combine, kept }, result) => {
    const { once, actions } = stages[stageOf[result]];
    const root = roots[result];
    if (over === "rows" || (over === "row" && combine === undefined)) {
      if (kept) once.push({ result, root });
    } else if (combine !== undefined) actions.push({ kind: "combine", result, root });
    else if (kept) actions.push({ kind: "element", result, root });
  });
  const held = holdAgain(nodes, varying, stages, types);
  return { nodes, roots, varying, stages, held };
}

/** Bodies in which element results, and row results that are not combined, stand in place of being read. */
function expanded(views: number, results: RowsKernel["results"]): Expression[] {
  const bodies: Expression[] = [];
  for (const { body } of results)
    bodies.push(
      substitute(body, (i) => {
        const read = i - views;
        return read >= 0 && results[read].combine === undefined ? bodies[read] : input(i);
      }),
    );
  return bodies;
}

/** The first stage in which each result can be made. */
function stagesOf(
  views: number,
  results: RowsKernel["results"],
  nodes: readonly Node[],
  roots: readonly number[],
): number[] {
  const stages: number[] = [];
  const reads = readsOf(nodes, views);
  const known = new Map<number, number>();
  // Row results are read by later bodies only, whose nodes come later.
  const levelOf = (at: number): number => {
    const before = known.get(at);
    if (before !== undefined) return before;
    const node = nodes[at];
    const level =
      node.kind === "input"
        ? node.index < views
          ? 0
          : stages[node.index - views] + 1
        : Math.max(0, ...operandsOf(node).map(levelOf));
    known.set(at, level);
    return level;
  };
  results.forEach(({ over, combine, kept }, j) => {
    let stage = levelOf(roots[j]);
    // It may stand in an input's place: nothing before it may still read that.
    if (over === "element" && combine === undefined && kept)
      for (let i = 0; i < j; i++)
        if (reads[roots[i]].some((read) => reads[roots[j]].includes(read))) stage = Math.max(stage, stages[i]);
    stages.push(stage);
  });
  return stages;
}

/** By node: the inputs that it is made of. */
function readsOf(nodes: readonly Node[], views: number): number[][] {
  const reads: number[][] = [];
  for (const node of nodes) {
    if (node.kind === "input") reads.push(node.index < views ? [node.index] : []);
    else reads.push([...new Set(operandsOf(node).flatMap((operand) => reads[operand]))]);
  }
  return reads;
}

/** Nanoseconds of four elements from which on it is better to store and load a vector than to compute it again. */
const WORTH_HOLDING = 0.45;
const LOAD_COST = 0.1;

/** Finds what passes compute that one before them has computed, and has it held. */
function holdAgain(
  nodes: readonly Node[],
  varying: readonly boolean[],
  stages: readonly { readonly actions: Action[] }[],
  types: ReadonlyMap<number, ElementType>,
): Held[] {
  const held: Held[] = [];
  const heldAs = new Map<number, number>();
  const madeIn = new Map<number, number>();
  stages.forEach(({ actions }, stage) => {
    const seen = new Set<number>();
    const visit = (at: number): void => {
      if (seen.has(at) || !varying[at]) return;
      seen.add(at);
      const before = heldAs.get(at);
      if (before !== undefined && held[before].stage < stage) return;
      const first = madeIn.get(at);
      if (first !== undefined && first < stage && costAgain(nodes, varying, at, heldAs) > WORTH_HOLDING) {
        const number = held.push({ node: at, result: undefined, stage: first }) - 1;
        heldAs.set(at, number);
        stages[first].actions.push({ kind: "hold", held: number, root: at });
        return;
      }
      if (first === undefined) madeIn.set(at, stage);
      operandsOf(nodes[at]).forEach(visit);
    };
    for (const { root } of actions) visit(root);
    for (const action of actions) {
      const { kind, root } = action;
      if (kind !== "element" || types.get(action.result) !== "float32" || heldAs.has(root)) continue;
      if (nodes[root].kind !== "input") heldAs.set(root, held.push({ node: root, result: action.result, stage }) - 1);
    }
  });
  return held;
}

function costAgain(
  nodes: readonly Node[],
  varying: readonly boolean[],
  root: number,
  heldAs: ReadonlyMap<number, number>,
): number {
  const seen = new Set<number>();
  let cost = 0;
  const visit = (at: number): void => {
    if (seen.has(at) || !varying[at]) return;
    seen.add(at);
    const node = nodes[at];
    if (node.kind === "input" || heldAs.has(at)) cost += LOAD_COST;
    else {
      cost += node.kind === "unary" || node.kind === "binary" ? costOf(node.fn) : LOAD_COST;
      operandsOf(node).forEach(visit);
    }
  };
  visit(root);
  return cost;
}
