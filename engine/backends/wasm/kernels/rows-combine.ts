import type { Combine } from "../../../kernel/kernel";
import type { FunctionWriter, Local } from "../assembler/function";
import type { Plain } from "../assembler/opcodes";
import { Accumulator, isWide, keepLanes, neutralFloat } from "./accumulate";
import { LANES, type VectorBody } from "./vector-body";

/** So many additions one after the other lose no more than 2⁻²⁰ in single precision. */
const FEW = 16;

/** What is combined of a row's elements: vectors that are done together go on side by side, so that none waits for another. */
export class RowCombination {
  /** Vectors one after the other whose sum is kept in single precision before it goes into double. */
  static readonly MOST_ROUNDS = 64;

  /** Sums and products, which go by single precision first. */
  readonly isSummed: boolean;
  private readonly partials: readonly Local[];
  private readonly totals: readonly Accumulator[];
  private readonly isPlain: boolean;
  private readonly into: Accumulator | undefined;
  private readonly scratch: Local | undefined;

  /**
   * @param count vectors side by side
   * @param of how often vectors are taken in; and what it is combined into if not into a number of its own
   */
  constructor(
    private readonly f: FunctionWriter,
    private readonly combine: Combine,
    count: number,
    of: { readonly rounds: number; readonly into: Accumulator | undefined; readonly scratch: Local | undefined },
  ) {
    this.isSummed = isWide(combine);
    this.into = of.into;
    this.scratch = of.scratch;
    this.isPlain = this.isSummed && of.rounds <= FEW && !of.into;
    this.partials = this.isSummed ? Array.from({ length: count }, () => f.local("v128")) : [];
    if (of.into) this.totals = [of.into];
    else if (this.isPlain) this.totals = [];
    else this.totals = Array.from({ length: this.isSummed ? 1 : count }, () => new Accumulator(f, combine));
  }

  reset(): void {
    const { f, combine } = this;
    for (const partial of this.partials) f.f32x4(neutralFloat(combine)).set(partial);
    if (!this.into) for (const total of this.totals) total.reset();
  }

  /** Takes in vector `group` of a body's result. @param lanes those that count */
  add(body: VectorBody, root: number, group: number, lanes: number): void {
    const { f, combine, partials, totals } = this;
    if (!this.isSummed) {
      body.value(root, group, "number", lanes);
      totals[group % totals.length].add(lanes);
      return;
    }
    const partial = partials[group % partials.length];
    if (combine === "sum" && lanes === LANES) {
      body.addTo(partial, root, group);
      return;
    }
    body.value(root, group, "number", lanes);
    if (lanes < LANES) keepLanes(f, combine, lanes);
    f.get(partial)
      .op(combine === "sum" ? "f32x4.add" : "f32x4.mul")
      .set(partial);
  }

  /** Sums and products so far go into double precision. */
  flush(): void {
    const { f, combine, partials, totals } = this;
    if (!this.isSummed) return;
    this.showPairs(partials);
    for (const partial of partials) {
      f.get(partial);
      totals[0].add();
      f.f32x4(neutralFloat(combine)).set(partial);
    }
  }

  /** The end of the row. @returns a variable with the number four times, unless it goes into something else */
  finish(): Local | undefined {
    const { f, combine, partials, totals } = this;
    if (this.isPlain) {
      const number = this.acrossLanes(partials, combine === "sum" ? "f32x4.add" : "f32x4.mul");
      f.release(...partials);
      return number;
    }
    this.flush();
    f.release(...partials);
    if (this.into) return undefined;
    if (!this.isSummed) {
      const [values, unordered] = [0, 1].map((part) => totals.map(({ parts }) => parts[part]));
      const number = this.acrossLanes(values, combine === "maximum" ? "f32x4.pmax" : "f32x4.pmin");
      const nan = this.acrossLanes(unordered, "v128.or");
      f.get(number).get(nan).op("v128.or").set(number).release(nan);
      for (const total of totals) total.release();
      return number;
    }
    totals[0].total();
    const number = f.local("v128");
    f.op("f32.demote_f64", "f32x4.splat").set(number);
    totals[0].release();
    return number;
  }

  /** A variable with one number four times, of all lanes of some. */
  private acrossLanes(vectors: readonly Local[], operation: Plain): Local {
    const { f } = this;
    const number = f.local("v128");
    this.showPairs(vectors);
    f.get(vectors[0]);
    for (const vector of vectors.slice(1)) f.get(vector).op(operation);
    f.tee(number).get(number).get(number).shuffle32([2, 3, 0, 1]).op(operation);
    f.tee(number).get(number).get(number).shuffle32([1, 0, 3, 2]).op(operation);
    f.set(number);
    return number;
  }

  /** The compiler looks for pairs in what is stored side by side. */
  private showPairs(vectors: readonly Local[]): void {
    const { f, scratch } = this;
    if (!scratch || vectors.length % 2 > 0) return;
    vectors.forEach((vector, i) =>
      f
        .get(scratch)
        .get(vector)
        .memory("v128.store", i * 16),
    );
    vectors.forEach((vector, i) =>
      f
        .get(scratch)
        .memory("v128.load", i * 16)
        .set(vector),
    );
  }
}
