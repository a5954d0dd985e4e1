import type { Combine, ElementType, SweepKernel } from "../../../kernel/kernel";
import { planLoops } from "../../../kernel/loops";
import { shareAll } from "../../../kernel/nodes";
import type { FunctionWriter, Local } from "../assembler/function";
import { type Addresses, BYTES, type KernelCode, type Phase, type Target, type TypedKernel, aligned } from "../code";
import { Accumulator, PARTIAL_BYTES, isWide, scalarOperation, storeTotal } from "./accumulate";
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
  const sweep: Sweep = { plan, results, size, perPiece, pieces };
  const combined = results.flatMap(({ combine, type }, i) => (combine ? [{ combine, type, i }] : []));
  const bytes = inputs.reduce((sum, type) => sum + BYTES[type], 0) + results.length * 4;
  const key = `sweep ${JSON.stringify([loops, views, nodes, results, inputs, target], keyText)}`;
  const main: Phase = {
    pieces,
    work: size * (costOfNodes(nodes) + bytes * 0.05 + 0.1),
    key,
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

function writeMain(f: FunctionWriter, at: Addresses, sweep: Sweep): void {
  const { plan, results, size, perPiece } = sweep;
  const { loops } = plan;
  const inner = loops[loops.length - 1];
  const outer = loops.slice(0, -1);
  const rows = size / inner.size;
  const isFlat = rows === 1;
  const index = new RowIndex(f, outer);
  const combined = results.filter(({ combine }) => combine !== undefined);
  const sums = combined.map(({ combine }) => new Accumulator(f, combine as Combine));
  const partials = combined.map(() => f.local("v128"));
  const outs = results.map(({ combine }) => (combine === undefined ? f.local("i32") : undefined));
  const [piece, row, element, left, block] = [0, 1, 2, 3, 4].map(() => f.local("i32"));
  const address = f.local("i32");
  const body = new VectorBody(
    f,
    plan,
    (loop) => f.get(index.position(loop)),
    results.map(({ root }) => root),
  );
  /** One vector, of which some lanes count. */
  const step = (lanes: number): void => {
    let at = 0;
    results.forEach(({ root, combine, type }, i) => {
      const out = outs[i];
      if (combine !== undefined) {
        body.value(root, 0, "number", lanes);
        if (isWide(combine)) {
          if (lanes < LANES) maskLanes(f, combine, lanes);
          f.get(partials[at])
            .op(combine === "sum" ? "f32x4.add" : "f32x4.mul")
            .set(partials[at]);
        } else sums[at].add(lanes);
        at++;
      } else if (out) {
        if (lanes === LANES) {
          f.get(out);
          if (type === "bool") {
            body.value(root, 0, "mask");
            storeMask(f, 0);
          } else {
            body.value(root, 0);
            f.memory("v128.store");
          }
        } else {
          const vector = f.local("v128");
          body.value(root, 0, type === "bool" ? "mask" : "number", lanes);
          f.set(vector);
          storeLanes(f, out, vector, lanes, type, 0);
          f.release(vector);
        }
      }
    });
    body.next();
    body.advance(lanes);
    results.forEach(({ type }, i) => {
      const out = outs[i];
      if (out) f.advance(out, lanes * BYTES[type]);
    });
  };
  const reset = (): void => {
    combined.forEach(({ combine }, i) => {
      f.f32x4(NEUTRAL[combine as Combine]).set(partials[i]);
    });
  };
  const flush = (): void => {
    sums.forEach((sum, i) => {
      if (!isWide(combined[i].combine as Combine)) return;
      f.get(partials[i]);
      sum.add();
    });
  };
  /** `left` elements, in blocks. */
  const vectors = (): void => {
    f.block((done) => {
      f.loop((again) => {
        f.get(left).i32(LANES).op("i32.lt_s").leaveIf(done);
        f.i32(BLOCK).set(block);
        reset();
        f.block((end) => {
          f.loop((inside) => {
            step(LANES);
            f.get(left).i32(LANES).op("i32.sub").tee(left).i32(LANES).op("i32.lt_s").leaveIf(end);
            f.get(block).i32(1).op("i32.sub").tee(block).leaveIf(inside);
          });
        });
        flush();
        f.leave(again);
      });
    });
  };
  const rest = (lanes: number): void => {
    reset();
    step(lanes);
    flush();
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
      sums.forEach((sum) => {
        sum.reset();
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
        vectors();
        // Only the last piece can have a rest.
        if (size % LANES > 0) f.get(left).if(() => rest(size % LANES));
      } else {
        const end = address;
        f.get(piece).i32(1).op("i32.add").i32(perPiece).op("i32.mul").tee(end).i32(rows);
        f.get(end).i32(rows).op("i32.lt_s", "select").set(end);
        f.forRange(
          row,
          () => f.get(piece).i32(perPiece).op("i32.mul"),
          () => f.get(end),
          1,
          () => {
            index.set(row);
            begin(false);
            f.i32(inner.size - (inner.size % LANES)).set(left);
            if (inner.size >= LANES) vectors();
            if (inner.size % LANES > 0) rest(inner.size % LANES);
          },
        );
      }
      if (combined.length === 0) return;
      f.get(at.shared)
        .get(piece)
        .i32(combined.length * PARTIAL_BYTES)
        .op("i32.mul", "i32.add")
        .set(address);
      sums.forEach((sum, i) => {
        f.get(address);
        sum.total();
        f.memory(isWide(combined[i].combine as Combine) ? "f64.store" : "f32.store", i * PARTIAL_BYTES);
      });
    },
  );
}

/** Lanes that do not count take the neutral element. */
function maskLanes(f: FunctionWriter, combine: Combine, lanes: number): void {
  f.f32x4(NEUTRAL[combine]).i32x4(
    ...([0, 1, 2, 3].map((lane) => (lane < lanes ? -1 : 0)) as [number, number, number, number]),
  );
  f.op("v128.bitselect");
}

const NEUTRAL: Readonly<Record<Combine, number>> = { sum: 0, product: 1, maximum: -Infinity, minimum: Infinity };

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
function writeTotal(f: FunctionWriter, at: Addresses, { combine, type, output, order, count, pieces }: Total): void {
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
