import { type Phase, aligned } from "../code";
import type { CorrelationTask } from "./convolution-correlate";
import { orderedTaps } from "./convolution-plan";

export function packedBytes({ geometry, plan }: CorrelationTask): number {
  const { groups, channels } = plan.layout.correlation;
  return groups * plan.blocks * plan.tile.outputs * channels * geometry.kernel[0] * geometry.kernel[1] * 4;
}

/**
 * Weights in the order in which a correlation reads them: for each group, block of the tile's outputs, variant, channel
 * and tap (or tap and channel, where products are left out) those of the tile's outputs.
 */
export function packPhase(task: CorrelationTask): Phase {
  const { geometry, plan, which, variants, target } = task;
  const { blocks, tile, skip } = plan;
  const { groups, channels, outputs } = plan.layout.correlation;
  const taps = geometry.kernel[0] * geometry.kernel[1];
  const all = channels * taps;
  // Bytes from the weight of an output, or of a channel, to that of the next.
  const [ofOutput, ofChannel] = which === "forward" ? [all * 4, taps * 4] : [taps * 4, outputs * taps * 4];
  return {
    pieces: groups * blocks,
    work: groups * blocks * tile.outputs * all,
    scratch: aligned(all * 4),
    key: `convolution pack ${which} ${JSON.stringify([geometry, target])}`,
    write(f, at) {
      const locals = Array.from({ length: 7 }, () => f.local("i32"));
      const [piece, from, to, block, left, order, source] = locals;
      // Where each weight of an output is, in the order wanted.
      f.get(at.scratch).set(order);
      for (const variant of variants) {
        const places = orderedTaps(plan, variant).map(({ weight }) => weight * 4);
        if (places.length === 0) continue;
        const [step, between] = skip ? [4, channels * 4] : [places.length * 4, 4];
        f.i32(0).set(source);
        f.repeat(left, channels, () => {
          places.forEach((place, i) => {
            f.get(order)
              .get(source)
              .i32(place)
              .op("i32.add")
              .memory("i32.store", i * between);
          });
          f.advance(order, step).advance(source, ofChannel);
        });
        if (skip) f.advance(order, (places.length - 1) * channels * 4);
      }
      f.forRange(
        piece,
        () => f.get(at.from),
        () => f.get(at.to),
        1,
        () => {
          f.get(at.shared)
            .get(piece)
            .i32(tile.outputs * all * 4)
            .op("i32.mul", "i32.add")
            .set(to);
          const last = outputs - tile.outputs;
          f.get(piece).i32(blocks).op("i32.rem_u").i32(tile.outputs).op("i32.mul").set(block);
          f.i32(last).get(block).get(block).i32(last).op("i32.gt_s", "select").set(block);
          f.get(piece)
            .i32(blocks)
            .op("i32.div_u")
            .i32(outputs * all * 4)
            .op("i32.mul");
          f.get(at.inputs[1]).op("i32.add").get(block).i32(ofOutput).op("i32.mul", "i32.add").set(from);
          f.get(at.scratch).set(order);
          f.repeat(left, all, () => {
            f.get(order).memory("i32.load").get(from).op("i32.add").set(source);
            for (let m = 0; m < tile.outputs; m++)
              f.get(to)
                .get(source)
                .memory("f32.load", m * ofOutput)
                .memory("f32.store", m * 4);
            f.advance(to, tile.outputs * 4).advance(order, 4);
          });
        },
      );
      f.release(...locals);
    },
  };
}
