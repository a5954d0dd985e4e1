import type { ReduceKernel } from "../../../kernel/kernel";
import { type Loop, planLoops } from "../../../kernel/loops";
import { shareSubexpressions } from "../../../kernel/nodes";
import type { FunctionWriter } from "../assembler/function";
import { type Addresses, BYTES, type KernelCode, type Phase, type Target, type TypedKernel, aligned } from "../code";
import { PARTIAL_BYTES, isWide, scalarOperation, storeTotal } from "./accumulate";
import { keyText } from "./map";
import { writeAcross } from "./reduce-across";
import { scratchAlong, writeAlong } from "./reduce-along";
import { type Reduction, columnBlocks, paddedCount, perPiece, product } from "./reduction";
import { type BodyPlan, LANES, costOfNodes, fitsFloats } from "./vector-body";

/** Elements from which on it is worth to share the work on few results, and those that a share has then. */
const MANY = 65_536;
const SHARE = 16_384;
const MOST_SHARES = 64;
/** With fewer results than this, several threads would not have enough to do. */
const FEW = 8;

/** Combines in vectors along the last axis: it is reduced itself, or each lane is a result of its own. */
export function reduceCode(
  { kernel, inputs, outputs }: TypedKernel<ReduceKernel>,
  target: Target,
): KernelCode | undefined {
  const { shape, axes, views, body, combine } = kernel;
  const size = shape.reduce((product, dim) => product * dim, 1);
  if (!fitsFloats(inputs, outputs) || size === 0) return undefined;
  const nodes = shareSubexpressions(body);
  const planned = planLoops(shape, axes, views, nodes);
  const still: Loop = { size: 1, strides: views.map(() => 0), axis: undefined, reduced: true };
  const inner = vectorLoop(planned) ?? still;
  const others = planned.filter((loop) => loop !== inner);
  const kept = others.filter((loop) => !loop.reduced);
  const reduced = others.filter((loop) => loop.reduced);
  const plan: BodyPlan = { nodes, views, inputs, loops: [...kept, ...reduced, inner], target };
  const results = product(kept);
  const rows = product(reduced);
  const work = size * (costOfNodes(nodes) + 0.3);
  const natural = inner.reduced ? results : results * columnBlocks(inner.size).count;
  const isShared = size >= MANY && natural < FEW;
  const countable = rows > 1 || !inner.reduced ? rows : Math.ceil(inner.size / (LANES * 4));
  const shares = isShared ? Math.min(MOST_SHARES, countable, Math.ceil(size / SHARE)) : 1;
  const reduction: Reduction = { plan, combine, output: outputs[0], kept, reduced, inner, shares };
  const key = `reduce ${combine} ${shares} ${JSON.stringify([plan.loops, kept.length, views, nodes, inputs, outputs, target], keyText)}`;
  const count = results * (inner.reduced ? 1 : inner.size);
  const main: Phase = {
    pieces: shares > 1 ? shares : inner.reduced ? Math.ceil(results / perPiece(reduction)) : natural,
    work,
    key,
    scratch: inner.reduced ? scratchAlong(reduction) : 0,
    write: (f, at) => {
      if (inner.reduced) writeAlong(f, at, reduction);
      else writeAcross(f, at, reduction);
    },
  };
  if (shares === 1) return { phases: [main] };
  const finish: Phase = {
    pieces: 1,
    work: count * shares,
    key: `${key} finish`,
    write: (f, at) => {
      writeFinish(f, at, reduction, paddedCount(reduction), count);
    },
  };
  return { phases: [main, finish], shared: aligned(shares * paddedCount(reduction) * PARTIAL_BYTES) };
}

/** Rows shorter than this are not worth vectors of their own: four of them are gone through side by side. */
const SHORT = 12;

/** The loop that is gone through in vectors: the last one, or the last one that is kept where rows are short and many. */
function vectorLoop(loops: readonly Loop[]): Loop | undefined {
  const last = loops.at(-1);
  const kept = loops.findLast((loop) => !loop.reduced);
  const isShort = last?.reduced === true && last.size < SHORT && kept !== undefined && kept.size >= 4 * last.size;
  return isShort ? kept : last;
}

/** Combines the shares of each result, in their order. */
function writeFinish(f: FunctionWriter, at: Addresses, reduction: Reduction, stride: number, count: number): void {
  const { combine, shares, output, inner } = reduction;
  const isDouble = isWide(combine);
  const [result, address, out, share] = [0, 1, 2, 3].map(() => f.local("i32"));
  const total = f.local(isDouble ? "f64" : "f32");
  const columns = inner.reduced ? 1 : inner.size;
  const padded = inner.reduced ? 1 : Math.ceil(inner.size / LANES) * LANES;
  f.get(at.outputs[0]).set(out);
  f.forRange(
    result,
    () => f.i32(0),
    () => f.i32(count),
    1,
    () => {
      // Rows of results are padded to whole vectors.
      f.get(result).i32(columns).op("i32.div_u").i32(padded).op("i32.mul");
      f.get(result).i32(columns).op("i32.rem_u", "i32.add").i32(PARTIAL_BYTES).op("i32.mul");
      f.get(at.shared).op("i32.add").set(address);
      f.get(address)
        .memory(isDouble ? "f64.load" : "f32.load")
        .set(total);
      f.forRange(
        share,
        () => f.i32(1),
        () => f.i32(shares),
        1,
        () => {
          f.advance(address, stride * PARTIAL_BYTES);
          f.get(total)
            .get(address)
            .memory(isDouble ? "f64.load" : "f32.load");
          f.op(scalarOperation(combine)).set(total);
        },
      );
      f.get(out).get(total);
      storeTotal(f, combine, output);
      f.advance(out, BYTES[output]);
    },
  );
}
