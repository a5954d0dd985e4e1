import type { CumulativeSumKernel, ElementType } from "../../../kernel/kernel";
import type { FunctionWriter, Local } from "../assembler/function";
import { type Addresses, BYTES, type KernelCode, type TypedKernel } from "../code";
import { type Columns, columnPieces, eachColumns, elementAt, loadFour, loadOne } from "./columns";

/** About what an element takes: where there is only one column, a sum waits for the one before. */
const NS = { alone: 0.6, vector: 0.3 } as const;

/** Sums of floats are kept in double precision and rounded where they are written. A piece is some columns of an outer block. */
export function cumulativeSumCode({
  kernel,
  inputs: [type],
  outputs,
}: TypedKernel<CumulativeSumKernel>): KernelCode | undefined {
  if (outputs[0] !== (type === "bool" ? "int32" : type)) return undefined;
  const { outer, length, inner, reverse } = kernel;
  const size = outer * length * inner;
  if (size === 0) return { phases: [] };
  return {
    phases: [
      {
        pieces: columnPieces(kernel),
        work: size * (inner < 4 ? NS.alone : NS.vector),
        key: `cumulativeSum/${type}/${length}/${inner}/${reverse}`,
        write(f, at) {
          eachColumns(f, at, kernel, [16, 4, 1], (columns, width) => {
            writeColumns(f, at, { kernel, type, columns, width });
          });
        },
      },
    ],
  };
}

interface Group {
  readonly kernel: CumulativeSumKernel;
  readonly type: ElementType;
  readonly columns: Columns;
  readonly width: number;
}

function writeColumns(
  f: FunctionWriter,
  { inputs: [x], outputs: [out] }: Addresses,
  { kernel, type, columns, width }: Group,
): void {
  const { length, inner, reverse } = kernel;
  const [source, target, left] = [f.local("i32"), f.local("i32"), f.local("i32")];
  const last = reverse ? (length - 1) * inner : 0;
  elementAt(f, x, columns.whole, type)
    .i32(last * BYTES[type])
    .op("i32.add")
    .set(source);
  elementAt(f, out, columns.whole, "int32")
    .i32(last * 4)
    .op("i32.add")
    .set(target);
  const step = reverse ? -inner : inner;
  const sums = Array.from({ length: width === 1 ? 1 : width / 2 }, () => f.local(sumType(type, width)));
  for (const sum of sums) {
    if (sum.type === "v128") f.i32x4(0);
    else if (sum.type === "f64") f.f64(0);
    else f.i32(0);
    f.set(sum);
  }
  f.repeat(left, length, () => {
    if (width === 1) addOne(f, { source, target, type }, sums[0]);
    else for (let i = 0; i < width / 4; i++) addFour(f, { source, target, type, i }, [sums[2 * i], sums[2 * i + 1]]);
    f.advance(source, step * BYTES[type]).advance(target, step * 4);
  });
  f.release(source, target, left, ...sums);
}

function sumType(type: ElementType, width: number): "v128" | "f64" | "i32" {
  if (width > 1) return "v128";
  return type === "float32" ? "f64" : "i32";
}

interface Step {
  readonly source: Local;
  readonly target: Local;
  readonly type: ElementType;
}

function addOne(f: FunctionWriter, { source, target, type }: Step, sum: Local): void {
  f.get(target);
  loadOne(f.get(source), type);
  if (type === "float32")
    f.op("f64.promote_f32").get(sum).op("f64.add").tee(sum).op("f32.demote_f64").memory("f32.store");
  else f.get(sum).op("i32.add").tee(sum).memory("i32.store");
}

/** @param sums of floats two and two, of others all in the first */
function addFour(
  f: FunctionWriter,
  { source, target, type, i }: Step & { readonly i: number },
  [low, high]: readonly [Local, Local],
): void {
  f.get(target);
  loadFour(f.get(source), type, 4 * BYTES[type] * i);
  if (type === "float32") {
    const value = f.local("v128");
    f.tee(value).op("f64x2.promote_low_f32x4").get(low).op("f64x2.add").tee(low).op("f32x4.demote_f64x2_zero");
    f.get(value).get(value).shuffle32([2, 3, 2, 3]).op("f64x2.promote_low_f32x4");
    f.get(high).op("f64x2.add").tee(high).op("f32x4.demote_f64x2_zero").shuffle32([0, 1, 4, 5]);
    f.release(value);
  } else f.get(low).op("i32x4.add").tee(low);
  f.memory("v128.store", 16 * i);
}
