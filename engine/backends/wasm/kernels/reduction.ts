import type { Combine, ElementType } from "../../../kernel/kernel";
import type { Loop } from "../../../kernel/loops";
import type { FunctionWriter, Local } from "../assembler/function";
import { type BodyPlan, LANES } from "./vector-body";

/** How a reduction is gone through. */
export interface Reduction {
  readonly plan: BodyPlan;
  readonly combine: Combine;
  readonly output: ElementType;
  /** Loops around each result. */
  readonly kept: readonly Loop[];
  /** Loops that are combined, without the one that is gone through in vectors. */
  readonly reduced: readonly Loop[];
  readonly inner: Loop;
  /** Shares of the reduced loops' rows (or of the one row's elements) that are combined at the end. */
  readonly shares: number;
}

export function product(loops: readonly Loop[]): number {
  return loops.reduce((total, { size }) => total * size, 1);
}

/** Partial results of a share lie together; whole vectors of them are written. */
export function paddedCount({ kept, inner }: Reduction): number {
  return product(kept) * (inner.reduced ? 1 : Math.ceil(inner.size / LANES) * LANES);
}

/** Results that make a piece, where each is summed on its own. */
export function perPiece({ reduced, inner }: Reduction): number {
  return Math.max(1, Math.ceil(2048 / (product(reduced) * inner.size)));
}

/** Results side by side that are held in registers together. */
export const BLOCK_VECTORS = 4;

export function columnBlocks(columns: number): { count: number; whole: number; restVectors: number } {
  const width = BLOCK_VECTORS * LANES;
  const whole = Math.floor(columns / width);
  const rest = columns - whole * width;
  return { count: whole + (rest > 0 ? 1 : 0), whole, restVectors: Math.ceil(rest / LANES) };
}

/** min(share + 1, …): from and to of a share of `total`. */
export function shareBounds(
  f: FunctionWriter,
  share: Local,
  shares: number,
  total: number,
  from: Local,
  to: Local,
): void {
  f.get(share).i32(total).op("i32.mul").i32(shares).op("i32.div_u").set(from);
  f.get(share).i32(1).op("i32.add").i32(total).op("i32.mul").i32(shares).op("i32.div_u").set(to);
}
