import type { ArgumentKernel, ElementType } from "../../../kernel/kernel";
import type { Plain } from "../assembler/opcodes";
import type { FunctionWriter, Local } from "../assembler/function";
import { type Addresses, BYTES, type KernelCode, type TypedKernel } from "../code";
import { type Columns, columnPieces, eachColumns, elementAt, loadFour, loadOne } from "./columns";
import { writeRow } from "./argument-row";

/** About what a row takes besides its bytes. */
const NS_PER_ROW = 1;
/** About what an element takes. */
const NS_PER_ELEMENT = 0.2;

/** The first NaN counts as both the largest and the smallest element. A piece is a row, or some columns of an outer block. */
export function argumentCode({ kernel, inputs: [type], outputs }: TypedKernel<ArgumentKernel>): KernelCode | undefined {
  if (outputs[0] !== "int32") return undefined;
  const { which, outer, length, inner } = kernel;
  if (outer * inner === 0) return { phases: [] };
  const byRows = inner === 1 && length >= 4;
  return {
    phases: [
      {
        pieces: byRows ? outer : columnPieces(kernel),
        work: NS_PER_ELEMENT * outer * length * inner + NS_PER_ROW * outer,
        key: `argument/${which}/${type}/${length}/${inner}`,
        write(f, at) {
          if (byRows) {
            writeRows(f, at, kernel, type);
            return;
          }
          eachColumns(f, at, kernel, [16, 4, 1], (columns, width) => {
            const group: Group = { kernel, type, columns, width };
            if (width === 1) writeColumn(f, at, group);
            else writeColumns(f, at, group);
          });
        },
      },
    ],
  };
}

function writeRows(
  f: FunctionWriter,
  { inputs: [x], outputs: [out], from, to }: Addresses,
  { which, length }: ArgumentKernel,
  type: ElementType,
): void {
  const [row, address] = [f.local("i32"), f.local("i32")];
  f.forRange(
    row,
    () => f.get(from),
    () => f.get(to),
    1,
    () => {
      f.get(x)
        .get(row)
        .i32(length * BYTES[type])
        .op("i32.mul", "i32.add")
        .set(address);
      elementAt(f, out, row, "int32");
      writeRow(f, { address, length, type, which });
      f.memory("i32.store");
    },
  );
}

interface Group {
  readonly kernel: ArgumentKernel;
  readonly type: ElementType;
  readonly columns: Columns;
  readonly width: number;
}

/** Leaves whether `value` takes the champion's place: it is better, or the first NaN. */
function better(
  f: FunctionWriter,
  { type, which }: { readonly type: ElementType; readonly which: ArgumentKernel["which"] },
  [value, champion]: readonly [Local, Local],
): void {
  const vector = value.type === "v128";
  const not = (): FunctionWriter => f.op(vector ? "v128.not" : "i32.eqz");
  if (type === "float32") {
    const lanes = vector ? "f32x4" : "f32";
    f.get(champion).get(champion).op(`${lanes}.eq`);
    // Not the other way round: a comparison with NaN is false.
    f.get(champion).get(value);
    f.op(`${lanes}.${which === "maximum" ? "ge" : "le"}`);
    not().op(vector ? "v128.and" : "i32.and");
    return;
  }
  const comparison: Plain = `${vector ? "i32x4" : "i32"}.${which === "maximum" ? "gt_s" : "lt_s"}`;
  f.get(value).get(champion).op(comparison);
}

/** One column: for what is left over of vectors, and for rows that are shorter than one. */
function writeColumn(
  f: FunctionWriter,
  { inputs: [x], outputs: [out] }: Addresses,
  { kernel, type, columns }: Group,
): void {
  const { which, length, inner } = kernel;
  const kind = type === "float32" ? "f32" : "i32";
  const [source, j, best] = [f.local("i32"), f.local("i32"), f.local("i32")];
  const [value, champion, takes] = [f.local(kind), f.local(kind), f.local("i32")];
  elementAt(f, x, columns.whole, type).set(source);
  f.i32(0).set(best);
  if (length > 1) {
    loadOne(f.get(source), type).set(champion);
    f.forRange(
      j,
      () => f.i32(1),
      () => f.i32(length),
      1,
      () => {
        f.advance(source, inner * BYTES[type]);
        loadOne(f.get(source), type).set(value);
        better(f, { type, which }, [value, champion]);
        f.set(takes);
        f.get(j).get(best).get(takes).op("select").set(best);
        f.get(value).get(champion).get(takes).op("select").set(champion);
      },
    );
  }
  elementAt(f, out, columns.reduced, "int32").get(best).memory("i32.store");
  f.release(source, j, best, value, champion, takes);
}

function writeColumns(
  f: FunctionWriter,
  { inputs: [x], outputs: [out] }: Addresses,
  { kernel, type, columns, width }: Group,
): void {
  const { which, length, inner } = kernel;
  const vectors = Array.from({ length: width / 4 }, (_, i) => ({
    champion: f.local("v128"),
    best: f.local("v128"),
    offset: 4 * BYTES[type] * i,
  }));
  const [source, left] = [f.local("i32"), f.local("i32")];
  const [value, takes, j] = [f.local("v128"), f.local("v128"), f.local("v128")];
  elementAt(f, x, columns.whole, type).set(source);
  for (const { champion, best, offset } of vectors) {
    f.i32x4(0).set(best);
    if (length > 0) loadFour(f.get(source), type, offset).set(champion);
  }
  if (length > 1) {
    f.i32x4(0).set(j);
    f.repeat(left, length - 1, () => {
      f.advance(source, inner * BYTES[type]);
      f.get(j).i32x4(1).op("i32x4.add").set(j);
      for (const { champion, best, offset } of vectors) {
        loadFour(f.get(source), type, offset).set(value);
        better(f, { type, which }, [value, champion]);
        f.set(takes);
        f.get(j).get(best).get(takes).op("v128.bitselect").set(best);
        f.get(value).get(champion).get(takes).op("v128.bitselect").set(champion);
      }
    });
  }
  vectors.forEach(({ best }, i) => {
    elementAt(f, out, columns.reduced, "int32")
      .get(best)
      .memory("v128.store", 16 * i);
  });
  f.release(source, left, value, takes, j, ...vectors.flatMap(({ champion, best }) => [champion, best]));
}
