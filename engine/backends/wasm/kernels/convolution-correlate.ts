import type { ConvolutionGeometry } from "../../../kernel/kernel";
import type { Callee, FunctionWriter, Local } from "../assembler/function";
import type { ModuleWriter } from "../assembler/module";
import type { Addresses, Phase, Target } from "../code";
import { type Layout, layOut, writeTable } from "./convolution-layout";
import { findImages, takeDigit, takeShare } from "./convolution-pieces";
import {
  type CorrelationPlan,
  type ScratchPlan,
  type Variant,
  inputSteps,
  orderedTaps,
  scratchOf,
} from "./convolution-plan";
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
  return {
    pieces: plan.imageBlocks * plan.layout.correlation.groups * plan.bands * plan.parts,
    work: plan.cycles / 3,
    scratch: scratchOfTask(task).bytes,
    key: `convolution ${which} ${JSON.stringify([geometry, target])}`,
    write(f, at, module) {
      writeCorrelations(f, at, module, task);
    },
  };
}

/** Whether the weights are read from what {@link packPhase} made of them. */
export function isPacked({ which, plan }: CorrelationTask): boolean {
  return which === "input" || plan.skip !== undefined;
}

/** Whether outputs go to the scratch before they go where they belong. */
function keepsOutputs({ plan, variants }: CorrelationTask): boolean {
  return plan.layout.images > 1 || variants.length > 1;
}

/** Table entries: products of an output of each variant. */
function entriesOf({ plan, variants }: CorrelationTask): number {
  return variants.reduce((sum, { taps }) => sum + taps.length, 0) * plan.layout.correlation.channels;
}

function scratchOfTask(task: CorrelationTask): ScratchPlan {
  const { layout, tile } = task.plan;
  const kept = keepsOutputs(task) ? tile.outputs * layout.outputRows * layout.width : 0;
  return scratchOf(task.plan, entriesOf(task), kept);
}

/** What the code for a piece of work has in variables. */
interface PieceCode {
  readonly f: FunctionWriter;
  readonly at: Addresses;
  readonly module: ModuleWriter;
  readonly task: CorrelationTask;
  readonly scratch: ScratchPlan;
  /** Number of the first image, and the group. */
  readonly image: Local;
  readonly group: Local;
  readonly firstRow: Local;
  readonly rows: Local;
  /** Blocks of outputs to do. */
  readonly block: Local;
  readonly blockEnd: Local;
  /** Addresses of the group in each image that is read, and in each that is written. */
  readonly from: readonly Local[];
  readonly to: readonly Local[];
  /** Address of what the first output of the first row meets first. */
  readonly x: Local;
}

function writeCorrelations(f: FunctionWriter, at: Addresses, module: ModuleWriter, task: CorrelationTask): void {
  const { plan, variants } = task;
  const { layout } = plan;
  const scratch = scratchOfTask(task);
  const [piece, table, image, group, firstRow, rows, block, blockEnd, x] = Array.from({ length: 9 }, () =>
    f.local("i32"),
  );
  const from = Array.from({ length: layout.images }, () => f.local("i32"));
  const to = from.map(() => f.local("i32"));
  const code = { f, at, module, task, scratch, image, group, firstRow, rows, block, blockEnd, from, to, x };
  // Zeros for the tile, the table, and zeros where padding will be.
  f.get(at.scratch).i32(0).i32(scratch.table).fillMemory();
  f.get(at.scratch).i32(scratch.table).op("i32.add").set(table);
  for (const variant of variants)
    writeTable(f, layout, orderedTaps(plan, variant), scratch.space, table, plan.skip !== undefined);
  if (plan.padded) f.get(at.scratch).i32(scratch.prepared).op("i32.add").i32(0).i32(scratch.preparedBytes).fillMemory();
  f.forRange(
    piece,
    () => f.get(at.from),
    () => f.get(at.to),
    1,
    () => {
      enterPiece(code, piece);
      f.forRange(
        block,
        () => f.get(block),
        () => f.get(blockEnd),
        1,
        () => {
          writeBlock(code);
        },
      );
    },
  );
  f.release(piece, table, image, group, firstRow, rows, block, blockEnd, x, ...from, ...to);
}

/** Finds what a piece is to do, and lays its images out. */
function enterPiece(code: PieceCode, piece: Local): void {
  const { f, at, task, scratch, image, group, firstRow, rows, block, blockEnd, from, to, x } = code;
  const { plan, outputPlane } = task;
  const { layout, bands, parts, blocks } = plan;
  const { channels, outputs, groups, batch, input, output } = layout.correlation;
  const [rest, part, band] = [f.local("i32"), f.local("i32"), f.local("i32")];
  f.get(piece).set(rest);
  takeDigit(f, rest, parts, part);
  takeDigit(f, rest, bands, band);
  takeDigit(f, rest, groups, group);
  f.get(rest).i32(layout.images).op("i32.mul").set(image);
  takeShare(f, part, blocks, parts, [block, blockEnd]);
  takeShare(f, band, output[0], bands, [firstRow, rows]);
  f.get(rows).get(firstRow).op("i32.sub").set(rows);
  const imageX = { images: batch, bytes: channels * groups * input[0] * input[1] * 4, groups };
  const imageY = { images: batch, bytes: outputs * groups * outputPlane * 4, groups };
  findImages(f, at.inputs[0], imageX, [image, group], from);
  findImages(f, at.outputs[0], imageY, [image, group], to);
  if (layout.direct) {
    f.get(from[0])
      .i32(layout.start * 4)
      .op("i32.add");
    f.get(firstRow)
      .i32(layout.outputStep * layout.rowFloats * 4)
      .op("i32.mul", "i32.add")
      .set(x);
  } else {
    f.get(at.scratch).i32(scratch.prepared).op("i32.add").set(x);
    layOut(f, layout, x, { images: from, firstRow, rows }, scratch.space, bands > 1 && plan.padded);
  }
  if (layout.outputRows === 1) f.i32(1).set(rows);
  f.release(rest, part, band);
}

/** Does a block of outputs of all variants. */
function writeBlock(code: PieceCode): void {
  const { f, at, module, task, scratch, group, firstRow, rows, block, to, x } = code;
  const { plan, variants, outputPlane, target } = task;
  const { layout, tile, blocks } = plan;
  const { channels, outputs } = layout.correlation;
  const entries = entriesOf(task);
  const keeps = keepsOutputs(task);
  const packed = isPacked(task);
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
      skip: plan.skip,
    },
    target,
  );
  const [channel, w, y, table, tableEnd, out] = Array.from({ length: 6 }, () => f.local("i32"));
  const last = outputs - tile.outputs;
  f.get(block).i32(tile.outputs).op("i32.mul").set(channel);
  f.i32(last).get(channel).get(channel).i32(last).op("i32.gt_s", "select").set(channel);
  if (packed) {
    f.get(at.shared).get(group).i32(blocks).op("i32.mul").get(block).op("i32.add");
    f.i32(tile.outputs * entries * 4);
  } else {
    f.get(at.inputs[1]).get(group).i32(outputs).op("i32.mul").get(channel).op("i32.add");
    f.i32(entries * 4);
  }
  f.op("i32.mul", "i32.add").set(w);
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
      f.get(to[0]).get(y).op("i32.add");
      f.get(firstRow)
        .i32(layout.outputRows === 1 ? 0 : layout.width * 4)
        .op("i32.mul", "i32.add")
        .set(out);
    }
    f.get(x).get(w).get(out).get(table).get(tableEnd).get(rows).get(at.scratch).call(call);
    if (keeps) {
      if (variants.length > 1) scatter(f, module, task, variant, out, to, y);
      else separate(f, task, out, to, y);
    }
    f.get(tableEnd).set(table);
    if (packed) f.advance(w, size * tile.outputs * 4);
  }
  f.release(channel, w, y, table, tableEnd, out);
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
