import { type Expression, binary, input, substitute, unary } from "../../../kernel/expression";
import type { ElementType, RowsKernel } from "../../../kernel/kernel";
import { type Node, operandsOf, shareAll } from "../../../kernel/nodes";

/** In which passes over a row its results are made: each combines what those before it have made possible, the last one stores. */
export interface RowStages {
  /** Of all bodies; what is not combined stands in place of being read, input(views + j) is combined row result j. */
  readonly nodes: readonly Node[];
  /** By result: its body's node. */
  readonly roots: readonly number[];
  /** By node: whether it changes along the row. */
  readonly varying: readonly boolean[];
  /** By node: the number of passes that must be done before it can be made. */
  readonly levels: readonly number[];
  /** By result: the pass that takes in or stores its elements; undefined for what is made once a row, or not at all. */
  readonly passes: readonly (number | undefined)[];
  /** The number of the last pass. */
  readonly last: number;
  /** Nodes whose values of all elements are held for later passes, with the pass that makes them. */
  readonly held: ReadonlyMap<number, number>;
}

/**
 * @param outputs types of the kept results
 * @param mostHeld how many nodes may be held; others are made again
 */
export function planStages(kernel: RowsKernel, outputs: readonly ElementType[], mostHeld: number): RowStages {
  const { views, shape, results } = kernel;
  const along = shape.length - 1;
  const { nodes, roots } = shareAll(expanded(kernel, outputs));
  const varying: boolean[] = [];
  for (const node of nodes) {
    if (node.kind === "input") varying.push(node.index < views.length && views[node.index].strides[along] !== 0);
    else if (node.kind === "index") varying.push(node.axis === along);
    else varying.push(operandsOf(node).some((operand) => varying[operand]));
  }
  // A result is read by later bodies only, whose nodes come after its own.
  const levels: number[] = [];
  const resultLevels = new Map<number, number>();
  const levelOf = (at: number): number => {
    if (levels[at] === undefined) {
      const node = nodes[at];
      levels[at] =
        node.kind === "input"
          ? node.index < views.length
            ? 0
            : (resultLevels.get(node.index - views.length) ?? 0) + 1
          : Math.max(0, ...operandsOf(node).map(levelOf));
    }
    return levels[at];
  };
  results.forEach((_, j) => resultLevels.set(j, levelOf(roots[j])));
  const levelOfResult = (j: number): number => resultLevels.get(j) ?? 0;
  const last = Math.max(
    0,
    ...results.map(({ over, combine }, j) => (over === "row" && combine !== undefined ? levelOfResult(j) + 1 : 0)),
  );
  const passes = results.map(({ over, combine, kept }, j) => {
    if (over === "all" || (over === "row" && combine !== undefined)) return Math.min(levelOfResult(j), last);
    return over === "element" && kept ? last : undefined;
  });
  const held = findHeld(nodes, varying, passes, roots, mostHeld);
  return { nodes, roots, varying, levels, passes, last, held };
}

/** Bodies in which element results, and row results that are not combined, stand in place of being read, as what their type holds. */
function expanded({ views, results }: RowsKernel, outputs: readonly ElementType[]): Expression[] {
  const bodies: Expression[] = [];
  const asRead: Expression[] = [];
  let kept = 0;
  for (const result of results) {
    const body = substitute(result.body, (i) => {
      const read = i - views.length;
      return read >= 0 && results[read].combine === undefined ? asRead[read] : input(i);
    });
    const type = result.kept ? outputs[kept++] : "float32";
    bodies.push(body);
    asRead.push(type === "float32" ? body : type === "bool" ? binary("notEqual", body, 0) : unary("truncate", body));
  }
  return bodies;
}

/** Finds what passes read or compute that one before them has, and that is dear. */
function findHeld(
  nodes: readonly Node[],
  varying: readonly boolean[],
  passes: readonly (number | undefined)[],
  roots: readonly number[],
  most: number,
): Map<number, number> {
  const held = new Map<number, number>();
  const madeIn = new Map<number, number>();
  const last = Math.max(0, ...passes.map((pass) => pass ?? 0));
  for (let pass = 0; pass <= last; pass++) {
    const seen = new Set<number>();
    const visit = (at: number): void => {
      if (seen.has(at) || !varying[at]) return;
      seen.add(at);
      const first = madeIn.get(at);
      if (first === undefined) madeIn.set(at, pass);
      else if (first < pass && (held.has(at) || (isDear(nodes[at]) && held.size < most))) {
        held.set(at, first);
        return;
      }
      operandsOf(nodes[at]).forEach(visit);
    };
    roots.forEach((root, j) => {
      if (passes[j] === pass) visit(root);
    });
  }
  return held;
}

const CHEAP = new Set(["negate", "abs", "floor", "ceil", "round", "truncate", "not"]);

/** Whether it takes longer than a few additions. */
function isDear(node: Node): boolean {
  switch (node.kind) {
    case "input":
      return true;
    case "unary":
      return !CHEAP.has(node.fn);
    case "binary":
      return node.fn === "divide" || node.fn === "power" || node.fn === "remainder";
    default:
      return false;
  }
}
