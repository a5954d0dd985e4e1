import type { PoolGeometry } from "../../../kernel/kernel";
import type { FunctionWriter, Local } from "../assembler/function";

/**
 * A plane with room around it for windows that reach beyond the image: element (y, x) of the image stands at
 * (y + shift[0], x + shift[1]).
 */
export interface RoomyPlane {
  readonly size: readonly [height: number, width: number];
  readonly shift: readonly [number, number];
  /** Whether any window reaches beyond the image; else the plane is the image itself. */
  readonly needed: boolean;
}

export function roomyPlane({ input, window, output, stride, dilation, padding }: PoolGeometry): RoomyPlane {
  const axes = [0, 1].map((axis) => {
    const reach = output[axis] === 0 ? 0 : (output[axis] - 1) * stride[axis] + (window[axis] - 1) * dilation[axis] + 1;
    const shift = Math.max(0, padding[axis]);
    const end = Math.max(input[axis], reach - padding[axis]);
    return { shift, size: end + shift, needed: shift > 0 || end > input[axis] };
  });
  return {
    size: [axes[0].size, axes[1].size],
    shift: [axes[0].shift, axes[1].shift],
    needed: axes.some(({ needed }) => needed),
  };
}

/** Leaves a vector of four floats, `step` elements apart, from an address; reads no byte behind the last. */
export function gather(f: FunctionWriter, at: Local, offset: number, step: number): void {
  if (step === 1) {
    f.get(at).memory("v128.load", offset);
  } else if (step === 2) {
    f.get(at)
      .memory("v128.load", offset)
      .get(at)
      .memory("v128.load", offset + 12)
      .shuffle32([0, 2, 5, 7]);
  } else {
    const lanes = f.local("v128");
    f.get(at).memory("v128.load32_zero", offset).set(lanes);
    for (let lane = 1; lane < 4; lane++)
      f.get(at)
        .get(lanes)
        .laneMemory("v128.load32_lane", lane, offset + lane * step * 4)
        .set(lanes);
    f.get(lanes).release(lanes);
  }
}

/** Copies `count` floats, `step` elements apart where they come from and dense where they go. */
export function copyFloats(f: FunctionWriter, from: Local, to: Local, count: number, step = 1): void {
  if (count < 4) {
    for (let i = 0; i < count; i++)
      f.get(to)
        .get(from)
        .memory("f32.load", i * step * 4)
        .memory("f32.store", i * 4);
    return;
  }
  const [source, target, left] = [f.local("i32"), f.local("i32"), f.local("i32")];
  f.get(from).set(source).get(to).set(target);
  f.repeat(left, Math.floor(count / 4), () => {
    f.get(target);
    gather(f, source, 0, step);
    f.memory("v128.store");
    f.advance(source, 16 * step).advance(target, 16);
  });
  if (count % 4 > 0) {
    // The last four once more: vectors may overlap.
    f.get(from)
      .i32((count - 4) * step * 4)
      .op("i32.add")
      .set(source);
    f.get(to);
    gather(f, source, 0, step);
    f.memory("v128.store", (count - 4) * 4);
  }
  f.release(source, target, left);
}

/** Copies the rows of a dense plane into those of a wider one, or back. */
export function copyPlane(
  f: FunctionWriter,
  from: Local,
  to: Local,
  [height, width]: readonly [number, number],
  [fromBytes, toBytes]: readonly [fromRow: number, toRow: number],
): void {
  if (height === 0 || width === 0) return;
  const [source, target, rows] = [f.local("i32"), f.local("i32"), f.local("i32")];
  f.get(from).set(source).get(to).set(target);
  f.repeat(rows, height, () => {
    copyFloats(f, source, target, width);
    f.advance(source, fromBytes).advance(target, toBytes);
  });
  f.release(source, target, rows);
}

/** Fills floats with a value from an address on; the count is constant. Whole vectors are written: there must be room. */
export function fillFloats(f: FunctionWriter, at: Local, count: number, value: number): void {
  if (count === 0) return;
  const [to, left] = [f.local("i32"), f.local("i32")];
  f.get(at).set(to);
  f.repeat(left, Math.ceil(count / 4), () => {
    f.get(to).f32x4(value).memory("v128.store").advance(to, 16);
  });
  f.release(to, left);
}

/** local = a constant address further. */
export function offsetBy(f: FunctionWriter, to: Local, from: Local, bytes: number): void {
  f.get(from).i32(bytes).op("i32.add").set(to);
}

/** Four vectors of four become their columns, in place. */
export function transpose(f: FunctionWriter, vectors: readonly Local[]): void {
  const [a, b, c, d] = vectors;
  const halves = Array.from({ length: 4 }, () => f.local("v128"));
  const [low, high, lowRest, highRest] = halves;
  f.get(a).get(b).shuffle32([0, 4, 1, 5]).set(low).get(a).get(b).shuffle32([2, 6, 3, 7]).set(high);
  f.get(c).get(d).shuffle32([0, 4, 1, 5]).set(lowRest).get(c).get(d).shuffle32([2, 6, 3, 7]).set(highRest);
  f.get(low).get(lowRest).shuffle32([0, 1, 4, 5]).set(a).get(low).get(lowRest).shuffle32([2, 3, 6, 7]).set(b);
  f.get(high).get(highRest).shuffle32([0, 1, 4, 5]).set(c).get(high).get(highRest).shuffle32([2, 3, 6, 7]).set(d);
  f.release(...halves);
}

/** Copies floats of four images, `step` elements apart in each, so that those of equal place stand side by side. */
export function interleaveFloats(
  f: FunctionWriter,
  from: readonly Local[],
  to: Local,
  count: number,
  step: number,
): void {
  const vectors = from.map(() => f.local("v128"));
  if (count < 4) {
    const [vector] = vectors;
    for (let i = 0; i < count; i++) {
      f.get(from[0])
        .memory("v128.load32_zero", i * step * 4)
        .set(vector);
      for (let image = 1; image < 4; image++)
        f.get(from[image])
          .get(vector)
          .laneMemory("v128.load32_lane", image, i * step * 4)
          .set(vector);
      f.get(to)
        .get(vector)
        .memory("v128.store", i * 16);
    }
    f.release(...vectors);
    return;
  }
  const sources = from.map(() => f.local("i32"));
  const [target, left] = [f.local("i32"), f.local("i32")];
  const block = (): void => {
    sources.forEach((source, image) => {
      gather(f, source, 0, step);
      f.set(vectors[image]);
    });
    transpose(f, vectors);
    vectors.forEach((vector, i) =>
      f
        .get(target)
        .get(vector)
        .memory("v128.store", i * 16),
    );
  };
  sources.forEach((source, image) => f.get(from[image]).set(source));
  f.get(to).set(target);
  f.repeat(left, Math.floor(count / 4), () => {
    block();
    for (const source of sources) f.advance(source, 16 * step);
    f.advance(target, 64);
  });
  if (count % 4 > 0) {
    const back = 4 - (count % 4);
    for (const source of sources) f.advance(source, -back * step * 4);
    f.advance(target, -back * 16);
    block();
  }
  f.release(...vectors, ...sources, target, left);
}

/** The reverse, for dense floats. */
export function separateFloats(f: FunctionWriter, from: Local, to: readonly Local[], count: number): void {
  const vectors = to.map(() => f.local("v128"));
  if (count < 4) {
    const [vector] = vectors;
    for (let i = 0; i < count; i++) {
      f.get(from)
        .memory("v128.load", i * 16)
        .set(vector);
      to.forEach((target, image) =>
        f
          .get(target)
          .get(vector)
          .laneMemory("v128.store32_lane", image, i * 4),
      );
    }
    f.release(...vectors);
    return;
  }
  const targets = to.map(() => f.local("i32"));
  const [source, left] = [f.local("i32"), f.local("i32")];
  const block = (): void => {
    vectors.forEach((vector, i) =>
      f
        .get(source)
        .memory("v128.load", i * 16)
        .set(vector),
    );
    transpose(f, vectors);
    targets.forEach((target, image) => f.get(target).get(vectors[image]).memory("v128.store"));
  };
  targets.forEach((target, image) => f.get(to[image]).set(target));
  f.get(from).set(source);
  f.repeat(left, Math.floor(count / 4), () => {
    block();
    for (const target of targets) f.advance(target, 16);
    f.advance(source, 64);
  });
  if (count % 4 > 0) {
    const back = 4 - (count % 4);
    for (const target of targets) f.advance(target, -back * 4);
    f.advance(source, -back * 16);
    block();
  }
  f.release(...vectors, ...targets, source, left);
}
