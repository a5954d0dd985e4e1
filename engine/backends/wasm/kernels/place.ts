import type { ElementType, PlaceKernel } from "../../../kernel/kernel";
import type { FunctionWriter, Local } from "../assembler/function";
import { type Addresses, BYTES, type KernelCode, type Phase, type TypedKernel } from "../code";
import { type Filling, NS_PER_BYTE, type Place, copyRun, fillRun, isUniform } from "./runs";

/** Bytes of the output that are one piece where there is only one axis. */
const PIECE_BYTES = 16_384;
/** About what a row takes besides its bytes. */
const NS_PER_ROW = 1;

/** A piece is one position of the output's first axis, or a stretch of the output. */
export function placeCode({ kernel, inputs, outputs }: TypedKernel<PlaceKernel>): KernelCode | undefined {
  const [type] = outputs;
  if (inputs[0] !== type) return undefined;
  const { axes, offset } = axesOf(kernel, BYTES[type]);
  const size = kernel.shape.reduce((product, length) => product * length, 1);
  if (size === 0) return { phases: [] };
  const layout: Layout = { axes, offset, type, word: wordOf(kernel.value, type), bytes: size * BYTES[type] };
  return { phases: [axes.length === 1 && axes[0].step === 1 ? stretches(layout, axes[0]) : rows(layout)] };
}

/** An axis with what lands on it; bytes where sizes of memory are meant. */
interface Axis {
  /** Of the output. */
  readonly length: number;
  /** The output's position of the first that lands, and how many do. */
  readonly start: number;
  readonly count: number;
  readonly step: number;
  /** From one position to the next. */
  readonly inputStride: number;
  readonly outputStride: number;
}

interface Layout {
  /** At least one. */
  readonly axes: readonly Axis[];
  /** Of the first input element that lands. */
  readonly offset: number;
  readonly type: ElementType;
  /** The four bytes of the value, or four times its one. */
  readonly word: number;
  /** Of the output. */
  readonly bytes: number;
}

/** The fewest axes that say the same: neighbours are joined where the inner one is filled from end to end. */
function axesOf(kernel: PlaceKernel, bytes: number): { readonly axes: readonly Axis[]; readonly offset: number } {
  const { inputShape, start, step, shape } = kernel;
  let offset = 0;
  let [inputStride, outputStride] = [bytes, bytes];
  const axes: Axis[] = [];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const { first, count } = landing(inputShape[axis], start[axis], step[axis], shape[axis]);
    const outer: Axis = {
      length: shape[axis],
      start: count > 0 ? start[axis] + first * step[axis] : 0,
      count,
      step: step[axis],
      inputStride,
      outputStride,
    };
    offset += first * inputStride;
    inputStride *= inputShape[axis];
    outputStride *= shape[axis];
    const inner = axes.at(0);
    if (inner && isWhole(inner, outer) && (outer.step === 1 || outer.count === 1)) {
      axes[0] = {
        length: outer.length * inner.length,
        start: outer.start * inner.length,
        count: outer.count * inner.length,
        step: 1,
        inputStride: inner.inputStride,
        outputStride: inner.outputStride,
      };
    } else axes.unshift(outer);
  }
  const single: Axis = { length: 1, start: 0, count: 1, step: 1, inputStride: bytes, outputStride: bytes };
  return { axes: axes.length > 0 ? axes : [single], offset };
}

function isWhole(inner: Axis, outer: Axis): boolean {
  const { start, count, length, step, inputStride } = inner;
  return start === 0 && count === length && (step === 1 || length === 1) && outer.inputStride === length * inputStride;
}

/** Which of the input's positions land inside: `count` of them, from `first` on. */
function landing(length: number, start: number, step: number, target: number): { first: number; count: number } {
  const inside = (i: number): boolean => start + step * i >= 0 && start + step * i < target;
  let first = 0;
  let end = length;
  while (first < end && !inside(first)) first++;
  while (end > first && !inside(end - 1)) end--;
  return { first, count: end - first };
}

function wordOf(value: number, type: ElementType): number {
  switch (type) {
    case "float32":
      return new Int32Array(Float32Array.of(value).buffer)[0];
    case "int32":
      return value | 0;
    case "bool":
      return Math.imul(value & 0xff, 0x01010101);
    default:
      return type satisfies never;
  }
}

/** One axis without gaps: what lands is one run, and pieces are stretches of the output wherever it is. */
function stretches({ offset, word, bytes }: Layout, { start, count, outputStride }: Axis): Phase {
  const begin = start * outputStride;
  const end = begin + count * outputStride;
  return {
    pieces: Math.ceil(bytes / PIECE_BYTES),
    work: 2 * NS_PER_BYTE * bytes,
    key: `place/${begin}/${end}/${offset}/${word}/${bytes}`,
    write(f, { inputs: [x], outputs: [out], from, to }) {
      const [low, high, a, b] = [f.local("i32"), f.local("i32"), f.local("i32"), f.local("i32")];
      f.get(from)
        .get(to)
        .op("i32.ge_s")
        .if(() => f.op("return"));
      f.get(from).i32(PIECE_BYTES).op("i32.mul").set(low);
      f.get(to).i32(PIECE_BYTES).op("i32.mul").set(high);
      minimum(f, high, bytes);
      const within = (edge: number, into: Local): void => {
        f.i32(edge).get(low).i32(edge).get(low).op("i32.gt_s", "select").set(into);
        f.get(into).get(high).get(into).get(high).op("i32.lt_s", "select").set(into);
      };
      within(begin, a);
      within(end, b);
      fillBetween(f, { out, from: low, to: a }, word);
      f.get(out).get(a).op("i32.add");
      f.get(x)
        .get(a)
        .op("i32.add")
        .i32(offset - begin)
        .op("i32.add");
      f.get(b).get(a).op("i32.sub").copyMemory();
      fillBetween(f, { out, from: b, to: high }, word);
    },
  };
}

function minimum(f: FunctionWriter, local: Local, bound: number): void {
  f.get(local).i32(bound).get(local).i32(bound).op("i32.lt_s", "select").set(local);
}

/** @param between offsets in bytes; the first at most the second */
function fillBetween(
  f: FunctionWriter,
  { out, from, to }: { readonly out: Local; readonly from: Local; readonly to: Local },
  word: number,
): void {
  if (isUniform(word)) {
    f.get(out)
      .get(from)
      .op("i32.add")
      .i32(word & 0xff);
    f.get(to).get(from).op("i32.sub").fillMemory();
    return;
  }
  const at = f.local("i32");
  const end = f.local("i32");
  f.get(out).get(from).op("i32.add").set(at);
  f.get(out).get(to).op("i32.add").set(end);
  for (const step of [16, 4]) {
    f.block((done) => {
      f.loop((again) => {
        f.get(at).i32(step).op("i32.add").get(end).op("i32.gt_u").leaveIf(done);
        f.get(at);
        if (step === 16) f.i32x4(word).memory("v128.store");
        else f.i32(word).memory("i32.store");
        f.advance(at, step).leave(again);
      });
    });
  }
  f.release(at, end);
}

function rows(layout: Layout): Phase {
  const { axes, offset, type, word, bytes } = layout;
  const [first, ...inner] = axes;
  const rowCount = axes.slice(0, -1).reduce((product, { length }) => product * length, 1);
  return {
    pieces: first.length,
    work: 2 * NS_PER_BYTE * bytes + NS_PER_ROW * rowCount,
    key: `place/${type}/${word}/${offset}/${axes.map((axis) => Object.values(axis).join(":")).join("/")}`,
    write(f, { inputs: [x], outputs: [out], from, to }: Addresses) {
      const vector = f.local("v128");
      f.i32x4(word).set(vector);
      const filling: Filling = { word, vector };
      const [piece, source, target] = [f.local("i32"), f.local("i32"), f.local("i32")];
      f.forRange(
        piece,
        () => f.get(from),
        () => f.get(to),
        1,
        () => {
          f.get(out).get(piece).i32(first.outputStride).op("i32.mul", "i32.add").set(target);
          const nothing = (): void => {
            fillRun(f, { base: target }, filling, first.outputStride);
          };
          // From the piece's position to the input's: source is that first.
          const stride = Math.abs(first.step);
          f.get(piece).i32(first.start).op("i32.sub");
          if (first.step < 0) f.i32(-1).op("i32.mul");
          f.set(source);
          f.get(source)
            .i32(stride * first.count)
            .op("i32.lt_u");
          if (stride > 1) f.get(source).i32(stride).op("i32.rem_u", "i32.eqz", "i32.and");
          f.if(() => {
            f.get(source).i32(stride).op("i32.div_u").i32(first.inputStride).op("i32.mul");
            f.get(x).op("i32.add").i32(offset).op("i32.add").set(source);
            placeAxis(f, { target: { base: target }, source: { base: source }, axes: inner, type, filling });
          }, nothing);
        },
      );
    },
  };
}

interface Placing {
  readonly target: Place;
  readonly source: Place;
  readonly axes: readonly Axis[];
  readonly type: ElementType;
  readonly filling: Filling;
}

/** Writes the output from `target` on, for the axes that are left. */
function placeAxis(f: FunctionWriter, { target, source, axes: [axis, ...inner], type, filling }: Placing): void {
  if (!axis) {
    copyRun(f, target, source, BYTES[type]);
    return;
  }
  const { length, start, count, step, inputStride, outputStride } = axis;
  const after = (place: Place, bytes: number): Place => ({ ...place, offset: (place.offset ?? 0) + bytes });
  if (step === 1 || count <= 1) {
    fillRun(f, target, filling, start * outputStride);
    if (inner.length === 0) {
      copyRun(f, after(target, start * outputStride), source, count * outputStride);
    } else if (count > 0) {
      eachPosition(f, { target: after(target, start * outputStride), source, axis }, (to, from) => {
        placeAxis(f, { target: { base: to }, source: { base: from }, axes: inner, type, filling });
      });
    }
    const end = (start + count) * outputStride;
    fillRun(f, after(target, end), filling, length * outputStride - end);
    return;
  }
  fillRun(f, target, filling, length * outputStride);
  eachPosition(f, { target: after(target, start * outputStride), source, axis }, (to, from) => {
    // The bytes between are filled already; rows that are placed are filled where nothing lands on them.
    if (inner.length > 0) placeAxis(f, { target: { base: to }, source: { base: from }, axes: inner, type, filling });
    else copyRun(f, { base: to }, { base: from }, inputStride);
  });
}

function eachPosition(
  f: FunctionWriter,
  { target, source, axis }: { readonly target: Place; readonly source: Place; readonly axis: Axis },
  body: (to: Local, from: Local) => void,
): void {
  const [to, from, left] = [f.local("i32"), f.local("i32"), f.local("i32")];
  for (const [place, local] of [
    [target, to],
    [source, from],
  ] as const)
    f.get(place.base)
      .i32(place.offset ?? 0)
      .op("i32.add")
      .set(local);
  f.repeat(left, axis.count, () => {
    body(to, from);
    f.advance(to, axis.step * axis.outputStride).advance(from, axis.inputStride);
  });
  f.release(to, from, left);
}
