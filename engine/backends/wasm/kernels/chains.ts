import type { Combine } from "../../../kernel/kernel";
import type { FunctionWriter, Local } from "../assembler/function";
import { Accumulator, isWide, keepLanes } from "./accumulate";
import { LANES, type VectorBody } from "./vector-body";

/**
 * What is combined of some vectors side by side, each of which goes on with its own: none waits for the one before it. What
 * remains of a row is combined beside them.
 */
export class Chains {
  /** Sums: of a block, in single precision. */
  private readonly partials: readonly Local[];
  private readonly rest: Local | undefined;
  /** Sums and products: one, in double precision. Largest and smallest: for the rest, then one for each chain, if pairs are looked for. */
  private readonly totals: readonly Accumulator[];

  constructor(
    private readonly f: FunctionWriter,
    private readonly combine: Combine,
    private readonly count: number,
    /** Where the compiler finds pairs, which it looks for in stores that stand side by side: {@link scratchBytes}. */
    private readonly scratch: { readonly address: Local; readonly offset: number } | undefined,
  ) {
    const isSum = combine === "sum";
    this.partials = isSum ? Array.from({ length: count }, () => f.local("v128")) : [];
    this.rest = isSum ? f.local("v128") : undefined;
    const totals = !isWide(combine) && scratch ? 1 + count : 1;
    this.totals = Array.from({ length: totals }, () => new Accumulator(f, combine));
  }

  /** Of each thread, for so many vectors. */
  static scratchBytes(combine: Combine, count: number): number {
    return 16 * count * (isWide(combine) ? 1 : 2);
  }

  reset(): void {
    this.totals.forEach((each) => {
      each.reset();
    });
    for (const partial of [...this.partials, ...(this.rest ? [this.rest] : [])]) this.clear(partial);
  }

  /**
   * Takes in vector `group` of a body's result.
   * @param chain which goes on with it, counted over and over
   * @param lanes those that count
   */
  add(body: VectorBody, root: number, group: number, chain: number | "rest", lanes: number): void {
    const { f, combine, count, partials, totals, rest } = this;
    const partial = chain === "rest" ? rest : partials[chain % count];
    if (!partial) {
      body.value(root, group, "number", lanes);
      totals[chain === "rest" || totals.length === 1 ? 0 : 1 + (chain % count)].add(lanes);
    } else if (lanes === LANES) body.addTo(partial, root, group);
    else {
      body.value(root, group, "number", lanes);
      keepLanes(f, combine, lanes);
      f.get(partial).op("f32x4.add").set(partial);
    }
  }

  /** The end of a block: its sums go into double precision. */
  flush(): void {
    const { f, partials, totals } = this;
    if (partials.length === 0) return;
    this.showPairs(partials);
    f.get(partials[0]);
    for (const partial of partials.slice(1)) f.get(partial).op("f32x4.add");
    totals[0].add();
    for (const partial of partials) this.clear(partial);
  }

  flushRest(): void {
    const { f, totals, rest } = this;
    if (!rest) return;
    f.get(rest);
    totals[0].add();
    this.clear(rest);
  }

  /** Leaves one number on the stack: an f64 or f32. */
  total(): void {
    const [first, ...others] = this.totals;
    if (others.length > 0) this.showPairs([0, 1].flatMap((part) => others.map(({ parts }) => parts[part])));
    for (const other of others) first.join(other);
    first.total();
  }

  private clear(local: Local): void {
    this.f.f32x4(0).set(local);
  }

  /** Neighbours are a pair. */
  private showPairs(locals: readonly Local[]): void {
    const { f, scratch } = this;
    if (!scratch) return;
    const { address, offset } = scratch;
    locals.forEach((local, i) =>
      f
        .get(address)
        .get(local)
        .memory("v128.store", offset + 16 * i),
    );
    locals.forEach((local, i) =>
      f
        .get(address)
        .memory("v128.load", offset + 16 * i)
        .set(local),
    );
  }
}
