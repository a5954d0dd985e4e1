import type { ConvolutionGeometry } from "../../../kernel/kernel";
import type { FunctionWriter, Local } from "../assembler/function";
import type { ModuleWriter } from "../assembler/module";
import type { Addresses, KernelCode, Phase, Target } from "../code";
import { layOut, writeTable } from "./convolution-layout";
import { findImages, takeDigit, takeShare } from "./convolution-pieces";
import { forwardTaps } from "./convolution-plan";
import { type WeightPlan, planWeights, scratchOf, sumsOf } from "./convolution-weight-plan";
import { weightTileFunction } from "./convolution-weight-tile";
import { interleaveFloats } from "./planes";

/** ∂w = Σ over images and outputs of g · what the tap meets there: partial sums of parts of the batch, then their sum. */
export function weightGradientCode(geometry: ConvolutionGeometry, target: Target): KernelCode {
  const plan = planWeights(geometry, target);
  return {
    shared: plan.batchParts * geometry.groups * sumsOf(plan) * 4,
    phases: [partialPhase(plan, target), sumPhase(plan)],
  };
}

function partialPhase(plan: WeightPlan, target: Target): Phase {
  const { geometry, batchParts, blockParts } = plan;
  return {
    pieces: batchParts * geometry.groups * blockParts,
    work: plan.cycles / 3,
    scratch: scratchOf(plan).bytes,
    key: `convolution weight ${JSON.stringify([geometry, target])}`,
    write(f, at, module) {
      writePartialSums(f, at, module, plan, target);
    },
  };
}

/** What the code for a piece of work has in variables. */
interface PieceCode {
  readonly f: FunctionWriter;
  readonly at: Addresses;
  readonly module: ModuleWriter;
  readonly plan: WeightPlan;
  readonly target: Target;
  readonly group: Local;
  /** Blocks of output channels to do. */
  readonly block: Local;
  readonly blockEnd: Local;
  /** Where the piece's sums are. */
  readonly sums: Local;
  /** Image blocks to do; `count` of them are laid out together, and `i` counts those. */
  readonly image: Local;
  readonly imageEnd: Local;
  readonly count: Local;
  readonly i: Local;
}

function writePartialSums(
  f: FunctionWriter,
  at: Addresses,
  module: ModuleWriter,
  plan: WeightPlan,
  target: Target,
): void {
  const { geometry, layout, together, bands, padded } = plan;
  const scratch = scratchOf(plan);
  const locals = Array.from({ length: 11 }, () => f.local("i32"));
  const [piece, table, group, block, blockEnd, sums, image, imageEnd, count, i, band] = locals;
  const code = { f, at, module, plan, target, group, block, blockEnd, sums, image, imageEnd, count, i };
  // Zeros for the tile and for what the table has too many, the table, and zeros where padding will be.
  f.get(at.scratch).i32(0).i32(scratch.prepared).fillMemory();
  f.get(at.scratch).i32(scratch.table).op("i32.add").set(table);
  writeTable(f, layout, forwardTaps(geometry), scratch.space, table);
  if (padded) {
    f.get(at.scratch).i32(scratch.prepared).op("i32.add").i32(0);
    f.i32(scratch.imageBytes * together).fillMemory();
  }
  f.forRange(
    piece,
    () => f.get(at.from),
    () => f.get(at.to),
    1,
    () => {
      enterPiece(code, piece);
      f.block((out) => {
        f.loop((again) => {
          f.get(image).get(imageEnd).op("i32.ge_s").leaveIf(out);
          f.i32(together).get(imageEnd).get(image).op("i32.sub").set(count);
          f.get(count).get(count).i32(together).op("i32.gt_s", "select").set(count);
          if (layout.images > 1)
            eachTogether(code, () => {
              interleaveOutputs(code);
            });
          f.forRange(
            band,
            () => f.i32(0),
            () => f.i32(bands),
            1,
            () => {
              addBand(code, band);
            },
          );
          f.get(image).i32(together).op("i32.add").set(image).leave(again);
        });
      });
    },
  );
  f.release(...locals);
}

/** Finds what a piece is to do, and lets its sums start at 0. */
function enterPiece(code: PieceCode, piece: Local): void {
  const { f, at, plan, group, block, blockEnd, sums, image, imageEnd } = code;
  const { layout, tile, blocks, tapBlocks, imageBlocks, batchParts, blockParts } = plan;
  const [rest, part] = [f.local("i32"), f.local("i32")];
  f.get(piece).set(rest);
  takeDigit(f, rest, blockParts, part);
  takeShare(f, part, blocks, blockParts, [block, blockEnd]);
  f.get(at.shared).get(rest);
  f.i32(sumsOf(plan) * 4)
    .op("i32.mul", "i32.add")
    .set(sums);
  takeDigit(f, rest, layout.correlation.groups, group);
  takeShare(f, rest, imageBlocks, batchParts, [image, imageEnd]);
  const blockBytes = tile.outputs * tapBlocks * tile.taps * 4;
  f.get(sums).get(block).i32(blockBytes).op("i32.mul", "i32.add").i32(0);
  f.get(blockEnd).get(block).op("i32.sub").i32(blockBytes).op("i32.mul").fillMemory();
  f.release(rest, part);
}

function eachTogether({ f, i, count }: PieceCode, body: () => void): void {
  f.forRange(
    i,
    () => f.i32(0),
    () => f.get(count),
    1,
    body,
  );
}

/** Adds what a band of rows of the images together makes of the sums. */
function addBand(code: PieceCode, band: Local): void {
  const { f, at, module, plan, target, group, block, blockEnd, sums, image, count, i } = code;
  const { layout, tile, tapBlocks, bands, padded } = plan;
  const { correlation, images, direct } = layout;
  const { batch, groups, channels, outputs, input, output } = correlation;
  const scratch = scratchOf(plan);
  const outputPlane = output[0] * output[1];
  const imageX = channels * groups * input[0] * input[1] * 4;
  const imageG = outputs * groups * outputPlane * 4;
  const [firstRow, rows, x, g] = Array.from({ length: 4 }, () => f.local("i32"));
  takeShare(f, band, output[0], bands, [firstRow, rows]);
  f.get(rows).get(firstRow).op("i32.sub").set(rows);
  if (direct) {
    findImages(f, at.inputs[0], { images: batch, bytes: imageX, groups }, [image, group], [x]);
    f.get(x).get(firstRow);
    f.i32(layout.outputStep * layout.rowFloats * 4).op("i32.mul", "i32.add");
    f.i32(layout.start * 4)
      .op("i32.add")
      .set(x);
  } else {
    eachTogether(code, () => {
      const sources = imagesOf(code, at.inputs[0], imageX);
      f.get(at.scratch).i32(scratch.prepared).op("i32.add");
      f.get(i).i32(scratch.imageBytes).op("i32.mul", "i32.add").set(x);
      layOut(f, layout, x, { images: sources, firstRow, rows }, scratch.space, bands > 1 && padded);
      if (images > 1) clearMissing(code, x, (scratch.space / 16) * channels);
      f.release(...sources);
    });
    f.get(at.scratch).i32(scratch.prepared).op("i32.add").set(x);
  }
  if (images === 1) {
    findImages(f, at.inputs[1], { images: batch, bytes: imageG, groups }, [image, group], [g]);
    f.get(g).get(firstRow);
    f.i32(layout.outputRows === 1 ? 0 : layout.width * 4)
      .op("i32.mul", "i32.add")
      .set(g);
  } else f.get(at.scratch).i32(scratch.outputs).op("i32.add").set(g);
  if (layout.outputRows === 1) f.i32(1).set(rows);
  const call = weightTileFunction(
    module,
    tile,
    {
      depth: tapBlocks * tile.taps,
      width: layout.width,
      outputs,
      inputRow: layout.outputStep * layout.rowFloats * 4,
      inputImage: direct ? imageX : scratch.imageBytes,
      outputRow: layout.width * 4,
      outputPlane: outputPlane * images * 4,
      outputImage: images === 1 ? imageG : scratch.outputBytes,
    },
    target,
  );
  f.get(x).get(g).get(sums).get(at.scratch).i32(scratch.table).op("i32.add");
  f.get(count).get(rows).get(block).get(blockEnd).get(at.scratch).call(call);
  f.release(firstRow, rows, x, g);
}

/** Addresses of the group in the images of block `image + i`. */
function imagesOf({ f, plan, image, i, group }: PieceCode, base: Local, bytes: number): Local[] {
  const { images, correlation } = plan.layout;
  const first = f.local("i32");
  const found = Array.from({ length: images }, () => f.local("i32"));
  f.get(image).get(i).op("i32.add").i32(images).op("i32.mul").set(first);
  findImages(f, base, { images: correlation.batch, bytes, groups: correlation.groups }, [first, group], found);
  f.release(first);
  return found;
}

/** Lays the gradients of four images side by side; those past the last image are 0. */
function interleaveOutputs(code: PieceCode): void {
  const { f, at, plan, i } = code;
  const { groups, outputs, output } = plan.layout.correlation;
  const scratch = scratchOf(plan);
  const floats = outputs * output[0] * output[1];
  const sources = imagesOf(code, at.inputs[1], floats * groups * 4);
  const to = f.local("i32");
  f.get(at.scratch).i32(scratch.outputs).op("i32.add");
  f.get(i).i32(scratch.outputBytes).op("i32.mul", "i32.add").set(to);
  interleaveFloats(f, sources, to, floats, 1);
  clearMissing(code, to, floats);
  f.release(...sources, to);
}

/** Makes 0 of what stands where images past the last one would, in vectors of four images. */
function clearMissing({ f, plan, image, i }: PieceCode, from: Local, vectors: number): void {
  const { images, correlation } = plan.layout;
  const there = correlation.batch % images;
  if (there === 0) return;
  const mask = [0, 1, 2, 3].map((lane) => (lane < there ? -1 : 0)) as [number, number, number, number];
  f.get(image)
    .get(i)
    .op("i32.add")
    .i32(Math.floor(correlation.batch / images))
    .op("i32.eq");
  f.if(() => {
    const [at, left] = [f.local("i32"), f.local("i32")];
    f.get(from).set(at);
    f.repeat(left, vectors, () => {
      f.get(at)
        .get(at)
        .memory("v128.load")
        .i32x4(...mask)
        .op("v128.and")
        .memory("v128.store");
      f.advance(at, 16);
    });
    f.release(at, left);
  });
}

/** Adds the parts' sums, in their order. */
function sumPhase(plan: WeightPlan): Phase {
  const { geometry, layout, tile, blocks, tapBlocks, batchParts } = plan;
  const { outputs, depth, groups } = layout.correlation;
  const all = outputs * groups;
  const pieces = Math.min(all, 64);
  return {
    pieces,
    work: (all * depth * batchParts) / 8,
    key: `convolution weight sum ${JSON.stringify([geometry, tile, batchParts])}`,
    write(f, at) {
      const [output, end, row, group, to, i] = ["i32", "i32", "i32", "i32", "i32", "i32"].map(() => f.local("i32"));
      const step = groups * sumsOf(plan) * 4;
      const add = (offset: () => void, load: "v128.load" | "f32.load", store: "v128.store" | "f32.store"): void => {
        const [from, left] = [f.local("i32"), f.local("i32")];
        const sum = f.local(load === "v128.load" ? "v128" : "f32");
        f.get(row);
        offset();
        f.op("i32.add").tee(from).memory(load).set(sum);
        if (batchParts > 1)
          f.repeat(left, batchParts - 1, () => {
            f.advance(from, step).get(sum).get(from).memory(load);
            f.op(load === "v128.load" ? "f32x4.add" : "f32.add").set(sum);
          });
        f.get(to);
        offset();
        f.op("i32.add").get(sum).memory(store).release(from, left, sum);
      };
      f.get(at.from).i32(all).op("i32.mul").i32(pieces).op("i32.div_u").set(output);
      f.get(at.to).i32(all).op("i32.mul").i32(pieces).op("i32.div_u").set(end);
      f.forRange(
        output,
        () => f.get(output),
        () => f.get(end),
        1,
        () => {
          f.get(output).i32(outputs).op("i32.div_u").set(group);
          f.get(output).i32(outputs).op("i32.rem_u").set(row);
          // The last block's first outputs are in the block before as well.
          const early = (blocks - 1) * tile.outputs;
          f.get(row)
            .i32(blocks * tile.outputs - outputs)
            .i32(0)
            .get(row)
            .i32(early)
            .op("i32.ge_s", "select");
          f.op("i32.add")
            .i32(tapBlocks * tile.taps * 4)
            .op("i32.mul");
          f.get(group)
            .i32(sumsOf(plan) * 4)
            .op("i32.mul", "i32.add")
            .get(at.shared)
            .op("i32.add")
            .set(row);
          f.get(at.outputs[0])
            .get(output)
            .i32(depth * 4)
            .op("i32.mul", "i32.add")
            .set(to);
          if (depth < 4) {
            for (let k = 0; k < depth; k++) add(() => f.i32(k * 4), "f32.load", "f32.store");
            return;
          }
          f.forRange(
            i,
            () => f.i32(0),
            () => f.i32(Math.floor(depth / 4) * 16),
            16,
            () => {
              add(() => f.get(i), "v128.load", "v128.store");
            },
          );
          if (depth % 4 > 0) add(() => f.i32((depth - 4) * 4), "v128.load", "v128.store");
        },
      );
      f.release(output, end, row, group, to, i);
    },
  };
}
