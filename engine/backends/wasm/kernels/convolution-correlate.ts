import type { ConvolutionGeometry } from "../../../kernel/kernel";
import type { Callee, FunctionWriter, Local } from "../assembler/function";
import type { ModuleWriter } from "../assembler/module";
import type { Addresses, Phase, Target } from "../code";
import { type Layout, layOut, writeTable } from "./convolution-layout";
import { type CorrelationPlan, type Variant, inputSteps, scratchOf } from "./convolution-plan";
import { tileFunction } from "./convolution-tile";
import { separateFloats } from "./planes";

/** What a phase of correlations does: (input, weights) → output. */
export interface CorrelationTask {
  readonly geometry: ConvolutionGeometry;
  readonly which: "forward" | "input";
  readonly plan: CorrelationPlan;
  readonly variants: readonly Variant[];
  readonly target: Target;
  /** Floats of an image's channel in the output. */
  readonly outputPlane: number;
}

export function correlationPhase(task: CorrelationTask): Phase {
  const { plan, geometry, which, target } = task;
  const { layout } = plan;
  const { groups } = layout.correlation;
  const kept = keepsOutputs(task) ? plan.tile.outputs * layout.outputRows * layout.width : 0;
  const entries = task.variants.reduce((sum, { taps }) => sum + taps.length, 0) * layout.correlation.channels;
  return {
    pieces: plan.imageBlocks * groups * plan.bands * plan.parts,
    work: plan.cycles / 3,
    scratch: scratchOf(plan, entries, kept).bytes,
    key: `convolution ${which} ${JSON.stringify([geometry, target])}`,
    write(f, at, module) {
      writeCorrelations(f, at, module, task, kept, entries);
    },
  };
}

/** Whether outputs go to the scratch before they go where they belong. */
function keepsOutputs({ plan, variants }: CorrelationTask): boolean {
  return plan.layout.images > 1 || variants.length > 1;
}

function writeCorrelations(
  f: FunctionWriter,
  at: Addresses,
  module: ModuleWriter,
  task: CorrelationTask,
  kept: number,
  entries: number,
): void {
  const { plan, variants, target, outputPlane, which } = task;
  const { layout, tile, blocks, bands, parts } = plan;
  const { correlation, images } = layout;
  const { channels, outputs, groups, batch, input } = correlation;
  const scratch = scratchOf(plan, entries, kept);
  const keeps = kept > 0;
  const packed = which === "input";
  const call = tileFunction(
    module,
    tile,
    {
      width: layout.width,
      inputRow: layout.outputStep * layout.rowFloats * 4,
      outputRow: layout.width * 4,
      outputPlane: (keeps ? layout.outputRows * layout.width : outputPlane) * 4,
      weight: packed ? 4 : entries * 4,
      step: packed ? tile.outputs * 4 : 4,
    },
    target,
  );
  const locals = Array.from({ length: 16 }, () => f.local("i32"));
  const [piece, rest, image, group, band, block, blockEnd, firstRow, rows, x, w, y, table, tableEnd, out, channel] =
    locals;

  // 32 zeros for the tile, the table, and zeros where padding will be.
  f.get(at.scratch).i32(0).i32(64).fillMemory();
  f.get(at.scratch).i32(scratch.table).op("i32.add").set(table);
  for (const { taps } of variants) writeTable(f, layout, taps, scratch.space, table);
  if (plan.padded) f.get(at.scratch).i32(scratch.prepared).op("i32.add").i32(0).i32(scratch.preparedBytes).fillMemory();

  const imageX = channels * groups * input[0] * input[1] * 4;
  const imageY = outputs * groups * outputPlane * 4;
  const beside = Array.from({ length: images }, () => [f.local("i32"), f.local("i32")] as const);
  f.forRange(
    piece,
    () => f.get(at.from),
    () => f.get(at.to),
    1,
    () => {
      f.get(piece).set(rest);
      const part = f.local("i32");
      takeDigit(f, rest, parts, part);
      takeDigit(f, rest, bands, band);
      takeDigit(f, rest, groups, group);
      f.get(rest).i32(images).op("i32.mul").set(image);
      f.get(part).i32(blocks).op("i32.mul").i32(parts).op("i32.div_u").set(block);
      f.get(part).i32(1).op("i32.add").i32(blocks).op("i32.mul").i32(parts).op("i32.div_u").set(blockEnd);
      f.release(part);
      const totalRows = layout.outputRows === 1 ? correlation.output[0] : layout.outputRows;
      const bound = (): FunctionWriter => f.i32(totalRows).op("i32.mul").i32(bands).op("i32.div_u");
      f.get(band);
      bound().set(firstRow);
      f.get(band).i32(1).op("i32.add");
      bound().get(firstRow).op("i32.sub").set(rows);
      // Where an image's group is, in what is read and what is written; past the last image stands the last one again.
      beside.forEach(([from, to], i) => {
        const here = f.local("i32");
        f.get(image).set(here);
        if (i > 0) {
          f.get(image).i32(i).op("i32.add").set(here);
          f.i32(batch - 1)
            .get(here)
            .get(here)
            .i32(batch)
            .op("i32.ge_s", "select")
            .set(here);
        }
        f.get(at.inputs[0]).get(here).i32(imageX).op("i32.mul", "i32.add");
        f.get(group)
          .i32(channels * input[0] * input[1] * 4)
          .op("i32.mul", "i32.add")
          .set(from);
        f.get(at.outputs[0]).get(here).i32(imageY).op("i32.mul", "i32.add");
        f.get(group)
          .i32(outputs * outputPlane * 4)
          .op("i32.mul", "i32.add")
          .set(to);
        f.release(here);
      });
      if (layout.direct) {
        f.get(beside[0][0])
          .i32(layout.start * 4)
          .op("i32.add");
        f.get(firstRow)
          .i32(layout.outputStep * layout.rowFloats * 4)
          .op("i32.mul", "i32.add")
          .set(x);
      } else {
        f.get(at.scratch).i32(scratch.prepared).op("i32.add").set(x);
        const source = { images: beside.map(([from]) => from), firstRow, rows };
        layOut(f, layout, x, source, scratch.space, bands > 1 && plan.padded);
      }
      if (layout.outputRows === 1) f.i32(1).set(rows);
      f.forRange(
        block,
        () => f.get(block),
        () => f.get(blockEnd),
        1,
        () => {
          f.get(block).i32(tile.outputs).op("i32.mul").set(channel);
          f.i32(outputs - tile.outputs)
            .get(channel)
            .get(channel)
            .i32(outputs - tile.outputs);
          f.op("i32.gt_s", "select").set(channel);
          if (packed) {
            f.get(at.shared).get(group).i32(blocks).op("i32.mul").get(block).op("i32.add");
            f.i32(tile.outputs * entries * 4)
              .op("i32.mul", "i32.add")
              .set(w);
          } else {
            f.get(at.inputs[1]).get(group).i32(outputs).op("i32.mul").get(channel).op("i32.add");
            f.i32(entries * 4)
              .op("i32.mul", "i32.add")
              .set(w);
          }
          f.get(at.scratch).i32(scratch.table).op("i32.add").set(table);
          f.get(channel)
            .i32(outputPlane * 4)
            .op("i32.mul")
            .set(y);
          for (const variant of variants) {
            const size = variant.taps.length * channels;
            f.get(table)
              .i32(size * 4)
              .op("i32.add")
              .set(tableEnd);
            if (keeps) f.get(at.scratch).i32(scratch.outputs).op("i32.add").set(out);
            else {
              f.get(beside[0][1]).get(y).op("i32.add");
              f.get(firstRow)
                .i32(layout.outputRows === 1 ? 0 : layout.width * 4)
                .op("i32.mul", "i32.add")
                .set(out);
            }
            f.get(x).get(w).get(out).get(table).get(tableEnd).get(rows).get(at.scratch).call(call);
            if (keeps) {
              const targets = beside.map(([, to]) => to);
              if (variants.length > 1) scatter(f, module, task, variant, out, targets, y);
              else separate(f, task, out, targets, y);
            }
            f.get(tableEnd).set(table);
            if (packed) f.advance(w, size * tile.outputs * 4);
          }
        },
      );
    },
  );
  f.release(...locals, ...beside.flat());
}

/** digit = rest % base; rest = ⌊rest / base⌋. */
function takeDigit(f: FunctionWriter, rest: Local, base: number, digit: Local): void {
  if (base === 1) {
    f.i32(0).set(digit);
    return;
  }
  f.get(rest).i32(base).op("i32.rem_u").set(digit);
  f.get(rest).i32(base).op("i32.div_u").set(rest);
}

/** Writes a block's outputs of four images to each. */
function separate(
  f: FunctionWriter,
  { plan: { tile }, outputPlane }: CorrelationTask,
  from: Local,
  to: readonly Local[],
  offset: Local,
): void {
  const [left, source] = [f.local("i32"), f.local("i32")];
  const targets = to.map(() => f.local("i32"));
  f.get(from).set(source);
  targets.forEach((target, i) => f.get(to[i]).get(offset).op("i32.add").set(target));
  f.repeat(left, tile.outputs, () => {
    separateFloats(f, source, targets, outputPlane);
    f.advance(source, outputPlane * 16);
    for (const target of targets) f.advance(target, outputPlane * 4);
  });
  f.release(left, source, ...targets);
}

/** Writes a block's outputs of one residue to every stride-th element. */
function scatter(
  f: FunctionWriter,
  module: ModuleWriter,
  { plan, geometry }: CorrelationTask,
  { residue }: Variant,
  from: Local,
  to: readonly Local[],
  offset: Local,
): void {
  const { layout, tile } = plan;
  const { input, stride, padding } = geometry;
  const axes = [0, 1].map((axis) => {
    const { first, end } = inputSteps(geometry, axis);
    const place = (t: number): number => stride[axis] * t + residue[axis] - padding[axis];
    const begin = place(first) < 0 ? first + 1 : first;
    const last = place(end - 1) >= input[axis] ? end - 2 : end - 1;
    return { skipped: begin - first, count: last - begin + 1, start: place(begin) };
  });
  const [rows, columns] = axes;
  if (rows.count <= 0 || columns.count <= 0) return;
  const callee = scatterFunction(module, layout, tile.outputs, geometry);
  f.get(from)
    .i32((rows.skipped * layout.correlation.output[1] + columns.skipped) * layout.images * 4)
    .op("i32.add");
  for (const each of to)
    f.get(each)
      .get(offset)
      .op("i32.add")
      .i32((rows.start * input[1] + columns.start) * 4)
      .op("i32.add");
  f.i32(rows.count).i32(columns.count).call(callee);
}

function scatterFunction(module: ModuleWriter, layout: Layout, outputs: number, geometry: ConvolutionGeometry): Callee {
  const { images, correlation } = layout;
  const [height, width] = correlation.output;
  const { input, stride } = geometry;
  const key = `convolution scatter ${JSON.stringify([images, height, width, outputs, input, stride])}`;
  return module.once(key, { parameters: new Array<"i32">(3 + images).fill("i32") }, (f) => {
    const [from, ...others] = f.parameters;
    const to = others.slice(0, images);
    const [rows, columns] = others.slice(images);
    const [plane, row, column, source] = ["i32", "i32", "i32", "i32"].map(() => f.local("i32"));
    const rowTargets = to.map(() => f.local("i32"));
    const targets = to.map(() => f.local("i32"));
    const vector = f.local("v128");
    const sourceRow = f.local("i32");
    f.repeat(plane, outputs, () => {
      f.get(from).set(sourceRow);
      to.forEach((each, i) => f.get(each).set(rowTargets[i]));
      f.forRange(
        row,
        () => f.i32(0),
        () => f.get(rows),
        1,
        () => {
          f.get(sourceRow).set(source);
          rowTargets.forEach((each, i) => f.get(each).set(targets[i]));
          f.forRange(
            column,
            () => f.i32(0),
            () => f.get(columns),
            1,
            () => {
              if (images === 1) f.get(targets[0]).get(source).memory("f32.load").memory("f32.store");
              else {
                f.get(source).memory("v128.load").set(vector);
                targets.forEach((target, i) => f.get(target).get(vector).laneMemory("v128.store32_lane", i));
              }
              f.advance(source, images * 4);
              for (const target of targets) f.advance(target, stride[1] * 4);
            },
          );
          f.advance(sourceRow, width * images * 4);
          for (const target of rowTargets) f.advance(target, stride[0] * input[1] * 4);
        },
      );
      f.advance(from, height * width * images * 4);
      for (const target of to) f.advance(target, input[0] * input[1] * 4);
    });
  });
}
