import type { ElementType } from "../../../kernel/kernel";
import type { FunctionWriter, Local } from "../assembler/function";
import { type Addresses, BYTES } from "../code";

/** Columns of [outer, length, inner] that are one piece: a few cache lines of each row. */
const PIECE_COLUMNS = 64;

/** Sizes of an array that is gone through along its middle. */
export interface Sizes {
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
}

/** How many pieces {@link eachColumns} knows. */
export function columnPieces({ outer, inner }: Sizes): number {
  return outer * Math.ceil(inner / PIECE_COLUMNS);
}

/** Some neighbouring columns: positions of elements, counted from the array's first. */
export interface Columns {
  /** Of [outer, length, inner] at the middle's position 0. */
  readonly whole: Local;
  /** Of [outer, inner]. */
  readonly reduced: Local;
}

/**
 * For all columns of the pieces, in groups as wide as each of `widths` as long as there are so many.
 *
 * @param widths falling, the last of them 1
 */
export function eachColumns(
  f: FunctionWriter,
  { from, to }: Addresses,
  { length, inner }: Sizes,
  widths: readonly number[],
  body: (columns: Columns, width: number) => void,
): void {
  const blocks = Math.ceil(inner / PIECE_COLUMNS);
  const [piece, block, whole, reduced, end] = Array.from({ length: 5 }, () => f.local("i32"));
  f.forRange(
    piece,
    () => f.get(from),
    () => f.get(to),
    1,
    () => {
      f.get(piece).i32(blocks).op("i32.div_u").set(block);
      // The first column, then where the piece begins and ends.
      f.get(piece).get(block).i32(blocks).op("i32.mul", "i32.sub").i32(PIECE_COLUMNS).op("i32.mul").set(whole);
      f.get(block).i32(inner).op("i32.mul").get(whole).op("i32.add").set(reduced);
      f.get(whole).i32(PIECE_COLUMNS).op("i32.add").i32(inner);
      f.get(whole)
        .i32(inner - PIECE_COLUMNS)
        .op("i32.lt_s", "select");
      f.get(block)
        .i32(length * inner)
        .op("i32.mul")
        .tee(block)
        .op("i32.add")
        .set(end);
      f.get(block).get(whole).op("i32.add").set(whole);
      for (const width of widths) {
        if (width > inner) continue;
        f.block((out) => {
          f.loop((again) => {
            f.get(whole).i32(width).op("i32.add").get(end).op("i32.gt_u").leaveIf(out);
            body({ whole, reduced }, width);
            f.advance(whole, width).advance(reduced, width).leave(again);
          });
        });
      }
    },
  );
  f.release(piece, block, whole, reduced, end);
}

/** Leaves the address of an element on the stack. */
export function elementAt(f: FunctionWriter, base: Local, position: Local, type: ElementType): FunctionWriter {
  return f.get(base).get(position).i32(BYTES[type]).op("i32.mul", "i32.add");
}

/** Loads four elements, float32 or as int32, from the address on the stack. */
export function loadFour(f: FunctionWriter, type: ElementType, offset = 0): FunctionWriter {
  if (type !== "bool") return f.memory("v128.load", offset);
  return f.memory("v128.load32_zero", offset).op("i16x8.extend_low_i8x16_u", "i32x4.extend_low_i16x8_u");
}

/** Loads one element, float32 or as int32, from the address on the stack. */
export function loadOne(f: FunctionWriter, type: ElementType, offset = 0): FunctionWriter {
  if (type === "float32") return f.memory("f32.load", offset);
  return f.memory(type === "bool" ? "i32.load8_u" : "i32.load", offset);
}
