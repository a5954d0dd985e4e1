/** In which row of a drawing each of its items stands. Pure. */

export interface RankItem {
  /** `top` and `bottom` are where edges come in and go out; `loose` needs nothing of what flows through, as parameters do. */
  readonly place: "top" | "bottom" | "loose" | "flow";
}

export interface RankEdge {
  readonly from: number;
  readonly to: number;
  /** Rows that it must go down at least. */
  readonly least: number;
}

/**
 * Every item below all that it reads, as far up as it can be; but what nothing flows through stands just above what reads it. Edges must
 * not lead in a circle.
 */
export function ranksOf(items: readonly RankItem[], edges: readonly RankEdge[]): number[] {
  const [into, out] = [items.map((): RankEdge[] => []), items.map((): RankEdge[] => [])];
  for (const edge of edges) {
    into[edge.to].push(edge);
    out[edge.from].push(edge);
  }
  const order = inOrder(items.length, edges, out);
  const ranks = items.map(() => 0);
  for (const item of order) ranks[item] = Math.max(0, ...into[item].map(({ from, least }) => ranks[from] + least));
  const flows = items.map(() => false);
  for (const item of order) {
    const { place } = items[item];
    flows[item] =
      place === "top" || (place === "flow" && (into[item].length === 0 || into[item].some(({ from }) => flows[from])));
  }
  for (const item of [...order].reverse()) {
    if (flows[item] || out[item].length === 0) continue;
    ranks[item] = Math.min(...out[item].map(({ to, least }) => ranks[to] - least));
  }
  const last = Math.max(0, ...ranks);
  return ranks.map((rank, item) => (items[item].place === "bottom" ? last : rank));
}

/** Each item after all that lead to it. */
function inOrder(count: number, edges: readonly RankEdge[], out: readonly (readonly RankEdge[])[]): number[] {
  const waits = new Array<number>(count).fill(0);
  for (const { to } of edges) waits[to]++;
  const order = waits.flatMap((wait, item) => (wait === 0 ? [item] : []));
  for (const item of order) for (const { to } of out[item]) if (--waits[to] === 0) order.push(to);
  return order;
}
