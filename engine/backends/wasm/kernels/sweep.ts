import type { Combine, ElementType, SweepKernel } from "../../../kernel/kernel";
import { planLoops } from "../../../kernel/loops";
import { shareAll } from "../../../kernel/nodes";
import type { FunctionWriter, Local } from "../assembler/function";
import { type Addresses, BYTES, type KernelCode, type Phase, type Target, type TypedKernel, aligned } from "../code";
import { PARTIAL_BYTES, isWide, scalarOperation, storeTotal } from "./accumulate";
import { Chains } from "./chains";
import { keyText, storeLanes, storeMask } from "./map";
import { RowIndex, startOf } from "./rows";
import { type BodyPlan, LANES, VectorBody, costOfNodes, fitsFloats } from "./vector-body";

/** Elements of a piece; what is combined is combined for each piece, then over the pieces. */
const PIECE = 8192;
/** Vectors whose sums are kept in single precision before they go into double: 64 additions lose less than 2⁻¹⁸. */
const BLOCK = 64;

interface Sweep {
  readonly plan: BodyPlan;
  readonly results: readonly Result[];
  readonly size: number;
  readonly perPiece: number;
  readonly pieces: number;
  /** Vectors that are done together. */
  readonly unrolled: number;
}

interface Result {
  readonly root: number;
  readonly combine: Combine | undefined;
  readonly type: ElementType;
}

/** Maps and whole reductions over one shape, which read their inputs once. */
export function sweepCode(
  { kernel, inputs, outputs }: TypedKernel<SweepKernel>,
  target: Target,
): KernelCode | undefined {
  const { shape, views } = kernel;
  const size = shape.reduce((product, dim) => product * dim, 1);
  if (!fitsFloats(inputs, outputs) || size === 0) return undefined;
  const { nodes, roots } = shareAll(kernel.results.map(({ body }) => body));
  const planned = planLoops(shape, [], views, nodes);
  const loops =
    planned.length > 0 ? planned : [{ size: 1, strides: views.map(() => 0), axis: undefined, reduced: false }];
  const plan: BodyPlan = { nodes, views, inputs, loops, target };
  const results = kernel.results.map(({ combine }, i) => ({ root: roots[i], combine, type: outputs[i] }));
  const inner = loops[loops.length - 1];
  const rows = size / inner.size;
  const isFlat = rows === 1;
  const perPiece = isFlat ? PIECE : Math.max(1, Math.ceil(PIECE / inner.size));
  const pieces = Math.ceil((isFlat ? size : rows) / perPiece);
  const unrolled = unroll(inner.size, nodes.length, results, target);
  const sweep: Sweep = { plan, results, size, perPiece, pieces, unrolled };
  const combined = results.flatMap(({ combine, type }, i) => (combine ? [{ combine, type, i }] : []));
  const bytes = inputs.reduce((sum, type) => sum + BYTES[type], 0) + results.length * 4;
  const key = `sweep ${JSON.stringify([loops, views, nodes, results, inputs, target], keyText)}`;
  const main: Phase = {
    pieces,
    work: size * (costOfNodes(nodes) + bytes * 0.05 + 0.1),
    key,
    scratch: combined.reduce((sum, { combine }) => sum + Chains.scratchBytes(combine, chainsOf(combine, unrolled)), 0),
    write: (f, at) => {
      writeMain(f, at, sweep);
    },
  };
  if (combined.length === 0) return { phases: [main] };
  const finish: Phase = {
    pieces: 1,
    work: combined.length * pieces,
    key: `${key} finish`,
    write: (f, at) => {
      combined.forEach(({ combine, type, i }, order) => {
        writeTotal(f, at, { combine, type, output: at.outputs[i], order, count: combined.length, pieces });
      });
    },
  };
  return { phases: [main, finish], shared: aligned(pieces * combined.length * PARTIAL_BYTES) };
}

/**
 * As many vectors at once as leave registers for what is done with them: sums of one need not wait for those of another, and the
 * compiler joins pairs.
 */
function unroll(size: number, nodes: number, results: readonly Result[], { wide }: Target): number {
  const held = (vectors: number): number =>
    results.reduce((sum, { combine }) => {
      if (combine === undefined) return sum;
      if (isWide(combine)) return sum + (wide ? vectors / 2 : vectors);
      return sum + 2;
    }, 0);
  const most = nodes <= 12 && held(4) <= 8 ? 4 : wide || (nodes <= 24 && held(2) <= 6) ? 2 : 1;
  const fitting = Math.max(1, Math.floor(size / LANES));
  return fitting >= most ? most : fitting >= 2 ? 2 : 1;
}

/** Largest and smallest are found in one step, for which the next one can wait. */
function chainsOf(combine: Combine, vectors: number): number {
  return isWide(combine) ? vectors : Math.min(2, vectors);
}

function writeMain(f: FunctionWriter, at: Addresses, sweep: Sweep): void {
  const { plan, results, size, perPiece, unrolled } = sweep;
  const { loops } = plan;
  const inner = loops[loops.length - 1];
  const outer = loops.slice(0, -1);
  const rows = size / inner.size;
  const isFlat = rows === 1;
  const index = new RowIndex(f, outer);
  const combined = results.flatMap(({ combine }) => (combine === undefined ? [] : [combine]));
  const pairs = plan.target.wide && unrolled % 2 === 0;
  let used = 0;
  const chains = combined.map((combine) => {
    const offset = used;
    const count = chainsOf(combine, unrolled);
    used += Chains.scratchBytes(combine, count);
    return new Chains(f, combine, count, pairs ? { address: at.scratch, offset } : undefined);
  });
  const outs = results.map(({ combine }) => (combine === undefined ? f.local("i32") : undefined));
  const [piece, row, element, left, block] = [0, 1, 2, 3, 4].map(() => f.local("i32"));
  const address = f.local("i32");
  const body = new VectorBody(
    f,
    plan,
    (loop) => f.get(index.position(loop)),
    results.map(({ root }) => root),
  );
  /** The vectors `from` ≤ vector < `to` of a step, or one of the rest, of which some lanes count. */
  const compute = (from: number, to: number, lanes?: number): void => {
    const stores = results.map((): (() => void)[] => []);
    for (let vector = from; vector < to; vector++) {
      let order = 0;
      results.forEach(({ root, combine, type }, i) => {
        const out = outs[i];
        const count = lanes ?? LANES;
        if (combine !== undefined)
          chains[order++].add(body, root, vector, lanes === undefined ? vector : "rest", count);
        else if (out) {
          const value = f.local("v128");
          body.value(root, vector, type === "bool" ? "mask" : "number", count);
          f.set(value);
          stores[i].push(() => {
            storeSome(f, out, value, count, type, vector * LANES * BYTES[type]);
            f.release(value);
          });
        }
      });
      body.next();
    }
    for (const store of stores.flat()) store();
  };
  const step = (vectors: number, lanes?: number): void => {
    // The compiler joins two of everything that stand side by side: loads, what is computed of them, stores.
    if (pairs && lanes === undefined)
      for (let vector = 0; vector < vectors; vector += 2) {
        body.preload([vector, vector + 1]);
        compute(vector, vector + 2);
        body.forget();
      }
    else for (let vector = 0; vector < vectors; vector++) compute(vector, vector + 1, lanes);
    const elements = lanes ?? vectors * LANES;
    body.advance(elements);
    results.forEach(({ type }, i) => {
      const out = outs[i];
      if (out) f.advance(out, elements * BYTES[type]);
    });
  };
  const flush = (): void => {
    chains.forEach((each) => {
      each.flush();
    });
  };
  const stride = unrolled * LANES;
  /** `left` elements in blocks of steps, as far as whole steps go. */
  const blocks = (): void => {
    f.block((done) => {
      f.loop((again) => {
        f.get(left).i32(stride).op("i32.lt_s").leaveIf(done);
        f.i32(BLOCK).set(block);
        f.block((end) => {
          f.loop((inside) => {
            step(unrolled);
            f.get(left).i32(stride).op("i32.sub").tee(left).i32(stride).op("i32.lt_s").leaveIf(end);
            f.get(block).i32(1).op("i32.sub").tee(block).leaveIf(inside);
          });
        });
        flush();
        f.leave(again);
      });
    });
  };
  /** Fewer elements than a step. */
  const rest = (elements: number): void => {
    const whole = Math.floor(elements / LANES);
    const single = (): void => {
      step(1, LANES);
    };
    if (whole === 1) single();
    else if (whole > 1) f.repeat(left, whole, single);
    if (elements % LANES > 0) step(1, elements % LANES);
  };
  const flushRest = (): void => {
    chains.forEach((each) => {
      each.flushRest();
    });
  };
  const rowSteps = Math.floor(inner.size / stride);
  /** Rows that are a block together, if any are. */
  const blockRows = Math.floor(BLOCK / Math.max(rowSteps, unrolled));
  /** One row, where `block` counts those that are left of a block. */
  const wholeRow = (): void => {
    if (blockRows === 0) {
      f.i32(rowSteps * stride).set(left);
      blocks();
    } else if (rowSteps === 1) step(unrolled);
    else if (rowSteps > 1)
      f.repeat(left, rowSteps, () => {
        step(unrolled);
      });
    rest(inner.size % stride);
    if (blockRows === 0) flushRest();
    else {
      f.get(block).i32(1).op("i32.sub").tee(block).op("i32.eqz");
      f.if(() => {
        flush();
        flushRest();
        f.i32(blockRows).set(block);
      });
    }
  };
  const begin = (withElement: boolean): void => {
    body.begin((input) => {
      const bytes = BYTES[plan.inputs[input]];
      startOf(f, at.inputs[input], plan.views[input], bytes);
      index.addTo(input, bytes);
      const stride = inner.strides[input] * bytes;
      if (withElement && stride !== 0) f.get(element).i32(stride).op("i32.mul", "i32.add");
    });
    if (withElement) body.startAt(element);
  };
  f.forRange(
    piece,
    () => f.get(at.from),
    () => f.get(at.to),
    1,
    () => {
      chains.forEach((each) => {
        each.reset();
      });
      results.forEach(({ type }, i) => {
        const out = outs[i];
        const step = perPiece * (isFlat ? 1 : inner.size) * BYTES[type];
        if (out) f.get(at.outputs[i]).get(piece).i32(step).op("i32.mul", "i32.add").set(out);
      });
      if (isFlat) {
        f.get(piece).i32(perPiece).op("i32.mul").set(element);
        // min(perPiece, size − element)
        f.i32(size).get(element).op("i32.sub").tee(left).i32(perPiece);
        f.get(left).i32(perPiece).op("i32.lt_s", "select").set(left);
        begin(true);
        if (size >= stride) blocks();
        // Only the last piece can have a rest.
        if (size % stride > 0)
          f.get(left).if(() => {
            rest(size % stride);
            flushRest();
          });
      } else {
        const end = address;
        f.get(piece).i32(1).op("i32.add").i32(perPiece).op("i32.mul").tee(end).i32(rows);
        f.get(end).i32(rows).op("i32.lt_s", "select").set(end);
        f.i32(blockRows).set(block);
        f.forRange(
          row,
          () => f.get(piece).i32(perPiece).op("i32.mul"),
          () => f.get(end),
          1,
          () => {
            index.set(row);
            begin(false);
            wholeRow();
          },
        );
        if (blockRows > 0) {
          flush();
          flushRest();
        }
      }
      if (combined.length === 0) return;
      f.get(at.shared)
        .get(piece)
        .i32(combined.length * PARTIAL_BYTES)
        .op("i32.mul", "i32.add")
        .set(address);
      chains.forEach((each, i) => {
        f.get(address);
        each.total();
        f.memory(isWide(combined[i]) ? "f64.store" : "f32.store", i * PARTIAL_BYTES);
      });
    },
  );
}

/** A vector of a result, or its first lanes. */
function storeSome(
  f: FunctionWriter,
  out: Local,
  vector: Local,
  lanes: number,
  type: ElementType,
  offset: number,
): void {
  if (lanes < LANES) storeLanes(f, out, vector, lanes, type, offset);
  else if (type === "bool") {
    f.get(out).get(vector);
    storeMask(f, offset);
  } else f.get(out).get(vector).memory("v128.store", offset);
}

interface Total {
  readonly combine: Combine;
  readonly type: ElementType;
  readonly output: Local;
  /** Which of the combined results. */
  readonly order: number;
  readonly count: number;
  readonly pieces: number;
}

/** Over the pieces, in their order. */
export function writeTotal(
  f: FunctionWriter,
  at: Addresses,
  { combine, type, output, order, count, pieces }: Total,
): void {
  const isDouble = isWide(combine);
  const total = f.local(isDouble ? "f64" : "f32");
  const address = f.local("i32");
  const piece = f.local("i32");
  const load = (): FunctionWriter => f.get(address).memory(isDouble ? "f64.load" : "f32.load", order * PARTIAL_BYTES);
  f.get(at.shared).set(address);
  load().set(total);
  f.forRange(
    piece,
    () => f.i32(1),
    () => f.i32(pieces),
    1,
    () => {
      f.advance(address, count * PARTIAL_BYTES).get(total);
      load().op(scalarOperation(combine)).set(total);
    },
  );
  f.get(output).get(total);
  storeTotal(f, combine, type);
  f.release(total, address, piece);
}
