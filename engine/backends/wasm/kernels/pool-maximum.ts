import type { PoolGeometry } from "../../../kernel/kernel";
import type { FunctionWriter, Local } from "../assembler/function";
import type { PlaneBody, PlaneCode } from "./pool";
import { type RoomyPlane, copyPlane, fillFloats, offsetBy } from "./planes";
import { type Windows, eachElement, eachWindows, loadElements, storeOutputs } from "./pool-windows";

/** The largest element of each window; NaN if it has one; −∞ for a window in the padding. */
export function maximumBody(geometry: PoolGeometry, room: RoomyPlane): PlaneBody {
  return {
    ...padded(room),
    plane(code) {
      const { f, output } = code;
      const plane = enter(code, room);
      const [largest, value, numbers] = [f.local("v128"), f.local("v128"), f.local("v128")];
      eachWindows(f, geometry, room, [plane, output], (windows) => {
        f.f32x4(-Infinity).set(largest).i32x4(-1).set(numbers);
        eachElement(f, geometry, room.size[1], windows.window, (element) => {
          loadElements(f, element, windows.lanes, geometry.stride[1]);
          f.tee(value).get(value).op("f32x4.eq").get(numbers).op("v128.and").set(numbers);
          // Whatever this makes of NaN: it becomes one in the end.
          f.get(largest).get(value).op("f32x4.pmax").set(largest);
        });
        f.get(largest).get(numbers).op("v128.not", "v128.or").set(largest);
        storeOutputs(f, windows, largest);
      });
      f.release(largest, value, numbers);
    },
  };
}

/**
 * What goes to and from the first largest element (the first NaN, if any) of each window: `gradient` adds there what stands at
 * the output, `pick` takes what the second input has there, 0 for a window in the padding.
 */
export function positionsBody(geometry: PoolGeometry, room: RoomyPlane, task: "gradient" | "pick"): PlaneBody {
  const { input, stride, padding } = geometry;
  return {
    ...padded(room),
    plane(code) {
      const { f, inputs, output } = code;
      const plane = enter(code, room);
      const [best, value] = [f.local("v128"), f.local("v128")];
      const [target, base] = [f.local("i32"), f.local("i32")];
      if (task === "gradient")
        f.get(output)
          .i32(0)
          .i32(input[0] * input[1] * 4)
          .fillMemory();
      eachWindows(f, geometry, room, [plane, task === "pick" ? output : inputs[1]], (windows) => {
        findLargest(code, room, windows, best);
        // Where the first window begins in the image, which may be before it.
        f.get(windows.row).i32(stride[0]).op("i32.mul").i32(padding[0]).op("i32.sub");
        f.i32(input[1]).op("i32.mul");
        f.get(windows.column).i32(stride[1]).op("i32.mul", "i32.add").i32(padding[1]).op("i32.sub").set(base);
        if (task === "pick") f.f32x4(0).set(value);
        else
          f.get(windows.output)
            .memory(windows.lanes === 4 ? "v128.load" : "v128.load32_zero")
            .set(value);
        for (let lane = task === "pick" ? 0 : windows.firstLane; lane < windows.lanes; lane++) {
          const move = (): void => {
            f.get(task === "pick" ? inputs[1] : output);
            f.get(best).lane("i32x4.extract_lane", lane).get(base).op("i32.add");
            f.i32(lane * stride[1])
              .op("i32.add")
              .i32(2)
              .op("i32.shl", "i32.add")
              .set(target);
            if (task === "pick") f.get(target).get(value).laneMemory("v128.load32_lane", lane).set(value);
            else {
              f.get(target).get(target).memory("f32.load").get(value).lane("f32x4.extract_lane", lane);
              f.op("f32.add").memory("f32.store");
            }
          };
          if (room.needed) f.get(best).lane("i32x4.extract_lane", lane).i32(0).op("i32.ge_s").if(move);
          else move();
        }
        if (task === "pick") storeOutputs(f, windows, value);
      });
      f.release(best, value, target, base);
    },
  };
}

/** Sets the lanes of `best` to how far the windows' first largest elements are from their first ones, −1 where they have none. */
function findLargest({ f, geometry }: PlaneCode, room: RoomyPlane, windows: Windows, best: Local): void {
  const [largest, value, better] = [f.local("v128"), f.local("v128"), f.local("v128")];
  f.f32x4(-Infinity).set(largest);
  f.i32x4(room.needed ? -1 : 0).set(best);
  eachElement(f, geometry, room.size[1], windows.window, (element) => {
    loadElements(f, element, windows.lanes, geometry.stride[1]);
    f.set(value).get(largest).get(largest).op("f32x4.eq").get(value).get(largest).op("f32x4.le", "v128.andnot");
    f.set(better);
    f.get(value).get(largest).get(better).op("v128.bitselect").set(largest);
    element.distance();
    f.op("i32x4.splat").get(best).get(better).op("v128.bitselect").set(best);
  });
  f.release(largest, value, better);
  if (!room.needed) return;
  // No element above −∞: the first one inside the image is it, if there is one.
  f.get(best).op("i32x4.bitmask");
  f.if(() => {
    const first = f.local("i32");
    for (let lane = 0; lane < windows.lanes; lane++) {
      f.get(best).lane("i32x4.extract_lane", lane).i32(0).op("i32.lt_s");
      f.if(() => {
        findInside(f, geometry, windows, lane, first);
        f.get(best).get(first).lane("i32x4.replace_lane", lane).set(best);
      });
    }
    f.release(first);
  });
}

/** Sets `first` to how far a window's first element inside the image is from its first one, −1 if there is none. */
function findInside(
  f: FunctionWriter,
  { input, window, stride, dilation, padding }: PoolGeometry,
  { row, column }: Windows,
  lane: number,
  first: Local,
): void {
  const [start, steps, distance] = [f.local("i32"), f.local("i32"), f.local("i32")];
  f.i32(-1).set(first);
  f.block((none) => {
    f.i32(0).set(distance);
    for (const axis of [0, 1]) {
      f.get(axis === 0 ? row : column);
      if (axis === 1) f.i32(lane).op("i32.add");
      f.i32(stride[axis]).op("i32.mul").i32(padding[axis]).op("i32.sub").set(start);
      // ⌈−start / dilation⌉ elements stand before the image.
      f.i32(dilation[axis] - 1)
        .get(start)
        .op("i32.sub")
        .i32(dilation[axis])
        .op("i32.div_s");
      f.i32(0).get(start).i32(0).op("i32.lt_s", "select").tee(steps);
      f.i32(window[axis]).op("i32.ge_s").leaveIf(none);
      f.get(steps).i32(dilation[axis]).op("i32.mul").tee(steps).get(start).op("i32.add");
      f.i32(input[axis]).op("i32.ge_s").leaveIf(none);
      f.get(steps)
        .i32(axis === 0 ? input[1] : 1)
        .op("i32.mul")
        .get(distance)
        .op("i32.add")
        .set(distance);
    }
    f.get(distance).set(first);
  });
  f.release(start, steps, distance);
}

/** A copy of the plane in the scratch, −∞ around it, where windows reach beyond the image. */
function padded(room: RoomyPlane): Pick<PlaneBody, "scratch" | "before"> {
  if (!room.needed) return { scratch: 0 };
  const size = room.size[0] * room.size[1];
  return {
    scratch: size * 4 + 16,
    before: ({ f, scratch }) => {
      fillFloats(f, scratch, size, -Infinity);
    },
  };
}

/** Copies the plane if need be. @returns the address of the plane to read */
function enter({ f, geometry: { input }, inputs, scratch }: PlaneCode, { needed, size, shift }: RoomyPlane): Local {
  if (!needed) return inputs[0];
  const to = f.local("i32");
  offsetBy(f, to, scratch, (shift[0] * size[1] + shift[1]) * 4);
  copyPlane(f, inputs[0], to, input, [input[1] * 4, size[1] * 4]);
  f.release(to);
  return scratch;
}
