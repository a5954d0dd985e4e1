import type { PoolGeometry } from "../../../kernel/kernel";
import type { FunctionWriter, Local } from "../assembler/function";
import { aligned } from "../code";
import type { PlaneBody, PlaneCode } from "./pool";
import { type RoomyPlane, copyPlane, fillFloats, offsetBy } from "./planes";
import { type WindowElement, type Windows, eachElement, eachWindows, loadElements, storeOutputs } from "./pool-windows";

/** The mean of each window, 0 of one in the padding. */
export function averageBody(geometry: PoolGeometry, room: RoomyPlane): PlaneBody {
  const layout = layoutOf(geometry, room);
  const { input } = geometry;
  return {
    scratch: layout.scratch,
    before(code) {
      if (room.needed) fillFloats(code.f, code.scratch, room.size[0] * room.size[1], 0);
      writeShares(code, layout);
    },
    plane(code) {
      const { f, inputs, output, scratch } = code;
      const sum = f.local("v128");
      if (room.needed) {
        const inside = f.local("i32");
        offsetBy(f, inside, scratch, layout.inside);
        copyPlane(f, inputs[0], inside, input, [input[1] * 4, room.size[1] * 4]);
        f.release(inside);
      }
      eachWindows(f, geometry, room, [room.needed ? scratch : inputs[0], output], (windows) => {
        f.f32x4(0).set(sum);
        eachElement(f, geometry, room.size[1], windows.window, (element) => {
          loadElements(f, element, windows.lanes, geometry.stride[1]);
          f.get(sum).op("f32x4.add").set(sum);
        });
        f.get(sum);
        multiplyByShares(code, layout, windows);
        f.set(sum);
        storeOutputs(f, windows, sum);
      });
      f.release(sum);
    },
  };
}

/** Each element gets its share of the gradient of every window it is in. */
export function averageGradientBody(geometry: PoolGeometry, room: RoomyPlane): PlaneBody {
  const layout = layoutOf(geometry, room);
  const { input } = geometry;
  return {
    scratch: layout.scratch,
    before(code) {
      writeShares(code, layout);
    },
    plane(code) {
      const { f, inputs, output, scratch } = code;
      const share = f.local("v128");
      const sums = room.needed ? scratch : output;
      f.get(sums)
        .i32(0)
        .i32(room.size[0] * room.size[1] * 4)
        .fillMemory();
      eachWindows(f, geometry, room, [sums, inputs[0]], (windows) => {
        f.get(windows.output).memory(windows.lanes === 4 ? "v128.load" : "v128.load32_zero");
        multiplyByShares(code, layout, windows);
        f.set(share);
        eachElement(f, geometry, room.size[1], windows.window, (element) => {
          addToElements(f, element, windows, geometry.stride[1], share);
        });
      });
      if (room.needed) {
        const inside = f.local("i32");
        offsetBy(f, inside, scratch, layout.inside);
        copyPlane(f, inside, output, input, [room.size[1] * 4, input[1] * 4]);
        f.release(inside);
      }
      f.release(share);
    },
  };
}

/** Adds each lane to its window's element. The elements of one block are different ones, but not in order if lanes were done before. */
function addToElements(
  f: FunctionWriter,
  { address, offset }: WindowElement,
  { lanes, firstLane }: Windows,
  stride: number,
  share: Local,
): void {
  if (stride === 1 && lanes === 4 && firstLane === 0) {
    f.get(address).get(address).memory("v128.load", offset).get(share).op("f32x4.add").memory("v128.store", offset);
    return;
  }
  for (let lane = firstLane; lane < lanes; lane++) {
    const at = offset + lane * stride * 4;
    f.get(address).get(address).memory("f32.load", at).get(share).lane("f32x4.extract_lane", lane);
    f.op("f32.add").memory("f32.store", at);
  }
}

interface Layout {
  /** Bytes from the start of the roomy plane to the image's first element. */
  readonly inside: number;
  /** The share of each of a window's elements, if it is the same everywhere. */
  readonly share: number | undefined;
  /** Else where one over the number of elements inside stands for each axis, as offsets in the scratch. */
  readonly shares: readonly [rows: number, columns: number];
  readonly scratch: number;
}

function layoutOf({ window, output, countPadding }: PoolGeometry, { needed, size, shift }: RoomyPlane): Layout {
  const plane = needed ? aligned(size[0] * size[1] * 4) + 64 : 0;
  const uniform = countPadding || !needed;
  const columns = plane + aligned(output[0] * 4);
  return {
    inside: (shift[0] * size[1] + shift[1]) * 4,
    share: uniform ? 1 / (window[0] * window[1]) : undefined,
    shares: [plane, columns],
    scratch: uniform ? plane : columns + aligned(output[1] * 4) + 64,
  };
}

function writeShares({ f, geometry, scratch }: PlaneCode, { share, shares }: Layout): void {
  if (share !== undefined) return;
  const { input, window, output, stride, dilation, padding } = geometry;
  const [at, start, count, element, number] = ["i32", "i32", "i32", "i32", "i32"].map(() => f.local("i32"));
  for (const axis of [0, 1]) {
    offsetBy(f, at, scratch, shares[axis]);
    f.i32(-padding[axis]).set(start);
    f.forRange(
      number,
      () => f.i32(0),
      () => f.i32(output[axis]),
      1,
      () => {
        f.i32(0).set(count);
        f.forRange(
          element,
          () => f.i32(0),
          () => f.i32(window[axis]),
          1,
          () => {
            f.get(element)
              .i32(dilation[axis])
              .op("i32.mul")
              .get(start)
              .op("i32.add")
              .i32(input[axis])
              .op("i32.lt_u")
              .get(count)
              .op("i32.add")
              .set(count);
          },
        );
        // Nothing of a window without elements is used: its sum is 0, and it spreads into the padding.
        f.get(at).f32(1).get(count).i32(1).get(count).op("select", "f32.convert_i32_s", "f32.div").memory("f32.store");
        f.advance(at, 4).advance(start, stride[axis]);
      },
    );
  }
  f.release(at, start, count, element, number);
}

/** Multiplies the vector on the stack. */
function multiplyByShares({ f, scratch }: PlaneCode, { share, shares }: Layout, { row, column }: Windows): void {
  if (share !== undefined) {
    f.f32x4(share).op("f32x4.mul");
    return;
  }
  f.get(scratch).get(row).i32(2).op("i32.shl", "i32.add").memory("v128.load32_splat", shares[0]);
  f.get(scratch).get(column).i32(2).op("i32.shl", "i32.add").memory("v128.load", shares[1]);
  f.op("f32x4.mul", "f32x4.mul");
}
