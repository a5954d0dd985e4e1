import type { ConcatKernel, ElementType } from "../../../kernel/kernel";
import type { FunctionWriter, Local } from "../assembler/function";
import type { ModuleWriter } from "../assembler/module";
import { type Addresses, BYTES, type KernelCode, type TypedKernel } from "../code";
import { NS_PER_BYTE, type Place, copyRun } from "./runs";

/** With fewer outer blocks than this, their runs are divided into pieces too. */
const ENOUGH_BLOCKS = 8;
/** Bytes of the output that are worth a piece of their own. */
const PIECE_BYTES = 32_768;
/** About what a run takes besides its bytes. */
const NS_PER_RUN = 0.5;
/** With more inputs, what copies a run of a certain length is a function of its own. */
const INLINE_INPUTS = 8;

/** A piece is an outer block, or the same part of each input's run in one. */
export function concatCode({ kernel, inputs, outputs }: TypedKernel<ConcatKernel>): KernelCode | undefined {
  const { outer, lengths, inner } = kernel;
  const [type] = outputs;
  if (!inputs.every((from) => from === type || converts(from, type))) return undefined;
  let total = 0;
  const parts = lengths.map((length, i) => {
    const before = total;
    total += length * inner;
    return { input: i, type: inputs[i], before, width: length * inner };
  });
  const runs = parts.filter(({ width }) => width > 0);
  const bytes = outer * total * BYTES[type];
  if (bytes === 0) return { phases: [] };
  const chunks = outer >= ENOUGH_BLOCKS ? 1 : Math.max(1, Math.min(64, Math.floor(bytes / outer / PIECE_BYTES)));
  return {
    phases: [
      {
        pieces: outer * chunks,
        work: 2 * NS_PER_BYTE * bytes + NS_PER_RUN * outer * runs.length,
        key: `concat/${type}/${inputs.join()}/${chunks}/${runs.map(({ input, width }) => `${input}:${width}`).join()}`,
        write(f, at, module) {
          writePieces(f, at, { runs, type, total, chunks, module });
        },
      },
    ],
  };
}

function converts(from: ElementType, to: ElementType): boolean {
  return to !== "bool" && from !== "float32";
}

/** What one input gives to each outer block, in elements. */
interface Run {
  readonly input: number;
  readonly type: ElementType;
  readonly before: number;
  readonly width: number;
}

interface Runs {
  readonly runs: readonly Run[];
  readonly type: ElementType;
  readonly total: number;
  readonly chunks: number;
  readonly module: ModuleWriter;
}

function writePieces(f: FunctionWriter, at: Addresses, { runs, type, total, chunks, module }: Runs): void {
  const piece = f.local("i32");
  const block = f.local("i32");
  const chunk = f.local("i32");
  const row = f.local("i32");
  const source = f.local("i32");
  f.forRange(
    piece,
    () => f.get(at.from),
    () => f.get(at.to),
    1,
    () => {
      f.get(piece).i32(chunks).op("i32.div_u").set(block);
      f.get(at.outputs[0])
        .get(block)
        .i32(total * BYTES[type])
        .op("i32.mul", "i32.add")
        .set(row);
      if (chunks > 1) f.get(piece).get(block).i32(chunks).op("i32.mul", "i32.sub").set(chunk);
      for (const run of runs) {
        f.get(at.inputs[run.input])
          .get(block)
          .i32(run.width * BYTES[run.type])
          .op("i32.mul", "i32.add")
          .set(source);
        const to = { base: row, offset: run.before * BYTES[type] };
        if (chunks > 1) moveChunk(f, { to, source, chunk }, { run, type, chunks, module });
        else moveRun(f, { to, source }, { run, type, module, apart: runs.length > INLINE_INPUTS });
      }
    },
  );
}

interface Move {
  readonly run: Run;
  readonly type: ElementType;
  readonly module: ModuleWriter;
}

/** The whole run. */
function moveRun(
  f: FunctionWriter,
  { to, source }: { readonly to: Place; readonly source: Local },
  { run, type, module, apart }: Move & { readonly apart: boolean },
): void {
  const bytes = run.width * BYTES[type];
  if (run.type !== type) {
    f.get(to.base)
      .i32(to.offset ?? 0)
      .op("i32.add")
      .get(source)
      .i32(run.width);
    f.call(conversion(module, run.type, type));
  } else if (!apart) {
    copyRun(f, to, { base: source }, bytes);
  } else {
    const copy = module.once(`copy/${bytes}`, { parameters: ["i32", "i32"] }, (g) => {
      copyRun(g, { base: g.parameters[0] }, { base: g.parameters[1] }, bytes);
    });
    f.get(to.base)
      .i32(to.offset ?? 0)
      .op("i32.add")
      .get(source)
      .call(copy);
  }
}

/** The part of the run that belongs to the chunk; the last may be shorter than the others, or empty. */
function moveChunk(
  f: FunctionWriter,
  { to, source, chunk }: { readonly to: Place; readonly source: Local; readonly chunk: Local },
  { run, type, chunks, module }: Move & { readonly chunks: number },
): void {
  // Whole vectors, as far as the run begins at one.
  const most = Math.ceil(run.width / chunks / 64) * 64;
  const start = f.local("i32");
  const count = f.local("i32");
  f.get(chunk).i32(most).op("i32.mul").set(start);
  f.i32(run.width).get(start).op("i32.sub").set(count);
  f.get(count).i32(most).get(count).i32(most).op("i32.lt_s", "select").set(count);
  f.get(count).i32(0).op("i32.gt_s");
  f.if(() => {
    const [scale, sourceScale] = [BYTES[type], BYTES[run.type]];
    f.get(to.base)
      .i32(to.offset ?? 0)
      .op("i32.add");
    f.get(start).i32(scale).op("i32.mul", "i32.add");
    f.get(source).get(start).i32(sourceScale).op("i32.mul", "i32.add");
    if (run.type === type) f.get(count).i32(scale).op("i32.mul").copyMemory();
    else f.get(count).call(conversion(module, run.type, type));
  });
  f.release(start, count);
}

/** A function (target, source, count) for elements that become ones of a wider type. */
function conversion(module: ModuleWriter, from: ElementType, to: ElementType): { readonly index: number } {
  return module.once(`convert/${from}/${to}`, { parameters: ["i32", "i32", "i32"] }, (f) => {
    const [target, source, count] = f.parameters;
    const bytes = BYTES[from];
    const loop = (step: number, body: () => void): void => {
      f.block((out) => {
        f.loop((again) => {
          f.get(count).i32(step).op("i32.lt_u").leaveIf(out);
          f.get(target).get(source);
          body();
          f.advance(target, 4 * step).advance(source, bytes * step);
          f.advance(count, -step).leave(again);
        });
      });
    };
    loop(4, () => {
      if (from === "bool") f.memory("v128.load32_zero").op("i16x8.extend_low_i8x16_u", "i32x4.extend_low_i16x8_u");
      else f.memory("v128.load");
      if (to === "float32") f.op("f32x4.convert_i32x4_s");
      f.memory("v128.store");
    });
    loop(1, () => {
      f.memory(from === "bool" ? "i32.load8_u" : "i32.load");
      if (to === "float32") f.op("f32.convert_i32_s").memory("f32.store");
      else f.memory("i32.store");
    });
  });
}
