import type { PoolGeometry } from "../../../kernel/kernel";
import type { FunctionWriter, Local } from "../assembler/function";
import type { PlaneBody } from "./pool";

/** Whether windows of 2×2 stand side by side in the image: no element is in two of them. */
export function isHalving({ input, window, output, stride, dilation, padding }: PoolGeometry): boolean {
  return [0, 1].every(
    (axis) =>
      window[axis] === 2 &&
      stride[axis] === 2 &&
      dilation[axis] === 1 &&
      padding[axis] === 0 &&
      output[axis] === Math.floor(input[axis] / 2) &&
      output[axis] >= (axis === 1 ? 4 : 1),
  );
}

/** The gradient of such a pool: every element of the image is written once. */
export function halvingBody(kind: "maximum" | "average"): PlaneBody {
  return {
    scratch: 0,
    plane({ f, geometry, inputs, output }) {
      const [height, width] = geometry.input;
      const [rows, columns] = geometry.output;
      const gradient = inputs[inputs.length - 1];
      const [x, g, to, rowsLeft, left] = ["i32", "i32", "i32", "i32", "i32"].map(() => f.local("i32"));
      f.get(inputs[0]).set(x).get(gradient).set(g).get(output).set(to);
      const block = kind === "maximum" ? maximumBlock(f, width * 4) : averageBlock(f, width * 4);
      const advance = (outputs: number): void => {
        f.advance(x, outputs * 8)
          .advance(g, outputs * 4)
          .advance(to, outputs * 8);
      };
      f.repeat(rowsLeft, rows, () => {
        f.repeat(left, Math.floor(columns / 4), () => {
          block.write(x, g, to);
          advance(4);
        });
        if (columns % 4 > 0) {
          advance((columns % 4) - 4);
          block.write(x, g, to);
          advance(4);
        }
        // A last column that is in no window.
        if (width % 2 > 0)
          f.get(to)
            .i32(0)
            .memory("i32.store")
            .get(to)
            .i32(0)
            .memory("i32.store", width * 4);
        f.advance(x, (2 * width - 2 * columns) * 4).advance(to, (2 * width - 2 * columns) * 4);
      });
      if (height % 2 > 0)
        f.get(to)
          .i32(0)
          .i32(width * 4)
          .fillMemory();
      f.release(x, g, to, rowsLeft, left, ...block.locals);
    },
  };
}

interface Block {
  readonly locals: readonly Local[];
  /** Writes the elements of four windows, from addresses of the first one's element, gradient and result. */
  write(x: Local, g: Local, to: Local): void;
}

function averageBlock(f: FunctionWriter, rowBytes: number): Block {
  const share = f.local("v128");
  return {
    locals: [share],
    write(_x, g, to) {
      f.get(g).memory("v128.load").f32x4(0.25).op("f32x4.mul").set(share);
      for (const offset of [0, rowBytes]) {
        f.get(to).get(share).get(share).shuffle32([0, 0, 1, 1]).memory("v128.store", offset);
        f.get(to)
          .get(share)
          .get(share)
          .shuffle32([2, 2, 3, 3])
          .memory("v128.store", offset + 16);
      }
    },
  };
}

function maximumBlock(f: FunctionWriter, rowBytes: number): Block {
  const vectors = Array.from({ length: 8 }, () => f.local("v128"));
  const [low, high, largest, value, left, right, gradient, last] = vectors;
  return {
    locals: vectors,
    write(x, g, to) {
      const corner = (row: number, column: number): void => {
        if (column === 0) {
          f.get(x)
            .memory("v128.load", row * rowBytes)
            .set(low);
          f.get(x)
            .memory("v128.load", row * rowBytes + 16)
            .set(high);
        }
        f.get(low)
          .get(high)
          .shuffle32(column === 0 ? [0, 2, 4, 6] : [1, 3, 5, 7]);
      };
      corner(0, 0);
      f.set(largest);
      corner(0, 1);
      f.set(value);
      // right: the second of the upper row beats the first.
      beats(f, value, largest);
      f.set(right);
      f.get(value).get(largest).get(right).op("v128.bitselect").set(largest);
      f.get(g).memory("v128.load").set(gradient);
      corner(1, 0);
      f.set(value);
      beats(f, value, largest);
      f.set(left);
      f.get(value).get(largest).get(left).op("v128.bitselect").set(largest);
      corner(1, 1);
      f.set(value);
      beats(f, value, largest);
      f.set(last);
      // The lower row: its second if that beats all before, else its first if that beats the upper row.
      f.get(gradient).get(left).op("v128.and").get(last).op("v128.andnot").set(low);
      f.get(gradient).get(last).op("v128.and").set(high);
      f.get(left).get(last).op("v128.or").set(last);
      store(f, to, low, high, rowBytes);
      f.get(gradient).get(last).op("v128.andnot").set(gradient);
      f.get(gradient).get(right).op("v128.andnot").set(low);
      f.get(gradient).get(right).op("v128.and").set(high);
      store(f, to, low, high, 0);
    },
  };
}

/** Leaves where a value is larger than the largest before it, or the first NaN. */
function beats(f: FunctionWriter, value: Local, largest: Local): void {
  f.get(largest).get(largest).op("f32x4.eq").get(value).get(largest).op("f32x4.le", "v128.andnot");
}

/** Stores two vectors' lanes in turn. */
function store(f: FunctionWriter, to: Local, even: Local, odd: Local, offset: number): void {
  f.get(to).get(even).get(odd).shuffle32([0, 4, 1, 5]).memory("v128.store", offset);
  f.get(to)
    .get(even)
    .get(odd)
    .shuffle32([2, 6, 3, 7])
    .memory("v128.store", offset + 16);
}
