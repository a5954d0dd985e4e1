import type { GatherKernel } from "../../../kernel/kernel";
import type { FunctionWriter, Local } from "../assembler/function";
import { type Addresses, BYTES, type KernelCode, type TypedKernel } from "../code";
import { indexCheck, outOfRange } from "./indices";
import { NS_PER_BYTE, copyRun } from "./runs";

/** Bytes of the output that are one piece, about. */
const PIECE_BYTES = 4096;
/** About what a row takes besides its bytes. */
const NS_PER_ROW = 0.5;
/** Rows of up to SHORT_BYTES that a round of the loop does. */
const UNROLLED = 4;
const SHORT_BYTES = 8;

/** A piece is some rows of the output in one of the outer blocks. */
export function gatherCode({ kernel, inputs, outputs }: TypedKernel<GatherKernel>): KernelCode | undefined {
  const { outer, length, inner, count } = kernel;
  const [type, indexType] = inputs;
  if (type !== outputs[0] || indexType !== "int32") return undefined;
  if (count === 0) return { phases: [] };
  const bytes = inner * BYTES[type];
  const size = outer * count * bytes;
  const rows = Math.max(UNROLLED, Math.ceil(PIECE_BYTES / Math.max(1, bytes)));
  const blocks = Math.ceil(count / rows);
  return {
    phases: [
      {
        pieces: Math.max(1, outer * blocks),
        work: 2 * NS_PER_BYTE * size + (NS_PER_ROW * size) / Math.max(1, bytes),
        key: `gather/${outer}/${length}/${bytes}/${count}`,
        write(f, at, module) {
          f.get(at.inputs[1]).call(indexCheck(module, count, length));
          f.op("i32.eqz").if(() => f.op("return"));
          if (size > 0) writePieces(f, at, { length, count, bytes, rows, blocks });
        },
      },
    ],
    failure: outOfRange(length),
  };
}

interface Sizes {
  readonly length: number;
  readonly count: number;
  /** Of a row. */
  readonly bytes: number;
  /** Of a piece. */
  readonly rows: number;
  /** Pieces of an outer block. */
  readonly blocks: number;
}

function writePieces(f: FunctionWriter, at: Addresses, sizes: Sizes): void {
  const { length, count, bytes, rows, blocks } = sizes;
  const [data, indices] = at.inputs;
  const piece = f.local("i32");
  const block = f.local("i32");
  const first = f.local("i32");
  const table = f.local("i32");
  const target = f.local("i32");
  const index = f.local("i32");
  const stop = f.local("i32");
  const end = f.local("i32");
  f.forRange(
    piece,
    () => f.get(at.from),
    () => f.get(at.to),
    1,
    () => {
      f.get(piece).i32(blocks).op("i32.div_u").set(block);
      f.get(piece).get(block).i32(blocks).op("i32.mul", "i32.sub").i32(rows).op("i32.mul").set(first);
      f.get(data)
        .get(block)
        .i32(length * bytes)
        .op("i32.mul", "i32.add")
        .set(table);
      f.get(at.outputs[0]).get(block).i32(count).op("i32.mul").get(first).op("i32.add");
      f.i32(bytes).op("i32.mul", "i32.add").set(target);
      f.get(indices)
        .i32(4 * count)
        .op("i32.add")
        .set(end);
      f.get(indices).get(first).i32(4).op("i32.mul", "i32.add").tee(index);
      f.i32(4 * rows)
        .op("i32.add")
        .set(stop);
      f.get(stop).get(end).get(stop).get(end).op("i32.lt_u", "select").set(end);
      writeRows(f, { table, target, index, end }, bytes);
    },
  );
}

/** Addresses. */
interface Rows {
  /** Of the outer block's data. */
  readonly table: Local;
  readonly target: Local;
  /** Of the next index, and of where the piece's end. */
  readonly index: Local;
  readonly end: Local;
}

function writeRows(f: FunctionWriter, { table, target, index, end }: Rows, bytes: number): void {
  const source = f.local("i32");
  const loop = (count: number): void => {
    f.block((out) => {
      f.loop((again) => {
        f.get(index).i32(4 * count);
        f.op("i32.add").get(end).op("i32.gt_u").leaveIf(out);
        for (let i = 0; i < count; i++) {
          f.get(table)
            .get(index)
            .memory("i32.load", 4 * i)
            .i32(bytes)
            .op("i32.mul", "i32.add")
            .set(source);
          copyRun(f, { base: target, offset: bytes * i }, { base: source }, bytes);
        }
        f.advance(target, bytes * count)
          .advance(index, 4 * count)
          .leave(again);
      });
    });
  };
  if (bytes <= SHORT_BYTES) loop(UNROLLED);
  loop(1);
}
