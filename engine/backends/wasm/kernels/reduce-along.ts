import type { FunctionWriter } from "../assembler/function";
import { type Addresses, BYTES } from "../code";
import { Accumulator, PARTIAL_BYTES, isWide, storeTotal } from "./accumulate";
import { Chains } from "./chains";
import { type Reduction, perPiece, product, shareBounds } from "./reduction";
import { RowIndex, startOf } from "./rows";
import { LANES, VectorBody } from "./vector-body";

/** Vectors that are done together. */
const GROUP = 4;
/** Elements of a result that are worth to look for pairs. */
const WORTH_PAIRS = 256;

/** Bytes of each thread that {@link writeAlong} needs. */
export function scratchAlong(reduction: Reduction): number {
  return isPaired(reduction) ? Chains.scratchBytes(reduction.combine, GROUP) : 0;
}

/** Whether the compiler joins pairs of vectors: those of largest and smallest numbers, since sums are of doubles. */
function isPaired({ plan, combine, reduced, inner }: Reduction): boolean {
  return (
    plan.target.wide && !isWide(combine) && inner.size >= GROUP * LANES && product(reduced) * inner.size >= WORTH_PAIRS
  );
}

/** The last axis is reduced: each result is a sum along vectors. */
export function writeAlong(f: FunctionWriter, at: Addresses, reduction: Reduction): void {
  const { plan, combine, kept, reduced, inner, shares, output } = reduction;
  const results = product(kept);
  const rows = product(reduced);
  const keptIndex = new RowIndex(f, kept);
  const rowIndex = new RowIndex(f, reduced);
  const accumulators = [new Accumulator(f, combine), new Accumulator(f, combine)];
  const chains = isPaired(reduction) ? new Chains(f, combine, GROUP, { address: at.scratch, offset: 0 }) : undefined;
  const root = plan.nodes.length - 1;
  const body = new VectorBody(
    f,
    plan,
    (loop) => f.get(loop < kept.length ? keptIndex.position(loop) : rowIndex.position(loop - kept.length)),
    [root],
  );
  const result = f.local("i32");
  const row = f.local("i32");
  const share = f.local("i32");
  const [firstRow, endRow] = [f.local("i32"), f.local("i32")];
  const address = f.local("i32");
  /** Of the one row, in groups of 16 elements, where that is what is shared. */
  const isCut = shares > 1 && rows === 1;
  const groups = Math.floor(inner.size / (LANES * GROUP));
  const [firstGroup, left] = [f.local("i32"), f.local("i32")];

  const add = (vector: number, chain: number | "rest", lanes: number): void => {
    if (chains) chains.add(body, root, vector, chain, lanes);
    else {
      body.value(root, vector, "number", lanes);
      accumulators[vector % 2].add(lanes);
    }
    body.next();
  };
  const step = (): void => {
    const vectors = Array.from({ length: GROUP }, (_, vector) => vector);
    if (chains) body.preload(vectors);
    for (const vector of vectors) add(vector, vector, LANES);
    body.forget();
    body.advance(GROUP * LANES);
  };
  const rest = (): void => {
    const remaining = inner.size - groups * LANES * GROUP;
    const whole = Math.floor(remaining / LANES);
    const lanes = remaining % LANES;
    for (let i = 0; i < whole + (lanes > 0 ? 1 : 0); i++) {
      const count = i < whole ? LANES : lanes;
      add(i, "rest", count);
    }
  };
  const sumRow = (): void => {
    rowIndex.set(row);
    body.begin((input) => {
      const bytes = BYTES[plan.inputs[input]];
      startOf(f, at.inputs[input], plan.views[input], bytes);
      keptIndex.addTo(input, bytes);
      rowIndex.addTo(input, bytes);
      const moved = inner.strides[input] * bytes * LANES * GROUP;
      if (isCut && moved !== 0) f.get(firstGroup).i32(moved).op("i32.mul", "i32.add");
    });
    if (isCut) {
      const element = f.local("i32");
      f.get(firstGroup)
        .i32(LANES * GROUP)
        .op("i32.mul")
        .set(element);
      body.startAt(element);
      f.release(element);
      f.block((done) => {
        f.loop((again) => {
          f.get(left).op("i32.eqz").leaveIf(done);
          step();
          f.get(left).i32(1).op("i32.sub").set(left).leave(again);
        });
      });
      // What does not fill a group belongs to the last share.
      f.get(share)
        .i32(shares - 1)
        .op("i32.eq")
        .if(rest);
      return;
    }
    if (groups === 1) step();
    else if (groups > 1)
      f.repeat(left, groups, () => {
        step();
      });
    rest();
  };
  const sumResult = (): void => {
    keptIndex.set(result);
    if (chains) chains.reset();
    else
      accumulators.forEach((each) => {
        each.reset();
      });
    f.forRange(
      row,
      () => (isCut ? f.i32(0) : f.get(firstRow)),
      () => (isCut ? f.i32(1) : f.get(endRow)),
      1,
      sumRow,
    );
    if (!chains) accumulators[0].join(accumulators[1]);
  };
  const total = (): void => {
    if (chains) chains.total();
    else accumulators[0].total();
  };

  if (shares === 1) {
    const group = perPiece(reduction);
    const end = f.local("i32");
    f.i32(0).set(firstRow).i32(rows).set(endRow);
    f.get(at.to).i32(group).op("i32.mul").tee(end).i32(results).get(end).i32(results).op("i32.lt_s", "select").set(end);
    f.get(at.outputs[0])
      .get(at.from)
      .i32(group * BYTES[output])
      .op("i32.mul", "i32.add")
      .set(address);
    f.forRange(
      result,
      () => f.get(at.from).i32(group).op("i32.mul"),
      () => f.get(end),
      1,
      () => {
        sumResult();
        f.get(address);
        total();
        storeTotal(f, combine, output);
        f.advance(address, BYTES[output]);
      },
    );
    return;
  }
  f.get(at.shared)
    .get(at.from)
    .i32(results * PARTIAL_BYTES)
    .op("i32.mul", "i32.add")
    .set(address);
  f.forRange(
    share,
    () => f.get(at.from),
    () => f.get(at.to),
    1,
    () => {
      f.forRange(
        result,
        () => f.i32(0),
        () => f.i32(results),
        1,
        () => {
          if (isCut) {
            shareBounds(f, share, shares, groups, firstGroup, left);
            f.get(left).get(firstGroup).op("i32.sub").set(left);
          } else shareBounds(f, share, shares, rows, firstRow, endRow);
          sumResult();
          f.get(address);
          total();
          f.memory(isWide(combine) ? "f64.store" : "f32.store");
          f.advance(address, PARTIAL_BYTES);
        },
      );
    },
  );
}
