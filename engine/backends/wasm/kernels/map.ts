import type { ElementType, MapKernel } from "../../../kernel/kernel";
import { type Loop, planLoops } from "../../../kernel/loops";
import { shareSubexpressions } from "../../../kernel/nodes";
import type { FunctionWriter, Local } from "../assembler/function";
import { type Addresses, BYTES, type KernelCode, type Phase, type Target, type TypedKernel } from "../code";
import { RowIndex, startOf } from "./rows";
import { type BodyPlan, LANES, VectorBody, costOfNodes, fitsFloats } from "./vector-body";

/** Elements that a piece has at least: a few microseconds. */
const PIECE = 4096;
/** Nanoseconds for each byte that is read or written, from memory that other work has pushed out of the cache. */
const NS_PER_BYTE = 0.05;

/** out[i] = body(inputs[view(i)]) in vectors of four along the last axis that can be gone through evenly. */
export function mapCode({ kernel, inputs, outputs }: TypedKernel<MapKernel>, target: Target): KernelCode | undefined {
  if (!fitsFloats(inputs, outputs)) return undefined;
  const [output] = outputs;
  const { shape, views, body } = kernel;
  const size = shape.reduce((product, dim) => product * dim, 1);
  if (size === 0) return { phases: [] };
  const nodes = shareSubexpressions(body);
  const planned = planLoops(shape, [], views, nodes);
  const loops: readonly Loop[] = planned.length > 0 ? planned : [ONE(views.length)];
  const plan: BodyPlan = { nodes, views, inputs, loops, target };
  const inner = loops[loops.length - 1];
  const rows = size / inner.size;
  // The last vector of a stretch reads beyond it, which it may where elements lie side by side.
  const isFlat = rows === 1 && (size % LANES === 0 || inner.strides.every((stride) => stride === 0 || stride === 1));
  const perPiece = isFlat ? PIECE : Math.max(1, Math.ceil(PIECE / inner.size));
  const bytes = inputs.reduce((sum, type) => sum + BYTES[type], BYTES[output]);
  const phase: Phase = {
    pieces: Math.ceil((isFlat ? size : rows) / perPiece),
    work: size * (costOfNodes(nodes) + bytes * NS_PER_BYTE + 0.1),
    key: `map ${JSON.stringify([loops, views, nodes, inputs, output, perPiece, target], keyText)}`,
    write: (f, at) => {
      const unrolled = unroll(nodes.length, target);
      if (isFlat) writeFlat(f, at, plan, { output, size, perPiece, unrolled });
      else writeRows(f, at, plan, { output, rows, perPiece, unrolled });
    },
  };
  return { phases: [phase] };
}

const ONE = (views: number): Loop => ({
  size: 1,
  strides: new Array<number>(views).fill(0),
  axis: undefined,
  reduced: false,
});

/** Vectors that are done together: more where little is done with each, and pairs where the compiler joins them. */
function unroll(nodes: number, { wide }: Target): number {
  return nodes <= 6 ? 4 : nodes <= 16 || wide ? 2 : 1;
}

interface Flat {
  readonly output: ElementType;
  readonly size: number;
  readonly perPiece: number;
  readonly unrolled: number;
}

/** One stretch of memory, in pieces; what is beyond its end is padding. */
function writeFlat(f: FunctionWriter, at: Addresses, plan: BodyPlan, { output, size, perPiece, unrolled }: Flat): void {
  const [inner] = plan.loops;
  const start = f.local("i32");
  const left = f.local("i32");
  const out = f.local("i32");
  f.get(at.from).i32(perPiece).op("i32.mul").set(start);
  // min(to · perPiece, size) − start
  f.get(at.to).i32(perPiece).op("i32.mul").tee(left).i32(size);
  f.get(left).i32(size).op("i32.lt_s", "select").get(start).op("i32.sub").set(left);
  f.get(at.outputs[0]).get(start).i32(BYTES[output]).op("i32.mul", "i32.add").set(out);
  const body = new VectorBody(f, plan, () => f.i32(0), [plan.nodes.length - 1]);
  body.begin((input) => {
    const bytes = BYTES[plan.inputs[input]];
    startOf(f, at.inputs[input], plan.views[input], bytes);
    const step = inner.strides[input] * bytes;
    if (step !== 0) f.get(start).i32(step).op("i32.mul", "i32.add");
  });
  body.startAt(start);
  const group = (vectors: number): void => {
    storeVectors(f, body, plan, output, out, vectors);
    body.advance(vectors * LANES);
    f.advance(out, vectors * LANES * BYTES[output]);
    f.get(left)
      .i32(vectors * LANES)
      .op("i32.sub")
      .set(left);
  };
  for (const vectors of unrolled > 1 ? [unrolled, 1] : [1]) {
    // The last vector may reach into the padding.
    const least = vectors === 1 ? 1 : vectors * LANES;
    if (vectors > 1 && size < least) continue;
    f.block((done) => {
      f.loop((again) => {
        f.get(left).i32(least).op("i32.lt_s").leaveIf(done);
        group(vectors);
        f.leave(again);
      });
    });
  }
}

interface Rows {
  readonly output: ElementType;
  readonly rows: number;
  readonly perPiece: number;
  readonly unrolled: number;
}

/** Row after row; each ends where it ends, since the next one may be another thread's. */
function writeRows(f: FunctionWriter, at: Addresses, plan: BodyPlan, { output, rows, perPiece, unrolled }: Rows): void {
  const { loops } = plan;
  const inner = loops[loops.length - 1];
  const outer = loops.slice(0, -1);
  const index = new RowIndex(f, outer);
  const row = f.local("i32");
  const end = f.local("i32");
  const out = f.local("i32");
  f.get(at.to).i32(perPiece).op("i32.mul").tee(end).i32(rows);
  f.get(end).i32(rows).op("i32.lt_s", "select").set(end);
  f.get(at.outputs[0])
    .get(at.from)
    .i32(perPiece * inner.size * BYTES[output])
    .op("i32.mul", "i32.add")
    .set(out);
  const body = new VectorBody(f, plan, (loop) => f.get(index.position(loop)), [plan.nodes.length - 1]);
  f.forRange(
    row,
    () => f.get(at.from).i32(perPiece).op("i32.mul"),
    () => f.get(end),
    1,
    () => {
      index.set(row);
      body.begin((input) => {
        const bytes = BYTES[plan.inputs[input]];
        startOf(f, at.inputs[input], plan.views[input], bytes);
        index.addTo(input, bytes);
      });
      writeRow(f, body, plan, out, output, inner.size, unrolled);
    },
  );
}

/** `out` ends up behind the row. */
function writeRow(
  f: FunctionWriter,
  body: VectorBody,
  plan: BodyPlan,
  out: Local,
  output: ElementType,
  size: number,
  unrolled: number,
): void {
  const vectors = Math.floor(size / LANES);
  const rest = size % LANES;
  const bytes = BYTES[output];
  const group = (count: number): void => {
    storeVectors(f, body, plan, output, out, count);
  };
  const rounds = Math.floor(vectors / unrolled);
  const step = (): void => {
    group(unrolled);
    body.advance(unrolled * LANES);
    f.advance(out, unrolled * LANES * bytes);
  };
  if (rounds === 1) step();
  else if (rounds > 1) {
    const counter = f.local("i32");
    f.repeat(counter, rounds, step).release(counter);
  }
  const single = vectors - rounds * unrolled;
  group(single);
  if (rest > 0) {
    const vector = f.local("v128");
    body.value(plan.nodes.length - 1, single, output === "bool" ? "mask" : "number", rest);
    body.next();
    f.set(vector);
    storeLanes(f, out, vector, rest, output, single * LANES * bytes);
    f.release(vector);
  }
  f.advance(out, (single * LANES + rest) * bytes);
}

/** So many vectors from where the row stands, to where `out` points. */
function storeVectors(
  f: FunctionWriter,
  body: VectorBody,
  plan: BodyPlan,
  output: ElementType,
  out: Local,
  count: number,
): void {
  let at = 0;
  // The compiler joins two of everything that stand side by side: loads, what is computed of them, stores.
  if (plan.target.wide && output !== "bool")
    for (; at + 2 <= count; at += 2) {
      body.preload([at, at + 1]);
      const values = [at, at + 1].map((group) => {
        const value = f.local("v128");
        body.value(plan.nodes.length - 1, group);
        body.next();
        f.set(value);
        return value;
      });
      body.forget();
      values.forEach((value, i) =>
        f
          .get(out)
          .get(value)
          .memory("v128.store", (at + i) * LANES * BYTES[output]),
      );
      f.release(...values);
    }
  for (; at < count; at++) {
    f.get(out);
    storeVector(f, body, plan, output, at);
  }
}

/** The address is on the stack. */
function storeVector(
  f: FunctionWriter,
  body: VectorBody,
  { nodes }: BodyPlan,
  output: ElementType,
  group: number,
): void {
  const root = nodes.length - 1;
  if (output === "bool") {
    body.value(root, group, "mask");
    storeMask(f, group * LANES);
  } else {
    body.value(root, group);
    f.memory("v128.store", group * LANES * BYTES[output]);
  }
  body.next();
}

/** Four bools: address and mask are on the stack. */
export function storeMask(f: FunctionWriter, offset: number): void {
  const lanes = f.local("v128");
  // Of 32 bits each to bytes.
  f.i32x4(1).op("v128.and").tee(lanes).get(lanes).op("i16x8.narrow_i32x4_u");
  f.tee(lanes).get(lanes).op("i8x16.narrow_i16x8_u");
  f.laneMemory("v128.store32_lane", 0, offset).release(lanes);
}

/** The first lanes of a vector, or of a mask for bool. */
export function storeLanes(
  f: FunctionWriter,
  out: Local,
  vector: Local,
  count: number,
  output: ElementType,
  offset: number,
): void {
  if (output === "bool") {
    for (let lane = 0; lane < count; lane++)
      f.get(out)
        .get(vector)
        .lane("i32x4.extract_lane", lane)
        .i32(1)
        .op("i32.and")
        .memory("i32.store8", offset + lane);
    return;
  }
  if (count >= 2) f.get(out).get(vector).laneMemory("v128.store64_lane", 0, offset);
  if (count % 2 === 1)
    f.get(out)
      .get(vector)
      .laneMemory("v128.store32_lane", count - 1, offset + (count - 1) * BYTES[output]);
}

/** JSON writes −0 as 0, and NaN and the infinities as null. */
export function keyText(_: string, value: unknown): unknown {
  if (Object.is(value, -0)) return "-0";
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}
