import type { ScatterAddKernel } from "../../../kernel/kernel";
import type { FunctionWriter, Local } from "../assembler/function";
import { type Addresses, type KernelCode, type Phase, type TypedKernel } from "../code";
import { indexCheck, outOfRange } from "./indices";
import { NS_PER_BYTE } from "./runs";

/** Columns that are not divided between pieces: a cache line of them. */
const COLUMNS = 16;
/** With so many outer blocks, the columns need not be divided. */
const ENOUGH_BLOCKS = 8;
/** Bytes that are one piece when memory is filled. */
const FILL_BYTES = 16_384;
/** About what a row takes besides its bytes. */
const NS_PER_ROW = 0.5;

/**
 * Rows are added one after the other, in their order: a piece is an outer block, or where there are few, some columns of all.
 * Sums of bools are left to others.
 */
export function scatterAddCode({ kernel, inputs, outputs }: TypedKernel<ScatterAddKernel>): KernelCode | undefined {
  const { outer, length, inner, count } = kernel;
  const [indexType, type] = inputs;
  if (type !== outputs[0] || indexType !== "int32" || type === "bool") return undefined;
  const size = outer * length * inner;
  const phases = size > 0 ? [fillPhase(4 * size)] : [];
  return {
    phases: count > 0 ? [...phases, addPhase(kernel, type === "float32" ? "f32" : "i32")] : phases,
    failure: outOfRange(length),
  };
}

function fillPhase(bytes: number): Phase {
  const pieces = Math.ceil(bytes / FILL_BYTES);
  return {
    pieces,
    work: NS_PER_BYTE * bytes,
    key: `zeros/${bytes}`,
    write(f, { outputs, from, to }) {
      const start = f.local("i32");
      const end = f.local("i32");
      f.get(from)
        .get(to)
        .op("i32.ge_s")
        .if(() => f.op("return"));
      f.get(from).i32(FILL_BYTES).op("i32.mul").set(start);
      f.get(to).i32(FILL_BYTES).op("i32.mul").i32(bytes).get(to).i32(pieces);
      f.op("i32.lt_s", "select").set(end);
      f.get(outputs[0]).get(start).op("i32.add").i32(0);
      f.get(end).get(start).op("i32.sub").fillMemory();
    },
  };
}

type Lane = "f32" | "i32";

function addPhase({ outer, length, inner, count }: ScatterAddKernel, lane: Lane): Phase {
  const byBlocks = outer >= ENOUGH_BLOCKS || inner < 2 * COLUMNS;
  const rows = outer * count;
  return {
    pieces: Math.max(1, byBlocks ? outer : Math.ceil(inner / COLUMNS)),
    work: 3 * NS_PER_BYTE * 4 * rows * inner + NS_PER_ROW * rows,
    key: `scatterAdd/${lane}/${outer}/${length}/${inner}/${count}`,
    write(f, at, module) {
      f.get(at.inputs[0]).call(indexCheck(module, count, length));
      f.op("i32.eqz").if(() => f.op("return"));
      if (rows * inner === 0) return;
      const block = f.local("i32");
      const columns = byBlocks ? undefined : columnsOf(f, at, inner);
      f.forRange(
        block,
        () => (byBlocks ? f.get(at.from) : f.i32(0)),
        () => (byBlocks ? f.get(at.to) : f.i32(outer)),
        1,
        () => {
          writeBlock(f, at, { block, columns, length, inner, count, lane });
        },
      );
    },
  };
}

/** The part of a row that is one's own, in bytes. */
interface Columns {
  readonly start: Local;
  readonly bytes: Local;
}

function columnsOf(f: FunctionWriter, { from, to }: Addresses, inner: number): Columns {
  const start = f.local("i32");
  const bytes = f.local("i32");
  f.get(from)
    .i32(4 * COLUMNS)
    .op("i32.mul")
    .set(start);
  f.get(to)
    .i32(4 * COLUMNS)
    .op("i32.mul")
    .tee(bytes);
  f.i32(4 * inner)
    .get(bytes)
    .i32(4 * inner)
    .op("i32.lt_s", "select");
  f.get(start).op("i32.sub").set(bytes);
  return { start, bytes };
}

interface Block {
  readonly block: Local;
  readonly columns: Columns | undefined;
  readonly length: number;
  readonly inner: number;
  readonly count: number;
  readonly lane: Lane;
}

function writeBlock(f: FunctionWriter, at: Addresses, { block, columns, length, inner, count, lane }: Block): void {
  const [indices, source] = at.inputs;
  const row = 4 * inner;
  const table = f.local("i32");
  const from = f.local("i32");
  const index = f.local("i32");
  const rows = f.local("i32");
  const target = f.local("i32");
  const base = (address: Local, blockRows: number, into: Local): void => {
    f.get(address)
      .get(block)
      .i32(blockRows * row)
      .op("i32.mul", "i32.add");
    if (columns) f.get(columns.start).op("i32.add");
    f.set(into);
  };
  base(at.outputs[0], length, table);
  base(source, count, from);
  f.get(indices).set(index);
  f.repeat(rows, count, () => {
    f.get(table).get(index).memory("i32.load").i32(row).op("i32.mul", "i32.add").set(target);
    addRow(f, { target, from, lane, bytes: columns?.bytes ?? row });
    f.advance(from, row).advance(index, 4);
  });
  f.release(table, from, index, rows, target);
}

interface Row {
  readonly target: Local;
  readonly from: Local;
  readonly lane: Lane;
  readonly bytes: Local | number;
}

/** Rows of up to so many bytes are added without a loop. */
const UNROLLED = 128;

function addRow(f: FunctionWriter, { target, from, lane, bytes }: Row): void {
  const vectors = (start: number, end: number, [to, source]: readonly [Local, Local]): void => {
    for (let at = start; at < end; at += 16) {
      f.get(to).get(to).memory("v128.load", at).get(source).memory("v128.load", at);
      f.op(`${lane}x4.add`).memory("v128.store", at);
    }
  };
  const singles = (start: number, end: number, [to, source]: readonly [Local, Local]): void => {
    for (let at = start; at < end; at += 4) {
      f.get(to).get(to).memory(`${lane}.load`, at).get(source).memory(`${lane}.load`, at);
      f.op(`${lane}.add`).memory(`${lane}.store`, at);
    }
  };
  if (typeof bytes === "number" && bytes <= UNROLLED) {
    const whole = bytes - (bytes % 16);
    vectors(0, whole, [target, from]);
    singles(whole, bytes, [target, from]);
    return;
  }
  const to = f.local("i32");
  const source = f.local("i32");
  const end = f.local("i32");
  f.get(target).set(to).get(from).set(source);
  f.get(target);
  if (typeof bytes === "number") f.i32(bytes);
  else f.get(bytes);
  f.op("i32.add").set(end);
  for (const step of [64, 16, 4]) {
    // What no row can leave over needs no code.
    if (typeof bytes === "number" && bytes % 64 < step && step < 64) continue;
    f.block((out) => {
      f.loop((again) => {
        f.get(to).i32(step).op("i32.add").get(end).op("i32.gt_u").leaveIf(out);
        (step === 4 ? singles : vectors)(0, step, [to, source]);
        f.advance(to, step).advance(source, step).leave(again);
      });
    });
  }
  f.release(to, source, end);
}
